#include "image/media.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "image/kind.h"

static const char *const pictures[] = {"jpg",  "jpeg", "jpe",  "jfif", "png", "webp", "tif",
                                       "tiff", "gif",  "heic", "heif", "hif", "avif", "arw",
                                       "cr2",  "cr3",  "dng",  "nef",  NULL};

/* Raw photos that are not read, and films. */
static const char *const heavy[] = {"3fr", "arq",  "cap", "crw",  "dcr",  "erf", "fff",  "gpr", "iiq",
                                    "k25", "kdc",  "mef", "mos",  "mrw",  "nrw", "orf",  "ori", "pef",
                                    "raf", "raw",  "rw2", "rwl",  "sr2",  "srf", "srw",  "x3f", "3g2",
                                    "3gp", "avi",  "flv", "insv", "m2ts", "m4v", "mkv",  "mov", "mp4",
                                    "mpe", "mpeg", "mpg", "mts",  "ogv",  "vob", "webm", "wmv", NULL};

/* Pictures that are not read: their bytes may yet tell otherwise. */
static const char *const light[] = {"ai",  "bmp", "dds", "dib", "eps", "exr", "hdr", "ico", "j2c",
                                    "j2k", "jp2", "jpf", "jpx", "jxl", "jxr", "pbm", "pcx", "pdf",
                                    "pgm", "ppm", "psb", "psd", "svg", "tga", "xcf", NULL};

/* What lies beside photos by the thousand: not looked into. */
static const char *const beside[] = {"aae", "cos", "db",  "dop", "ini", "json",
                                     "on1", "pp3", "xml", "xmp", NULL};

static const char *find_ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL || strchr(dot, '/') != NULL ? "" : dot + 1;
}

static bool is_among(const char *ending, const char *const *endings)
{
    while (*endings != NULL && strcasecmp(ending, *endings) != 0)
        endings++;
    return *endings != NULL;
}

static void write_kind(const char *ending, char kind_out[CIR__MEDIA_KIND_SIZE])
{
    (void)snprintf(kind_out, CIR__MEDIA_KIND_SIZE, "%s", ending);
    for (char *c = kind_out; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
}

cir__media cir__media_by_name(const char *name, char kind_out[CIR__MEDIA_KIND_SIZE])
{
    const char *ending = find_ending(name);
    kind_out[0] = '\0';
    if (is_among(ending, pictures))
        return CIR__MEDIA_PICTURE;
    if (is_among(ending, beside))
        return CIR__MEDIA_NONE;
    if (!is_among(ending, heavy))
        return CIR__MEDIA_UNKNOWN;
    write_kind(ending, kind_out);
    return CIR__MEDIA_SKIPPED;
}

cir__media cir__media_by_bytes(const char *name, const uint8_t *bytes, size_t size,
                               char kind_out[CIR__MEDIA_KIND_SIZE])
{
    const char *text;
    const char *ending = cir__kind_find_ending(bytes, size);
    kind_out[0] = '\0';
    if (ending == NULL) {
        cir__kind kind = cir__kind_find(bytes, size, &text);
        if (kind != CIR__KIND_UNKNOWN && kind != CIR__KIND_OTHER)
            return CIR__MEDIA_PICTURE;
        if (is_among(find_ending(name), light))
            ending = find_ending(name);
    }
    if (ending == NULL)
        return CIR__MEDIA_NONE;
    write_kind(ending, kind_out);
    return CIR__MEDIA_SKIPPED;
}

/* After PKWARE's APPNOTE.TXT 6.3: end of central directory (4.3.16), its 64-bit form (4.3.14, 4.3.15),
 * central headers (4.3.12), local headers (4.3.7), 64-bit sizes (4.5.3). */
#include "format/zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"

#define END_BYTES 22
#define MAX_COMMENT_BYTES 65535
#define LOCATOR_BYTES 20
#define END64_BYTES 56
#define CENTRAL_BYTES 46
#define LOCAL_BYTES 30
#define EXTRA_SIZES 1 /* the extra field that has 64-bit sizes */
#define IN_EXTRA 0xffffffffU

/* The directory's place. */
typedef struct directory {
    uint64_t n_entries, begin, size;
} directory;

/* One entry with its place, until all are known. */
typedef struct place {
    uint64_t begin, end; /* of the local header, of the data */
    const char *name;
} place;

static uint64_t read_number(const uint8_t *bytes, size_t n)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

static uint16_t read_16(const uint8_t *bytes)
{
    return (uint16_t)read_number(bytes, 2);
}

static uint32_t read_32(const uint8_t *bytes)
{
    return (uint32_t)read_number(bytes, 4);
}

static bool is_mark(const uint8_t *bytes, const char *mark)
{
    return memcmp(bytes, mark, 4) == 0;
}

static cir_status fail_cut(cir__bytes_view bytes, cir_error *err)
{
    return cir__fail(err, CIR_FORMAT,
                     "%s: is not a whole ZIP archive: its directory is missing or wrong; download it again",
                     bytes.name);
}

/* The record at the end, whose comment reaches to the last byte; SIZE_MAX: there is none. */
static size_t find_end(cir__bytes_view bytes)
{
    for (size_t n = 0; n <= MAX_COMMENT_BYTES && n + END_BYTES <= bytes.size; n++) {
        size_t at = bytes.size - END_BYTES - n;
        if (is_mark(bytes.data + at, "PK\5\6") && read_16(bytes.data + at + 20) == n)
            return at;
    }
    return SIZE_MAX;
}

static cir_status find_directory(cir__bytes_view bytes, directory *out, cir_error *err)
{
    size_t end = find_end(bytes);
    if (end == SIZE_MAX)
        return fail_cut(bytes, err);
    const uint8_t *record = bytes.data + end;
    size_t limit = end;
    uint64_t disks = (uint64_t)read_16(record + 4) | read_16(record + 6);
    *out = (directory){read_16(record + 10), read_32(record + 16), read_32(record + 12)};
    if (end >= LOCATOR_BYTES && is_mark(record - LOCATOR_BYTES, "PK\6\7")) {
        uint64_t at = read_number(record - LOCATOR_BYTES + 8, 8);
        if (at > end - LOCATOR_BYTES || end - LOCATOR_BYTES - at < END64_BYTES ||
            !is_mark(bytes.data + at, "PK\6\6"))
            return fail_cut(bytes, err);
        record = bytes.data + at;
        limit = (size_t)at;
        disks = (uint64_t)read_32(record + 16) | read_32(record + 20);
        *out = (directory){read_number(record + 32, 8), read_number(record + 48, 8),
                           read_number(record + 40, 8)};
    }
    if (disks != 0)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: is one of several parts of a ZIP archive", bytes.name);
    if (out->begin > limit || out->size > limit - out->begin || out->n_entries > out->size / CENTRAL_BYTES)
        return fail_cut(bytes, err);
    return CIR_OK;
}

/* Takes those of the three numbers that are too large for their fields from the extra field. */
static bool read_extra(const uint8_t *extra, size_t size, uint64_t *numbers[3])
{
    while (size >= 4) {
        size_t n = read_16(extra + 2);
        if (n > size - 4)
            return false;
        if (read_16(extra) == EXTRA_SIZES) {
            const uint8_t *next = extra + 4;
            for (size_t i = 0; i < 3; i++)
                if (*numbers[i] == IN_EXTRA) {
                    if (n < 8)
                        return false;
                    *numbers[i] = read_number(next, 8);
                    next += 8;
                    n -= 8;
                }
            return true;
        }
        extra += 4 + n;
        size -= 4 + n;
    }
    return true;
}

/* The local header, which has to name the same; the data behind it, in front of the directory. */
static cir_status find_data(cir__bytes_view bytes, uint64_t begin, uint64_t size, uint64_t limit,
                            cir__zip_entry *entry, cir_error *err)
{
    const char *name = entry->file.name;
    if (begin > limit || limit - begin < LOCAL_BYTES || !is_mark(bytes.data + begin, "PK\3\4"))
        return cir__fail(err, CIR_FORMAT, "%s: \"%.80s\" is not where the directory says; download it again",
                         bytes.name, name);
    const uint8_t *local = bytes.data + begin;
    uint64_t n_name = read_16(local + 26);
    uint64_t n_header = LOCAL_BYTES + n_name + read_16(local + 28);
    if (n_header > limit - begin || size > limit - begin - n_header)
        return cir__fail(err, CIR_FORMAT, "%s: \"%.80s\" reaches beyond the archive; download it again",
                         bytes.name, name);
    if (n_name != strlen(name) || memcmp(local + LOCAL_BYTES, name, n_name) != 0)
        return cir__fail(err, CIR_FORMAT, "%s: \"%.80s\" has another name in its own header", bytes.name,
                         name);
    entry->file.data = local + n_header;
    entry->file.size = (size_t)size;
    return CIR_OK;
}

/* Reads one header of the directory; *n_out: its bytes. */
static cir_status parse_entry(cir__bytes_view bytes, const directory *all, const uint8_t *header,
                              uint64_t n_left, char **next_name, cir__zip_entry *entry, place *place_out,
                              uint64_t *n_out, cir_error *err)
{
    if (n_left < CENTRAL_BYTES || !is_mark(header, "PK\1\2"))
        return fail_cut(bytes, err);
    size_t n_name = read_16(header + 28);
    size_t n_extra = read_16(header + 30);
    *n_out = (uint64_t)CENTRAL_BYTES + n_name + n_extra + read_16(header + 32);
    if (*n_out > n_left || memchr(header + CENTRAL_BYTES, 0, n_name) != NULL)
        return fail_cut(bytes, err);
    memcpy(*next_name, header + CENTRAL_BYTES, n_name);
    entry->file.name = *next_name;
    *next_name += n_name + 1; /* zeroed behind */
    entry->crc = read_32(header + 16);
    uint64_t size = read_32(header + 24);
    uint64_t stored = read_32(header + 20);
    uint64_t begin = read_32(header + 42);
    if (!read_extra(header + CENTRAL_BYTES + n_name, n_extra, (uint64_t *[3]){&size, &stored, &begin}))
        return fail_cut(bytes, err);
    if ((read_16(header + 8) & 1) != 0)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: \"%.80s\" is encrypted", bytes.name, entry->file.name);
    if (read_16(header + 10) != 0 || size != stored)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: \"%.80s\" is compressed, which PyTorch's own files never are; save it with torch.save",
            bytes.name, entry->file.name);
    cir_status status = find_data(bytes, begin, size, all->begin, entry, err);
    if (status == CIR_OK)
        *place_out = (place){begin, (uint64_t)(entry->file.data - bytes.data) + size, entry->file.name};
    return status;
}

static int compare_places(const void *a, const void *b)
{
    const place *x = a;
    const place *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const cir__zip_entry *)a)->file.name, ((const cir__zip_entry *)b)->file.name);
}

static cir_status check_apart(cir__bytes_view bytes, place *places, cir__zip *zip, cir_error *err)
{
    if (zip->n == 0)
        return CIR_OK;
    qsort(places, zip->n, sizeof *places, compare_places);
    for (size_t i = 1; i < zip->n; i++)
        if (places[i].begin < places[i - 1].end)
            return cir__fail(err, CIR_FORMAT, "%s: \"%.80s\" and \"%.80s\" overlap", bytes.name,
                             places[i - 1].name, places[i].name);
    qsort(zip->entries, zip->n, sizeof *zip->entries, compare_names);
    for (size_t i = 1; i < zip->n; i++)
        if (compare_names(&zip->entries[i - 1], &zip->entries[i]) == 0)
            return cir__fail(err, CIR_FORMAT, "%s: \"%.80s\" is there twice", bytes.name,
                             zip->entries[i].file.name);
    return CIR_OK;
}

static cir_status parse_entries(cir__bytes_view bytes, const directory *all, cir__zip *zip, cir_error *err)
{
    place *places = cir__new((size_t)all->n_entries, sizeof *places);
    zip->entries = cir__new((size_t)all->n_entries, sizeof *zip->entries);
    zip->names = cir__new((size_t)all->size + 1, 1); /* each name is shorter than its header */
    cir_status status = CIR_OK;
    if (places == NULL || zip->entries == NULL || zip->names == NULL)
        status = cir__fail_memory(err, bytes.name);
    const uint8_t *header = bytes.data + all->begin;
    uint64_t n_left = all->size;
    char *next_name = zip->names;
    while (zip->n < all->n_entries && status == CIR_OK) {
        uint64_t n = 0;
        status = parse_entry(bytes, all, header, n_left, &next_name, &zip->entries[zip->n], &places[zip->n],
                             &n, err);
        header += n;
        n_left -= n;
        zip->n++;
    }
    if (status == CIR_OK)
        status = check_apart(bytes, places, zip, err);
    free(places);
    return status;
}

cir_status cir__zip_parse(cir__bytes_view bytes, cir__zip *zip_out, cir_error *err)
{
    directory all = {0};
    cir__zip zip = {0};
    cir_status status = find_directory(bytes, &all, err);
    if (status == CIR_OK)
        status = parse_entries(bytes, &all, &zip, err);
    if (status != CIR_OK)
        cir__zip_done(&zip);
    *zip_out = zip;
    return status;
}

void cir__zip_done(cir__zip *zip)
{
    free(zip->entries);
    free(zip->names);
    *zip = (cir__zip){0};
}

const cir__zip_entry *cir__zip_find(const cir__zip *zip, const char *name)
{
    cir__zip_entry key = {.file = {.name = name}};
    return zip->n == 0 ? NULL : bsearch(&key, zip->entries, zip->n, sizeof key, compare_names);
}

cir_status cir__zip_check(const cir__zip_entry *entry, const char *file, cir_error *err)
{
    uLong crc = crc32_z(0, entry->file.data, entry->file.size);
    if (crc == entry->crc)
        return CIR_OK;
    return cir__fail(err, CIR_FORMAT,
                     "%s: \"%.80s\" is damaged: its checksum is %08lx, it was %08lx; download it "
                     "again",
                     file, entry->file.name, (unsigned long)crc, (unsigned long)entry->crc);
}

#include "server/api/handout.h"

#include <string.h>
#include <unistd.h>

#include "shared/failure.h"

/* The type of a picture by its first bytes; NULL: it is none that an index holds. A file may have become
 * something else since it was indexed, and only pictures are handed out. */
static const char *type_of_picture(const unsigned char *bytes, size_t size)
{
    static const struct {
        size_t offset, size;
        const char *bytes, *type;
    } magics[] = {
        {0, 3, "\xff\xd8\xff", "image/jpeg"}, {0, 8, "\x89PNG\r\n\x1a\n", "image/png"},
        {8, 7, "WEBPVP8", "image/webp"},      {0, 4, "II*\0", "image/tiff"},
        {0, 4, "MM\0*", "image/tiff"},        {0, 4, "II+\0", "image/tiff"},
        {0, 4, "MM\0+", "image/tiff"},        {0, 6, "GIF87a", "image/gif"},
        {0, 6, "GIF89a", "image/gif"},        {4, 8, "ftypavif", "image/avif"},
        {4, 8, "ftypavis", "image/avif"},     {4, 6, "ftyphe", "image/heic"},
        {4, 8, "ftypmif1", "image/heif"},     {4, 8, "ftypmsf1", "image/heif"},
    };
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (size >= magics[i].offset + magics[i].size &&
            memcmp(bytes + magics[i].offset, magics[i].bytes, magics[i].size) == 0)
            return magics[i].type;
    return NULL;
}

cir_status cir__handout_open(const cir_index *index, const cir_image_record *record,
                             cir__handout *handout_out, cir_error *err)
{
    unsigned char head[16] = {0};
    ssize_t n = -1;
    cir__handout *out = handout_out;
    *out = (cir__handout){.fd = -1};
    int fd;
    cir_error why;
    cir_status status = cir_index_open_photo(index, record, &fd, &why);
    if (status == CIR_MISMATCH || status == CIR_PERMISSION)
        return cir__fail(err, CIR_NOT_FOUND, "%s", why.message);
    if (fd >= 0 && fstat(fd, &out->facts) == 0)
        n = pread(fd, head, sizeof head, 0);
    out->type = n > 0 ? type_of_picture(head, (size_t)n) : NULL;
    if (out->type != NULL) {
        out->fd = fd;
        return CIR_OK;
    }
    if (fd >= 0)
        close(fd);
    return cir__fail(err, CIR_NOT_FOUND,
                     "photo: its file is gone or is not a picture any more; update the index");
}

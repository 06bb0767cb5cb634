#include "image/tiff.h"

#define TAG_COMPRESSION 259
#define TAG_PHOTOMETRIC 262
#define COMPRESSION_OLD_JPEG 6
#define COMPRESSION_JPEG 7
#define PHOTOMETRIC_YCBCR 6

typedef struct reader {
    const uint8_t *bytes;
    size_t size;
    bool is_big_endian;
} reader;

/* An unsigned number of n_bytes ≤ 8; 0 beyond the end. */
static uint64_t read_number(const reader *in, uint64_t at, size_t n_bytes)
{
    uint64_t value = 0;
    if (at > in->size || in->size - at < n_bytes)
        return 0;
    for (size_t i = 0; i < n_bytes; i++)
        value = value << 8 | in->bytes[at + (in->is_big_endian ? i : n_bytes - 1 - i)];
    return value;
}

bool cir__tiff_is_raw_ycbcr(const uint8_t *bytes, size_t size)
{
    reader in = {bytes, size, size > 0 && bytes[0] == 'M'};
    bool is_big = read_number(&in, 2, 2) == 43; /* BigTIFF: 8-byte offsets, 20-byte entries */
    uint64_t directory = is_big ? read_number(&in, 8, 8) : read_number(&in, 4, 4);
    uint64_t n_entries = read_number(&in, directory, is_big ? 8 : 2);
    size_t entry_bytes = is_big ? 20 : 12;
    uint64_t compression = 1, photometric = 0;
    uint64_t at = directory + (is_big ? 8 : 2);
    for (uint64_t i = 0; i < n_entries && at <= size && size - at >= entry_bytes; i++, at += entry_bytes) {
        /* Both tags are 16-bit numbers, which stand at the start of the value field. */
        uint64_t tag = read_number(&in, at, 2);
        uint64_t value = read_number(&in, at + entry_bytes - (is_big ? 8 : 4), 2);
        if (tag == TAG_COMPRESSION)
            compression = value;
        else if (tag == TAG_PHOTOMETRIC)
            photometric = value;
    }
    return photometric == PHOTOMETRIC_YCBCR && compression != COMPRESSION_JPEG &&
           compression != COMPRESSION_OLD_JPEG;
}

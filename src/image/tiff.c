#include "image/tiff.h"

#include <string.h>

#define TAG_BITS 258
#define TAG_COMPRESSION 259
#define TAG_PHOTOMETRIC 262
#define TAG_STRIP_OFFSETS 273
#define TAG_SAMPLES 277
#define TAG_STRIP_BYTES 279
#define TAG_PLANES 284
#define TAG_TILE_OFFSETS 324
#define TAG_TILE_BYTES 325
#define TAG_SAMPLE_FORMAT 339
#define COMPRESSION_OLD_JPEG 6
#define COMPRESSION_JPEG 7
#define PHOTOMETRIC_YCBCR 6
#define PLANES_SEPARATE 2
#define FORMAT_FLOAT 3
#define FORMAT_COMPLEX_INT 5

typedef cir__tiff reader;

/* A tag's values: numbers of value_bytes each. */
typedef struct entry {
    uint64_t n_values;
    size_t value_bytes;
    uint64_t at; /* of the first value, which may lie beyond the end */
} entry;

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

static reader reader_make(const uint8_t *bytes, size_t size)
{
    reader in = {bytes, size, size > 0 && bytes[0] == 'M', false};
    in.is_big = read_number(&in, 2, 2) == 43;
    return in;
}

uint64_t cir__tiff_first_directory(const cir__tiff *in)
{
    return in->is_big ? read_number(in, 8, 8) : read_number(in, 4, 4);
}

static size_t entry_size(const reader *in)
{
    return in->is_big ? 20 : 12;
}

/* The place of a directory's first entry, and how many it has; false beyond the end. */
static bool open_directory(const reader *in, uint64_t directory, uint64_t *at_out, uint64_t *n_out)
{
    if (directory < (in->is_big ? 16U : 8U) || directory >= in->size)
        return false;
    *n_out = read_number(in, directory, in->is_big ? 8 : 2);
    *at_out = directory + (in->is_big ? 8 : 2);
    return true;
}

uint64_t cir__tiff_next_directory(const cir__tiff *in, uint64_t directory)
{
    uint64_t at, n;
    if (!open_directory(in, directory, &at, &n) || n > in->size / entry_size(in))
        return 0;
    return read_number(in, at + n * entry_size(in), in->is_big ? 8 : 4);
}

/* Finds a tag of values of these sizes, by their types; false where there is none, or the directory lies beyond
 * the end. */
static bool find_entry_in(const reader *in, uint64_t directory, uint64_t tag, const uint8_t *value_bytes,
                          size_t n_types, entry *found)
{
    const size_t n_count = in->is_big ? 8 : 4;
    const size_t entry_bytes = entry_size(in);
    uint64_t at, n_entries;
    if (!open_directory(in, directory, &at, &n_entries))
        return false;
    for (uint64_t i = 0; i < n_entries && at <= in->size && in->size - at >= entry_bytes;
         i++, at += entry_bytes) {
        uint64_t type = read_number(in, at + 2, 2);
        if (read_number(in, at, 2) != tag || type >= n_types || value_bytes[type] == 0)
            continue;
        *found = (entry){read_number(in, at + 4, n_count), value_bytes[type], at + 4 + n_count};
        if (found->n_values == 0)
            return false;
        if (found->n_values > n_count / found->value_bytes) /* too many for the entry: it points to them */
            found->at = read_number(in, found->at, n_count);
        return true;
    }
    return false;
}

/* BYTE, SHORT, LONG, signed ones, IFD, and BigTIFF's three of 8 bytes. */
static const uint8_t whole_numbers[19] = {
    [1] = 1, [3] = 2, [4] = 4, [6] = 1, [8] = 2, [9] = 4, [13] = 4, [16] = 8, [17] = 8, [18] = 8};

/* The same in the first directory. */
static bool find_entry(const reader *in, uint64_t tag, entry *found)
{
    return find_entry_in(in, cir__tiff_first_directory(in), tag, whole_numbers, sizeof whole_numbers, found);
}

bool cir__tiff_open(const uint8_t *bytes, size_t size, cir__tiff *out)
{
    *out = (cir__tiff){0};
    if (size < 8 || !((bytes[0] == 'I' && bytes[1] == 'I') || (bytes[0] == 'M' && bytes[1] == 'M')))
        return false;
    *out = reader_make(bytes, size);
    return true;
}

size_t cir__tiff_get_numbers(const cir__tiff *in, uint64_t directory, uint16_t tag, uint64_t *values_out,
                             size_t max_n)
{
    entry found;
    if (!find_entry_in(in, directory, tag, whole_numbers, sizeof whole_numbers, &found) ||
        found.at > in->size || found.n_values > (in->size - found.at) / found.value_bytes)
        return 0;
    for (size_t i = 0; i < max_n && i < found.n_values; i++)
        values_out[i] = read_number(in, found.at + i * found.value_bytes, found.value_bytes);
    return (size_t)found.n_values;
}

void cir__tiff_get_text(const cir__tiff *in, uint64_t directory, uint16_t tag, char *out, size_t size)
{
    static const uint8_t texts[3] = {[2] = 1};
    entry found;
    out[0] = '\0';
    if (!find_entry_in(in, directory, tag, texts, sizeof texts, &found) || found.at > in->size ||
        found.n_values > in->size - found.at)
        return;
    size_t n = found.n_values < size - 1 ? (size_t)found.n_values : size - 1;
    memcpy(out, in->bytes + found.at, n);
    out[n] = '\0';
    for (n = strlen(out); n > 0 && out[n - 1] == ' '; n--)
        out[n - 1] = '\0';
}

static uint64_t get_number(const reader *in, uint64_t tag, uint64_t otherwise)
{
    entry found;
    return find_entry(in, tag, &found) ? read_number(in, found.at, found.value_bytes) : otherwise;
}

bool cir__tiff_find_number(const uint8_t *bytes, size_t size, uint16_t tag, uint64_t *value_out)
{
    reader in = reader_make(bytes, size);
    entry found;
    *value_out = 0;
    if (size < 8 || (bytes[0] != 'M' && bytes[0] != 'I') || !find_entry(&in, tag, &found) ||
        found.at > size || size - found.at < found.value_bytes)
        return false;
    *value_out = read_number(&in, found.at, found.value_bytes);
    return true;
}

bool cir__tiff_is_raw_ycbcr(const uint8_t *bytes, size_t size)
{
    reader in = reader_make(bytes, size);
    uint64_t compression = get_number(&in, TAG_COMPRESSION, 1);
    return get_number(&in, TAG_PHOTOMETRIC, 0) == PHOTOMETRIC_YCBCR && compression != COMPRESSION_JPEG &&
           compression != COMPRESSION_OLD_JPEG;
}

/* Whether all strips, or tiles, lie within the file. */
static bool has_all_pixels(const reader *in, bool is_tiled)
{
    entry offsets, counts;
    if (!find_entry(in, is_tiled ? TAG_TILE_OFFSETS : TAG_STRIP_OFFSETS, &offsets) ||
        !find_entry(in, is_tiled ? TAG_TILE_BYTES : TAG_STRIP_BYTES, &counts) ||
        offsets.n_values != counts.n_values || offsets.at > in->size || counts.at > in->size ||
        offsets.n_values > (in->size - offsets.at) / offsets.value_bytes ||
        counts.n_values > (in->size - counts.at) / counts.value_bytes)
        return false;
    for (uint64_t i = 0; i < offsets.n_values; i++) {
        uint64_t at = read_number(in, offsets.at + i * offsets.value_bytes, offsets.value_bytes);
        uint64_t n_bytes = read_number(in, counts.at + i * counts.value_bytes, counts.value_bytes);
        if (at > in->size || n_bytes > in->size - at)
            return false;
    }
    return true;
}

static const char *find_compression(uint64_t compression)
{
    static const struct {
        uint16_t compression;
        const char *name; /* NULL: read */
    } known[] = {
        {1, NULL},
        {2, NULL},
        {3, NULL},
        {4, NULL},
        {5, NULL},
        {COMPRESSION_OLD_JPEG, "JPEG inside in the manner of before 1995"},
        {COMPRESSION_JPEG, NULL},
        {8, NULL},
        {32773, NULL},
        {32946, NULL},
        {33003, "JPEG 2000 inside"},
        {33004, "JPEG 2000 inside"},
        {33005, "JPEG 2000 inside"},
        {34712, "JPEG 2000 inside"},
        {34713, "a camera's raw compression"},
        {34676, "SGI's compression of light"},
        {34677, "SGI's compression of light"},
        {34892, "JPEG of 12 bits or without loss inside"},
        {34925, NULL},
        {34933, "PNG inside"},
        {34934, "JPEG XR inside"},
        {50000, NULL},
        {50001, "WebP inside"},
        {50002, "JPEG XL inside"},
        {52546, "JPEG XL inside"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].compression == compression)
            return known[i].name;
    return "a compression that is not known here";
}

const char *cir__tiff_find_unread_sort(const uint8_t *bytes, size_t size)
{
    reader in = reader_make(bytes, size);
    entry tiles;
    bool is_tiled = find_entry(&in, TAG_TILE_OFFSETS, &tiles);
    if (!has_all_pixels(&in, is_tiled))
        return NULL;
    uint64_t bits = get_number(&in, TAG_BITS, 1);
    uint64_t format = get_number(&in, TAG_SAMPLE_FORMAT, 1);
    const char *compression = find_compression(get_number(&in, TAG_COMPRESSION, 1));
    if (compression != NULL)
        return compression;
    if (is_tiled && get_number(&in, TAG_PLANES, 1) == PLANES_SEPARATE && get_number(&in, TAG_SAMPLES, 1) > 1)
        return "its colours in tiles apart";
    if (format >= FORMAT_COMPLEX_INT)
        return "complex numbers for pixels";
    if (format == FORMAT_FLOAT && bits != 32)
        return bits == 16 ? "floating-point numbers of 16 bits" : "floating-point numbers of 64 bits";
    if (bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16 && bits != 32)
        return "samples of an unusual number of bits";
    return NULL;
}

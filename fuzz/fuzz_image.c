/* Image bytes → RGB → tensor, with a budget of one megapixel.
 *
 * Most inputs say something about structure, and few about many pixels: one of more pixels than a thumbnail
 * has is decoded only where its bytes add up to a multiple of 64. Mutations keep PNG's checksums right, and
 * cut, double and move whole chunks, segments and directory entries, so that what lies behind them is
 * reached. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cir/decoder.h"
#include "image/preprocessing.h"

#define SMALL_BYTES                                                                                          \
    (4800u << 10) /* as decoding estimates a picture of some 10,000 pixels, 4 MiB of it for any */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
const char *__asan_default_options(void);

/* libFuzzer's own; the driver that only runs saved inputs has none. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* What a long run spends on remembering frees and stacks is better spent on inputs. */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:malloc_context_size=4";
}

static size_t sum_of(const uint8_t *data, size_t size)
{
    size_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += data[i];
    return sum;
}

static cir_status admit(void *context, size_t n_bytes, cir_error *err)
{
    (void)err;
    return n_bytes > *(const size_t *)context ? CIR_LIMIT : CIR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float tensor[3 * 32 * 32];
    size_t sum = sum_of(data, size);
    cir_image_options options = {.size = sizeof options,
                                 .max_megapixels = 1,
                                 .ignore_exif_rotation = sum % 2 == 0,
                                 .enough_px = sum % 8 == 1 ? 16 : 0};
    size_t most_bytes = sum % 64 == 0 ? SIZE_MAX : SMALL_BYTES;
    cir_image image;
    cir_image_facts facts;
    cir_error err;
    if (cir_decoder_decode_here(NULL, data, size, "input", &options, admit, &most_bytes, &image, &facts,
                                &err) != CIR_OK)
        return 0;
    cir__preprocessing preprocessing;
    cir__preprocessing_init_clip(&preprocessing, 32);
    if (sum % 4 == 0 && cir__preprocessing_apply(&preprocessing, &image, tensor, &err) != CIR_OK)
        abort(); /* no decoded picture is refused */
    cir_image_done(&image);
    return 0;
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_png(const uint8_t *data, size_t size)
{
    return size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

/* Where the parts of a picture begin, as far as they can be followed: PNG's chunks, JPEG's segments, RIFF's
 * chunks, TIFF's first directory's entries. Returns how many were found, at most max. */
static size_t find_parts(const uint8_t *data, size_t size, size_t *starts, size_t max)
{
    size_t n = 0, at = 0;
    if (is_png(data, size)) {
        for (at = 8; n < max && at + 12 <= size; at += 12 + (size_t)big_endian(data + at))
            starts[n++] = at;
    } else if (size >= 2 && data[0] == 0xFF && data[1] == 0xD8) {
        for (at = 2; n < max && at + 4 <= size && data[at] == 0xFF;
             at += 2 + ((size_t)data[at + 2] << 8 | data[at + 3]))
            starts[n++] = at;
    } else if (size >= 12 && memcmp(data, "RIFF", 4) == 0) {
        for (at = 12; n < max && at + 8 <= size;) {
            size_t length = (size_t)data[at + 4] | (size_t)data[at + 5] << 8 | (size_t)data[at + 6] << 16 |
                            (size_t)data[at + 7] << 24;
            starts[n++] = at;
            at += 8 + length + length % 2;
        }
    } else if (size >= 8 && (memcmp(data, "II*", 4) == 0)) {
        at = (size_t)data[4] | (size_t)data[5] << 8 | (size_t)data[6] << 16 | (size_t)data[7] << 24;
        for (at += 2; n < max && at + 12 <= size; at += 12)
            starts[n++] = at;
    }
    return n;
}

static void mend_checksums(uint8_t *data, size_t size)
{
    static uint32_t table[256];
    for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = (table[i] & 1) != 0 ? 0xEDB88320u ^ table[i] >> 1 : table[i] >> 1;
    }
    size_t starts[64];
    size_t n = is_png(data, size) ? find_parts(data, size, starts, 64) : 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = big_endian(data + starts[i]);
        if (length > size - starts[i] - 12)
            break;
        uint32_t crc = 0xFFFFFFFFu;
        for (size_t k = starts[i] + 4; k < starts[i] + 8 + length; k++)
            crc = table[(crc ^ data[k]) & 0xFF] ^ crc >> 8;
        crc ^= 0xFFFFFFFFu;
        for (int k = 0; k < 4; k++)
            data[starts[i] + 8 + length + (size_t)k] = (uint8_t)(crc >> (24 - 8 * k));
    }
}

/* Takes a whole part out, or writes it a second time in front of another. */
static size_t move_part(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t starts[64];
    size_t n = find_parts(data, size, starts, 64);
    if (n < 3)
        return size;
    size_t which = seed % (n - 1), start = starts[which], length = starts[which + 1] - start;
    if (start + length > size)
        return size;
    if ((seed >> 8) % 2 == 0) {
        memmove(data + start, data + start + length, size - start - length);
        return size - length;
    }
    size_t before = starts[(seed >> 16) % n];
    if (length > max_size - size || length > 4096)
        return size;
    uint8_t copy[4096];
    memcpy(copy, data + start, length);
    memmove(data + before + length, data + before, size - before);
    memcpy(data + before, copy, length);
    return size + length;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t starts[64];
    size_t n = find_parts(data, size, starts, 64);
    if (n > 2 && seed % 8 == 0) {
        size = move_part(data, size, max_size, seed >> 3);
    } else if (n > 2 && seed % 2 == 0) {
        /* Within one part, of unchanged length, so that the others stay where they are. */
        size_t which = (seed >> 3) % (n - 1), length = starts[which + 1] - starts[which];
        if (starts[which + 1] <= size && length > 0)
            (void)LLVMFuzzerMutate(data + starts[which], length, length);
    } else {
        size = LLVMFuzzerMutate(data, size, max_size);
    }
    mend_checksums(data, size);
    return size;
}

/* Sums over compact codes by registers of 256 bits, for AVX2 and for AVX-512, which has twice as many of
 * them. A table is spread to both lanes of a register once for both halves of a line. Registers of 512 bits
 * are slower where they are worked through in two steps (Zen 4, cycles for a line and each of two sides: 4.7
 * instead of 3.9, of four sides 4.5 instead of 3.5), and elsewhere memory bounds two sides. */
#ifndef CIR_KERNELS_CODES_256_H
#define CIR_KERNELS_CODES_256_H

#include <immintrin.h>
#include <string.h>

#include "kernels/tables.h"

#define CODE_SIDES 4     /* that are summed at a time */
#define CODE_REGISTERS 2 /* of a line */

/* Sums of so many sides: of pairs of rows, an even one in the low byte, and of odd rows by themselves. */
typedef struct code_sums_256 {
    __m256i pairs[CODE_SIDES][CODE_REGISTERS], odd[CODE_SIDES][CODE_REGISTERS];
} code_sums_256;

/* Adds what the four groups of two lines choose, in bytes first, as four entries fit. n is known to the
 * compiler. */
CIR__ALWAYS_INLINE void add_4_groups(const uint8_t *lines, const uint8_t *tables, size_t n, size_t n_sides,
                                     code_sums_256 *sums)
{
    const __m256i low_bits = _mm256_set1_epi8(15);
    __m256i groups[4][CODE_REGISTERS];
    for (size_t j = 0; j < 2; j++)
        for (size_t k = 0; k < CODE_REGISTERS; k++) {
            const __m256i both = _mm256_loadu_si256((const void *)(lines + j * CIR__CODE_ROWS + k * 32));
            groups[2 * j][k] = _mm256_and_si256(both, low_bits);
            groups[2 * j + 1][k] = _mm256_and_si256(_mm256_srli_epi16(both, 4), low_bits);
        }
    for (size_t s = 0; s < n; s++) {
        __m256i bytes[CODE_REGISTERS];
        for (size_t g = 0; g < 4; g++) {
            const void *const table = tables + (g * n_sides + s) * 16;
            const __m256i entries = _mm256_broadcastsi128_si256(_mm_loadu_si128(table));
            for (size_t k = 0; k < CODE_REGISTERS; k++) {
                const __m256i chosen = _mm256_shuffle_epi8(entries, groups[g][k]);
                bytes[k] = g == 0 ? chosen : _mm256_add_epi8(bytes[k], chosen);
            }
        }
        for (size_t k = 0; k < CODE_REGISTERS; k++) {
            sums->pairs[s][k] = _mm256_add_epi16(sums->pairs[s][k], bytes[k]);
            sums->odd[s][k] = _mm256_add_epi16(sums->odd[s][k], _mm256_srli_epi16(bytes[k], 8));
        }
    }
}

CIR__ALWAYS_INLINE void code_sums_of(const uint8_t *lines, size_t n_groups, const uint8_t *tables, size_t n,
                                     size_t n_sides, uint16_t *sums_out)
{
    code_sums_256 sums;
    for (size_t s = 0; s < n; s++)
        for (size_t k = 0; k < CODE_REGISTERS; k++)
            sums.pairs[s][k] = sums.odd[s][k] = _mm256_setzero_si256();
    size_t g = 0;
    for (; g + 4 <= n_groups; g += 4) {
        const uint8_t *const line = lines + g / 2 * CIR__CODE_ROWS;
        _mm_prefetch((const char *)line + CIR__PREFETCH_BYTES, _MM_HINT_T0);
        _mm_prefetch((const char *)line + CIR__CODE_ROWS + CIR__PREFETCH_BYTES, _MM_HINT_T0);
        add_4_groups(line, tables + g * n_sides * 16, n, n_sides, &sums);
    }
    if (g < n_groups) { /* the last ones, and tables of zeros */
        uint8_t last_lines[2 * CIR__CODE_ROWS] = {0}, last_tables[4 * CODE_SIDES * 16] = {0};
        memcpy(last_lines, lines + g / 2 * CIR__CODE_ROWS, (n_groups - g + 1) / 2 * CIR__CODE_ROWS);
        for (size_t i = 0; i < n_groups - g; i++)
            memcpy(last_tables + i * n * 16, tables + (g + i) * n_sides * 16, n * 16);
        add_4_groups(last_lines, last_tables, n, n, &sums);
    }
    for (size_t s = 0; s < n; s++)
        for (size_t k = 0; k < CODE_REGISTERS; k++) {
            const __m256i odd = sums.odd[s][k];
            const __m256i even = _mm256_sub_epi16(sums.pairs[s][k], _mm256_slli_epi16(odd, 8));
            /* Each lane of 128 bits has 16 rows, of which unpacking gives 8 and 8. */
            const __m256i first = _mm256_unpacklo_epi16(even, odd), second = _mm256_unpackhi_epi16(even, odd);
            uint16_t *const out = sums_out + s * CIR__CODE_ROWS + k * 32;
            _mm256_storeu_si256((void *)out, _mm256_permute2x128_si256(first, second, 0x20));
            _mm256_storeu_si256((void *)(out + 16), _mm256_permute2x128_si256(first, second, 0x31));
        }
}

static void code_sums(const uint8_t *lines, size_t n_groups, const uint8_t *tables, size_t n_sides,
                      uint16_t *sums_out)
{
    for (size_t s = 0; s < n_sides; s += CODE_SIDES) {
        const uint8_t *const some = tables + s * 16;
        uint16_t *const sums = sums_out + s * CIR__CODE_ROWS;
        switch (n_sides - s) {
        case 1:
            code_sums_of(lines, n_groups, some, 1, n_sides, sums);
            break;
        case 2:
            code_sums_of(lines, n_groups, some, 2, n_sides, sums);
            break;
        case 3:
            code_sums_of(lines, n_groups, some, 3, n_sides, sums);
            break;
        default:
            code_sums_of(lines, n_groups, some, CODE_SIDES, n_sides, sums);
        }
    }
}

#endif

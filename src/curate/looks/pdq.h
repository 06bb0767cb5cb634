/* PDQ: 256 bits of how a picture's brightness is spread, which stay nearly the same when it is resized or
 * saved again.
 *
 * As published (ThreatExchange, pdq/README.md and "The TMK+PDQF video-hashing algorithm and the PDQ
 * image-hashing algorithm", 2019): luma, two passes of box filters, 64 × 64 samples, the 16 × 16 lowest
 * frequencies of a cosine transform but the constant, one bit each: above their median or not. It sees
 * brightness alone: a picture turned to grey has the same hash (looks.h guards against that). */
#ifndef CIR_CURATE_PDQ_H
#define CIR_CURATE_PDQ_H

#include <stdint.h>

#include "cir/image.h"
#include "cir/status.h"

#define CIR__PDQ_WORDS 4
#define CIR__PDQ_N_SYMMETRIES 8
#define CIR__PDQ_TEXT_SIZE 65

/* Hashes of a picture and of its mirrored and turned forms. Symmetry s: transposed (s & 1), then top and
 * bottom exchanged (s & 2), then left and right (s & 4). Bit k of a hash is bit k % 64 of word k / 64; k =
 * 16·i + j is frequency i + 1 downwards and j + 1 across. */
typedef struct cir__pdq {
    uint64_t hashes[CIR__PDQ_N_SYMMETRIES][CIR__PDQ_WORDS];
    unsigned quality; /* 0 … 100: how much there is to tell it by; 50 is the least that its authors rely on */
} cir__pdq;

/* Hashes pixels as they are. Pictures below 5 × 5 get zeroes and quality 0. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__pdq_fit(const cir_image *image, cir__pdq *pdq_out, cir_error *err);

/* Bits that differ. */
unsigned cir__pdq_distance(const uint64_t a[CIR__PDQ_WORDS], const uint64_t b[CIR__PDQ_WORDS]);

/* 64 hexadecimal digits, the highest bit first, as the reference prints them. */
void cir__pdq_format(const uint64_t hash[CIR__PDQ_WORDS], char text_out[CIR__PDQ_TEXT_SIZE]);

#endif

/* Text made canonical before it is split: repaired UTF-8, Unicode's composed form, lower case. */
#ifndef CIR_TEXT_NORMALISE_TEXT_H
#define CIR_TEXT_NORMALISE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

/* Most combining marks in a row; Unicode's own stream-safe form allows 30, and ordering them costs the
 * square. */
#define CIR__NORMALISE_MAX_MARKS 1024

/* UTF-8 in memory, owned; free text with free(). A zero byte follows the last. */
typedef struct cir__text {
    char *text;
    size_t n_bytes;
} cir__text;

/* Copies text with every maximal ill-formed run of bytes replaced by U+FFFD, as Unicode 15 §3.9 recommends
 * and as Python's and Rust's decoders do. Zero bytes are characters. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__normalise_repair(const char *text, size_t n_bytes, cir__text *text_out,
                                                cir_error *err);

/* Composes (NFC), then maps every character to lower case on its own: İ becomes i and a dot above, a final Σ
 * becomes σ like every other. text must be well-formed. Errors: CIR_LIMIT (too many marks), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__normalise_fold(const char *text, size_t n_bytes, cir__text *text_out,
                                              cir_error *err);

/* Composes alone. Errors: the same. */
CIR_MUST_CHECK cir_status cir__normalise_compose(const char *text, size_t n_bytes, cir__text *text_out,
                                                 cir_error *err);

#endif

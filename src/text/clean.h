/* A text cleaned before it is tokenised, as open_clip does: mended with ftfy's default steps, HTML's
 * references resolved twice, white space made single spaces.
 *
 * The steps are written after ftfy's documentation and not after its code. All but one are the same: which
 * text is taken for mojibake is decided by a rule of our own (mojibake.h). */
#ifndef CIR_TEXT_CLEAN_H
#define CIR_TEXT_CLEAN_H

#include "text/normalise_text.h"

/* text must be well-formed UTF-8. Free text_out->text. Errors: CIR_LIMIT (too many combining marks in a row),
 * CIR_NO_MEMORY. Thread-safe. */
CIR_MUST_CHECK cir_status cir__clean(const char *text, size_t n_bytes, cir__text *text_out, cir_error *err);

/* The steps of ftfy alone. Errors: the same. */
CIR_MUST_CHECK cir_status cir__clean_mend(const char *text, size_t n_bytes, cir__text *text_out,
                                          cir_error *err);

#endif

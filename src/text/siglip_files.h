/* A SigLIP tokenizer's files → its parts: spiece.model, or a tokenizer.json with a unigram model or, for
 * SigLIP 2, a byte-pair encoding. */
#ifndef CIR_TEXT_SIGLIP_FILES_H
#define CIR_TEXT_SIGLIP_FILES_H

#include "base/file.h"
#include "cir/status.h"
#include "text/siglip.h"

/* Whose way to make texts canonical is followed. */
typedef enum cir__canonical {
    CIR__CANONICAL_TRANSFORMERS, /* SiglipTokenizer with spiece.model; with tokenizer.json, what that file
                                    says */
    CIR__CANONICAL_OPEN_CLIP     /* its clean="canonicalize", then what tokenizer.json says (or would say) */
} cir__canonical;

/* Reads spiece.model where it is given and transformers is followed, else tokenizer.json, else spiece.model.
 * Views may be NULL and are only read now. config_json: tokenizer_config.json, for the token that texts are
 * filled up with; the end token where it names none. Everything in tokenizer.json that would make other ids
 * is checked and refused, never ignored. On failure out is zeroed. Errors: CIR_NOT_FOUND (no files),
 * CIR_FORMAT, CIR_UNSUPPORTED (another kind of tokenizer), CIR_LIMIT, CIR_NO_MEMORY. End with
 * cir__siglip_done. */
CIR_MUST_CHECK cir_status cir__siglip_files_parse(const cir__bytes_view *spiece_model,
                                                  const cir__bytes_view *tokenizer_json,
                                                  const cir__bytes_view *config_json,
                                                  cir__canonical canonical, cir__siglip *out, cir_error *err);

#endif

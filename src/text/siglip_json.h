/* A unigram model's tokenizer.json → the parts of a SigLIP tokenizer, as the tokenizers library would run
 * it. */
#ifndef CIR_TEXT_SIGLIP_JSON_H
#define CIR_TEXT_SIGLIP_JSON_H

#include "base/file.h"
#include "cir/status.h"
#include "text/siglip.h"

/* Fills all but the padding; the caller ends self with cir__siglip_done on failure too. Errors: CIR_FORMAT,
 * CIR_UNSUPPORTED (another kind of tokenizer, or a part of it), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__siglip_json_parse(const cir__bytes_view *file, cir__siglip *self,
                                                 cir_error *err);

/* Sets pad_id from tokenizer_config.json's pad_token; it stays where there is none. Errors: CIR_FORMAT (no
 * such piece), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__siglip_json_read_padding(const cir__bytes_view *file, cir__siglip *self,
                                                        cir_error *err);

#endif

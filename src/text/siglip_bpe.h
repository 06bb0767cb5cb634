/* The part of a tokenizer.json that differs between SigLIP and SigLIP 2: a byte-pair encoding over
 * characters, as Gemma's tokenizer has it. */
#ifndef CIR_TEXT_SIGLIP_BPE_H
#define CIR_TEXT_SIGLIP_BPE_H

#include <jansson.h>

#include "cir/status.h"
#include "text/siglip.h"

/* Reads "model" of kind BPE into self's pieces and merges; the caller ends self with cir__siglip_done on
 * failure too. Errors: CIR_FORMAT, CIR_UNSUPPORTED (another kind of byte-pair encoding), CIR_LIMIT,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__siglip_bpe_parse(const json_t *model, const char *name, cir__siglip *self,
                                                cir_error *err);

/* Checks "pre_tokenizer": splitting at spaces, of which the steps must leave none. */
CIR_MUST_CHECK cir_status cir__siglip_bpe_check_words(const json_t *pre_tokenizer, const char *name,
                                                      const cir__siglip *self, cir_error *err);

#endif

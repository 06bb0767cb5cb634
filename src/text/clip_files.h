/* A CLIP tokenizer's files → its parts: tokenizer.json, or vocab.json with merges.txt. */
#ifndef CIR_TEXT_CLIP_FILES_H
#define CIR_TEXT_CLIP_FILES_H

#include "base/file.h"
#include "cir/status.h"
#include "text/clip.h"

/* Reads tokenizer.json where it is given, else the other two; views may be NULL and are only read now.
 * Everything in tokenizer.json that would make other ids than CLIP's pipeline is checked and refused, never
 * ignored. The vocabulary of the pair must hold "<|startoftext|>" and "<|endoftext|>". On failure clip_out is
 * zeroed. Errors: CIR_NOT_FOUND (no files), CIR_FORMAT, CIR_UNSUPPORTED (another kind of tokenizer),
 * CIR_LIMIT, CIR_NO_MEMORY. End with cir__clip_done. */
CIR_MUST_CHECK cir_status cir__clip_files_parse(const cir__bytes_view *tokenizer_json,
                                                const cir__bytes_view *vocab_json,
                                                const cir__bytes_view *merges_txt, cir__clip *clip_out,
                                                cir_error *err);

#endif

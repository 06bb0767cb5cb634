/* What tells models apart: a hash over everything that a feature depends on. */
#ifndef CIR_MODEL_FINGERPRINT_H
#define CIR_MODEL_FINGERPRINT_H

#include <stdbool.h>

#include "base/hash.h"
#include "model/checkpoint.h"

/* Hashes configuration, tokenizer, preprocessing and weights: the files that are_read. Weights of more than 64 MiB:
 * the header (all names, shapes and places; a PyTorch checkpoint's pickle) and 4 KiB of every MiB, because opening a model of 1.7 GB must
 * not read it all; other weights of the same shape, trained or only fine-tuned, differ everywhere. Weights in
 * several files: each of these files so, in the order of their names; the index that names them does not
 * count, because it has to agree with their headers. The same weights in other files are another model: their
 * places differ. Names and places of the files do not count. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__fingerprint_make(const cir__source *source, const bool are_read[CIR__N_FILES],
                                                const cir__checkpoint *weights,
                                                char text_out[CIR__HASH_TEXT_SIZE], cir_error *err);

/* Which files the weights lie in, as the file system tells them apart: a fingerprint does not see every byte of large
 * ones. False, and "", where they are no files. */
bool cir__fingerprint_files(const cir__checkpoint *weights, char text_out[CIR__HASH_TEXT_SIZE]);

#endif

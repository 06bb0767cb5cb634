/* spiece.model: a SentencePiece model, which is one protobuf message:
 *
 *   1  pieces, one message each: 1 text, 2 score (float), 3 kind
 *   2  how it was trained: 3 its algorithm, 24 white space as suffix, 35 byte fallback
 *   3  how texts are normalised: 2 map of characters, 3 dummy prefix, 4 white space in runs, 5 white space as
 * "▁"
 *
 * Fields of other numbers are skipped, as protobuf wants it. What it must not know: what pieces are used
 * for. */
#ifndef CIR_FORMAT_SPIECE_H
#define CIR_FORMAT_SPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "cir/status.h"

typedef enum cir__spiece_kind {
    CIR__SPIECE_NORMAL = 1,
    CIR__SPIECE_UNKNOWN,
    CIR__SPIECE_CONTROL,
    CIR__SPIECE_USER_DEFINED,
    CIR__SPIECE_UNUSED,
    CIR__SPIECE_BYTE
} cir__spiece_kind;

/* Algorithms, as the format numbers them. */
#define CIR__SPIECE_UNIGRAM 1
#define CIR__SPIECE_BPE 2

typedef struct cir__spiece {
    const char *text; /* lent by the file's bytes, no zero behind it */
    size_t n_bytes;
    float score; /* finite */
    cir__spiece_kind kind;
} cir__spiece;

typedef struct cir__spiece_model {
    cir__spiece *pieces; /* [n_pieces], owned; the index is the id */
    size_t n_pieces;
    uint64_t algorithm;
    bool has_byte_fallback;
    bool has_suffix_spaces;
    cir__bytes_view charsmap; /* size 0: none */
    bool has_dummy_prefix;
    bool removes_extra_spaces;
    bool escapes_spaces;
} cir__spiece_model;

/* Reads a model; the bytes are lent and must outlive it. End with cir__spiece_done. Errors: CIR_FORMAT
 * (damaged), CIR_LIMIT (more than 2^20 pieces), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__spiece_parse(cir__bytes_view bytes, cir__spiece_model *model_out,
                                            cir_error *err);
void cir__spiece_done(cir__spiece_model *model); /* a zeroed struct is allowed */

#endif

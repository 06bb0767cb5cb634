/* Lists of terms: the object corpus and the style corpus, the library's own or from a file. */
#ifndef CIR_METHOD_TERMS_H
#define CIR_METHOD_TERMS_H

#include <stddef.h>

#include "base/file.h"
#include "base/hash.h"
#include "cir/method.h"
#include "cir/status.h"
#include "method/corpora.h"

/* A corpus' terms, in the file's order. End with cir__terms_done. */
typedef struct cir__terms {
    const char *const *texts; /* [n], zero-terminated, trimmed, none empty */
    size_t n;
    char key[CIR__HASH_TEXT_SIZE]; /* names these very terms in this order */
    char *memory;
} cir__terms;

/* Reads the corpus that the settings ask for: their file, or the library's own.
 * Errors: those of reading, CIR_FORMAT (fewer than 2 terms, or no table), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__terms_read(cir__corpus corpus, const cir_settings *settings,
                                          cir__terms *terms_out, cir_error *err);

/* The same from bytes. A name that ends in ".csv" makes them a table, whose first fields are the terms;
 * otherwise each line is one. Variant paper leaves out a first term that is a column's heading: a word with
 * an underscore ("object_name"), or one of the usual ones ("name", "term", "object", …); variant reference
 * keeps it, as its code does (doc/method.md, deviation 4). */
CIR_MUST_CHECK cir_status cir__terms_parse(cir__bytes_view bytes, cir_variant variant, cir__terms *terms_out,
                                           cir_error *err);
void cir__terms_done(cir__terms *terms); /* a zeroed list is allowed */

/* A list of the n zero-terminated texts in bytes [size], which are copied. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__terms_list(const char *bytes, size_t size, size_t n, cir__terms *terms_out,
                                          cir_error *err);

/* The object terms that words are joined with, settings->context of them or all: variant paper draws them by
 * the seed, variant reference takes the first ones. End with cir__terms_done. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__terms_choose(const cir__terms *objects, const cir_settings *settings,
                                            cir__terms *chosen_out, cir_error *err);

#endif

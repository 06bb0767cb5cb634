/* FREEDOM (doc/method.md, The other methods; Efthymiadis et al., WACV 2025): the photo is put into words of a vocabulary, and each
 * of these is joined with the query's text. */
#ifndef CIR_METHOD_FREEDOM_H
#define CIR_METHOD_FREEDOM_H

#include "cir/method.h"
#include "cir/search.h"
#include "method/query_set.h"

/* Queries belong to the rows that they search if the smallest of their best similarities is at least this. */
#define CIR__FREEDOM_INSIDE 0.98

/* Words and their unit features, each encoded by itself. Lends everything. */
typedef struct cir__vocabulary {
    const char *const *words; /* [n] */
    const float *features;    /* [n, dim] */
    size_t n, dim;
} cir__vocabulary;

/* The similarity of a photo's nearest row; −1 where there is none. image: [rows->dim] unit. Of settings,
 * recall and codes are read. Errors: those of cir_search_find. */
CIR_MUST_CHECK cir_status cir__freedom_find_best(const cir_rows *rows, const cir_settings *settings,
                                                 const float *image, cir_pool *pool, double *best_out,
                                                 cir_error *err);

/* Composes a set of queries, each with a photo and words: ⟨Σ w·t, x⟩ with t the unit features of "word text"
 * for the words that the photo is put into. These are words near the κ nearest rows, or, where the queries are
 * not inside the rows, near the photo itself and κ − 1 of them; without expanding, near the photo alone.
 * Equally frequent words stay in the order in which they are met. composed_out: [set->n], with what encoding
 * took. Errors: CIR_ARGUMENT (no photo, or no words), those of cir_search_find and cir_model_encode_texts,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__freedom_compose(const cir__compose_context *context,
                                               const cir__vocabulary *vocabulary, const cir__query_set *set,
                                               cir_composed *composed_out, cir_error *err);

#endif

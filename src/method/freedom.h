/* FREEDOM (METHOD §4; Efthymiadis et al., WACV 2025): the photo is put into words of a vocabulary, and each
 * of these is joined with the query's text. */
#ifndef CIR_METHOD_FREEDOM_H
#define CIR_METHOD_FREEDOM_H

#include "cir/method.h"
#include "cir/search.h"
#include "method/recent.h"

/* Queries belong to the rows that they search if the smallest of their best similarities is at least this. */
#define CIR__FREEDOM_INSIDE 0.98

/* Words and their unit features, each encoded by itself. Lends everything. */
typedef struct cir__vocabulary {
    const char *const *words; /* [n] */
    const float *features;    /* [n, dim] */
    size_t n;
} cir__vocabulary;

/* A photo in words. */
typedef struct cir__described {
    size_t words[CIR_MAX_FREEDOM];   /* [n] numbers of the vocabulary, the most frequent first */
    double weights[CIR_MAX_FREEDOM]; /* [n] how often, relative to the most frequent */
    size_t n;
} cir__described;

/* The similarity of a photo's nearest row; −1 where there is none. image: [rows->dim] unit. Of settings,
 * recall and codes are read. Errors: those of cir_search_find. */
CIR_MUST_CHECK cir_status cir__freedom_find_best(const cir_rows *rows, const cir_settings *settings,
                                                 const float *image, cir_pool *pool, double *best_out,
                                                 cir_error *err);

/* Puts a photo into words: those near the κ nearest rows, or, where the queries are not inside the rows, near
 * the photo itself and κ − 1 of them; without expanding, those near the photo alone. Equally frequent words
 * stay in the order in which they are met. Of settings, expand, recall, codes and those of FREEDOM are read.
 * Errors: those of cir_search_find, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__freedom_describe(const cir__vocabulary *vocabulary,
                                                const cir_settings *settings, bool is_inside,
                                                const cir_rows *rows, cir_pool *pool, const float *image,
                                                cir__described *described_out, cir_error *err);

/* The query: ⟨Σ w·t, x⟩ with t the unit features of "word text". *composed_out: end with cir_composed_done.
 * Errors: those of cir_model_encode_texts, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__freedom_compose(const cir__recent *recent, const cir__vocabulary *vocabulary,
                                               const cir__described *described, cir_pool *pool,
                                               const char *text, cir_composed *composed_out, cir_error *err);

#endif

/* What a search found, gathered once and then shown as a table, as JSON, as a page or as pictures in the
 * terminal. */
#ifndef CIR_CLI_ANSWER_H
#define CIR_CLI_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/cir.h"

typedef struct cir__answer_hit {
    cir_hit hit;
    cir_image_record record; /* path, size, time of the photo */
    cir_rank rank;           /* its place by either score alone; only where the answer has_ranks */
} cir__answer_hit;

/* Lends everything but hits. */
typedef struct cir__answer {
    const char *index_path;
    const char *model_name;
    const char *model_fingerprint;
    cir_method method;
    const cir_settings *settings;
    cir_fusion fusion;
    size_t n_images;              /* searchable */
    const char *query_image_path; /* NULL: a text query */
    const char *query_text;       /* NULL: an image query */
    size_t n_cut;                 /* texts that were longer than the model reads */
    double encode_ms, search_ms, total_ms;
    bool has_ranks;
    size_t n_hits;
    cir__answer_hit *hits;
    /* Every row's scores, [n_rows], NaN where not searched; NULL unless a page was asked for. */
    size_t n_rows;
    const float *image_scores;
    const float *text_scores;
} cir__answer;

/* The answer as text for people, on standard output. */
void cir__answer_print_table(const cir__answer *answer);

/* The answer as one JSON document, on standard output. */
void cir__answer_print_json(const cir__answer *answer);

/* The answer as one self-contained page. Errors: those of writing; a photo that cannot be read any more is
 * shown as an empty frame with the reason. */
CIR_MUST_CHECK cir_status cir__answer_write_page(const cir__answer *answer, cir_pool *pool, const char *path,
                                                 cir_error *err);

/* The query and the hits as pictures in the terminal. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__answer_show(const cir__answer *answer, cir_pool *pool, cir_error *err);

#endif

/* What a search found, gathered once and then shown: by the program as a table, JSON, a page or pictures in
 * the terminal, by the server as JSON. */
#ifndef CIR_SERVER_ANSWER_JSON_H
#define CIR_SERVER_ANSWER_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "cir/cir.h"

/* A part of the time that an answer took. */
typedef struct cir__answer_stage {
    const char *name; /* a key in the JSON's "ms" */
    double ms;
} cir__answer_stage;

/* Lends everything but hits' array. */
typedef struct cir__answer {
    const char *index_path;
    const char *model_name;
    const char *model_fingerprint;
    cir_method method;
    const cir_settings *settings;
    cir_fusion fusion;
    size_t n_images;                      /* searchable */
    const cir_index *index;               /* of the hits; NULL where it is of no concern */
    const char *query_image_path;         /* NULL: a text query */
    const cir_image_record *query_record; /* where the query's photo is the index' own; else NULL */
    const char *query_text;               /* NULL: an image query */
    size_t n_cut;                         /* texts that were longer than the model reads */
    double encode_ms, search_ms, total_ms;
    const cir__answer_stage *stages; /* [n_stages], told beside these three */
    size_t n_stages;
    cir_search_report report; /* how the hits were found */
    bool has_ranks;
    bool is_folded; /* hits stand for their near-duplicates too */
    size_t n_hits;
    cir_answer_hit *hits; /* [n_hits] copies of those found, which they lend from */
    /* Every row's scores, [n_rows], NaN where not searched; NULL unless a page was asked for. */
    size_t n_rows;
    const float *image_scores;
    const float *text_scores;
} cir__answer;

/* Takes over what a search found. false: memory. End with cir__answer_done, and only then free what was
 * found. */
bool cir__answer_init(cir__answer *answer, const cir_collection *collection, const cir_answer *found);
void cir__answer_done(cir__answer *answer);

bool cir__answer_has_image_score(const cir__answer *answer);
bool cir__answer_has_text_score(const cir__answer *answer);

/* The answer as one document; NULL when out of memory. */
json_t *cir__answer_json(const cir__answer *answer);

#endif

/* Methods made ready to rank positives against a pool: what their queries count, and the vectors of all. */
#ifndef CIR_EVAL_DISTRACT_RUNS_H
#define CIR_EVAL_DISTRACT_RUNS_H

#include <stdbool.h>

#include "eval/distract/query_vectors.h"
#include "eval/distract/rank_counts.h"
#include "eval/distract/stream.h"
#include "eval/distract/survey.h"
#include "eval/run/compose.h"

/* What a method's queries depend on beside the query. */
typedef enum cir__distract_run_kind {
    CIR__STEADY,   /* nothing of the pool: one count holds for all its sizes */
    CIR__MEASURED, /* WeiCom: the similarities of the pool */
    CIR__EXPANDED  /* query expansion: the nearest rows of the pool */
} cir__distract_run_kind;

/* One method. settings are those in force. */
typedef struct cir__distract_run {
    cir__distract_run_kind kind;
    cir_settings settings;
    cir__composing composing;
    size_t *image_vectors, *text_vectors; /* [n_queries] of the survey; NULL: it asks for none */
} cir__distract_run;

/* A method's counts for all sizes, or for one. */
typedef struct cir__group {
    const cir__distract_run *run;
    size_t i_method, i_size;   /* the latter SIZE_MAX: all */
    cir__query_vectors images; /* of this group alone, which take the place of the shared ones; n 0: none */
    cir__rank_counts *counts;  /* [n_queries] */
} cir__group;

typedef struct cir__distract_runs {
    const cir_dataset *dataset;
    const cir__stream *stream;
    size_t n;
    cir__distract_run *runs; /* [n] */
    cir__survey survey;
    cir__query_vectors shared;
    size_t n_groups;
    cir__group *groups;
    size_t most_positives;
} cir__distract_runs;

/* Fits the methods and puts what they ask of the pool into survey; n_nearest of it is set. The stream has its
 * sizes. End with cir__distract_runs_done, whatever came back. Errors: those of composing. */
CIR_MUST_CHECK cir_status cir__distract_runs_new(const cir_dataset *dataset, const cir__stream *stream,
                                                 const cir_distracted *methods, size_t n, cir_pool *pool,
                                                 cir__distract_runs *runs_out, cir_error *err);
void cir__distract_runs_done(cir__distract_runs *runs);

/* Whether somebody asks for the survey, which is then to be run before the groups are made. */
bool cir__distract_runs_need_survey(const cir__distract_runs *runs);

/* Composes every query and scores its positives. Errors: as above. */
CIR_MUST_CHECK cir_status cir__distract_runs_compose(cir__distract_runs *runs, cir_pool *pool,
                                                     cir_error *err);

/* Bytes of vectors and counts. */
size_t cir__distract_runs_bytes(const cir__distract_runs *runs);

#endif

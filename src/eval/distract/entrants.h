/* Methods made ready to rank positives against a pool: their queries as contests, and the sides of all. */
#ifndef CIR_EVAL_ENTRANTS_H
#define CIR_EVAL_ENTRANTS_H

#include <stdbool.h>

#include "eval/distract/contest.h"
#include "eval/distract/sides.h"
#include "eval/distract/stream.h"
#include "eval/distract/survey.h"
#include "eval/run/compose.h"

/* What a method's queries depend on beside the query. */
typedef enum cir__entrant_kind {
    CIR__STEADY,   /* nothing of the pool: one contest counts for all its sizes */
    CIR__MEASURED, /* WeiCom: the similarities of the pool */
    CIR__EXPANDED  /* query expansion: the nearest rows of the pool */
} cir__entrant_kind;

/* One method. settings are those in force. */
typedef struct cir__entrant {
    cir__entrant_kind kind;
    cir_settings settings;
    cir__composing composing;
    size_t *image_sides, *text_sides; /* [n_queries] of the survey; NULL: it asks for none */
} cir__entrant;

/* A method's contests for all sizes, or for one. */
typedef struct cir__group {
    const cir__entrant *entrant;
    size_t i_method, i_size; /* the latter SIZE_MAX: all */
    cir__sides images;       /* of this group alone, which take the place of the shared ones; n 0: none */
    cir__contest *contests;  /* [n_queries] */
} cir__group;

typedef struct cir__entrants {
    const cir_dataset *dataset;
    const cir__stream *stream;
    size_t n;
    cir__entrant *entrants; /* [n] */
    cir__survey survey;
    cir__sides shared;
    size_t n_groups;
    cir__group *groups;
    size_t most_positives;
} cir__entrants;

/* Fits the methods and puts what they ask of the pool into survey; n_nearest of it is set. The stream has its
 * sizes. End with cir__entrants_done, whatever came back. Errors: those of composing. */
CIR_MUST_CHECK cir_status cir__entrants_new(const cir_dataset *dataset, const cir__stream *stream,
                                            const cir_distracted *methods, size_t n, cir_pool *pool,
                                            cir__entrants *entrants_out, cir_error *err);
void cir__entrants_done(cir__entrants *entrants);

/* Whether somebody asks for the survey, which is then to be run before the groups are made. */
bool cir__entrants_need_survey(const cir__entrants *entrants);

/* Composes every contest and scores its positives. Errors: as above. */
CIR_MUST_CHECK cir_status cir__entrants_enter(cir__entrants *entrants, cir_pool *pool, cir_error *err);

/* Bytes of sides and contests. */
size_t cir__entrants_bytes(const cir__entrants *entrants);

#endif

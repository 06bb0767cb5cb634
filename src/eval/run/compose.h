/* From a data set's query to a linear query, whatever the method. */
#ifndef CIR_EVAL_COMPOSE_H
#define CIR_EVAL_COMPOSE_H

#include "eval/data/dataset.h"
#include "eval/run/fit.h"
#include "eval/run/words.h"

/* A method made ready for a data set; lends data set and settings. Zeroed means none. */
typedef struct cir__composing {
    const cir_dataset *dataset;
    const cir_settings *settings;
    cir_method method;
    cir__fit fit;     /* of BASIC */
    cir__words words; /* of FREEDOM */
} cir__composing;

/* Checks that the data set allows the method, and fits what its queries share; settings become those in
 * force. End with cir__composing_done, whatever came back. Errors: those of cir_eval_run. */
CIR_MUST_CHECK cir_status cir__composing_new(const cir_dataset *dataset, cir_method method,
                                             cir_settings *settings, cir_pool *pool,
                                             cir__composing *composing_out, cir_error *err);
void cir__composing_done(cir__composing *composing);

/* Queries begin to end, which rank the same rows (WeiCom and query expansion read them, in one pass for all),
 * into composed_out [end − begin]: each zeroed or to be ended with cir_composed_done, whatever came back.
 * Queries with the same photo, or the same text, get the same side. Errors: those of composing. */
CIR_MUST_CHECK cir_status cir__compose_all(const cir__composing *composing, size_t begin, size_t end,
                                           const cir_rows *rows, cir_composed *composed_out, cir_error *err);

/* One query. */
CIR_MUST_CHECK cir_status cir__compose(const cir__composing *composing, size_t q, const cir_rows *rows,
                                       cir_composed *composed_out, cir_error *err);

#endif

/* From a data set's query to a linear query, whatever the method: the library's composer over a data set. */
#ifndef CIR_EVAL_COMPOSE_H
#define CIR_EVAL_COMPOSE_H

#include "eval/data/dataset.h"
#include "method/composer.h"

/* A method made ready for a data set; lends data set and settings. Zeroed means none. */
typedef struct cir__composing {
    const cir_dataset *dataset;
    const cir_settings *settings; /* in force */
    cir_method method;
    cir_fit *fit; /* to the data set; NULL: the composer has its own, to an index */
    cir_composer *composer;
    const float
        *texts;       /* [n_text_rows, dim] features of the queries' words, contextualised where settings ask
                           for it; lent */
    bool *are_inside; /* of FREEDOM, [n_instances]: an instance's queries are in its database; NULL: nobody
                           asked */
} cir__composing;

/* Checks that the data set allows the method, and fits what its queries share; settings become those in
 * force. End with cir__composing_done, whatever came back. Errors: those of cir_eval_run. */
CIR_MUST_CHECK cir_status cir__composing_new(const cir_dataset *dataset, cir_method method,
                                             cir_settings *settings, cir_pool *pool,
                                             cir__composing *composing_out, cir_error *err);
void cir__composing_done(cir__composing *composing);

/* What is encoded of a query's words, for cir_eval_result. */
void cir__composing_describe_prompt(const cir__composing *composing, char out[CIR_PROMPT_SIZE]);

/* Queries begin to end, which rank the same rows (WeiCom and query expansion read them, in one pass for all),
 * into composed_out [end − begin]: each zeroed or to be ended with cir_composed_done, whatever came back.
 * Queries with the same photo, or the same text, get the same form. now: settings of a query that are others
 * than those in force; NULL: none. Errors: those of composing. */
CIR_MUST_CHECK cir_status cir__compose_all(const cir__composing *composing, size_t begin, size_t end,
                                           const cir_rows *rows, const cir_settings *now,
                                           cir_composed *composed_out, cir_error *err);

#endif

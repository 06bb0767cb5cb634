/* Composers from inside: over any fit, of many queries at once. */
#ifndef CIR_METHOD_COMPOSER_H
#define CIR_METHOD_COMPOSER_H

#include "base/folder.h"
#include "cir/method.h"
#include "method/query_set.h"

/* As cir_composer_new_of_fit, where the fit may be of features without a model (model NULL, and no text can be
 * encoded), and features of texts are kept in a folder (NULL: they are not). */
CIR_MUST_CHECK cir_status cir__composer_new(const cir_fit *fit, const cir_model *model, const cir_rows *rows,
                                            const cir__folder *texts, cir_method method,
                                            const cir_settings *settings, cir_composer **composer_out,
                                            cir_error *err);

/* Whose rows a set of queries searches. Zeroed: those of the composer. */
typedef struct cir__compose_options {
    size_t gallery;          /* of the fit */
    const cir_rows *rows;    /* NULL: the composer's */
    cir__inside inside;      /* of FREEDOM */
    const cir_settings *now; /* settings of a query; NULL: the composer's */
} cir__compose_options;

/* Composes a set of queries: composed_out [set->n], each zeroed or to be ended with cir_composed_done, whatever
 * came back. Errors: those of cir_composer_compose. */
CIR_MUST_CHECK cir_status cir__composer_compose(const cir_composer *composer, const cir__query_set *set,
                                                const cir__compose_options *options, cir_pool *pool,
                                                cir_composed *composed_out, cir_error *err);

#endif

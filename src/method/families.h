/* Families of methods: how each is fitted and composed, a row each. What a method needs of a query stands in
 * the table of methods (cir/method.h). */
#ifndef CIR_METHOD_FAMILIES_H
#define CIR_METHOD_FAMILIES_H

#include "method/fit.h"
#include "method/query_set.h"

typedef struct cir__family {
    /* NULL: there is nothing to fit. */
    cir_status (*fit)(cir_fit *fit, const cir__fit_source *source, cir_pool *pool, cir_error *err);
    /* The words' feature [dim]. NULL: words have none without the photo. */
    cir_status (*encode_text)(const cir__text_cache *texts, const cir_settings *settings,
                              const cir__terms *context, cir_pool *pool, const char *text, float *feature_out,
                              size_t *n_cut_out, cir_error *err);
    /* composed_out: [set->n], zeroed; those that were made are to be ended, whatever came back. */
    cir_status (*compose)(const cir__compose_context *context, const cir__query_set *set,
                          cir_composed *composed_out, cir_error *err);
} cir__family;

const cir__family *cir__family_get(cir_family family);

/* Fits a method from a source. *fit_out: end with cir_fit_free. Errors: those of the settings' files and of
 * encoding, CIR_ARGUMENT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__fit_new(const cir__fit_source *source, cir_method method,
                                       const cir_settings *settings, cir_pool *pool, cir_fit **fit_out,
                                       cir_error *err);

#endif

/* What BASIC or FREEDOM needs over an index beside the query: kept beside the vectors, or made now and kept.
 */
#ifndef CIR_METHOD_STOCK_H
#define CIR_METHOD_STOCK_H

#include "cir/method.h"
#include "method/basic.h"
#include "method/terms.h"

/* Immutable once filled. Lends index and model. */
typedef struct cir__stock {
    const cir_index *index;
    const cir_model *model;
    cir_settings settings; /* those in force: the estimated minima filled in */
    cir_rows rows;
    cir__basic basic; /* lends from below */

    cir__terms objects;
    const char **context; /* [n_context] terms that words are joined with, lent from objects */
    size_t n_context;

    float *object_features; /* [objects.n, dim] while filling, once something has needed them; FREEDOM keeps
                               them */
    float *image_mean, *text_mean;
    cir__projection projection, text_projection;
} cir__stock;

/* Fills it for settings. End with cir__stock_done, whatever came back. Errors: those of the settings' files
 * and of encoding, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__stock_fill(cir__stock *stock, const cir_index *index, const cir_model *model,
                                          const cir_settings *settings, cir_pool *pool, cir_error *err);
/* Fills in what FREEDOM needs: rows, and the object terms with their features as its vocabulary. Errors: as
 * above. */
CIR_MUST_CHECK cir_status cir__stock_fill_vocabulary(cir__stock *stock, const cir_index *index,
                                                     const cir_model *model, const cir_settings *settings,
                                                     cir_pool *pool, cir_error *err);
void cir__stock_done(cir__stock *stock); /* a zeroed one is allowed */

#endif

/* The features of a data set's database: mapped as their file has them, or in memory. Rows that are not of
 * unit length get scales, so that nothing is copied where the file's order is that of the items. */
#ifndef CIR_EVAL_GALLERY_H
#define CIR_EVAL_GALLERY_H

#include "cir/search.h"
#include "format/npy.h"

/* Read rows alone. Zeroed means none: rows.n_rows is 0, as it never is for one that is there. */
typedef struct cir__gallery {
    cir_rows rows; /* [n_database, dim] in the order of the items; each stands for a unit feature */

    cir__npy_file file; /* mapped */
    void *memory;       /* rows that are not in the file as they are needed */
    float *scales;
} cir__gallery;

/* Takes unit rows [n, dim], from cir__new: they are the gallery's now. */
void cir__gallery_own(cir__gallery *gallery, float *rows, size_t n, size_t dim);

/* Takes an open file of features, which is zeroed; its rows are of any length, and in the file's order so
 * far. name is for messages. Next, every block is to be measured and the rows to be ordered. Errors:
 * CIR_NO_MEMORY; the file is taken even so. */
CIR_MUST_CHECK cir_status cir__gallery_take(cir__gallery *gallery, cir__npy_file *file, const char *name,
                                            cir_error *err);

/* Measures the rows of one of cir__gallery_n_blocks blocks, different ones on different threads if need
 * be. */
size_t cir__gallery_n_blocks(const cir__gallery *gallery);
void cir__gallery_measure(cir__gallery *gallery, size_t i_block);

/* Puts the rows into an order [n], order[i] being the file's row that comes at place i: they are copied
 * unless that is the file's own order. Errors: CIR_FORMAT (a row of zeros, or with a NaN or an infinity: name
 * and row are named), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__gallery_order(cir__gallery *gallery, const char *name, const size_t *order,
                                             cir_pool *pool, cir_error *err);

void cir__gallery_done(cir__gallery *gallery);

#endif

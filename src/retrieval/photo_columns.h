/* What the catalogue says of every row, in memory: for filters, lists and counts. */
#ifndef CIR_RETRIEVAL_PHOTO_COLUMNS_H
#define CIR_RETRIEVAL_PHOTO_COLUMNS_H

#include "cir/collection.h"

typedef struct cir__columns cir__columns;

/* index: lent. Errors: those of cir_index_list_all_images, CIR_LIMIT. */
CIR_MUST_CHECK cir_status cir__columns_new(const cir_index *index, cir__columns **columns_out,
                                           cir_error *err);
void cir__columns_free(cir__columns *columns); /* NULL is allowed */

/* One byte a row, mask_out [n_rows]: whether it is ready and passes; *n_out: how many. Errors:
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__columns_mask(cir__columns *columns, const cir_photo_filter *filter,
                                            uint8_t *mask_out, size_t *n_out, cir_error *err);

/* Ready rows, newest first. */
const uint32_t *cir__columns_newest(const cir__columns *columns, size_t *n_out);

/* As cir_collection_count, cir_collection_get_facts, cir_collection_set_camera, cir_collection_get_camera. */
CIR_MUST_CHECK cir_status cir__columns_count(cir__columns *columns, cir_facet facet,
                                             cir_facet_visit_fn *visit, void *context, cir_error *err);
CIR_MUST_CHECK cir_status cir__columns_get_facts(const cir__columns *columns, size_t id,
                                                 cir_photo_facts *facts_out, cir_error *err);
CIR_MUST_CHECK cir_status cir__columns_set_camera(cir__columns *columns, size_t id, const char *name,
                                                  cir_error *err);
const char *cir__columns_get_camera(cir__columns *columns, size_t id);

#endif

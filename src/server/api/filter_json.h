/* Which photos a request is about, as its JSON or its parameters say it. */
#ifndef CIR_SERVER_FILTER_JSON_H
#define CIR_SERVER_FILTER_JSON_H

#include <jansson.h>

#include "cir/collection.h"

/* cir_photo_filter_set for a text from outside. Errors: CIR_ARGUMENT, "filters.KEY: WHY". */
CIR_MUST_CHECK cir_status cir__filter_set(cir_photo_filter *filter, const char *key, const char *value,
                                          cir_error *err);

/* Reads {"folder", "after", "before", "orientation", "camera"}, each optional. The filter lends from object. Errors:
 * CIR_ARGUMENT. */
CIR_MUST_CHECK cir_status cir__filter_parse(const json_t *object, cir_photo_filter *filter_out,
                                            cir_error *err);

/* The same filters, and no others, give the same value. */
json_t *cir__filter_key(const cir_photo_filter *filter);

#endif

/* Which photos pass: one of the catalogue's, by what filters look at. */
#ifndef CIR_RETRIEVAL_PHOTO_FILTER_H
#define CIR_RETRIEVAL_PHOTO_FILTER_H

#include "cir/collection.h"

/* A caller's filter, or NULL for all. Errors: those of cir__growable_read, CIR_ARGUMENT (orientation). */
CIR_MUST_CHECK cir_status cir__photo_filter_read(const cir_photo_filter *given, cir_photo_filter *own,
                                                 cir_error *err);

/* The same filters, and no others, give the same text. free(). NULL when out of memory. */
char *cir__photo_filter_key(const cir_photo_filter *filter);

#endif

/* The centre of compact codes: about the mean of the features, from runs of rows at even distances, so that a
 * file larger than memory is not read whole. Codes are right with any centre, and sharp with a good one. */
#ifndef CIR_INDEX_CODES_CENTRE_H
#define CIR_INDEX_CODES_CENTRE_H

#include "cir/status.h"
#include "index/store/checksums.h"
#include "index/store/vectors.h"

/* Rows that it is taken from, at most. */
#define CIR__CODES_CENTRE_ROWS 65536

/* centre_out: [vectors' dim]; zero where no row is sound. The same for the same features. Errors: CIR_IO,
 * CIR_DAMAGED, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__codes_centre_fit(const cir__vectors *vectors, const cir__checksums *checksums,
                                                float *centre_out, cir_error *err);

#endif

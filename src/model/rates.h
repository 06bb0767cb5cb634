/* How fast this processor multiplies in each precision, measured once and kept in the user's cache. */
#ifndef CIR_MODEL_RATES_H
#define CIR_MODEL_RATES_H

#include <stdbool.h>

#include "cir/status.h"
#include "model/config.h"

#define CIR__N_PRECISIONS 3 /* of cir__precision */

bool cir__precision_is_supported(cir__precision precision);

/* 10⁹ operations a second of one thread, in all that a layer does but attention; 0: not supported. */
typedef struct cir__rates {
    double gops[CIR__N_PRECISIONS];
} cir__rates;

/* Measures them by the thread's processor time, in a tenth of a second. Errors: CIR_NO_MEMORY, CIR_UNSUPPORTED. */
CIR_MUST_CHECK cir_status cir__rates_measure(cir__rates *rates_out, cir_error *err);

/* Those that are kept for this processor and this oneDNN, else measured now and kept. Errors: as above. */
CIR_MUST_CHECK cir_status cir__rates_get(cir__rates *rates_out, cir_error *err);

#endif

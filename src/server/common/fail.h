/* Refusals in the library's form: a status and "WHAT: WHY; NEXT STEP". */
#ifndef CIR_SERVER_FAIL_H
#define CIR_SERVER_FAIL_H

#include "cir/status.h"

/* Fills err, which may be NULL, and returns status. Control characters, which may come from a request, become
 * question marks. */
cir_status cir__refuse(cir_error *err, cir_status status, const char *format, ...) CIR_PRINTF(3, 4);

cir_status cir__refuse_memory(cir_error *err);

#endif

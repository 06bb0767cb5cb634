/* Filling in a caller's cir_error; knows nothing but the statuses. */
#ifndef CIR_SHARED_FAILURE_H
#define CIR_SHARED_FAILURE_H

#include "cir/status.h"

/* Writes the message ("WHAT: WHY; NEXT STEP") into err, which may be NULL, and returns status (never CIR_OK).
 * Control characters are made visible, so that a hostile file name cannot steer a terminal. */
cir_status cir__fail(cir_error *err, cir_status status, const char *format, ...) CIR_PRINTF(3, 4);

/* The same for a failed system call: chooses the status by the errno value and appends its text.
 * cir__fail_errno(err, errno, "photos/a.jpg: cannot be opened") → "photos/a.jpg: cannot be opened: Permission
 * denied" */
cir_status cir__fail_errno(cir_error *err, int errno_value, const char *format, ...) CIR_PRINTF(3, 4);

/* Out of memory: what is the thing that needed it. */
cir_status cir__fail_memory(cir_error *err, const char *what);

/* Empties err, which may be NULL: every public function does so at entry. */
void cir__error_clear(cir_error *err);

#endif

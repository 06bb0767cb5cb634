/* Starting libvips once for the process, and being a guest in it: its settings are left as they are, see
 * image.h. */
#ifndef CIR_IMAGE_VIPS_H
#define CIR_IMAGE_VIPS_H

#include "cir/status.h"

/* Call before each piece of work with libvips, of which it then keeps no errors; cheap after the first time.
 * Thread-safe. Errors:
 * CIR_UNSUPPORTED (libvips does not start), CIR_NO_MEMORY (it would not get what it needs, and end the
 * process). */
CIR_MUST_CHECK cir_status cir__vips_start(cir_error *err);

/* Call after a piece of work on the thread that did it, once for each start that succeeded: libvips keeps
 * texts of errors again. */
void cir__vips_leave(void);

#endif

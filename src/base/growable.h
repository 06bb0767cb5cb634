/* Structs of a public header that callers fill and that later versions add members to: they begin with their size
 * as the caller was compiled (size_t), and a zeroed new member means what was done before there was one. */
#ifndef CIR_BASE_GROWABLE_H
#define CIR_BASE_GROWABLE_H

#include <stddef.h>

#include "cir/status.h"

/* Sets up a caller's struct of size bytes with ours, of own_size: what both know. */
void cir__growable_init(void *given, size_t size, const void *defaults, size_t own_size);

/* Copies a caller's struct into ours, [own_size], whose size member stays; what the caller does not know becomes
 * zero. what: its type, for messages. Errors: CIR_ARGUMENT (it was not set up), CIR_UNSUPPORTED (it has a member
 * set that we do not know). */
CIR_MUST_CHECK cir_status cir__growable_read(const void *given, void *own, size_t own_size, const char *what,
                                             cir_error *err);

/* The same of options that may be NULL: then ours is zero, but for its size. */
CIR_MUST_CHECK cir_status cir__options_read(const void *given, void *own, size_t own_size, const char *what,
                                            cir_error *err);

/* Copies ours into a caller's struct that was set up with its size, which stays. Errors: CIR_ARGUMENT. */
CIR_MUST_CHECK cir_status cir__growable_write(void *given, const void *own, size_t own_size, const char *what,
                                              cir_error *err);

#endif

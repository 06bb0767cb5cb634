/* Which memory is mapped from which file, so that a file that is cut short ends what uses it, and not the
 * process (cir/mapping.h). */
#ifndef CIR_BASE_MAPPED_H
#define CIR_BASE_MAPPED_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/mapping.h"

/* One mapped file. */
typedef struct cir__mapped cir__mapped;

/* Bytes between two looks at the length of a file that is being read: a look is one fstat. */
#define CIR__MAPPED_LOOK_BYTES ((size_t)64 << 20)

/* Notes that [data, data + size) is mapped, from a file of which at least n_needed bytes have to stay. fd: of
 * the file, to look at its length now and then: a copy is kept open; −1, or none to spare: it is not looked
 * at. false: out of memory. */
bool cir__mapped_add(const void *data, size_t size, int fd, size_t n_needed, const char *name);

/* Forgets it; call before it is unmapped. What was never noted is allowed. */
void cir__mapped_remove(const void *data);

/* What an address is mapped from; NULL: nothing that was noted. Valid until it is removed. */
const cir__mapped *cir__mapped_find(const void *address);

/* Whether nothing of it was lost, by a look at the file's length where that can be looked at. NULL is
 * whole. */
bool cir__mapped_is_whole(const cir__mapped *mapped);

/* Whether the bytes from offset on may be read: whole, as far as is known, with a look at the length where
 * they reach over a multiple of CIR__MAPPED_LOOK_BYTES. For loops that read a file from its beginning to its
 * end. */
bool cir__mapped_may_read(const cir__mapped *mapped, size_t offset, size_t size);

/* The same as a status: after results were computed from memory at address. Errors: CIR_DAMAGED. */
CIR_MUST_CHECK cir_status cir__mapped_check(const void *address, cir_error *err);

#endif

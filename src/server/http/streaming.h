/* Files sent piece by piece: read by workers, so that a disk that is slow holds up nobody but who waits for
 * it. */
#ifndef CIR_SERVER_STREAMING_H
#define CIR_SERVER_STREAMING_H

#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

typedef struct cir__streaming cir__streaming;

/* n_places: files that may wait for a piece at once. NULL when out of threads or memory. */
cir__streaming *cir__streaming_new(size_t n_workers, size_t n_places);

/* What is being read is the last; before the connections are closed. NULL is allowed. */
void cir__streaming_close(cir__streaming *streaming);
void cir__streaming_free(cir__streaming *streaming);

/* An answer of n bytes of a file from first on. fd is taken over. NULL when out of memory. */
struct MHD_Response *cir__streaming_answer(cir__streaming *streaming, struct MHD_Connection *connection,
                                           int fd, uint64_t first, uint64_t n);

#endif

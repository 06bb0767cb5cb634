/* Pictures decoded in processes of their own, which a hostile picture cannot break out of: one process a
 * thread that decodes, kept from picture to picture. Each is this program again, started as "cir
 * decode-worker"; it has no files but a socket and shared memory, cannot open any, and dies with the one that
 * started it. */
#ifndef CIR_CLI_DECODE_WORKERS_H
#define CIR_CLI_DECODE_WORKERS_H

#include "cir/cir.h"

typedef struct cir__decode_workers cir__decode_workers;

typedef struct cir__decode_limits {
    size_t n_seconds; /* of processor time, a picture */
    size_t n_kept;    /* processes kept for the next picture */
} cir__decode_limits;

/* No process is started before it is needed. NULL where memory, or a thread, is short. */
cir__decode_workers *cir__decode_workers_new(const cir__decode_limits *limits);

/* Ends all processes; no call may be using them. NULL is allowed. */
void cir__decode_workers_free(cir__decode_workers *workers);

/* A cir_decode_fn, whose context is a cir__decode_workers. A picture whose process dies over it is an error
 * like any other: CIR_LIMIT where it took too much time or memory, CIR_FORMAT else. Where no first process
 * can be started, pictures are decoded in the calling process. */
cir_status cir__decode_workers_decode(void *workers, const void *bytes, size_t size_bytes, const char *name,
                                      const cir_image_options *options, cir_decode_admit_fn *admit,
                                      void *admit_context, cir_image *image_out, cir_image_facts *facts_out,
                                      cir_error *err);

/* What keeps the pictures apart, starting a process where none has been: "process seccomp landlock memory",
 * without those that this system lacks; "" where it is none. Static storage. */
const char *cir__decode_workers_isolation(cir__decode_workers *workers);

#endif

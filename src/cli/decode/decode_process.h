/* One decode worker as its parent sees it: a process, a socket to it, and the memory that both see. */
#ifndef CIR_CLI_DECODE_PROCESS_H
#define CIR_CLI_DECODE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Shared memory, which only grows: the worker cannot take back what is read here. */
typedef struct cir__shared {
    int fd;
    uint8_t *at; /* [capacity] */
    size_t capacity;
} cir__shared;

typedef struct cir__decode_process {
    struct cir__decode_process *next; /* its owner's */
    pid_t pid;
    int socket;
    cir__shared bytes, pixels;
    bool has_waited; /* for a picture: it may have ended unnoticed */
} cir__decode_process;

/* Starts one and waits until it is ready; it dies with the calling thread. n_seconds: of processor time that
 * a picture may take. *isolation_out: bits of decode_message.h. NULL where it cannot be started. */
cir__decode_process *cir__decode_process_start(size_t n_seconds, int *isolation_out);

/* Whether it has gone by itself. */
bool cir__decode_process_is_gone(const cir__decode_process *process);

/* Ends it, whatever it does, and frees it: how it ended, as of waitpid; by itself, where it had. */
int cir__decode_process_end(cir__decode_process *process);

/* Room for at least n_bytes; what it held is lost. false: there is none, and the process is of no more
 * use. */
bool cir__shared_grow(cir__shared *memory, size_t n_bytes);

/* A whole message, heard in time. false: the process is gone, silent or out of step: end it. */
bool cir__decode_process_say(const cir__decode_process *process, const void *message, size_t size);
bool cir__decode_process_hear(const cir__decode_process *process, void *message, size_t size, double until);

#endif

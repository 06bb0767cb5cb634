/* What the program and its decode workers say to each other over a socket of whole messages; the picture's
 * bytes and its pixels lie in shared memory. Both ends are one program, so that structs go as they are. */
#ifndef CIR_CLI_DECODE_MESSAGE_H
#define CIR_CLI_DECODE_MESSAGE_H

#include "cir/cir.h"

/* The worker's first word, after "decode-worker". */
#define CIR__DECODE_WORKER "decode-worker"

/* The files a worker starts with. */
enum { CIR__WORKER_SOCKET = 3, CIR__WORKER_BYTES = 4, CIR__WORKER_PIXELS = 5, CIR__WORKER_N_FILES = 6 };

/* What keeps a worker apart, beside being a process: bits of cir__decode_hello. */
enum {
    CIR__ISOLATED_SYSCALLS = 1, /* seccomp */
    CIR__ISOLATED_FILES = 2,    /* Landlock */
    CIR__ISOLATED_MEMORY = 4    /* a limit on its address space */
};

/* The worker is ready. */
typedef struct cir__decode_hello {
    int isolation;
} cir__decode_hello;

/* One picture. */
typedef struct cir__decode_request {
    size_t size_bytes;     /* of the file, in the bytes' memory */
    size_t bytes_capacity; /* of both memories as they are now */
    size_t pixels_capacity;
    size_t admitted_bytes; /* it need not ask for so much */
    bool wants_pixels;
    cir_image_options options; /* decoder: NULL */
    char name[CIR_ERROR_MESSAGE_SIZE];
} cir__decode_request;

/* The answer to what the worker asks for on the way. */
typedef struct cir__decode_grant {
    cir_status status;
    size_t pixels_capacity;
} cir__decode_grant;

typedef enum cir__decode_word {
    CIR__ASKS_MEMORY, /* n_bytes for decoding */
    CIR__ASKS_ROOM,   /* n_bytes for the pixels, in the shared memory */
    CIR__DECODED      /* all that follows */
} cir__decode_word;

typedef struct cir__decode_reply {
    cir__decode_word word;
    size_t n_bytes;
    cir_status status;
    size_t width_px, height_px;
    cir_image_facts facts;
    cir_error err;
} cir__decode_reply;

#endif

/* How a command decodes pictures, as its options say: in processes of their own or in this one, within
 * limits. */
#ifndef CIR_CLI_DECODING_H
#define CIR_CLI_DECODING_H

#include "cir/cir.h"
#include "cli/common/arguments.h"
#include "cli/decode/decode_workers.h"

/* For the commands' tables; memory: the default in megabytes, as text. */
#define CIR__DECODING_FLAGS(memory)                                                                          \
    {"decode-in-process", 0, NULL,                                                                           \
     "decode pictures in this process, not in sandboxed ones without access to files or network"},           \
        {"max-decode-memory", 0, "MB",                                                                       \
         "refuse pictures that need more memory to decode (default " memory ")"},                            \
    {                                                                                                        \
        "max-decode-seconds", 0, "N", "give up on pictures that need more processor time (default 60)"       \
    }

typedef struct cir__decoding {
    cir_decoder *decoder;
    cir__decode_workers *workers; /* NULL: in this process */
} cir__decoding;

/* n_threads: that decode at once. max_megabytes: the default. A status for exit, after a message. */
int cir__decoding_open(const cir__arguments *arguments, size_t n_threads, size_t max_megabytes,
                       cir__decoding *decoding_out);
void cir__decoding_close(cir__decoding *decoding); /* a zeroed one is allowed */

/* What keeps pictures apart (decode_workers.h), starting a process where none has been. */
const char *cir__decoding_isolation(const cir__decoding *decoding);

/* Says on standard error what of that this system lacks, unless it was not asked for. */
void cir__decoding_say(const cir__arguments *arguments, const cir__decoding *decoding);

#endif

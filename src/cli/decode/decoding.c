#include "cli/decode/decoding.h"

#include <stdio.h>
#include <string.h>

#include "cli/common/session.h"

int cir__decoding_open(const cir__arguments *arguments, size_t n_threads, size_t max_megabytes,
                       cir__decoding *decoding_out)
{
    enum { DEFAULT_SECONDS = 60, MEGABYTE = 1000000 };
    cir__decode_limits limits = {.n_seconds = DEFAULT_SECONDS, .n_kept = n_threads};
    cir_error err;
    *decoding_out = (cir__decoding){0};
    if (!cir__arguments_count(arguments, "max-decode-memory", 64, 1000000, &max_megabytes) ||
        !cir__arguments_count(arguments, "max-decode-seconds", 1, 86400, &limits.n_seconds))
        return CIR__USAGE;
    cir_decoder_options options = {.size = sizeof options, .max_picture_bytes = max_megabytes * MEGABYTE};
    if (!cir__arguments_has(arguments, "decode-in-process")) {
        options.context = decoding_out->workers = cir__decode_workers_new(&limits);
        options.decode = cir__decode_workers_decode;
        if (decoding_out->workers == NULL) {
            fprintf(stderr, "cir: decoder: its thread cannot be started; free memory, or try again later\n");
            return CIR__FAILED;
        }
    }
    if (cir_decoder_new(&options, &decoding_out->decoder, &err) == CIR_OK)
        return CIR__DONE;
    cir__decoding_close(decoding_out);
    return cir__session_fail(&err);
}

void cir__decoding_close(cir__decoding *decoding)
{
    cir_decoder_free(decoding->decoder);
    cir__decode_workers_free(decoding->workers);
    *decoding = (cir__decoding){0};
}

const char *cir__decoding_isolation(const cir__decoding *decoding)
{
    return decoding->workers != NULL ? cir__decode_workers_isolation(decoding->workers) : "";
}

void cir__decoding_say(const cir__arguments *arguments, const cir__decoding *decoding)
{
    if (decoding->workers == NULL || cir__arguments_has(arguments, "quiet"))
        return;
    const char *isolation = cir__decoding_isolation(decoding);
    if (isolation[0] == '\0')
        fprintf(stderr, "cir: pictures are decoded in this process: no separate one can be started (is /proc "
                        "mounted?)\n");
    else if (strstr(isolation, "seccomp") == NULL)
        fprintf(stderr, "cir: pictures are decoded in separate processes, but this system cannot restrict "
                        "their system calls (no seccomp)\n");
}

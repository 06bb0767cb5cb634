/* Requests to a model hub over HTTP (libcurl), its redirections followed one by one.
 *
 * A hub answers for a file itself, or sends on to a store with a signed address that expires. What is true of
 * the file (checksum, size, commit) is the hub's word alone: what a store tells counts for nothing. The
 * user's token goes to the hub's host alone. No redirection leads from https to http, to another protocol, or
 * from a public hub into this machine's own network. */
#ifndef CIR_CLI_HUB_H
#define CIR_CLI_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/models/hub_headers.h"

#define CIR__HUB_DEFAULT_URL "https://huggingface.co"
#define CIR__HUB_URL_SIZE 8192 /* signed addresses are long */
#define CIR__HUB_ERROR_SIZE 1024

typedef struct cir__hub cir__hub;

/* url: of the hub, or NULL for $CIR_MODEL_URL, else $HF_ENDPOINT, else the default. The token is $HF_TOKEN,
 * or what the file $HF_TOKEN_PATH holds. NULL, with error, where the address or the token cannot be used.
 * Free with cir__hub_free. */
cir__hub *cir__hub_new(const char *url, char error[CIR__HUB_ERROR_SIZE]);
void cir__hub_free(cir__hub *hub); /* NULL is allowed */

/* Without the last slash. Lives as long as the hub. */
const char *cir__hub_url(const cir__hub *hub);

/* What the hub itself told of the file, in any of its answers. Numbers are -1 and texts "" where it did
 * not. */
typedef struct cir__hub_told {
    long long size;
    char sha256[CIR__DIGEST_TEXT_SIZE];
    char git_sha1[CIR__DIGEST_TEXT_SIZE];
    char commit[CIR__DIGEST_TEXT_SIZE];
} cir__hub_told;

/* One request. */
typedef struct cir__hub_request {
    const char *url;
    long long begin; /* asks for the bytes from here on; take_told may set it to 0 */
    void *context;
    /* Told after every answer of the hub and before the body of the last answer (is_last); false ends the
     * request. */
    bool (*take_told)(void *context, const cir__hub_told *told, bool is_last);
    /* The last answer's body, where its status is 200 or 206; false ends the request. */
    bool (*take_bytes)(void *context, const char *bytes, size_t size);
    bool (*watch)(void *context); /* false ends the request */
    /* out: */
    cir__hub_told told;
    cir__hub_headers headers; /* of the last answer */
    bool is_from_hub;         /* that answer came from the hub itself */
    bool has_ended_early;     /* one of the above said false */
    bool is_final;            /* another try would not help */
    int wait_s;               /* the server asks to wait so long before another one; -1: it does not */
    char error[CIR__HUB_ERROR_SIZE];
} cir__hub_request;

/* True: status 200 or 206, and all of the body was taken. */
bool cir__hub_get(cir__hub *hub, cir__hub_request *request);

#endif

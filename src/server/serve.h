/* The server: everything it is made of, started and stopped. It sees the library through its public headers,
 * and is no part of it: libcir needs no HTTP, and who embeds it brings a server of their own. */
#ifndef CIR_SERVER_SERVE_H
#define CIR_SERVER_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/cir.h"

typedef struct cir__serve_options {
    const char *index_path;
    cir_precision precision;  /* of the model's products */
    const char *model_path;   /* a model of the index; NULL: the first, from where it lay then */
    const char *address;      /* NULL: 127.0.0.1 */
    uint16_t port;            /* 0: any that is free */
    const char *token_file;   /* NULL: none; one is made where the address is not a loopback */
    const char *const *hosts; /* [n_hosts] names that Host may bear beside addresses and localhost */
    size_t n_hosts;
    const char *base_path; /* where a proxy puts the server, as in "/photos"; NULL: at the root */
    const char *certificate_file, *key_file; /* both or neither */
    size_t max_upload_megabytes, max_megapixels;
    cir_decoder *decoder;  /* of all pictures; NULL: the library's own */
    const char *isolation; /* what keeps the decoder apart, words with a blank between; "": nothing does */
    bool allows_update;
    bool forget_texts; /* as in cir_settings */
    bool is_trusted;   /* as in cir_index_options */
} cir__serve_options;

typedef struct cir__server cir__server;

/* Starts; the options' strings and the pool are lent until it is stopped. Errors: those of opening index,
 * model and files, CIR_ARGUMENT, CIR_BUSY (the port), CIR_PERMISSION, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__server_start(const cir__serve_options *options, cir_pool *pool,
                                            cir__server **server_out, cir_error *err);

/* Lets what is under way end, then frees it. NULL is allowed. */
void cir__server_stop(cir__server *server);

/* "http://127.0.0.1:8080/", with "#token=…" where one was made: live as long as the server. */
const char *cir__server_url(const cir__server *server);
bool cir__server_made_token(const cir__server *server);
size_t cir__server_n_images(cir__server *server);

#endif

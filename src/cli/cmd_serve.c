/* cir serve: the page people search with, and the API programs search with. */
#include <stdio.h>
#include <time.h>

#include "cli/common/commands.h"
#include "cli/common/session.h"
#include "cli/decode/decoding.h"
#include "server/serve.h"

static const cir__flag flags[] = {
    {"address", 0, "ADDRESS", "where to listen (default 127.0.0.1; others need a token)"},
    {"port", 0, "N", "which port (default 8080; 0: any that is free)"},
    {"token-file", 0, "FILE", "a file, readable by you alone, with the token that clients must send"},
    {"host", 0, "NAME ...", "another host name of this server, as behind a proxy"},
    {"base-path", 0, "PATH", "the path under which a proxy serves it, as in /photos"},
    {"tls-certificate", 0, "FILE", "serve HTTPS with this certificate (PEM)"},
    {"tls-key", 0, "FILE", "and this key"},
    {"model", 0, "MODEL", "the folder of the index' model, or which of its models to use"},
    {"precision", 0, "auto|fast|f32|bf16|int8",
     "of the encoder's matrix products (default auto: the fastest that keeps the features; cir info MODEL "
     "says which)"},
    {"max-upload", 0, "MB", "largest picture that may be uploaded (default 32)"},
    {"max-megapixels", 0, "N", "most megapixels of an uploaded picture (default 100)"},
    CIR__DECODING_FLAGS("1024"),
    {"forget-texts", 0, NULL, "do not cache features of searched words beside the index"},
    {"no-update", 0, NULL, "do not let the page update the index"},
    {"trust", 0, NULL, "trust an index that belongs to another user or names folders elsewhere"},
    {0},
};

static void print_start(const cir__arguments *arguments, cir__server *server)
{
    char n[32];
    if (cir__server_made_token(server))
        /* The address is a secret: it goes to the terminal alone, once. */
        fprintf(stderr, "cir: open %s\n", cir__server_url(server));
    else
        printf("%s\n", cir__server_url(server));
    fflush(stdout);
    if (!cir__arguments_has(arguments, "quiet"))
        fprintf(stderr, "cir: serving %s photos; Ctrl-C ends it\n",
                cir__count_text(cir__server_n_images(server), n));
}

static int serve(const cir__arguments *arguments, cir__serve_options *options)
{
    cir_pool *pool = NULL;
    cir__decoding decoding = {0};
    cir__server *server = NULL;
    cir_error err;
    /* Before any thread of ours, though libraries may have made theirs already: so a handler, and no mask. */
    cir__session_catch_interrupts();
    int status = cir__session_open_pool(arguments, &pool);
    if (status == CIR__DONE)
        status = cir__decoding_open(arguments, cir_pool_get_n_threads(pool), 1024, &decoding);
    if (status == CIR__DONE) {
        options->decoder = decoding.decoder;
        options->isolation = cir__decoding_isolation(&decoding);
        cir__decoding_say(arguments, &decoding);
    }
    if (status == CIR__DONE && cir__server_start(options, pool, &server, &err) != CIR_OK)
        status = cir__session_fail(&err);
    if (status == CIR__DONE) {
        print_start(arguments, server);
        while (!cir__session_is_interrupted())
            (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    cir__server_stop(server);
    cir__decoding_close(&decoding);
    cir_pool_free(pool);
    return status;
}

static int run(const cir__arguments *arguments)
{
    size_t port = 8080;
    cir__serve_options options = {
        .model_path = cir__arguments_get(arguments, "model"),
        .address = cir__arguments_get(arguments, "address"),
        .token_file = cir__arguments_get(arguments, "token-file"),
        .base_path = cir__arguments_get(arguments, "base-path"),
        .certificate_file = cir__arguments_get(arguments, "tls-certificate"),
        .key_file = cir__arguments_get(arguments, "tls-key"),
        .max_upload_megabytes = 32,
        .max_megapixels = 100,
        .allows_update = !cir__arguments_has(arguments, "no-update"),
        .forget_texts = cir__arguments_has(arguments, "forget-texts"),
        .is_trusted = cir__arguments_has(arguments, "trust"),
    };
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one index");
    if (cir__session_read_precision(arguments, CIR_PRECISION_AUTO, &options.precision) != CIR__DONE)
        return CIR__USAGE;
    if ((options.certificate_file == NULL) != (options.key_file == NULL))
        return cir__arguments_refuse(arguments, "--tls-certificate and --tls-key go together");
    if (!cir__arguments_count(arguments, "port", 0, 65535, &port) ||
        !cir__arguments_count(arguments, "max-upload", 1, 200, &options.max_upload_megabytes) ||
        !cir__arguments_count(arguments, "max-megapixels", 1, 1000, &options.max_megapixels))
        return CIR__USAGE;
    options.index_path = cir__arguments_operands(arguments)[0];
    options.port = (uint16_t)port;
    enum { MAX_HOSTS = 64 };
    const char *hosts[MAX_HOSTS];
    const char *host;
    for (size_t i = 0; (host = cir__arguments_next(arguments, "host", &i)) != NULL;) {
        if (options.n_hosts == MAX_HOSTS)
            return cir__arguments_refuse(arguments, "--host: at most %d names", MAX_HOSTS);
        hosts[options.n_hosts++] = host;
    }
    options.hosts = hosts;
    return serve(arguments, &options);
}

const cir__command cir__command_serve = {
    .name = "serve",
    .synopsis = "INDEX [options]",
    .summary = "serve a search page and an HTTP API",
    .flags = flags,
    .notes =
        "The address to open is printed on standard output. Only this machine can reach it, unless --address says\n"
        "otherwise; then a token is needed: the one in --token-file, else one is made and printed once, as part\n"
        "of the address, on standard error.\n"
        "\n"
        "Examples:\n"
        "  cir serve photos.cir\n"
        "  cir serve photos.cir --address 0.0.0.0 --token-file token --tls-certificate cert.pem --tls-key key.pem\n"
        "  curl -s http://127.0.0.1:8080/v1/search -F image=@temple.jpg -F 'query={\"text\": \"at night\"}'\n",
    .run = run,
};

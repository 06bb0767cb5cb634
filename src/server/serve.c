#include "server/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "server/context.h"
#include "server/events.h"
#include "server/fail.h"
#include "server/flights.h"
#include "server/http.h"
#include "server/known_models.h"
#include "server/looking.h"
#include "server/route.h"
#include "server/update.h"

struct cir__server {
    cir__context context;
    cir__http *http;
    pthread_t keeper; /* looks after deadlines, listeners and other processes' updates */
    bool has_keeper;
    cir__looking *looking;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_ending;
    bool made_token;
    char url[512];
};

/* ---- the token ---- */

/* A text file of at most max bytes, whole; free(). NULL after err. */
static char *read_text(const char *path, size_t max, cir_error *err)
{
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? calloc(max + 2, 1) : NULL;
    size_t n = text != NULL ? fread(text, 1, max + 1, file) : 0;
    bool is_read = text != NULL && !ferror(file) && n > 0 && n <= max && strlen(text) == n;
    if (!is_read)
        (void)cir__refuse(err, file == NULL && errno == ENOENT ? CIR_NOT_FOUND : CIR_IO,
                          "%s: cannot be read, is empty, larger than %zu bytes or no text", path, max);
    if (file != NULL)
        fclose(file);
    if (is_read)
        return text;
    free(text);
    return NULL;
}

static cir_status read_token(const char *path, char token_out[CIR__TOKEN_SIZE], cir_error *err)
{
    enum { MIN_TOKEN = 16 };
    char *text = read_text(path, 4096, err);
    if (text == NULL)
        return err->status;
    text[strcspn(text, " \t\r\n")] = '\0';
    size_t n = strlen(text);
    cir_status status = CIR_OK;
    if (n < MIN_TOKEN || n >= CIR__TOKEN_SIZE)
        status = cir__refuse(err, CIR_ARGUMENT,
                             "%s: its first word has %zu bytes; a token has %d to %d: openssl rand -hex 32",
                             path, n, MIN_TOKEN, CIR__TOKEN_SIZE - 1);
    else
        memcpy(token_out, text, n + 1);
    free(text);
    return status;
}

static bool is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static cir_status set_up_guard(cir__server *self, const cir__serve_options *options, const char *address,
                               cir_error *err)
{
    enum { N_BYTES = 32 };
    cir__guard *guard = &self->context.guard;
    guard->is_loopback = is_loopback(address);
    guard->is_tls = options->certificate_file != NULL;
    guard->hosts = options->hosts;
    guard->n_hosts = options->n_hosts;
    if (!cir__guard_draw(N_BYTES, guard->session))
        return cir__refuse(err, CIR_IO, "server: the system gives no random numbers");
    if (options->token_file != NULL)
        return read_token(options->token_file, guard->token, err);
    if (guard->is_loopback)
        return CIR_OK;
    self->made_token = cir__guard_draw(N_BYTES, guard->token);
    return self->made_token ? CIR_OK : cir__refuse(err, CIR_IO, "server: the system gives no random numbers");
}

/* ---- the parts ---- */

static cir_status open_model(cir__context *context, const cir__serve_options *options, cir_error *err)
{
    cir_index *index;
    cir_status status = cir_index_open(options->index_path, NULL, &index, err);
    if (status != CIR_OK)
        return status;
    if (cir_index_get_info(index)->model->is_made_up) {
        cir_index_close(index);
        return cir__refuse(
            err, CIR_MISMATCH,
            "%s: its features are made up (cir bench make-index), and no model encodes like them",
            options->index_path);
    }
    const char *path =
        options->model_path != NULL ? options->model_path : cir_index_get_info(index)->model->path;
    cir_error why;
    status = cir__known_model_open(path, &(cir_model_options){options->precision}, &context->model, &why);
    if (status != CIR_OK)
        (void)cir__refuse(err, status, "%.900s%s", why.message,
                          options->model_path == NULL
                              ? "; the index was made with that model: say where it lies now with --model DIR"
                              : "");
    cir_index_close(index);
    return status;
}

static cir_status make_parts(cir__context *context, cir_error *err)
{
    size_t n_threads = cir_pool_n_threads(context->pool);
    context->connections = cir__connections_new();
    context->flights = cir__flights_new();
    context->metrics = cir__metrics_new(cir__route_pattern);
    context->uploads = cir__cache_new(CIR__UPLOAD_CACHE_BYTES);
    context->features = cir__cache_new(CIR__FEATURE_CACHE_BYTES);
    context->answers = cir__cache_new(CIR__ANSWER_CACHE_BYTES);
    context->small_pictures = cir__cache_new(CIR__PICTURE_CACHE_BYTES);
    context->events = cir__events_new();
    context->update = cir__update_new(context);
    /* Two, so that one search's words are encoded while another's rows are scanned. */
    context->searches = cir__queue_new(2, CIR__SEARCH_PLACES);
    context->thumbnails = cir__queue_new(n_threads, CIR__PICTURE_PLACES);
    bool is_whole = context->connections != NULL && context->flights != NULL && context->metrics != NULL &&
                    context->uploads != NULL && context->features != NULL && context->answers != NULL &&
                    context->small_pictures != NULL && context->events != NULL && context->update != NULL &&
                    context->searches != NULL && context->thumbnails != NULL;
    context->kept_pictures = cir__pictures_open(context->index_path);
    context->cameras = cir__cameras_new(context->kept_pictures);
    return is_whole && context->cameras != NULL ? CIR_OK : cir__refuse_memory(err);
}

static void *keep(void *argument)
{
    cir__server *self = argument;
    cir__update_prepare(&self->context);
    pthread_mutex_lock(&self->lock);
    while (!self->is_ending) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 1;
        (void)pthread_cond_timedwait(&self->ended, &self->lock, &until);
        pthread_mutex_unlock(&self->lock);
        cir__connections_cut(self->context.connections);
        cir__events_ping(self->context.events);
        cir__update_tick(self->context.update);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static cir_status start_http(cir__server *self, const cir__serve_options *options, const char *address,
                             cir_error *err)
{
    enum { MAX_PEM = 1 << 20 };
    char *certificate = NULL;
    char *key = NULL;
    cir_status status = CIR_OK;
    if (options->certificate_file != NULL &&
        ((certificate = read_text(options->certificate_file, MAX_PEM, err)) == NULL ||
         (key = read_text(options->key_file, MAX_PEM, err)) == NULL))
        status = err->status;
    if (status == CIR_OK)
        status = cir__http_start(&self->context, address, options->port, certificate, key, &self->http, err);
    free(certificate);
    free(key);
    if (status != CIR_OK)
        return status;
    bool is_v6 = strchr(address, ':') != NULL;
    (void)snprintf(self->url, sizeof self->url, "%s://%s%s%s:%u/%s%s",
                   options->certificate_file != NULL ? "https" : "http", is_v6 ? "[" : "", address,
                   is_v6 ? "]" : "", cir__http_port(self->http), self->made_token ? "#token=" : "",
                   self->made_token ? self->context.guard.token : "");
    return CIR_OK;
}

cir_status cir__server_start(const cir__serve_options *options, cir_pool *pool, cir__server **server_out,
                             cir_error *err)
{
    *server_out = NULL;
    const char *address = options->address != NULL ? options->address : "127.0.0.1";
    if (strcmp(address, "localhost") == 0)
        address = "127.0.0.1";
    cir__server *self = calloc(1, sizeof *self);
    if (self == NULL)
        return cir__refuse_memory(err);
    cir__context *context = &self->context;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&self->lock, NULL);
    pthread_mutex_init(&context->lock, NULL);
    context->index_path = options->index_path;
    context->max_upload_bytes = options->max_upload_megabytes << 20;
    context->max_megapixels = options->max_megapixels;
    context->allows_update = options->allows_update;
    context->forgets_texts = options->forgets_texts;
    context->pool = pool;
    context->decoder = options->decoder;
    cir_status status = set_up_guard(self, options, address, err);
    if (status == CIR_OK)
        status = open_model(context, options, err);
    if (status == CIR_OK)
        status = cir__context_reopen(context, err);
    if (status == CIR_OK)
        status = make_parts(context, err);
    if (status == CIR_OK)
        status = start_http(self, options, address, err);
    if (status == CIR_OK) {
        self->has_keeper = pthread_create(&self->keeper, NULL, keep, self) == 0;
        self->looking = cir__looking_start(context);
        if (!self->has_keeper || self->looking == NULL)
            status = cir__refuse(err, CIR_NO_MEMORY, "server: a thread cannot be started");
    }
    if (status != CIR_OK) {
        cir__server_stop(self);
        return status;
    }
    *server_out = self;
    return CIR_OK;
}

/* First nobody new comes, then what waits is answered, then what answers goes. */
void cir__server_stop(cir__server *self)
{
    if (self == NULL)
        return;
    cir__context *context = &self->context;
    if (self->http != NULL)
        cir__http_close_door(self->http);
    pthread_mutex_lock(&self->lock);
    self->is_ending = true;
    pthread_cond_signal(&self->ended);
    pthread_mutex_unlock(&self->lock);
    if (self->has_keeper)
        pthread_join(self->keeper, NULL);
    cir__looking_stop(self->looking);
    if (context->update != NULL)
        cir__update_stop(context->update);
    if (context->events != NULL)
        cir__events_stop(context->events);
    if (self->http != NULL)
        cir__flights_close(context->flights);
    cir__queue_free(context->searches);
    cir__queue_free(context->thumbnails);
    cir__http_stop(self->http);
    cir__update_free(context->update);
    cir__events_free(context->events);
    cir__cameras_free(context->cameras);
    cir__pictures_close(context->kept_pictures);
    cir__cache_free(context->uploads);
    cir__cache_free(context->features);
    cir__cache_free(context->answers);
    cir__cache_free(context->small_pictures);
    cir__metrics_free(context->metrics);
    cir__flights_free(context->flights);
    cir__connections_free(context->connections);
    cir__snapshot_drop(context->snapshot);
    cir_model_close(context->model);
    pthread_mutex_destroy(&context->lock);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->ended);
    free(self);
}

const char *cir__server_url(const cir__server *server)
{
    return server->url;
}

bool cir__server_made_token(const cir__server *server)
{
    return server->made_token;
}

size_t cir__server_n_images(cir__server *server)
{
    cir__snapshot *snapshot = cir__context_snapshot(&server->context);
    size_t n = cir_index_get_info(cir__snapshot_index(snapshot))->n_ready;
    cir__snapshot_drop(snapshot);
    return n;
}

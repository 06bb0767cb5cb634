#include "server/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <glib.h>

#include "server/api/camera_scan.h"
#include "server/api/events.h"
#include "server/api/run_update.h"
#include "server/common/fail.h"
#include "server/common/known_models.h"
#include "server/http.h"
#include "server/http/coalescing.h"
#include "server/http/secret.h"
#include "server/http/throttle.h"
#include "server/http/tls.h"
#include "server/route.h"
#include "server/state/context.h"
#include "shared/clock.h"

struct cir__server {
    cir__context context;
    cir__http *http;
    pthread_t keeper;   /* looks after deadlines and listeners */
    pthread_t follower; /* after other processes' updates */
    bool has_keeper, has_follower;
    cir__camera_scan *camera_scan;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_ending;
    bool made_token;
    char address[128];
    char url[1024];
};

/* ---- who may ask ---- */

static bool is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* As it is written in an address or a shell: with brackets, or by name. NULL: this machine alone. */
static void read_address(const char *given, char out[static 128])
{
    bool is_name =
        given == NULL || strcasecmp(given, "localhost") == 0 || strcasecmp(given, "localhost.") == 0;
    size_t n = is_name ? 0 : strlen(given);
    if (is_name)
        (void)snprintf(out, 128, "127.0.0.1");
    else if (n > 2 && given[0] == '[' && given[n - 1] == ']')
        (void)snprintf(out, 128, "%.*s", (int)(n - 2 < 120 ? n - 2 : 120), given + 1);
    else
        (void)snprintf(out, 128, "%.120s", given);
}

/* "/photos", "photos" and "/photos/" are the same. */
static cir_status read_base_path(const char *given, char out[static 256], cir_error *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    const char *path = given != NULL ? given : "";
    path += strspn(path, "/");
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    char *framed = n > 0 && n < 200 ? g_strdup_printf("/%.*s/", (int)n, path) : NULL;
    bool is_good =
        n == 0 || (framed != NULL && strspn(path, plain) == strlen(path) && strstr(framed, "//") == NULL &&
                   strstr(framed, "/./") == NULL && strstr(framed, "/../") == NULL);
    g_free(framed);
    out[0] = '\0';
    if (!is_good)
        return cir__fail(
            err, CIR_ARGUMENT,
            "--base-path %.100s: is not a path; use letters, digits, - . _ ~ and /, as in /photos", given);
    if (n > 0)
        (void)snprintf(out, 256, "/%.*s", (int)n, path);
    return CIR_OK;
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
        return cir__fail(err, CIR_IO, "server: the system provides no random numbers");
    if (options->token_file != NULL)
        return cir__secret_read_token(options->token_file, guard->token, err);
    if (guard->is_loopback)
        return CIR_OK;
    self->made_token = cir__guard_draw(N_BYTES, guard->token);
    return self->made_token ? CIR_OK
                            : cir__fail(err, CIR_IO,
                                        "server: the system provides no random "
                                        "numbers");
}

/* ---- the parts ---- */

static cir_status open_collection(cir__context *context, const cir__serve_options *options, cir_error *err)
{
    bool is_named = options->model_path != NULL;
    cir_collection *collection;
    cir_collection_options how;
    cir_collection_options_init(&how, sizeof how);
    how.model_path = options->model_path;
    how.precision = options->precision;
    how.open_model = cir__known_model_open_for_index;
    how.open_model_context = &is_named;
    how.pool = context->pool;
    how.is_trusted = options->is_trusted;
    cir_status status = cir_collection_open(options->index_path, &how, &collection, err);
    return status == CIR_OK ? cir__context_set(context, collection, err) : status;
}

static cir_status make_parts(cir__context *context, cir_error *err)
{
    enum { N_DISK_THREADS = 4 }; /* they wait more than they work */
    size_t n_threads = cir_pool_get_n_threads(context->pool);
    context->connections = cir__connections_new(!context->guard.is_tls);
    context->throttle = cir__throttle_new();
    context->coalescing = cir__coalescing_new();
    context->metrics = cir__metrics_new(cir__route_pattern);
    context->uploads = cir__cache_new(CIR__UPLOAD_CACHE_BYTES);
    context->features = cir__cache_new(CIR__FEATURE_CACHE_BYTES);
    context->answers = cir__cache_new(CIR__ANSWER_CACHE_BYTES);
    context->thumbnail_cache = cir__cache_new(CIR__PICTURE_CACHE_BYTES);
    context->events = cir__events_new();
    context->update = cir__update_new(context);
    /* Two, so that one search's words are encoded while another's rows are scanned. */
    context->searches = cir__queue_new(2, CIR__SEARCH_PLACES);
    context->thumbnails = cir__queue_new(n_threads, CIR__PICTURE_PLACES);
    context->lookups = cir__queue_new(N_DISK_THREADS, CIR__LOOKUP_PLACES);
    context->streaming = cir__streaming_new(N_DISK_THREADS, CIR__MAX_CONNECTIONS);
    bool is_whole = context->connections != NULL && context->throttle != NULL &&
                    context->coalescing != NULL && context->metrics != NULL && context->uploads != NULL &&
                    context->features != NULL && context->answers != NULL &&
                    context->thumbnail_cache != NULL && context->events != NULL && context->update != NULL &&
                    context->searches != NULL && context->thumbnails != NULL && context->lookups != NULL &&
                    context->streaming != NULL;
    context->thumbnail_store = cir__thumbnail_store_open(context->index_path);
    return is_whole ? CIR_OK : cir__refuse_memory(err);
}

/* Waits a second, or until the server ends, which it tells. Under the lock. */
static bool wait_second(cir__server *self)
{
    const struct timespec until = cir__clock_after(1000);
    if (!self->is_ending)
        (void)pthread_cond_timedwait(&self->ended, &self->lock, &until);
    return !self->is_ending;
}

/* What must go on however slow the disk is. */
static void *keep(void *argument)
{
    cir__server *self = argument;
    pthread_mutex_lock(&self->lock);
    while (wait_second(self)) {
        pthread_mutex_unlock(&self->lock);
        cir__connections_cut(self->context.connections, cir__clock_seconds());
        cir__throttle_release(self->context.throttle, cir__clock_seconds());
        cir__events_ping(self->context.events);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* What looks at the index. */
static void *follow(void *argument)
{
    cir__server *self = argument;
    cir__update_prepare(&self->context);
    pthread_mutex_lock(&self->lock);
    while (wait_second(self)) {
        pthread_mutex_unlock(&self->lock);
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
        ((certificate = cir__secret_read(options->certificate_file, MAX_PEM, false, err)) == NULL ||
         (key = cir__secret_read(options->key_file, MAX_PEM, true, err)) == NULL))
        status = err->status;
    if (status == CIR_OK && key != NULL)
        status = cir__tls_check(options->certificate_file, certificate, options->key_file, key, err);
    if (status == CIR_OK)
        status = cir__http_start(&self->context, address, options->port, certificate, key, &self->http, err);
    free(certificate);
    cir__secret_free(key);
    if (status != CIR_OK)
        return status;
    bool is_v6 = strchr(address, ':') != NULL;
    (void)snprintf(self->url, sizeof self->url, "%s://%s%s%s:%u%s/%s%s",
                   options->certificate_file != NULL ? "https" : "http", is_v6 ? "[" : "", address,
                   is_v6 ? "]" : "", cir__http_port(self->http), self->context.intake.base_path,
                   self->made_token ? "#token=" : "", self->made_token ? self->context.guard.token : "");
    return CIR_OK;
}

cir_status cir__server_start(const cir__serve_options *options, cir_pool *pool, cir__server **server_out,
                             cir_error *err)
{
    *server_out = NULL;
    cir__server *self = calloc(1, sizeof *self);
    if (self == NULL)
        return cir__refuse_memory(err);
    read_address(options->address, self->address);
    const char *address = self->address;
    cir__context *context = &self->context;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&self->lock, NULL);
    pthread_mutex_init(&context->lock, NULL);
    context->index_path = options->index_path;
    context->intake.max_upload_bytes = options->max_upload_megabytes << 20;
    context->max_megapixels = options->max_megapixels;
    context->allows_update = options->allows_update;
    context->forget_texts = options->forget_texts;
    context->is_trusted = options->is_trusted;
    context->pool = pool;
    context->decoder = options->decoder;
    context->isolation = options->isolation != NULL ? options->isolation : "";
    cir_status status = read_base_path(options->base_path, context->intake.base_path, err);
    if (status == CIR_OK)
        status = set_up_guard(self, options, address, err);
    if (status == CIR_OK)
        status = open_collection(context, options, err);
    if (status == CIR_OK)
        status = make_parts(context, err);
    if (status == CIR_OK)
        status = start_http(self, options, address, err);
    if (status == CIR_OK) {
        self->has_keeper = pthread_create(&self->keeper, NULL, keep, self) == 0;
        self->has_follower = pthread_create(&self->follower, NULL, follow, self) == 0;
        self->camera_scan = cir__camera_scan_start(context);
        if (!self->has_keeper || !self->has_follower || self->camera_scan == NULL)
            status = cir__fail(err, CIR_NO_MEMORY, "server: a thread cannot be started");
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
    pthread_cond_broadcast(&self->ended);
    pthread_mutex_unlock(&self->lock);
    if (self->has_keeper)
        pthread_join(self->keeper, NULL);
    if (self->has_follower)
        pthread_join(self->follower, NULL);
    cir__camera_scan_stop(self->camera_scan);
    if (context->update != NULL)
        cir__update_stop(context->update);
    if (context->events != NULL)
        cir__events_stop(context->events);
    if (self->http != NULL) {
        cir__coalescing_close(context->coalescing);
        cir__throttle_close(context->throttle);
    }
    cir__queue_free(context->lookups); /* which send on to the thumbnails */
    cir__queue_free(context->searches);
    cir__queue_free(context->thumbnails);
    cir__streaming_close(context->streaming);
    cir__http_stop(self->http);
    cir__streaming_free(context->streaming);
    cir__update_free(context->update);
    cir__events_free(context->events);
    cir__thumbnail_store_close(context->thumbnail_store);
    cir__cache_free(context->uploads);
    cir__cache_free(context->features);
    cir__cache_free(context->answers);
    cir__cache_free(context->thumbnail_cache);
    cir__metrics_free(context->metrics);
    cir__coalescing_free(context->coalescing);
    cir__connections_free(context->connections);
    cir__throttle_free(context->throttle);
    cir__snapshot_drop(context->snapshot);
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

/* One update at a time, on a thread of its own. */
#include "server/api/run_update.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/api/events.h"
#include "server/common/fail.h"
#include "server/http/coalescing.h"
#include "server/state/context.h"
#include "shared/clock.h"
#include "shared/json_encode.h"

enum { FOLLOW_SECONDS = 5 };
#define PROGRESS_SECONDS 0.2

struct cir__update {
    cir__context *context;
    pthread_mutex_t lock;
    bool is_running, is_ending, has_thread;
    pthread_t thread;
    double started_at, told_at, followed_at; /* told_at: the updating thread's own */
};

cir__update *cir__update_new(cir__context *context)
{
    cir__update *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    self->context = context;
    self->followed_at = cir__clock_seconds();
    return self;
}

void cir__update_stop(cir__update *self)
{
    pthread_mutex_lock(&self->lock);
    self->is_ending = true;
    bool has_thread = self->has_thread;
    self->has_thread = false;
    pthread_mutex_unlock(&self->lock);
    if (has_thread)
        pthread_join(self->thread, NULL);
}

void cir__update_free(cir__update *self)
{
    if (self == NULL)
        return;
    pthread_mutex_destroy(&self->lock);
    free(self);
}

bool cir__update_is_running(cir__update *self)
{
    pthread_mutex_lock(&self->lock);
    bool is_running = self->is_running;
    pthread_mutex_unlock(&self->lock);
    return is_running;
}

static json_t *counts_json(const cir_update_progress *now)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "found", (json_int_t)now->n_found, "encoded",
                     (json_int_t)now->n_encoded, "unchanged", (json_int_t)now->n_unchanged, "failed",
                     (json_int_t)now->n_failed, "vanished", (json_int_t)now->n_vanished);
}

/* ---- the update ---- */

static bool watch(void *context, const cir_update_progress *now)
{
    cir__update *self = context;
    double seconds = cir__clock_seconds();
    pthread_mutex_lock(&self->lock);
    bool goes_on = !self->is_ending;
    pthread_mutex_unlock(&self->lock);
    if (seconds - self->told_at < PROGRESS_SECONDS)
        return goes_on;
    self->told_at = seconds;
    json_t *data = counts_json(now);
    json_object_set_new(data, "done", cir__json_size(now->n_done));
    json_object_set_new(data, "total", cir__json_size(now->n_found));
    json_object_set_new(data, "stage", json_string(now->is_walking ? "listing" : "encoding"));
    json_object_set_new(data, "seconds", json_real(seconds - self->started_at));
    cir__events_publish(self->context->events, "progress", data, false);
    return goes_on;
}

/* Folders that hold photos of the index and lie in none other that does: for an index that does not tell what
 * it was made of. */
typedef struct derived_roots {
    char **paths; /* [n_max] */
    size_t n, n_max;
} derived_roots;

static void count_folder(void *context, const char *folder, size_t n_photos)
{
    (void)n_photos;
    if (folder != NULL)
        ++*(size_t *)context;
}

static void add_root(void *context, const char *folder, size_t n_photos)
{
    (void)n_photos;
    derived_roots *to = context;
    bool is_inside = folder == NULL || to->n == to->n_max;
    for (size_t i = to->n; i > 0 && !is_inside; i--)
        is_inside = cir_folder_holds(to->paths[i - 1], folder);
    if (!is_inside && (to->paths[to->n] = strdup(folder[0] != '\0' ? folder : ".")) != NULL)
        to->n++;
}

static cir_status derive_roots(const cir__snapshot *snapshot, char ***roots_out, size_t *n_out,
                               cir_error *err)
{
    cir_collection *collection = cir__snapshot_collection(snapshot);
    derived_roots found = {0};
    cir_status status = cir_collection_count(collection, CIR_FACET_FOLDER, count_folder, &found.n_max, err);
    found.paths = calloc(found.n_max + 1, sizeof *found.paths);
    if (status == CIR_OK && found.paths == NULL)
        status = cir__refuse_memory(err);
    if (status == CIR_OK)
        status = cir_collection_count(collection, CIR_FACET_FOLDER, add_root, &found, err);
    *roots_out = found.paths;
    *n_out = found.n;
    return status;
}

/* Leaves out what is not there now: a drive that is not mounted must not look like photos that are gone. And
 * what the index names, but its user never gave to it. */
static size_t keep_existing(const cir_index *index, char **roots, size_t n)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (access(roots[i], F_OK) == 0 && cir_index_is_path_confirmed(index, roots[i]))
            roots[n_kept++] = roots[i];
        else
            free(roots[i]);
    }
    return n_kept;
}

static cir_status run_update(cir__update *self, cir_update_progress *result, cir_error *err)
{
    cir__context *context = self->context;
    char **roots = NULL;
    size_t n = 0;
    cir__snapshot *snapshot = cir__context_snapshot(context);
    cir_status status = cir_index_list_roots(cir__snapshot_index(snapshot), &roots, &n, err);
    if (status == CIR_OK && n == 0) {
        free(roots);
        status = derive_roots(snapshot, &roots, &n, err);
    }
    n = keep_existing(cir__snapshot_index(snapshot), roots, n);
    if (status == CIR_OK && n == 0)
        status = cir__fail(err, CIR_NOT_FOUND,
                           "%s: none of the folders it was made from exists, or you never added them; "
                           "update it with: cir index FOLDER -o %s",
                           context->index_path, context->index_path);
    /* Never another index that lies there meanwhile, nor a new one where a drive is not mounted. */
    const cir_image_options image = {
        .size = sizeof image, .allow_shrinking = true, .decoder = context->decoder};
    const cir_update_options options = {.size = sizeof options,
                                        .image = &image,
                                        .only = cir__snapshot_index(snapshot),
                                        .is_trusted = context->is_trusted,
                                        .watch = watch,
                                        .watch_context = self};
    if (status == CIR_OK)
        status = cir_index_update(
            context->index_path, (const char *const *)roots, n,
            (const cir_model *const[]){cir_collection_get_info(cir__snapshot_collection(snapshot))->model}, 1,
            context->pool, &options, result, err);
    cir_paths_free(roots, n);
    cir__snapshot_drop(snapshot);
    if (status == CIR_OK)
        status = cir__context_reopen(context, err);
    return status;
}

static void *run(void *argument)
{
    cir__update *self = argument;
    cir_error err;
    cir_update_progress result = {0};
    cir_status status = run_update(self, &result, &err);
    if (status == CIR_OK)
        cir__update_prepare(self->context);
    json_t *data;
    if (status == CIR_OK) {
        data = counts_json(&result);
        json_object_set_new(data, "seconds", json_real(cir__clock_seconds() - self->started_at));
    } else {
        data =
            json_pack("{s:s, s:o}", "code", cir_status_name(status), "message", cir__json_text(err.message));
    }
    pthread_mutex_lock(&self->lock);
    self->is_running = false;
    cir__events_publish(self->context->events, status == CIR_OK ? "done" : "failed", data, true);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* Under the lock. false: the thread cannot be started. */
static bool start(cir__update *self)
{
    if (self->has_thread)
        pthread_join(self->thread, NULL); /* it is over: is_running was false */
    self->started_at = cir__clock_seconds();
    self->told_at = 0;
    self->is_running = self->has_thread = pthread_create(&self->thread, NULL, run, self) == 0;
    return self->is_running;
}

/* On a worker: where the index lies is for the disk to say. */
static void work(void *subject, double waited, cir__outcome *outcome)
{
    cir__update *self = subject;
    bool is_started = false;
    if (cir__work_is_late(waited, outcome))
        return;
    cir__snapshot *snapshot = cir__context_snapshot(self->context);
    outcome->status = cir_index_check_place(cir__snapshot_index(snapshot), &outcome->err);
    cir__snapshot_drop(snapshot);
    if (outcome->status != CIR_OK)
        return;
    pthread_mutex_lock(&self->lock);
    bool was_running = self->is_running || self->is_ending;
    if (!was_running)
        is_started = start(self);
    if (is_started)
        cir__events_publish(
            self->context->events, "progress",
            json_pack("{s:i, s:i, s:i, s:s}", "done", 0, "total", 0, "failed", 0, "stage", "listing"), false);
    pthread_mutex_unlock(&self->lock);
    if (was_running)
        outcome->status = cir__fail(&outcome->err, CIR_BUSY,
                                    "update: one is running already; follow it at /v1/index/events");
    else if (!is_started)
        outcome->status =
            cir__fail(&outcome->err, CIR_IO, "update: its thread cannot be started; try again later");
}

static void deliver(cir__request *request, const void *subject, const cir__outcome *outcome)
{
    (void)subject;
    if (outcome->status == CIR_OK)
        cir__reply_json(request, MHD_HTTP_ACCEPTED, json_pack("{s:b}", "is_updating", 1));
    else
        cir__reply_failure(request, &outcome->err, false);
}

static void keep_subject(void *subject)
{
    (void)subject;
}

static const cir__work_kind kind = {work, deliver, keep_subject};

void cir__update_post(cir__request *request)
{
    char key[64];
    cir__context *context = request->context;
    if (!context->allows_update) {
        cir__reply_error(request, 403, "update: this server was started with --no-update");
        return;
    }
    (void)snprintf(key, sizeof key, "update of %p", (void *)request);
    cir__coalescing_join(context->coalescing, context->lookups, request, key, &kind, context->update);
}

void cir__update_prepare(cir__context *context)
{
    cir_settings *settings = malloc(sizeof *settings);
    cir__snapshot *snapshot = cir__context_snapshot(context);
    if (settings != NULL && cir_index_get_info(cir__snapshot_index(snapshot))->n_ready > 0) {
        cir_settings_init(settings, sizeof *settings, CIR_METHOD_DEFAULT);
        settings->forget_texts = context->forget_texts;
        /* What fails here fails again in a search, which says why. */
        (void)!cir_collection_prepare(cir__snapshot_collection(snapshot), CIR_METHOD_DEFAULT, settings, NULL);
    }
    cir__snapshot_drop(snapshot);
    free(settings);
    atomic_store(&context->is_ready, true);
}

/* Another process may have updated the index, or put another one in its place. */
static void follow(cir__update *self)
{
    bool is_current = true;
    cir__snapshot *snapshot = cir__context_snapshot(self->context);
    cir_status status = cir_index_is_current(cir__snapshot_index(snapshot), &is_current, NULL);
    cir__snapshot_drop(snapshot);
    /* Or its vectors were cut short: once they are whole again, so are searches. */
    bool is_another = status == CIR_GONE || status == CIR_DAMAGED;
    if ((is_another || (status == CIR_OK && !is_current)) &&
        cir__context_reopen(self->context, NULL) == CIR_OK)
        cir__update_prepare(self->context);
}

void cir__update_tick(cir__update *self)
{
    double now = cir__clock_seconds();
    bool is_idle;
    pthread_mutex_lock(&self->lock);
    is_idle = !self->is_running;
    pthread_mutex_unlock(&self->lock);
    if (is_idle && now - self->followed_at > FOLLOW_SECONDS) {
        follow(self);
        self->followed_at = cir__clock_seconds();
    }
}

/* Updating an index: a walking thread finds files, decoding threads read them, and the calling thread encodes
 * in batches, applies what came out in the order of the walk, commits, and tells how it goes. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "index/store/image_rows.h"
#include "index/store/place.h"
#include "index/update/apply.h"
#include "index/update/event.h"
#include "index/update/feed.h"
#include "index/update/pipeline.h"
#include "index/update/scope.h"
#include "index/update/secrecy.h"
#include "index/update/update.h"
#include "index/update/writer.h"
#include "shared/clock.h"

#define DEFAULT_BATCH 16
#define COMMIT_CHANGES 512
#define COMMIT_MS 5000
#define WATCH_MS 100
#define PARTIAL_BATCH_MS 500 /* decoding is the slower part: what is there is encoded */
#define PLANS_AT_ONCE 256

typedef struct update {
    const cir__encoders *encoders;
    cir_pool *pool;
    const cir_update_options *options;
    size_t batch;
    size_t commit_changes;
    cir_update_progress progress;
    bool is_stopped; /* by the watch */

    cir__scope scope;

    cir__secrecy secrecy;

    pthread_mutex_t lock; /* the writer serves one thread at a time: this one, or a decoding one that asks */
    cir__writer *writer;
    cir__apply apply;
    cir__job_settings settings;
    cir__event event;
    cir__feed *feed;
    cir__pipeline *pipeline;
    float *tensors;                     /* [batch, largest tensor_floats] */
    float *features[CIR__MAX_ENCODERS]; /* [batch, dim] each */
    const float **found;                /* [batch, n_encoders]: each decoded job's features */
    double committed_ms;
    double watched_ms;
    size_t n_coded_before; /* codes of the models before the one that is being coded */
    double idle_ms;        /* since when what is decoded waits for a full batch; 0: nothing waits */
} update;

static void call_watch(update *u)
{
    if (u->feed != NULL) {
        cir__feed_state state = cir__feed_get_state(u->feed);
        u->progress.n_found = state.n_files;
        u->progress.is_walking = state.is_walking;
    }
    u->watched_ms = cir__clock_ms();
    if (u->options->watch != NULL && !u->options->watch(u->options->watch_context, &u->progress))
        u->is_stopped = true;
}

static void report_failure(update *u, const char *path, const char *reason)
{
    u->progress.n_failed++;
    u->progress.failed_path = path;
    u->progress.failed_reason = reason;
    call_watch(u);
    u->progress.failed_path = NULL;
    u->progress.failed_reason = NULL;
}

/* Called on decoding threads. */
static cir__encoder_set find_known(void *context, const cir__job *job)
{
    update *u = context;
    cir__encoder_set all = cir__encoders_all(u->encoders);
    cir__encoder_set known = 0;
    bool is_found = true;
    cir__row row = {0};
    pthread_mutex_lock(&u->lock);
    for (size_t i = 0, id = 0; is_found && known != all && i < 64; i++, id = row.id + 1) {
        if (cir__image_rows_find_hash(cir__writer_store(u->writer), job->hash, id, &row, &is_found, NULL) !=
            CIR_OK)
            break;
        known |= is_found ? cir__writer_get_features(u->writer, row.id) : 0;
    }
    pthread_mutex_unlock(&u->lock);
    return known;
}

static cir_status report_entry(update *u, const cir__walk_entry *entry, cir_error *err)
{
    cir_error why;
    cir__fail_errno(&why, entry->errno_value,
                    entry->is_folder ? "%s: the folder cannot be listed" : "%s: cannot be examined",
                    entry->path);
    /* Noted without its path, which may change with the index'. */
    cir_error reason;
    cir__fail_errno(&reason, entry->errno_value, "the folder cannot be listed");
    if (!entry->is_folder)
        u->progress.n_done++;
    else if (!cir__scope_add_unreadable(&u->scope, entry->path, reason.message))
        return cir__fail_memory(err, entry->path);
    report_failure(u, entry->path, why.message);
    return CIR_OK;
}

/* Takes found files while there is room for them. */
static cir_status plan(update *u, bool *has_moved_out, cir_error *err)
{
    for (int i = 0; i < PLANS_AT_ONCE && !u->is_stopped; i++) {
        cir__job *job = cir__pipeline_get_free(u->pipeline);
        const cir__walk_entry *entry = job != NULL ? cir__feed_take(u->feed) : NULL;
        if (entry == NULL)
            return CIR_OK;
        *has_moved_out = true;
        if (entry->errno_value == 0)
            cir__secrecy_restrict(&u->secrecy, entry->readers);
        bool is_settled = true;
        bool is_failure = entry->is_folder;
        cir_status status = CIR_OK;
        if (!entry->is_folder) {
            pthread_mutex_lock(&u->lock);
            status = cir__apply_plan(&u->apply, entry, job, &is_settled, &is_failure, err);
            pthread_mutex_unlock(&u->lock);
        }
        if (status == CIR_OK && is_failure) {
            status = report_entry(u, entry, err);
        } else if (status == CIR_OK && is_settled) {
            u->progress.n_unchanged++;
            *(job->row.is_failed ? &u->progress.n_failed_before : &u->progress.n_kept) += 1;
            u->progress.n_done++;
        } else if (status == CIR_OK) {
            cir__pipeline_push(u->pipeline);
        }
        if (status != CIR_OK)
            return status;
    }
    return CIR_OK;
}

/* The jobs of a batch, and what became of those that are decoded. */
typedef struct batch {
    cir__job **jobs; /* [n] */
    size_t n;
} batch;

/* A model failed on a picture: what its job says of it. */
static void fail_job(const update *u, cir__job *job, const cir__encoder *encoder, const char *reason)
{
    if (u->encoders->n == 1)
        cir__fail(&job->why, CIR_FORMAT, "%s: %s", job->path, reason);
    else
        cir__fail(&job->why, CIR_FORMAT, "%s: model %s: %s", job->path, encoder->name, reason);
}

/* Features of those of a batch that want them of encoder e; where the model fails on some picture, each is
 * tried alone. */
static cir_status encode(update *u, const batch *these, size_t e, cir_error *err)
{
    const cir__encoder *encoder = &u->encoders->items[e];
    size_t n = 0;
    for (size_t i = 0; i < these->n; i++)
        if ((these->jobs[i]->decoded >> e & 1) != 0)
            memcpy(u->tensors + n++ * encoder->tensor_floats, these->jobs[i]->tensors[e],
                   encoder->tensor_floats * sizeof(float));
    if (n == 0)
        return CIR_OK;
    cir_status together = encoder->encode(encoder->context, u->pool, u->tensors, n, u->features[e], err);
    if (together != CIR_OK && together != CIR_FORMAT)
        return together;
    n = 0;
    for (size_t i = 0; i < these->n; i++) {
        if ((these->jobs[i]->decoded >> e & 1) == 0)
            continue;
        float *feature = u->features[e] + n * encoder->dim;
        cir_error why;
        cir_status status = CIR_OK;
        if (together != CIR_OK)
            status = encoder->encode(encoder->context, u->pool, u->tensors + n * encoder->tensor_floats, 1,
                                     feature, &why);
        if (status == CIR_OK)
            u->found[i * u->encoders->n + e] = feature;
        else if (status == CIR_FORMAT)
            fail_job(u, these->jobs[i], encoder, why.message);
        else
            return cir__fail(err, status, "%s", why.message);
        n++;
    }
    return CIR_OK;
}

static cir_status apply_job(update *u, cir__job *job, const float *const *features, cir_error *err)
{
    cir__applied applied;
    pthread_mutex_lock(&u->lock);
    cir_status status = cir__apply_job(&u->apply, job, features, &applied, err);
    pthread_mutex_unlock(&u->lock);
    if (status != CIR_OK)
        return status;
    u->progress.n_done++;
    u->progress.n_unchanged += applied.result == CIR__APPLIED_UNCHANGED ? 1 : 0;
    u->progress.n_encoded += applied.result == CIR__APPLIED_ENCODED ? 1 : 0;
    if (applied.result == CIR__APPLIED_UNCHANGED && applied.change == CIR__CHANGE_NONE)
        *(job->has_row && job->row.is_failed ? &u->progress.n_failed_before : &u->progress.n_kept) += 1;
    else if (applied.result != CIR__APPLIED_FAILED && applied.change != CIR__CHANGE_NONE)
        *(applied.change == CIR__CHANGE_NEW     ? &u->progress.n_new
          : applied.change == CIR__CHANGE_MOVED ? &u->progress.n_moved
                                                : &u->progress.n_changed) += 1;
    if (applied.result == CIR__APPLIED_FAILED)
        report_failure(u, job->path, job->why.message);
    return CIR_OK;
}

/* Encodes and applies the n oldest jobs, of which at most a batch are decoded. */
static cir_status finish_jobs(update *u, size_t n, cir_error *err)
{
    size_t n_encoders = u->encoders->n;
    batch these = {.jobs = cir__new(u->batch, sizeof *these.jobs)};
    if (these.jobs == NULL)
        return cir__fail_memory(err, "update of an index");
    for (size_t i = 0; i < n; i++) {
        cir__job *job = cir__pipeline_find_done(u->pipeline, i);
        if (job->result == CIR__JOB_DECODED)
            these.jobs[these.n++] = job;
    }
    for (size_t i = 0; i < u->batch * n_encoders; i++)
        u->found[i] = NULL;
    cir_status status = CIR_OK;
    for (size_t e = 0; status == CIR_OK && e < n_encoders; e++)
        status = encode(u, &these, e, err);
    size_t n_decoded = 0;
    for (size_t i = 0; status == CIR_OK && i < n; i++) {
        cir__job *job = cir__pipeline_find_done(u->pipeline, i);
        const float *const *features =
            job->result == CIR__JOB_DECODED ? u->found + n_decoded++ * n_encoders : NULL;
        status = apply_job(u, job, features, err);
    }
    if (status == CIR_OK)
        cir__pipeline_drop(u->pipeline, n);
    free(these.jobs);
    return status;
}

/* Finishes jobs once enough are done to fill a batch, or no more can come. */
static cir_status collect(update *u, bool *has_moved_out, cir_error *err)
{
    size_t n = 0;
    size_t n_decoded = 0;
    const cir__job *job;
    while (n_decoded < u->batch && (job = cir__pipeline_find_done(u->pipeline, n)) != NULL) {
        n_decoded += job->result == CIR__JOB_DECODED ? 1 : 0;
        n++;
    }
    if (n == 0) {
        u->idle_ms = 0;
        return CIR_OK;
    }
    if (u->idle_ms == 0)
        u->idle_ms = cir__clock_ms();
    cir__feed_state state = cir__feed_get_state(u->feed);
    bool no_more_can_come =
        n == cir__pipeline_n_jobs(u->pipeline) &&
        (cir__pipeline_get_free(u->pipeline) == NULL || (!state.is_walking && state.is_empty));
    if (n_decoded > 0 && n_decoded < u->batch && !no_more_can_come &&
        cir__clock_ms() - u->idle_ms < PARTIAL_BATCH_MS)
        return CIR_OK;
    u->idle_ms = 0;
    *has_moved_out = true;
    return finish_jobs(u, n, err);
}

static cir_status commit(update *u, cir_error *err)
{
    pthread_mutex_lock(&u->lock);
    cir_status status = cir__apply_commit(&u->apply, err);
    pthread_mutex_unlock(&u->lock);
    u->committed_ms = cir__clock_ms();
    return status;
}

static bool is_over(update *u)
{
    cir__feed_state state = cir__feed_get_state(u->feed);
    return u->is_stopped || (!state.is_walking && state.is_empty && cir__pipeline_n_jobs(u->pipeline) == 0);
}

static cir_status run(update *u, cir_error *err)
{
    cir_status status = CIR_OK;
    u->committed_ms = cir__clock_ms();
    call_watch(u);
    while (status == CIR_OK && !is_over(u)) {
        unsigned long n_signals = cir__event_count(&u->event);
        bool has_moved = false;
        status = plan(u, &has_moved, err);
        if (status == CIR_OK && !u->is_stopped)
            status = collect(u, &has_moved, err);
        if (status == CIR_OK && cir__clock_ms() - u->watched_ms >= WATCH_MS)
            call_watch(u);
        if (status == CIR_OK &&
            (u->apply.n_changes >= u->commit_changes || cir__clock_ms() - u->committed_ms >= COMMIT_MS))
            status = commit(u, err);
        if (status == CIR_OK && !has_moved)
            cir__event_wait(&u->event, n_signals, WATCH_MS);
    }
    if (status == CIR_OK && !u->is_stopped && cir__feed_get_state(u->feed).status != CIR_OK)
        status = cir__fail_memory(err, "list of files");
    return status;
}

static cir_status mark_vanished(update *u, cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && i < u->scope.n_roots; i++)
        status =
            cir__apply_vanish(&u->apply, &u->scope, i, &u->progress.n_vanished, &u->progress.n_left_out, err);
    return status;
}

/* What the walk met and did not visit, once it is over. */
static void read_counts(update *u)
{
    const cir__walk_counts *counts = &u->scope.counts;
    u->progress.n_hidden = counts->left_out[CIR__HIDDEN];
    u->progress.n_excluded = counts->left_out[CIR__EXCLUDED];
    u->progress.n_outside = counts->left_out[CIR__OUTSIDE];
    u->progress.n_skipped = counts->n_skipped;
    u->progress.n_kinds = counts->n_kinds;
    memcpy(u->progress.skipped, counts->skipped, sizeof counts->skipped);
    cir__walk_sort_skipped(u->progress.skipped, counts->n_kinds);
}

static cir_status make_buffers(update *u, cir_error *err)
{
    size_t n_encoders = u->encoders->n;
    size_t tensor_floats = 0;
    size_t n_floats;
    for (size_t e = 0; e < n_encoders; e++) {
        const cir__encoder *encoder = &u->encoders->items[e];
        tensor_floats = encoder->tensor_floats > tensor_floats ? encoder->tensor_floats : tensor_floats;
        u->features[e] = cir__new_unset(u->batch, encoder->dim * sizeof *u->features[e]);
        if (u->features[e] == NULL)
            return cir__fail_memory(err, "update of an index");
    }
    u->found = cir__new(u->batch * n_encoders, sizeof *u->found);
    u->tensors = cir__size_mul(u->batch, tensor_floats, &n_floats)
                     ? cir__new_unset(n_floats, sizeof *u->tensors)
                     : NULL;
    return u->tensors != NULL && u->found != NULL ? CIR_OK : cir__fail_memory(err, "update of an index");
}

static cir_status start(update *u, const char *index_path, cir_error *err)
{
    size_t n_threads = cir_pool_get_n_threads(u->pool);
    cir_status status = make_buffers(u, err);
    if (status == CIR_OK)
        status = cir__writer_open(index_path, u->encoders, u->options, &u->writer, err);
    if (status == CIR_OK)
        status = cir__secrecy_init(&u->secrecy, cir__writer_place(u->writer)->folder, &u->scope, err);
    if (status == CIR_OK)
        status = cir__scope_load(&u->scope, cir__writer_store(u->writer), cir__writer_place(u->writer),
                                 u->options, &u->progress.n_unconfirmed, err);
    if (status == CIR_OK)
        status = cir__apply_init(&u->apply, u->writer, &u->settings, u->pool, err);
    if (status == CIR_OK)
        status = cir__pipeline_new(2 * u->batch + n_threads, n_threads, &u->settings, &u->event, &u->pipeline,
                                   err);
    if (status == CIR_OK)
        status = cir__feed_start((const char *const *)u->scope.roots, u->scope.n_roots, &u->scope.walk,
                                 &u->event, &u->feed, err);
    return status;
}

static void free_update(update *u)
{
    cir__feed_stop(u->feed);
    cir__pipeline_free(u->pipeline);
    cir__apply_done(&u->apply);
    cir__writer_close(u->writer);
    cir__scope_done(&u->scope);
    free(u->tensors);
    free(u->found);
    for (size_t e = 0; e < u->encoders->n; e++)
        free(u->features[e]);
    cir__event_done(&u->event);
    pthread_mutex_destroy(&u->lock);
}

static bool watch_codes(void *context, size_t n_coded, size_t n_to_code)
{
    update *u = context;
    u->progress.n_coded = u->n_coded_before + n_coded;
    u->progress.n_to_code = u->n_coded_before + n_to_code;
    if (cir__clock_ms() - u->watched_ms >= WATCH_MS || n_coded == 0 || n_coded == n_to_code)
        call_watch(u);
    return !u->is_stopped;
}

/* The photos are committed by now: a failure tells so. */
static cir_status update_codes(update *u, const char *index_path, cir_error *err)
{
    cir_error why;
    cir_status status = CIR_OK;
    for (size_t i = 0; i < u->encoders->n && status == CIR_OK; i++) {
        u->n_coded_before = u->progress.n_coded;
        status = cir__writer_update_codes(u->writer, i, u->options->min_coded, u->pool, watch_codes, u, &why);
    }
    if (status == CIR_OK || status == CIR_INTERRUPTED)
        return CIR_OK; /* interruptions are told of below */
    return cir__fail(err, status, "%s: the photos are indexed, but not all of their compact codes: %s",
                     index_path, why.message);
}

cir_status cir__index_update(const char *index_path, const char *const *paths, size_t n_paths,
                             const cir__encoders *encoders, cir_pool *pool, const cir_update_options *options,
                             size_t commit_changes, cir_update_progress *progress_out, cir_error *err)
{
    static const cir_update_options no_options = {.size = sizeof no_options};
    static const cir_image_options no_image_options = {.size = sizeof no_image_options};
    update u = {.encoders = encoders, .pool = pool, .options = options != NULL ? options : &no_options};
    u.batch = u.options->batch > 0 ? u.options->batch : DEFAULT_BATCH;
    u.commit_changes = commit_changes > 0 ? commit_changes : COMMIT_CHANGES;
    u.settings = (cir__job_settings){.encoders = encoders,
                                     .image = u.options->image != NULL ? u.options->image : &no_image_options,
                                     .retry_failed = u.options->retry_failed,
                                     .reread = u.options->reread,
                                     .find_known = find_known,
                                     .context = &u};
    pthread_mutex_init(&u.lock, NULL);
    cir__event_init(&u.event);
    cir_status status = CIR_OK;
    if (n_paths == 0)
        status =
            cir__fail(err, CIR_ARGUMENT, "%s: no folder of photos is named; name at least one", index_path);
    if (status == CIR_OK)
        status = cir__scope_init(&u.scope, paths, n_paths, err);
    if (status == CIR_OK)
        status = start(&u, index_path, err);
    if (status == CIR_OK)
        status = run(&u, err);
    if (status == CIR_OK && !u.is_stopped) {
        read_counts(&u);
        status = mark_vanished(&u, err);
    }
    if (status == CIR_OK)
        status = commit(&u, err);
    if (status == CIR_OK && !u.is_stopped)
        status = cir__scope_keep(&u.scope, cir__writer_store(u.writer), cir__writer_place(u.writer), err);
    if (status == CIR_OK && !u.is_stopped)
        status = update_codes(&u, index_path, err);
    if (status == CIR_OK) {
        bool was_stopped = u.is_stopped;
        call_watch(&u);
        if (was_stopped)
            status = cir__fail(err, CIR_INTERRUPTED,
                               "%s: stopped on request; what was committed is kept; run it again to continue",
                               index_path);
    }
    if (progress_out != NULL)
        *progress_out = u.progress;
    free_update(&u);
    return status;
}

#include "index/update/apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "index/store/image_rows.h"
#include "index/store/place.h"
#include "index/store/vectors.h"

enum { SEEN = 1, VANISHED = 2, FORGOTTEN = 4 }; /* flags */

#define MAX_TWINS                                                                                            \
    64 /* of one content that are looked at: many copies of a picture must not cost their square */
#define MAX_CHANGES 8192                           /* marked as vanished in one commit */
#define ORDINARY_PICTURE_BYTES ((size_t)192 << 20) /* with all that decoding takes */

static void visit_state(void *context, size_t id, cir__row_state state)
{
    cir__apply *apply = context;
    if (id < cir__writer_n_rows(apply->writer) && state != CIR__ROW_FAILED)
        apply->flags[id] = state == CIR__ROW_VANISHED ? VANISHED : FORGOTTEN;
}

cir_status cir__apply_init(cir__apply *apply, cir__writer *writer, const cir__job_settings *settings,
                           cir_pool *pool, cir_error *err)
{
    *apply = (cir__apply){.writer = writer, .settings = settings, .pool = pool};
    size_t n_rows = cir__writer_n_rows(writer);
    size_t dim = 0;
    for (size_t i = 0; i < settings->encoders->n; i++)
        dim = settings->encoders->items[i].dim > dim ? settings->encoders->items[i].dim : dim;
    bool is_fine = cir__grow((void **)&apply->flags, &apply->flags_capacity, n_rows + 1, 1);
    apply->row = cir__new(dim, sizeof *apply->row);
    apply->feature = cir__new(dim, sizeof *apply->feature);
    cir_status status;
    if (!is_fine || apply->row == NULL || apply->feature == NULL) {
        status = cir__fail_memory(err, "update of an index");
    } else {
        memset(apply->flags, 0, apply->flags_capacity);
        status = cir__image_rows_list_states(cir__writer_store(writer), visit_state, apply, err);
    }
    if (status != CIR_OK)
        cir__apply_done(apply);
    return status;
}

void cir__apply_done(cir__apply *apply)
{
    free(apply->flags);
    free(apply->row);
    free(apply->feature);
    *apply = (cir__apply){0};
}

cir_status cir__apply_commit(cir__apply *apply, cir_error *err)
{
    apply->n_changes = 0;
    return cir__writer_commit(apply->writer, err);
}

static cir_status begin(cir__apply *apply, cir_error *err)
{
    apply->n_changes++;
    return cir__writer_begin(apply->writer, err);
}

/* Whether the row needs nothing although the file was not read. Size and date alone are not enough: programs
 * that turn or retouch a picture put its date back. */
static bool is_unchanged(const cir__apply *apply, const cir__walk_entry *entry, const cir__row *row)
{
    if (row->size_bytes != entry->size_bytes || row->modified_ns != entry->modified_ns || !row->has_change ||
        row->inode != entry->inode || row->changed_ns != entry->changed_ns || apply->settings->reread)
        return false;
    /* What could not even be read may have been allowed, mounted or mended since, without a trace. */
    if (row->is_failed)
        return row->has_hash && !apply->settings->retry_failed;
    return cir__writer_get_features(apply->writer, row->id) == cir__encoders_all(apply->settings->encoders);
}

static cir_status set_there(cir__apply *apply, size_t id, cir_error *err)
{
    apply->flags[id] |= SEEN;
    if ((apply->flags[id] & VANISHED) == 0)
        return CIR_OK;
    apply->flags[id] = SEEN;
    cir_status status = begin(apply, err);
    return status == CIR_OK ? cir__image_rows_set_vanished(cir__writer_store(apply->writer), id, false, err)
                            : status;
}

static cir_status fill_job(cir__job *job, const cir__walk_entry *entry, cir_error *err)
{
    size_t size = strlen(entry->path) + 1;
    if (!cir__grow((void **)&job->path, &job->path_capacity, size, 1))
        return cir__fail_memory(err, entry->path);
    memcpy(job->path, entry->path, size);
    job->size_bytes = entry->size_bytes;
    job->modified_ns = entry->modified_ns;
    job->inode = entry->inode;
    job->changed_ns = entry->changed_ns;
    job->errno_value = entry->errno_value;
    return CIR_OK;
}

cir_status cir__apply_plan(cir__apply *apply, const cir__walk_entry *entry, cir__job *job,
                           bool *is_settled_out, bool *is_failure_out, cir_error *err)
{
    *is_settled_out = false;
    *is_failure_out = false;
    const char *stored = cir__place_stored(cir__writer_place(apply->writer), entry->path);
    cir_status status =
        cir__image_rows_find_file(cir__writer_store(apply->writer), stored, &job->row, &job->has_row, err);
    if (status != CIR_OK)
        return status;
    if (job->has_row && job->row.id >= cir__writer_n_rows(apply->writer))
        return cir__store_fail_damaged(cir__writer_store(apply->writer), "an id is out of range", err);
    if (job->has_row && entry->errno_value != 0) {
        *is_settled_out = true;
        *is_failure_out = true;
        apply->flags[job->row.id] |= SEEN;
        return CIR_OK;
    }
    if (job->has_row && is_unchanged(apply, entry, &job->row)) {
        *is_settled_out = true;
        return set_there(apply, job->row.id, err);
    }
    job->has_features = job->has_row ? cir__writer_get_features(apply->writer, job->row.id) : 0;
    return fill_job(job, entry, err);
}

/* Whether the file of a row is gone. */
static cir_status find_out_missing(cir__apply *apply, size_t id, bool *is_missing_out, cir_error *err)
{
    *is_missing_out = false;
    cir__row row;
    char *stored;
    cir_status status = cir__image_rows_get(cir__writer_store(apply->writer), id, &row, &stored, NULL, err);
    if (status != CIR_OK)
        return status;
    char *path = cir__place_absolute(cir__writer_place(apply->writer), stored, strlen(stored));
    free(stored);
    if (path == NULL)
        return cir__fail_memory(err, "update of an index");
    struct stat facts;
    *is_missing_out = stat(path, &facts) != 0 && (errno == ENOENT || errno == ENOTDIR);
    free(path);
    return CIR_OK;
}

/* The first row of the job's content whose file is gone: the file was moved. */
static cir_status find_moved(cir__apply *apply, const cir__job *job, cir__row *row_out, bool *is_found_out,
                             cir_error *err)
{
    size_t id = 0;
    for (int i = 0; i < MAX_TWINS; i++) {
        cir_status status = cir__image_rows_find_hash(cir__writer_store(apply->writer), job->hash, id,
                                                      row_out, is_found_out, err);
        if (status != CIR_OK || !*is_found_out)
            return status;
        id = row_out->id + 1;
        if (row_out->id >= cir__writer_n_rows(apply->writer) || (apply->flags[row_out->id] & SEEN) != 0)
            continue;
        status = find_out_missing(apply, row_out->id, is_found_out, err);
        if (status != CIR_OK || *is_found_out)
            return status;
    }
    *is_found_out = false;
    return CIR_OK;
}

/* The first other row of the job's content with a sound feature of encoder i, which is read into
 * apply->row. */
static cir_status find_twin(cir__apply *apply, const cir__job *job, size_t i_encoder, size_t own_id,
                            cir__row *row_out, bool *is_found_out, cir_error *err)
{
    size_t id = 0;
    for (int i = 0; i < MAX_TWINS; i++) {
        cir_status status = cir__image_rows_find_hash(cir__writer_store(apply->writer), job->hash, id,
                                                      row_out, is_found_out, err);
        if (status != CIR_OK || !*is_found_out)
            return status;
        id = row_out->id + 1;
        if (row_out->id == own_id)
            continue;
        status =
            cir__writer_get_feature(apply->writer, i_encoder, row_out->id, apply->row, is_found_out, err);
        if (status != CIR_OK || *is_found_out)
            return status;
    }
    *is_found_out = false;
    return CIR_OK;
}

/* The reason without the path before it: the row says which file it is, also when that has moved. */
static const char *reason_of(const cir__job *job)
{
    size_t length = strlen(job->path);
    const char *text = job->why.message;
    return strncmp(text, job->path, length) == 0 && strncmp(text + length, ": ", 2) == 0 ? text + length + 2
                                                                                         : text;
}

/* What the walk saw of the file that was read. */
static void set_file(cir__row *row, const cir__job *job)
{
    row->size_bytes = job->size_bytes;
    row->modified_ns = job->modified_ns;
    row->has_change = job->errno_value == 0;
    row->inode = job->inode;
    row->changed_ns = job->changed_ns;
}

/* Writes the row of an encoded, copied or failed file. */
static cir_status put_row(cir__apply *apply, const cir__job *job, cir__row *row, bool is_failed,
                          cir_error *err)
{
    set_file(row, job);
    row->has_hash = job->has_hash;
    memcpy(row->hash, job->hash, CIR__HASH_SIZE);
    row->is_vanished = false;
    row->is_failed = is_failed;
    return cir__image_rows_put(cir__writer_store(apply->writer), row,
                               cir__place_stored(cir__writer_place(apply->writer), job->path),
                               is_failed ? reason_of(job) : NULL, err);
}

static void set_facts(cir__row *row, size_t width_px, size_t height_px, int64_t taken_at)
{
    row->width_px = width_px;
    row->height_px = height_px;
    row->taken_at = taken_at;
}

/* Decodes and encodes here and now: the twin that a decoding thread relied on turned out not to be usable.
 * NULL, with job->why, where that fails. */
static cir_status encode_alone(cir__apply *apply, cir__job *job, size_t i_encoder, const float **feature_out,
                               cir_error *err)
{
    const cir__encoder *encoder = &apply->settings->encoders->items[i_encoder];
    *feature_out = NULL;
    cir__job_run_again(job, apply->settings, i_encoder);
    if (job->result != CIR__JOB_DECODED)
        return CIR_OK;
    cir_status status =
        encoder->encode(encoder->context, apply->pool, job->tensors[i_encoder], 1, apply->feature, &job->why);
    if (status == CIR_OK)
        *feature_out = apply->feature;
    else if (status != CIR_FORMAT)
        return cir__fail(err, status, "%s", job->why.message);
    return CIR_OK;
}

/* Stores the feature of one model: feature where is_decoded, else a twin's. *is_stored_out: false, with
 * job->why, where it failed. row's facts are set. */
static cir_status put_one(cir__apply *apply, cir__job *job, cir__row *row, size_t i_encoder, bool is_decoded,
                          const float *feature, bool *is_stored_out, cir_error *err)
{
    const cir__encoder *encoder = &apply->settings->encoders->items[i_encoder];
    bool is_found = false;
    cir__row twin;
    cir_status status = CIR_OK;
    *is_stored_out = false;
    if (!is_decoded)
        status = find_twin(apply, job, i_encoder, row->id, &twin, &is_found, err);
    if (status == CIR_OK && is_found && job->decoded == 0)
        set_facts(row, twin.width_px, twin.height_px, twin.taken_at);
    if (status == CIR_OK && !is_decoded && !is_found)
        status = encode_alone(apply, job, i_encoder, &feature, err);
    if (status != CIR_OK || (feature == NULL && !is_found))
        return status;
    if (!is_found && !cir__vectors_format_row(feature, encoder->dim, apply->row)) {
        cir__fail(
            &job->why, CIR_FORMAT,
            "%s: its feature is not finite or not of unit length; check the model with: cir model check %s",
            job->path, encoder->path);
        return CIR_OK;
    }
    *is_stored_out = true;
    return cir__writer_put_feature(apply->writer, i_encoder, row->id, apply->row, err);
}

/* Chooses the row: that of the path, that of the same content moved here, or a new one. */
static cir_status choose_row(cir__apply *apply, const cir__job *job, cir__row *row_out, bool *is_new_out,
                             cir_error *err)
{
    *row_out = job->row;
    bool is_found = job->has_row;
    if (!is_found && job->has_hash) {
        cir_status status = find_moved(apply, job, row_out, &is_found, err);
        if (status != CIR_OK)
            return status;
    }
    *is_new_out = !is_found;
    if (!is_found) {
        size_t n_rows = cir__writer_n_rows(apply->writer) + 1;
        if (!cir__grow((void **)&apply->flags, &apply->flags_capacity, n_rows + 1, 1))
            return cir__fail_memory(err, "update of an index");
        *row_out = (cir__row){.id = cir__writer_add_row(apply->writer), .taken_at = INT64_MIN};
    }
    apply->flags[row_out->id] = SEEN;
    return CIR_OK;
}

/* Stores what the row lacks of every model. *n_stored_out, *n_failed_out: of how many models. */
static cir_status put_missing(cir__apply *apply, cir__job *job, cir__row *row, const float *const *features,
                              size_t *n_stored_out, size_t *n_failed_out, cir_error *err)
{
    const cir__encoder_set has = cir__writer_get_features(apply->writer, row->id);
    const cir__encoder_set decoded = job->decoded; /* encoding alone changes the job's */
    cir_status status = CIR_OK;
    for (size_t i = 0; status == CIR_OK && i < apply->settings->encoders->n; i++) {
        const bool is_decoded = (decoded >> i & 1) != 0;
        bool is_stored;
        if ((has >> i & 1) != 0)
            continue;
        status = put_one(apply, job, row, i, is_decoded, is_decoded ? features[i] : NULL, &is_stored, err);
        *(is_stored ? n_stored_out : n_failed_out) += 1;
    }
    if (job->result == CIR__JOB_DECODED)
        set_facts(row, job->facts.width_px, job->facts.height_px, job->facts.taken_at);
    return status;
}

/* Whether a file that cannot be read is by size and date as it was: rights alone have changed, and what is
 * known of it is kept. */
static bool is_withheld(const cir__apply *apply, const cir__job *job)
{
    return job->result == CIR__JOB_FAILED && !job->has_hash && job->has_row && !job->row.is_failed &&
           job->row.size_bytes == job->size_bytes && job->row.modified_ns == job->modified_ns &&
           cir__writer_get_features(apply->writer, job->row.id) ==
               cir__encoders_all(apply->settings->encoders);
}

cir_status cir__apply_job(cir__apply *apply, cir__job *job, const float *const *features,
                          cir__applied *applied_out, cir_error *err)
{
    const cir__job_result result = job->result;
    size_t n_stored = 0;
    size_t n_failed = 0;
    *applied_out = (cir__applied){CIR__APPLIED_UNCHANGED, CIR__CHANGE_NONE};
    /* A picture that is too large for this machine fails by itself; where an ordinary one finds no room, all
     * would. */
    if (result == CIR__JOB_FAILED && job->why.status == CIR_NO_MEMORY &&
        !cir__memory_has_room(ORDINARY_PICTURE_BYTES))
        return cir__fail(err, CIR_NO_MEMORY, "%s", job->why.message);
    cir__row row;
    bool is_new;
    cir_status status = begin(apply, err);
    if (status == CIR_OK)
        status = choose_row(apply, job, &row, &is_new, err);
    if (status != CIR_OK)
        return status;
    bool is_same_content =
        !is_new && row.has_hash && job->has_hash && memcmp(row.hash, job->hash, CIR__HASH_SIZE) == 0;
    applied_out->change = is_new            ? CIR__CHANGE_NEW
                          : !job->has_row   ? CIR__CHANGE_MOVED
                          : is_same_content ? CIR__CHANGE_NONE
                                            : CIR__CHANGE_CONTENT;
    if (is_withheld(apply, job)) {
        applied_out->change = CIR__CHANGE_NONE;
        applied_out->result = apply->settings->reread ? CIR__APPLIED_FAILED : CIR__APPLIED_UNCHANGED;
        return CIR_OK;
    }
    if (result == CIR__JOB_SAME ||
        (is_same_content && result == CIR__JOB_KNOWN &&
         cir__writer_get_features(apply->writer, row.id) == cir__encoders_all(apply->settings->encoders))) {
        set_file(&row, job);
        return cir__image_rows_set_file(cir__writer_store(apply->writer), &row,
                                        cir__place_stored(cir__writer_place(apply->writer), job->path), err);
    }
    if (!is_new && !is_same_content)
        status = cir__writer_clear_features(apply->writer, row.id, err);
    if (status != CIR_OK)
        return status;
    if (result == CIR__JOB_FAILED)
        n_failed = 1;
    else
        status = put_missing(apply, job, &row, features, &n_stored, &n_failed, err);
    if (status != CIR_OK)
        return status;
    if (n_failed > 0)
        applied_out->result = CIR__APPLIED_FAILED;
    else if (job->result == CIR__JOB_DECODED)
        applied_out->result = CIR__APPLIED_ENCODED;
    bool is_failed = n_failed > 0 && n_stored == 0 && !cir__writer_has_any_feature(apply->writer, row.id);
    if (is_failed && job->result == CIR__JOB_FAILED)
        set_facts(&row, 0, 0, INT64_MIN);
    return put_row(apply, job, &row, is_failed, err);
}

/* Rows that a round of vanishing met. */
typedef struct missing {
    const cir__apply *apply;
    const cir__scope *scope;
    const char *root;
    size_t *ids;
    size_t n;
    size_t capacity;
    size_t n_there;
} missing;

static bool is_below_unreadable(const cir__scope *scope, const char *path)
{
    for (size_t i = 0; i < scope->n_unreadable; i++)
        if (cir__place_is_below(path, scope->unreadable[i].path))
            return true;
    return false;
}

/* Named by another update, within what this one leaves out: that one's matter. */
static bool is_others(const missing *self, const char *path)
{
    for (size_t i = 0; i < self->scope->n_others; i++)
        if (cir__place_is_below(self->scope->others[i], self->root) &&
            cir__place_is_below(path, self->scope->others[i]))
            return true;
    return false;
}

static bool visit_path(void *context, size_t id, const char *stored, size_t size)
{
    missing *self = context;
    if (id >= cir__writer_n_rows(self->apply->writer) || self->apply->flags[id] != 0)
        return true;
    char *path = cir__place_absolute(cir__writer_place(self->apply->writer), stored, size);
    if (path == NULL)
        return false;
    struct stat facts;
    const bool is_there = stat(path, &facts) == 0;
    const bool is_kept = is_below_unreadable(self->scope, path) || (is_there && is_others(self, path));
    free(path);
    if (is_kept)
        return true;
    if (!cir__grow((void **)&self->ids, &self->capacity, self->n + 1, sizeof *self->ids))
        return false;
    self->ids[self->n++] = id;
    self->n_there += is_there ? 1 : 0;
    return true;
}

static cir_status list_below(cir__apply *apply, const char *root, missing *self, cir_error *err)
{
    const cir__place *place = cir__writer_place(apply->writer);
    cir__store *store = cir__writer_store(apply->writer);
    cir_status status = CIR_OK;
    const char *stored = cir__place_stored(place, root);
    /* All that is stored relative lies below the base, and so below a root that the base lies below. */
    if (cir__place_is_below(place->base, root))
        status = cir__image_rows_list_paths(store, "", visit_path, self, err);
    if (status != CIR_OK || stored[0] == '\0')
        return status;
    char *prefix = cir__path_join(stored, "");
    if (prefix == NULL)
        return cir__fail_memory(err, root);
    status = cir__image_rows_list_paths(store, prefix, visit_path, self, err);
    free(prefix);
    return status;
}

cir_status cir__apply_vanish(cir__apply *apply, const cir__scope *scope, size_t i_root, size_t *n_vanished,
                             size_t *n_left_out, cir_error *err)
{
    missing self = {.apply = apply, .scope = scope, .root = scope->roots[i_root]};
    cir_status status = list_below(apply, self.root, &self, err);
    for (size_t i = 0; status == CIR_OK && i < self.n; i++) {
        status = begin(apply, err);
        if (status == CIR_OK)
            status = cir__image_rows_set_vanished(cir__writer_store(apply->writer), self.ids[i], true, err);
        apply->flags[self.ids[i]] = VANISHED;
        ++*n_vanished;
        if (status == CIR_OK && apply->n_changes >= MAX_CHANGES)
            status = cir__apply_commit(apply, err);
    }
    *n_left_out += self.n_there;
    free(self.ids);
    return status;
}

#include "server/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#include "server/fail.h"

enum { MAX_COMPOSERS = 8, MASK_CACHE_BYTES = 32 << 20 };

struct cir__kept_composer {
    char *key;
    cir_composer *composer;
    size_t n_users; /* the list of kept ones counts as one */
};

struct cir__snapshot {
    atomic_size_t n_owners;
    uint64_t serial;
    const cir_model *model;
    cir_index *index;
    size_t n_rows;
    int64_t *taken;           /* [n_rows], INT64_MIN: not known */
    cir__file_facts *files;   /* [n_rows] */
    int64_t *when;            /* [n_rows] that, or when the file was modified; only while opening */
    uint32_t *folder;         /* [n_rows] numbers of folders */
    uint8_t *shape;           /* [n_rows] cir__orientation */
    _Atomic uint16_t *camera; /* [n_rows] */
    atomic_size_t n_cameras_set;
    GPtrArray *folders; /* their paths by number; owned by numbers */
    GHashTable *numbers;
    size_t *n_in_folder; /* [folders->len] */
    uint32_t *by_path;   /* [folders->len] numbers in the order of paths */
    uint32_t *newest;    /* [n_ready] */
    size_t n_newest;
    cir__cache *masks;
    pthread_mutex_t lock;                    /* guards the list of composers */
    pthread_mutex_t making;                  /* held while one is made */
    cir__kept_composer *kept[MAX_COMPOSERS]; /* the latest first */
};

/* The number of a path's folder. */
static uint32_t number_of_folder(cir__snapshot *self, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = g_strndup(path, slash == path ? 1 : slash != NULL ? (size_t)(slash - path) : 0);
    gpointer found;
    if (g_hash_table_lookup_extended(self->numbers, folder, NULL, &found)) {
        g_free(folder);
        return GPOINTER_TO_UINT(found);
    }
    uint32_t number = self->folders->len;
    g_ptr_array_add(self->folders, folder);
    g_hash_table_insert(self->numbers, folder, GUINT_TO_POINTER(number));
    return number;
}

static bool visit_record(void *context, const cir_image_record *record)
{
    cir__snapshot *self = context;
    size_t id = record->id;
    self->taken[id] = record->taken_at;
    self->files[id] = (cir__file_facts){record->modified_ns, record->size_bytes};
    self->when[id] = record->taken_at != INT64_MIN ? record->taken_at : record->modified_ns / 1000000000;
    self->folder[id] = number_of_folder(self, record->path);
    self->shape[id] = record->width_px > record->height_px   ? CIR__LANDSCAPE
                      : record->width_px < record->height_px ? CIR__PORTRAIT
                                                             : CIR__SQUARE;
    return true;
}

static int compare_when(const void *a, const void *b, void *context)
{
    const int64_t *when = context;
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    if (when[left] != when[right])
        return when[left] > when[right] ? -1 : 1;
    return left < right ? -1 : left > right;
}

static int compare_folders(const void *a, const void *b, void *context)
{
    const GPtrArray *folders = context;
    return strcmp(folders->pdata[*(const uint32_t *)a], folders->pdata[*(const uint32_t *)b]);
}

/* What is sorted and counted once the columns are there. */
static bool derive(cir__snapshot *self)
{
    const uint8_t *ready = cir_index_get_ready(self->index);
    self->n_in_folder = calloc(self->folders->len + 1, sizeof *self->n_in_folder);
    self->by_path = calloc(self->folders->len + 1, sizeof *self->by_path);
    self->newest = calloc(cir_index_get_info(self->index)->n_ready + 1, sizeof *self->newest);
    if (self->n_in_folder == NULL || self->by_path == NULL || self->newest == NULL)
        return false;
    for (size_t id = 0; id < self->n_rows; id++)
        if (ready[id]) {
            self->n_in_folder[self->folder[id]]++;
            self->newest[self->n_newest++] = (uint32_t)id;
        }
    g_qsort_with_data(self->newest, (gint)self->n_newest, sizeof *self->newest, compare_when, self->when);
    for (uint32_t i = 0; i < self->folders->len; i++)
        self->by_path[i] = i;
    g_qsort_with_data(self->by_path, (gint)self->folders->len, sizeof *self->by_path, compare_folders,
                      self->folders);
    free(self->when);
    self->when = NULL;
    return true;
}

cir_status cir__snapshot_open(const char *index_path, bool is_trusted, const cir_model *model,
                              uint64_t serial, cir__snapshot **snapshot_out, cir_error *err)
{
    *snapshot_out = NULL;
    cir__snapshot *self = calloc(1, sizeof *self);
    if (self == NULL)
        return cir__refuse_memory(err);
    atomic_init(&self->n_owners, 1);
    pthread_mutex_init(&self->lock, NULL);
    pthread_mutex_init(&self->making, NULL);
    self->serial = serial;
    self->model = model;
    self->folders = g_ptr_array_new();
    self->numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const cir_index_options how = {cir_model_get_info(model)->fingerprint, is_trusted};
    cir_status status = cir_index_open_with(index_path, &how, &self->index, err);
    if (status == CIR_OK) {
        size_t n = self->n_rows = cir_index_get_info(self->index)->n_rows;
        self->taken = calloc(n + 1, sizeof *self->taken);
        self->files = calloc(n + 1, sizeof *self->files);
        self->when = calloc(n + 1, sizeof *self->when);
        self->folder = calloc(n + 1, sizeof *self->folder);
        self->shape = calloc(n + 1, sizeof *self->shape);
        self->camera = calloc(n + 1, sizeof *self->camera);
        self->masks = cir__cache_new(MASK_CACHE_BYTES);
        if (self->taken == NULL || self->files == NULL || self->when == NULL || self->folder == NULL ||
            self->shape == NULL || self->camera == NULL || self->masks == NULL || n > UINT32_MAX)
            status = cir__refuse_memory(err);
    }
    if (status == CIR_OK)
        status = cir_index_list_all(self->index, visit_record, self, err);
    if (status == CIR_OK && !derive(self))
        status = cir__refuse_memory(err);
    if (status != CIR_OK) {
        cir__snapshot_drop(self);
        return status;
    }
    *snapshot_out = self;
    return CIR_OK;
}

cir__snapshot *cir__snapshot_share(cir__snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->n_owners, 1);
    return snapshot;
}

static void drop_composer(cir__kept_composer *kept)
{
    if (kept == NULL || --kept->n_users > 0)
        return;
    cir_composer_free(kept->composer);
    free(kept->key);
    free(kept);
}

void cir__snapshot_drop(cir__snapshot *self)
{
    if (self == NULL || atomic_fetch_sub(&self->n_owners, 1) != 1)
        return;
    for (size_t i = 0; i < MAX_COMPOSERS; i++)
        drop_composer(self->kept[i]);
    cir__cache_free(self->masks);
    cir_index_close(self->index);
    g_hash_table_destroy(self->numbers);
    g_ptr_array_free(self->folders, TRUE);
    free(self->taken);
    free(self->files);
    free(self->when);
    free(self->folder);
    free(self->shape);
    free(self->camera);
    free(self->n_in_folder);
    free(self->by_path);
    free(self->newest);
    pthread_mutex_destroy(&self->making);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

const cir_index *cir__snapshot_index(const cir__snapshot *snapshot)
{
    return snapshot->index;
}

uint64_t cir__snapshot_serial(const cir__snapshot *snapshot)
{
    return snapshot->serial;
}

/* ---- composers ---- */

/* Moves the one with the key to the front and lends it; NULL: there is none. */
static cir__kept_composer *find_composer(cir__snapshot *self, const char *key)
{
    cir__kept_composer *found = NULL;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < MAX_COMPOSERS && found == NULL; i++)
        if (self->kept[i] != NULL && strcmp(self->kept[i]->key, key) == 0) {
            found = self->kept[i];
            memmove(&self->kept[1], &self->kept[0], i * sizeof self->kept[0]);
            self->kept[0] = found;
            found->n_users++;
        }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static cir_status make_composer(cir__snapshot *self, cir_pool *pool, cir_method method,
                                const cir_settings *settings, char *key, cir__kept_composer **kept_out,
                                cir_error *err)
{
    cir__kept_composer *made = calloc(1, sizeof *made);
    if (made == NULL) {
        free(key);
        return cir__refuse_memory(err);
    }
    cir_status status =
        cir_composer_new(self->index, self->model, pool, method, settings, &made->composer, err);
    if (status != CIR_OK) {
        free(made);
        free(key);
        return status;
    }
    made->key = key;
    made->n_users = 2;
    pthread_mutex_lock(&self->lock);
    drop_composer(self->kept[MAX_COMPOSERS - 1]);
    memmove(&self->kept[1], &self->kept[0], (MAX_COMPOSERS - 1) * sizeof self->kept[0]);
    self->kept[0] = made;
    pthread_mutex_unlock(&self->lock);
    *kept_out = made;
    return CIR_OK;
}

cir_status cir__snapshot_lend_composer(cir__snapshot *self, cir_pool *pool, cir_method method,
                                       const cir_settings *settings, cir__kept_composer **kept_out,
                                       cir_error *err)
{
    char *key = cir__settings_key(method, settings, true);
    if (key == NULL)
        return cir__refuse_memory(err);
    *kept_out = find_composer(self, key);
    if (*kept_out != NULL) {
        free(key);
        return CIR_OK;
    }
    cir_status status = CIR_OK;
    pthread_mutex_lock(&self->making);
    *kept_out = find_composer(self, key); /* made while this thread waited? */
    if (*kept_out != NULL)
        free(key);
    else
        status = make_composer(self, pool, method, settings, key, kept_out, err);
    pthread_mutex_unlock(&self->making);
    return status;
}

void cir__snapshot_return_composer(cir__snapshot *self, cir__kept_composer *kept)
{
    if (kept == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    drop_composer(kept);
    pthread_mutex_unlock(&self->lock);
}

const cir_composer *cir__kept_composer_get(const cir__kept_composer *kept)
{
    return kept->composer;
}

/* ---- filters ---- */

static size_t count_set(const cir__blob *mask)
{
    size_t n = 0;
    for (size_t i = 0; i < mask->size; i++)
        n += mask->data[i];
    return n;
}

static cir__blob *make_mask(const cir__snapshot *self, const cir__filter *filter, uint16_t camera)
{
    size_t n_folders = self->folders->len;
    uint8_t *is_inside = calloc(n_folders + 1, 1);
    cir__blob *mask = cir__blob_new(NULL, self->n_rows);
    if (is_inside == NULL || mask == NULL) {
        free(is_inside);
        cir__blob_drop(mask);
        return NULL;
    }
    for (size_t i = 0; i < n_folders; i++)
        is_inside[i] = filter->folder == NULL || cir__folder_holds(filter->folder, self->folders->pdata[i]);
    const uint8_t *ready = cir_index_get_ready(self->index);
    for (size_t id = 0; id < self->n_rows; id++) {
        int64_t taken = self->taken[id];
        bool is_timely = (!filter->has_after || taken >= filter->after) &&
                         (!filter->has_before || (taken < filter->before && taken != INT64_MIN));
        mask->data[id] =
            ready[id] && is_timely && is_inside[self->folder[id]] &&
            (filter->camera == NULL || (camera != 0 && cir__snapshot_camera(self, id) == camera)) &&
            (filter->orientation == CIR__ANY_ORIENTATION || filter->orientation == self->shape[id]);
    }
    free(is_inside);
    return mask;
}

cir_status cir__snapshot_mask(cir__snapshot *self, const cir__filter *filter, uint16_t camera,
                              cir__blob **blob_out, size_t *n_matching_out, cir_error *err)
{
    *n_matching_out = 0;
    /* Cameras are still being found: such a mask is made each time. */
    bool is_kept = filter->camera == NULL;
    char *key = cir__filter_key(filter);
    *blob_out = key != NULL && is_kept ? cir__cache_find(self->masks, key) : NULL;
    if (*blob_out == NULL && key != NULL) {
        *blob_out = make_mask(self, filter, camera);
        if (*blob_out != NULL && is_kept)
            cir__cache_put(self->masks, key, *blob_out);
    }
    free(key);
    if (*blob_out == NULL)
        return cir__refuse_memory(err);
    *n_matching_out = count_set(*blob_out);
    return CIR_OK;
}

bool cir__snapshot_file_facts(const cir__snapshot *snapshot, size_t id, cir__file_facts *facts_out)
{
    *facts_out = (cir__file_facts){0};
    if (id < snapshot->n_rows)
        *facts_out = snapshot->files[id];
    return id < snapshot->n_rows;
}

uint16_t cir__snapshot_camera(const cir__snapshot *snapshot, size_t id)
{
    return atomic_load_explicit(&snapshot->camera[id], memory_order_relaxed);
}

void cir__snapshot_set_camera(cir__snapshot *snapshot, size_t id, uint16_t number)
{
    atomic_store_explicit(&snapshot->camera[id], number, memory_order_relaxed);
    atomic_fetch_add(&snapshot->n_cameras_set, 1);
}

size_t cir__snapshot_n_cameras_set(const cir__snapshot *snapshot)
{
    return atomic_load(&snapshot->n_cameras_set);
}

/* ---- what the page offers ---- */

const uint32_t *cir__snapshot_newest(const cir__snapshot *snapshot, size_t *n_out)
{
    *n_out = snapshot->n_newest;
    return snapshot->newest;
}

size_t cir__snapshot_n_folders(const cir__snapshot *snapshot)
{
    return snapshot->folders->len;
}

const char *cir__snapshot_folder(const cir__snapshot *snapshot, size_t i, size_t *n_photos_out)
{
    uint32_t number = snapshot->by_path[i];
    *n_photos_out = snapshot->n_in_folder[number];
    return snapshot->folders->pdata[number];
}

void cir__snapshot_years(const cir__snapshot *self, cir__snapshot_visit_year *visit, void *context,
                         size_t *n_undated_out)
{
    enum { LAST_YEAR = 9999 };
    static const int64_t mean_year = 31556952;
    *n_undated_out = 0;
    size_t *counts = calloc(LAST_YEAR + 1, sizeof *counts);
    if (counts == NULL)
        return;
    for (size_t i = 0; i < self->n_newest; i++) {
        int64_t taken = self->taken[self->newest[i]];
        time_t seconds = (time_t)taken;
        struct tm parts;
        if (taken == INT64_MIN || taken < -1970 * mean_year || gmtime_r(&seconds, &parts) == NULL ||
            parts.tm_year + 1900 > LAST_YEAR || parts.tm_year < -1900)
            ++*n_undated_out;
        else
            counts[parts.tm_year + 1900]++;
    }
    for (int year = 0; year <= LAST_YEAR; year++)
        if (counts[year] > 0)
            visit(context, year, counts[year]);
    free(counts);
}

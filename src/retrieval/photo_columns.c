#include "retrieval/photo_columns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/intern.h"
#include "base/memory.h"

enum { MAX_CAMERAS = 10000 };

struct cir__columns {
    const cir_index *index;
    size_t n_rows;
    cir_photo_facts *facts; /* [n_rows] */
    uint32_t *folder;       /* [n_rows] numbers of folders */
    uint8_t *orientation;   /* [n_rows] cir_orientation */
    cir__intern folders;    /* paths by number */
    size_t *n_in_folder;    /* [folders.n] ready ones */
    uint32_t *by_path;      /* [folders.n] numbers in the order of paths */
    uint32_t *newest;       /* [n_newest] ready rows */
    size_t n_newest;
    _Atomic uint16_t *camera; /* [n_rows] number of its name + 1; 0: not known */
    pthread_mutex_t lock;     /* guards the cameras' names */
    cir__intern cameras;
};

/* ---- from the catalogue ---- */

typedef struct loading {
    cir__columns *to;
    char *folder; /* that of the last path, as long as the longest */
    size_t folder_bytes;
    cir_status status;
    cir_error *err;
} loading;

/* The number of a path's folder. */
static cir_status number_folder(loading *self, const char *path, uint32_t *number_out)
{
    const char *slash = strrchr(path, '/');
    const size_t size = slash == path ? 1 : slash != NULL ? (size_t)(slash - path) : 0;
    void *grown = self->folder;
    size_t number;

    if (!cir__grow(&grown, &self->folder_bytes, size + 1, 1))
        return cir__fail_memory(self->err, "the catalogue's folders");
    self->folder = grown;
    memcpy(self->folder, path, size);
    self->folder[size] = '\0';
    const cir_status status = cir__intern_put(&self->to->folders, self->folder, &number, self->err);
    *number_out = (uint32_t)number;
    return status;
}

static bool visit_record(void *context, const cir_image_record *record)
{
    loading *self = context;
    cir__columns *to = self->to;
    const size_t id = record->id;

    to->facts[id] = (cir_photo_facts){record->taken_at, record->modified_ns, record->size_bytes};
    to->orientation[id] = record->width_px > record->height_px   ? CIR_ORIENTATION_LANDSCAPE
                          : record->width_px < record->height_px ? CIR_ORIENTATION_PORTRAIT
                                                                 : CIR_ORIENTATION_SQUARE;
    self->status = number_folder(self, record->path, &to->folder[id]);
    return self->status == CIR_OK;
}

/* A row by when its photo was taken, or else its file modified. */
typedef struct dated {
    int64_t when;
    uint32_t id;
} dated;

static int compare_dated(const void *a, const void *b)
{
    const dated *left = a;
    const dated *right = b;
    if (left->when != right->when)
        return left->when > right->when ? -1 : 1;
    return left->id < right->id ? -1 : left->id > right->id;
}

static bool sort_newest(cir__columns *self, const uint8_t *ready)
{
    dated *rows = cir__new(self->n_newest, sizeof *rows);
    size_t n = 0;

    self->newest = cir__new(self->n_newest, sizeof *self->newest);
    if (rows == NULL || self->newest == NULL) {
        free(rows);
        return false;
    }
    for (size_t id = 0; id < self->n_rows; id++)
        if (ready[id]) {
            const cir_photo_facts *facts = &self->facts[id];
            rows[n++] =
                (dated){facts->taken_at != INT64_MIN ? facts->taken_at : facts->modified_ns / 1000000000,
                        (uint32_t)id};
        }
    qsort(rows, n, sizeof *rows, compare_dated);
    for (size_t i = 0; i < n; i++)
        self->newest[i] = rows[i].id;
    free(rows);
    return true;
}

typedef struct named {
    const char *name;
    uint32_t number;
} named;

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static bool sort_folders(cir__columns *self, const uint8_t *ready)
{
    const size_t n = self->folders.n;
    named *sorted = cir__new(n, sizeof *sorted);

    self->n_in_folder = cir__new(n, sizeof *self->n_in_folder);
    self->by_path = cir__new(n, sizeof *self->by_path);
    if (sorted == NULL || self->n_in_folder == NULL || self->by_path == NULL) {
        free(sorted);
        return false;
    }
    for (size_t id = 0; id < self->n_rows; id++)
        if (ready[id])
            self->n_in_folder[self->folder[id]]++;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (named){self->folders.names[i], (uint32_t)i};
    qsort(sorted, n, sizeof *sorted, compare_named);
    for (size_t i = 0; i < n; i++)
        self->by_path[i] = sorted[i].number;
    free(sorted);
    return true;
}

cir_status cir__columns_new(const cir_index *index, cir__columns **columns_out, cir_error *err)
{
    const cir_index_info *info = cir_index_get_info(index);
    const size_t n = info->n_rows;
    const uint8_t *ready = cir_index_get_rows(index).ready;
    cir_status status = CIR_OK;

    *columns_out = NULL;
    if (n > UINT32_MAX)
        return cir__fail(err, CIR_LIMIT, "%s: has %zu rows; at most %lu can be filtered and listed",
                         info->path, n, (unsigned long)UINT32_MAX);
    cir__columns *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, "the catalogue's columns");
    pthread_mutex_init(&self->lock, NULL);
    self->index = index;
    self->n_rows = n;
    self->n_newest = info->n_ready;
    self->facts = cir__new(n, sizeof *self->facts);
    self->folder = cir__new(n, sizeof *self->folder);
    self->orientation = cir__new(n, sizeof *self->orientation);
    self->camera = cir__new(n, sizeof *self->camera);
    loading from = {.to = self, .err = err};
    if (self->facts == NULL || self->folder == NULL || self->orientation == NULL || self->camera == NULL)
        status = cir__fail_memory(err, "the catalogue's columns");
    if (status == CIR_OK)
        status = cir_index_list_all_images(index, visit_record, &from, err);
    if (status == CIR_OK)
        status = from.status;
    free(from.folder);
    if (status == CIR_OK && (!sort_newest(self, ready) || !sort_folders(self, ready)))
        status = cir__fail_memory(err, "the catalogue's columns");
    if (status != CIR_OK) {
        cir__columns_free(self);
        return status;
    }
    *columns_out = self;
    return CIR_OK;
}

void cir__columns_free(cir__columns *self)
{
    if (self == NULL)
        return;
    cir__intern_done(&self->folders);
    cir__intern_done(&self->cameras);
    free(self->facts);
    free(self->folder);
    free(self->orientation);
    free(self->camera);
    free(self->n_in_folder);
    free(self->by_path);
    free(self->newest);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* ---- filters ---- */

static uint16_t camera_of(const cir__columns *self, size_t id)
{
    return atomic_load_explicit(&self->camera[id], memory_order_relaxed);
}

/* The camera's number + 1; 0: no photo is known to be its. */
static uint16_t find_camera(cir__columns *self, const char *name)
{
    size_t number;

    pthread_mutex_lock(&self->lock);
    const bool is_known = cir__intern_find(&self->cameras, name, &number);
    pthread_mutex_unlock(&self->lock);
    return is_known ? (uint16_t)(number + 1) : 0;
}

cir_status cir__columns_mask(cir__columns *self, const cir_photo_filter *filter, uint8_t *mask_out,
                             size_t *n_out, cir_error *err)
{
    const uint8_t *ready = cir_index_get_rows(self->index).ready;
    const uint16_t camera = filter->camera != NULL ? find_camera(self, filter->camera) : 0;
    const bool is_timed = filter->after != INT64_MIN || filter->before != INT64_MAX;
    uint8_t *is_inside = cir__new(self->folders.n, 1);

    *n_out = 0;
    if (is_inside == NULL)
        return cir__fail_memory(err, "a filter");
    for (size_t i = 0; i < self->folders.n; i++)
        is_inside[i] = filter->folder == NULL || cir_folder_holds(filter->folder, self->folders.names[i]);
    for (size_t id = 0; id < self->n_rows; id++) {
        const int64_t taken = self->facts[id].taken_at;
        const bool is_timely =
            !is_timed || (taken != INT64_MIN && taken >= filter->after && taken < filter->before);
        mask_out[id] =
            ready[id] && is_timely && is_inside[self->folder[id]] &&
            (filter->camera == NULL || (camera != 0 && camera_of(self, id) == camera)) &&
            (filter->orientation == CIR_ORIENTATION_ANY || filter->orientation == self->orientation[id]);
        *n_out += mask_out[id];
    }
    free(is_inside);
    return CIR_OK;
}

/* ---- lists and counts ---- */

const uint32_t *cir__columns_newest(const cir__columns *self, size_t *n_out)
{
    *n_out = self->n_newest;
    return self->newest;
}

static void count_folders(const cir__columns *self, cir_facet_visit_fn *visit, void *context)
{
    for (size_t i = 0; i < self->folders.n; i++) {
        const uint32_t number = self->by_path[i];
        visit(context, self->folders.names[number], self->n_in_folder[number]);
    }
}

/* 0: not known, or none that a calendar has. */
static int year_of(int64_t taken)
{
    static const int64_t mean_year = 31556952;
    const time_t seconds = (time_t)taken;
    struct tm parts;

    if (taken == INT64_MIN || taken < -1970 * mean_year || gmtime_r(&seconds, &parts) == NULL)
        return 0;
    return parts.tm_year > -1900 && parts.tm_year + 1900 <= 9999 ? parts.tm_year + 1900 : 0;
}

static void count_years(const cir__columns *self, size_t *counts, cir_facet_visit_fn *visit, void *context)
{
    char text[16];

    for (size_t i = 0; i < self->n_newest; i++)
        counts[year_of(self->facts[self->newest[i]].taken_at)]++;
    for (int year = 1; year <= 9999; year++)
        if (counts[year] > 0) {
            (void)snprintf(text, sizeof text, "%d", year);
            visit(context, text, counts[year]);
        }
    if (counts[0] > 0)
        visit(context, NULL, counts[0]);
}

static void count_cameras(cir__columns *self, size_t *counts, cir_facet_visit_fn *visit, void *context)
{
    for (size_t i = 0; i < self->n_newest; i++)
        counts[camera_of(self, self->newest[i])]++;
    for (size_t number = 1; number <= MAX_CAMERAS; number++)
        if (counts[number] > 0) {
            pthread_mutex_lock(&self->lock);
            const char *name = self->cameras.names[number - 1];
            pthread_mutex_unlock(&self->lock);
            visit(context, name, counts[number]);
        }
    if (counts[0] > 0)
        visit(context, NULL, counts[0]);
}

cir_status cir__columns_count(cir__columns *self, cir_facet facet, cir_facet_visit_fn *visit, void *context,
                              cir_error *err)
{
    enum { N_COUNTS = MAX_CAMERAS + 1 }; /* and more than there are years */
    size_t *counts = cir__new(N_COUNTS, sizeof *counts);

    if (counts == NULL)
        return cir__fail_memory(err, "counting photos");
    if (facet == CIR_FACET_FOLDER)
        count_folders(self, visit, context);
    else if (facet == CIR_FACET_YEAR)
        count_years(self, counts, visit, context);
    else
        count_cameras(self, counts, visit, context);
    free(counts);
    return CIR_OK;
}

static cir_status check_id(const cir__columns *self, size_t id, cir_error *err)
{
    return id < self->n_rows ? CIR_OK
                             : cir__fail(err, CIR_NOT_FOUND, "%s: has no image %zu; valid ids are below %zu",
                                         cir_index_get_info(self->index)->path, id, self->n_rows);
}

cir_status cir__columns_get_facts(const cir__columns *self, size_t id, cir_photo_facts *facts_out,
                                  cir_error *err)
{
    const cir_status status = check_id(self, id, err);
    *facts_out = status == CIR_OK ? self->facts[id] : (cir_photo_facts){.taken_at = INT64_MIN};
    return status;
}

/* ---- cameras ---- */

cir_status cir__columns_set_camera(cir__columns *self, size_t id, const char *name, cir_error *err)
{
    size_t number = 0;
    cir_status status = check_id(self, id, err);
    if (status != CIR_OK)
        return status;
    bool is_known = name != NULL && name[0] != '\0';
    pthread_mutex_lock(&self->lock);
    if (is_known && self->cameras.n >= MAX_CAMERAS)
        is_known = cir__intern_find(&self->cameras, name, &number);
    else if (is_known)
        status = cir__intern_put(&self->cameras, name, &number, err);
    pthread_mutex_unlock(&self->lock);
    if (status == CIR_OK)
        atomic_store_explicit(&self->camera[id], is_known ? (uint16_t)(number + 1) : 0, memory_order_relaxed);
    return status;
}

const char *cir__columns_get_camera(cir__columns *self, size_t id)
{
    const uint16_t number = id < self->n_rows ? camera_of(self, id) : 0;

    if (number == 0)
        return NULL;
    pthread_mutex_lock(&self->lock);
    const char *name = self->cameras.names[number - 1];
    pthread_mutex_unlock(&self->lock);
    return name;
}

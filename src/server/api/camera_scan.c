#include "server/api/camera_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct cir__camera_scan {
    cir__context *context;
    pthread_t thread;
    atomic_bool is_ending;
};

/* A photo's camera, "" where it is not known: as it is kept, or as its file says. */
static void find_camera(cir__context *context, const cir_index *index, const cir_image_record *record,
                        char name_out[CIR__CAMERA_SIZE])
{
    const cir_image_options options = {.size = sizeof options, .decoder = context->decoder};
    cir_image_facts facts;
    int fd;
    if (cir__thumbnail_store_find_camera(context->thumbnail_store, record->id, record->modified_ns, name_out))
        return;
    /* A file that cannot be read has no camera, until it changes; one that may not be shown is not looked
     * at. */
    name_out[0] = '\0';
    if (cir_index_open_photo(index, record, &fd, NULL) != CIR_OK)
        return;
    (void)close(fd);
    if (cir_image_read_facts(record->path, &options, &facts, NULL) != CIR_OK)
        facts.camera[0] = '\0';
    cir__thumbnail_store_put_camera(context->thumbnail_store, record->id, record->modified_ns, facts.camera);
    (void)snprintf(name_out, CIR__CAMERA_SIZE, "%s", facts.camera);
}

static void scan_photo(cir__context *context, cir__snapshot *snapshot, size_t id)
{
    char name[CIR__CAMERA_SIZE];
    cir_image_record record;
    if (cir_index_get_record(cir__snapshot_index(snapshot), id, &record, NULL) != CIR_OK)
        return;
    find_camera(context, cir__snapshot_index(snapshot), &record, name);
    if (name[0] != '\0')
        cir__snapshot_set_camera(snapshot, id, name);
    cir_image_record_done(&record);
}

static bool is_in_view(cir__context *context, const cir__snapshot *snapshot)
{
    cir__snapshot *now = cir__context_snapshot(context);
    bool is_same = now == snapshot;
    cir__snapshot_drop(now);
    return is_same;
}

/* One view's photos, the newest first, as long as it is in view. */
static void scan_view(cir__camera_scan *self, cir__snapshot *snapshot)
{
    enum { N_AT_ONCE = 500 };
    cir__context *context = self->context;
    size_t ids[N_AT_ONCE];
    size_t n = N_AT_ONCE;
    for (size_t first = 0; n == N_AT_ONCE && is_in_view(context, snapshot); first += n) {
        if (cir_collection_list(cir__snapshot_collection(snapshot), NULL, first, N_AT_ONCE, ids, &n, NULL,
                                NULL) != CIR_OK)
            break;
        for (size_t i = 0; i < n && !atomic_load(&self->is_ending); i++)
            scan_photo(context, snapshot, ids[i]);
        cir__thumbnail_store_commit(context->thumbnail_store);
        if (atomic_load(&self->is_ending))
            break;
    }
}

static void *run(void *argument)
{
    cir__camera_scan *self = argument;
    uint64_t serial = UINT64_MAX;
    while (!atomic_load(&self->is_ending)) {
        cir__snapshot *snapshot = cir__context_snapshot(self->context);
        if (cir__snapshot_serial(snapshot) != serial) {
            serial = cir__snapshot_serial(snapshot);
            scan_view(self, snapshot);
        }
        cir__snapshot_drop(snapshot);
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return NULL;
}

cir__camera_scan *cir__camera_scan_start(cir__context *context)
{
    cir__camera_scan *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->context = context;
    if (pthread_create(&self->thread, NULL, run, self) == 0)
        return self;
    free(self);
    return NULL;
}

void cir__camera_scan_stop(cir__camera_scan *self)
{
    if (self == NULL)
        return;
    atomic_store(&self->is_ending, true);
    pthread_join(self->thread, NULL);
    free(self);
}

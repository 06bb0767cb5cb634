#include "server/looking.h"

#include <stdlib.h>
#include <time.h>

struct cir__looking {
    cir__context *context;
    pthread_t thread;
    atomic_bool is_ending;
};

static bool is_in_view(cir__context *context, const cir__snapshot *snapshot)
{
    cir__snapshot *now = cir__context_snapshot(context);
    bool is_same = now == snapshot;
    cir__snapshot_drop(now);
    return is_same;
}

/* One view's photos, the newest first, as long as it is in view. */
static void look_through(cir__looking *self, cir__snapshot *snapshot)
{
    enum { SAVE_EVERY = 500 };
    cir__context *context = self->context;
    size_t n;
    const uint32_t *rows = cir__snapshot_newest(snapshot, &n);
    for (size_t i = 0; i < n && !atomic_load(&self->is_ending); i++) {
        cir_image_record record;
        if (cir_index_get_image(cir__snapshot_index(snapshot), rows[i], &record, NULL) == CIR_OK) {
            uint16_t number =
                cir__cameras_look(context->cameras, context->decoder, cir__snapshot_index(snapshot), &record);
            if (number != 0)
                cir__snapshot_set_camera(snapshot, rows[i], number);
            cir_image_record_done(&record);
        }
        if (i % SAVE_EVERY != SAVE_EVERY - 1)
            continue;
        cir__cameras_save(context->cameras);
        if (!is_in_view(context, snapshot))
            break;
    }
    cir__cameras_save(context->cameras);
}

static void *run(void *argument)
{
    cir__looking *self = argument;
    uint64_t serial = UINT64_MAX;
    while (!atomic_load(&self->is_ending)) {
        cir__snapshot *snapshot = cir__context_snapshot(self->context);
        if (cir__snapshot_serial(snapshot) != serial) {
            serial = cir__snapshot_serial(snapshot);
            look_through(self, snapshot);
        }
        cir__snapshot_drop(snapshot);
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return NULL;
}

cir__looking *cir__looking_start(cir__context *context)
{
    cir__looking *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->context = context;
    if (pthread_create(&self->thread, NULL, run, self) == 0)
        return self;
    free(self);
    return NULL;
}

void cir__looking_stop(cir__looking *self)
{
    if (self == NULL)
        return;
    atomic_store(&self->is_ending, true);
    pthread_join(self->thread, NULL);
    free(self);
}

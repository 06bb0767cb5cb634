#include "server/state/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "server/common/fail.h"

struct cir__snapshot {
    atomic_size_t n_owners;
    uint64_t serial;
    cir_collection *collection;
    atomic_size_t n_cameras_set;
};

cir_status cir__snapshot_new(cir_collection *collection, uint64_t serial, cir__snapshot **snapshot_out,
                             cir_error *err)
{
    *snapshot_out = NULL;
    cir__snapshot *self = calloc(1, sizeof *self);
    if (self == NULL) {
        cir_collection_close(collection);
        return cir__refuse_memory(err);
    }
    atomic_init(&self->n_owners, 1);
    self->serial = serial;
    self->collection = collection;
    const cir_status status = cir_collection_load_catalogue(collection, err);
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

void cir__snapshot_drop(cir__snapshot *self)
{
    if (self == NULL || atomic_fetch_sub(&self->n_owners, 1) != 1)
        return;
    cir_collection_close(self->collection);
    free(self);
}

cir_collection *cir__snapshot_collection(const cir__snapshot *snapshot)
{
    return snapshot->collection;
}

const cir_index *cir__snapshot_index(const cir__snapshot *snapshot)
{
    return cir_collection_get_info(snapshot->collection)->index;
}

uint64_t cir__snapshot_serial(const cir__snapshot *snapshot)
{
    return snapshot->serial;
}

void cir__snapshot_set_camera(cir__snapshot *snapshot, size_t id, const char *name)
{
    if (cir_collection_set_camera(snapshot->collection, id, name, NULL) == CIR_OK)
        atomic_fetch_add(&snapshot->n_cameras_set, 1);
}

size_t cir__snapshot_n_cameras_set(const cir__snapshot *snapshot)
{
    return atomic_load(&snapshot->n_cameras_set);
}

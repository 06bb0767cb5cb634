#include "server/state/context.h"

cir__snapshot *cir__context_snapshot(cir__context *context)
{
    pthread_mutex_lock(&context->lock);
    cir__snapshot *snapshot = cir__snapshot_share(context->snapshot);
    pthread_mutex_unlock(&context->lock);
    return snapshot;
}

cir_status cir__context_set(cir__context *context, cir_collection *collection, cir_error *err)
{
    cir__snapshot *next;
    pthread_mutex_lock(&context->lock);
    uint64_t serial = context->n_snapshots++;
    pthread_mutex_unlock(&context->lock);
    cir_status status = cir__snapshot_new(collection, serial, &next, err);
    if (status != CIR_OK)
        return status;
    pthread_mutex_lock(&context->lock);
    cir__snapshot *before = context->snapshot;
    context->snapshot = next;
    pthread_mutex_unlock(&context->lock);
    cir__snapshot_drop(before);
    return CIR_OK;
}

cir_status cir__context_reopen(cir__context *context, cir_error *err)
{
    cir_collection *collection;
    cir__snapshot *before = cir__context_snapshot(context);
    cir_status status = cir_collection_reopen(cir__snapshot_collection(before), &collection, err);
    if (status == CIR_OK)
        status = cir__context_set(context, collection, err);
    cir__snapshot_drop(before);
    return status;
}

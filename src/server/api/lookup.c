#include "server/api/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/common/fail.h"
#include "server/http/coalescing.h"
#include "server/state/context.h"
#include "shared/json_encode.h"

typedef struct lookup {
    cir__context *context;
    cir__snapshot *snapshot;
    size_t id;
    cir__lookup_work *work;
    void *options;
    void (*free_options)(void *options);
} lookup;

static void free_lookup(void *subject)
{
    lookup *self = subject;
    if (self->free_options != NULL)
        self->free_options(self->options);
    cir__snapshot_drop(self->snapshot);
    free(self);
}

static void work(void *subject, double waited, cir__outcome *outcome)
{
    lookup *self = subject;
    json_t *document = NULL;
    if (cir__work_is_late(waited, outcome))
        return;
    size_t n_refused = cir__json_n_refused();
    outcome->status =
        self->work(self->context, self->snapshot, self->id, self->options, &document, &outcome->err);
    char *text = document != NULL ? json_dumps(document, CIR__JSON_WIRE) : NULL;
    json_decref(document);
    if (outcome->status == CIR_OK && (text == NULL || cir__json_n_refused() != n_refused ||
                                      (outcome->blob = cir__blob_new(text, strlen(text))) == NULL))
        outcome->status = cir__refuse_memory(&outcome->err);
    free(text);
}

static void deliver(cir__request *request, const void *subject, const cir__outcome *outcome)
{
    (void)subject;
    if (outcome->status != CIR_OK) {
        cir__reply_failure(request, &outcome->err, false);
        return;
    }
    cir__reply_blob(request, MHD_HTTP_OK, "application/json", outcome->blob);
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static const cir__work_kind kind = {work, deliver, free_lookup};

void cir__lookup_join(cir__request *request, cir__lookup_work *work_on, void *options,
                      void (*free_options)(void *options))
{
    char key[64];
    cir_error err;
    cir__context *context = request->context;
    lookup *self = calloc(1, sizeof *self);
    if (self == NULL) {
        if (free_options != NULL)
            free_options(options);
        (void)cir__refuse_memory(&err);
        cir__reply_failure(request, &err, false);
        return;
    }
    *self = (lookup){context, cir__context_snapshot(context), request->id, work_on, options, free_options};
    (void)snprintf(key, sizeof key, "lookup of %p", (void *)request);
    cir__coalescing_join(context->coalescing, context->lookups, request, key, &kind, self);
}

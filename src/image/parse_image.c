#include "image/parse_image.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"
#include "image/memory_limit.h"

#define DEFAULT_MEMORY_BYTES ((size_t)512 << 20)
#define DEFAULT_MAX_PICTURE_BYTES ((size_t)2 << 30)

struct cir_decoder {
    cir__memory_limit limit;
    size_t max_picture_bytes;
    cir_decode_fn *decode;
    void *context;
};

/* What those share that bring no decoder. Like libvips' own state it is the process': memory is, too. */
static cir_decoder shared = {.limit = CIR__MEMORY_LIMIT_INITIALIZER(DEFAULT_MEMORY_BYTES),
                             .max_picture_bytes = DEFAULT_MAX_PICTURE_BYTES,
                             .decode = cir_decoder_decode_here};

/* One picture's room. */
typedef struct place {
    cir_decoder *decoder;
    size_t n_bytes;
    const char *name; /* while it is decoded */
} place;

cir_status cir_decoder_new(const cir_decoder_options *options, cir_decoder **decoder_out, cir_error *err)
{
    cir_decoder_options own;
    cir__error_clear(err);
    *decoder_out = NULL;
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_decoder_options", err);
    if (status != CIR_OK)
        return status;
    *decoder_out = cir__new(1, sizeof **decoder_out);
    if (*decoder_out == NULL)
        return cir__fail_memory(err, "decoder");
    cir__memory_limit_init(&(*decoder_out)->limit,
                           own.memory_bytes > 0 ? own.memory_bytes : DEFAULT_MEMORY_BYTES);
    (*decoder_out)->max_picture_bytes =
        own.max_picture_bytes > 0 ? own.max_picture_bytes : DEFAULT_MAX_PICTURE_BYTES;
    (*decoder_out)->decode = own.decode != NULL ? own.decode : cir_decoder_decode_here;
    (*decoder_out)->context = own.context;
    return CIR_OK;
}

void cir_decoder_free(cir_decoder *decoder)
{
    if (decoder == NULL)
        return;
    cir__memory_limit_done(&decoder->limit);
    free(decoder);
}

static void leave(place *self)
{
    if (self->n_bytes > 0)
        cir__memory_limit_leave(&self->decoder->limit, self->n_bytes);
    self->n_bytes = 0;
}

static cir_status admit(void *context, size_t n_bytes, cir_error *err)
{
    enum { MEGABYTE = 1000000 };
    place *self = context;
    const size_t most = self->decoder->max_picture_bytes;
    /* What it had goes back first: two that each wait for more than they have would wait for ever. */
    leave(self);
    if (n_bytes > most)
        return cir__fail(err, CIR_LIMIT,
                         "%s: takes about %zu MB of memory to decode, and at most %zu are allowed; make it "
                         "smaller, save it again (not interlaced or progressive), or raise the limit",
                         self->name, n_bytes / MEGABYTE + 1, most / MEGABYTE);
    cir__memory_limit_enter(&self->decoder->limit, n_bytes);
    self->n_bytes = n_bytes;
    return CIR_OK;
}

cir_status cir__parse_image(const void *bytes, size_t size_bytes, const char *name,
                            const cir_image_options *options, cir_image *image_out,
                            cir_image_facts *facts_out, cir_error *err)
{
    cir_image_facts facts = {.taken_at = INT64_MIN};
    if (image_out != NULL)
        *image_out = (cir_image){0};
    if (facts_out == NULL)
        facts_out = &facts;
    *facts_out = facts;
    place *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, name);
    self->decoder = options != NULL && options->decoder != NULL ? options->decoder : &shared;
    self->name = name;
    cir_status status = self->decoder->decode(self->decoder->context, bytes, size_bytes, name, options, admit,
                                              self, image_out, facts_out, err);
    self->name = NULL;
    if (status == CIR_OK && image_out != NULL && options != NULL && options->count_until_done)
        image_out->place = self;
    else
        cir__parse_image_leave(self);
    return status;
}

void cir__parse_image_leave(void *context)
{
    place *self = context;
    if (self == NULL)
        return;
    leave(self);
    free(self);
}

#include "model/attention.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/onednn.h"
#include "model/product.h"

/* Queries that are looked at together: bounds the memory of their scores. */
#define MOST_QUERIES 512

/* Rows of scores begin at a whole line. */
#define SCORES_MULTIPLE 16

/* Numbers of queries that there are kernels for. */
enum { MOST, REST, ONE, N_SIZES };
enum { LOOK, MIX, N_STEPS };
enum { LEFT, RIGHT, OUT, SCRATCH, N_ARGUMENTS };

typedef struct step {
    dnnl_primitive_desc_t descriptor;
    dnnl_primitive_t primitive;
} step;

/* One thread's own. */
typedef struct seat {
    dnnl_stream_t stream;
    dnnl_memory_t memories[N_SIZES][N_STEPS][N_ARGUMENTS];
    float *scores;     /* [the most queries, stride] */
    uint16_t *rounded; /* the same */
    void *scratch;
} seat;

struct cir__attention {
    size_t n_tokens, width, head_width;
    size_t stride; /* of scores */
    size_t sizes[N_SIZES];
    step steps[N_SIZES][N_STEPS];
    size_t n_seats;
    seat *seats;
};

static dnnl_status_t make_step(const cir__attention *self, dnnl_engine_t engine,
                               dnnl_primitive_attr_t attributes, size_t n_queries, int kind, step *out)
{
    int64_t n = (int64_t)n_queries;
    int64_t n_tokens = (int64_t)self->n_tokens;
    int64_t n_head = (int64_t)self->head_width;
    int64_t stride = (int64_t)self->stride;
    int64_t far = 3 * (int64_t)self->width;
    cir__layout left = NULL;
    cir__layout right = NULL;
    cir__layout to = NULL;
    dnnl_status_t failure;
    if (!cir__onednn_has_room(1))
        return dnnl_out_of_memory;
    if (kind == LOOK) {
        failure = cir__layout_new_spaced((const dnnl_dims_t){n, n_head}, dnnl_bf16,
                                         (const dnnl_dims_t){far, 1}, &left);
        if (failure == dnnl_success)
            failure = cir__layout_new_spaced((const dnnl_dims_t){n_head, n_tokens}, dnnl_bf16,
                                             (const dnnl_dims_t){1, far}, &right);
        if (failure == dnnl_success)
            failure = cir__layout_new_spaced((const dnnl_dims_t){n, n_tokens}, dnnl_f32,
                                             (const dnnl_dims_t){stride, 1}, &to);
    } else {
        failure = cir__layout_new_spaced((const dnnl_dims_t){n, n_tokens}, dnnl_bf16,
                                         (const dnnl_dims_t){stride, 1}, &left);
        if (failure == dnnl_success)
            failure = cir__layout_new_spaced((const dnnl_dims_t){n_tokens, n_head}, dnnl_bf16,
                                             (const dnnl_dims_t){far, 1}, &right);
        if (failure == dnnl_success)
            failure = cir__layout_new_spaced((const dnnl_dims_t){n, n_head}, dnnl_bf16,
                                             (const dnnl_dims_t){(int64_t)self->width, 1}, &to);
    }
    if (failure == dnnl_success)
        failure = cir__onednn_describe_matrices(engine, attributes, left, right, to, &out->descriptor);
    if (failure == dnnl_success)
        failure = dnnl_primitive_create(&out->primitive, out->descriptor);
    cir__layout_free(to);
    cir__layout_free(right);
    cir__layout_free(left);
    return failure;
}

static dnnl_status_t make_steps(cir__attention *self, dnnl_engine_t engine)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t failure = dnnl_primitive_attr_create(&attributes);
    if (failure == dnnl_success)
        failure = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    for (int i = 0; i < N_SIZES; i++)
        for (int j = 0; j < N_STEPS && self->sizes[i] > 0 && failure == dnnl_success; j++)
            failure = make_step(self, engine, attributes, self->sizes[i], j, &self->steps[i][j]);
    if (attributes != NULL)
        (void)dnnl_primitive_attr_destroy(attributes);
    return failure;
}

static dnnl_status_t fill_seat(const cir__attention *self, dnnl_engine_t engine, seat *own)
{
    static const dnnl_query_t queries[N_ARGUMENTS] = {dnnl_query_src_md, dnnl_query_weights_md,
                                                      dnnl_query_dst_md, dnnl_query_scratchpad_md};
    size_t n_scratch = 1;
    size_t n_scores;
    for (int i = 0; i < N_SIZES; i++)
        for (int j = 0; j < N_STEPS && self->sizes[i] > 0; j++) {
            size_t n = dnnl_memory_desc_get_size(
                dnnl_primitive_desc_query_md(self->steps[i][j].descriptor, dnnl_query_scratchpad_md, 0));
            n_scratch = n > n_scratch ? n : n_scratch;
        }
    if (!cir__size_mul(self->sizes[MOST], self->stride, &n_scores))
        return dnnl_out_of_memory;
    own->scores = cir__new(n_scores, sizeof *own->scores);
    own->rounded = cir__new(n_scores, sizeof *own->rounded);
    own->scratch = cir__new(n_scratch, 1);
    if (own->scores == NULL || own->rounded == NULL || own->scratch == NULL)
        return dnnl_out_of_memory;
    dnnl_status_t failure = dnnl_stream_create(&own->stream, engine, dnnl_stream_default_flags);
    for (int i = 0; i < N_SIZES; i++)
        for (int j = 0; j < N_STEPS && self->sizes[i] > 0; j++)
            for (int k = 0; k < N_ARGUMENTS && failure == dnnl_success; k++)
                failure = dnnl_memory_create(
                    &own->memories[i][j][k],
                    dnnl_primitive_desc_query_md(self->steps[i][j].descriptor, queries[k], 0), engine,
                    k == SCRATCH ? own->scratch : DNNL_MEMORY_NONE);
    return failure;
}

cir_status cir__attention_new(struct dnnl_engine *engine, size_t n_threads, size_t n_tokens, size_t width,
                              size_t head_width, cir__attention **attention_out, cir_error *err)
{
    *attention_out = NULL;
    cir__attention *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, "encoder");
    self->n_tokens = n_tokens;
    self->width = width;
    self->head_width = head_width;
    self->stride = (n_tokens + SCORES_MULTIPLE - 1) / SCORES_MULTIPLE * SCORES_MULTIPLE;
    self->sizes[MOST] = n_tokens < MOST_QUERIES ? n_tokens : MOST_QUERIES;
    self->sizes[REST] = n_tokens % self->sizes[MOST];
    self->sizes[ONE] = 1;
    self->seats = cir__new(n_threads, sizeof *self->seats);
    self->n_seats = self->seats != NULL ? n_threads : 0;
    int entered = cir__product_enter();
    dnnl_status_t failure = self->seats != NULL ? make_steps(self, engine) : dnnl_out_of_memory;
    for (size_t i = 0; i < n_threads && failure == dnnl_success; i++)
        failure = fill_seat(self, engine, &self->seats[i]);
    cir__product_leave(entered);
    if (failure == dnnl_success) {
        *attention_out = self;
        return CIR_OK;
    }
    cir__attention_free(self);
    if (failure == dnnl_out_of_memory)
        return cir__fail_memory(err, "encoder");
    return cir__fail(err, CIR_UNSUPPORTED, "attention: oneDNN answers with status %d; its version is %d.%d",
                     (int)failure, dnnl_version()->major, dnnl_version()->minor);
}

void cir__attention_free(cir__attention *self)
{
    if (self == NULL)
        return;
    for (size_t s = 0; s < self->n_seats; s++) {
        seat *own = &self->seats[s];
        for (int i = 0; i < N_SIZES; i++)
            for (int j = 0; j < N_STEPS; j++)
                for (int k = 0; k < N_ARGUMENTS; k++)
                    if (own->memories[i][j][k] != NULL)
                        (void)dnnl_memory_destroy(own->memories[i][j][k]);
        if (own->stream != NULL)
            (void)dnnl_stream_destroy(own->stream);
        free(own->scores);
        free(own->rounded);
        free(own->scratch);
    }
    for (int i = 0; i < N_SIZES; i++)
        for (int j = 0; j < N_STEPS; j++) {
            if (self->steps[i][j].primitive != NULL)
                (void)dnnl_primitive_destroy(self->steps[i][j].primitive);
            if (self->steps[i][j].descriptor != NULL)
                (void)dnnl_primitive_desc_destroy(self->steps[i][j].descriptor);
        }
    free(self->seats);
    free(self);
}

static bool run_step(const cir__attention *self, seat *own, int i_size, int i_step, const void *left,
                     const void *right, void *out)
{
    dnnl_memory_t *memories = own->memories[i_size][i_step];
    /* oneDNN takes all handles as writable; it writes to out and its scratch alone. */
    if (dnnl_memory_set_data_handle(memories[LEFT], (void *)(uintptr_t)left) != dnnl_success ||
        dnnl_memory_set_data_handle(memories[RIGHT], (void *)(uintptr_t)right) != dnnl_success ||
        dnnl_memory_set_data_handle(memories[OUT], out) != dnnl_success)
        return false;
    const dnnl_exec_arg_t arguments[N_ARGUMENTS] = {{DNNL_ARG_SRC, memories[LEFT]},
                                                    {DNNL_ARG_WEIGHTS, memories[RIGHT]},
                                                    {DNNL_ARG_DST, memories[OUT]},
                                                    {DNNL_ARG_SCRATCHPAD, memories[SCRATCH]}};
    return dnnl_primitive_execute(self->steps[i_size][i_step].primitive, own->stream, N_ARGUMENTS,
                                  arguments) == dnnl_success &&
           dnnl_stream_wait(own->stream) == dnnl_success;
}

bool cir__attention_run(cir__attention *self, const cir__rowwise *rowwise, size_t i_thread,
                        bool is_first_alone, const uint16_t *qkv, uint16_t *out)
{
    seat *own = &self->seats[i_thread];
    const uint16_t *keys = qkv + self->width;
    const uint16_t *values = keys + self->width;
    float scale = 1.0F / sqrtf((float)self->head_width);
    size_t n = is_first_alone ? 1 : self->n_tokens;
    for (size_t first = 0, n_together; first < n; first += n_together) {
        int i_size = is_first_alone ? ONE : n - first >= self->sizes[MOST] ? MOST : REST;
        n_together = self->sizes[i_size];
        if (!run_step(self, own, i_size, LOOK, qkv + first * 3 * self->width, keys, own->scores))
            return false;
        for (size_t i = 0; i < n_together; i++) {
            rowwise->softmax(own->scores + i * self->stride, self->n_tokens, scale);
            rowwise->round(own->scores + i * self->stride, self->n_tokens, own->rounded + i * self->stride);
        }
        if (!run_step(self, own, i_size, MIX, own->rounded, values, out + first * self->width))
            return false;
    }
    return true;
}

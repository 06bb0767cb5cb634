#include "model/image_tower.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/carver.h"

#define N_CHANNELS 3

struct cir__image_tower {
    cir__tower *tower;
    size_t image_px;
    size_t patch_px;
    size_t n_tokens;
    size_t n_class; /* tokens in front of the patches': 1 or 0 */
    float *memory;
    float *positions;   /* [n_tokens, width], the class token added to the first */
    float *norm_weight; /* where there is a class token there is a norm */
    float *norm_bias;
};

static void carve(cir__image_tower *self, size_t width, cir__carver *room)
{
    self->positions = cir__carver_take(room, self->n_tokens, width);
    self->norm_weight = cir__carver_take(room, 1, width);
    self->norm_bias = cir__carver_take(room, 1, width);
}

static cir_status fill(cir__image_tower *self, size_t width, const cir__weights *weights, cir_error *err)
{
    cir__carver room = {0};
    carve(self, width, &room);
    self->memory = cir__carver_new_memory(&room);
    if (self->memory == NULL)
        return cir__fail_memory(err, "weights");
    room = (cir__carver){.memory = self->memory};
    carve(self, width, &room);
    cir__tensor_copy(weights->image_positions, 0, self->n_tokens * width, self->positions);
    if (self->n_class == 0)
        return CIR_OK;
    /* The norm's place serves for the class token until the norm comes. */
    cir__tensor_copy(weights->class_token, 0, width, self->norm_weight);
    for (size_t i = 0; i < width; i++)
        self->positions[i] += self->norm_weight[i];
    cir__tensor_copy(weights->pre_norm.weight, 0, width, self->norm_weight);
    cir__tensor_copy(weights->pre_norm.bias, 0, width, self->norm_bias);
    return CIR_OK;
}

cir_status cir__image_tower_new(const cir__config *config, const cir__weights *weights,
                                cir__image_tower **tower_out, cir_error *err)
{
    *tower_out = NULL;
    cir__image_tower *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, "weights");
    self->image_px = config->image_px;
    self->patch_px = config->patch_px;
    self->n_tokens = config->image.max_tokens;
    self->n_class = weights->class_token != NULL ? 1 : 0;
    cir_status status = fill(self, config->image.width, weights, err);
    if (status == CIR_OK)
        status = cir__tower_new(&config->image, config->dim, &weights->image, &weights->patch, &weights->head,
                                &self->tower, err);
    if (status != CIR_OK) {
        cir__image_tower_free(self);
        return status;
    }
    *tower_out = self;
    return CIR_OK;
}

void cir__image_tower_free(cir__image_tower *self)
{
    if (self == NULL)
        return;
    cir__tower_free(self->tower);
    free(self->memory);
    free(self);
}

typedef struct pictures {
    const cir__image_tower *self;
    const float *tensors;
} pictures;

/* One patch as the row that the weights [width, 3, patch_px, patch_px] are multiplied with. */
static void unfold(const cir__image_tower *self, const float *tensor, size_t i_patch, float *out)
{
    size_t n_across = self->image_px / self->patch_px;
    size_t top = i_patch / n_across * self->patch_px;
    size_t left = i_patch % n_across * self->patch_px;
    for (size_t channel = 0; channel < N_CHANNELS; channel++)
        for (size_t y = 0; y < self->patch_px; y++) {
            const float *from = tensor + (channel * self->image_px + top + y) * self->image_px + left;
            memcpy(out, from, self->patch_px * sizeof *out);
            out += self->patch_px;
        }
}

static bool embed(void *context, cir__lane *lane, size_t i_block, size_t first_row, size_t n_rows,
                  float *scratch, float *x)
{
    const pictures *all = context;
    const cir__image_tower *self = all->self;
    const cir__tower *tower = self->tower;
    size_t n_patch = tower->n_patch;
    size_t width = tower->config.width;
    size_t picture_items = N_CHANNELS * self->image_px * self->image_px;
    for (size_t r = 0; r < cir__product_block_rows[i_block]; r++) {
        size_t i_picture = (first_row + r) / self->n_tokens;
        size_t i_token = (first_row + r) % self->n_tokens;
        /* The class token has no patch, and neither have the rows that fill up the block. */
        if (r >= n_rows || i_token < self->n_class)
            memset(scratch + r * n_patch, 0, n_patch * sizeof *scratch);
        else
            unfold(self, all->tensors + i_picture * picture_items, i_token - self->n_class,
                   scratch + r * n_patch);
    }
    if (!cir__lane_run(lane, CIR__TOWER_PATCH, i_block, scratch, tower->patch.weight, tower->patch.bias, x))
        return false;
    for (size_t r = 0; r < n_rows; r++) {
        const float *position = self->positions + (first_row + r) % self->n_tokens * width;
        for (size_t i = 0; i < width; i++)
            x[r * width + i] += position[i];
    }
    for (size_t r = 0; r < n_rows && self->n_class > 0; r++)
        tower->rowwise->norm(x + r * width, width, self->norm_weight, self->norm_bias,
                             tower->config.layer_norm_eps, x + r * width);
    return true;
}

cir_status cir__image_tower_encode(const cir__image_tower *self, cir_pool *pool, const float *tensors,
                                   size_t n, float *features_out, cir__layer_hook *hook, void *hook_context,
                                   const char *file, cir_error *err)
{
    if (n == 0)
        return CIR_OK;
    size_t n_together = CIR__FORWARD_ROWS / self->n_tokens > 0 ? CIR__FORWARD_ROWS / self->n_tokens : 1;
    n_together = n < n_together ? n : n_together;
    size_t picture_items = N_CHANNELS * self->image_px * self->image_px;
    cir__forward *forward = NULL;
    size_t *starts = cir__new(n_together + 1, sizeof *starts);
    if (starts == NULL)
        return cir__fail_memory(err, "encoder");
    for (size_t i = 0; i <= n_together; i++)
        starts[i] = i * self->n_tokens;
    cir_status status =
        cir__forward_new(self->tower, pool, n_together * self->n_tokens, self->n_tokens, &forward, err);
    for (size_t i = 0; i < n && status == CIR_OK; i += n_together) {
        pictures all = {self, tensors + i * picture_items};
        size_t n_pictures = n - i < n_together ? n - i : n_together;
        cir__batch batch = {.n_rows = n_pictures * self->n_tokens,
                            .n_sequences = n_pictures,
                            .starts = starts,
                            .pooled = starts, /* class tokens */
                            .embed = embed,
                            .embed_context = &all,
                            .hook = hook,
                            .hook_context = hook_context};
        size_t i_bad;
        status = cir__forward_run(forward, pool, &batch, features_out + i * self->tower->dim, &i_bad, err);
        if (status == CIR_FORMAT)
            status = cir__fail(err, CIR_FORMAT,
                               "%s: the feature of picture %zu of %zu is not a number; the weights are "
                               "damaged",
                               file, i + i_bad + 1, n);
    }
    cir__forward_free(forward);
    free(starts);
    return status;
}

#include "model/text_tower.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

struct cir__text_tower {
    cir__tower *tower;
    bool is_causal;
    int32_t end_id;
    size_t n_vocabulary;
    const cir__tensor_view *tokens; /* [n_vocabulary, width], as the file has them: few rows are ever read */
    float *positions;               /* [max_tokens, width] */
};

cir_status cir__text_tower_new(const cir__config *config, const cir__weights *weights,
                               cir__text_tower **tower_out, cir_error *err)
{
    *tower_out = NULL;
    cir__text_tower *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, "weights");
    self->is_causal = config->architecture == CIR__CLIP;
    self->end_id = config->end_id;
    self->n_vocabulary = config->n_vocabulary;
    self->tokens = weights->tokens;
    size_t n_items = config->text.max_tokens * config->text.width;
    self->positions = cir__new_unset(n_items, sizeof *self->positions);
    cir_status status = self->positions != NULL ? CIR_OK : cir__fail_memory(err, "weights");
    if (status == CIR_OK) {
        cir__tensor_copy(weights->text_positions, 0, n_items, self->positions);
        status = cir__tower_new(&config->text, config->dim, &weights->text, NULL, NULL, &self->tower, err);
    }
    if (status != CIR_OK) {
        cir__text_tower_free(self);
        return status;
    }
    *tower_out = self;
    return CIR_OK;
}

void cir__text_tower_free(cir__text_tower *self)
{
    if (self == NULL)
        return;
    cir__tower_free(self->tower);
    free(self->positions);
    free(self);
}

size_t cir__text_tower_find_end(const cir__text_tower *self, const int32_t *ids, size_t n_ids)
{
    size_t found = 0;
    if (!self->is_causal)
        return n_ids - 1;
    for (size_t i = 0; i < n_ids; i++) {
        if (self->end_id == CIR__MISTAKEN_END_ID) {
            if (ids[i] > ids[found])
                found = i;
        } else if (ids[i] == self->end_id) {
            return i;
        }
    }
    return found;
}

/* The texts of one batch. */
typedef struct texts {
    const cir__text_tower *self;
    const int32_t *ids;   /* of the whole call */
    size_t *id_of_row;    /* [rows] index into ids */
    size_t *token_of_row; /* [rows] place in its text */
} texts;

static bool embed(void *context, cir__lane *lane, size_t i_block, size_t first_row, size_t n_rows,
                  float *scratch, float *x)
{
    (void)lane;
    (void)i_block;
    (void)scratch;
    const texts *all = context;
    const cir__text_tower *self = all->self;
    size_t width = self->tower->config.width;
    for (size_t r = 0; r < n_rows; r++) {
        size_t id = (size_t)all->ids[all->id_of_row[first_row + r]];
        const float *position = self->positions + all->token_of_row[first_row + r] * width;
        float *row = x + r * width;
        cir__tensor_copy(self->tokens, id * width, width, row);
        for (size_t i = 0; i < width; i++)
            row[i] += position[i];
    }
    return true;
}

static cir_status check_texts(const cir__text_tower *self, const int32_t *ids, const size_t *starts, size_t n,
                              const char *file, cir_error *err)
{
    size_t max_tokens = self->tower->config.max_tokens;
    for (size_t i = 0; i < n; i++) {
        size_t n_ids = starts[i + 1] - starts[i];
        if (n_ids < 1 || n_ids > max_tokens)
            return cir__fail(err, CIR_ARGUMENT, "%s: text %zu has %zu tokens, 1 to %zu are read", file, i + 1,
                             n_ids, max_tokens);
        for (size_t j = starts[i]; j < starts[i + 1]; j++)
            if (ids[j] < 0 || (size_t)ids[j] >= self->n_vocabulary)
                return cir__fail(err, CIR_ARGUMENT, "%s: text %zu has the token %d of a vocabulary of %zu",
                                 file, i + 1, (int)ids[j], self->n_vocabulary);
    }
    return CIR_OK;
}

/* A call's arrays, for one batch after another. */
typedef struct scratch {
    cir__forward *forward;
    size_t *starts; /* [most texts of a batch + 1] */
    size_t *pooled; /* [most texts of a batch] */
    texts texts;
} scratch;

static cir_status scratch_init(scratch *own, const cir__text_tower *self, cir_pool *pool, size_t n_ids,
                               size_t n, cir_error *err)
{
    size_t max_tokens = self->tower->config.max_tokens;
    size_t max_rows = CIR__FORWARD_ROWS > max_tokens ? CIR__FORWARD_ROWS : max_tokens;
    max_rows = n_ids < max_rows ? n_ids : max_rows;
    size_t max_texts = n < max_rows ? n : max_rows;
    own->starts = cir__new(max_texts + 1, sizeof *own->starts);
    own->pooled = cir__new(max_texts, sizeof *own->pooled);
    own->texts.id_of_row = cir__new(max_rows, sizeof *own->texts.id_of_row);
    own->texts.token_of_row = cir__new(max_rows, sizeof *own->texts.token_of_row);
    if (own->starts == NULL || own->pooled == NULL || own->texts.id_of_row == NULL ||
        own->texts.token_of_row == NULL)
        return cir__fail_memory(err, "encoder");
    return cir__forward_new(self->tower, pool, max_rows, max_rows < max_tokens ? max_rows : max_tokens,
                            &own->forward, err);
}

static void scratch_done(scratch *own)
{
    cir__forward_free(own->forward);
    free(own->starts);
    free(own->pooled);
    free(own->texts.id_of_row);
    free(own->texts.token_of_row);
}

/* Lays out as many texts from the first on as fit together, each up to its end token; returns how many. */
static size_t gather(scratch *own, const size_t *starts, size_t first, size_t n, size_t max_rows)
{
    size_t n_rows = 0;
    size_t i = first;
    for (; i < n; i++) {
        const int32_t *ids = own->texts.ids + starts[i];
        size_t n_read = cir__text_tower_find_end(own->texts.self, ids, starts[i + 1] - starts[i]) + 1;
        if (i > first && n_rows + n_read > max_rows)
            break;
        for (size_t j = 0; j < n_read; j++) {
            own->texts.id_of_row[n_rows + j] = starts[i] + j;
            own->texts.token_of_row[n_rows + j] = j;
        }
        n_rows += n_read;
        own->pooled[i - first] = n_rows - 1;
        own->starts[i - first + 1] = n_rows;
    }
    return i - first;
}

cir_status cir__text_tower_encode(const cir__text_tower *self, cir_pool *pool, const int32_t *ids,
                                  const size_t *starts, size_t n, float *features_out, cir__probe *probe,
                                  void *probe_context, const char *file, cir_error *err)
{
    if (n == 0)
        return CIR_OK;
    cir_status status = check_texts(self, ids, starts, n, file, err);
    if (status != CIR_OK)
        return status;
    scratch own = {.texts = {.self = self, .ids = ids}};
    status = scratch_init(&own, self, pool, starts[n] - starts[0], n, err);
    for (size_t i = 0; i < n && status == CIR_OK;) {
        size_t n_together = gather(&own, starts, i, n, CIR__FORWARD_ROWS);
        cir__batch batch = {.n_sequences = n_together,
                            .starts = own.starts,
                            .pooled = own.pooled,
                            .is_causal = self->is_causal,
                            .embed = embed,
                            .embed_context = &own.texts,
                            .probe = probe,
                            .probe_context = probe_context};
        size_t i_bad;
        status =
            cir__forward_run(own.forward, pool, &batch, features_out + i * self->tower->dim, &i_bad, err);
        if (status == CIR_FORMAT)
            status = cir__fail(err, CIR_FORMAT,
                               "%s: the feature of text %zu of %zu is no number; the weights are damaged",
                               file, i + i_bad + 1, n);
        i += n_together;
    }
    scratch_done(&own);
    return status;
}

#include "model/text_tower.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "model/trie.h"

/* Prefixes that many texts have, with the keys and values of their tokens; immutable, counted by who uses
 * it. */
typedef struct prefix_cache {
    cir__trie trie;
    float *rows; /* [trie.n, n_layers, 2, width] */
    char name[CIR__HASH_TEXT_SIZE];
    size_t n_users;
} prefix_cache;

/* The part that changes behind a const tower: the prefixes that are cached now. */
typedef struct store {
    pthread_mutex_t lock;
    prefix_cache *prefix_cache; /* NULL: none */
} store;

struct cir__text_tower {
    cir__tower *tower;
    store *store;
    bool is_causal;
    int32_t end_id;
    size_t n_vocabulary;
    const cir__tensor_view *tokens; /* [n_vocabulary, width], as the file has them: few rows are ever read */
    float *positions;               /* [max_tokens, width] */
};

/* What is cached now, to be used until leave_cache; NULL: nothing. */
static prefix_cache *use_cache(const cir__text_tower *self)
{
    pthread_mutex_lock(&self->store->lock);
    prefix_cache *found = self->store->prefix_cache;
    if (found != NULL)
        found->n_users++;
    pthread_mutex_unlock(&self->store->lock);
    return found;
}

static void leave_cache(const cir__text_tower *self, prefix_cache *used)
{
    if (used == NULL)
        return;
    pthread_mutex_lock(&self->store->lock);
    bool is_last = --used->n_users == 0;
    pthread_mutex_unlock(&self->store->lock);
    if (!is_last)
        return;
    cir__trie_done(&used->trie);
    free(used->rows);
    free(used);
}

cir_status cir__text_tower_new(const cir__config *config, const cir__weights *weights,
                               cir__text_tower **tower_out, cir_error *err)
{
    *tower_out = NULL;
    cir__text_tower *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, "weights");
    self->store = cir__new(1, sizeof *self->store);
    if (self->store == NULL) {
        free(self);
        return cir__fail_memory(err, "weights");
    }
    pthread_mutex_init(&self->store->lock, NULL);
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
    leave_cache(self, self->store->prefix_cache);
    pthread_mutex_destroy(&self->store->lock);
    free(self->store);
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

/* The rows of one batch: tokens in their places. */
typedef struct texts {
    const cir__text_tower *self;
    int32_t *id_of_row;   /* [max_rows] */
    size_t *token_of_row; /* [max_rows] place in its text */
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
        size_t id = (size_t)all->id_of_row[first_row + r];
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
    size_t max_rows, max_texts;
    size_t *starts; /* [max_texts + 1]; where the tower is not causal */
    size_t *pooled; /* [max_texts] */
    texts texts;
    cir__trie trie;     /* of the rows, and what they see; where the tower is causal */
    size_t *first_seen; /* [max_rows + 1] */
    uint32_t *seen;     /* [max_rows, max_tokens] */
    const prefix_cache *prefix_cache;
} scratch;

static cir_status scratch_init(scratch *own, const cir__text_tower *self, cir_pool *pool, size_t n_ids,
                               size_t n, cir_error *err)
{
    size_t max_tokens = self->tower->config.max_tokens;
    size_t max_rows = CIR__FORWARD_ROWS > max_tokens ? CIR__FORWARD_ROWS : max_tokens;
    max_rows = n_ids < max_rows ? n_ids : max_rows;
    max_tokens = max_rows < max_tokens ? max_rows : max_tokens;
    own->max_rows = max_rows;
    own->max_texts = n < max_rows ? n : max_rows;
    own->texts.self = self;
    own->starts = cir__new(own->max_texts + 1, sizeof *own->starts);
    own->pooled = cir__new(own->max_texts, sizeof *own->pooled);
    own->texts.id_of_row = cir__new(max_rows, sizeof *own->texts.id_of_row);
    own->texts.token_of_row = cir__new(max_rows, sizeof *own->texts.token_of_row);
    bool is_good = own->starts != NULL && own->pooled != NULL && own->texts.id_of_row != NULL &&
                   own->texts.token_of_row != NULL;
    if (self->is_causal && is_good) {
        size_t n_seen;
        own->first_seen = cir__new(max_rows + 1, sizeof *own->first_seen);
        own->seen =
            cir__size_mul(max_rows, max_tokens, &n_seen) ? cir__new_unset(n_seen, sizeof *own->seen) : NULL;
        is_good = own->first_seen != NULL && own->seen != NULL && cir__trie_init(&own->trie, max_rows);
    }
    if (!is_good)
        return cir__fail_memory(err, "encoder");
    return cir__forward_new(self->tower, pool, max_rows, max_tokens, &own->forward, err);
}

static void scratch_done(scratch *own)
{
    cir__forward_free(own->forward);
    cir__trie_done(&own->trie);
    free(own->starts);
    free(own->pooled);
    free(own->first_seen);
    free(own->seen);
    free(own->texts.id_of_row);
    free(own->texts.token_of_row);
}

/* Lays out as many texts from the first on as fit together, one behind another; returns how many. */
static size_t gather(scratch *own, const int32_t *ids, const size_t *starts, size_t first, size_t n,
                     size_t *n_rows_out)
{
    size_t n_rows = 0;
    size_t i = first;
    for (; i < n && i - first < own->max_texts; i++) {
        size_t n_read = starts[i + 1] - starts[i];
        if (i > first && n_rows + n_read > own->max_rows)
            break;
        for (size_t j = 0; j < n_read; j++) {
            own->texts.id_of_row[n_rows + j] = ids[starts[i] + j];
            own->texts.token_of_row[n_rows + j] = j;
        }
        n_rows += n_read;
        own->pooled[i - first] = n_rows - 1;
        own->starts[i - first + 1] = n_rows;
    }
    *n_rows_out = n_rows;
    return i - first;
}

/* Adds the row of a token behind parent, which is a row, a cached one, or CIR__TRIE_NONE. */
static uint32_t add_row(scratch *own, uint32_t parent, int32_t id, size_t token)
{
    uint32_t row = cir__trie_add(&own->trie, parent, id);
    uint32_t *seen = own->seen + own->first_seen[row];
    if (parent < CIR__PATHS_CACHED) {
        memcpy(seen, own->seen + own->first_seen[parent], token * sizeof *seen);
    } else {
        uint32_t cached_row =
            parent - CIR__PATHS_CACHED; /* meaningless, and not used, where there is no parent */
        for (size_t i = token; i-- > 0; cached_row = own->prefix_cache->trie.parents[cached_row])
            seen[i] = CIR__PATHS_CACHED + cached_row;
    }
    seen[token] = row;
    own->first_seen[row + 1] = own->first_seen[row] + token + 1;
    own->texts.id_of_row[row] = id;
    own->texts.token_of_row[row] = token;
    return row;
}

/* The row of a text's last token that is read, after adding those that are missing. What is read is never a
 * cached one. */
static uint32_t add_text(scratch *own, const int32_t *ids, size_t n_read, bool shares)
{
    uint32_t at = CIR__TRIE_NONE;
    size_t i = 0;
    for (uint32_t next = CIR__TRIE_NONE; shares && own->prefix_cache != NULL && i + 1 < n_read;
         i++, at = next) {
        next = cir__trie_find(&own->prefix_cache->trie, at, ids[i]);
        if (next == CIR__TRIE_NONE)
            break;
    }
    if (at != CIR__TRIE_NONE)
        at += CIR__PATHS_CACHED;
    for (; i < n_read; i++) {
        uint32_t next = shares ? cir__trie_find(&own->trie, at, ids[i]) : CIR__TRIE_NONE;
        at = next != CIR__TRIE_NONE ? next : add_row(own, at, ids[i], i);
    }
    return at;
}

/* Lays out texts of a causal tower, each up to the place where it is read; what is begun alike is there
 * once. */
static size_t gather_paths(scratch *own, const int32_t *ids, const size_t *starts, size_t first, size_t n,
                           bool shares)
{
    size_t i = first;
    cir__trie_clear(&own->trie);
    for (; i < n && i - first < own->max_texts; i++) {
        size_t n_ids = starts[i + 1] - starts[i];
        size_t n_read = cir__text_tower_find_end(own->texts.self, ids + starts[i], n_ids) + 1;
        if (i > first && own->trie.n + n_read > own->max_rows)
            break;
        own->pooled[i - first] = add_text(own, ids + starts[i], n_read, shares);
    }
    return i - first;
}

static cir_status encode(scratch *own, cir_pool *pool, const int32_t *ids, const size_t *starts, size_t n,
                         float *features_out, cir__layer_hook *hook, void *hook_context, const char *file,
                         cir_error *err)
{
    const cir__text_tower *self = own->texts.self;
    cir_status status = CIR_OK;
    for (size_t i = 0, n_together; i < n && status == CIR_OK; i += n_together) {
        cir__paths paths = {.first = own->first_seen,
                            .seen = own->seen,
                            .prefix_cache = own->prefix_cache != NULL ? own->prefix_cache->rows : NULL};
        cir__batch batch = {.starts = own->starts,
                            .pooled = own->pooled,
                            .paths = self->is_causal ? &paths : NULL,
                            .embed = embed,
                            .embed_context = &own->texts,
                            .hook = hook,
                            .hook_context = hook_context};
        if (self->is_causal) {
            n_together = gather_paths(own, ids, starts, i, n, hook == NULL);
            batch.n_rows = own->trie.n;
        } else {
            n_together = gather(own, ids, starts, i, n, &batch.n_rows);
        }
        batch.n_sequences = n_together;
        size_t i_bad;
        status =
            cir__forward_run(own->forward, pool, &batch, features_out + i * self->tower->dim, &i_bad, err);
        if (status == CIR_FORMAT)
            status = cir__fail(err, CIR_FORMAT,
                               "%s: the feature of text %zu of %zu is not a number; the weights are damaged",
                               file, i + i_bad + 1, n);
    }
    return status;
}

cir_status cir__text_tower_encode(const cir__text_tower *self, cir_pool *pool, const int32_t *ids,
                                  const size_t *starts, size_t n, float *features_out, cir__layer_hook *hook,
                                  void *hook_context, const char *file, cir_error *err)
{
    if (n == 0)
        return CIR_OK;
    cir_status status = check_texts(self, ids, starts, n, file, err);
    if (status != CIR_OK)
        return status;
    prefix_cache *used = hook == NULL ? use_cache(self) : NULL;
    scratch own = {.prefix_cache = used};
    status = scratch_init(&own, self, pool, starts[n] - starts[0], n, err);
    if (status == CIR_OK)
        status = encode(&own, pool, ids, starts, n, features_out, hook, hook_context, file, err);
    scratch_done(&own);
    leave_cache(self, used);
    return status;
}

/* Whether it is these prefixes that are cached. */
static bool is_cached(const cir__text_tower *self, const char *name)
{
    pthread_mutex_lock(&self->store->lock);
    const prefix_cache *found = self->store->prefix_cache;
    bool is_same = found != NULL && strcmp(found->name, name) == 0;
    pthread_mutex_unlock(&self->store->lock);
    return is_same;
}

/* Runs the prefixes and takes their keys and values out. */
static cir_status fill_cache(const cir__text_tower *self, cir_pool *pool, const int32_t *ids,
                             const size_t *starts, size_t n, prefix_cache *to, cir_error *err)
{
    scratch own = {0};
    size_t n_items, i_bad;
    cir_status status = scratch_init(&own, self, pool, starts[n] - starts[0], 1, err);
    /* What does not fit into one batch is not cached. An end token must not be a prefix's: features are read
     * there. */
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        size_t n_ids = starts[i + 1] - starts[i];
        if (n_ids > 0 && own.trie.n + n_ids <= own.max_rows)
            (void)add_text(&own, ids + starts[i], n_ids, true);
    }
    const cir__tower_config *config = &self->tower->config;
    if (status == CIR_OK && (!cir__size_mul(own.trie.n, config->n_layers * 2 * config->width, &n_items) ||
                             (to->rows = cir__new_unset(n_items, sizeof *to->rows)) == NULL))
        status = cir__fail_memory(err, "texts");
    if (status == CIR_OK) {
        cir__paths paths = {.first = own.first_seen, .seen = own.seen, .cache_out = to->rows};
        cir__batch batch = {
            .n_rows = own.trie.n, .paths = &paths, .embed = embed, .embed_context = &own.texts};
        status = cir__forward_run(own.forward, pool, &batch, NULL, &i_bad, err);
        to->trie = own.trie;
        own.trie = (cir__trie){0};
    }
    scratch_done(&own);
    return status;
}

cir_status cir__text_tower_cache_prefixes(const cir__text_tower *self, cir_pool *pool, const int32_t *ids,
                                          const size_t *starts, size_t n, const char *file, cir_error *err)
{
    char name[CIR__HASH_TEXT_SIZE];
    if (!self->is_causal || n == 0)
        return CIR_OK;
    cir_status status = check_texts(self, ids, starts, n, file, err);
    cir__hash *hash = status == CIR_OK ? cir__hash_new() : NULL;
    if (status == CIR_OK && hash == NULL)
        return cir__fail_memory(err, file);
    if (status != CIR_OK)
        return status;
    cir__hash_push(hash, starts, (n + 1) * sizeof *starts);
    cir__hash_push(hash, ids + starts[0], (starts[n] - starts[0]) * sizeof *ids);
    cir__hash_format(hash, name);
    cir__hash_free(hash);
    if (is_cached(self, name))
        return CIR_OK;
    prefix_cache *made = cir__new(1, sizeof *made);
    if (made == NULL)
        return cir__fail_memory(err, file);
    made->n_users = 1;
    memcpy(made->name, name, sizeof made->name);
    status = fill_cache(self, pool, ids, starts, n, made, err);
    prefix_cache *old = made;
    if (status == CIR_OK) {
        pthread_mutex_lock(&self->store->lock);
        old = self->store->prefix_cache;
        self->store->prefix_cache = made;
        pthread_mutex_unlock(&self->store->lock);
    }
    leave_cache(self, old);
    return status;
}

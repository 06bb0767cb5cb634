/* A head of plain numbers, the merges, the added tokens, their texts with a zero behind each. */
#include "text/clip_compiled.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* To be raised whenever what a file is read into changes. */
#define REVISION 1
#define KIND "tokenizer"

typedef struct head {
    uint32_t revision;
    int32_t start_id, end_id;
    uint32_t n_merges;
    uint64_t n_merge_bytes, n_added, n_texts;
    uint64_t n_vocabulary;
    uint64_t has_special_words;
    int32_t byte_ids[2][256];
    uint8_t unused[8]; /* up to a whole number of lines: the merges are aligned */
} head;
_Static_assert(sizeof(head) % CIR__ALIGNMENT == 0, "merges are aligned");

typedef struct kept_token {
    uint64_t n_bytes;
    int32_t id;
    int32_t is_normalised;
} kept_token;

static bool size_of(const head *first, size_t *size_out)
{
    size_t added;
    return cir__size_mul((size_t)first->n_added, sizeof(kept_token), &added) &&
           cir__size_add(sizeof *first, (size_t)first->n_merge_bytes, size_out) &&
           cir__size_add(*size_out, added, size_out) &&
           cir__size_add(*size_out, (size_t)first->n_texts, size_out);
}

static bool read_added(const head *first, const uint8_t *data, cir__clip *out)
{
    const uint8_t *tokens = data + sizeof *first + first->n_merge_bytes;
    const char *texts = (const char *)tokens + first->n_added * sizeof(kept_token);
    size_t used = 0;
    out->added = cir__new((size_t)first->n_added, sizeof *out->added);
    for (size_t i = 0; i < first->n_added && out->added != NULL; i++) {
        kept_token kept;
        memcpy(&kept, tokens + i * sizeof kept, sizeof kept);
        if (kept.n_bytes >= first->n_texts - used || texts[used + kept.n_bytes] != '\0')
            return false;
        char *text = malloc((size_t)kept.n_bytes + 1);
        if (text == NULL)
            return false;
        memcpy(text, texts + used, (size_t)kept.n_bytes + 1);
        out->added[out->n_added++] =
            (cir__added_token){text, (size_t)kept.n_bytes, kept.id, kept.is_normalised != 0};
        used += (size_t)kept.n_bytes + 1;
    }
    return out->added != NULL;
}

static bool read_all(const cir__user_cached *found, cir__clip *out)
{
    head first;
    size_t size;
    if (found->size < sizeof first)
        return false;
    memcpy(&first, found->data, sizeof first);
    if (first.revision != REVISION || !size_of(&first, &size) || size != found->size)
        return false;
    out->start_id = first.start_id;
    out->end_id = first.end_id;
    out->n_vocabulary = (size_t)first.n_vocabulary;
    return read_added(&first, found->data, out) &&
           cir__bpe_new_lent(found->data + sizeof first, (size_t)first.n_merge_bytes, first.n_merges,
                             (const int32_t(*)[256])first.byte_ids, &out->bpe) &&
           cir__clip_compile(out, first.has_special_words != 0, NULL) == CIR_OK;
}

bool cir__clip_compiled_find(const char *key, cir__clip *out)
{
    cir__user_cached found;
    *out = (cir__clip){0};
    if (*key == '\0' || !cir__user_cache_find(KIND, key, NULL, &found))
        return false;
    out->compiled = found;
    if (read_all(&found, out))
        return true;
    cir__clip_done(out);
    return false;
}

void cir__clip_compiled_put(const char *key, const cir__clip *self)
{
    size_t n_bytes, size;
    head first;
    memset(&first, 0, sizeof first); /* padding, too: what is kept has no chance bytes */
    const void *merges = cir__bpe_get_places(self->bpe, &n_bytes, &first.n_merges, first.byte_ids);
    first.revision = REVISION;
    first.start_id = self->start_id;
    first.end_id = self->end_id;
    first.n_merge_bytes = n_bytes;
    first.n_added = self->n_added;
    first.n_vocabulary = self->n_vocabulary;
    first.has_special_words = self->has_special_words;
    for (size_t i = 0; i < self->n_added; i++)
        first.n_texts += self->added[i].n_bytes + 1;
    uint8_t *data = *key != '\0' && size_of(&first, &size) ? cir__new(size, 1) : NULL;
    if (data == NULL)
        return;
    memcpy(data, &first, sizeof first);
    memcpy(data + sizeof first, merges, n_bytes);
    uint8_t *token = data + sizeof first + n_bytes;
    uint8_t *text = token + self->n_added * sizeof(kept_token);
    for (size_t i = 0; i < self->n_added; i++, token += sizeof(kept_token)) {
        const kept_token kept = {self->added[i].n_bytes, self->added[i].id, self->added[i].is_normalised};
        memcpy(token, &kept, sizeof kept);
        memcpy(text, self->added[i].text, self->added[i].n_bytes);
        text += self->added[i].n_bytes + 1; /* zeroed already */
    }
    (void)cir__user_cache_put(KIND, key, data, size, NULL);
    free(data);
}

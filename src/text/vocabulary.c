#include "text/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

cir_status cir__vocabulary_init(cir__vocabulary *vocabulary, size_t n_tokens, const char *name,
                                cir_error *err)
{
    *vocabulary = (cir__vocabulary){0};
    if (n_tokens > CIR__VOCABULARY_MAX)
        return cir__fail(err, CIR_LIMIT, "%s: %zu tokens, at most %zu are handled; take a CLIP tokenizer",
                         name, n_tokens, CIR__VOCABULARY_MAX);
    vocabulary->n_places = 64;
    while (vocabulary->n_places < 2 * n_tokens)
        vocabulary->n_places *= 2;
    vocabulary->places = cir__new(vocabulary->n_places, sizeof *vocabulary->places);
    vocabulary->has_id = cir__new(CIR__VOCABULARY_MAX / 8, 1);
    if (vocabulary->places == NULL || vocabulary->has_id == NULL) {
        cir__vocabulary_done(vocabulary);
        return cir__fail_memory(err, name);
    }
    return CIR_OK;
}

void cir__vocabulary_done(cir__vocabulary *vocabulary)
{
    free(vocabulary->places);
    free(vocabulary->has_id);
    *vocabulary = (cir__vocabulary){0};
}

/* The place that holds the text, or the empty one where it belongs. */
static cir__token *find_place(const cir__vocabulary *vocabulary, const char *text, size_t n_bytes)
{
    size_t mask = vocabulary->n_places - 1;
    for (size_t i = cir__hash64(text, n_bytes) & mask;; i = (i + 1) & mask) {
        cir__token *place = &vocabulary->places[i];
        if (place->text == NULL || (place->n_bytes == n_bytes && memcmp(place->text, text, n_bytes) == 0))
            return place;
    }
}

cir_status cir__vocabulary_push(cir__vocabulary *vocabulary, const char *text, size_t n_bytes, int64_t id,
                                const char *name, cir_error *err)
{
    if (id < 0 || id >= (int64_t)CIR__VOCABULARY_MAX)
        return cir__fail(err, CIR_LIMIT,
                         "%s: token \"%s\" has id %lld, allowed are 0 to %zu; the file is damaged", name,
                         text, (long long)id, CIR__VOCABULARY_MAX - 1);
    cir__token *place = find_place(vocabulary, text, n_bytes);
    if (place->text != NULL)
        return cir__fail(err, CIR_FORMAT, "%s: token \"%s\" has two ids, %d and %lld; the file is damaged",
                         name, text, (int)place->id, (long long)id);
    uint8_t *byte = &vocabulary->has_id[id / 8];
    uint8_t bit = (uint8_t)(1u << (id % 8));
    if ((*byte & bit) != 0)
        return cir__fail(err, CIR_FORMAT,
                         "%s: id %lld is given to two tokens, one of them \"%s\"; the file is damaged", name,
                         (long long)id, text);
    *byte |= bit;
    *place = (cir__token){text, n_bytes, (int32_t)id};
    vocabulary->n_tokens++;
    if ((size_t)id >= vocabulary->n_ids)
        vocabulary->n_ids = (size_t)id + 1;
    return CIR_OK;
}

int32_t cir__vocabulary_find(const cir__vocabulary *vocabulary, const char *text, size_t n_bytes)
{
    const cir__token *place = find_place(vocabulary, text, n_bytes);
    return place->text != NULL ? place->id : -1;
}

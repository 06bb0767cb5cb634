#include "text/siglip_bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static bool has_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, expected) == 0;
}

static cir_status refuse(const char *name, const char *part, cir_error *err)
{
    return cir__fail(err, CIR_UNSUPPORTED,
                     "%s: its \"%s\" is not that of SigLIP 2; take the tokenizer of the model itself", name,
                     part);
}

static cir_status check_model(const json_t *model, const char *name, cir_error *err)
{
    static const char *const unused[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                         "ignore_merges"};
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        const json_t *value = json_object_get(model, unused[i]);
        bool is_unused = value == NULL || json_is_null(value) || json_is_false(value) ||
                         (json_is_string(value) && json_string_length(value) == 0);
        if (!is_unused)
            return refuse(name, unused[i], err);
    }
    if (!json_is_true(json_object_get(model, "fuse_unk")))
        return refuse(name, "fuse_unk", err);
    if (json_object_size(json_object_get(model, "vocab")) == 0 ||
        !json_is_array(json_object_get(model, "merges")))
        return cir__fail(err, CIR_FORMAT, "%s: \"model\" lacks \"vocab\" or \"merges\"; fetch the file again",
                         name);
    return CIR_OK;
}

/* The vocabulary's texts by their ids, which must be 0 to n − 1: texts_out [n]. */
static cir_status sort_pieces(json_t *vocab, const char *name, const char **texts_out, size_t *n_bytes_out,
                              cir_error *err)
{
    size_t n = json_object_size(vocab);
    *n_bytes_out = 0;
    for (void *at = json_object_iter(vocab); at != NULL; at = json_object_iter_next(vocab, at)) {
        const json_t *id = json_object_iter_value(at);
        const char *text = json_object_iter_key(at);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || (size_t)json_integer_value(id) >= n ||
            texts_out[json_integer_value(id)] != NULL)
            return cir__fail(err, CIR_FORMAT,
                             "%s: the ids of its tokens are not 0 to %zu; the file is damaged", name, n - 1);
        texts_out[json_integer_value(id)] = text;
        *n_bytes_out += strlen(text);
    }
    return CIR_OK;
}

static cir_status read_pieces(json_t *vocab, const char *name, cir__unigram *pieces, cir_error *err)
{
    size_t n = json_object_size(vocab);
    size_t n_bytes = 0;
    const char **texts = cir__new(n, sizeof *texts);
    if (texts == NULL)
        return cir__fail_memory(err, name);
    cir_status status = sort_pieces(vocab, name, texts, &n_bytes, err);
    if (status == CIR_OK)
        status = cir__unigram_init(pieces, n, n_bytes, false, name, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = cir__unigram_push(pieces, texts[i], strlen(texts[i]), 0, true, name, err);
    free(texts);
    return status;
}

static cir_status seal_pieces(const json_t *model, const char *name, cir__unigram *pieces, cir_error *err)
{
    const json_t *unknown = json_object_get(model, "unk_token");
    int32_t byte_ids[256];
    for (size_t i = 0; i < 256; i++)
        byte_ids[i] = -1;
    for (size_t i = 0;
         i < pieces->vocabulary.n_places && json_is_true(json_object_get(model, "byte_fallback")); i++) {
        const cir__token *token = &pieces->vocabulary.places[i];
        int byte = token->text != NULL ? cir__unigram_byte_of(token->text, token->n_bytes) : -1;
        if (byte >= 0)
            byte_ids[byte] = token->id;
    }
    int32_t unknown_id = json_is_string(unknown)
                             ? cir__vocabulary_find(&pieces->vocabulary, json_string_value(unknown),
                                                    json_string_length(unknown))
                             : -1;
    if (unknown_id < 0)
        return cir__fail(err, CIR_FORMAT,
                         "%s: \"unk_token\" is absent or not in the vocabulary; fetch the file again", name);
    cir__unigram_seal(pieces, 0, unknown_id, byte_ids);
    return CIR_OK;
}

static cir_status push_merge(const json_t *item, size_t i, const char *name, cir__siglip *self,
                             cir_error *err)
{
    const json_t *first = json_array_get(item, 0); /* newer files: ["a", "b"]; older ones: "a b" */
    const json_t *second = json_array_get(item, 1);
    const cir__vocabulary *vocabulary = &self->unigram.vocabulary;
    if (json_array_size(item) == 2 && json_is_string(first) && json_is_string(second))
        return cir__bpe_push(self->bpe, vocabulary, json_string_value(first), json_string_length(first),
                             json_string_value(second), json_string_length(second), name, err);
    const char *text = json_string_value(item);
    const char *space = text != NULL ? strchr(text, ' ') : NULL;
    if (space == NULL || space == text || space[1] == '\0')
        return cir__fail(err, CIR_FORMAT,
                         "%s: merge %zu is not two tokens; the file is damaged, fetch it again", name, i);
    return cir__bpe_push(self->bpe, vocabulary, text, (size_t)(space - text), space + 1, strlen(space + 1),
                         name, err);
}

cir_status cir__siglip_bpe_parse(const json_t *model, const char *name, cir__siglip *self, cir_error *err)
{
    const json_t *merges = json_object_get(model, "merges");
    cir_status status = check_model(model, name, err);
    if (status == CIR_OK)
        status = read_pieces(json_object_get(model, "vocab"), name, &self->unigram, err);
    if (status == CIR_OK)
        status = seal_pieces(model, name, &self->unigram, err);
    if (status == CIR_OK)
        status = cir__bpe_new_plain(json_array_size(merges), name, &self->bpe, err);
    for (size_t i = 0; i < json_array_size(merges) && status == CIR_OK; i++)
        status = push_merge(json_array_get(merges, i), i, name, self, err);
    self->n_vocabulary = self->unigram.n_pieces;
    return status;
}

cir_status cir__siglip_bpe_check_words(const json_t *pre_tokenizer, const char *name, const cir__siglip *self,
                                       cir_error *err)
{
    bool has_no_spaces = false;
    for (size_t i = 0; i < self->n_steps; i++)
        has_no_spaces = has_no_spaces ||
                        (self->steps[i].kind == CIR__STEP_REPLACE && (self->steps[i].set[0] >> ' ' & 1) != 0);
    bool is_split = has_text(pre_tokenizer, "type", "Split") &&
                    has_text(json_object_get(pre_tokenizer, "pattern"), "String", " ") &&
                    has_text(pre_tokenizer, "behavior", "MergedWithPrevious") &&
                    !json_is_true(json_object_get(pre_tokenizer, "invert"));
    bool is_absent = pre_tokenizer == NULL || json_is_null(pre_tokenizer);
    if (!is_absent && !(is_split && has_no_spaces))
        return refuse(name, "pre_tokenizer", err);
    return CIR_OK;
}

#include "text/clip_files.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/normalise_text.h"
#include "text/vocabulary.h"

#define MAX_BYTES ((size_t)64 << 20) /* of a file; CLIP's own has 2 MB */
#define MAX_ADDED ((size_t)256)

#define START "<|startoftext|>"
#define END "<|endoftext|>"

/* The two patterns of words in use, as files spell them. */
#define WORDS "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
#define WORDS_WITH_SPECIAL "<\\|startoftext\\|>|<\\|endoftext\\|>|" WORDS

static cir_status parse_json(const cir__bytes_view *file, json_t **json_out, cir_error *err)
{
    *json_out = NULL;
    if (file->size > MAX_BYTES)
        return cir__fail(err, CIR_LIMIT,
                         "%s: %zu bytes, a tokenizer's file has at most %zu; take the model's own",
                         file->name, file->size, MAX_BYTES);
    json_error_t where;
    json_t *json = json_loadb((const char *)file->data, file->size, JSON_REJECT_DUPLICATES, &where);
    if (json == NULL)
        return cir__fail(err, CIR_FORMAT,
                         "%s: line %d, column %d: %s; the file is damaged or cut short, fetch it again",
                         file->name, where.line, where.column, where.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return cir__fail(err, CIR_FORMAT, "%s: not a JSON object; fetch the file again", file->name);
    }
    *json_out = json;
    return CIR_OK;
}

static bool has_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, expected) == 0;
}

/* Whether the member is absent, null, false or an empty text: all say that a feature is not used. */
static bool is_unused(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value == NULL || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && json_string_length(value) == 0);
}

static cir_status refuse(const char *name, const char *part, cir_error *err)
{
    return cir__fail(
        err, CIR_UNSUPPORTED,
        "%s: its \"%s\" is not that of a CLIP tokenizer; take the files of the model itself, or save "
        "them again with CLIPTokenizerFast",
        name, part);
}

static cir_status check_model(const json_t *model, const char *name, cir_error *err)
{
    const char *type = json_string_value(json_object_get(model, "type"));
    if (type != NULL && strcmp(type, "BPE") != 0)
        return cir__fail(err, CIR_UNSUPPORTED,
                         "%s: a tokenizer of kind %s, CLIP's is BPE; take the tokenizer of the model itself",
                         name, type);
    if (!json_is_object(json_object_get(model, "vocab")) || !json_is_array(json_object_get(model, "merges")))
        return cir__fail(err, CIR_FORMAT, "%s: \"model\" lacks \"vocab\" or \"merges\"; fetch the file again",
                         name);
    static const char *const unused[] = {"dropout", "continuing_subword_prefix", "fuse_unk", "byte_fallback",
                                         "ignore_merges"};
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
        if (!is_unused(model, unused[i]))
            return refuse(name, unused[i], err);
    if (!has_text(model, "end_of_word_suffix", CIR__BPE_SUFFIX))
        return refuse(name, "end_of_word_suffix", err);
    return CIR_OK;
}

/* The steps of a normalizer or pre-tokenizer that is a sequence of n_steps, else NULL. */
static const json_t *get_steps(const json_t *root, const char *part, const char *list, size_t n_steps)
{
    const json_t *sequence = json_object_get(root, part);
    const json_t *steps = json_object_get(sequence, list);
    return has_text(sequence, "type", "Sequence") && json_array_size(steps) == n_steps ? steps : NULL;
}

static cir_status check_normalizer(const json_t *root, const char *name, cir_error *err)
{
    const json_t *steps = get_steps(root, "normalizer", "normalizers", 3);
    const json_t *replace = json_array_get(steps, 1);
    if (!has_text(json_array_get(steps, 0), "type", "NFC") || !has_text(replace, "type", "Replace") ||
        !has_text(json_object_get(replace, "pattern"), "Regex", "\\s+") ||
        !has_text(replace, "content", " ") || !has_text(json_array_get(steps, 2), "type", "Lowercase"))
        return refuse(name, "normalizer", err);
    return CIR_OK;
}

static cir_status check_pre_tokenizer(const json_t *root, const char *name, bool *with_special_words_out,
                                      cir_error *err)
{
    const json_t *steps = get_steps(root, "pre_tokenizer", "pretokenizers", 2);
    const json_t *split = json_array_get(steps, 0);
    const json_t *bytes = json_array_get(steps, 1);
    const json_t *pattern = json_object_get(split, "pattern");
    *with_special_words_out = has_text(pattern, "Regex", WORDS_WITH_SPECIAL);
    if (!has_text(split, "type", "Split") || !has_text(split, "behavior", "Removed") ||
        !json_is_true(json_object_get(split, "invert")) ||
        (!*with_special_words_out && !has_text(pattern, "Regex", WORDS)) ||
        !has_text(bytes, "type", "ByteLevel") || !is_unused(bytes, "add_prefix_space") ||
        json_is_false(json_object_get(bytes, "use_regex")))
        return refuse(name, "pre_tokenizer", err);
    return CIR_OK;
}

/* A token of the post-processor, ["<|endoftext|>", 49407], which must be one of the vocabulary's. */
static bool find_framing(const json_t *pair, const cir__vocabulary *vocabulary, int32_t *id_out)
{
    const json_t *text = json_array_get(pair, 0);
    const json_t *id = json_array_get(pair, 1);
    if (!json_is_string(text) || !json_is_integer(id))
        return false;
    *id_out = cir__vocabulary_find(vocabulary, json_string_value(text), json_string_length(text));
    return *id_out >= 0 && *id_out == json_integer_value(id);
}

static cir_status read_post_processor(const json_t *root, const cir__vocabulary *vocabulary, const char *name,
                                      cir__clip *clip, cir_error *err)
{
    const json_t *post = json_object_get(root, "post_processor");
    if (!has_text(post, "type", "RobertaProcessing"))
        return refuse(name, "post_processor", err);
    if (!find_framing(json_object_get(post, "cls"), vocabulary, &clip->start_id) ||
        !find_framing(json_object_get(post, "sep"), vocabulary, &clip->end_id))
        return cir__fail(
            err, CIR_FORMAT,
            "%s: start or end token of \"post_processor\" is not in the vocabulary under that id; the "
            "file is damaged",
            name);
    return CIR_OK;
}

/* texts in vocab belong to json, which the vocabulary must not outlive. */
static cir_status read_vocabulary(json_t *vocab, size_t n_more, const char *name, cir__vocabulary *vocabulary,
                                  cir_error *err)
{
    cir_status status = cir__vocabulary_init(vocabulary, json_object_size(vocab) + n_more, name, err);
    for (void *at = json_object_iter(vocab); at != NULL && status == CIR_OK;
         at = json_object_iter_next(vocab, at)) {
        const char *text = json_object_iter_key(at);
        const json_t *id = json_object_iter_value(at);
        if (!json_is_integer(id))
            return cir__fail(err, CIR_FORMAT,
                             "%s: the id of token \"%s\" is not a whole number; fetch the file again", name,
                             text);
        status = cir__vocabulary_push(vocabulary, text, strlen(text), json_integer_value(id), name, err);
    }
    return status;
}

static cir_status push_added(cir__clip *clip, const char *text, size_t n_bytes, int32_t id,
                             bool is_normalised, cir_error *err)
{
    cir__text copy;
    cir_status status = is_normalised ? cir__normalise_fold(text, n_bytes, &copy, err)
                                      : cir__normalise_repair(text, n_bytes, &copy, err);
    if (status == CIR_OK)
        clip->added[clip->n_added++] = (cir__added_token){copy.text, copy.n_bytes, id, is_normalised};
    return status;
}

static cir_status read_added(const json_t *list, const char *name, cir__vocabulary *vocabulary,
                             cir__clip *clip, cir_error *err)
{
    cir_status status = CIR_OK;
    size_t n = json_array_size(list);
    clip->added = cir__new(n, sizeof *clip->added);
    if (clip->added == NULL)
        return cir__fail_memory(err, name);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        const json_t *token = json_array_get(list, i);
        const json_t *content = json_object_get(token, "content");
        const json_t *id = json_object_get(token, "id");
        if (!json_is_string(content) || json_string_length(content) == 0 || !json_is_integer(id))
            return cir__fail(
                err, CIR_FORMAT,
                "%s: entry %zu of \"added_tokens\" lacks a \"content\" or an \"id\"; fetch the file again",
                name, i);
        if (!is_unused(token, "lstrip") || !is_unused(token, "rstrip") || !is_unused(token, "single_word"))
            return refuse(name, "added_tokens", err);
        const char *text = json_string_value(content);
        size_t n_bytes = json_string_length(content);
        /* New tokens follow the vocabulary without a gap: the reference counts, and would ignore another
         * id. */
        int32_t known = cir__vocabulary_find(vocabulary, text, n_bytes);
        size_t expected = known >= 0 ? (size_t)known : vocabulary->n_tokens;
        if (json_integer_value(id) != (json_int_t)expected)
            return cir__fail(err, CIR_FORMAT,
                             "%s: added token \"%s\" has id %lld instead of %zu; the file is damaged", name,
                             text, (long long)json_integer_value(id), expected);
        if (known < 0)
            status = cir__vocabulary_push(vocabulary, text, n_bytes, json_integer_value(id), name, err);
        if (status == CIR_OK)
            status = push_added(clip, text, n_bytes, (int32_t)json_integer_value(id),
                                !json_is_false(json_object_get(token, "normalized")), err);
    }
    return status;
}

/* "left right" → the two; false where there are not exactly two. */
static bool split_merge(const char *line, size_t n_bytes, size_t *n_left_out)
{
    const char *space = memchr(line, ' ', n_bytes);
    if (space == NULL)
        return false;
    *n_left_out = (size_t)(space - line);
    size_t n_right = n_bytes - *n_left_out - 1;
    return *n_left_out > 0 && n_right > 0 && memchr(space + 1, ' ', n_right) == NULL;
}

static cir_status fail_merge(const char *name, size_t i, cir_error *err)
{
    return cir__fail(err, CIR_FORMAT, "%s: merge %zu is not two tokens; the file is damaged, fetch it again",
                     name, i);
}

static cir_status read_json_merges(const json_t *merges, const cir__vocabulary *vocabulary, const char *name,
                                   cir__bpe *bpe, cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; i < json_array_size(merges) && status == CIR_OK; i++) {
        const json_t *pair = json_array_get(merges, i);
        const json_t *left = json_array_get(pair, 0); /* newer files: ["a", "b"]; older ones: "a b" */
        const json_t *right = json_array_get(pair, 1);
        size_t n_left = 0;
        if (json_array_size(pair) == 2 && json_is_string(left) && json_is_string(right)) {
            status = cir__bpe_push(bpe, vocabulary, json_string_value(left), json_string_length(left),
                                   json_string_value(right), json_string_length(right), name, err);
        } else if (json_is_string(pair) &&
                   split_merge(json_string_value(pair), json_string_length(pair), &n_left)) {
            const char *text = json_string_value(pair);
            status = cir__bpe_push(bpe, vocabulary, text, n_left, text + n_left + 1,
                                   json_string_length(pair) - n_left - 1, name, err);
        } else {
            return fail_merge(name, i, err);
        }
    }
    return status;
}

/* Lines "left right"; a first line "#version…" is skipped, as are empty ones. bpe NULL: only counts. */
static cir_status read_text_merges(const cir__bytes_view *file, const cir__vocabulary *vocabulary,
                                   cir__bpe *bpe, size_t *n_merges_out, cir_error *err)
{
    cir_status status = CIR_OK;
    *n_merges_out = 0;
    const char *text = (const char *)file->data;
    for (size_t at = 0; at < file->size && status == CIR_OK;) {
        const char *line = text + at;
        const char *newline = memchr(line, '\n', file->size - at);
        size_t n_bytes = newline != NULL ? (size_t)(newline - line) : file->size - at;
        at += n_bytes + 1;
        if (n_bytes > 0 && line[n_bytes - 1] == '\r')
            n_bytes--;
        bool is_header = line == text && n_bytes >= 8 && memcmp(line, "#version", 8) == 0;
        if (n_bytes == 0 || is_header)
            continue;
        size_t n_left = 0;
        if (!split_merge(line, n_bytes, &n_left))
            return fail_merge(file->name, *n_merges_out, err);
        if (bpe != NULL)
            status = cir__bpe_push(bpe, vocabulary, line, n_left, line + n_left + 1, n_bytes - n_left - 1,
                                   file->name, err);
        ++*n_merges_out;
    }
    return status;
}

static cir_status parse_tokenizer(const cir__bytes_view *file, cir__clip *clip, cir_error *err)
{
    json_t *root = NULL;
    cir__vocabulary vocabulary = {0};
    bool with_special_words = false;
    cir_status status = parse_json(file, &root, err);
    if (status != CIR_OK)
        return status;
    const json_t *model = json_object_get(root, "model");
    const json_t *added = json_object_get(root, "added_tokens");
    const json_t *merges = json_object_get(model, "merges");
    if (json_array_size(added) > MAX_ADDED)
        status =
            cir__fail(err, CIR_LIMIT, "%s: %zu added tokens, at most %zu are handled; take a CLIP tokenizer",
                      file->name, json_array_size(added), MAX_ADDED);
    if (status == CIR_OK)
        status = check_model(model, file->name, err);
    if (status == CIR_OK)
        status = check_normalizer(root, file->name, err);
    if (status == CIR_OK)
        status = check_pre_tokenizer(root, file->name, &with_special_words, err);
    if (status == CIR_OK)
        status = read_vocabulary(json_object_get(model, "vocab"), json_array_size(added), file->name,
                                 &vocabulary, err);
    if (status == CIR_OK)
        status = read_added(added, file->name, &vocabulary, clip, err);
    if (status == CIR_OK)
        status = read_post_processor(root, &vocabulary, file->name, clip, err);
    int32_t unknown_id = -1;
    const json_t *unknown = json_object_get(model, "unk_token");
    if (status == CIR_OK && json_is_string(unknown)) {
        unknown_id =
            cir__vocabulary_find(&vocabulary, json_string_value(unknown), json_string_length(unknown));
        if (unknown_id < 0)
            status = cir__fail(err, CIR_FORMAT,
                               "%s: unknown token \"%s\" is not in the vocabulary; the file is damaged",
                               file->name, json_string_value(unknown));
    }
    if (status == CIR_OK)
        status = cir__bpe_new(&vocabulary, unknown_id, json_array_size(merges), file->name, &clip->bpe, err);
    if (status == CIR_OK)
        status = read_json_merges(merges, &vocabulary, file->name, clip->bpe, err);
    if (status == CIR_OK)
        status = cir__clip_compile(clip, with_special_words, err);
    clip->n_vocabulary = vocabulary.n_ids;
    cir__vocabulary_done(&vocabulary);
    json_decref(root);
    return status;
}

static cir_status add_framing(const cir__vocabulary *vocabulary, const char *name, cir__clip *clip,
                              cir_error *err)
{
    clip->start_id = cir__vocabulary_find(vocabulary, START, strlen(START));
    clip->end_id = cir__vocabulary_find(vocabulary, END, strlen(END));
    if (clip->start_id < 0 || clip->end_id < 0)
        return cir__fail(err, CIR_UNSUPPORTED,
                         "%s: has no token \"" START "\" or \"" END
                         "\", so it is not CLIP's; take the files of the "
                         "model itself",
                         name);
    clip->added = cir__new(2, sizeof *clip->added);
    if (clip->added == NULL)
        return cir__fail_memory(err, name);
    cir_status status = push_added(clip, START, strlen(START), clip->start_id, true, err);
    if (status == CIR_OK)
        status = push_added(clip, END, strlen(END), clip->end_id, true, err);
    return status;
}

static cir_status parse_pair(const cir__bytes_view *vocab_json, const cir__bytes_view *merges_txt,
                             cir__clip *clip, cir_error *err)
{
    json_t *root = NULL;
    cir__vocabulary vocabulary = {0};
    size_t n_merges = 0;
    if (merges_txt->size > MAX_BYTES)
        return cir__fail(err, CIR_LIMIT,
                         "%s: %zu bytes, a list of merges has at most %zu; take the model's own",
                         merges_txt->name, merges_txt->size, MAX_BYTES);
    cir_status status = parse_json(vocab_json, &root, err);
    if (status != CIR_OK)
        return status;
    status = read_vocabulary(root, 0, vocab_json->name, &vocabulary, err);
    if (status == CIR_OK)
        status = add_framing(&vocabulary, vocab_json->name, clip, err);
    if (status == CIR_OK)
        status = read_text_merges(merges_txt, &vocabulary, NULL, &n_merges, err);
    if (status == CIR_OK)
        status = cir__bpe_new(&vocabulary, clip->end_id, n_merges, merges_txt->name, &clip->bpe, err);
    if (status == CIR_OK)
        status = read_text_merges(merges_txt, &vocabulary, clip->bpe, &n_merges, err);
    if (status == CIR_OK)
        status = cir__clip_compile(clip, false, err);
    clip->n_vocabulary = vocabulary.n_ids;
    cir__vocabulary_done(&vocabulary);
    json_decref(root);
    return status;
}

cir_status cir__clip_files_parse(const cir__bytes_view *tokenizer_json, const cir__bytes_view *vocab_json,
                                 const cir__bytes_view *merges_txt, cir__clip *clip_out, cir_error *err)
{
    *clip_out = (cir__clip){0};
    cir_status status;
    if (tokenizer_json != NULL)
        status = parse_tokenizer(tokenizer_json, clip_out, err);
    else if (vocab_json != NULL && merges_txt != NULL)
        status = parse_pair(vocab_json, merges_txt, clip_out, err);
    else
        status =
            cir__fail(err, CIR_NOT_FOUND,
                      "tokenizer: there is neither tokenizer.json nor vocab.json with merges.txt; copy the "
                      "model's tokenizer files into its directory");
    if (status != CIR_OK)
        cir__clip_done(clip_out);
    return status;
}

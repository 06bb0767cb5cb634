#include "text/siglip_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/json.h"
#include "text/siglip_bpe.h"

#define MAX_BYTES ((size_t)64 << 20) /* of a file; SigLIP's has 2 MB, SigLIP 2's 34 */
#define MAX_CONFIG_BYTES ((size_t)8 << 20)
#define MAX_LITERALS ((size_t)1024)
#define MAX_STEPS ((size_t)64)
#define MAX_PATTERN_BYTES 256

static bool has_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, expected) == 0;
}

static cir_status refuse(const char *name, const char *part, cir_error *err)
{
    return cir__fail(
        err, CIR_UNSUPPORTED,
        "%s: its \"%s\" is of a kind that is not handled for SigLIP; take the tokenizer of the model "
        "itself, or its spiece.model",
        name, part);
}

/* "[…]" of single ASCII characters, with or without backslashes, → their set; false for anything cleverer. */
static bool read_class(const char *pattern, uint64_t set[2])
{
    size_t n = strlen(pattern);
    if (n < 3 || n > MAX_PATTERN_BYTES || pattern[0] != '[' || pattern[n - 1] != ']' || pattern[1] == '^')
        return false;
    for (size_t i = 1; i < n - 1; i++) {
        bool is_escaped = pattern[i] == '\\';
        i += is_escaped;
        unsigned char c = (unsigned char)pattern[i];
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (i >= n - 1 || c < 0x20 || c >= 0x7f || (is_escaped && (is_letter || (c >= '0' && c <= '9'))))
            return false;
        /* Unescaped, these open a class, end it, span a range, or intersect. */
        bool is_range = c == '-' && i != 1 && i != n - 2;
        if (!is_escaped && (c == '[' || c == ']' || is_range || (c == '&' && pattern[i + 1] == '&')))
            return false;
        set[c / 64] |= UINT64_C(1) << (c % 64);
    }
    return true;
}

/* {"type": "Replace", "pattern": {"Regex" or "String": …}, "content": …} */
static bool read_replacement(const json_t *item, cir__step *step)
{
    const json_t *pattern = json_object_get(item, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char *plain = json_string_value(json_object_get(pattern, "String"));
    const char *content = json_string_value(json_object_get(item, "content"));
    if (content == NULL || strlen(content) >= sizeof step->content)
        return false;
    *step = (cir__step){.kind = CIR__STEP_REPLACE_RUNS};
    memcpy(step->content, content, strlen(content) + 1);
    if (regex != NULL && strcmp(regex, "\\s+") == 0) {
        step->spaces = CIR__SPACES_UNICODE;
        step->n_least = 1;
        return true;
    }
    if (regex != NULL && strcmp(regex, " {2,}") == 0) {
        step->spaces = CIR__SPACES_BLANK;
        step->n_least = 2;
        return true;
    }
    step->kind = CIR__STEP_REPLACE;
    if (plain != NULL && strlen(plain) == 1 && (unsigned char)*plain < 128) {
        step->set[*plain / 64] |= UINT64_C(1) << (*plain % 64);
        return true;
    }
    return regex != NULL && read_class(regex, step->set);
}

static int8_t digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int8_t)(found - digits) : -1;
}

/* Base64 → bytes; SIZE_MAX where it is none. out: [3·strlen(text)/4]. */
static size_t decode(const char *text, uint8_t *out)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (; *text != '\0' && *text != '='; text++) {
        int8_t digit = digit_of(*text);
        if (digit < 0)
            return SIZE_MAX;
        bits = bits << 6 | (uint32_t)(uint8_t)digit;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    while (*text == '=')
        text++;
    return *text == '\0' ? n : SIZE_MAX;
}

static cir_status read_charsmap(const json_t *item, const char *name, cir__charsmap *map, cir_error *err)
{
    const json_t *value = json_object_get(item, "precompiled_charsmap");
    const char *text = json_string_value(value);
    if (text == NULL || map->n_units > 0)
        return refuse(name, "normalizer", err);
    uint8_t *bytes = cir__new_unset(json_string_length(value) / 4 * 3 + 3, 1);
    if (bytes == NULL)
        return cir__fail_memory(err, name);
    size_t n = decode(text, bytes);
    cir_status status = n != SIZE_MAX
                            ? cir__charsmap_parse((cir__bytes_view){bytes, n, name}, map, err)
                            : cir__fail(err, CIR_FORMAT,
                                        "%s: \"precompiled_charsmap\" is not base64; fetch the file "
                                        "again",
                                        name);
    free(bytes);
    return status;
}

static cir_status read_step(const json_t *item, const char *name, cir__siglip *self, cir_error *err)
{
    cir__step step = {0};
    cir_status status = CIR_OK;
    if (has_text(item, "type", "Precompiled")) {
        step.kind = CIR__STEP_MAP;
        status = read_charsmap(item, name, &self->charsmap, err);
    } else if (has_text(item, "type", "Lowercase")) {
        step.kind = CIR__STEP_LOWER;
    } else if (has_text(item, "type", "Strip")) {
        step = (cir__step){.kind = CIR__STEP_STRIP,
                           .spaces = CIR__SPACES_UNICODE,
                           .strips_left = json_is_true(json_object_get(item, "strip_left")),
                           .strips_right = json_is_true(json_object_get(item, "strip_right"))};
    } else if (!has_text(item, "type", "Replace") || !read_replacement(item, &step)) {
        status = refuse(name, "normalizer", err);
    }
    if (status == CIR_OK)
        self->steps[self->n_steps++] = step;
    return status;
}

static cir_status read_normalizer(const json_t *root, const char *name, cir__siglip *self, cir_error *err)
{
    const json_t *normalizer = json_object_get(root, "normalizer");
    const json_t *list = json_object_get(normalizer, "normalizers");
    bool is_list = has_text(normalizer, "type", "Sequence") && json_is_array(list);
    size_t n = is_list ? json_array_size(list) : normalizer == NULL || json_is_null(normalizer) ? 0 : 1;
    if (n > MAX_STEPS)
        return refuse(name, "normalizer", err);
    self->steps = cir__new(n, sizeof *self->steps);
    if (self->steps == NULL)
        return cir__fail_memory(err, name);
    cir_status status = CIR_OK;
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = read_step(is_list ? json_array_get(list, i) : normalizer, name, self, err);
    return status;
}

static cir_status read_metaspace(const json_t *item, const char *name, cir__siglip *self, cir_error *err)
{
    const json_t *scheme = json_object_get(item, "prepend_scheme");
    /* Older files say add_prefix_space instead. "first" is refused: what comes first is counted in the text
     * before the steps, and no SigLIP tokenizer has it. */
    bool is_never = has_text(item, "prepend_scheme", "never");
    if (scheme != NULL && !is_never && !has_text(item, "prepend_scheme", "always"))
        return refuse(name, "pre_tokenizer", err);
    self->has_prefix = scheme != NULL ? !is_never : !json_is_false(json_object_get(item, "add_prefix_space"));
    self->splits_at_marks = !json_is_false(json_object_get(item, "split"));
    if (!has_text(item, "type", "Metaspace") || !has_text(item, "replacement", "\xe2\x96\x81"))
        return refuse(name, "pre_tokenizer", err);
    return CIR_OK;
}

static cir_status read_pre_tokenizer(const json_t *root, const char *name, cir__siglip *self, cir_error *err)
{
    const json_t *item = json_object_get(root, "pre_tokenizer");
    const json_t *list = json_object_get(item, "pretokenizers");
    if (self->bpe != NULL)
        return cir__siglip_bpe_check_words(item, name, self, err);
    if (has_text(item, "type", "Sequence") && json_array_size(list) == 2 &&
        has_text(json_array_get(list, 0), "type", "WhitespaceSplit")) {
        self->splits_at_spaces = true;
        item = json_array_get(list, 1);
    }
    return read_metaspace(item, name, self, err);
}

/* The text's tokens and then "</s>": nothing else. */
static cir_status read_post_processor(const json_t *root, const char *name, cir__siglip *self, cir_error *err)
{
    const json_t *post = json_object_get(root, "post_processor");
    const json_t *single = json_object_get(post, "single");
    const char *end =
        json_string_value(json_object_get(json_object_get(json_array_get(single, 1), "SpecialToken"), "id"));
    if (!has_text(post, "type", "TemplateProcessing") || json_array_size(single) != 2 ||
        json_object_get(json_array_get(single, 0), "Sequence") == NULL || end == NULL)
        return refuse(name, "post_processor", err);
    const json_t *ids = json_object_get(json_object_get(json_object_get(post, "special_tokens"), end), "ids");
    json_int_t id = json_array_size(ids) == 1 ? json_integer_value(json_array_get(ids, 0)) : -1;
    if (id < 0 || (size_t)id >= self->n_vocabulary)
        return cir__fail(
            err, CIR_FORMAT,
            "%s: the end token of \"post_processor\" is not in the vocabulary; the file is damaged", name);
    self->end_id = (int32_t)id;
    return CIR_OK;
}

static cir_status push_piece(const json_t *pair, size_t i, const char *name, cir__unigram *unigram,
                             double *min_score, cir_error *err)
{
    const json_t *text = json_array_get(pair, 0);
    const json_t *score = json_array_get(pair, 1);
    if (!json_is_string(text) || !json_is_number(score) || !isfinite(json_number_value(score)))
        return cir__fail(err, CIR_FORMAT, "%s: piece %zu is not a text and its score; fetch the file again",
                         name, i);
    *min_score = fmin(*min_score, json_number_value(score));
    return cir__unigram_push(unigram, json_string_value(text), json_string_length(text),
                             json_number_value(score), true, name, err);
}

static cir_status read_model(const json_t *root, const char *name, cir__siglip *self, cir_error *err)
{
    const json_t *model = json_object_get(root, "model");
    const json_t *pieces = json_object_get(model, "vocab");
    const char *type = json_string_value(json_object_get(model, "type"));
    if (type != NULL && strcmp(type, "BPE") == 0)
        return cir__siglip_bpe_parse(model, name, self, err);
    if (type == NULL || strcmp(type, "Unigram") != 0)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: a tokenizer of kind %s, SigLIP's is Unigram and SigLIP 2's BPE; take the tokenizer of the "
            "model itself",
            name, type != NULL ? type : "none");
    size_t n = json_array_size(pieces);
    const json_t *unknown = json_object_get(model, "unk_id");
    if (n == 0 || !json_is_integer(unknown) || json_integer_value(unknown) < 0 ||
        (size_t)json_integer_value(unknown) >= n)
        return cir__fail(err, CIR_FORMAT, "%s: \"model\" lacks \"vocab\" or \"unk_id\"; fetch the file again",
                         name);
    size_t n_texts_bytes = 0;
    for (size_t i = 0; i < n; i++)
        n_texts_bytes += json_string_length(json_array_get(json_array_get(pieces, i), 0));
    double min_score = HUGE_VAL;
    cir_status status = cir__unigram_init(&self->unigram, n, n_texts_bytes, false, name, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = push_piece(json_array_get(pieces, i), i, name, &self->unigram, &min_score, err);
    if (status != CIR_OK)
        return status;
    int32_t byte_ids[256];
    for (int i = 0; i < 256; i++) {
        static const char digits[] = "0123456789ABCDEF";
        const char text[] = {'<', '0', 'x', digits[i / 16], digits[i % 16], '>'};
        byte_ids[i] = cir__vocabulary_find(&self->unigram.vocabulary, text, sizeof text);
    }
    bool has_fallback = json_is_true(json_object_get(model, "byte_fallback"));
    cir__unigram_seal(&self->unigram, min_score, (int32_t)json_integer_value(unknown),
                      has_fallback ? byte_ids : NULL);
    self->n_vocabulary = n;
    return CIR_OK;
}

static cir_status read_literal(const json_t *token, size_t i, const char *name, cir__siglip *self,
                               cir_error *err)
{
    const char *text = json_string_value(json_object_get(token, "content"));
    const json_t *id = json_object_get(token, "id");
    if (text == NULL || *text == '\0' || !json_is_integer(id))
        return cir__fail(
            err, CIR_FORMAT,
            "%s: entry %zu of \"added_tokens\" lacks a \"content\" or an \"id\"; fetch the file again", name,
            i);
    if (json_is_true(json_object_get(token, "single_word")) ||
        !json_is_false(json_object_get(token, "normalized")))
        return refuse(name, "added_tokens", err);
    /* New tokens follow the vocabulary without a gap: the reference counts, and would ignore another id. */
    int32_t known = cir__vocabulary_find(&self->unigram.vocabulary, text, strlen(text));
    size_t expected = known >= 0 ? (size_t)known : self->n_vocabulary;
    if (json_integer_value(id) != (json_int_t)expected)
        return cir__fail(err, CIR_FORMAT,
                         "%s: added token \"%s\" has id %lld instead of %zu; the file is damaged", name, text,
                         (long long)json_integer_value(id), expected);
    char *copy = cir__copy_text(text);
    if (copy == NULL)
        return cir__fail_memory(err, name);
    self->literals[self->n_literals++] =
        (cir__literal){copy, strlen(copy), (int32_t)expected, json_is_true(json_object_get(token, "lstrip")),
                       json_is_true(json_object_get(token, "rstrip"))};
    self->n_vocabulary += known < 0;
    return CIR_OK;
}

static cir_status read_literals(const json_t *root, const char *name, cir__siglip *self, cir_error *err)
{
    const json_t *list = json_object_get(root, "added_tokens");
    size_t n = json_array_size(list);
    if (n > MAX_LITERALS)
        return cir__fail(err, CIR_LIMIT, "%s: %zu added tokens, at most %zu are handled", name, n,
                         MAX_LITERALS);
    self->literals = cir__new(n, sizeof *self->literals);
    if (self->literals == NULL)
        return cir__fail_memory(err, name);
    cir_status status = CIR_OK;
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = read_literal(json_array_get(list, i), i, name, self, err);
    return status;
}

cir_status cir__siglip_json_parse(const cir__bytes_view *file, cir__siglip *self, cir_error *err)
{
    json_t *root;
    cir_status status = cir__json_parse(*file, MAX_BYTES, &root, err);
    if (status != CIR_OK)
        return status;
    status = read_model(root, file->name, self, err);
    if (status == CIR_OK)
        status = read_literals(root, file->name, self, err);
    if (status == CIR_OK)
        status = read_normalizer(root, file->name, self, err);
    if (status == CIR_OK)
        status = read_pre_tokenizer(root, file->name, self, err);
    if (status == CIR_OK)
        status = read_post_processor(root, file->name, self, err);
    json_decref(root);
    return status;
}

cir_status cir__siglip_json_read_padding(const cir__bytes_view *file, cir__siglip *self, cir_error *err)
{
    json_t *root;
    cir_status status = cir__json_parse(*file, MAX_CONFIG_BYTES, &root, err);
    if (status != CIR_OK)
        return status;
    const json_t *token = json_object_get(root, "pad_token");
    const char *text = json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
    if (text != NULL) {
        int32_t id = cir__vocabulary_find(&self->unigram.vocabulary, text, strlen(text));
        for (size_t i = 0; i < self->n_literals && id < 0; i++)
            id = strcmp(self->literals[i].text, text) == 0 ? self->literals[i].id : -1;
        self->pad_id = id;
        if (id < 0)
            status =
                cir__fail(err, CIR_FORMAT,
                          "%s: \"pad_token\" \"%s\" is not in the vocabulary; the files belong to different "
                          "models",
                          file->name, text);
    }
    json_decref(root);
    return status;
}

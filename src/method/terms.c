#include "method/terms.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/csv.h"
#include "format/text_file.h"
#include "method/draw.h"

#define MAX_BYTES ((size_t)64 << 20)

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_heading(const char *term)
{
    static const char *const headings[] = {"name",    "term",    "text",   "word",  "label",
                                           "object",  "subject", "style",  "class", "category",
                                           "concept", "prompt",  "caption"};
    if (strchr(term, '_') != NULL)
        return true;
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        if (strcasecmp(term, headings[i]) == 0)
            return true;
    return false;
}

static bool has_ending(const char *name, const char *ending)
{
    const size_t size = strlen(name), ending_size = strlen(ending);
    return size >= ending_size && strcasecmp(name + size - ending_size, ending) == 0;
}

/* The terms as they are found, one zero-terminated text behind the other. */
typedef struct collected {
    char *bytes;
    size_t size;
    size_t n;
} collected;

/* bytes has room for all: a term and its zero never take more than they took in the file and its line's
 * end. */
static void collect(collected *found, const char *text, size_t size)
{
    while (size > 0 && is_blank(text[0])) {
        text++;
        size--;
    }
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    if (size == 0)
        return;
    memcpy(found->bytes + found->size, text, size);
    found->bytes[found->size + size] = '\0';
    found->size += size + 1;
    found->n++;
}

static cir_status collect_lines(cir__bytes_view bytes, collected *found, cir_error *err)
{
    cir__bytes_view line;
    const cir_status status = cir__text_file_begin(&bytes, err);

    if (status != CIR_OK)
        return status;
    if (bytes.size > 0 && memchr(bytes.data, '\0', bytes.size) != NULL)
        return cir__fail(err, CIR_FORMAT, "%s: holds zero bytes; a corpus is UTF-8 text, one term a line",
                         bytes.name);
    while (cir__text_file_take_line(&bytes, &line))
        collect(found, (const char *)line.data, line.size);
    return CIR_OK;
}

static cir_status collect_fields(cir__bytes_view bytes, collected *found, cir_error *err)
{
    cir__csv csv;
    bool has_row = true;
    cir_status status = CIR_OK;

    cir__csv_init(&csv, bytes, ',');
    while (status == CIR_OK && has_row) {
        status = cir__csv_read_row(&csv, &has_row, err);
        if (status == CIR_OK && has_row)
            collect(found, csv.fields[0].text, csv.fields[0].size_bytes);
    }
    cir__csv_done(&csv);
    return status;
}

cir_status cir__terms_list(const char *bytes, size_t size, size_t n, cir__terms *terms_out, cir_error *err)
{
    cir__hash *hash = cir__hash_new();
    char *memory = NULL;
    size_t pointer_bytes, joined_size;

    memset(terms_out, 0, sizeof *terms_out);
    /* One block: the pointers, then the texts that they point to. */
    if (cir__size_mul(n, sizeof(char *), &pointer_bytes) && cir__size_add(pointer_bytes, size, &joined_size))
        memory = cir__new_unset(joined_size, 1);
    if (hash == NULL || memory == NULL) {
        cir__hash_free(hash);
        free(memory);
        return cir__fail_memory(err, "a corpus' terms");
    }
    const char **const texts = (const char **)(void *)memory;
    const char *text = memcpy(memory + pointer_bytes, bytes, size);
    for (size_t i = 0; i < n; i++, text += strlen(text) + 1) {
        texts[i] = text;
        cir__hash_push(hash, text, strlen(text) + 1);
    }
    *terms_out = (cir__terms){.texts = texts, .n = n, .memory = memory};
    cir__hash_format(hash, terms_out->key);
    cir__hash_free(hash);
    return CIR_OK;
}

cir_status cir__terms_parse(cir__bytes_view bytes, cir_variant variant, cir__terms *terms_out, cir_error *err)
{
    collected found = {.bytes = cir__new_unset(bytes.size + 2, 1)};
    cir_status status;

    memset(terms_out, 0, sizeof *terms_out);
    if (found.bytes == NULL)
        return cir__fail_memory(err, "a corpus' terms");
    status = has_ending(bytes.name, ".csv") ? collect_fields(bytes, &found, err)
                                            : collect_lines(bytes, &found, err);
    if (status == CIR_OK) {
        const char *first = found.bytes;
        if (found.n > 0 && variant == CIR_VARIANT_PAPER && is_heading(first)) {
            first += strlen(first) + 1;
            found.n--;
        }
        status =
            found.n < 2
                ? cir__fail(err, CIR_FORMAT,
                            "%s: holds %zu terms, and a corpus needs at least 2; write one term a "
                            "line, or a CSV file with the terms as its first column",
                            bytes.name, found.n)
                : cir__terms_list(first, found.size - (size_t)(first - found.bytes), found.n, terms_out, err);
    }
    free(found.bytes);
    return status;
}

cir_status cir__terms_read(cir__corpus corpus, const cir_settings *settings, cir__terms *terms_out,
                           cir_error *err)
{
    const char *path = corpus == CIR__CORPUS_OBJECTS ? settings->corpus_objects : settings->corpus_styles;
    uint8_t *bytes = NULL;
    size_t size = 0;
    cir_status status;

    memset(terms_out, 0, sizeof *terms_out);
    if (path[0] == '\0')
        return cir__terms_parse(cir__corpora_get(corpus), settings->variant, terms_out, err);
    status = cir__file_read(path, MAX_BYTES, &bytes, &size, err);
    if (status == CIR_OK)
        status = cir__terms_parse((cir__bytes_view){bytes, size, path}, settings->variant, terms_out, err);
    free(bytes);
    return status;
}

void cir__terms_done(cir__terms *terms)
{
    free(terms->memory);
    memset(terms, 0, sizeof *terms);
}

cir_status cir__terms_choose(const cir__terms *objects, const cir_settings *settings, cir__terms *chosen_out,
                             cir_error *err)
{
    size_t n = settings->context < objects->n ? settings->context : objects->n, size = 0;
    size_t *const chosen = cir__new(n, sizeof *chosen);
    cir_status status = CIR_OK;

    memset(chosen_out, 0, sizeof *chosen_out);
    if (chosen == NULL)
        return cir__fail_memory(err, "context terms");
    if (settings->variant == CIR_VARIANT_PAPER)
        n = cir__draw(settings->seed, CIR__DRAW_CONTEXT, objects->n, NULL, 0, n, chosen);
    else
        for (size_t i = 0; i < n; i++)
            chosen[i] = i;
    for (size_t i = 0; i < n; i++)
        size += strlen(objects->texts[chosen[i]]) + 1;
    char *const bytes = cir__new_unset(size, 1), *end = bytes;
    for (size_t i = 0; i < n && bytes != NULL; i++)
        end = stpcpy(end, objects->texts[chosen[i]]) + 1;
    status = bytes != NULL ? cir__terms_list(bytes, size, n, chosen_out, err)
                           : cir__fail_memory(err, "context terms");
    free(bytes);
    free(chosen);
    return status;
}

/* A row's fields are collected one behind another, each with its final zero. Their places are known only when
 * the row is read, as the text may move while it grows; until then only sizes are kept. */
#include "format/csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/text_file.h"

void cir__csv_init(cir__csv *csv, cir__bytes_view bytes, char separator)
{
    *csv = (cir__csv){.bytes = bytes, .separator = separator, .next_line = 1};
}

void cir__csv_done(cir__csv *csv)
{
    free(csv->field_memory);
    free(csv->text);
    *csv = (cir__csv){0};
}

/* The byte at the reading position, or -1 at the end. */
static int peek(const cir__csv *csv)
{
    return csv->position < csv->bytes.size ? csv->bytes.data[csv->position] : -1;
}

static bool is_line_end(int byte)
{
    return byte == '\n' || byte == '\r';
}

/* Steps over LF, CRLF or CR. */
static void skip_line_end(cir__csv *csv)
{
    if (peek(csv) == '\r') {
        csv->position++;
        if (peek(csv) == '\n')
            csv->position++;
    } else {
        csv->position++;
    }
    csv->next_line++;
}

static cir_status push_bytes(cir__csv *csv, size_t *n_text, const void *bytes, size_t n, cir_error *err)
{
    if (n > csv->text_capacity - *n_text) {
        void *text = csv->text;
        bool grown = cir__grow(&text, &csv->text_capacity, *n_text + n, 1);
        csv->text = text;
        if (!grown)
            return cir__fail_memory(err, csv->bytes.name);
    }
    if (n > 0)
        memcpy(csv->text + *n_text, bytes, n);
    *n_text += n;
    return CIR_OK;
}

/* Reads what stands between quotes, the opening one already taken, up to behind the closing one. */
static cir_status read_quoted(cir__csv *csv, size_t *n_text, cir_error *err)
{
    size_t line = csv->next_line;
    for (;;) {
        int byte = peek(csv);
        if (byte < 0)
            return cir__fail(err, CIR_FORMAT,
                             "%s:%zu: a quote is opened here and never closed; close or double it",
                             csv->bytes.name, line);
        csv->position++;
        if (byte == '"') {
            if (peek(csv) != '"')
                return CIR_OK;
            csv->position++;
        }
        if (byte == '\n' || (byte == '\r' && peek(csv) != '\n'))
            csv->next_line++;
        if (byte == '\0')
            return cir__fail(err, CIR_FORMAT, "%s:%zu: holds a zero byte; it is not a text file",
                             csv->bytes.name, csv->next_line);
        const char one = (char)byte;
        cir_status status = push_bytes(csv, n_text, &one, 1, err);
        if (status != CIR_OK)
            return status;
    }
}

static cir_status read_field(cir__csv *csv, size_t *n_text, cir_error *err)
{
    cir_status status = CIR_OK;
    if (peek(csv) == '"') {
        csv->position++;
        status = read_quoted(csv, n_text, err);
        if (status != CIR_OK)
            return status;
        int byte = peek(csv);
        if (byte >= 0 && byte != (unsigned char)csv->separator && !is_line_end(byte))
            return cir__fail(err, CIR_FORMAT,
                             "%s:%zu: text follows a closing quote; double the quotes inside a quoted field",
                             csv->bytes.name, csv->next_line);
        return CIR_OK;
    }
    const uint8_t *const begin = csv->bytes.data + csv->position, *end = begin;
    const uint8_t *const limit = csv->bytes.data + csv->bytes.size;
    const uint8_t separator = (uint8_t)csv->separator;
    while (end < limit && *end != separator && !is_line_end(*end) && *end != '\0')
        end++;
    csv->position += (size_t)(end - begin);
    if (end < limit && *end == '\0')
        return cir__fail(err, CIR_FORMAT, "%s:%zu: holds a zero byte; it is not a text file", csv->bytes.name,
                         csv->next_line);
    return push_bytes(csv, n_text, begin, (size_t)(end - begin), err);
}

static bool push_field(cir__csv *csv, size_t n_fields, size_t size)
{
    if (n_fields == csv->field_capacity) {
        void *fields = csv->field_memory;
        bool grown = cir__grow(&fields, &csv->field_capacity, n_fields + 1, sizeof *csv->field_memory);
        csv->field_memory = fields;
        if (!grown)
            return false;
    }
    csv->field_memory[n_fields] = (cir__csv_field){NULL, size};
    return true;
}

cir_status cir__csv_read_row(cir__csv *csv, bool *has_row_out, cir_error *err)
{
    *has_row_out = false;
    csv->n_fields = 0;
    csv->fields = NULL;
    if (!csv->is_begun) {
        cir_status status = cir__text_file_begin(&csv->bytes, err);
        if (status != CIR_OK)
            return status;
        csv->is_begun = true;
    }
    while (is_line_end(peek(csv)))
        skip_line_end(csv);
    if (peek(csv) < 0)
        return CIR_OK;
    csv->line = csv->next_line;
    size_t n_fields = 0;
    size_t n_text = 0;
    for (bool is_open = true; is_open;) {
        size_t start = n_text;
        cir_status status = read_field(csv, &n_text, err);
        size_t size = n_text - start;
        if (status == CIR_OK)
            status = push_bytes(csv, &n_text, "", 1, err);
        if (status == CIR_OK && !push_field(csv, n_fields, size))
            status = cir__fail_memory(err, csv->bytes.name);
        if (status != CIR_OK)
            return status;
        n_fields++;
        is_open = peek(csv) == (unsigned char)csv->separator;
        if (is_open)
            csv->position++;
        else if (peek(csv) >= 0)
            skip_line_end(csv);
    }
    /* The text has stopped moving: sizes become places. */
    char *text = csv->text;
    for (size_t i = 0; i < n_fields; i++) {
        csv->field_memory[i].text = text;
        text += csv->field_memory[i].size_bytes + 1;
    }
    csv->fields = csv->field_memory;
    csv->n_fields = n_fields;
    *has_row_out = true;
    return CIR_OK;
}

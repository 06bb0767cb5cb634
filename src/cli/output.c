#include "cli/output.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "cli/destination.h"

json_t *cir__json_text(const char *bytes)
{
    if (bytes == NULL)
        return json_null();
    gchar *valid = g_utf8_make_valid(bytes, -1);
    json_t *text = json_string(valid);
    g_free(valid);
    return text;
}

void cir__json_set(json_t *object, const char *name, json_t *value)
{
    json_t *key = cir__json_text(name);
    json_object_set_new(object, json_string_value(key), value);
    json_decref(key);
}

/* A number where the text is one, else a string: "0.1" → 0.1, "25" → 25, "paper" → "paper". */
static void add_setting(void *context, const char *key, const char *value, const char *description)
{
    (void)description;
    json_t *number = json_loads(value, JSON_DECODE_ANY, NULL);
    bool is_number = json_is_number(number);
    json_object_set_new(context, key, is_number ? number : cir__json_text(value));
    if (!is_number)
        json_decref(number);
}

json_t *cir__settings_json(const cir_settings *settings)
{
    json_t *object = json_object();
    cir_settings_list(settings, add_setting, object);
    return object;
}

enum { JSON_STYLE = JSON_INDENT(1) | JSON_REAL_PRECISION(10) };

void cir__json_print(json_t *document)
{
    json_dumpf(document, stdout, JSON_STYLE);
    putchar('\n');
    json_decref(document);
}

static bool fill(FILE *file, void *context)
{
    const json_t *document = context;
    return json_dumpf(document, file, JSON_STYLE) == 0 && fputc('\n', file) != EOF;
}

cir_status cir__json_write(json_t *document, const char *path, cir_error *err)
{
    const cir_status status = cir__destination_write(path, "the file of results", fill, document, err);
    json_decref(document);
    return status;
}

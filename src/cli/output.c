#include "cli/output.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

json_t *cir__json_text(const char *bytes)
{
    if (bytes == NULL)
        return json_null();
    gchar *valid = g_utf8_make_valid(bytes, -1);
    json_t *text = json_string(valid);
    g_free(valid);
    return text;
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

int cir__json_write(json_t *document, const char *path)
{
    char temporary[4200];
    int result = -1;
    FILE *file = NULL;
    if (snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) < (int)sizeof temporary)
        file = fopen(temporary, "wx");
    if (file != NULL) {
        bool is_written = json_dumpf(document, file, JSON_STYLE) == 0 && fputc('\n', file) != EOF;
        is_written = fflush(file) == 0 && fsync(fileno(file)) == 0 && is_written;
        is_written = fclose(file) == 0 && is_written;
        result = is_written ? rename(temporary, path) : -1;
        if (result != 0)
            unlink(temporary);
    }
    json_decref(document);
    return result;
}

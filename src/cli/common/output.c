#include "cli/common/output.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/terminal_text.h"
#include "shared/destination.h"

void cir__put_text(FILE *file, const char *bytes)
{
    char *text = bytes != NULL ? cir__terminal_text_new(bytes) : NULL;
    fputs(text != NULL ? text : bytes != NULL ? "(out of memory)" : "", file);
    free(text);
}

void cir__json_set(json_t *object, const char *name, json_t *value)
{
    json_t *key = cir__json_text(name);
    json_object_set_new(object, json_string_value(key), value);
    json_decref(key);
}

void cir__json_print(json_t *document)
{
    json_dumpf(document, stdout, CIR__JSON_STYLE);
    putchar('\n');
    json_decref(document);
}

static bool fill(FILE *file, void *context)
{
    const json_t *document = context;
    return json_dumpf(document, file, CIR__JSON_STYLE) == 0 && fputc('\n', file) != EOF;
}

cir_status cir__json_write(json_t *document, const char *path, cir_error *err)
{
    const cir_status status = cir__destination_write(path, "the file of results", fill, document, err);
    json_decref(document);
    return status;
}

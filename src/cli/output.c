#include "cli/output.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cir__json_print(json_t *document)
{
    json_dumpf(document, stdout, CIR__JSON_STYLE);
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
        bool is_written = json_dumpf(document, file, CIR__JSON_STYLE) == 0 && fputc('\n', file) != EOF;
        is_written = fflush(file) == 0 && fsync(fileno(file)) == 0 && is_written;
        is_written = fclose(file) == 0 && is_written;
        result = is_written ? rename(temporary, path) : -1;
        if (result != 0)
            unlink(temporary);
    }
    json_decref(document);
    return result;
}

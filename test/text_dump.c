/* Cleans texts for comparison with Python's: standard input holds texts, each ended by a zero byte; so does
 * the answer. One word: "clean" (all of open_clip's cleaning) or "mend" (the steps of ftfy alone). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/clean.h"

int main(int argc, char **argv)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t n;
    if (argc != 2)
        return 2;
    while ((n = getdelim(&text, &capacity, '\0', stdin)) > 0) {
        cir__text cleaned;
        cir_error err;
        size_t size = (size_t)n - (text[n - 1] == '\0');
        cir_status status = strcmp(argv[1], "mend") == 0 ? cir__clean_mend(text, size, &cleaned, &err)
                                                         : cir__clean(text, size, &cleaned, &err);
        if (status != CIR_OK)
            return 1;
        fwrite(cleaned.text, 1, cleaned.n_bytes + 1, stdout);
        free(cleaned.text);
    }
    free(text);
    return 0;
}

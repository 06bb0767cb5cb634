/* Bytes → a list of checksums, and the files that it names below an empty folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cir/eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64]; /* made at the first input, removed at the end */

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[128];
    size_t n_files, n_bad;
    cir_error err;
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/cir-fuzz-XXXXXX");
        if (mkdtemp(folder) == NULL || atexit(remove_folder) != 0)
            abort();
    }
    snprintf(path, sizeof path, "%s/checksums.sha256", folder);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    if (cir_dataset_verify(folder, NULL, NULL, NULL, NULL, NULL, &n_files, &n_bad, &err) == CIR_OK &&
        n_files == 0)
        abort();
    return 0;
}

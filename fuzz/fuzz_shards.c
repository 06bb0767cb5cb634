/* Bytes → a shard of queries and of the database at once, and every picture that it holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/read/shards.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64]; /* made at the first input, removed at the end */

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        abort();
}

static void write_shard(const char *kind, const uint8_t *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, kind);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/a-000000.tar", folder, kind);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir_dataset *dataset;
    cir_error err;
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/cir-fuzz-XXXXXX");
        if (mkdtemp(folder) == NULL || atexit(remove_folder) != 0)
            abort();
    }
    write_shard("query", data, size);
    write_shard("database", data, size);
    if (cir__dataset_new(&dataset, &err) != CIR_OK)
        return 0;
    if (cir__shards_read(dataset, folder, &err) == CIR_OK)
        for (size_t i = 0; i < dataset->paths.n; i++) {
            const cir__picture picture = cir__shards_get(dataset, i);
            volatile unsigned sum = 0;
            if (picture.offset + picture.size > size || picture.name == NULL)
                abort();
            for (size_t b = 0; b < picture.size; b++)
                sum += picture.bytes[b];
            (void)sum;
        }
    cir_dataset_close(dataset);
    return 0;
}

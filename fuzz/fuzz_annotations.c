/* Bytes → annotations of CIRR, CIRCO or FashionIQ. Input: a first byte says which; a zero byte ends each
 * file, of which FashionIQ's categories share theirs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "eval/read/lists.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64]; /* made at the first input, removed at the end */

static const char *const benchmarks[] = {"cirr", "circo", "fashioniq"};
static const char *const files[][2][3] = {
    {{"captions/cap.rc2.val.json"}, {"image_splits/split.rc2.val.json"}},
    {{"annotations/val.json"}, {"annotations/image_info_unlabeled2017.json"}},
    {{"captions/cap.dress.val.json", "captions/cap.shirt.val.json", "captions/cap.toptee.val.json"},
     {"image_splits/split.dress.val.json", "image_splits/split.shirt.val.json",
      "image_splits/split.toptee.val.json"}}};

static void write_file(const char *name, const uint8_t *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        abort();
}

static void make_folder(void)
{
    static const char *const below[] = {"captions", "image_splits", "annotations"};
    char path[128];
    strcpy(folder, "/tmp/cir-fuzz-XXXXXX");
    if (mkdtemp(folder) == NULL || atexit(remove_folder) != 0)
        abort();
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, below[i]);
        if (mkdir(path, 0700) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (folder[0] == '\0')
        make_folder();
    const size_t which = data[0] % 3;
    const uint8_t *const first = data + 1, *const end = data + size;
    const uint8_t *const zero = memchr(first, 0, size - 1);
    const uint8_t *const cut = zero != NULL ? zero : end;
    for (size_t i = 0; i < 3 && files[which][0][i] != NULL; i++) {
        write_file(files[which][0][i], first, (size_t)(cut - first));
        write_file(files[which][1][i], zero != NULL ? cut + 1 : cut,
                   zero != NULL ? (size_t)(end - cut - 1) : 0);
    }
    const cir_dataset_triplets_options options = {.benchmark = benchmarks[which],
                                                  .ranks_used_images = data[0] == 5};
    const cir__lists lists = {.triplets = &options};
    cir_dataset *dataset;
    cir_error err;
    if (cir__dataset_new(&dataset, &err) != CIR_OK)
        return 0;
    if (cir__lists_read(dataset, folder, &lists, &err) == CIR_OK) {
        /* Every row that a query names is one of its gallery. */
        size_t *const rows = malloc((dataset->info.n_database + 1) * sizeof *rows);
        for (size_t q = 0; q < dataset->info.n_queries; q++) {
            const cir_query_view query = cir_dataset_get_query(dataset, q);
            const size_t n = cir__dataset_find_relevant(dataset, q, rows);
            for (size_t i = 0; i < n; i++)
                if (rows[i] >= query.n_database + dataset->triplets->set->excludes_reference)
                    abort();
            if (n == 0 || dataset->image_rows[q] >= dataset->info.n_database)
                abort();
        }
        free(rows);
    }
    cir_dataset_close(dataset);
    return 0;
}

/* A file of recent texts as the input says: it is examined, asked, written to and asked again. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "index/store/texts_file.h"

#define DIM 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[32];
static char path[64];

static void clean_up(void)
{
    unlink(path);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const float feature[DIM] = {0, 1, 0, 0};
    float found[DIM];
    size_t n_cut;
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/cir-fuzz-XXXXXX");
        if (mkdtemp(folder) == NULL)
            abort();
        snprintf(path, sizeof path, "%s/%s", folder, CIR__TEXTS_NAME);
        atexit(clean_up);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    cir__folder *opened;
    if (cir__folder_open(folder, &opened, NULL) != CIR_OK)
        abort();
    (void)cir__texts_file_examine(opened, DIM);
    (void)!cir__texts_file_find(opened, DIM, "kind", "at night", found, &n_cut);
    cir__texts_file_put(opened, DIM, "kind", "at noon", feature, 3);
    /* Whatever the file held, what is kept is kept. */
    if (!cir__texts_file_find(opened, DIM, "kind", "at noon", found, &n_cut) || n_cut != 3 ||
        memcmp(found, feature, sizeof feature) != 0)
        abort();
    cir__folder_close(opened);
    return 0;
}

/* Bytes → members of an archive, each byte of them touched. */
#include <stdlib.h>
#include <string.h>

#include "format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__tar tar = {.bytes = {data, size, "input"}};
    cir_error err;
    bool has_member = true;
    volatile unsigned sum = 0;
    while (cir__tar_read_member(&tar, &has_member, &err) == CIR_OK && has_member) {
        if (strlen(tar.name) == 0 || tar.data < data || tar.size > size - (size_t)(tar.data - data))
            abort();
        for (size_t i = 0; i < tar.size; i++)
            sum += tar.data[i];
    }
    (void)sum;
    cir__tar_done(&tar);
    return 0;
}

/* Bytes → rows of a table, each field touched. */
#include <stdlib.h>
#include <string.h>

#include "format/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__csv csv;
    cir_error err;
    cir__csv_init(&csv, (cir__bytes_view){data, size, "input"}, size % 2 == 0 ? ',' : ' ');
    bool has_row = true;
    while (has_row && cir__csv_read_row(&csv, &has_row, &err) == CIR_OK)
        for (size_t i = 0; i < csv.n_fields; i++)
            if (strlen(csv.fields[i].text) != csv.fields[i].size_bytes)
                abort();
    cir__csv_done(&csv);
    return 0;
}

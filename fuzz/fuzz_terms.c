/* Bytes → a corpus' terms: lines or a table, by the first byte. */
#include "method/terms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__terms terms;

    if (size == 0)
        return 0;
    const cir__bytes_view bytes = {data + 1, size - 1, (data[0] & 1) != 0 ? "fuzz.csv" : "fuzz.txt"};
    if (cir__terms_parse(bytes, (data[0] & 2) != 0 ? CIR_VARIANT_REFERENCE : CIR_VARIANT_PAPER, &terms,
                         NULL) == CIR_OK) {
        for (size_t i = 0; i < terms.n; i++)
            if (terms.texts[i][0] == '\0')
                __builtin_trap();
        cir__terms_done(&terms);
    }
    return 0;
}

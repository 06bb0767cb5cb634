/* Bytes → what a file really is, whatever it should be. */
#include "format/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir_error err;

    if (size == 0)
        return 0;
    const cir__sniff_kind kind = (cir__sniff_kind)(data[0] % (CIR__SNIFF_NPY + 1));
    (void)!cir__sniff_check((cir__bytes_view){data + 1, size - 1, "fuzz"}, kind, "the weights", &err);
    return 0;
}

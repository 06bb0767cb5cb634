/* Bytes of a preprocessor_config.json, and of an open_clip_config.json → preprocessing. */
#include "image/preprocessing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__preprocessing preprocessing;
    cir_error err;
    size_t height_px, width_px;
    if (cir__preprocessing_parse(data, size, "input", &preprocessing, &err) == CIR_OK)
        (void)!cir__preprocessing_output_px(&preprocessing, "input", &height_px, &width_px, &err);
    (void)!cir__preprocessing_parse_open_clip(data, size, "input", 224, &preprocessing, &err);
    return 0;
}

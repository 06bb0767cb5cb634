/* Bytes of a preprocessor_config.json, and of an open_clip_config.json → recipe. */
#include "image/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__recipe recipe;
    cir_error err;
    size_t height_px, width_px;
    if (cir__recipe_parse(data, size, "input", &recipe, &err) == CIR_OK)
        (void)!cir__recipe_output_px(&recipe, "input", &height_px, &width_px, &err);
    (void)!cir__recipe_parse_open_clip(data, size, "input", 224, &recipe, &err);
    return 0;
}

/* Image bytes → RGB → tensor, with a budget of one megapixel. */
#include <stdlib.h>

#include "cir/image.h"
#include "image/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float tensor[3 * 32 * 32];
    cir_image_options options = {.max_megapixels = 1, .ignores_exif_rotation = size % 2 == 0};
    cir_image image;
    cir_error err;
    if (cir_image_parse(data, size, "input", &options, &image, NULL, &err) != CIR_OK)
        return 0;
    cir__recipe recipe;
    cir__recipe_init_clip(&recipe, 32);
    if (cir__recipe_apply(&recipe, &image, tensor, &err) != CIR_OK)
        abort(); /* no decoded picture is refused */
    cir_image_done(&image);
    return 0;
}

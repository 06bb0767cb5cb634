/* Bytes → a model's config.json, and its open_clip_config.json; what is accepted must lie within the bounds
 * that later sizes rely on. */
#include <stdlib.h>

#include "model/open_clip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tower(const cir__tower_config *tower)
{
    if (tower->width == 0 || tower->width > 16384 || tower->n_heads == 0 ||
        tower->width % tower->n_heads != 0 || tower->n_layers == 0 || tower->n_layers > 256 ||
        tower->mlp_width == 0 || tower->mlp_width > 65536 || tower->max_tokens < 1 ||
        tower->max_tokens > 16384 || !(tower->layer_norm_eps >= 0))
        abort();
}

static void check(const cir__config *config)
{
    check_tower(&config->image);
    check_tower(&config->text);
    if (config->patch_px == 0 || config->patch_px > config->image_px || config->end_id < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__config config;
    cir_error err;
    cir__bytes_view bytes = {data, size, "input"};
    if (cir__config_parse(bytes, &config, &err) == CIR_OK)
        check(&config);
    if (cir__open_clip_parse(bytes, &config, &err) == CIR_OK)
        check(&config);
    return 0;
}

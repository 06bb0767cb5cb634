#include "model/config.h"

#include <string.h>

#include "base/error.h"
#include "format/json.h"

#define MAX_JSON_BYTES ((size_t)1 << 20)
#define MAX_WIDTH 16384
#define MAX_MLP_WIDTH 65536
#define MAX_LAYERS 256
#define MAX_TOKENS 16384
#define MAX_IMAGE_PX 8192
#define MAX_VOCABULARY ((size_t)1 << 24)

static cir_status read_activation(const json_t *object, const char *file, cir__activation *out,
                                  cir_error *err)
{
    const char *name = "quick_gelu";
    cir_status status = cir__json_get_text(object, "hidden_act", file, &name, err);
    if (status != CIR_OK)
        return status;
    if (strcmp(name, "quick_gelu") == 0)
        *out = CIR__QUICK_GELU;
    else if (strcmp(name, "gelu") == 0)
        *out = CIR__GELU;
    else
        return cir__fail(err, CIR_UNSUPPORTED,
                         "%s: activation \"%s\" is unknown, quick_gelu and gelu are handled", file, name);
    return CIR_OK;
}

static cir_status read_tower(const json_t *object, const char *file, cir__tower_config *tower, cir_error *err)
{
    double eps = 1e-5;
    cir_status status = cir__json_get_size(object, "hidden_size", file, 1, MAX_WIDTH, &tower->width, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "num_hidden_layers", file, 1, MAX_LAYERS, &tower->n_layers, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "num_attention_heads", file, 1, MAX_WIDTH, &tower->n_heads, err);
    if (status == CIR_OK)
        status =
            cir__json_get_size(object, "intermediate_size", file, 1, MAX_MLP_WIDTH, &tower->mlp_width, err);
    if (status == CIR_OK)
        status = cir__json_get_double(object, "layer_norm_eps", file, &eps, err);
    if (status == CIR_OK)
        status = read_activation(object, file, &tower->activation, err);
    if (status != CIR_OK)
        return status;
    if (tower->width % tower->n_heads != 0)
        return cir__fail(err, CIR_FORMAT,
                         "%s: \"num_attention_heads\" is %zu, which does not divide \"hidden_size\" %zu",
                         file, tower->n_heads, tower->width);
    if (!(eps > 0 && eps < 1))
        return cir__fail(err, CIR_FORMAT, "%s: \"layer_norm_eps\" is %g, it must lie between 0 and 1", file,
                         eps);
    tower->layer_norm_eps = (float)eps;
    return CIR_OK;
}

static cir_status read_image_tower(const json_t *object, const char *file, cir__config *config,
                                   cir_error *err)
{
    config->image = (cir__tower_config){.width = 768, .n_layers = 12, .n_heads = 12, .mlp_width = 3072};
    config->image_px = 224;
    config->patch_px = 32;
    size_t n_channels = 3;
    cir_status status = read_tower(object, file, &config->image, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "image_size", file, 1, MAX_IMAGE_PX, &config->image_px, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "patch_size", file, 1, MAX_IMAGE_PX, &config->patch_px, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "num_channels", file, 3, 3, &n_channels, err);
    if (status != CIR_OK)
        return status;
    if (config->patch_px > config->image_px)
        return cir__fail(err, CIR_FORMAT, "%s: \"patch_size\" is %zu, larger than \"image_size\" %zu", file,
                         config->patch_px, config->image_px);
    size_t side = config->image_px / config->patch_px;
    config->image.max_tokens = side * side + 1;
    if (config->image.max_tokens > MAX_TOKENS)
        return cir__fail(err, CIR_LIMIT, "%s: %zu × %zu patches are more than %d tokens", file, side, side,
                         MAX_TOKENS);
    return CIR_OK;
}

static cir_status read_text_tower(const json_t *object, const char *file, cir__config *config, cir_error *err)
{
    config->text =
        (cir__tower_config){.width = 512, .n_layers = 12, .n_heads = 8, .mlp_width = 2048, .max_tokens = 77};
    config->n_vocabulary = 49408;
    size_t end_id = 49407;
    cir_status status = read_tower(object, file, &config->text, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "max_position_embeddings", file, 2, MAX_TOKENS,
                                    &config->text.max_tokens, err);
    if (status == CIR_OK)
        status =
            cir__json_get_size(object, "vocab_size", file, 2, MAX_VOCABULARY, &config->n_vocabulary, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "eos_token_id", file, 0, MAX_VOCABULARY, &end_id, err);
    config->end_id = (int32_t)end_id;
    return status;
}

/* The part of one tower. Where an old file gives it twice, the second one, completed with the defaults,
 * holds: so does transformers. Absent parts are all defaults. */
static cir_status find_part(const json_t *root, const char *key, const char *old_key, const char *file,
                            const json_t **part_out, cir_error *err)
{
    *part_out = NULL;
    cir_status status = cir__json_get_object(root, key, file, part_out, err);
    if (status == CIR_OK)
        status = cir__json_get_object(root, old_key, file, part_out, err);
    return status;
}

static cir_status read_config(const json_t *root, const char *file, cir__config *config, cir_error *err)
{
    const char *kind = "none";
    const json_t *text;
    const json_t *image;
    cir_status status = cir__json_get_text(root, "model_type", file, &kind, err);
    if (status != CIR_OK)
        return status;
    if (strcmp(kind, "clip") != 0)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: a model of type \"%s\" is not handled, only \"clip\" is",
                         file, kind);
    status = find_part(root, "vision_config", "vision_config_dict", file, &image, err);
    if (status == CIR_OK)
        status = find_part(root, "text_config", "text_config_dict", file, &text, err);
    config->dim = 512;
    if (status == CIR_OK)
        status = cir__json_get_size(root, "projection_dim", file, 1, MAX_WIDTH, &config->dim, err);
    if (status == CIR_OK)
        status = read_image_tower(image, file, config, err);
    if (status == CIR_OK)
        status = read_text_tower(text, file, config, err);
    return status;
}

cir_status cir__config_parse(cir__bytes_view json, cir__config *config_out, cir_error *err)
{
    *config_out = (cir__config){0};
    json_t *root;
    cir_status status = cir__json_parse(json, MAX_JSON_BYTES, &root, err);
    if (status != CIR_OK)
        return status;
    cir__config config = {0};
    status = read_config(root, json.name, &config, err);
    json_decref(root);
    if (status == CIR_OK)
        *config_out = config;
    return status;
}

#include "model/config.h"

#include <string.h>

#include "base/error.h"
#include "format/json.h"

/* *out stays where the file names none. */
static cir_status read_activation(const json_t *object, const char *file, cir__activation *out,
                                  cir_error *err)
{
    static const struct {
        const char *name;
        cir__activation activation;
    } known[] = {{"quick_gelu", CIR__QUICK_GELU}, {"gelu", CIR__GELU}, {"gelu_pytorch_tanh", CIR__GELU_TANH}};
    const char *name = NULL;
    cir_status status = cir__json_get_text(object, "hidden_act", file, &name, err);
    if (status != CIR_OK || name == NULL)
        return status;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i].activation;
            return CIR_OK;
        }
    return cir__fail(err, CIR_UNSUPPORTED,
                     "%s: activation \"%s\" is unknown; quick_gelu, gelu and gelu_pytorch_tanh are handled",
                     file, name);
}

/* What the file leaves out stays as it is. */
static cir_status read_tower(const json_t *object, const char *file, cir__tower_config *tower, cir_error *err)
{
    double eps = (double)tower->layer_norm_eps;
    cir_status status =
        cir__json_get_size(object, "hidden_size", file, 1, CIR__CONFIG_MAX_WIDTH, &tower->width, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "num_hidden_layers", file, 1, CIR__CONFIG_MAX_LAYERS,
                                    &tower->n_layers, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "num_attention_heads", file, 1, CIR__CONFIG_MAX_WIDTH,
                                    &tower->n_heads, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "intermediate_size", file, 1, CIR__CONFIG_MAX_MLP_WIDTH,
                                    &tower->mlp_width, err);
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

cir_status cir__config_count_patches(cir__config *config, const char *file, cir_error *err)
{
    if (config->patch_px > config->image_px)
        return cir__fail(err, CIR_FORMAT, "%s: \"patch_size\" is %zu, larger than \"image_size\" %zu", file,
                         config->patch_px, config->image_px);
    size_t side = config->image_px / config->patch_px;
    config->image.max_tokens = side * side + (config->architecture == CIR__SIGLIP ? 0 : 1);
    if (config->image.max_tokens > CIR__CONFIG_MAX_TOKENS)
        return cir__fail(err, CIR_LIMIT, "%s: %zu × %zu patches are more than %d tokens", file, side, side,
                         CIR__CONFIG_MAX_TOKENS);
    return CIR_OK;
}

static cir_status read_image_tower(const json_t *object, const char *file, cir__config *config,
                                   cir_error *err)
{
    bool is_siglip = config->architecture == CIR__SIGLIP;
    config->image = (cir__tower_config){.width = 768,
                                        .n_layers = 12,
                                        .n_heads = 12,
                                        .mlp_width = 3072,
                                        .activation = is_siglip ? CIR__GELU_TANH : CIR__QUICK_GELU,
                                        .layer_norm_eps = is_siglip ? 1e-6F : 1e-5F};
    config->image_px = 224;
    config->patch_px = is_siglip ? 16 : 32;
    size_t n_channels = 3;
    cir_status status = read_tower(object, file, &config->image, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "image_size", file, 1, CIR__CONFIG_MAX_IMAGE_PX,
                                    &config->image_px, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "patch_size", file, 1, CIR__CONFIG_MAX_IMAGE_PX,
                                    &config->patch_px, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "num_channels", file, 3, 3, &n_channels, err);
    if (status != CIR_OK)
        return status;
    return cir__config_count_patches(config, file, err);
}

static void set_text_defaults(cir__config *config)
{
    if (config->architecture == CIR__SIGLIP) {
        config->text = (cir__tower_config){768, 12, 12, 3072, 64, CIR__GELU_TANH, 1e-6F, CIR__IN_F32, NULL};
        config->n_vocabulary = 32000;
    } else {
        config->text = (cir__tower_config){512, 12, 8, 2048, 77, CIR__QUICK_GELU, 1e-5F, CIR__IN_F32, NULL};
        config->n_vocabulary = 49408;
    }
}

static cir_status read_text_tower(const json_t *object, const char *file, cir__config *config, cir_error *err)
{
    set_text_defaults(config);
    size_t end_id = 49407;
    cir_status status = read_tower(object, file, &config->text, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "max_position_embeddings", file, 2, CIR__CONFIG_MAX_TOKENS,
                                    &config->text.max_tokens, err);
    if (status == CIR_OK)
        status = cir__json_get_size(object, "vocab_size", file, 2, CIR__CONFIG_MAX_VOCABULARY,
                                    &config->n_vocabulary, err);
    if (status == CIR_OK)
        status =
            cir__json_get_size(object, "eos_token_id", file, 0, CIR__CONFIG_MAX_VOCABULARY, &end_id, err);
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

static cir_status read_architecture(const json_t *root, const char *file, cir__architecture *out,
                                    cir_error *err)
{
    const char *kind = "none";
    cir_status status = cir__json_get_text(root, "model_type", file, &kind, err);
    if (status != CIR_OK)
        return status;
    if (strcmp(kind, "clip") != 0 && strcmp(kind, "siglip") != 0)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: a model of type \"%s\" is not handled, only \"clip\" and \"siglip\" are; take a model of "
            "one of these (SigLIP 2: one with a fixed resolution)",
            file, kind);
    *out = strcmp(kind, "siglip") == 0 ? CIR__SIGLIP : CIR__CLIP;
    return CIR_OK;
}

/* SigLIP's features are as wide as its image tower; the text tower says how wide it makes its own. */
static cir_status read_siglip_dim(const json_t *text, const json_t *image, const char *file,
                                  cir__config *config, cir_error *err)
{
    const json_t *use_head = json_object_get(image, "vision_use_head");
    config->dim = config->text.width;
    cir_status status =
        cir__json_get_size(text, "projection_size", file, 1, CIR__CONFIG_MAX_WIDTH, &config->dim, err);
    if (status == CIR_OK && config->dim != config->image.width)
        status = cir__fail(err, CIR_FORMAT,
                           "%s: the text tower's features have dimension %zu, the image tower's %zu", file,
                           config->dim, config->image.width);
    if (status == CIR_OK && json_is_false(use_head))
        status = cir__fail(err, CIR_UNSUPPORTED,
                           "%s: \"vision_use_head\" is false; only models with a head have "
                           "features in one space",
                           file);
    return status;
}

static cir_status read_config(const json_t *root, const char *file, cir__config *config, cir_error *err)
{
    const json_t *text;
    const json_t *image;
    cir_status status = read_architecture(root, file, &config->architecture, err);
    config->has_text_bias = config->architecture == CIR__SIGLIP;
    if (status == CIR_OK)
        status = find_part(root, "vision_config", "vision_config_dict", file, &image, err);
    if (status == CIR_OK)
        status = find_part(root, "text_config", "text_config_dict", file, &text, err);
    config->dim = 512;
    if (status == CIR_OK && config->architecture == CIR__CLIP)
        status =
            cir__json_get_size(root, "projection_dim", file, 1, CIR__CONFIG_MAX_WIDTH, &config->dim, err);
    if (status == CIR_OK)
        status = read_image_tower(image, file, config, err);
    if (status == CIR_OK)
        status = read_text_tower(text, file, config, err);
    if (status == CIR_OK && config->architecture == CIR__SIGLIP)
        status = read_siglip_dim(text, image, file, config, err);
    return status;
}

cir_status cir__config_parse(cir__bytes_view json, cir__config *config_out, cir_error *err)
{
    *config_out = (cir__config){0};
    json_t *root;
    cir_status status = cir__json_parse(json, CIR__CONFIG_MAX_BYTES, &root, err);
    if (status != CIR_OK)
        return status;
    cir__config config = {0};
    status = read_config(root, json.name, &config, err);
    json_decref(root);
    if (status == CIR_OK)
        *config_out = config;
    return status;
}

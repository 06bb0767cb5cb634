#include "model/open_clip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "format/json.h"

/* The part being read and what messages need. */
typedef struct reading {
    const json_t *part;
    const char *file;
    cir_error *err;
} reading;

static cir_status refuse(const reading *from, const char *key)
{
    char *value = json_dumps(json_object_get(from->part, key), JSON_ENCODE_ANY | JSON_COMPACT);
    cir_status status = cir__fail(from->err, CIR_UNSUPPORTED,
                                  "%s: \"%s\": %.60s is not handled; take a CLIP ViT or SigLIP model",
                                  from->file, key, value != NULL ? value : "(absent)");
    free(value);
    return status;
}

static bool is_unused(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value == NULL || json_is_null(value) || json_is_false(value);
}

/* Switches that change a tower's layers; none of the models that are handled has one on. */
static cir_status refuse_switches(const reading *from)
{
    static const char *const keys[] = {
        "ls_init_value", "attentional_pool", "no_ln_pre",      "qk_norm",  "scaled_cosine_attn",
        "scale_heads",   "scale_attn_inner", "scale_attn",     "scale_fc", "embed_cls",
        "hf_model_name", "block_type",       "timm_proj_bias",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!is_unused(from->part, keys[i]))
            return refuse(from, keys[i]);
    return CIR_OK;
}

static bool has_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, expected) == 0;
}

/* A side: a number, or two that are equal. */
static cir_status read_side(const reading *from, const char *key, size_t *out)
{
    const json_t *value = json_object_get(from->part, key);
    const json_t *first = json_is_array(value) ? json_array_get(value, 0) : value;
    if (value == NULL)
        return CIR_OK;
    if (json_is_array(value) && (json_array_size(value) != 2 || !json_equal(first, json_array_get(value, 1))))
        return refuse(from, key);
    json_int_t side = json_is_integer(first) ? json_integer_value(first) : 0;
    if (side < 1 || side > CIR__CONFIG_MAX_IMAGE_PX)
        return cir__fail(from->err, CIR_FORMAT, "%s: \"%s\" is not a number from 1 to %d", from->file, key,
                         CIR__CONFIG_MAX_IMAGE_PX);
    *out = (size_t)side;
    return CIR_OK;
}

static cir_status read_mlp_width(const reading *from, cir__tower_config *tower)
{
    double ratio = 4;
    cir_status status = cir__json_get_double(from->part, "mlp_ratio", from->file, &ratio, from->err);
    if (status != CIR_OK)
        return status;
    double width = (double)tower->width * ratio;
    if (!(width >= 1 && width <= CIR__CONFIG_MAX_MLP_WIDTH))
        return cir__fail(from->err, CIR_FORMAT,
                         "%s: \"mlp_ratio\" %g of \"width\" %zu does not lie between 1 and %d", from->file,
                         ratio, tower->width, CIR__CONFIG_MAX_MLP_WIDTH);
    tower->mlp_width = (size_t)width;
    return CIR_OK;
}

/* norm_kwargs and act_kwargs. */
static cir_status read_layer_options(const reading *from, cir__tower_config *tower)
{
    const json_t *norm = NULL;
    const json_t *activation = NULL;
    double eps = 1e-5;
    cir_status status = cir__json_get_object(from->part, "norm_kwargs", from->file, &norm, from->err);
    if (status == CIR_OK)
        status = cir__json_get_object(from->part, "act_kwargs", from->file, &activation, from->err);
    if (status == CIR_OK)
        status = cir__json_get_double(norm, "eps", from->file, &eps, from->err);
    if (status != CIR_OK)
        return status;
    if (!(eps > 0 && eps < 1))
        return cir__fail(from->err, CIR_FORMAT, "%s: \"eps\" is %g, it must lie between 0 and 1", from->file,
                         eps);
    tower->layer_norm_eps = (float)eps;
    if (json_object_size(norm) > (json_object_get(norm, "eps") != NULL ? 1U : 0U))
        return refuse(from, "norm_kwargs");
    if (json_object_size(activation) == 0)
        return CIR_OK;
    if (json_object_size(activation) > 1 || !has_text(activation, "approximate", "tanh") ||
        tower->activation != CIR__GELU)
        return refuse(from, "act_kwargs");
    tower->activation = CIR__GELU_TANH;
    return CIR_OK;
}

/* timm's SigLIP towers by the sizes in their names: vit_SIZE_patchN_siglip_PX. Their layer norms have an eps
 * of 1e-6; some, later ones, have the GELU by tanh. */
static cir_status read_timm(const reading *from, const char *name, cir__config *config)
{
    static const struct {
        const char *size;
        size_t width, n_layers, n_heads, mlp_width;
        size_t tanh_patch_px; /* GELU by tanh where a patch is this large; 0: always, 1: never */
    } towers[] = {
        {"base", 768, 12, 12, 3072, 32},
        {"large", 1024, 24, 16, 4096, 1},
        {"so400m", 1152, 27, 16, 4304, 16},
        {"giantopt", 1536, 40, 16, 6144, 0},
    };
    char size[16];
    unsigned patch_px, image_px;
    int n_read = 0;
    bool is_siglip =
        sscanf(name, "vit_%15[a-z0-9]_patch%4u_siglip_%4u%n", size, &patch_px, &image_px, &n_read) == 3 &&
        name[n_read] == '\0' && patch_px > 0;
    if (!has_text(from->part, "timm_pool", "map"))
        return refuse(from, "timm_pool");
    if (!has_text(from->part, "timm_proj", "none") && !has_text(from->part, "timm_proj", ""))
        return refuse(from, "timm_proj");
    config->image_px = image_px;
    for (size_t i = 0; i < sizeof towers / sizeof *towers && is_siglip; i++) {
        if (strcmp(size, towers[i].size) != 0)
            continue;
        bool is_tanh = towers[i].tanh_patch_px == 0 || towers[i].tanh_patch_px == patch_px;
        config->patch_px = patch_px;
        config->image = (cir__tower_config){.width = towers[i].width,
                                            .n_layers = towers[i].n_layers,
                                            .n_heads = towers[i].n_heads,
                                            .mlp_width = towers[i].mlp_width,
                                            .activation = is_tanh ? CIR__GELU_TANH : CIR__GELU,
                                            .layer_norm_eps = 1e-6F};
        return CIR_OK;
    }
    return refuse(from, "timm_model_name");
}

/* open_clip's own vision transformer. */
static cir_status read_vit(const reading *from, cir__config *config)
{
    cir__tower_config *tower = &config->image;
    size_t head_width = 64;
    tower->width = 768;
    tower->n_layers = 12;
    config->image_px = 224;
    config->patch_px = 16;
    if (json_is_array(json_object_get(from->part, "layers")))
        return refuse(from, "layers");
    if (json_object_get(from->part, "pool_type") != NULL && !has_text(from->part, "pool_type", "tok"))
        return refuse(from, "pool_type");
    cir_status status = cir__json_get_size(from->part, "width", from->file, 1, CIR__CONFIG_MAX_WIDTH,
                                           &tower->width, from->err);
    if (status == CIR_OK)
        status = cir__json_get_size(from->part, "layers", from->file, 1, CIR__CONFIG_MAX_LAYERS,
                                    &tower->n_layers, from->err);
    if (status == CIR_OK)
        status = cir__json_get_size(from->part, "head_width", from->file, 1, CIR__CONFIG_MAX_WIDTH,
                                    &head_width, from->err);
    if (status == CIR_OK)
        status = read_mlp_width(from, tower);
    if (status == CIR_OK)
        status = read_side(from, "patch_size", &config->patch_px);
    if (status == CIR_OK)
        status = read_layer_options(from, tower);
    if (status == CIR_OK && tower->width % head_width != 0)
        status =
            cir__fail(from->err, CIR_FORMAT, "%s: \"head_width\" is %zu, which does not divide \"width\" %zu",
                      from->file, head_width, tower->width);
    tower->n_heads = tower->width / head_width;
    return status;
}

static cir_status read_image_tower(const reading *from, cir__config *config)
{
    const char *timm = NULL;
    cir_status status = refuse_switches(from);
    if (status == CIR_OK)
        status = cir__json_get_text(from->part, "timm_model_name", from->file, &timm, from->err);
    if (status != CIR_OK)
        return status;
    config->architecture = timm != NULL ? CIR__SIGLIP : CIR__CLIP;
    status = timm != NULL ? read_timm(from, timm, config) : read_vit(from, config);
    if (status == CIR_OK)
        status = read_side(from, "image_size", &config->image_px);
    return status == CIR_OK ? cir__config_count_patches(config, from->file, from->err) : status;
}

/* What makes a text tower CLIP's or SigLIP's, which must agree with the image tower. */
static cir_status check_text_kind(const reading *from, const cir__config *config)
{
    bool is_siglip = config->architecture == CIR__SIGLIP;
    const char *pool = is_siglip ? "last" : "argmax";
    bool has_default_pool = json_object_get(from->part, "pool_type") == NULL && !is_siglip;
    if (!has_default_pool && !has_text(from->part, "pool_type", pool))
        return refuse(from, "pool_type");
    if (is_unused(from->part, "no_causal_mask") == is_siglip)
        return refuse(from, "no_causal_mask");
    if (json_object_get(from->part, "proj_type") != NULL && !has_text(from->part, "proj_type", "linear"))
        return refuse(from, "proj_type");
    const json_t *options = json_object_get(from->part, "tokenizer_kwargs");
    if (is_siglip && !has_text(options, "clean", "canonicalize"))
        return refuse(from, "tokenizer_kwargs");
    if (!is_siglip &&
        (!is_unused(from->part, "hf_tokenizer_name") || !is_unused(from->part, "tokenizer_kwargs")))
        return refuse(from, "hf_tokenizer_name");
    return CIR_OK;
}

static cir_status read_text_tower(const reading *from, cir__config *config)
{
    cir__tower_config *tower = &config->text;
    *tower = (cir__tower_config){
        .width = 512, .n_layers = 12, .n_heads = 8, .max_tokens = 77, .activation = tower->activation};
    config->n_vocabulary = 49408;
    config->end_id = CIR__MISTAKEN_END_ID; /* argmax: read at the largest id */
    cir_status status = refuse_switches(from);
    if (status == CIR_OK)
        status = check_text_kind(from, config);
    if (status == CIR_OK)
        status = cir__json_get_size(from->part, "width", from->file, 1, CIR__CONFIG_MAX_WIDTH, &tower->width,
                                    from->err);
    if (status == CIR_OK)
        status = cir__json_get_size(from->part, "layers", from->file, 1, CIR__CONFIG_MAX_LAYERS,
                                    &tower->n_layers, from->err);
    if (status == CIR_OK)
        status = cir__json_get_size(from->part, "heads", from->file, 1, CIR__CONFIG_MAX_WIDTH,
                                    &tower->n_heads, from->err);
    if (status == CIR_OK)
        status = cir__json_get_size(from->part, "context_length", from->file, 2, CIR__CONFIG_MAX_TOKENS,
                                    &tower->max_tokens, from->err);
    if (status == CIR_OK)
        status = cir__json_get_size(from->part, "vocab_size", from->file, 2, CIR__CONFIG_MAX_VOCABULARY,
                                    &config->n_vocabulary, from->err);
    if (status == CIR_OK)
        status = read_mlp_width(from, tower);
    if (status == CIR_OK)
        status = read_layer_options(from, tower);
    if (status == CIR_OK && tower->width % tower->n_heads != 0)
        status = cir__fail(from->err, CIR_FORMAT, "%s: \"heads\" is %zu, which does not divide \"width\" %zu",
                           from->file, tower->n_heads, tower->width);
    config->has_text_bias = !is_unused(from->part, "proj_bias");
    return status;
}

static cir_status read_config(const json_t *root, const char *file, cir__config *config, cir_error *err)
{
    const json_t *inner = json_object_get(root, "model_cfg");
    reading whole = {json_is_object(inner) ? inner : root, file, err};
    reading image = {NULL, file, err};
    reading text = {NULL, file, err};
    cir_status status = cir__json_get_object(whole.part, "vision_cfg", file, &image.part, err);
    if (status == CIR_OK)
        status = cir__json_get_object(whole.part, "text_cfg", file, &text.part, err);
    if (status == CIR_OK && (image.part == NULL || text.part == NULL))
        status = cir__fail(err, CIR_FORMAT,
                           "%s: has no \"vision_cfg\" or no \"text_cfg\"; fetch the file again", file);
    if (status == CIR_OK && !is_unused(whole.part, "multimodal_cfg"))
        status = refuse(&whole, "multimodal_cfg");
    if (status != CIR_OK)
        return status;
    cir__activation activation = is_unused(whole.part, "quick_gelu") ? CIR__GELU : CIR__QUICK_GELU;
    config->image.activation = config->text.activation = activation;
    status = read_image_tower(&image, config);
    if (status == CIR_OK)
        status = read_text_tower(&text, config);
    config->dim = config->image.width;
    bool is_custom = config->architecture == CIR__SIGLIP || !is_unused(whole.part, "custom_text");
    config->layout = is_custom ? CIR__IN_OPEN_CLIP_CUSTOM : CIR__IN_OPEN_CLIP;
    if (status == CIR_OK)
        status =
            cir__json_get_size(whole.part, "embed_dim", file, 1, CIR__CONFIG_MAX_WIDTH, &config->dim, err);
    if (status == CIR_OK && config->architecture == CIR__SIGLIP && config->dim != config->image.width)
        status = cir__fail(err, CIR_FORMAT,
                           "%s: \"embed_dim\" is %zu, the image tower's features have dimension %zu", file,
                           config->dim, config->image.width);
    return status;
}

cir_status cir__open_clip_parse(cir__bytes_view json, cir__config *config_out, cir_error *err)
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

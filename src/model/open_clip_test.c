#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/skip.h"
#include "model/open_clip.h"

static cir_status parse(const char *text, cir__config *config, cir_error *err)
{
    return cir__open_clip_parse(
        (cir__bytes_view){(const uint8_t *)text, strlen(text), "open_clip_config.json"}, config, err);
}

/* One of open_clip's own; skips the test where this machine lacks it. */
static void read_published(const char *name, cir__config *config)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/data/configs/open_clip/%s.json", getenv("CIR_SHARED"), name);
    uint8_t *bytes;
    size_t size;
    cir_error err;
    if (cir__file_read(path, 1 << 20, &bytes, &size, &err) == CIR_NOT_FOUND)
        SKIP("%s is not there", path);
    if (cir__open_clip_parse((cir__bytes_view){bytes, size, path}, config, &err) != CIR_OK)
        fail_msg("%s", err.message);
    free(bytes);
}

static void test_published_files_are_read(void **state)
{
    (void)state;
    cir__config config;
    read_published("ViT-L-14-quickgelu", &config);
    assert_int_equal(config.architecture, CIR__CLIP);
    assert_int_equal(config.image.width, 1024);
    assert_int_equal(config.image.n_heads, 16);
    assert_int_equal(config.image.mlp_width, 4096);
    assert_int_equal(config.image.max_tokens, 257);
    assert_int_equal(config.image.activation, CIR__QUICK_GELU);
    assert_int_equal(config.text.activation, CIR__QUICK_GELU);
    assert_int_equal(config.text.n_heads, 12);
    assert_int_equal(config.dim, 768);
    assert_int_equal(config.layout, CIR__IN_OPEN_CLIP);
    assert_false(config.has_text_bias);
    read_published("ViT-L-14", &config);
    assert_int_equal(config.image.activation, CIR__GELU);
    read_published("ViT-B-32", &config);
    assert_int_equal(config.image.max_tokens, 50);
    read_published("ViT-L-16-SigLIP-256", &config);
    assert_int_equal(config.architecture, CIR__SIGLIP);
    assert_int_equal(config.layout, CIR__IN_OPEN_CLIP_CUSTOM);
    assert_int_equal(config.image.n_layers, 24);
    assert_int_equal(config.image.max_tokens, 256);
    assert_int_equal(config.image.activation, CIR__GELU);
    assert_int_equal(config.text.max_tokens, 64);
    assert_int_equal(config.dim, 1024);
    assert_true(config.text.layer_norm_eps == 1e-6F && config.image.layer_norm_eps == 1e-6F);
    assert_true(config.has_text_bias);
    read_published("ViT-B-16-SigLIP-256", &config);
    assert_int_equal(config.image.n_heads, 12);
}

#define SIGLIP_TEXT                                                                                          \
    "\"text_cfg\": {\"width\": 1152, \"heads\": 16, \"no_causal_mask\": true, \"proj_bias\": true, "         \
    "\"pool_type\": "                                                                                        \
    "\"last\", \"tokenizer_kwargs\": {\"clean\": \"canonicalize\"}, \"mlp_ratio\": 3.7362}"
#define SIGLIP_IMAGE(name)                                                                                   \
    "\"vision_cfg\": {\"timm_model_name\": \"" name "\", \"timm_pool\": \"map\", \"timm_proj\": \"none\"}"

static void test_sizes_of_timm_come_from_the_name(void **state)
{
    (void)state;
    cir__config config;
    cir_error err = {0};
    assert_int_equal(parse("{\"model_cfg\": {\"embed_dim\": 1152, " SIGLIP_TEXT
                           ", " SIGLIP_IMAGE("vit_so400m_patch14_siglip_378") "}}",
                           &config, &err),
                     CIR_OK);
    assert_int_equal(config.image_px, 378);
    assert_int_equal(config.image.width, 1152);
    assert_int_equal(config.image.mlp_width, 4304);
    assert_int_equal(config.text.mlp_width, 4304);
    assert_int_equal(config.image.activation, CIR__GELU);
    assert_int_equal(parse("{\"embed_dim\": 1152, " SIGLIP_TEXT
                           ", " SIGLIP_IMAGE("vit_so400m_patch16_siglip_256") "}",
                           &config, &err),
                     CIR_OK);
    assert_int_equal(config.image.activation, CIR__GELU_TANH);
    assert_int_equal(config.image.max_tokens, 256);
}

static void test_what_is_wrong_is_named(void **state)
{
    (void)state;
#define CLIP(image, text) "{\"vision_cfg\": {" image "}, \"text_cfg\": {" text "}}"
    static const struct {
        cir_status status;
        const char *says;
        const char *text;
    } bad[] = {
        {CIR_FORMAT, "vision_cfg", "{}"},
        {CIR_FORMAT, "vision_cfg", "{\"model_cfg\": {\"vision_cfg\": []}}"},
        {CIR_UNSUPPORTED, "layers", CLIP("\"layers\": [3, 4, 6, 3]", "")},
        {CIR_UNSUPPORTED, "attentional_pool", CLIP("\"attentional_pool\": true", "")},
        {CIR_UNSUPPORTED, "ls_init_value", CLIP("\"ls_init_value\": 0.1", "")},
        {CIR_UNSUPPORTED, "pool_type", CLIP("\"pool_type\": \"avg\"", "")},
        {CIR_UNSUPPORTED, "image_size", CLIP("\"image_size\": [224, 336]", "")},
        {CIR_FORMAT, "image_size", CLIP("\"image_size\": \"224\"", "")},
        {CIR_FORMAT, "patch_size", CLIP("\"patch_size\": 225", "")},
        {CIR_FORMAT, "head_width", CLIP("\"head_width\": 65", "")},
        {CIR_FORMAT, "mlp_ratio", CLIP("\"mlp_ratio\": 1e9", "")},
        {CIR_FORMAT, "mlp_ratio", CLIP("\"mlp_ratio\": -1", "")},
        {CIR_FORMAT, "eps", CLIP("\"norm_kwargs\": {\"eps\": 2}", "")},
        {CIR_UNSUPPORTED, "norm_kwargs", CLIP("\"norm_kwargs\": {\"bias\": false}", "")},
        {CIR_UNSUPPORTED, "act_kwargs", CLIP("\"act_kwargs\": {\"inplace\": true}", "")},
        {CIR_UNSUPPORTED, "timm_model_name",
         "{" SIGLIP_IMAGE("vit_base_patch16_siglip_gap_256") ", " SIGLIP_TEXT "}"},
        {CIR_UNSUPPORTED, "timm_model_name", "{" SIGLIP_IMAGE("convnext_base") ", " SIGLIP_TEXT "}"},
        {CIR_UNSUPPORTED, "timm_pool", CLIP("\"timm_model_name\": \"vit_base_patch16_siglip_256\"", "")},
        {CIR_FORMAT, "embed_dim",
         "{\"embed_dim\": 5, " SIGLIP_IMAGE("vit_base_patch16_siglip_256") ", " SIGLIP_TEXT "}"},
        {CIR_UNSUPPORTED, "pool_type", "{" SIGLIP_IMAGE("vit_base_patch16_siglip_256") ", \"text_cfg\": {}}"},
        {CIR_UNSUPPORTED, "hf_model_name", CLIP("", "\"hf_model_name\": \"roberta-base\"")},
        {CIR_UNSUPPORTED, "no_causal_mask", CLIP("", "\"no_causal_mask\": true")},
        {CIR_UNSUPPORTED, "pool_type", CLIP("", "\"pool_type\": \"last\"")},
        {CIR_UNSUPPORTED, "hf_tokenizer_name", CLIP("", "\"hf_tokenizer_name\": \"x\"")},
        {CIR_FORMAT, "heads", CLIP("", "\"heads\": 7")},
        {CIR_FORMAT, "context_length", CLIP("", "\"context_length\": 1")},
        {CIR_UNSUPPORTED, "multimodal_cfg",
         "{\"multimodal_cfg\": {\"width\": 1}, \"vision_cfg\": {}, \"text_cfg\": {}}"},
        {CIR_FORMAT, "JSON", "{"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cir__config config;
        cir_error err = {0};
        if (parse(bad[i].text, &config, &err) != bad[i].status || strstr(err.message, bad[i].says) == NULL ||
            strstr(err.message, "open_clip_config.json") == NULL)
            fail_msg("%s: %s", bad[i].text, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_files_are_read),
        cmocka_unit_test(test_sizes_of_timm_come_from_the_name),
        cmocka_unit_test(test_what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
#include "model/config.h"

static cir_status parse(const char *text, cir__config *config, cir_error *err)
{
    return cir__config_parse((cir__bytes_view){(const uint8_t *)text, strlen(text), "config.json"}, config,
                             err);
}

static void test_defaults_are_transformers(void **state)
{
    (void)state;
    cir__config config;
    cir_error err;
    assert_int_equal(parse("{\"model_type\": \"clip\", \"text_config\": null}", &config, &err), CIR_OK);
    assert_int_equal(config.dim, 512);
    assert_int_equal(config.image.width, 768);
    assert_int_equal(config.image.n_layers, 12);
    assert_int_equal(config.image.n_heads, 12);
    assert_int_equal(config.image.mlp_width, 3072);
    assert_int_equal(config.image.max_tokens, 50);
    assert_int_equal(config.image_px, 224);
    assert_int_equal(config.patch_px, 32);
    assert_int_equal(config.text.width, 512);
    assert_int_equal(config.text.n_heads, 8);
    assert_int_equal(config.text.mlp_width, 2048);
    assert_int_equal(config.text.max_tokens, 77);
    assert_int_equal(config.n_vocabulary, 49408);
    assert_int_equal(config.end_id, 49407);
    assert_int_equal(config.text.activation, CIR__QUICK_GELU);
    assert_true(config.text.layer_norm_eps == 1e-5F);
}

static void test_siglip_has_defaults_of_its_own(void **state)
{
    (void)state;
    cir__config config;
    cir_error err;
    assert_int_equal(parse("{\"model_type\": \"siglip\"}", &config, &err), CIR_OK);
    assert_int_equal(config.architecture, CIR__SIGLIP);
    assert_int_equal(config.dim, 768);
    assert_int_equal(config.image_px, 224);
    assert_int_equal(config.patch_px, 16);
    assert_int_equal(config.image.max_tokens, 196);
    assert_int_equal(config.text.width, 768);
    assert_int_equal(config.text.max_tokens, 64);
    assert_int_equal(config.n_vocabulary, 32000);
    assert_int_equal(config.image.activation, CIR__GELU_TANH);
    assert_int_equal(config.text.activation, CIR__GELU_TANH);
    assert_true(config.text.layer_norm_eps == 1e-6F && config.image.layer_norm_eps == 1e-6F);
}

static void test_published_files_are_read(void **state)
{
    (void)state;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/data/configs/clip_vit_b32_hf/config.json", getenv("CIR_SHARED"));
    uint8_t *bytes;
    size_t size;
    cir_error err;
    if (cir__file_read(path, 1 << 20, &bytes, &size, &err) == CIR_NOT_FOUND)
        SKIP("%s is not there", path);
    cir__config config;
    assert_int_equal(cir__config_parse((cir__bytes_view){bytes, size, path}, &config, &err), CIR_OK);
    assert_int_equal(config.end_id, CIR__MISTAKEN_END_ID);
    assert_int_equal(config.image.max_tokens, 50);
    free(bytes);
}

static void test_parts_and_their_old_names(void **state)
{
    (void)state;
    cir__config config;
    cir_error err;
    /* What the old name leaves out is a default, not what the new name says: so does transformers. */
    assert_int_equal(
        parse("{\"model_type\": \"clip\", \"projection_dim\": 5,"
              "\"text_config\": {\"hidden_size\": 64, \"num_hidden_layers\": 3},"
              "\"text_config_dict\": {\"hidden_size\": 128},"
              "\"vision_config\": {\"image_size\": 30, \"patch_size\": 7, \"hidden_act\": \"gelu\","
              "\"layer_norm_eps\": 1e-6}}",
              &config, &err),
        CIR_OK);
    assert_int_equal(config.dim, 5);
    assert_int_equal(config.text.width, 128);
    assert_int_equal(config.text.n_layers, 12);
    assert_int_equal(config.image.max_tokens, 17);
    assert_int_equal(config.image.activation, CIR__GELU);
    assert_true(config.image.layer_norm_eps == 1e-6F);
}

static void test_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        cir_status status;
        const char *says;
        const char *text;
    } bad[] = {
        {CIR_UNSUPPORTED, "siglip2", "{\"model_type\": \"siglip2\"}"},
        {CIR_FORMAT, "dimension 32",
         "{\"model_type\": \"siglip\", \"text_config\": {\"projection_size\": 32}}"},
        {CIR_FORMAT, "dimension 1024",
         "{\"model_type\": \"siglip\", \"text_config\": {\"hidden_size\": 1024, \"num_attention_heads\": "
         "16}}"},
        {CIR_UNSUPPORTED, "vision_use_head",
         "{\"model_type\": \"siglip\", \"vision_config\": {\"vision_use_head\": false}}"},
        {CIR_UNSUPPORTED, "none", "{}"},
        {CIR_FORMAT, "model_type", "{\"model_type\": 3}"},
        {CIR_UNSUPPORTED, "gelu_new",
         "{\"model_type\": \"clip\", \"text_config\": {\"hidden_act\": \"gelu_new\"}}"},
        {CIR_FORMAT, "hidden_size", "{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": 0}}"},
        {CIR_FORMAT, "hidden_size", "{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": -5}}"},
        {CIR_FORMAT, "hidden_size", "{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": 1e3}}"},
        {CIR_FORMAT, "hidden_size",
         "{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": 99999999}}"},
        {CIR_FORMAT, "num_hidden_layers",
         "{\"model_type\": \"clip\", \"vision_config\": {\"num_hidden_layers\": 1000}}"},
        {CIR_FORMAT, "num_attention_heads",
         "{\"model_type\": \"clip\", \"vision_config\": {\"num_attention_heads\": 7}}"},
        {CIR_FORMAT, "patch_size", "{\"model_type\": \"clip\", \"vision_config\": {\"patch_size\": 225}}"},
        {CIR_FORMAT, "patch_size", "{\"model_type\": \"clip\", \"vision_config\": {\"patch_size\": 0}}"},
        {CIR_FORMAT, "patch_size", "{\"model_type\": \"clip\", \"vision_config\": {\"image_size\": 30}}"},
        {CIR_LIMIT, "tokens", "{\"model_type\": \"clip\", \"vision_config\": {\"patch_size\": 1}}"},
        {CIR_FORMAT, "num_channels", "{\"model_type\": \"clip\", \"vision_config\": {\"num_channels\": 1}}"},
        {CIR_FORMAT, "layer_norm_eps",
         "{\"model_type\": \"clip\", \"vision_config\": {\"layer_norm_eps\": 0}}"},
        {CIR_FORMAT, "vision_config", "{\"model_type\": \"clip\", \"vision_config\": []}"},
        {CIR_FORMAT, "max_position_embeddings",
         "{\"model_type\": \"clip\", \"text_config\": {\"max_position_embeddings\": 1}}"},
        {CIR_FORMAT, "vocab_size",
         "{\"model_type\": \"clip\", \"text_config\": {\"vocab_size\": 4294967296}}"},
        {CIR_FORMAT, "projection_dim", "{\"model_type\": \"clip\", \"projection_dim\": \"512\"}"},
        {CIR_FORMAT, "JSON", "{\"model_type\": \"clip\""},
        {CIR_FORMAT, "object", "[1]"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cir__config config;
        cir_error err = {0};
        if (parse(bad[i].text, &config, &err) != bad[i].status || strstr(err.message, bad[i].says) == NULL ||
            strstr(err.message, "config.json") == NULL)
            fail_msg("%s: %s", bad[i].text, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_transformers),
        cmocka_unit_test(test_siglip_has_defaults_of_its_own),
        cmocka_unit_test(test_published_files_are_read),
        cmocka_unit_test(test_parts_and_their_old_names),
        cmocka_unit_test(test_what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

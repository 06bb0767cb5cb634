#include "serve_index.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cir/cir.h"
#include "index/synthetic/synthetic_index.h"
#include "model/synthetic_model.h"

enum { PATH_SIZE = 1024 };

static bool fail(const char *what, const cir_error *err)
{
    fprintf(stderr, "bench_serve: %s%s%s\n", what, err != NULL ? ": " : "", err != NULL ? err->message : "");
    return false;
}

/* The demo encoder's configuration with another dimension, and random weights for it. */
static bool make_model(const char *folder, const char *source, size_t dim)
{
    static const char *const files[] = {
        "tokenizer.json", "tokenizer_config.json",  "preprocessor_config.json", "vocab.json",
        "merges.txt",     "special_tokens_map.json"};
    char from[PATH_SIZE], config[8192];
    bool is_made = true;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(from, sizeof from, "%s/demo/model/%s", source, files[i]);
        is_made = is_made && cir__made_copy(folder, from, files[i]);
    }
    (void)snprintf(from, sizeof from, "%s/demo/model/config.json", source);
    FILE *file = fopen(from, "r");
    size_t n = file != NULL ? fread(config, 1, sizeof config - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    config[n] = '\0';
    static const char key[] = "\"projection_dim\":";
    char *at = strstr(config, key);
    if (at == NULL)
        return fail("demo/model/config.json has no projection_dim", NULL);
    char changed[sizeof config + 64];
    const char *rest = at + sizeof key - 1;
    rest += strspn(rest, " 0123456789");
    (void)snprintf(changed, sizeof changed, "%.*s%s %zu%s", (int)(at - config), config, key, dim, rest);
    is_made =
        is_made && cir__made_write(folder, "config.json", changed) && cir__made_weights_write(folder, false);
    return is_made || fail("the model cannot be written", NULL);
}

static bool make_photo(const char *path, size_t number)
{
    enum { WIDTH = 640, HEIGHT = 480 };
    uint8_t *rgb = malloc(WIDTH * HEIGHT * 3);
    uint8_t *bytes = NULL;
    size_t size = 0;
    cir_error err;
    if (rgb == NULL)
        return fail("memory is short", NULL);
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++) {
            uint8_t *px = rgb + (y * WIDTH + x) * 3;
            px[0] = (uint8_t)(x * (1 + number % 7) + y);
            px[1] = (uint8_t)(y * (1 + number % 5));
            px[2] = (uint8_t)((x ^ y) + number);
        }
    const cir_image image = {.width_px = WIDTH, .height_px = HEIGHT, .rgb = rgb};
    cir_status status = cir_image_format_jpeg(&image, 85, &bytes, &size, &err);
    FILE *file = status == CIR_OK ? fopen(path, "wb") : NULL;
    bool is_written = file != NULL && fwrite(bytes, 1, size, file) == size;
    is_written = file != NULL && fclose(file) == 0 && is_written;
    cir_bytes_free(bytes);
    free(rgb);
    return is_written || fail(path, status != CIR_OK ? &err : NULL);
}

bool bench__rows_make(const char *folder, const cir_model *model, size_t n_rows)
{
    const cir_model_info *info = cir_model_get_info(model);
    const cir__encoder encoder = {
        .name = info->name, .path = info->path, .fingerprint = info->fingerprint, .dim = info->dim};
    char path[PATH_SIZE];
    cir_pool *pool = NULL;
    cir_error err;
    (void)snprintf(path, sizeof path, "%s/photos.cir", folder);
    cir_status status = cir_pool_new(0, &pool, &err);
    if (status == CIR_OK)
        status = cir__synthetic_index_write(path, &encoder, n_rows, 0, pool, NULL, &err);
    cir_pool_free(pool);
    return status == CIR_OK || fail("the index cannot be written", &err);
}

bool bench__index_make(const char *folder, const char *source, size_t n_rows, size_t dim, size_t n_photos)
{
    char path[PATH_SIZE];
    struct stat facts;
    cir_model *model = NULL;
    cir_error err;
    (void)snprintf(path, sizeof path, "%s/photos.cir", folder);
    if (stat(path, &facts) == 0)
        return true;
    fprintf(stderr, "bench_serve: making an index of %zu x %zu in %s\n", n_rows, dim, folder);
    (void)mkdir(folder, 0777);
    (void)snprintf(path, sizeof path, "%s/photos", folder);
    (void)mkdir(path, 0777);
    for (size_t i = 0; i < n_photos; i++) {
        (void)snprintf(path, sizeof path, "%s/photos/%09zu.jpg", folder, i);
        if (!make_photo(path, i))
            return false;
    }
    (void)snprintf(path, sizeof path, "%s/model", folder);
    (void)mkdir(path, 0777);
    if (!make_model(path, source, dim))
        return false;
    if (cir_model_open(path, NULL, &model, &err) != CIR_OK)
        return fail("the model", &err);
    bool is_made = bench__rows_make(folder, model, n_rows);
    cir_model_close(model);
    return is_made;
}

#include "serve_index.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cir/cir.h"
#include "index/place.h"
#include "index/rows.h"
#include "index/vectors.h"
#include "index/writer.h"
#include "model/made_model.h"

enum { PATH_SIZE = 1024, COMMIT_ROWS = 50000 };

static bool fail(const char *what, const cir_error *err)
{
    fprintf(stderr, "bench_serve: %s%s%s\n", what, err != NULL ? ": " : "", err != NULL ? err->message : "");
    return false;
}

static uint64_t random_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void random_unit(uint64_t seed, size_t dim, float *out)
{
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u;
    double square = 0;
    for (size_t i = 0; i < dim; i++) {
        out[i] = (float)(random_bits(&state) >> 40) * 0x1p-23f - 1;
        square += (double)out[i] * (double)out[i];
    }
    for (size_t i = 0; i < dim; i++)
        out[i] = (float)((double)out[i] / sqrt(square));
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
    const cir_image image = {WIDTH, HEIGHT, rgb};
    cir_status status = cir_image_format_jpeg(&image, 85, &bytes, &size, &err);
    FILE *file = status == CIR_OK ? fopen(path, "wb") : NULL;
    bool is_written = file != NULL && fwrite(bytes, 1, size, file) == size;
    is_written = file != NULL && fclose(file) == 0 && is_written;
    cir_bytes_free(bytes);
    free(rgb);
    return is_written || fail(path, status != CIR_OK ? &err : NULL);
}

static cir_status add_row(cir__writer *writer, const char *folder, size_t i, size_t dim, size_t n_photos,
                          float *feature, uint16_t *half, cir_error *err)
{
    char name[64], path[PATH_SIZE];
    struct stat facts = {.st_size = 100000};
    (void)snprintf(name, sizeof name, "photos/%03zu/%07zu.jpg", i / 10000, i);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (i < n_photos)
        (void)stat(path, &facts);
    const cir__row row = {.id = cir__writer_add_row(writer),
                          .size_bytes = (uint64_t)facts.st_size,
                          .modified_ns = (int64_t)facts.st_mtim.tv_sec * 1000000000 + facts.st_mtim.tv_nsec,
                          .width_px = 640,
                          .height_px = 480,
                          .taken_at = 1000000000 + (int64_t)(i * 600)};
    cir_status status = cir__rows_put(cir__writer_store(writer), &row, name, NULL, err);
    random_unit(i, dim, feature);
    if (!cir__vectors_format_row(feature, dim, half))
        abort();
    return status == CIR_OK ? cir__writer_put_feature(writer, 0, row.id, half, err) : status;
}

static bool make_index(const char *folder, const cir_model *model, size_t n_rows, size_t n_photos)
{
    const cir_model_info *info = cir_model_get_info(model);
    const cir__encoder encoder = {
        .name = info->name, .path = info->path, .fingerprint = info->fingerprint, .dim = info->dim};
    char path[PATH_SIZE];
    cir_error err;
    cir__writer *writer = NULL;
    float *feature = calloc(info->dim, sizeof *feature);
    uint16_t *half = calloc(info->dim, sizeof *half);
    (void)snprintf(path, sizeof path, "%s/photos.cir", folder);
    const cir__encoders encoders = {.items = &encoder, .n = 1};
    cir_status status = cir__writer_open(path, &encoders, &writer, &err);
    for (size_t i = cir__writer_n_rows(writer); i < n_rows && status == CIR_OK; i++) {
        status = cir__writer_begin(writer, &err);
        if (status == CIR_OK)
            status = add_row(writer, folder, i, info->dim, n_photos, feature, half, &err);
        if (status == CIR_OK && (i + 1) % COMMIT_ROWS == 0)
            status = cir__writer_commit(writer, &err);
    }
    if (status == CIR_OK)
        status = cir__writer_commit(writer, &err);
    cir__writer_close(writer);
    free(feature);
    free(half);
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
    (void)snprintf(path, sizeof path, "%s/photos/000", folder);
    (void)mkdir(path, 0777);
    for (size_t i = 0; i < n_photos; i++) {
        (void)snprintf(path, sizeof path, "%s/photos/000/%07zu.jpg", folder, i);
        if (!make_photo(path, i))
            return false;
    }
    (void)snprintf(path, sizeof path, "%s/model", folder);
    (void)mkdir(path, 0777);
    if (!make_model(path, source, dim))
        return false;
    if (cir_model_open(path, &model, &err) != CIR_OK)
        return fail("the model", &err);
    bool is_made = make_index(folder, model, n_rows, n_photos);
    cir_model_close(model);
    return is_made;
}

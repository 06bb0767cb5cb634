#include "model/synthetic_model.h"

#include <dirent.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "kernels/half.h"
#include "model/open_clip.h"

#define CHUNK_ITEMS 65536

static uint64_t name_seed(const char *name)
{
    uint64_t seed = 0xCBF29CE484222325U;
    for (; *name != '\0'; name++)
        seed = (seed ^ (unsigned char)*name) * 0x100000001B3U;
    return seed;
}

/* Number i of the sequence with that seed: splitmix64 of the counter, its upper ten bits. */
static float draw_one(uint64_t seed, size_t i, float step)
{
    uint64_t z = (i + 1) * 0x9E3779B97F4A7C15U + seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
    return ((float)(z >> 54) - 512.0F) * step;
}

void cir__synthetic_draw(const char *name, size_t n, float reach, float *out)
{
    uint64_t seed = name_seed(name);
    for (size_t i = 0; i < n; i++)
        out[i] = draw_one(seed, i, reach / 512);
}

bool cir__made_folder_new(char folder_out[CIR__MADE_PATH_SIZE])
{
    (void)snprintf(folder_out, CIR__MADE_PATH_SIZE, "/tmp/cir-model-XXXXXX");
    return mkdtemp(folder_out) != NULL;
}

void cir__made_folder_remove(const char *folder)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        char *path = cir__path_join(folder, entry->d_name);
        if (path != NULL && entry->d_name[0] != '.')
            (void)unlink(path);
        free(path);
    }
    if (listing != NULL)
        (void)closedir(listing);
    (void)rmdir(folder);
}

static bool write_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    char *path = cir__path_join(folder, name);
    FILE *file = path != NULL ? fopen(path, "wb") : NULL;
    free(path);
    if (file == NULL)
        return false;
    bool is_written = fwrite(bytes, 1, size, file) == size;
    return fclose(file) == 0 && is_written;
}

bool cir__made_copy(const char *folder, const char *from, const char *to)
{
    uint8_t *bytes;
    size_t size;
    if (cir__file_read(from, (size_t)64 << 20, &bytes, &size, NULL) != CIR_OK)
        return false;
    bool is_written = write_file(folder, to, bytes, size);
    free(bytes);
    return is_written;
}

bool cir__made_write(const char *folder, const char *name, const char *text)
{
    return write_file(folder, name, text, strlen(text));
}

/* Lists or writes tensors: with a header each is added to it, with a file its numbers are written. */
typedef struct writer {
    json_t *header;
    size_t offset;
    FILE *file;
    bool has_failed;
} writer;

static float reach_of(const char *name, bool is_scale)
{
    if (is_scale)
        return 0.5F;
    if (strstr(name, "fc2.weight") != NULL || strstr(name, "c_proj.weight") != NULL ||
        strstr(name, "patch_embed") != NULL)
        return 0x1p-5F;
    return strstr(name, "class_embedding") != NULL ? 0.5F : 0x1p-4F;
}

static void write_numbers(writer *self, const char *name, size_t n)
{
    static uint16_t chunk[CHUNK_ITEMS];
    size_t length = strlen(name);
    bool is_scale = (strstr(name, "norm") != NULL || strstr(name, "ln_") != NULL) && length > 6 &&
                    strcmp(name + length - 6, "weight") == 0;
    float step = reach_of(name, is_scale) / 512;
    uint64_t seed = name_seed(name);
    for (size_t first = 0; first < n; first += CHUNK_ITEMS) {
        size_t n_chunk = n - first < CHUNK_ITEMS ? n - first : CHUNK_ITEMS;
        for (size_t i = 0; i < n_chunk; i++)
            chunk[i] = cir__half_from_float(draw_one(seed, first + i, step) + (is_scale ? 1.0F : 0.0F));
        if (fwrite(chunk, sizeof *chunk, n_chunk, self->file) != n_chunk)
            self->has_failed = true;
    }
}

/* One tensor; sides of 0 end the shape. */
static void push(writer *self, const char *part, const char *name, size_t a, size_t b, size_t c, size_t d)
{
    char full[128];
    (void)snprintf(full, sizeof full, "%s%.60s", part, name);
    const size_t sides[] = {a, b, c, d};
    size_t n = 1;
    json_t *shape = json_array();
    for (size_t i = 0; i < 4 && sides[i] != 0; i++) {
        n *= sides[i];
        (void)json_array_append_new(shape, json_integer((json_int_t)sides[i]));
    }
    if (self->header != NULL) {
        json_t *item = json_pack("{s:s, s:o, s:[I,I]}", "dtype", "F16", "shape", shape, "data_offsets",
                                 (json_int_t)self->offset, (json_int_t)(self->offset + 2 * n));
        (void)json_object_set_new(self->header, full, item);
        self->offset += 2 * n;
    } else {
        json_decref(shape);
        write_numbers(self, full, n);
    }
}

static void push_affine(writer *self, const char *part, const char *name, size_t n_out, size_t n_in)
{
    char full[64];
    (void)snprintf(full, sizeof full, "%.50s.weight", name);
    push(self, part, full, n_out, n_in, 0, 0);
    (void)snprintf(full, sizeof full, "%.50s.bias", name);
    push(self, part, full, n_out, 0, 0, 0);
}

static void push_layers(writer *self, const char *tower, const cir__tower_config *config)
{
    size_t width = config->width;
    for (size_t i = 0; i < config->n_layers; i++) {
        char part[64];
        (void)snprintf(part, sizeof part, "%.20s.encoder.layers.%zu.", tower, i);
        push_affine(self, part, "self_attn.k_proj", width, width);
        push_affine(self, part, "self_attn.v_proj", width, width);
        push_affine(self, part, "self_attn.q_proj", width, width);
        push_affine(self, part, "self_attn.out_proj", width, width);
        push_affine(self, part, "layer_norm1", width, 0);
        push_affine(self, part, "mlp.fc1", config->mlp_width, width);
        push_affine(self, part, "mlp.fc2", width, config->mlp_width);
        push_affine(self, part, "layer_norm2", width, 0);
    }
}

/* The layers of open_clip's text tower, and of timm's trunk. */
static void push_fused_layers(writer *self, const char *tower, const cir__tower_config *config, bool is_timm)
{
    size_t width = config->width;
    for (size_t i = 0; i < config->n_layers; i++) {
        char part[64];
        (void)snprintf(part, sizeof part, "%.40s%zu.", tower, i);
        push_affine(self, part, is_timm ? "norm1" : "ln_1", width, 0);
        push(self, part, is_timm ? "attn.qkv.weight" : "attn.in_proj_weight", 3 * width, width, 0, 0);
        push(self, part, is_timm ? "attn.qkv.bias" : "attn.in_proj_bias", 3 * width, 0, 0, 0);
        push_affine(self, part, is_timm ? "attn.proj" : "attn.out_proj", width, width);
        push_affine(self, part, is_timm ? "norm2" : "ln_2", width, 0);
        push_affine(self, part, is_timm ? "mlp.fc1" : "mlp.c_fc", config->mlp_width, width);
        push_affine(self, part, is_timm ? "mlp.fc2" : "mlp.c_proj", width, config->mlp_width);
    }
}

/* SigLIP as open_clip has it. */
static void push_open_clip(writer *self, const cir__config *config)
{
    size_t width = config->image.width;
    const char *trunk = "visual.trunk.";
    push(self, trunk, "pos_embed", 1, config->image.max_tokens, width, 0);
    push(self, trunk, "patch_embed.proj.weight", width, 3, config->patch_px, config->patch_px);
    push(self, trunk, "patch_embed.proj.bias", width, 0, 0, 0);
    push_fused_layers(self, "visual.trunk.blocks.", &config->image, true);
    push_affine(self, trunk, "norm", width, 0);
    push(self, trunk, "attn_pool.latent", 1, 1, width, 0);
    push_affine(self, trunk, "attn_pool.q", width, width);
    push_affine(self, trunk, "attn_pool.kv", 2 * width, width);
    push_affine(self, trunk, "attn_pool.proj", width, width);
    push_affine(self, trunk, "attn_pool.norm", width, 0);
    push_affine(self, trunk, "attn_pool.mlp.fc1", config->image.mlp_width, width);
    push_affine(self, trunk, "attn_pool.mlp.fc2", width, config->image.mlp_width);
    width = config->text.width;
    push(self, "text.", "positional_embedding", config->text.max_tokens, width, 0, 0);
    push(self, "text.", "token_embedding.weight", config->n_vocabulary, width, 0, 0);
    push_fused_layers(self, "text.transformer.resblocks.", &config->text, false);
    push_affine(self, "text.", "ln_final", width, 0);
    push_affine(self, "text.", "text_projection", config->dim, width);
}

static void push_all(writer *self, const cir__config *config)
{
    if (config->layout != CIR__IN_TRANSFORMERS) {
        push_open_clip(self, config);
        return;
    }
    size_t text = config->text.width;
    size_t image = config->image.width;
    push(self, "text_model.", "embeddings.token_embedding.weight", config->n_vocabulary, text, 0, 0);
    push(self, "text_model.", "embeddings.position_embedding.weight", config->text.max_tokens, text, 0, 0);
    push_layers(self, "text_model", &config->text);
    push_affine(self, "text_model.", "final_layer_norm", text, 0);
    push(self, "vision_model.", "embeddings.class_embedding", image, 0, 0, 0);
    push(self, "vision_model.", "embeddings.patch_embedding.weight", image, 3, config->patch_px,
         config->patch_px);
    push(self, "vision_model.", "embeddings.position_embedding.weight", config->image.max_tokens, image, 0,
         0);
    push_affine(self, "vision_model.", "pre_layrnorm", image, 0);
    push_layers(self, "vision_model", &config->image);
    push_affine(self, "vision_model.", "post_layernorm", image, 0);
    push(self, "", "visual_projection.weight", config->dim, image, 0, 0);
    push(self, "", "text_projection.weight", config->dim, text, 0, 0);
}

static bool read_config(const char *folder, bool is_open_clip, cir__config *config)
{
    char *path = cir__path_join(folder, is_open_clip ? "open_clip_config.json" : "config.json");
    uint8_t *bytes;
    size_t size;
    if (path == NULL || cir__file_read(path, (size_t)1 << 20, &bytes, &size, NULL) != CIR_OK) {
        free(path);
        return false;
    }
    cir__bytes_view json = {bytes, size, path};
    bool is_read = (is_open_clip ? cir__open_clip_parse(json, config, NULL)
                                 : cir__config_parse(json, config, NULL)) == CIR_OK;
    free(bytes);
    free(path);
    return is_read;
}

bool cir__made_weights_write(const char *folder, bool is_open_clip)
{
    cir__config config;
    if (!read_config(folder, is_open_clip, &config))
        return false;
    writer self = {.header = json_object()};
    push_all(&self, &config);
    char *text = json_dumps(self.header, JSON_COMPACT);
    json_decref(self.header);
    char *path = cir__path_join(folder, is_open_clip ? "open_clip_model.safetensors" : "model.safetensors");
    self = (writer){.file = fopen(path, "wb")};
    free(path);
    if (text == NULL || self.file == NULL) {
        free(text);
        return false;
    }
    uint64_t size = strlen(text); /* this machine and the format are little-endian */
    self.has_failed =
        fwrite(&size, sizeof size, 1, self.file) != 1 || fwrite(text, 1, size, self.file) != size;
    free(text);
    push_all(&self, &config);
    return fclose(self.file) == 0 && !self.has_failed;
}

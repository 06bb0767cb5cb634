/* Our towers against transformers' (test/data/model/make.py) and open_clip's (make_open_clip.py), after every
 * layer and at the end: two tiny models of CLIP, one of them in three precisions, two of SigLIP, two in
 * open_clip's layout, and the real shapes of ViT-B/32, ViT-L/14 and open_clip's ViT-B-16-SigLIP-256 with
 * drawn weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/safetensors.h"
#include "model/model_internal.h"
#include "model/synthetic_model.h"

/* The bounds on unit features; hidden states: relative to the largest number of the layer. */
#define MAX_FEATURE_DIFFERENCE 1e-5
#define MIN_COSINE 0.99999
#define MAX_HIDDEN_DIFFERENCE 2e-5

/* One case: a model in a folder of its own, and what transformers makes of its inputs. */
typedef struct fixture {
    char folder[CIR__MADE_PATH_SIZE];
    cir_model *model;
    cir__mapping mapping;
    cir__safetensors *golden;
    cir_pool *pool;
} fixture;

static void path_of(char path[CIR__MADE_PATH_SIZE], const char *shape, const char *name)
{
    (void)snprintf(path, CIR__MADE_PATH_SIZE, "%s/model/%s/%s", getenv("CIR_TEST_DATA"), shape, name);
}

static void copy(fixture *self, const char *shape, const char *name, const char *to)
{
    char path[CIR__MADE_PATH_SIZE];
    path_of(path, shape, name);
    assert_true(cir__made_copy(self->folder, path, to));
}

/* weights: a file of the shape's folder, or NULL to draw them. */
static void begin(fixture *self, const char *shape, const char *weights)
{
    *self = (fixture){0};
    assert_true(cir__made_folder_new(self->folder));
    bool is_open_clip = strncmp(shape, "oc_", 3) == 0;
    const char *config = is_open_clip ? "open_clip_config.json" : "config.json";
    copy(self, shape, config, config);
    copy(self, "quick", "vocab.json", "vocab.json");
    copy(self, "quick", "merges.txt", "merges.txt");
    copy(self, "../text/siglip", "spiece.model", "spiece.model");
    if (weights != NULL)
        copy(self, shape, weights, is_open_clip ? "open_clip_model.safetensors" : "model.safetensors");
    else
        assert_true(cir__made_weights_write(self->folder, is_open_clip));
    char path[CIR__MADE_PATH_SIZE];
    path_of(path, shape, "golden.safetensors");
    cir_error err = {0};
    assert_int_equal(cir__mapping_open(path, &self->mapping, &err), CIR_OK);
    cir__bytes_view bytes = {self->mapping.data, self->mapping.size, path};
    assert_int_equal(cir__safetensors_parse(bytes, &self->golden, &err), CIR_OK);
    if (cir_model_open(
            self->folder,
            &(cir_model_options){.size = sizeof(cir_model_options), .precision = CIR_PRECISION_F32},
            &self->model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(cir_pool_new(0, &self->pool, &err), CIR_OK);
}

static void end(fixture *self)
{
    cir_pool_free(self->pool);
    cir_model_close(self->model);
    cir__safetensors_free(self->golden);
    cir__mapping_close(&self->mapping);
    cir__made_folder_remove(self->folder);
}

/* A golden tensor as floats (or as int32 in place of them); free(). */
static void *take(const fixture *self, const char *name, const cir__tensor_view **view_out)
{
    const cir__tensor_view *view = cir__tensors_find(cir__safetensors_get_all(self->golden), name);
    if (view == NULL)
        fail_msg("golden has no %s", name);
    void *items = malloc(view->n_items * 4);
    memcpy(items, view->data, view->n_items * 4);
    *view_out = view;
    return items;
}

static void check_features(const char *what, const float *ours, const float *theirs, size_t n, size_t dim)
{
    double worst = 0;
    double least = 1;
    for (size_t i = 0; i < n; i++) {
        double dot = 0;
        double length = 0;
        for (size_t j = 0; j < dim; j++) {
            double x = ours[i * dim + j];
            double y = theirs[i * dim + j];
            dot += x * y;
            length += x * x;
            worst = fmax(worst, fabs(x - y));
        }
        least = fmin(least, dot / sqrt(length));
        assert_true(fabs(length - 1) < 1e-5);
    }
    printf("%s: largest difference %.2g, least cosine %.9f\n", what, worst, least);
    assert_true(worst <= MAX_FEATURE_DIFFERENCE);
    assert_true(least >= MIN_COSINE);
}

/* Compares n numbers of the hidden state that enters a layer; scale: the largest number there. */
static void check_hidden(const char *tower, size_t i_layer, size_t i_row, const float *ours,
                         const float *theirs, size_t n, double scale)
{
    for (size_t j = 0; j < n; j++)
        if (!(fabs((double)ours[j] - (double)theirs[j]) <= MAX_HIDDEN_DIFFERENCE * scale))
            fail_msg("%s tower, entering layer %zu, row %zu, column %zu: %.9g, transformers has %.9g", tower,
                     i_layer, i_row, j, (double)ours[j], (double)theirs[j]);
}

/* Where the rows of each sequence stand, for a hook. */
typedef struct watch {
    const fixture *self;
    const char *tower;
    const size_t *starts;
    const size_t *lengths; /* rows that are read, of each sequence */
    size_t n_sequences;
    size_t n_seen; /* hooks so far */
} watch;

static double largest(const float *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* golden: [n_sequences, longest, width] for each layer. */
static void probe_all(void *context, size_t i_layer, const float *x, size_t n_rows)
{
    watch *self = context;
    char name[64];
    (void)snprintf(name, sizeof name, "%s.hidden.%zu", self->tower, i_layer);
    const cir__tensor_view *view;
    float *golden = take(self->self, name, &view);
    size_t width = view->shape[2];
    double scale = largest(x, n_rows * width);
    size_t row = 0;
    for (size_t i = 0; i < self->n_sequences; i++)
        for (size_t j = 0; j < self->lengths[i]; j++, row++)
            check_hidden(self->tower, i_layer, row, x + row * width,
                         golden + (i * view->shape[1] + j) * width, width, scale);
    assert_int_equal(row, n_rows);
    free(golden);
    self->n_seen++;
}

/* golden: [n_layers + 1, 4, some columns]: first and last row of the first and of the last sequence. */
static void probe_samples(void *context, size_t i_layer, const float *x, size_t n_rows)
{
    watch *self = context;
    const cir__config *config = cir__model_get_config(self->self->model);
    bool is_image = strcmp(self->tower, "image") == 0;
    size_t width = is_image ? config->image.width : config->text.width;
    const cir__tensor_view *view;
    float *golden = take(self->self, is_image ? "image.sample" : "text.sample", &view);
    size_t rows[] = {0, self->lengths[0] - 1, n_rows - self->lengths[self->n_sequences - 1], n_rows - 1};
    double scale = largest(x, n_rows * width);
    for (size_t i = 0; i < 4; i++)
        check_hidden(self->tower, i_layer, rows[i], x + rows[i] * width,
                     golden + (i_layer * 4 + i) * view->shape[2], view->shape[2], scale);
    free(golden);
    self->n_seen++;
}

static void check_image_tower(const fixture *self, const char *what, const float *tensors,
                              cir__layer_hook *hook)
{
    const cir__config *config = cir__model_get_config(self->model);
    const cir__tensor_view *view;
    float *theirs = take(self, "image.feature", &view);
    size_t n = view->shape[0];
    size_t lengths[8];
    assert_true(n <= 8);
    for (size_t i = 0; i < n; i++)
        lengths[i] = config->image.max_tokens;
    watch seen = {.self = self, .tower = "image", .lengths = lengths, .n_sequences = n};
    float *ours = malloc(view->n_items * sizeof *ours);
    cir_error err = {0};
    if (cir__model_encode_tensors(self->model, self->pool, tensors, n, ours, hook, &seen, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(seen.n_seen, config->image.n_layers + 1);
    check_features(what, ours, theirs, n, view->shape[1]);
    if (cir__model_encode_tensors(self->model, self->pool, tensors, n, ours, NULL, NULL, &err) != CIR_OK)
        fail_msg("%s", err.message);
    check_features(what, ours, theirs, n, view->shape[1]);
    free(ours);
    free(theirs);
}

static void check_text_tower(const fixture *self, const char *what, cir__layer_hook *hook)
{
    const cir__config *config = cir__model_get_config(self->model);
    const cir__tensor_view *view;
    const cir__tensor_view *ids_view;
    const cir__tensor_view *starts_view;
    int32_t *ids = take(self, "text.ids", &ids_view);
    int32_t *places = take(self, "text.starts", &starts_view);
    float *theirs = take(self, "text.feature", &view);
    size_t n = view->shape[0];
    size_t starts[9];
    size_t lengths[8];
    assert_true(n <= 8);
    const cir__text_tower *tower;
    cir_error err = {0};
    assert_int_equal(cir__model_get_text_tower(self->model, &tower, &err), CIR_OK);
    for (size_t i = 0; i <= n; i++)
        starts[i] = (size_t)places[i];
    for (size_t i = 0; i < n; i++)
        lengths[i] = cir__text_tower_find_end(tower, ids + starts[i], starts[i + 1] - starts[i]) + 1;
    watch seen = {.self = self, .tower = "text", .lengths = lengths, .n_sequences = n};
    float *ours = malloc(view->n_items * sizeof *ours);
    if (cir__model_encode_ids(self->model, self->pool, ids, starts, n, ours, hook, &seen, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(seen.n_seen, config->text.n_layers + 1);
    check_features(what, ours, theirs, n, view->shape[1]);
    /* Without a hook texts share what they begin with, and of the last layer only what is read is
     * computed. */
    if (cir__model_encode_ids(self->model, self->pool, ids, starts, n, ours, NULL, NULL, &err) != CIR_OK)
        fail_msg("%s", err.message);
    check_features(what, ours, theirs, n, view->shape[1]);
    free(ours);
    free(theirs);
    free(ids);
    free(places);
}

static void check_tiny(const char *shape, const char *weights)
{
    fixture self;
    begin(&self, shape, weights);
    char what[64];
    const cir__tensor_view *view;
    float *tensors = take(&self, "image.input", &view);
    (void)snprintf(what, sizeof what, "%s %s image", shape, weights);
    check_image_tower(&self, what, tensors, probe_all);
    (void)snprintf(what, sizeof what, "%s %s text", shape, weights);
    check_text_tower(&self, what, probe_all);
    free(tensors);
    end(&self);
}

static void check_shape(const char *shape)
{
    fixture self;
    begin(&self, shape, NULL);
    const cir__config *config = cir__model_get_config(self.model);
    char what[64];
    size_t n_items = 2 * 3 * config->image_px * config->image_px;
    float *tensors = malloc(n_items * sizeof *tensors);
    cir__synthetic_draw("image.input", n_items, 2.0F, tensors);
    (void)snprintf(what, sizeof what, "%s image", shape);
    check_image_tower(&self, what, tensors, probe_samples);
    (void)snprintf(what, sizeof what, "%s text", shape);
    check_text_tower(&self, what, probe_samples);
    free(tensors);
    end(&self);
}

static void test_quick_gelu_in_f32(void **state)
{
    (void)state;
    check_tiny("quick", "weights_f32.safetensors");
}

static void test_quick_gelu_in_f16(void **state)
{
    (void)state;
    check_tiny("quick", "weights_f16.safetensors");
}

static void test_quick_gelu_in_bf16(void **state)
{
    (void)state;
    check_tiny("quick", "weights_bf16.safetensors");
}

static void test_gelu(void **state)
{
    (void)state;
    check_tiny("gelu", "weights_f16.safetensors");
}

static void test_siglip(void **state)
{
    (void)state;
    check_tiny("siglip", "weights_f16.safetensors");
}

static void test_odd_siglip(void **state)
{
    (void)state;
    check_tiny("siglip_odd", "weights_f16.safetensors");
}

static void test_vit_b32(void **state)
{
    (void)state;
    check_shape("vit_b32");
}

static void test_vit_l14(void **state)
{
    (void)state;
    check_shape("vit_l14");
}

static void test_open_clip(void **state)
{
    (void)state;
    check_tiny("oc_quick", "weights_f16.safetensors");
}

static void test_custom_open_clip(void **state)
{
    (void)state;
    check_tiny("oc_custom", "weights_f16.safetensors");
}

static void test_open_clip_siglip(void **state)
{
    (void)state;
    check_shape("oc_siglip");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick_gelu_in_f32),
        cmocka_unit_test(test_quick_gelu_in_f16),
        cmocka_unit_test(test_quick_gelu_in_bf16),
        cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_siglip),
        cmocka_unit_test(test_odd_siglip),
        cmocka_unit_test(test_vit_b32),
        cmocka_unit_test(test_vit_l14),
        cmocka_unit_test(test_open_clip),
        cmocka_unit_test(test_custom_open_clip),
        cmocka_unit_test(test_open_clip_siglip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

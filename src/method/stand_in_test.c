#include "method/stand_in_test.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "index/open/derived.h"
#include "kernels/half.h"

size_t n_calls, n_texts;
char first_text[64], last_text[64];

const cir_model_info *cir_model_get_info(const cir_model *model)
{
    return &model->info;
}

void text_feature(const char *text, float *out)
{
    double square = 0.0;
    for (size_t i = 0; i < DIM; i++) {
        const uint64_t hash = cir__hash64(text, strlen(text)) * (2 * i + 1);
        out[i] = (float)(hash >> 40) / 16777216.0f - 0.4f;
        square += (double)out[i] * (double)out[i];
    }
    for (size_t i = 0; i < DIM; i++)
        out[i] = (float)((double)out[i] / sqrt(square));
}

cir_status cir_model_cache_prefixes(const cir_model *model, cir_pool *pool, const char *const *texts,
                                    size_t n, cir_error *err)
{
    (void)model;
    (void)pool;
    (void)texts;
    (void)n;
    (void)err;
    return CIR_OK;
}

cir_status cir_model_encode_texts(const cir_model *model, cir_pool *pool, const char *const *texts, size_t n,
                                  float *features_out, size_t *n_cut_out, cir_error *err)
{
    (void)model;
    (void)pool;
    (void)err;
    n_calls++;
    n_texts += n;
    snprintf(first_text, sizeof first_text, "%s", texts[0]);
    snprintf(last_text, sizeof last_text, "%s", texts[n - 1]);
    for (size_t i = 0; i < n; i++)
        text_feature(texts[i], features_out + i * DIM);
    if (n_cut_out != NULL)
        *n_cut_out = n / 2;
    return CIR_OK;
}

const cir_index_info *cir_index_get_info(const cir_index *index)
{
    return &index->info;
}

cir_rows cir_index_get_rows(const cir_index *index)
{
    return (cir_rows){.n_rows = index->info.n_rows,
                      .dim = index->info.model->dim,
                      .f16 = index->vectors,
                      .ready = index->ready};
}

const cir__folder *cir__index_folder(const cir_index *index)
{
    return index->opened;
}

void add_rows(cir_index *index, size_t n_rows, unsigned seed)
{
    for (size_t r = index->info.n_rows; r < n_rows; r++) {
        float feature[DIM];
        char name[32];
        snprintf(name, sizeof name, "%u image %zu", seed, r);
        text_feature(name, feature);
        for (size_t i = 0; i < DIM; i++)
            index->vectors[r * DIM + i] = cir__half_from_float(feature[i]);
        index->ready[r] = 1;
    }
    index->info.n_rows = n_rows;
    index->info.n_ready = n_rows;
    index->info.revision++;
    index->info.state++;
}

scene *scene_new(size_t n_rows)
{
    scene *made = calloc(1, sizeof *made);
    assert_non_null(made);
    strcpy(made->model.info.fingerprint, "0123");
    made->model.info.name = "stand-in";
    made->model.info.dim = DIM;
    made->index.model = (cir_index_model){.name = "stand-in", .fingerprint = "0123", .dim = DIM};
    made->index.info.path = "photos.cir";
    made->index.info.model = &made->index.model;
    strcpy(made->index.folder, "/tmp/cir_composer_XXXXXX");
    assert_non_null(mkdtemp(made->index.folder));
    assert_int_equal(cir__folder_open(made->index.folder, &made->index.opened, NULL), CIR_OK);
    add_rows(&made->index, n_rows, 0);
    cir_settings_init(&made->settings, sizeof made->settings, CIR_METHOD_BASIC);
    snprintf(made->settings.corpus_objects, 256, "%s/objects.txt", made->index.folder);
    snprintf(made->settings.corpus_styles, 256, "%s/styles.txt", made->index.folder);
    FILE *objects = fopen(made->settings.corpus_objects, "w"),
         *styles = fopen(made->settings.corpus_styles, "w");
    for (int i = 0; i < 40; i++)
        fprintf(objects, "thing %d\n", i);
    for (int i = 0; i < 30; i++)
        fprintf(styles, "style %d\n", i);
    fclose(objects);
    fclose(styles);
    n_calls = n_texts = 0;
    return made;
}

size_t each_kept(const scene *made, const char *beginning, void (*change)(const char *path))
{
    size_t n = 0;
    DIR *folder = opendir(made->index.folder);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || strstr(entry->d_name, ".txt") != NULL ||
            strncmp(entry->d_name, beginning, strlen(beginning)) != 0)
            continue;
        char *path = cir__path_join(made->index.folder, entry->d_name);
        if (change != NULL)
            change(path);
        free(path);
        n++;
    }
    closedir(folder);
    return n;
}

void erase(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

void scene_free(scene *made)
{
    each_kept(made, "", erase);
    assert_int_equal(unlink(made->settings.corpus_objects) | unlink(made->settings.corpus_styles), 0);
    assert_int_equal(rmdir(made->index.folder), 0);
    cir__folder_close(made->index.opened);
    free(made);
}

cir_composer *composer_new(const scene *made, cir_method method)
{
    cir_composer *composer;
    cir_error err;
    if (cir_composer_new(&made->index, &made->model, NULL, method, &made->settings, &composer, &err) !=
        CIR_OK)
        fail_msg("%s", err.message);
    return composer;
}

cir_composed compose(const cir_composer *composer, const float *image, const char *text)
{
    cir_composed composed;
    cir_error err;
    if (cir_composer_compose(composer, NULL, image, text, &composed, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return composed;
}

double dot(const float *a, const float *b)
{
    double sum = 0.0;
    for (size_t i = 0; i < DIM; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void row_get(const scene *made, size_t row, float *out)
{
    for (size_t i = 0; i < DIM; i++)
        out[i] = cir__half_to_float(made->index.vectors[row * DIM + i]);
}

bool is_same_query(const cir_query *one, const cir_query *other)
{
    return memcmp(one->a, other->a, DIM * sizeof *one->a) == 0 &&
           memcmp(one->b, other->b, DIM * sizeof *one->b) == 0 && one->a0 == other->a0 &&
           one->b0 == other->b0 && one->fusion.kind == other->fusion.kind &&
           one->fusion.lambda == other->fusion.lambda && one->fusion.weight == other->fusion.weight;
}

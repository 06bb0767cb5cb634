#include "eval/read/drawn_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hash.h"

const cir_model model = {{.name = "stand-in", .fingerprint = "0123", .dim = DIM, .image_px = 8}};

size_t n_files, n_texts; /* encoded since the counts were last set to 0 */

cir_status cir_model_get_image_options(const cir_model *asked, const cir_image_options *options,
                                       cir_image_options *options_out, cir_error *err)
{
    (void)asked;
    (void)err;
    *options_out = *options;
    return CIR_OK;
}

const cir_model_info *cir_model_get_info(const cir_model *asked)
{
    return &asked->info;
}

/* Adds to out what a word stands for. */
static void add_word(const char *word, size_t size, float weight, float *out)
{
    for (size_t i = 0; i < DIM; i++)
        out[i] += weight * ((float)((cir__hash64(word, size) * (2 * i + 1)) >> 40) / 8388608.0f - 1.0f);
}

static void make_unit(float *out)
{
    double square = 0.0;
    for (size_t i = 0; i < DIM; i++)
        square += (double)out[i] * (double)out[i];
    for (size_t i = 0; i < DIM; i++)
        out[i] = (float)((double)out[i] / sqrt(square));
}

cir_status cir_model_cache_prefixes(const cir_model *asked, cir_pool *pool, const char *const *texts,
                                    size_t n, cir_error *err)
{
    (void)asked;
    (void)pool;
    (void)texts;
    (void)n;
    (void)err;
    return CIR_OK;
}

cir_status cir_model_encode_texts(const cir_model *asked, cir_pool *pool, const char *const *texts, size_t n,
                                  float *features_out, size_t *n_cut_out, cir_error *err)
{
    (void)pool;
    (void)err;
    assert_ptr_equal(asked, &model);
    n_texts += n;
    memset(features_out, 0, n * DIM * sizeof *features_out);
    for (size_t t = 0; t < n; t++) {
        for (const char *word = texts[t]; *word != '\0';) {
            const size_t size = strcspn(word, " ");
            add_word(word, size, 1.0f, features_out + t * DIM);
            word += size + (word[size] == ' ');
        }
        add_word("text", 4, 0.5f, features_out + t * DIM);
        make_unit(features_out + t * DIM);
    }
    if (n_cut_out != NULL)
        *n_cut_out = 0;
    return CIR_OK;
}

/* A picture's words, between underscores: thing1_night_3.jpg. */
cir_status cir_image_parse(const void *bytes, size_t size_bytes, const char *name,
                           const cir_image_options *options, cir_image *image_out, cir_image_facts *facts_out,
                           cir_error *err)
{
    (void)options;
    (void)facts_out;
    if (size_bytes == 0 || size_bytes >= TENSOR_ITEMS)
        return cir__fail(err, CIR_FORMAT, "%s: is not a picture; give another", name);
    *image_out = (cir_image){.width_px = size_bytes, .height_px = 1, .rgb = calloc(size_bytes + 1, 1)};
    assert_non_null(image_out->rgb);
    memcpy(image_out->rgb, bytes, size_bytes);
    return CIR_OK;
}

void cir_image_done(cir_image *image)
{
    free(image->rgb);
    memset(image, 0, sizeof *image);
}

cir_status cir_model_preprocess(const cir_model *asked, const cir_image *image, float *tensor_out,
                                cir_error *err)
{
    (void)err;
    assert_ptr_equal(asked, &model);
    memset(tensor_out, 0, TENSOR_ITEMS * sizeof *tensor_out);
    for (size_t i = 0; i < image->width_px; i++)
        tensor_out[i] = image->rgb[i];
    return CIR_OK;
}

cir_status cir_model_encode_tensors(const cir_model *asked, cir_pool *pool, const float *tensors, size_t n,
                                    float *features_out, cir_error *err)
{
    (void)asked;
    (void)pool;
    (void)err;
    memset(features_out, 0, n * DIM * sizeof *features_out);
    for (size_t f = 0; f < n; f++) {
        char words[TENSOR_ITEMS] = {0};
        for (size_t i = 0; i < TENSOR_ITEMS - 1; i++)
            words[i] = (char)tensors[f * TENSOR_ITEMS + i];
        for (const char *word = words; *word != '\0';) {
            const size_t size = strcspn(word, "_.");
            add_word(word, size, size < 3 ? 0.3f : 1.0f, features_out + f * DIM);
            word += size + (word[size] != '\0');
        }
        add_word("picture", 7, 0.5f, features_out + f * DIM);
        make_unit(features_out + f * DIM);
        n_files++;
    }
    return CIR_OK;
}

char folder[64];

const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

void write_picture(const char *name, const char *words)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(words, file);
    fclose(file);
}

static const char *const texts[N_TEXTS] = {"night", "snow"};

int write_set(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/cir_images_XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(path_of("query"), 0700) | mkdir(path_of("database"), 0700), 0);
    FILE *queries = fopen(path_of("query_files.csv"), "w"),
         *database = fopen(path_of("database_files.csv"), "w");
    for (int i = 0; i < N_INSTANCES; i++) {
        char name[64];
        snprintf(name, sizeof name, "query/thing%d_q.jpg", i);
        write_picture(name, strchr(name, '/') + 1);
        for (int t = 0; t < N_TEXTS; t++) /* one picture, two queries */
            fprintf(queries, "oldname/%s,%s,thing%d\n", name, texts[t], i);
        for (int k = 0; k < 12; k++) {
            const char *text = k < 4 ? texts[k % 2] : "";
            if (k < 8)
                snprintf(name, sizeof name, "database/thing%d_%s_%d.jpg", i, k < 4 ? text : "", k);
            else
                snprintf(name, sizeof name, "database/other_%s_%d%d.jpg", texts[k % 2], i, k);
            write_picture(name, strchr(name, '/') + 1);
            fprintf(database, "oldname/%s,%s,thing%d\n", name, text, i);
        }
    }
    fclose(queries);
    fclose(database);
    n_files = n_texts = 0;
    return 0;
}

int remove_set(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

bool watch_it(void *context, size_t n_done, size_t n_total)
{
    watching *self = context;
    self->n_calls++;
    self->n_done = n_done;
    self->n_total = n_total;
    return n_done != self->stop_at;
}

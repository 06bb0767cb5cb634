/* The composer over a model and an index that this test stands in for: what is made and kept, what happens
 * over almost empty indexes, and when estimates move. The two stand-ins define the functions of model.h and
 * index.h that the composer calls, so that the linker never takes the library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/hash.h"
#include "cir/method.h"
#include "index/open/derived.h"
#include "kernels/half.h"
#include "method/draw.h"
#include "method/sample.h"

#define DIM 12
#define MAX_ROWS 2000

struct cir_model {
    cir_model_info info;
};

struct cir_index {
    cir_index_info info;
    cir_index_model model;
    char folder[64];
    cir__folder *opened;
    uint16_t vectors[MAX_ROWS * DIM];
    uint8_t ready[MAX_ROWS];
};

/* What the model was asked since the counts were last set to 0. */
static size_t n_calls, n_texts;
static char first_text[64], last_text[64];

const cir_model_info *cir_model_get_info(const cir_model *model)
{
    return &model->info;
}

/* A unit vector that a hash of the text decides, all of them on one side of the origin. */
static void text_feature(const char *text, float *out)
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

cir_status cir_model_keep_beginnings(const cir_model *model, cir_pool *pool, const char *const *texts,
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
const cir_codes *cir_index_get_codes(const cir_index *index)
{
    (void)index;
    return NULL;
}

const uint16_t *cir_index_get_vectors(const cir_index *index)
{
    return index->vectors;
}
const uint8_t *cir_index_get_ready(const cir_index *index)
{
    return index->ready;
}
const cir__folder *cir__index_folder(const cir_index *index)
{
    return index->opened;
}

/* A folder of its own, two small corpora in it, a model, and an index of n_rows images. */
typedef struct scene {
    cir_model model;
    cir_index index;
    cir_settings settings;
} scene;

static void add_rows(cir_index *index, size_t n_rows, unsigned seed)
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

static scene *scene_new(size_t n_rows)
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
    cir_settings_init(&made->settings, CIR_METHOD_BASIC);
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

/* Calls do(path) for the kept files, those of the corpora aside. */
static size_t each_kept(const scene *made, const char *beginning, void (*change)(const char *path))
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

static void erase(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void spoil(const char *path)
{
    assert_int_equal(cir__file_replace(path, "{\"mean\": [1, 2], \"image\": \"x\"", 29, NULL), CIR_OK);
}

static void scene_free(scene *made)
{
    each_kept(made, "", erase);
    assert_int_equal(unlink(made->settings.corpus_objects) | unlink(made->settings.corpus_styles), 0);
    assert_int_equal(rmdir(made->index.folder), 0);
    cir__folder_close(made->index.opened);
    free(made);
}

static cir_composer *composer_new(const scene *made, cir_method method)
{
    cir_composer *composer;
    cir_error err;
    if (cir_composer_new(&made->index, &made->model, NULL, method, &made->settings, &composer, &err) !=
        CIR_OK)
        fail_msg("%s", err.message);
    return composer;
}

static cir_composed compose(const cir_composer *composer, const float *image, const char *text)
{
    cir_composed composed;
    cir_error err;
    if (cir_composer_compose(composer, NULL, image, text, &composed, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return composed;
}

/* ⟨a, b⟩ of floats. */
static double dot(const float *a, const float *b)
{
    double sum = 0.0;
    for (size_t i = 0; i < DIM; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void test_scores_are_the_methods(void **state)
{
    (void)state;
    enum { N = 30 };
    scene *made = scene_new(N);
    made->settings.project = made->settings.expand = made->settings.contextualise = false;
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC_MINUS);

    /* By plain loops: means, minima, and both scores of every row. */
    float rows[N][DIM], objects[40][DIM], image[DIM], text[DIM];
    double image_mean[DIM] = {0}, text_mean[DIM] = {0}, image_squares = 0, text_squares = 0;
    for (size_t r = 0; r < N; r++)
        for (size_t i = 0; i < DIM; i++)
            rows[r][i] = cir__half_to_float(made->index.vectors[r * DIM + i]);
    for (int o = 0; o < 40; o++) {
        char name[32];
        snprintf(name, sizeof name, "thing %d", o);
        text_feature(name, objects[o]);
    }
    for (size_t i = 0; i < DIM; i++) {
        for (size_t r = 0; r < N; r++)
            image_mean[i] += (double)rows[r][i] / (double)N;
        for (size_t o = 0; o < 40; o++)
            text_mean[i] += (double)objects[o][i] / 40;
    }
    /* About the index' own mean nothing is shifted: of the minima, the deviations within rows are left. */
    for (size_t r = 0; r < N; r++) {
        double row_sum = 0, row_squares = 0;
        for (size_t other = 0; other < N + 40; other++) {
            double sum = 0.0;
            for (size_t i = 0; i < DIM; i++)
                sum += ((double)rows[r][i] - image_mean[i]) *
                       (other < N ? (double)rows[other][i] - image_mean[i]
                                  : (double)objects[other - N][i] - text_mean[i]);
            if (other < N && other != r) {
                row_sum += sum;
                row_squares += sum * sum;
            } else if (other >= N) {
                text_squares += sum * sum;
            }
        }
        image_squares += (row_squares - row_sum * row_sum / (N - 1)) / (N - 2);
    }
    const double min_image = -sqrt(image_squares / N), min_text = -sqrt(text_squares / ((N - 1) * 40));
    assert_true(fabs(cir_composer_get_settings(composer)->min_image - min_image) < 1e-6);
    assert_true(fabs(cir_composer_get_settings(composer)->min_text - min_text) < 1e-6);
    assert_true(cir_composer_get_settings(composer)->has_min_text);

    text_feature("a photo", image);
    text_feature("at night", text);
    cir_composed composed = compose(composer, image, "at night");
    assert_true(composed.encode_seconds >= 0.0);
    for (size_t r = 0; r < N; r++) {
        double v = -min_image, t = -min_text;
        for (size_t i = 0; i < DIM; i++) {
            v += ((double)image[i] - image_mean[i]) * ((double)rows[r][i] - image_mean[i]);
            t += ((double)text[i] - text_mean[i]) * ((double)rows[r][i] - image_mean[i]);
        }
        assert_true(fabs(dot(composed.query.a, rows[r]) + (double)composed.query.a0 - v / -min_image) < 1e-5);
        assert_true(fabs(dot(composed.query.b, rows[r]) + (double)composed.query.b0 - t / -min_text) < 1e-5);
    }
    cir_composed_done(&composed);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_words_are_read_among_object_terms(void **state)
{
    (void)state;
    scene *made = scene_new(5);
    made->settings.context = 7;
    made->settings.variant = CIR_VARIANT_REFERENCE;
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC);
    n_calls = n_texts = 0;
    cir_composed composed = compose(composer, NULL, "at night");
    assert_int_equal(n_calls, 1);
    assert_int_equal(n_texts, 14);
    assert_string_equal(first_text, "thing 0 at night");
    assert_string_equal(last_text, "at night thing 6");
    assert_int_equal(composed.n_cut, 7);
    cir_composed_done(&composed);
    cir_composer_free(composer);

    made->settings.variant = CIR_VARIANT_PAPER;
    composer = composer_new(made, CIR_METHOD_BASIC);
    composed = compose(composer, NULL, "at night");
    assert_string_not_equal(last_text, "at night thing 6"); /* drawn by the seed */
    cir_composed_done(&composed);
    cir_composer_free(composer);

    made->settings.contextualise = false;
    composer = composer_new(made, CIR_METHOD_BASIC);
    composed = compose(composer, NULL, "at night");
    assert_string_equal(last_text, "at night");
    cir_composed_done(&composed);
    cir_composer_free(composer);
    scene_free(made);
}

/* A folder that is gone stands for read-only media: root may write all. */
static cir__folder *make_unwritable(void)
{
    char path[] = "/tmp/cir_composer_XXXXXX";
    cir__folder *folder;
    assert_non_null(mkdtemp(path));
    assert_int_equal(cir__folder_open(path, &folder, NULL), CIR_OK);
    assert_int_equal(rmdir(path), 0);
    return folder;
}

static void test_what_was_made_is_kept(void **state)
{
    (void)state;
    scene *made = scene_new(50);
    cir__folder *before = made->index.opened;
    float image[DIM];
    text_feature("a photo", image);
    cir_composed composed[6];
    for (int i = 0; i < 6; i++) {
        if (i == 2)
            assert_true(each_kept(made, "", erase) >= 5);
        if (i == 3)
            assert_int_equal(each_kept(made, "", spoil),
                             6); /* two corpora, projection, mean, minima, texts */
        if (i == 5)
            made->index.opened = make_unwritable();
        n_calls = n_texts = 0;
        cir_composer *composer = composer_new(made, CIR_METHOD_BASIC);
        assert_int_equal(n_texts, i == 1 || i == 4 ? 0 : 70);
        composed[i] = compose(composer, image, "at night");
        cir_composer_free(composer);
        assert_memory_equal(composed[i].memory, composed[0].memory, 2 * DIM * sizeof(float));
        assert_true(composed[i].query.a0 == composed[0].query.a0 &&
                    composed[i].query.b0 == composed[0].query.b0);
    }
    for (int i = 0; i < 6; i++)
        cir_composed_done(&composed[i]);
    cir__folder_close(made->index.opened);
    made->index.opened = before;
    scene_free(made);
}

static void test_other_settings_are_kept_apart(void **state)
{
    (void)state;
    static const char *const changes[] = {"alpha=0.3", "components=3", "variant=reference", "seed=4",
                                          "centre=0"};
    scene *made = scene_new(50);
    const cir_settings before = made->settings;
    cir_composer_free(composer_new(made, CIR_METHOD_BASIC));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const size_t n_before = each_kept(made, "projection", NULL) + each_kept(made, "minima", NULL);
        made->settings = before;
        assert_int_equal(cir_settings_set(&made->settings, changes[i], NULL), CIR_OK);
        cir_composer *kept = composer_new(made, CIR_METHOD_BASIC);
        assert_true(each_kept(made, "projection", NULL) + each_kept(made, "minima", NULL) > n_before);
        cir_composed a = compose(kept, NULL, "at night");
        cir_composer_free(kept);
        each_kept(made, "", erase);
        cir_composer *fresh = composer_new(made, CIR_METHOD_BASIC);
        cir_composed b = compose(fresh, NULL, "at night");
        assert_memory_equal(a.memory, b.memory, 2 * DIM * sizeof(float));
        cir_composed_done(&a);
        cir_composed_done(&b);
        cir_composer_free(fresh);
    }
    scene_free(made);
}

/* The minima in force over the index as it stands. */
static double min_image_of(const scene *made)
{
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC_MINUS);
    const double minimum = cir_composer_get_settings(composer)->min_image;
    cir_composer_free(composer);
    return minimum;
}

static void test_minima_do_not_drift(void **state)
{
    (void)state;
    scene *made = scene_new(20);
    const double of_20 = min_image_of(made);
    add_rows(&made->index, 39, 1);
    assert_true(min_image_of(made) == of_20); /* not twice as many yet */
    add_rows(&made->index, 40, 1);
    const double of_40 = min_image_of(made);
    assert_true(of_40 != of_20);
    add_rows(&made->index, 900, 2);
    const double of_900 = min_image_of(made); /* from now on the sample is full */
    add_rows(&made->index, 2000, 3);
    assert_true(min_image_of(made) == of_900);
    each_kept(made, "minima", erase);
    assert_true(min_image_of(made) != of_900);
    /* More than half of the sample vanishes. */
    const double of_2000 = min_image_of(made);
    memset(made->index.ready, 0, 900);
    made->index.info.n_ready = 1100;
    assert_true(min_image_of(made) == of_2000);
    memset(made->index.ready, 0, 1400);
    made->index.info.n_ready = 600;
    assert_true(min_image_of(made) != of_2000);
    scene_free(made);
}

static void test_the_image_mean_follows_the_index(void **state)
{
    (void)state;
    scene *made = scene_new(20);
    made->settings.normalise = made->settings.project = made->settings.contextualise = false;
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC_MINUS);
    cir_composed before = compose(composer, NULL, "at night");
    cir_composer_free(composer);
    add_rows(&made->index, 25, 1);
    composer = composer_new(made, CIR_METHOD_BASIC_MINUS);
    cir_composed after = compose(composer, NULL, "at night");
    cir_composer_free(composer);
    assert_true(before.query.b0 != after.query.b0);
    cir_composed_done(&before);
    cir_composed_done(&after);
    scene_free(made);
}

static void test_almost_empty_indexes(void **state)
{
    (void)state;
    float image[DIM];
    text_feature("a photo", image);
    for (size_t n_rows = 0; n_rows < 4; n_rows++) {
        for (int same = 0; same < 2; same++) {
            for (int method = 0; method < CIR_METHOD_EXTERNAL; method++) {
                scene *made = scene_new(n_rows);
                for (size_t r = 1; same && r < n_rows; r++)
                    memcpy(made->index.vectors + r * DIM, made->index.vectors, DIM * sizeof(uint16_t));
                made->settings.expand = method == CIR_METHOD_BASIC || method == CIR_METHOD_FREEDOM;
                cir_composer *composer = composer_new(made, (cir_method)method);
                cir_composed composed = compose(composer, image, "at night");
                const cir_rows rows = cir_rows_of_index(&made->index);
                cir_hit hits[4];
                size_t n_hits = 0;
                if (n_rows > 0)
                    assert_int_equal(cir_search_top(&rows, &composed.query, 4, NULL, hits, &n_hits, NULL),
                                     CIR_OK);
                assert_int_equal(n_hits, n_rows);
                for (size_t i = 0; i < n_hits; i++)
                    assert_true(isfinite(hits[i].score) && fabsf(hits[i].score) < 1e4f);
                cir_composed_done(&composed);
                cir_composer_free(composer);
                scene_free(made);
            }
        }
    }
}

static void test_rows_of_nonsense_do_not_spread(void **state)
{
    (void)state;
    scene *made = scene_new(30);
    made->index.vectors[4 * DIM + 3] = 0x7e00; /* NaN */
    made->index.vectors[9 * DIM] = 0x7c00;     /* infinity */
    cir_composer *composer = composer_new(made, CIR_METHOD_BASIC);
    assert_true(isfinite(cir_composer_get_settings(composer)->min_image));
    cir_composed composed = compose(composer, NULL, "at night");
    for (size_t i = 0; i < DIM; i++)
        assert_true(isfinite(composed.query.b[i]));
    assert_true(isfinite(composed.query.b0));
    cir_composed_done(&composed);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    scene *made = scene_new(5);
    cir_composer *composer;
    cir_composed composed;
    cir_error err;
    strcpy(made->model.info.fingerprint, "4567");
    assert_int_equal(
        cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_SUM, &made->settings, &composer, &err),
        CIR_MISMATCH);
    assert_null(composer);
    assert_non_null(strstr(err.message, "photos.cir"));
    strcpy(made->model.info.fingerprint, "0123");

    strcpy(made->settings.image_mean, "/nonexistent/mean.npy");
    assert_int_equal(cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_BASIC, &made->settings,
                                      &composer, &err),
                     CIR_NOT_FOUND);
    made->settings.image_mean[0] = '\0';
    char objects[sizeof made->settings.corpus_objects];
    strcpy(objects, made->settings.corpus_objects);
    strcpy(made->settings.corpus_objects, "/nonexistent/objects.txt");
    assert_int_equal(cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_BASIC, &made->settings,
                                      &composer, &err),
                     CIR_NOT_FOUND);
    strcpy(made->settings.corpus_objects, objects);
    /* A mean of another model. */
    snprintf(made->settings.image_mean, 256, "%s/method/small/image_mean.npy", getenv("CIR_TEST_DATA"));
    assert_int_equal(cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_BASIC, &made->settings,
                                      &composer, &err),
                     CIR_SHAPE);
    assert_non_null(strstr(err.message, "24 numbers, features have 12"));
    made->settings.image_mean[0] = '\0';

    composer = composer_new(made, CIR_METHOD_BASIC);
    assert_int_equal(cir_composer_compose(composer, NULL, NULL, NULL, &composed, &err), CIR_ARGUMENT);
    cir_composer_free(composer);
    composer = composer_new(made, CIR_METHOD_TEXT);
    float image[DIM] = {1};
    assert_int_equal(cir_composer_compose(composer, NULL, image, NULL, &composed, &err), CIR_ARGUMENT);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_baselines_make_nothing(void **state)
{
    (void)state;
    scene *made = scene_new(5);
    float image[DIM];
    text_feature("a photo", image);
    cir_composer *composer = composer_new(made, CIR_METHOD_PRODUCT);
    assert_int_equal(n_calls, 0);
    cir_composed composed = compose(composer, image, "at night");
    assert_int_equal(n_texts, 1);
    assert_memory_equal(composed.query.a, image, sizeof image);
    cir_composed_done(&composed);
    cir_composer_free(composer);
    assert_int_equal(each_kept(made, "", NULL), 1);
    assert_int_equal(each_kept(made, "texts.bin", NULL), 1);
    scene_free(made);
}

/* How many texts the model encodes for one query of a composer of its own. */
static size_t count_encoded(const scene *made, cir_method method, const float *image, const char *text,
                            cir_composed *composed_out)
{
    cir_composer *composer = composer_new(made, method);
    n_texts = 0;
    *composed_out = compose(composer, image, text);
    cir_composer_free(composer);
    return n_texts;
}

static void test_words_are_encoded_once(void **state)
{
    (void)state;
    static const cir_method methods[] = {CIR_METHOD_BASIC, CIR_METHOD_TEXT, CIR_METHOD_FREEDOM_MINUS};
    static const size_t n_wanted[] = {80, 1, 1};
    scene *made = scene_new(50);
    float image[DIM];
    text_feature("thing 13", image);
    made->settings.freedom_words = 1; /* of several the stand-in says that half were cut, and not which */
    for (size_t m = 0; m < 3; m++) {
        cir_composed first, again;
        assert_int_equal(count_encoded(made, methods[m], image, "at night", &first), n_wanted[m]);
        assert_int_equal(count_encoded(made, methods[m], image, "at night", &again), 0);
        assert_memory_equal(first.query.b, again.query.b, DIM * sizeof(float));
        assert_int_equal(first.n_cut, again.n_cut);
        cir_composed_done(&again);
        /* Other words, another precision, and on request. */
        assert_int_equal(count_encoded(made, methods[m], image, "at noon", &again), n_wanted[m]);
        cir_composed_done(&again);
        made->model.info.precision = CIR_PRECISION_BF16;
        assert_int_equal(count_encoded(made, methods[m], image, "at night", &again), n_wanted[m]);
        cir_composed_done(&again);
        made->model.info.precision = CIR_PRECISION_F32;
        made->settings.forgets_texts = true;
        assert_int_equal(count_encoded(made, methods[m], image, "at night", &again), n_wanted[m]);
        cir_composed_done(&again);
        assert_int_equal(count_encoded(made, methods[m], image, "at dawn", &again), n_wanted[m]);
        cir_composed_done(&again);
        made->settings.forgets_texts = false;
        assert_int_equal(count_encoded(made, methods[m], image, "at dawn", &again), n_wanted[m]);
        cir_composed_done(&again);
        cir_composed_done(&first);
    }
    /* Among other terms the same words have another feature. */
    cir_composed composed;
    made->settings.context = 7;
    assert_int_equal(count_encoded(made, CIR_METHOD_BASIC, image, "at night", &composed), 14);
    cir_composed_done(&composed);
    scene_free(made);
}

static void row_get(const scene *made, size_t row, float *out)
{
    for (size_t i = 0; i < DIM; i++)
        out[i] = cir__half_to_float(made->index.vectors[row * DIM + i]);
}

static void test_weicom_is_percentiles(void **state)
{
    (void)state;
    enum { N = 30 };
    scene *made = scene_new(N);
    made->settings.weight = 0.25;
    made->index.ready[3] = 0; /* counts for nothing */
    float image[DIM], text[DIM], row[DIM], scores[N];
    double sides[2][N], mean[2] = {0}, square[2] = {0};
    text_feature("a photo", image);
    text_feature("at night", text);
    for (size_t r = 0; r < N; r++) {
        row_get(made, r, row);
        for (size_t s = 0; s < 2 && r != 3; s++)
            mean[s] += (sides[s][r] = dot(s == 0 ? image : text, row)) / (N - 1);
    }
    for (size_t r = 0; r < N; r++)
        for (size_t s = 0; s < 2 && r != 3; s++)
            square[s] += (sides[s][r] - mean[s]) * (sides[s][r] - mean[s]) / (N - 2);
    cir_composer *composer = composer_new(made, CIR_METHOD_WEICOM);
    cir_composed composed = compose(composer, image, "at night");
    const cir_rows rows = cir_rows_of_index(&made->index);
    assert_int_equal(cir_search_scores(&rows, &composed.query, NULL, scores, NULL, NULL, NULL), CIR_OK);
    for (size_t r = 0; r < N; r++) {
        if (r == 3)
            continue;
        double right = 0.0;
        for (size_t s = 0; s < 2; s++)
            right +=
                (s == 0 ? 0.75 : 0.25) * (1 + erf((sides[s][r] - mean[s]) / sqrt(square[s]) / sqrt(2.0))) / 2;
        assert_true(fabs((double)scores[r] - right) < 1e-5);
    }
    cir_composed_done(&composed);
    composed = compose(composer, NULL, "at night");
    assert_int_equal(composed.query.fusion.kind, CIR_FUSE_TEXT);
    assert_memory_equal(composed.query.b, text, sizeof text);
    cir_composed_done(&composed);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_freedom_puts_photos_into_words(void **state)
{
    (void)state;
    scene *made = scene_new(50);
    float image[DIM];
    text_feature("thing 13", image); /* is its own nearest word */
    made->settings.expand = false;
    cir_composer *composer = composer_new(made, CIR_METHOD_FREEDOM);
    assert_int_equal(n_texts, 40);
    n_calls = n_texts = 0;
    cir_composed composed = compose(composer, image, "at night");
    assert_int_equal(n_calls, 1);
    assert_int_equal(n_texts, 7);
    assert_int_equal(composed.n_cut, 3);
    assert_string_equal(first_text, "thing 13 at night");
    assert_int_equal(composed.query.fusion.kind, CIR_FUSE_TEXT);
    assert_null(composed.query.a);
    cir_composed_done(&composed);

    cir_error err;
    assert_int_equal(cir_composer_compose(composer, NULL, image, NULL, &composed, &err), CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "no words"));
    assert_int_equal(cir_composer_compose(composer, NULL, NULL, "at night", &composed, &err), CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "no photo"));
    cir_composer_free(composer);

    /* All rows are one photo, so that the words of the twenty and their weights are those of the one. */
    for (size_t r = 1; r < 50; r++)
        memcpy(made->index.vectors + r * DIM, made->index.vectors, DIM * sizeof(uint16_t));
    row_get(made, 0, image);
    made->settings.expand = true;
    n_texts = 0;
    composer = composer_new(made, CIR_METHOD_FREEDOM);
    assert_int_equal(n_texts, 0); /* the vocabulary was kept */
    cir_composed inside = compose(composer, image, "at night");
    cir_composer_free(composer);
    made->settings.expand = false;
    composer = composer_new(made, CIR_METHOD_FREEDOM);
    cir_composed alone = compose(composer, image, "at night");
    assert_memory_equal(inside.query.b, alone.query.b, DIM * sizeof(float));
    cir_composed_done(&inside);
    cir_composed_done(&alone);
    cir_composer_free(composer);
    scene_free(made);
}

/* Whether two queries are the same to the bit. */
static bool is_same_query(const cir_query *one, const cir_query *other)
{
    return memcmp(one->a, other->a, DIM * sizeof *one->a) == 0 &&
           memcmp(one->b, other->b, DIM * sizeof *one->b) == 0 && one->a0 == other->a0 &&
           one->b0 == other->b0 && one->fusion.kind == other->fusion.kind &&
           one->fusion.lambda == other->fusion.lambda && one->fusion.weight == other->fusion.weight;
}

static void test_words_made_before_are_as_good(void **state)
{
    (void)state;
    static const cir_method methods[] = {CIR_METHOD_BASIC, CIR_METHOD_BASIC_MINUS, CIR_METHOD_SUM,
                                         CIR_METHOD_WEICOM};
    scene *made = scene_new(60);
    float image[DIM], text[DIM];
    char key[CIR__HASH_TEXT_SIZE];
    cir_error err;
    text_feature("a photo", image);
    for (size_t m = 0; m < 4; m++) {
        cir_composer *composer = composer_new(made, methods[m]);
        size_t n_cut = 9;
        assert_int_equal(cir_composer_encode_text(composer, NULL, "at night", text, &n_cut, &err), CIR_OK);
        cir_composed composed = compose(composer, image, "at night"), again;
        assert_int_equal(n_cut, composed.n_cut);
        assert_int_equal(cir_composer_compose_features(composer, NULL, image, text, NULL, &again, &err),
                         CIR_OK);
        assert_true(is_same_query(&composed.query, &again.query));
        cir_composed_done(&again);
        cir_composed_done(&composed);

        /* Other settings of the query alone: as a composer of its own makes it. */
        cir_settings now = made->settings;
        now.lambda = 0.03;
        now.weight = 0.7;
        now.expand = !now.expand;
        now.neighbours = 3;
        now.beta = 0.5;
        assert_int_equal(cir_composer_compose_features(composer, NULL, image, text, &now, &again, &err),
                         CIR_OK);
        cir_settings before = made->settings;
        made->settings = now;
        cir_composer *other = composer_new(made, methods[m]);
        made->settings = before;
        composed = compose(other, image, "at night");
        assert_true(is_same_query(&composed.query, &again.query));
        assert_string_equal(cir_composer_get_text_key(composer), cir_composer_get_text_key(other));
        strcpy(key, cir_composer_get_text_key(composer));
        cir_composed_done(&again);
        cir_composed_done(&composed);
        cir_composer_free(other);
        cir_composer_free(composer);

        made->settings.context = 7;
        composer = composer_new(made, methods[m]);
        made->settings = before;
        assert_int_equal(strcmp(key, cir_composer_get_text_key(composer)) != 0, m < 2);
        cir_composer_free(composer);
    }
    cir_composer *composer = composer_new(made, CIR_METHOD_FREEDOM_MINUS);
    cir_composed composed;
    assert_string_equal(cir_composer_get_text_key(composer), "");
    assert_int_equal(cir_composer_encode_text(composer, NULL, "at night", text, NULL, &err), CIR_ARGUMENT);
    assert_int_equal(cir_composer_compose_features(composer, NULL, image, text, NULL, &composed, &err),
                     CIR_ARGUMENT);
    cir_composer_free(composer);
    scene_free(made);
}

static void test_external_is_not_for_an_index(void **state)
{
    (void)state;
    scene *made = scene_new(5);
    cir_composer *composer;
    cir_error err;
    assert_int_equal(cir_composer_new(&made->index, &made->model, NULL, CIR_METHOD_EXTERNAL, &made->settings,
                                      &composer, &err),
                     CIR_ARGUMENT);
    assert_null(composer);
    assert_non_null(strstr(err.message, "cir eval"));
    scene_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_the_methods),
        cmocka_unit_test(test_words_are_read_among_object_terms),
        cmocka_unit_test(test_what_was_made_is_kept),
        cmocka_unit_test(test_other_settings_are_kept_apart),
        cmocka_unit_test(test_minima_do_not_drift),
        cmocka_unit_test(test_the_image_mean_follows_the_index),
        cmocka_unit_test(test_almost_empty_indexes),
        cmocka_unit_test(test_rows_of_nonsense_do_not_spread),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_baselines_make_nothing),
        cmocka_unit_test(test_words_are_encoded_once),
        cmocka_unit_test(test_weicom_is_percentiles),
        cmocka_unit_test(test_freedom_puts_photos_into_words),
        cmocka_unit_test(test_words_made_before_are_as_good),
        cmocka_unit_test(test_external_is_not_for_an_index),
    };
    return cmocka_run_group_tests_name("composer", tests, NULL, NULL);
}

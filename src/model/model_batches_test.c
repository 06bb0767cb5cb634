/* Threads, neighbours and shared prefixes change no feature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/models_testing.h"

/* Words of different lengths; text i is the same in every order. */
static void make_texts(char (*texts)[40], const char **list)
{
    for (size_t i = 0; i < N_TEXTS; i++) {
        (void)snprintf(texts[i], 40, "%.*s cat %zu", (int)(i % 17), "red rat at bat on mat", i * 7);
        list[i] = texts[i];
    }
}

static size_t count_threads(void)
{
    size_t n = 0;
    DIR *listing = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        n += entry->d_name[0] != '.';
    (void)closedir(listing);
    return n;
}

static void test_threads_do_not_change_a_bit(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const size_t dim = 24;
    const size_t n_items = (size_t)N_PICTURES * 3 * 28 * 28;
    static char texts[N_TEXTS][40];
    static const char *list[N_TEXTS];
    make_texts(texts, list);
    float *tensors = malloc(n_items * sizeof *tensors);
    cir__synthetic_draw("pictures", n_items, 2, tensors);
    float *first_texts = malloc(N_TEXTS * dim * sizeof(float));
    float *first_pictures = malloc(N_PICTURES * dim * sizeof(float));
    float *features = malloc(N_TEXTS * dim * sizeof(float));
    cir_error err = {0};
    assert_int_equal(cir_model_encode_texts(model, NULL, list, N_TEXTS, first_texts, NULL, &err), CIR_OK);
    assert_int_equal(cir_model_encode_tensors(model, NULL, tensors, N_PICTURES, first_pictures, &err),
                     CIR_OK);
    static const size_t n_threads[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++) {
        cir_pool *pool;
        assert_int_equal(cir_pool_new(n_threads[i], &pool, &err), CIR_OK);
        size_t n_before = count_threads();
        assert_int_equal(cir_model_encode_texts(model, pool, list, N_TEXTS, features, NULL, &err), CIR_OK);
        assert_memory_equal(features, first_texts, N_TEXTS * dim * sizeof(float));
        assert_int_equal(cir_model_encode_tensors(model, pool, tensors, N_PICTURES, features, &err), CIR_OK);
        assert_memory_equal(features, first_pictures, N_PICTURES * dim * sizeof(float));
        /* The pool's threads are all there are: OpenMP has started none. */
        assert_true(count_threads() <= n_before);
        cir_pool_free(pool);
    }
    free(tensors);
    free(first_texts);
    free(first_pictures);
    free(features);
    cir_model_close(model);
}

static void test_neighbours_do_not_change_a_feature(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const size_t dim = 24;
    static char texts[N_TEXTS][40];
    static const char *list[N_TEXTS];
    static const char *turned[N_TEXTS];
    make_texts(texts, list);
    for (size_t i = 0; i < N_TEXTS; i++)
        turned[i] = list[N_TEXTS - 1 - i];
    float *features = malloc(N_TEXTS * dim * sizeof(float));
    float *others = malloc(N_TEXTS * dim * sizeof(float));
    cir_error err = {0};
    assert_int_equal(cir_model_encode_texts(model, NULL, list, N_TEXTS, features, NULL, &err), CIR_OK);
    assert_int_equal(cir_model_encode_texts(model, NULL, turned, N_TEXTS, others, NULL, &err), CIR_OK);
    for (size_t i = 0; i < N_TEXTS; i++)
        assert_true(largest_difference(features + i * dim, others + (N_TEXTS - 1 - i) * dim, dim) < 1e-6);
    float alone[24];
    for (size_t i = 0; i < N_TEXTS; i += 29) {
        assert_int_equal(cir_model_encode_texts(model, NULL, list + i, 1, alone, NULL, &err), CIR_OK);
        assert_true(largest_difference(features + i * dim, alone, dim) < 1e-6);
    }
    free(features);
    free(others);
    cir_model_close(model);
}

/* Watches nothing: with a hook every text is computed by itself. */
static void ignore(void *context, size_t i_layer, const float *x, size_t n_rows)
{
    (void)context;
    (void)i_layer;
    (void)x;
    (void)n_rows;
}

/* The features of texts computed by themselves; free(). */
static float *encode_plainly(const cir_model *model, const int32_t *ids, const size_t *starts, size_t n)
{
    cir_error err = {0};
    float *features = malloc(n * cir_model_get_info(model)->dim * sizeof *features);
    if (cir__model_encode_ids(model, NULL, ids, starts, n, features, ignore, NULL, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return features;
}

#define N_TERMS 40

static void test_what_texts_begin_with_is_shared(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const size_t dim = 24;
    static int32_t ids[2 * N_TERMS * 12];
    static int32_t terms[N_TERMS * 4];
    static size_t starts[2 * N_TERMS + 1];
    static size_t term_starts[N_TERMS + 1];
    size_t n = 0;
    /* "term text", then "text term"; terms have one to three tokens, some begin alike, and the first text
     * comes twice. */
    for (size_t i = 0; i < 2 * N_TERMS; i++) {
        size_t term = i == 1 ? 0 : i % N_TERMS;
        int32_t term_ids[] = {(int32_t)(term % 7), (int32_t)(term % 5 + 10), (int32_t)term};
        size_t n_term = 1 + term % 3;
        ids[n++] = 56;
        for (size_t j = 0; j < n_term && i < N_TERMS; j++)
            ids[n++] = term_ids[j];
        ids[n++] = 20;
        ids[n++] = 21;
        for (size_t j = 0; j < n_term && i >= N_TERMS; j++)
            ids[n++] = term_ids[j];
        ids[n++] = 57;
        starts[i + 1] = n;
        if (i < N_TERMS) {
            term_starts[i + 1] = term_starts[i] + 1 + n_term;
            memcpy(terms + term_starts[i], ids + starts[i], (1 + n_term) * sizeof *terms);
        }
    }
    float *plain = encode_plainly(model, ids, starts, 2 * N_TERMS);
    float *shared = malloc(2 * N_TERMS * dim * sizeof *shared);
    const cir__text_tower *tower;
    cir_error err = {0};
    assert_int_equal(cir__model_get_text_tower(model, &tower, &err), CIR_OK);
    /* Nothing kept; the terms; half of them, one longer than what follows it; the first term's tokens and all
     * of a text. */
    for (int turn = 0; turn < 4; turn++) {
        const size_t whole[] = {0, starts[1]};
        if (turn == 1 || turn == 2)
            assert_int_equal(cir__text_tower_cache_prefixes(tower, NULL, terms, term_starts,
                                                            turn == 1 ? N_TERMS : N_TERMS / 2, "test", &err),
                             CIR_OK);
        if (turn == 3)
            assert_int_equal(cir__text_tower_cache_prefixes(tower, NULL, ids, whole, 1, "test", &err),
                             CIR_OK);
        for (int again = 0; again < 2; again++) {
            memset(shared, 0, 2 * N_TERMS * dim * sizeof *shared);
            if (cir__model_encode_ids(model, NULL, ids, starts, 2 * N_TERMS, shared, NULL, NULL, &err) !=
                CIR_OK)
                fail_msg("%s", err.message);
            assert_true(largest_difference(shared, plain, 2 * N_TERMS * dim) < 1e-6);
        }
    }
    assert_int_equal(cir__text_tower_cache_prefixes(tower, NULL, terms, term_starts, 0, "test", &err),
                     CIR_OK);
    ids[1] = 60;
    assert_int_equal(cir__text_tower_cache_prefixes(tower, NULL, ids, starts, 1, "test", &err), CIR_ARGUMENT);
    free(plain);
    free(shared);
    cir_model_close(model);
}

static void test_many_equal_texts_are_one(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const size_t n = 5000;
    const char **texts = malloc(n * sizeof *texts);
    float *features = malloc(n * 24 * sizeof *features);
    cir_error err = {0};
    for (size_t i = 0; i < n; i++)
        texts[i] = i % 2 == 0 ? "cat" : "a rat";
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, n, features, NULL, &err), CIR_OK);
    for (size_t i = 2; i < n; i++)
        assert_true(largest_difference(features + i * 24, features + i % 2 * 24, 24) < 1e-6);
    free(texts);
    free(features);
    cir_model_close(model);
}

static void test_prefixes_of_every_kind_change_nothing(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const char *texts[] = {"cat red", "red cat", "", "cat", "a rat at bat zebra cat red bat at rat cat"};
    const char *prefixes[] = {"cat", "", "red", "a rat at bat zebra cat red bat at rat cat", "<|endoftext|>"};
    float plain[5 * 24];
    float features[5 * 24];
    cir_error err = {0};
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, 5, plain, NULL, &err), CIR_OK);
    for (size_t n = 0; n <= 5; n++) {
        if (cir_model_cache_prefixes(model, NULL, prefixes, n, &err) != CIR_OK)
            fail_msg("%s", err.message);
        assert_int_equal(cir_model_encode_texts(model, NULL, texts, 5, features, NULL, &err), CIR_OK);
        assert_true(largest_difference(features, plain, 5 * 24) < 1e-6);
    }
    cir_model_close(model);
    char folder[CIR__MADE_PATH_SIZE];
    make_siglip_folder(folder, "siglip");
    model = open_model(folder);
    assert_int_equal(cir_model_cache_prefixes(model, NULL, prefixes, 5, &err), CIR_OK); /* nothing to keep */
    cir_model_close(model);
    cir__made_folder_remove(folder);
}

/* Other prefixes are named while others encode. */
static void *rename_prefixes(void *argument)
{
    const char *texts[] = {"cat", "red cat", "a rat"};
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(cir_model_cache_prefixes(argument, NULL, texts + i % 3, 1, NULL), CIR_OK);
    return NULL;
}

static void test_prefixes_may_change_meanwhile(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    const char *texts[] = {"cat red", "red cat at bat"};
    float plain[2 * 24];
    float features[2 * 24];
    pthread_t thread;
    assert_int_equal(cir_model_encode_texts(model, NULL, texts, 2, plain, NULL, NULL), CIR_OK);
    assert_int_equal(pthread_create(&thread, NULL, rename_prefixes, model), 0);
    for (size_t i = 0; i < 60; i++) {
        assert_int_equal(cir_model_encode_texts(model, NULL, texts, 2, features, NULL, NULL), CIR_OK);
        assert_true(largest_difference(features, plain, 2 * 24) < 1e-6);
    }
    pthread_join(thread, NULL);
    cir_model_close(model);
}

typedef struct caller {
    const cir_model *model;
    float features[24];
    cir_status status;
} caller;

static void *encode_from_a_thread(void *argument)
{
    caller *self = argument;
    const char *text = "cat";
    self->status = cir_model_encode_texts(self->model, NULL, &text, 1, self->features, NULL, NULL);
    return NULL;
}

static void test_several_threads_may_come_first(void **state)
{
    (void)state;
    cir_model *model = open_tiny();
    pthread_t threads[4];
    caller callers[4];
    for (size_t i = 0; i < 4; i++) {
        callers[i] = (caller){.model = model};
        assert_int_equal(pthread_create(&threads[i], NULL, encode_from_a_thread, &callers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].status, CIR_OK);
        assert_memory_equal(callers[i].features, callers[0].features, sizeof callers[0].features);
    }
    cir_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neighbours_do_not_change_a_feature),
        cmocka_unit_test(test_what_texts_begin_with_is_shared),
        cmocka_unit_test(test_many_equal_texts_are_one),
        cmocka_unit_test(test_prefixes_of_every_kind_change_nothing),
        cmocka_unit_test(test_prefixes_may_change_meanwhile),
        cmocka_unit_test(test_several_threads_may_come_first),
        cmocka_unit_test(test_threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

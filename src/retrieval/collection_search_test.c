/* What a search call refuses, callers of other versions, and many calls at once. */
#include <pthread.h>
#include <string.h>

#include "retrieval/scene_testing.h"

static const char words[] = "as a pencil sketch";
static scene s;

static int set_up(void **state)
{
    (void)state;
    scene_init(&s, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scene_done(&s);
    return 0;
}

/* ---- the request ---- */

static void test_refusals(void **state)
{
    (void)state;
    cir_request_fault fault;
    cir_search_request request = scene_request();
    scene_refuse(&s, &request, CIR_ARGUMENT, "neither a photo nor words");
    request.text = " \t";
    assert_int_equal(cir_search_request_check(&request, &fault, NULL), CIR_ARGUMENT);
    assert_int_equal(fault, CIR_REQUEST_FAULT_QUERY);
    request.text = words;
    assert_int_equal(cir_search_request_check(&request, &fault, NULL), CIR_OK);
    assert_int_equal(fault, CIR_REQUEST_FAULT_NONE);
    request.image_region = (cir_region){0, 0, 1, 1};
    assert_int_equal(cir_search_request_check(&request, &fault, NULL), CIR_ARGUMENT);
    assert_int_equal(fault, CIR_REQUEST_FAULT_REGION);
    request.image_id = 1;
    request.image_region = (cir_region){0.5, 0, 0.6, 1};
    scene_refuse(&s, &request, CIR_ARGUMENT, "part of the picture");
    request.image_region = (cir_region){0};
    request.image_path = "x.jpg";
    scene_refuse(&s, &request, CIR_ARGUMENT, "more than one photo");
    request.image_id = CIR_NO_ID;
    scene_refuse(&s, &request, CIR_NOT_FOUND, "x.jpg");
    request.image_path = NULL;
    request.image_id = 1000;
    scene_refuse(&s, &request, CIR_NOT_FOUND, "1000");
    request.image_id = 1;
    request.k = 0;
    scene_refuse(&s, &request, CIR_ARGUMENT, "k: is 0");
    request.k = 1;
    request.method = (cir_method)77;
    scene_refuse(&s, &request, CIR_ARGUMENT, "method: 77");
}

/* Programs that were compiled for a smaller or a larger struct. */
static void test_other_sizes(void **state)
{
    (void)state;
    struct {
        cir_search_request known;
        void *new_member;
    } newer;
    cir_search_request_init(&newer.known, sizeof newer);
    newer.known.text = words;
    cir_answer *answer = scene_search(&s, &newer.known);
    newer.new_member = &newer;
    scene_refuse(&s, &newer.known, CIR_UNSUPPORTED, "does not know");
    cir_search_request older = {.fold_duplicates = true, .explain = true};
    cir_search_request_init(&older, offsetof(cir_search_request, filter));
    older.text = words;
    older.filter = (const cir_photo_filter *)1; /* not read: behind what the caller knows */
    cir_answer *old_answer = scene_search(&s, &older);
    scene_assert_same(answer, old_answer);
    assert_false(cir_answer_get_info(old_answer)->has_ranks);
    cir_answer_free(answer);
    cir_answer_free(old_answer);
    older.size = 0;
    scene_refuse(&s, &older, CIR_ARGUMENT, "cir_search_request_init");
}

/* ---- many at once ---- */

enum { N_THREADS = 6, N_ROUNDS = 3 };
static cir_answer *expected[CIR_N_METHODS];

static cir_search_request threads_request(int method)
{
    cir_search_request request = scene_request();
    request.method = (cir_method)method;
    request.image_id = 4;
    request.text = words;
    request.k = 9;
    request.fold_duplicates = method % 2 == 0;
    return request;
}

static void *search_all(void *context)
{
    size_t *n_wrong = context;
    cir_photo_filter filter;
    cir_photo_filter_init(&filter, sizeof filter);
    filter.camera = "X";
    for (int round = 0; round < N_ROUNDS; round++)
        for (int method = 0; method < CIR_N_METHODS; method++) {
            const cir_search_request request = threads_request(method);
            cir_answer *answer;
            if (expected[method] == NULL)
                continue;
            if (cir_collection_search(s.collection, &request, &answer, NULL) != CIR_OK) {
                ++*n_wrong;
                continue;
            }
            const size_t n = cir_answer_get_n_hits(answer);
            bool is_right = n == cir_answer_get_n_hits(expected[method]);
            for (size_t i = 0; i < n && is_right; i++)
                is_right =
                    cir_answer_get_hit(answer, i)->id == cir_answer_get_hit(expected[method], i)->id &&
                    cir_answer_get_hit(answer, i)->score == cir_answer_get_hit(expected[method], i)->score;
            *n_wrong += !is_right;
            cir_answer_free(answer);
            size_t ids[4], n_ids;
            if (cir_collection_set_camera(s.collection, (size_t)method, "X", NULL) != CIR_OK ||
                cir_collection_list(s.collection, &filter, 0, 4, ids, &n_ids, NULL, NULL) != CIR_OK ||
                n_ids == 0 || cir_collection_get_camera(s.collection, ids[0]) == NULL)
                ++*n_wrong;
        }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[N_THREADS];
    size_t n_wrong[N_THREADS] = {0};
    cir_collection *first = s.collection;
    for (int method = 0; method < CIR_N_METHODS; method++) {
        const cir_search_request request = threads_request(method);
        if (!cir_method_get_info((cir_method)method)->needs_composed)
            expected[method] = scene_search(&s, &request);
    }
    /* One that has nothing ready as yet. */
    assert_int_equal(cir_collection_reopen(first, &s.collection, NULL), CIR_OK);
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, search_all, &n_wrong[i]), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(n_wrong[i], 0);
    }
    for (int method = 0; method < CIR_N_METHODS; method++)
        cir_answer_free(expected[method]);
    cir_collection_close(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_other_sizes),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

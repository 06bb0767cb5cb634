/* Synthetic indexes as the library's own functions see them; test/bench_test.py looks at the features with
 * numpy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cir/search.h"
#include "cir/synthetic.h"
#include "index/synthetic/index_testing.h"
#include "index/synthetic/synthetic_rows.h"

enum { N_ROWS = 40000, DIM = 24, SEED = 5 };

static int set_up(void **state)
{
    testing *t = calloc(1, sizeof *t);
    testing_init(t, 2);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    testing_done(*state);
    free(*state);
    return 0;
}

typedef struct heard {
    size_t n_calls, n_done, stops_at; /* 0: never */
} heard;

static bool hear(void *context, const cir_update_progress *progress)
{
    heard *self = context;
    self->n_calls++;
    assert_int_equal(progress->n_found, N_ROWS);
    assert_true(progress->n_done > self->n_done && progress->n_done <= N_ROWS);
    self->n_done = progress->n_done;
    return self->stops_at == 0 || progress->n_done < self->stops_at;
}

static void refuse_findings(void *context, const char *finding, bool was_repaired)
{
    (void)context;
    (void)was_repaired;
    fail_msg("%s", finding);
}

static void check(const testing *t, size_t n_rows)
{
    cir_error err;
    cir_check_result result;
    assert_int_equal(cir_index_check(t->index, false, t->pool, refuse_findings, NULL, &result, &err), CIR_OK);
    assert_int_equal(result.n_rows, n_rows);
}

static void test_it_opens_checks_and_is_searched(void **state)
{
    testing *t = *state;
    cir_error err;
    heard progress = {0};
    const cir_update_options options = {.size = sizeof options, .watch = hear, .watch_context = &progress};
    assert_int_equal(cir_index_make_synthetic(t->index, N_ROWS, DIM, SEED, t->pool, &options, &err), CIR_OK);
    assert_true(progress.n_calls > 1);
    assert_int_equal(progress.n_done, N_ROWS);
    check(t, N_ROWS);
    cir_index *index;
    assert_int_equal(cir_index_open(t->index, NULL, &index, &err), CIR_OK);
    assert_int_equal(cir_index_get_info(index)->n_ready, N_ROWS);
    const cir_rows rows = cir_index_get_rows(index);
    for (size_t id = 0; id < N_ROWS; id += 9999) {
        float feature[DIM];
        cir_hit hit;
        size_t n_hits;
        assert_int_equal(cir_index_get_feature(index, id, feature, &err), CIR_OK);
        const cir_query query = {.dim = DIM, .a = feature, .fusion = {.kind = CIR_FUSION_IMAGE}};
        assert_int_equal(cir_search_top(&rows, &query, 1, t->pool, &hit, &n_hits, &err), CIR_OK);
        assert_int_equal(hit.id, id);
    }
    cir_index_close(index);
}

/* Rows do not depend on who asks for them, nor in which order; those beyond the index are others. */
static void test_rows_are_those_of_their_numbers(void **state)
{
    testing *t = *state;
    cir_error err;
    cir__synthetic_rows *made;
    float scratch[DIM];
    uint16_t row[DIM], more[DIM];
    assert_int_equal(cir_index_make_synthetic(t->index, N_ROWS, DIM, SEED, t->pool, NULL, &err), CIR_OK);
    cir_index *index;
    assert_int_equal(cir_index_open(t->index, NULL, &index, &err), CIR_OK);
    assert_int_equal(cir__synthetic_rows_new(N_ROWS, DIM, SEED, &made, &err), CIR_OK);
    for (size_t i = N_ROWS; i-- > 0;) {
        cir__synthetic_rows_get(made, i, scratch, row);
        assert_memory_equal(row, cir_index_get_rows(index).f16 + i * DIM, sizeof row);
    }
    cir__synthetic_rows_get(made, N_ROWS, scratch, more);
    assert_memory_not_equal(row, more, sizeof row);
    float centre[DIM];
    double square = 0;
    for (size_t c = 0; c < 100; c++) {
        cir__synthetic_rows_centre(made, c, centre);
        for (size_t i = 0; i < DIM; i++)
            square += (double)(centre[i] * centre[i]) / 100;
    }
    assert_true(square > 0.8 && square < 1.2);
    cir__synthetic_rows_free(made);
    cir_index_close(index);
}

static void test_what_is_stopped_is_kept(void **state)
{
    testing *t = *state;
    cir_error err;
    heard progress = {.stops_at = 1};
    const cir_update_options options = {.size = sizeof options, .watch = hear, .watch_context = &progress};
    assert_int_equal(cir_index_make_synthetic(t->index, N_ROWS, DIM, SEED, t->pool, &options, &err),
                     CIR_INTERRUPTED);
    assert_int_equal(progress.n_calls, 1);
    assert_non_null(strstr(err.message, "stopped on request"));
    check(t, progress.n_done);
    assert_int_equal(cir_index_make_synthetic(t->index, N_ROWS, DIM, SEED, t->pool, NULL, &err),
                     CIR_ARGUMENT);
    assert_non_null(strstr(err.message, "is there already"));
    check(t, progress.n_done);
}

static void test_what_cannot_be_is_refused(void **state)
{
    testing *t = *state;
    cir_error err;
    assert_int_equal(cir_index_make_synthetic(t->index, 0, DIM, SEED, t->pool, NULL, &err), CIR_ARGUMENT);
    assert_int_equal(cir_index_make_synthetic(t->index, 1, 1, SEED, t->pool, NULL, &err), CIR_ARGUMENT);
    assert_int_equal(
        cir_index_make_synthetic(t->index, 1, CIR_SYNTHETIC_MAX_DIM + 1, SEED, t->pool, NULL, &err),
        CIR_ARGUMENT);
    assert_int_equal(cir_index_make_synthetic(t->index, CIR_SYNTHETIC_MAX_ROWS + (size_t)1, DIM, SEED,
                                              t->pool, NULL, &err),
                     CIR_ARGUMENT);
    assert_int_equal(cir_index_make_synthetic(t->index, CIR_SYNTHETIC_MAX_ROWS, CIR_SYNTHETIC_MAX_DIM, SEED,
                                              t->pool, NULL, &err),
                     CIR_FULL);
    struct stat facts;
    assert_int_equal(stat(t->index, &facts), -1);
    assert_int_equal(cir_index_make_synthetic("/nowhere/at/all.cir", 1, DIM, SEED, t->pool, NULL, &err),
                     CIR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_opens_checks_and_is_searched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_are_those_of_their_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_stopped_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Searching by codes against reading all rows. */
#include "search/search_testing.h"

#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static cir_pool *pool_new(size_t n_threads)
{
    cir_pool *pool;
    cir_error err;
    assert_int_equal(cir_pool_new(n_threads, &pool, &err), CIR_OK);
    return pool;
}

/* BASIC's: scores as min-normalisation makes them. */
static cir_query basic_query(const testing_rows *t)
{
    return (cir_query){.dim = t->rows.dim,
                       .a = t->a,
                       .a0 = 0.5f,
                       .b = t->b,
                       .b0 = 0.6f,
                       .fusion = {.kind = CIR_FUSE_HARRIS, .clamp = true, .lambda = 0.1f, .weight = 0.5f}};
}

static size_t list_fusions(cir_fusion *out)
{
    static const float lambdas[] = {0, 0.1f, 0.3f, -0.1f};
    size_t n = 0;
    for (int clamp = 0; clamp < 2; clamp++) {
        for (int kind = CIR_FUSE_IMAGE; kind <= CIR_FUSE_GAUSS; kind++)
            for (size_t i = 0; i < 4; i++)
                if (kind == CIR_FUSE_HARRIS || i == 0)
                    out[n++] = (cir_fusion){(cir_fusion_kind)kind, clamp, lambdas[i], 0.5f};
        out[n++] = (cir_fusion){.kind = CIR_FUSE_SUM, .clamp = clamp, .weight = 0.3f};
        out[n++] = (cir_fusion){.kind = CIR_FUSE_GAUSS, .clamp = clamp, .weight = 0.8f};
    }
    out[n++] = (cir_fusion){.kind = CIR_FUSE_PRODUCT, .clamp = true, .weight = 0.3f};
    return n;
}

static void assert_hits_equal(const cir_hit *hits, const cir_hit *right, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(hits[i].id, right[i].id);
        assert_memory_equal(&hits[i].score, &right[i].score, sizeof(float));
        assert_memory_equal(&hits[i].image_score, &right[i].image_score, sizeof(float));
        assert_memory_equal(&hits[i].text_score, &right[i].text_score, sizeof(float));
    }
}

static cir_search_report find(const cir_rows *rows, const cir_query *query, size_t k, double recall,
                              cir_pool *pool, cir_hit *hits, size_t *n)
{
    const cir_search_options options = {.recall = recall};
    cir_search_report report;
    cir_error err;
    if (cir_search_find(rows, query, 1, k, &options, pool, hits, n, &report, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return report;
}

/* recall = exact gives what reading all rows gives, to the bit; *n_by_codes counts where codes did it. */
static void check_exact(const cir_rows *rows, const cir_query *query, size_t k, cir_pool *pool,
                        size_t *n_by_codes)
{
    cir_hit *const right = malloc(k * sizeof *right), *const hits = malloc(k * sizeof *hits);
    size_t n_right, n;
    cir_error err;
    assert_int_equal(cir_search_top(rows, query, k, pool, right, &n_right, &err), CIR_OK);
    const cir_search_report report = find(rows, query, k, 1, pool, hits, &n);
    assert_int_equal(n, n_right);
    assert_hits_equal(hits, right, n);
    *n_by_codes += report.used_codes;
    free(right);
    free(hits);
}

static void test_exact_is_exact_on_every_shape(void **state)
{
    (void)state;
    cir_pool *pool = pool_new(2);
    cir_fusion fusions[40];
    const size_t n_fusions = list_fusions(fusions);
    size_t n_by_codes = 0;

    for (testing_shape shape = 0; shape < TESTING_N_SHAPES; shape++) {
        testing_rows t;
        testing_rows_init(&t, shape, 3000, 200, 3 + (uint64_t)shape);
        for (size_t f = 0; f < n_fusions; f++) {
            cir_query query = basic_query(&t);
            query.fusion = fusions[f];
            t.rows.ready = f % 2 == 0 ? t.ready : NULL;
            check_exact(&t.rows, &query, f % 3 == 0 ? 1 : 30, pool, &n_by_codes);
        }
        testing_rows_done(&t);
    }
    assert_true(n_by_codes > 30); /* the others fall back to reading all rows, as they should */
    cir_pool_free(pool);
}

/* Queries that are out of the ordinary; on rows of which the second half is 0. */
static void test_exact_is_exact_for_odd_queries(void **state)
{
    (void)state;
    testing_rows t;
    size_t n_by_codes = 0;
    enum { DIM = 512 };
    testing_rows_init(&t, TESTING_HALF, 5000, DIM, 17);
    float *const orthogonal = calloc(DIM, sizeof *orthogonal);
    orthogonal[400] = 0.5f;
    static const float sizes[] = {1, 1e30f, 1e-30f, 1e-42f, 3e38f, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float a[DIM], b[DIM];
        for (size_t j = 0; j < DIM; j++) {
            a[j] = t.a[j] * sizes[i];
            b[j] = t.b[j] * sizes[i];
        }
        cir_query query = basic_query(&t);
        query.a = a;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
        query.b = b;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
        query.a0 = query.b0 = 0;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
        query.b0 = -1e20f;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
    }
    cir_query query = basic_query(&t);
    query.a = orthogonal;
    check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
    query.b = orthogonal;
    check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
    query = basic_query(&t);
    for (int side = 0; side < 2; side++) { /* one side alone */
        query.fusion.kind = side == 0 ? CIR_FUSE_IMAGE : CIR_FUSE_TEXT;
        query.a = side == 0 ? t.a : NULL;
        query.b = side == 0 ? NULL : t.b;
        check_exact(&t.rows, &query, 20, NULL, &n_by_codes);
    }
    assert_true(n_by_codes > 6);
    free(orthogonal);
    testing_rows_done(&t);
}

static double recall_of(const testing_rows *t, const cir_query *query, size_t k, cir_search_report *report)
{
    cir_hit *const right = malloc(k * sizeof *right), *const hits = malloc(k * sizeof *hits);
    size_t n_right, n, n_found = 0;
    cir_error err;
    assert_int_equal(cir_search_top(&t->rows, query, k, NULL, right, &n_right, &err), CIR_OK);
    *report = find(&t->rows, query, k, 0, NULL, hits, &n);
    assert_int_equal(n, n_right);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_right; j++)
            if (hits[i].id == right[j].id) {
                assert_hits_equal(&hits[i], &right[j], 1);
                n_found++;
            }
    free(right);
    free(hits);
    return (double)n_found / (double)n_right;
}

/* The default recall, on average over queries of both sides and of one. */
static void test_recall_is_what_it_says(void **state)
{
    (void)state;
    enum { N_QUERIES = 16, MAX_DIM = 256 };
    static const testing_shape shapes[] = {TESTING_UNIFORM, TESTING_CLUSTERED, TESTING_DUPLICATES,
                                           TESTING_AT_CENTRE};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        /* Among few rows without a structure, too many are too near for codes to be of use. */
        const size_t n_rows = shapes[s] == TESTING_UNIFORM ? 60000 : 16000;
        const size_t dim = shapes[s] == TESTING_UNIFORM ? 64 : MAX_DIM;
        testing_rows t;
        uint64_t random = 71;
        double recalls[2] = {0};
        size_t n_by_codes = 0, n_rescored = 0;
        testing_rows_init(&t, shapes[s], n_rows, dim, 23 + s);
        for (size_t q = 0; q < N_QUERIES; q++) {
            float a[MAX_DIM];
            cir_query query = basic_query(&t);
            cir_search_report report;
            for (size_t i = 0; i < dim; i++)
                a[i] = t.a[i] + 0.03f * testing_gauss(&random);
            query.a = a;
            query.fusion.kind = q % 2 == 0 ? CIR_FUSE_HARRIS : CIR_FUSE_IMAGE;
            for (size_t k = 0; k < 2; k++) {
                recalls[k] += recall_of(&t, &query, k == 0 ? 10 : 100, &report) / N_QUERIES;
                n_by_codes += report.used_codes;
                n_rescored += report.n_rescored;
            }
        }
        if (recalls[0] < 0.99 || recalls[1] < 0.99)
            fail_msg("shape %d: recall is %g at 10, %g at 100", (int)shapes[s], recalls[0], recalls[1]);
        if (shapes[s] == TESTING_CLUSTERED) {
            assert_int_equal(n_by_codes, 2 * N_QUERIES);
            assert_true(n_rescored < 2 * N_QUERIES * n_rows / 10);
        }
        if (shapes[s] == TESTING_UNIFORM)
            assert_true(n_by_codes > 2);
        testing_rows_done(&t);
    }
}

/* A lower recall reads fewer rows. */
static void test_recall_has_its_price(void **state)
{
    (void)state;
    testing_rows t;
    cir_hit hits[50];
    size_t n, n_before = 0;
    testing_rows_init(&t, TESTING_CLUSTERED, 20000, 384, 29);
    const cir_query query = basic_query(&t);
    static const double recalls[] = {0.5, 0.8, 0.95, 0.999, 1};
    for (size_t i = 0; i < sizeof recalls / sizeof *recalls; i++) {
        const cir_search_report report = find(&t.rows, &query, 50, recalls[i], NULL, hits, &n);
        assert_true(report.used_codes && report.n_rescored >= n_before);
        assert_true(report.n_candidates >= report.n_rescored && report.n_rescored >= 50);
        n_before = report.n_rescored;
    }
    assert_true(find(&t.rows, &query, 50, 0.5, NULL, hits, &n).n_rescored < n_before);
    testing_rows_done(&t);
}

/* Codes that are not what they should be: each of the answers is right, if not all are there. */
static void assert_hits_are_scores(const cir_rows *rows, const cir_query *query, const cir_hit *hits,
                                   size_t n)
{
    float *const scores = malloc(rows->n_rows * sizeof *scores);
    cir_error err;
    assert_int_equal(cir_search_scores(rows, query, NULL, scores, NULL, NULL, &err), CIR_OK);
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(&hits[i].score, &scores[hits[i].id], sizeof(float));
        assert_true(i == 0 || hits[i - 1].score > hits[i].score ||
                    (hits[i - 1].score == hits[i].score && hits[i - 1].id < hits[i].id));
    }
    free(scores);
}

static void test_damaged_codes_do_no_harm(void **state)
{
    (void)state;
    enum { N_ROWS = 12000, DIM = 384, K = 10 };
    testing_rows t;
    uint64_t random = 91;
    cir_hit hits[K];
    size_t n, n_by_codes = 0;
    testing_rows_init(&t, TESTING_CLUSTERED, N_ROWS, DIM, 31);
    const cir_query query = basic_query(&t);
    const size_t block_bytes = cir__coder_block_bytes(t.coder), n_blocks = N_ROWS / CIR__CODE_ROWS;
    for (size_t i = 0; i < 4; i++) { /* factors and spreads that are no numbers: rows are read themselves */
        uint8_t *const block = t.blocks + testing_bits(&random) % n_blocks * block_bytes;
        memset(block + block_bytes - 256 + (i % 2 == 0 ? 0 : 128), 0xff, 128);
    }
    check_exact(&t.rows, &query, K, NULL, &n_by_codes);
    assert_int_equal(n_by_codes, 1);
    for (size_t round = 0; round < 30; round++) {
        for (size_t i = 0; i < 200; i++)
            t.blocks[testing_bits(&random) % (n_blocks * block_bytes)] ^= (uint8_t)(1u << round % 8);
        (void)find(&t.rows, &query, K, round % 2 == 0 ? 1 : 0.99, NULL, hits, &n);
        assert_int_equal(n, K);
        assert_hits_are_scores(&t.rows, &query, hits, n);
    }
    memset(t.blocks, 0xff, n_blocks * block_bytes);
    check_exact(&t.rows, &query, K, NULL, &n_by_codes);
    assert_int_equal(n_by_codes, 1);
    testing_rows_done(&t);
}

/* Rows whose codes are those of other rows, rows behind the last code, and rows that are not searched. */
static void test_rows_without_a_code_are_found(void **state)
{
    (void)state;
    enum { N_ROWS = 12000, DIM = 384, N_CODED = 11901, N_STALE = 120 };
    testing_rows t;
    uint64_t random = 5;
    size_t stale[N_STALE], n_by_codes = 0;
    testing_rows_init(&t, TESTING_CLUSTERED, N_ROWS, DIM, 37);
    const cir_query query = basic_query(&t);
    testing_rows_code(&t, N_CODED);
    cir_hit best[10];
    size_t n;
    (void)find(&t.rows, &query, 10, 1, NULL, best, &n);
    for (size_t i = 0; i < N_STALE; i++) { /* a row's features change places with another's */
        stale[i] = i * 90 + testing_bits(&random) % 90;
        for (size_t j = 0; j < 10; j++)
            if (best[j].id / 90 == i) /* found by its code, too: it counts once */
                stale[i] = best[j].id;
        if (stale[i] == best[0].id || stale[i] == best[1].id)
            continue;
        const size_t r = stale[i], other = i % 12 == 0 ? best[i / 12].id : testing_bits(&random) % N_ROWS;
        memcpy(t.f16 + r * DIM, t.f16 + other * DIM, DIM * sizeof *t.f16);
        t.ready[r] = i % 5 != 0;
    }
    memcpy(t.f16 + (N_ROWS - 3) * DIM, t.f16 + best[0].id * DIM, DIM * sizeof *t.f16);
    t.codes.stale = stale;
    t.codes.n_stale = N_STALE;
    for (int has_ready = 0; has_ready < 2; has_ready++)
        for (size_t k = 1; k <= 40; k += 13) {
            t.rows.ready = has_ready ? t.ready : NULL;
            check_exact(&t.rows, &query, k, NULL, &n_by_codes);
        }
    assert_true(n_by_codes >= 6);
    cir_hit hits[3];
    t.rows.ready = NULL;
    (void)find(&t.rows, &query, 3, 0.9, NULL, hits, &n);
    assert_true(hits[0].score == hits[1].score && hits[1].score == hits[2].score); /* the copies */
    /* Codes of more rows than are searched: an index that grew after its rows were looked up. */
    t.rows.n_rows = N_CODED - 700;
    t.codes.n_stale = 0;
    testing_rows_code(&t, N_CODED);
    check_exact(&t.rows, &query, 10, NULL, &n_by_codes);
    /* Almost nobody is searched, or nobody at all. */
    memset(t.ready, 0, N_ROWS);
    t.rows.ready = t.ready;
    check_exact(&t.rows, &query, 10, NULL, &n_by_codes);
    t.ready[77] = t.ready[7200] = 1;
    check_exact(&t.rows, &query, 1, NULL, &n_by_codes);
    check_exact(&t.rows, &query, 10, NULL, &n_by_codes);
    testing_rows_done(&t);
}

static void test_more_answers_than_rows(void **state)
{
    (void)state;
    static const size_t n_rows[] = {0, 1, 63, 64, 65, 700};
    for (size_t i = 0; i < sizeof n_rows / sizeof *n_rows; i++) {
        testing_rows t;
        size_t n_by_codes = 0;
        testing_rows_init(&t, TESTING_CLUSTERED, n_rows[i] > 0 ? n_rows[i] : 1, 40, 41);
        t.rows.n_rows = n_rows[i];
        const cir_query query = basic_query(&t);
        check_exact(&t.rows, &query, 1, NULL, &n_by_codes);
        check_exact(&t.rows, &query, 64, NULL, &n_by_codes);
        check_exact(&t.rows, &query, 511, NULL, &n_by_codes);
        check_exact(&t.rows, &query, 5000, NULL, &n_by_codes);
        assert_true(n_by_codes >= 3 || n_rows[i] == 700);
        testing_rows_done(&t);
    }
}

/* Neither threads nor company change an answer, not even what is missed. */
static void test_threads_and_batches_change_nothing(void **state)
{
    (void)state;
    enum { N_ROWS = 12000, DIM = 128, N_QUERIES = 70, K = 20 };
    static cir_hit alone[N_QUERIES][K], all[N_QUERIES][K];
    static float a[N_QUERIES][DIM];
    testing_rows t;
    cir_query queries[N_QUERIES];
    size_t n_alone[N_QUERIES], n_all[N_QUERIES], n_rescored = 0;
    uint64_t random = 43;
    cir_error err;
    testing_rows_init(&t, TESTING_CLUSTERED, N_ROWS, DIM, 43);
    t.rows.ready = t.ready;
    for (size_t q = 0; q < N_QUERIES; q++) {
        for (size_t i = 0; i < DIM; i++)
            a[q][i] = t.a[i] + 0.05f * testing_gauss(&random);
        queries[q] = basic_query(&t);
        queries[q].a = a[q];
        queries[q].fusion.kind = q % 3 == 0 ? CIR_FUSE_IMAGE : q % 7 == 0 ? CIR_FUSE_SUM : CIR_FUSE_HARRIS;
        n_rescored += find(&t.rows, &queries[q], K, 0.6, NULL, alone[q], &n_alone[q]).n_rescored;
    }
    const cir_search_options options = {.recall = 0.6};
    for (size_t n_threads = 1; n_threads <= 5; n_threads += 2) {
        cir_pool *pool = pool_new(n_threads);
        cir_search_report report;
        for (size_t q = 0; q < N_QUERIES; q += 7) {
            (void)find(&t.rows, &queries[q], K, 0.6, pool, all[q], &n_all[q]);
            assert_int_equal(n_all[q], n_alone[q]);
            assert_hits_equal(all[q], alone[q], n_all[q]);
        }
        assert_int_equal(
            cir_search_find(&t.rows, queries, N_QUERIES, K, &options, pool, all[0], n_all, &report, &err),
            CIR_OK);
        assert_int_equal(report.n_rescored, n_rescored);
        assert_true(report.used_codes);
        for (size_t q = 0; q < N_QUERIES; q++) {
            assert_int_equal(n_all[q], n_alone[q]);
            assert_hits_equal(all[q], alone[q], n_all[q]);
        }
        cir_pool_free(pool);
    }
    testing_rows_done(&t);
}

/* Rows that are read from their file; and what it says when that fails. */
static void test_rows_come_from_their_file(void **state)
{
    (void)state;
    enum { N_ROWS = 6000, DIM = 512, OFFSET = 128 };
    char path[] = "/tmp/cir-find-XXXXXX";
    testing_rows t;
    size_t n, n_by_codes = 0;
    cir_hit hits[10];
    cir_error err;
    const int fd = mkstemp(path);
    testing_rows_init(&t, TESTING_CLUSTERED, N_ROWS, DIM, 47);
    const cir_query query = basic_query(&t);
    const size_t size = N_ROWS * DIM * sizeof *t.f16;
    assert_int_equal(pwrite(fd, t.f16, size, OFFSET), (ssize_t)size);
    t.codes.vectors_fd = fd;
    t.codes.vectors_path = path;
    t.codes.vectors_offset = OFFSET;
    check_exact(&t.rows, &query, 10, NULL, &n_by_codes);
    assert_int_equal(n_by_codes, 1);
    assert_int_equal(fdatasync(fd), 0); /* then the system may forget the rows, and have to read them */
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    check_exact(&t.rows, &query, 10, NULL, &n_by_codes);
    assert_int_equal(n_by_codes, 2);
    assert_int_equal(ftruncate(fd, OFFSET + (off_t)size / 16), 0);
    assert_int_equal(cir_search_find(&t.rows, &query, 1, 10, NULL, NULL, hits, &n, NULL, &err), CIR_DAMAGED);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(n, 0);
    const cir_query two[] = {query, query};
    size_t counts[2];
    cir_hit pair[20];
    assert_int_equal(cir_search_find(&t.rows, two, 2, 10, NULL, NULL, pair, counts, NULL, &err), CIR_DAMAGED);
    assert_true(counts[0] == 0 && counts[1] == 0);
    close(fd);
    t.codes.vectors_fd = open(path, O_WRONLY); /* every read fails */
    assert_int_equal(cir_search_find(&t.rows, &query, 1, 10, NULL, NULL, hits, &n, NULL, &err), CIR_IO);
    assert_non_null(strstr(err.message, path));
    close(t.codes.vectors_fd);
    unlink(path);
    testing_rows_done(&t);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    testing_rows t;
    cir_hit hits[3];
    size_t n = 7;
    cir_error err;
    testing_rows_init(&t, TESTING_CLUSTERED, 200, 40, 53);
    cir_query query = basic_query(&t);
    static const double recalls[] = {0.4, -1, 1.5, (double)NAN};
    for (size_t i = 0; i < sizeof recalls / sizeof *recalls; i++) {
        const cir_search_options options = {.recall = recalls[i]};
        assert_int_equal(cir_search_find(&t.rows, &query, 1, 3, &options, NULL, hits, &n, NULL, &err),
                         CIR_ARGUMENT);
        assert_non_null(strstr(err.message, "[0.5, 1]"));
        assert_int_equal(n, 0);
    }
    assert_int_equal(cir_search_find(&t.rows, &query, 1, 0, NULL, NULL, hits, &n, NULL, &err), CIR_ARGUMENT);
    assert_int_equal(cir_search_find(&t.rows, &query, 0, 3, NULL, NULL, hits, &n, NULL, &err), CIR_OK);
    query.b0 = NAN;
    assert_int_equal(cir_search_find(&t.rows, &query, 1, 3, NULL, NULL, hits, &n, NULL, &err), CIR_ARGUMENT);
    query = basic_query(&t);
    query.dim = 39;
    assert_int_equal(cir_search_find(&t.rows, &query, 1, 3, NULL, NULL, hits, &n, NULL, &err), CIR_SHAPE);
    query.dim = 40;
    const cir_search_options scans = {.scans = true};
    cir_search_report report = {.used_codes = true};
    assert_int_equal(cir_search_find(&t.rows, &query, 1, 3, &scans, NULL, hits, &n, &report, &err), CIR_OK);
    assert_true(!report.used_codes && n == 3);
    testing_rows_done(&t);
}

/* Memory that ends while candidates are gathered: their lists need more than what is left, reading all rows
 * does not. Sanitizers have memory of their own to see to. */
static void test_short_memory_reads_all_rows(void **state)
{
    (void)state;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    enum { N_ROWS = 100000, DIM = 64, K = 5, N_PIECES = 96 };
    testing_rows t;
    cir_hit right[K], hits[K];
    size_t n;
    cir_error err;
    testing_rows_init(&t, TESTING_UNIFORM, N_ROWS, DIM, 59);
    cir_query query = basic_query(&t);
    query.fusion = (cir_fusion){.kind = CIR_FUSE_IMAGE};
    assert_int_equal(cir_search_top(&t.rows, &query, K, NULL, right, &n, &err), CIR_OK);
    cir_search_report report = find(&t.rows, &query, K, 0.99, NULL, hits, &n);
    assert_true(report.used_codes);
    assert_true(report.n_candidates * 8 > 128 << 10); /* which lists of them have to hold */
    /* The buffer of a batch is to be had, and small pieces, which do not join: there is one in use between
     * any two. What else is free is taken. */
    void *pieces[2 * N_PIECES], **taken = NULL;
    assert_int_equal(mallopt(M_MMAP_THRESHOLD, 32 << 20), 1);
    for (size_t i = 0; i < 2 * N_PIECES; i++)
        pieces[i] = malloc(i == 0 ? 600000 : 60000);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    const struct rlimit none = {.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    for (size_t size = 1 << 20; size >= 1024; size /= 2)
        for (void **more; (more = malloc(size)) != NULL; taken = more)
            *more = taken;
    for (size_t i = 0; i < 2 * N_PIECES; i += 2)
        free(pieces[i]);
    const cir_status status = cir_search_find(&t.rows, &query, 1, K, NULL, NULL, hits, &n, &report, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    for (size_t i = 1; i < 2 * N_PIECES; i += 2)
        free(pieces[i]);
    for (void **next; taken != NULL; taken = next) {
        next = *taken;
        free(taken);
    }
    assert_int_equal(status, CIR_OK);
    assert_false(report.used_codes);
    assert_int_equal(n, K);
    assert_hits_equal(hits, right, K);
    testing_rows_done(&t);
#endif
}

int main(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10); /* fixed, so that what is large is given back when freed */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_is_exact_on_every_shape),
        cmocka_unit_test(test_exact_is_exact_for_odd_queries),
        cmocka_unit_test(test_recall_is_what_it_says),
        cmocka_unit_test(test_recall_has_its_price),
        cmocka_unit_test(test_damaged_codes_do_no_harm),
        cmocka_unit_test(test_rows_without_a_code_are_found),
        cmocka_unit_test(test_more_answers_than_rows),
        cmocka_unit_test(test_threads_and_batches_change_nothing),
        cmocka_unit_test(test_rows_come_from_their_file),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_short_memory_reads_all_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* cir_search_find with damaged codes, missing rows, little memory and bad requests. */

#include "search/find_testing.h"
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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
        const cir_search_options options = {.size = sizeof options, .recall = recalls[i]};
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
    const cir_search_options scans = {.size = sizeof scans, .scans = true};
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
    query.fusion = (cir_fusion){.kind = CIR_FUSION_IMAGE};
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
        cmocka_unit_test(test_damaged_codes_do_no_harm), cmocka_unit_test(test_rows_without_a_code_are_found),
        cmocka_unit_test(test_more_answers_than_rows),   cmocka_unit_test(test_rows_come_from_their_file),
        cmocka_unit_test(test_what_is_refused),          cmocka_unit_test(test_short_memory_reads_all_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

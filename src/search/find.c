/* Searching by codes.
 *
 * Passes over ever larger parts of the codes gather candidates (candidate_filter.h). After each, the most
 * promising ones are scored exactly, and the k-th best score so far is what the next pass' rows have to
 * reach: it never is above the final one, so that a row is lost only if its own estimate is off by more than
 * its interval. Where that does not work out, all rows are read. */
#include "cir/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "index/codes/codes.h"
#include "search/candidate_filter.h"
#include "search/lookup_tables.h"
#include "search/rescore.h"
#include "search/scan.h"
#include "search/top.h"
#include "shared/clock.h"

/* Candidates that are worth scoring one by one: so large a part of the rows, or so few. More are read faster
 * with all others, one after another. */
#define MOST_CANDIDATES(n_rows) ((n_rows) / 8 < 1024 ? (size_t)1024 : (n_rows) / 8)

/* Rows that the first pass sees, at least, as a multiple of k, and those that are scored after a pass. */
#define FIRST_ROWS 2048
#define FIRST_TIMES_K 8
#define ROUND_ROWS 128
#define ROUND_TIMES_K 2

/* After the last pass, each round of scoring is so much larger than the one before. */
#define ROUND_GROWTH 4

/* Queries of one pass: their tables stay in the caches, and the codes are read seldom enough. */
#define PASS_QUERIES ((size_t)64)

/* Where a query stands. */
typedef struct asked {
    const cir_query *query;
    cir__candidates candidates;
    cir__top top; /* lends the caller's hits */
    size_t n_candidates, n_rescored;
    bool is_given_up; /* all rows are to be read for it */
    cir_status status;
    cir_error err;
} asked;

/* What is the same for all queries of a call, and the passes under way. */
typedef struct finding {
    const cir_rows *rows;
    size_t k, n_threads;
    double deviations;
    cir_pool *pool;
    cir__rescorer *rescorers; /* [n_threads] */
    cir__candidate_filter filter;
    asked *asked; /* [filter.n_queries] */
    bool is_last; /* pass */
    cir_search_report report;
} finding;

/* Scores of a query alone are those of cir_search_top, to the bit. */
static cir_status scan(const cir_rows *rows, const cir_query *queries, size_t n_queries, size_t k,
                       cir_pool *pool, cir_hit *hits_out, size_t *n_hits_out, cir_error *err)
{
    return n_queries == 1
               ? cir_search_top(rows, queries, k, pool, hits_out, n_hits_out, err)
               : cir_search_top_batch(rows, queries, n_queries, k, pool, hits_out, n_hits_out, err);
}

/* Scores candidates in growing rounds: one of them, or as many as there are. A query with too many is given
 * up, but only when enough were scored to know a good threshold; so is one that memory is short for, as
 * reading all rows may still do without. */
static void rounds(finding *self, asked *of, cir__rescorer *rescorer, bool takes_all)
{
    const size_t n_most = MOST_CANDIDATES(self->rows->n_rows);
    cir__candidates *const candidates = &of->candidates;
    size_t n_round = ROUND_TIMES_K * self->k < ROUND_ROWS ? ROUND_ROWS : ROUND_TIMES_K * self->k;

    of->is_given_up = candidates->is_short;
    while (candidates->n > 0 && !of->is_given_up && of->status == CIR_OK) {
        of->status = cir__rescore(rescorer, of->query, candidates, n_round, self->pool, &of->top,
                                  &of->n_rescored, &of->err);
        if (!takes_all)
            break;
        of->is_given_up = candidates->n > n_most && of->n_rescored >= n_most / 4;
        n_round *= ROUND_GROWTH;
    }
}

/* One query after a pass: scores some of its candidates, after the last pass all that are left. */
static void settle_task(void *context, size_t q, size_t i_thread)
{
    finding *const self = context;
    asked *const of = &self->asked[q];
    const size_t n_before = of->candidates.n;

    if (of->is_given_up || of->status != CIR_OK)
        return;
    cir__candidate_filter_take(&self->filter, q, &of->candidates);
    of->n_candidates += of->candidates.n - n_before;
    rounds(self, of, &self->rescorers[i_thread], self->is_last);
    if (self->is_last && !of->is_given_up && of->status == CIR_OK) {
        /* Last, as they say nothing of which are promising. */
        cir__candidate_filter_take_uncoded(&self->filter, &of->candidates);
        of->n_candidates += of->candidates.n;
        rounds(self, of, &self->rescorers[i_thread], true);
    }
    self->filter.thresholds[q] = cir__rescore_kth(&of->top);
    self->filter.is_left_out[q] = of->is_given_up || of->status != CIR_OK;
}

/* All passes. */
static void sift(finding *self, size_t n_queries)
{
    const size_t n_first = FIRST_TIMES_K * self->k < FIRST_ROWS ? FIRST_ROWS : FIRST_TIMES_K * self->k;
    const size_t first = cir__candidate_filter_first_stride(&self->filter, n_first);

    for (size_t stride = first; stride > 0; stride /= CIR__CANDIDATE_FILTER_GROWTH) {
        const double begin = cir__clock_ms();
        cir__candidate_filter_run(&self->filter, stride, stride == first, self->pool);
        const double middle = cir__clock_ms();
        self->is_last = stride == 1;
        if (n_queries == 1)
            settle_task(self, 0, 0); /* whose own tasks then have all threads */
        else
            cir__pool_run(self->pool, n_queries, settle_task, self);
        self->report.codes_ms += middle - begin;
        self->report.rescore_ms += cir__clock_ms() - middle;
    }
}

/* Answers at most PASS_QUERIES queries. */
static cir_status answer(finding *self, const cir_query *queries, size_t n_queries, cir_hit *hits_out,
                         size_t *n_hits_out, cir_error *err)
{
    const double begin = cir__clock_ms();
    self->asked = cir__new(n_queries, sizeof *self->asked);
    cir_status status = self->asked == NULL ? cir__fail_memory(err, "search") : CIR_OK;
    const bool has_filter = cir__candidate_filter_init(&self->filter, self->rows, queries, n_queries,
                                                       self->deviations, self->pool, NULL) == CIR_OK;

    for (size_t q = 0; q < n_queries && status == CIR_OK; q++) {
        self->asked[q].query = &queries[q];
        self->asked[q].top = (cir__top){.k = self->k, .hits = hits_out + q * self->k};
        self->asked[q].is_given_up = !has_filter;
    }
    self->report.codes_ms += cir__clock_ms() - begin;
    if (status == CIR_OK && has_filter)
        sift(self, n_queries);
    for (size_t q = 0; q < n_queries && status == CIR_OK; q++) {
        asked *const of = &self->asked[q];
        if (of->status != CIR_OK) {
            status = of->status;
            if (err != NULL)
                *err = of->err;
        } else if (of->is_given_up) {
            self->report.used_codes = false;
            status = scan(self->rows, of->query, 1, self->k, self->pool, of->top.hits, &n_hits_out[q], err);
        } else {
            cir__top_sort(of->top.hits, of->top.n);
            n_hits_out[q] = of->top.n;
        }
        self->report.n_candidates += of->n_candidates;
        self->report.n_rescored += of->n_rescored;
    }
    cir__candidate_filter_done(&self->filter);
    for (size_t q = 0; q < n_queries && self->asked != NULL; q++)
        free(self->asked[q].candidates.items);
    free(self->asked);
    return status;
}

static cir_status check(const cir_rows *rows, const cir_query *queries, size_t n_queries, size_t k,
                        double recall, cir_error *err)
{
    cir_status status = CIR_OK;

    if (k == 0)
        return cir__fail(err, CIR_ARGUMENT, "search: 0 answers asked for; ask for at least 1");
    if (!(recall >= 0.5 && recall <= 1))
        return cir__fail(err, CIR_ARGUMENT, "search: recall is %g; it must lie in [0.5, 1]", recall);
    for (size_t q = 0; q < n_queries && status == CIR_OK; q++)
        status = cir__scan_check(rows, &queries[q], err);
    return status;
}

static void rescorers_free(cir__rescorer *rescorers, size_t n)
{
    for (size_t i = 0; i < n && rescorers != NULL; i++)
        cir__rescorer_done(&rescorers[i]);
    free(rescorers);
}

/* NULL: out of memory. */
static cir__rescorer *rescorers_new(const cir_rows *rows, size_t n)
{
    cir__rescorer *const rescorers = cir__new(n, sizeof *rescorers);

    for (size_t i = 0; i < n && rescorers != NULL; i++)
        if (cir__rescorer_init(&rescorers[i], rows, NULL) != CIR_OK) {
            rescorers_free(rescorers, n);
            return NULL;
        }
    return rescorers;
}

/* Whether their file is as long as it was. */
static bool has_whole_codes(const cir_rows *rows)
{
    return rows->codes == NULL || cir__mapped_is_whole(cir__mapped_find(rows->codes->blocks));
}

cir_status cir_search_find(const cir_rows *rows, const cir_query *queries, size_t n_queries, size_t k,
                           const cir_search_options *options, cir_pool *pool, cir_hit *hits_out,
                           size_t *n_hits_out, cir_search_report *report_out, cir_error *err)
{
    const size_t n_threads = n_queries > 1 ? cir_pool_get_n_threads(pool) : 1;
    finding self = {.rows = rows, .k = k, .n_threads = n_threads, .pool = pool};

    cir__error_clear(err);
    memset(n_hits_out, 0, n_queries * sizeof *n_hits_out);
    if (report_out != NULL)
        memset(report_out, 0, sizeof *report_out);
    cir_search_options own;
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_search_options", err);
    const double recall = own.recall == 0 ? CIR_SEARCH_RECALL : own.recall;
    if (status == CIR_OK)
        status = check(rows, queries, n_queries, k, recall, err);
    if (status != CIR_OK || n_queries == 0)
        return status;
    const bool scans = own.scans || !has_whole_codes(rows) || !cir__candidate_filter_can(rows) ||
                       k > MOST_CANDIDATES(rows->n_rows) / 2;
    self.rescorers = scans ? NULL : rescorers_new(rows, n_threads);
    if (self.rescorers == NULL)
        return scan(rows, queries, n_queries, k, pool, hits_out, n_hits_out, err);
    self.deviations = cir__lookup_deviations(recall);
    self.report.used_codes = true;
    for (size_t q = 0; q < n_queries && status == CIR_OK; q += PASS_QUERIES) {
        const size_t left = n_queries - q, n = left < PASS_QUERIES ? left : PASS_QUERIES;
        status = answer(&self, queries + q, n, hits_out + q * k, n_hits_out + q, err);
    }
    rescorers_free(self.rescorers, n_threads);
    /* Codes only make it faster: without them the answer is the same. */
    if (!has_whole_codes(rows))
        return scan(rows, queries, n_queries, k, pool, hits_out, n_hits_out, err);
    if (status == CIR_OK)
        status = cir__scan_check_read(rows, err);
    if (status != CIR_OK)
        memset(n_hits_out, 0, n_queries * sizeof *n_hits_out);
    else if (report_out != NULL)
        *report_out = self.report;
    return status;
}

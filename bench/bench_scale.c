/* How fast composed queries are answered out of a large index by compact codes, and how many of the exact
 * answers they find.
 *
 * The index is synthetic (cir bench make-index) where it is not there. Queries are in BASIC's shape
 * (scale_queries.h), each a different one; basic- is one fused search, basic first expands the photo's side
 * by its nearest images (cir__expand). Parts, all of them unless --parts names some:
 *
 *   single   one query at a time: first as the page cache has it, then again, when all that it reads is
 *            there; between queries the codes are only read, which is the limit; then the memory taken so far
 *   cold     one query after both files were dropped from the page cache
 *   recall   what both answered, compared with the exact scan
 *   batch    1, 8 and 64 queries at once, by codes and exactly; the limit of the latter is oneDNN's product
 *
 * Prints a table; --json also appends one line of JSON to a file.
 *
 *   bench_scale [--n ROWS] [--dim D] [--index DIR] [--queries Q] [--k K] [--threads T] [--recall R]
 *               [--parts P,...] [--json FILE] */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench_measure.h"
#include "cir/cir.h"
#include "cir/synthetic.h"
#include "index/codes/codes.h"
#include "kernels/kernels.h"
#include "method/expand.h"
#include "scale_queries.h"
#include "shared/clock.h"

enum { SEED = 0, N_COLD = 7, N_BATCH_TRIES = 3, PATH_SIZE = 4096 };

typedef struct setting {
    size_t n_rows, dim, k, n_queries, n_threads;
    double recall;
    const char *index_path, *parts, *json_path; /* parts, json_path: or NULL */
} setting;

/* One method's answers, [n_queries] each, hits [n_queries, k]. */
typedef struct answers {
    const char *name;
    bool expands;
    double *first_ms, *ms, *expand_ms, *codes_ms, *rescore_ms, *candidates, *rescored;
    bool used_codes;
    cir_hit *hits;
    size_t *n_hits;
} answers;

typedef struct bench {
    setting set;
    cir_pool *pool;
    cir_index *index;
    cir_rows rows;
    bench__queries queries;
    float *weights;        /* [64 or more, dim]: the queries' a */
    double *expanded;      /* [n_queries, dim] */
    cir_settings settings; /* of the expansion */
    double open_ms;
    FILE *json; /* a line in the making */
    char *json_text;
    size_t json_size;
} bench;

/* ---- the index ---- */

static bool watch(void *context, const cir_update_progress *now)
{
    double *told_ms = context;
    if (cir__clock_ms() - *told_ms < 10000)
        return true;
    *told_ms = cir__clock_ms();
    if (now->n_to_code > 0)
        fprintf(stderr, "bench_scale: %zu of %zu rows coded\n", now->n_coded, now->n_to_code);
    else
        fprintf(stderr, "bench_scale: %zu of %zu rows made\n", now->n_done, now->n_found);
    return true;
}

static void make_index(const bench *b)
{
    struct stat facts;
    cir_error err;
    double told_ms = cir__clock_ms();
    const cir_update_options options = {.size = sizeof options, .watch = watch, .watch_context = &told_ms};
    if (stat(b->set.index_path, &facts) != 0) {
        fprintf(stderr, "bench_scale: making %s\n", b->set.index_path);
        cir__must(cir_index_make_synthetic(b->set.index_path, b->set.n_rows, b->set.dim, SEED, b->pool,
                                           &options, &err),
                  &err);
    }
    cir__must(cir_index_update_codes(b->set.index_path, b->pool, &options, &err), &err);
}

static void open_index(bench *b)
{
    cir_error err;
    const double begin = cir__clock_ms();
    cir__must(cir_index_open(b->set.index_path, NULL, &b->index, &err), &err);
    b->open_ms = cir__clock_ms() - begin;
    b->rows = cir_index_get_rows(b->index);
    if (b->rows.n_rows != b->set.n_rows || b->rows.dim != b->set.dim)
        cir__stop("%s has %zu rows of %zu dimensions, not %zu of %zu; name another with --index",
                  b->set.index_path, b->rows.n_rows, b->rows.dim, b->set.n_rows, b->set.dim);
}

static size_t codes_bytes(const bench *b)
{
    const cir_codes *codes = b->rows.codes;
    if (codes == NULL)
        return 0;
    return (codes->n_rows + CIR__CODE_ROWS - 1) / CIR__CODE_ROWS * cir__coder_block_bytes(codes->coder);
}

/* Drops the files of the features' folder from the page cache; nothing may have them mapped. */
static void drop_files(const char *folder)
{
    DIR *files = opendir(folder);
    if (files == NULL)
        cir__stop("%s: cannot be listed", folder);
    for (struct dirent *entry; (entry = readdir(files)) != NULL;) {
        const int fd = openat(dirfd(files), entry->d_name, O_RDONLY);
        if (fd >= 0) {
            (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
            close(fd);
        }
    }
    closedir(files);
}

/* ---- asking ---- */

/* Asks query i by codes, or exactly. NULL: not wanted. */
static void ask(bench *b, const answers *to, size_t i, cir_hit *hits, size_t *n_hits, double *expand_ms_out,
                cir_search_report *report)
{
    const cir_search_options options = {.size = sizeof options, .recall = b->set.recall};
    const size_t dim = b->set.dim;
    double *photo = b->queries.photos + i * dim;
    cir_error err;
    const double begin = cir__clock_ms();
    if (to->expands) {
        memcpy(b->expanded, photo, dim * sizeof *photo);
        photo = b->expanded;
        cir__must(cir__expand(NULL, b->queries.image_mean, &b->settings, &b->rows, b->pool, photo, 1, &err),
                  &err);
    }
    *expand_ms_out = cir__clock_ms() - begin;
    const cir_query query = bench__query(&b->queries, i, photo, b->weights);
    cir__must(cir_search_find(&b->rows, &query, 1, b->set.k, &options, b->pool, hits, n_hits, report, &err),
              &err);
}

static void answers_init(const bench *b, answers *to)
{
    const size_t n = b->set.n_queries;
    double **const numbers[] = {&to->first_ms,   &to->ms,         &to->expand_ms, &to->codes_ms,
                                &to->rescore_ms, &to->candidates, &to->rescored};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        *numbers[i] = cir__take(n, sizeof(double));
    to->hits = cir__take(n, b->set.k * sizeof *to->hits);
    to->n_hits = cir__take(n, sizeof *to->n_hits);
}

static void answers_done(answers *to)
{
    double *const numbers[] = {to->first_ms,   to->ms,         to->expand_ms, to->codes_ms,
                               to->rescore_ms, to->candidates, to->rescored};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        free(numbers[i]);
    free(to->hits);
    free(to->n_hits);
}

/* ---- parts ---- */

static double of_status(const char *key)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtod(line + strlen(key) + 1, NULL);
    if (file != NULL)
        fclose(file);
    return kib * 1024e-9;
}

static void print_answers(bench *b, const answers *a, const char *when, const double *ms)
{
    const size_t n = b->set.n_queries;
    printf("  %-7s %-22s %8.2f %8.2f %8.2f %8.2f %8.2f %8.2f %10.0f %8.0f%s\n", a->name, when,
           cir__quantile(ms, n, 0.5), cir__quantile(ms, n, 0.95), cir__quantile(ms, n, 0.99),
           cir__quantile(a->expand_ms, n, 0.5), cir__quantile(a->codes_ms, n, 0.5),
           cir__quantile(a->rescore_ms, n, 0.5), cir__quantile(a->candidates, n, 0.5),
           cir__quantile(a->rescored, n, 0.5), a->used_codes ? "" : "  (all rows read)");
    fprintf(b->json,
            ", \"%s_%s\": {\"p50_ms\": %.3f, \"p95_ms\": %.3f, \"p99_ms\": %.3f, \"expand_ms\": %.3f, "
            "\"codes_ms\": %.3f, \"rescore_ms\": %.3f, \"candidates\": %.0f, \"rescored\": %.0f}",
            a->name, when[0] == 'w' ? "warm" : "first", cir__quantile(ms, n, 0.5), cir__quantile(ms, n, 0.95),
            cir__quantile(ms, n, 0.99), cir__quantile(a->expand_ms, n, 0.5),
            cir__quantile(a->codes_ms, n, 0.5), cir__quantile(a->rescore_ms, n, 0.5),
            cir__quantile(a->candidates, n, 0.5), cir__quantile(a->rescored, n, 0.5));
}

static void time_queries(bench *b, answers *a, double *ms, double *read_ms)
{
    for (size_t i = 0; i < b->set.n_queries; i++) {
        cir_search_report report;
        if (b->rows.codes != NULL)
            read_ms[i] = cir__read_ms(b->rows.codes->blocks, codes_bytes(b), b->pool);
        const double begin = cir__clock_ms();
        ask(b, a, i, a->hits + i * b->set.k, &a->n_hits[i], &a->expand_ms[i], &report);
        ms[i] = cir__clock_ms() - begin;
        a->codes_ms[i] = report.codes_ms;
        a->rescore_ms[i] = report.rescore_ms;
        a->candidates[i] = (double)report.n_candidates;
        a->rescored[i] = (double)report.n_rescored;
        a->used_codes = report.used_codes;
    }
}

/* The reading of the codes that took turns with a method's warm queries, and what part of it they reach. */
static void print_reading(bench *b, const answers *a, double read_ms)
{
    const double gigabytes = (double)codes_bytes(b) * 1e-9;
    const double codes_ms = cir__quantile(a->codes_ms, b->set.n_queries, 0.5);
    printf("          %.3f GB of codes are read alone in %.2f ms (%.1f GB/s), estimated from at %.0f %% of "
           "that\n",
           gigabytes, read_ms, gigabytes / read_ms * 1e3, 100 * read_ms / codes_ms);
    fprintf(b->json,
            ", \"%s_reading\": {\"codes_gb\": %.4f, \"read_ms\": %.3f, \"gb_s\": %.2f, \"fraction\": %.3f}",
            a->name, gigabytes, read_ms, gigabytes / read_ms * 1e3, read_ms / codes_ms);
}

static void measure_single(bench *b, answers *methods, size_t n_methods)
{
    const size_t n = b->set.n_queries;
    double *read_ms = cir__take(n, sizeof *read_ms);
    printf("  %-7s %-22s %8s %8s %8s %8s %8s %8s %10s %8s\n", "", "one at a time, ms", "p50", "p95", "p99",
           "expand", "codes", "rescore", "candidates", "rescored");
    for (size_t m = 0; m < n_methods; m++) {
        time_queries(b, &methods[m], methods[m].first_ms, read_ms);
        print_answers(b, &methods[m], "for the first time", methods[m].first_ms);
        time_queries(b, &methods[m], methods[m].ms, read_ms);
        print_answers(b, &methods[m], "warm", methods[m].ms);
        if (b->rows.codes != NULL)
            print_reading(b, &methods[m], cir__quantile(read_ms, n, 0.5));
    }
    const double peak = of_status("VmHWM"), anonymous = of_status("RssAnon"), files = of_status("RssFile");
    printf("  resident at most %.2f GB; now %.2f GB of memory and %.2f GB of mapped files\n", peak, anonymous,
           files);
    fprintf(b->json, ", \"peak_gb\": %.3f, \"memory_gb\": %.3f, \"mapped_gb\": %.3f", peak, anonymous, files);
    free(read_ms);
}

static void measure_cold(bench *b, const answers *method)
{
    double ms[N_COLD], open_ms[N_COLD], codes_ms[N_COLD], rescore_ms[N_COLD];
    cir_hit *hits = cir__take(b->set.k, sizeof *hits);
    for (size_t i = 0; i < N_COLD; i++) {
        char *folder = strdup(cir_index_get_info(b->index)->folder);
        size_t n_hits;
        double expand_ms;
        cir_search_report report;
        cir_index_close(b->index);
        if (folder == NULL)
            cir__stop("out of memory");
        drop_files(folder);
        free(folder);
        open_index(b);
        open_ms[i] = b->open_ms;
        const double begin = cir__clock_ms();
        ask(b, method, b->set.n_queries - 1 - i % b->set.n_queries, hits, &n_hits, &expand_ms, &report);
        ms[i] = cir__clock_ms() - begin;
        codes_ms[i] = report.codes_ms;
        rescore_ms[i] = report.rescore_ms;
    }
    free(hits);
    printf("  %-7s %-22s %8.2f %26s %8.2f %8.2f   after opening in %.1f ms\n", method->name,
           "files not in memory", cir__quantile(ms, N_COLD, 0.5), "", cir__quantile(codes_ms, N_COLD, 0.5),
           cir__quantile(rescore_ms, N_COLD, 0.5), cir__quantile(open_ms, N_COLD, 0.5));
    fprintf(b->json,
            ", \"%s_cold\": {\"p50_ms\": %.1f, \"codes_ms\": %.1f, \"rescore_ms\": %.1f, \"open_ms\": %.1f}",
            method->name, cir__quantile(ms, N_COLD, 0.5), cir__quantile(codes_ms, N_COLD, 0.5),
            cir__quantile(rescore_ms, N_COLD, 0.5), cir__quantile(open_ms, N_COLD, 0.5));
}

/* Queries 0 … n − 1 of a method, their photos' sides in b->weights; expanded exactly where it expands. */
static void make_queries(bench *b, bool expands, size_t n, cir_query *queries_out)
{
    const size_t dim = b->set.dim;
    cir_error err;
    memcpy(b->expanded, b->queries.photos, n * dim * sizeof *b->expanded);
    cir_rows all = b->rows;
    all.codes = NULL;
    if (expands)
        cir__must(cir__expand(NULL, b->queries.image_mean, &b->settings, &all, b->pool, b->expanded, n, &err),
                  &err);
    for (size_t i = 0; i < n; i++)
        queries_out[i] = bench__query(&b->queries, i, b->expanded + i * dim, b->weights + i * dim);
}

static double share_found(const cir_hit *found, size_t n_found, const cir_hit *exact, size_t k)
{
    size_t n = 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < n_found && j < k; j++)
            n += found[j].id == exact[i].id;
    return (double)n / (double)k;
}

/* Shares of the exact answers that are among as many found ones, in the mean over queries. */
static void measure_recall(bench *b, const answers *a)
{
    const size_t n = b->set.n_queries, k = b->set.k, ten = k < 10 ? k : 10;
    cir_query *queries = cir__take(n, sizeof *queries);
    cir_hit *hits = cir__take(n, k * sizeof *hits);
    size_t *n_hits = cir__take(n, sizeof *n_hits);
    double at_ten = 0, at_k = 0, least = 1;
    cir_error err;
    make_queries(b, a->expands, n, queries);
    cir__must(cir_search_top_batch(&b->rows, queries, n, k, b->pool, hits, n_hits, &err), &err);
    for (size_t i = 0; i < n; i++) {
        const double found = share_found(a->hits + i * k, a->n_hits[i], hits + i * k, n_hits[i]);
        at_ten += share_found(a->hits + i * k, a->n_hits[i], hits + i * k, ten) / (double)n;
        at_k += found / (double)n;
        least = found < least ? found : least;
    }
    printf("  %-7s of the exact %zu best %.4f are found, of the %zu best %.4f (of one query at least %.2f)\n",
           a->name, ten, at_ten, k, at_k, least);
    fprintf(b->json, ", \"%s_recall\": {\"at_%zu\": %.5f, \"at_%zu\": %.5f, \"least\": %.3f}", a->name, ten,
            at_ten, k, at_k, least);
    free(queries);
    free(hits);
    free(n_hits);
}

static void measure_batches(bench *b)
{
    static const size_t sizes[] = {1, 8, 64};
    const size_t most = sizes[2] < b->set.n_queries ? sizes[2] : b->set.n_queries, k = b->set.k;
    cir_query *queries = cir__take(most, sizeof *queries);
    cir_hit *hits = cir__take(most, k * sizeof *hits);
    size_t *n_hits = cir__take(most, sizeof *n_hits);
    const cir_search_options options = {.size = sizeof options, .recall = b->set.recall};
    cir_error err;
    make_queries(b, false, most, queries);
    printf("  %-30s %12s %12s %12s\n", "queries at once", "codes, q/s", "exact, q/s", "of products");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && sizes[i] <= most; i++) {
        double by_codes[N_BATCH_TRIES], exact[N_BATCH_TRIES], fractions[N_BATCH_TRIES];
        const double n = (double)sizes[i];
        for (size_t r = 0; r < N_BATCH_TRIES; r++) {
            const double limit = cir__product_flops(b->pool);
            double begin = cir__clock_ms();
            cir__must(
                cir_search_find(&b->rows, queries, sizes[i], k, &options, b->pool, hits, n_hits, NULL, &err),
                &err);
            by_codes[r] = n / (cir__clock_ms() - begin) * 1e3;
            begin = cir__clock_ms();
            cir__must(cir_search_top_batch(&b->rows, queries, sizes[i], k, b->pool, hits, n_hits, &err),
                      &err);
            exact[r] = n / (cir__clock_ms() - begin) * 1e3;
            fractions[r] = exact[r] * 4.0 * (double)b->set.n_rows * (double)b->set.dim / limit;
        }
        printf("  %-30zu %12.1f %12.1f %11.0f%%\n", sizes[i], cir__quantile(by_codes, N_BATCH_TRIES, 0.5),
               cir__quantile(exact, N_BATCH_TRIES, 0.5), 100 * cir__quantile(fractions, N_BATCH_TRIES, 0.5));
        fprintf(b->json,
                ", \"batch_%zu\": {\"codes_q_s\": %.2f, \"exact_q_s\": %.2f, \"exact_fraction\": %.3f}",
                sizes[i], cir__quantile(by_codes, N_BATCH_TRIES, 0.5),
                cir__quantile(exact, N_BATCH_TRIES, 0.5), cir__quantile(fractions, N_BATCH_TRIES, 0.5));
    }
    free(queries);
    free(hits);
    free(n_hits);
}

static bool wants(const bench *b, const char *part)
{
    return b->set.parts == NULL || strstr(b->set.parts, part) != NULL;
}

static void run(bench *b)
{
    setting *s = &b->set;
    cir_error err;
    answers methods[] = {{.name = "basic-"}, {.name = "basic", .expands = true}};
    cir__must(cir_pool_new(s->n_threads, &b->pool, &err), &err);
    s->n_threads = cir_pool_get_n_threads(b->pool);
    make_index(b);
    if (!bench__queries_make(s->n_queries, s->n_rows, s->dim, SEED, &b->queries))
        exit(1);
    open_index(b);
    cir_settings_init(&b->settings, sizeof b->settings, CIR_METHOD_BASIC);
    b->settings.recall = s->recall;
    b->weights = cir__take(s->n_queries, s->dim * sizeof *b->weights);
    b->expanded = cir__take(s->n_queries, s->dim * sizeof *b->expanded);
    b->json = open_memstream(&b->json_text, &b->json_size);
    if (b->json == NULL)
        cir__stop("out of memory");
    printf("%zu rows x %zu, %zu queries, best %zu, %s, threads: %zu; opened in %.0f ms%s\n", s->n_rows,
           s->dim, s->n_queries, s->k, cir__kernels_get()->name, s->n_threads, b->open_ms,
           b->rows.codes == NULL ? "; without codes" : "");
    fprintf(
        b->json,
        "{\"bench\": \"scale\", \"n\": %zu, \"dim\": %zu, \"k\": %zu, \"queries\": %zu, \"threads\": %zu, "
        "\"kernels\": \"%s\", \"open_ms\": %.1f",
        s->n_rows, s->dim, s->k, s->n_queries, s->n_threads, cir__kernels_get()->name, b->open_ms);
    for (size_t m = 0; m < 2; m++)
        answers_init(b, &methods[m]);
    if (wants(b, "single") || wants(b, "recall"))
        measure_single(b, methods, 2);
    for (size_t m = 0; m < 2 && wants(b, "cold"); m++)
        measure_cold(b, &methods[m]);
    for (size_t m = 0; m < 2 && wants(b, "recall"); m++)
        measure_recall(b, &methods[m]);
    if (wants(b, "batch"))
        measure_batches(b);
    fprintf(b->json, "}\n");
    fclose(b->json);
    FILE *file = s->json_path != NULL ? fopen(s->json_path, "a") : NULL;
    if (s->json_path != NULL && (file == NULL || fputs(b->json_text, file) < 0 || fclose(file) != 0))
        cir__stop("%s: cannot be written", s->json_path);
    for (size_t m = 0; m < 2; m++)
        answers_done(&methods[m]);
    free(b->json_text);
    free(b->weights);
    free(b->expanded);
    bench__queries_done(&b->queries);
    cir_index_close(b->index);
    cir_pool_free(b->pool);
}

int main(int argc, char **argv)
{
    bench b = {
        .set = {.n_rows = 1000000, .dim = 768, .k = 100, .n_queries = 100, .recall = CIR_SEARCH_RECALL}};
    setting *s = &b.set;
    for (int i = 1; i < argc; i++) {
        size_t *number = strcmp(argv[i], "--n") == 0         ? &s->n_rows
                         : strcmp(argv[i], "--dim") == 0     ? &s->dim
                         : strcmp(argv[i], "--k") == 0       ? &s->k
                         : strcmp(argv[i], "--queries") == 0 ? &s->n_queries
                         : strcmp(argv[i], "--threads") == 0 ? &s->n_threads
                                                             : NULL;
        const char **text = strcmp(argv[i], "--index") == 0   ? &s->index_path
                            : strcmp(argv[i], "--parts") == 0 ? &s->parts
                            : strcmp(argv[i], "--json") == 0  ? &s->json_path
                                                              : NULL;
        if (strcmp(argv[i], "--recall") == 0 && i + 1 < argc && strtod(argv[i + 1], NULL) > 0) {
            s->recall = strtod(argv[++i], NULL);
        } else if (text != NULL && i + 1 < argc) {
            *text = argv[++i];
        } else if (number != NULL && i + 1 < argc && strtoull(argv[i + 1], NULL, 10) > 0) {
            *number = (size_t)strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: bench_scale [--n ROWS] [--dim D] [--index DIR] [--queries Q] [--k K] "
                            "[--threads T] [--recall R] [--parts single,cold,recall,batch] [--json FILE]\n");
            return 2;
        }
    }
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "build/scale-%zu-%zu.cir", s->n_rows, s->dim);
    if (s->index_path == NULL)
        s->index_path = path;
    run(&b);
    return 0;
}

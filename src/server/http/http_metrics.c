#include "server/http/http_metrics.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_BUCKETS = 14, N_CLASSES = 6 };

static const double bounds[N_BUCKETS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                         0.1,    0.25,  0.5,    1,     2.5,  5,     10};

static const char *const stage_names[CIR__N_STAGES] = {
#define STAGE_NAME(symbol, name) name,
    CIR__STAGE_LIST(STAGE_NAME)
#undef STAGE_NAME
};

typedef struct histogram {
    atomic_uint_fast64_t buckets[N_BUCKETS + 1];
    atomic_uint_fast64_t nanoseconds;
} histogram;

struct cir__metrics {
    const char *(*route_name)(size_t i);
    size_t n_routes;
    atomic_uint_fast64_t (*requests)[N_CLASSES]; /* [n_routes + 1] by hundreds of the status */
    histogram stages[CIR__N_STAGES];
};

cir__metrics *cir__metrics_new(const char *(*route_name)(size_t i))
{
    cir__metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL)
        return NULL;
    metrics->route_name = route_name;
    while (route_name(metrics->n_routes) != NULL)
        metrics->n_routes++;
    metrics->requests = calloc(metrics->n_routes + 1, sizeof *metrics->requests);
    if (metrics->requests == NULL) {
        free(metrics);
        return NULL;
    }
    return metrics;
}

void cir__metrics_free(cir__metrics *metrics)
{
    if (metrics != NULL)
        free(metrics->requests);
    free(metrics);
}

void cir__metrics_count(cir__metrics *metrics, size_t i_route, unsigned status)
{
    i_route = i_route < metrics->n_routes ? i_route : metrics->n_routes;
    unsigned class = status / 100 < N_CLASSES ? status / 100 : 0;
    atomic_fetch_add_explicit(&metrics->requests[i_route][class], 1, memory_order_relaxed);
}

void cir__metrics_time(cir__metrics *metrics, cir__stage stage, double seconds)
{
    histogram *one = &metrics->stages[stage];
    size_t i = 0;
    while (i < N_BUCKETS && seconds > bounds[i])
        i++;
    atomic_fetch_add_explicit(&one->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&one->nanoseconds, (uint64_t)(seconds > 0 ? seconds * 1e9 : 0),
                              memory_order_relaxed);
}

static void print_requests(cir__metrics *metrics, FILE *out)
{
    fputs("# HELP cir_http_requests_total Requests by route and class of status.\n"
          "# TYPE cir_http_requests_total counter\n",
          out);
    for (size_t r = 0; r <= metrics->n_routes; r++)
        for (unsigned c = 1; c < N_CLASSES; c++) {
            uint64_t n = atomic_load_explicit(&metrics->requests[r][c], memory_order_relaxed);
            if (n > 0)
                fprintf(out, "cir_http_requests_total{route=\"%s\",status=\"%uxx\"} %llu\n",
                        r < metrics->n_routes ? metrics->route_name(r) : "none", c, (unsigned long long)n);
        }
}

static void print_stages(cir__metrics *metrics, FILE *out)
{
    fputs("# HELP cir_stage_seconds Durations by stage of a request.\n"
          "# TYPE cir_stage_seconds histogram\n",
          out);
    for (size_t s = 0; s < CIR__N_STAGES; s++) {
        histogram *one = &metrics->stages[s];
        unsigned long long n = 0;
        for (size_t i = 0; i < N_BUCKETS; i++) {
            n += atomic_load_explicit(&one->buckets[i], memory_order_relaxed);
            fprintf(out, "cir_stage_seconds_bucket{stage=\"%s\",le=\"%g\"} %llu\n", stage_names[s], bounds[i],
                    n);
        }
        n += atomic_load_explicit(&one->buckets[N_BUCKETS], memory_order_relaxed);
        fprintf(out,
                "cir_stage_seconds_bucket{stage=\"%s\",le=\"+Inf\"} %llu\n"
                "cir_stage_seconds_sum{stage=\"%s\"} %.9g\n"
                "cir_stage_seconds_count{stage=\"%s\"} %llu\n",
                stage_names[s], n, stage_names[s],
                1e-9 * (double)atomic_load_explicit(&one->nanoseconds, memory_order_relaxed), stage_names[s],
                n);
    }
}

char *cir__metrics_format(cir__metrics *metrics, const cir__metric *others, size_t n_others, size_t *size_out)
{
    char *text = NULL;
    *size_out = 0;
    FILE *out = open_memstream(&text, size_out);
    if (out == NULL)
        return NULL;
    print_requests(metrics, out);
    print_stages(metrics, out);
    for (size_t i = 0; i < n_others; i++)
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", others[i].name, others[i].help, others[i].name,
                others[i].is_counter ? "counter" : "gauge", others[i].name, others[i].value);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

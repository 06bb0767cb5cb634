/* What CIRR, CIRCO and FashionIQ have beyond queries and rows: answers as lists of rows, a reference that is
 * ranked among them, and metrics of their own. Knows no files and no features. */
#ifndef CIR_EVAL_TRIPLETS_H
#define CIR_EVAL_TRIPLETS_H

#include <stdint.h>

#include "base/intern.h"
#include "cir/eval.h"
#include "eval/metrics/ties.h"

#define CIR__MAX_MEASURES 8
#define CIR__MAX_CATEGORIES 3
#define CIR__N_ASPECTS 9

/* What is counted of one query. */
typedef enum cir__measure_kind {
    CIR__RECALL,        /* 1 where the target is among the k best */
    CIR__MEMBER_RECALL, /* the same among the image set alone */
    CIR__AP_AT          /* over all answers among the k best, divided by min(k, answers) */
} cir__measure_kind;

typedef struct cir__measure {
    cir__measure_kind kind;
    size_t k;
    const char *name;
} cir__measure;

/* One benchmark. */
typedef struct cir__triplets_set {
    const char *name;
    bool excludes_reference; /* a query does not rank its own image */
    size_t n_measures;
    cir__measure measures[CIR__MAX_MEASURES];
    size_t n_categories; /* each a gallery; 0: one gallery, and none */
    const char *categories[CIR__MAX_CATEGORIES];
} cir__triplets_set;

extern const cir__triplets_set cir__cirr, cir__circo, cir__fashioniq;

/* What CIRCO's queries are made of, a bit each in this order: "cardinality", … */
extern const char *const cir__circo_aspects[CIR__N_ASPECTS];

/* A list of rows for each query; rows are counted from the first of the query's gallery. */
typedef struct cir__row_lists {
    size_t *begin; /* [n_queries + 1] */
    size_t *rows;  /* [begin[n_queries]] */
    size_t capacity;
} cir__row_lists;

typedef struct cir__triplets {
    const cir__triplets_set *set;
    bool has_answers;
    size_t n_queries;
    size_t *references;      /* [n_queries] rows */
    cir__row_lists relevant; /* the first of a query's is its target */
    cir__row_lists members;  /* CIRR: the image set without the reference; others: empty */
    size_t *categories;      /* [n_queries] */
    uint16_t *aspects;       /* [n_queries] CIRCO: bits */
    cir__intern keys;        /* what submissions call a query, by query; empty in FashionIQ */
    cir__intern names;       /* what submissions call a database row; empty in FashionIQ */
} cir__triplets;

/* Allocates zeroed arrays for so many queries; NULL when out of memory. NULL is allowed in free. */
cir__triplets *cir__triplets_new(const cir__triplets_set *set, size_t n_queries);
void cir__triplets_free(cir__triplets *triplets);

/* Takes the reference out of a query's ranking where it is not to be ranked, and counts. scores: [n_rows] of
 * its gallery; relevant, ties: as cir__ties_find left them, the latter are mended; resolved: [n_ties]
 * scratch. measures_out: by cir__tie_order, [n_measures] 0–1 each, all 0 without answers; a recall is how
 * likely the target is among the k best. best_out: [CIR_N_BEST] rows, members_out: [CIR_N_BEST_MEMBERS], both
 * best first with SIZE_MAX where there are fewer, ties to the smaller row. */
void cir__triplets_judge(const cir__triplets *triplets, size_t query, const float *scores, size_t n_rows,
                         const size_t *relevant, cir__tie *ties, size_t n_ties, cir__tie *resolved,
                         double *const measures_out[3], size_t *best_out, size_t *members_out);

/* The benchmark's table from what was counted, measures: [3, n_queries, n_measures], by cir__tie_order. Free
 * *metrics_out with free(). Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__triplets_summarise(const cir__triplets *triplets, const double *measures,
                                                  cir_metric **metrics_out, size_t *n_metrics_out,
                                                  cir_error *err);

#endif

#include "eval/data/triplets.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "eval/metrics/metrics.h"
#include "search/top.h"

const cir__triplets_set cir__cirr = {.name = "cirr",
                                     .excludes_reference = true,
                                     .n_measures = 7,
                                     .measures = {{CIR__RECALL, 1, "R@1"},
                                                  {CIR__RECALL, 5, "R@5"},
                                                  {CIR__RECALL, 10, "R@10"},
                                                  {CIR__RECALL, 50, "R@50"},
                                                  {CIR__MEMBER_RECALL, 1, "R_subset@1"},
                                                  {CIR__MEMBER_RECALL, 2, "R_subset@2"},
                                                  {CIR__MEMBER_RECALL, 3, "R_subset@3"}}};
enum { CIRR_R5 = 1, CIRR_SUBSET1 = 4 };

const cir__triplets_set cir__circo = {.name = "circo",
                                      .n_measures = 8,
                                      .measures = {{CIR__AP_AT, 5, "mAP@5"},
                                                   {CIR__AP_AT, 10, "mAP@10"},
                                                   {CIR__AP_AT, 25, "mAP@25"},
                                                   {CIR__AP_AT, 50, "mAP@50"},
                                                   {CIR__RECALL, 5, "R@5"},
                                                   {CIR__RECALL, 10, "R@10"},
                                                   {CIR__RECALL, 25, "R@25"},
                                                   {CIR__RECALL, 50, "R@50"}}};
enum { CIRCO_AP10 = 1 };

const char *const cir__circo_aspects[CIR__N_ASPECTS] = {"cardinality",
                                                        "addition",
                                                        "negation",
                                                        "direct_addressing",
                                                        "compare_change",
                                                        "comparative_statement",
                                                        "statement_with_conjunction",
                                                        "spatial_relations_background",
                                                        "viewpoint"};

const cir__triplets_set cir__fashioniq = {.name = "fashioniq",
                                          .n_measures = 2,
                                          .measures = {{CIR__RECALL, 10, "R@10"}, {CIR__RECALL, 50, "R@50"}},
                                          .n_categories = 3,
                                          .categories = {"dress", "shirt", "toptee"}};

cir__triplets *cir__triplets_new(const cir__triplets_set *set, size_t n_queries)
{
    cir__triplets *triplets = cir__new(1, sizeof *triplets);

    if (triplets == NULL)
        return NULL;
    triplets->set = set;
    triplets->n_queries = n_queries;
    triplets->references = cir__new(n_queries, sizeof *triplets->references);
    triplets->relevant.begin = cir__new(n_queries + 1, sizeof *triplets->relevant.begin);
    triplets->members.begin = cir__new(n_queries + 1, sizeof *triplets->members.begin);
    triplets->categories = cir__new(n_queries, sizeof *triplets->categories);
    triplets->aspects = cir__new(n_queries, sizeof *triplets->aspects);
    if (triplets->references != NULL && triplets->relevant.begin != NULL && triplets->members.begin != NULL &&
        triplets->categories != NULL && triplets->aspects != NULL)
        return triplets;
    cir__triplets_free(triplets);
    return NULL;
}

void cir__triplets_free(cir__triplets *triplets)
{
    if (triplets == NULL)
        return;
    cir__intern_done(&triplets->keys);
    cir__intern_done(&triplets->names);
    void *const owned[] = {
        triplets->references,   triplets->relevant.begin, triplets->relevant.rows, triplets->members.begin,
        triplets->members.rows, triplets->categories,     triplets->aspects,       triplets};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
}

static bool is_before(const float *scores, size_t x, size_t y)
{
    return scores[x] > scores[y] || (scores[x] == scores[y] && x < y);
}

/* The k best of all rows but the excluded one (SIZE_MAX: none). */
static void best_find(const float *scores, size_t n_rows, size_t excluded, size_t *best_out)
{
    cir_hit hits[CIR_N_BEST + 1]; /* one more, as the excluded row may be among them */
    cir__top top = {.k = CIR_N_BEST + 1, .hits = hits};
    size_t n = 0;

    cir__top_push(&top, 0, n_rows, scores, scores, scores);
    cir__top_sort(top.hits, top.n);
    for (size_t i = 0; i < top.n && n < CIR_N_BEST; i++)
        if ((size_t)hits[i].id != excluded)
            best_out[n++] = (size_t)hits[i].id;
    while (n < CIR_N_BEST)
        best_out[n++] = SIZE_MAX;
}

static void best_members_find(const float *scores, const size_t *members, size_t n_members, size_t *best_out)
{
    for (size_t i = 0; i < CIR_N_BEST_MEMBERS; i++) {
        size_t best = SIZE_MAX;
        for (size_t m = 0; m < n_members; m++) {
            const bool is_later = i == 0 || is_before(scores, best_out[i - 1], members[m]);
            if (is_later && (best == SIZE_MAX || is_before(scores, members[m], best)))
                best = members[m];
        }
        best_out[i] = best;
        if (best == SIZE_MAX) {
            while (++i < CIR_N_BEST_MEMBERS)
                best_out[i] = SIZE_MAX;
            return;
        }
    }
}

/* Takes a row out of the ranking. relevant: the rows of the groups, in their order. */
static void row_remove(const float *scores, size_t row, const size_t *relevant, cir__tie *ties, size_t n_ties)
{
    for (size_t i = 0, first = 0; i < n_ties; first += ties[i++].n_relevant) {
        const float score = scores[relevant[first]];
        bool is_relevant = false;
        for (size_t j = first; j < first + ties[i].n_relevant; j++)
            is_relevant = is_relevant || relevant[j] == row;
        if (scores[row] > score)
            ties[i].begin--;
        else if (scores[row] == score && !is_relevant)
            ties[i].n_rows--;
    }
}

/* The group of the target alone: rows that share its score, whatever they are. */
static cir__tie target_find(size_t target, const size_t *relevant, const cir__tie *ties, size_t n_ties)
{
    for (size_t i = 0, first = 0; i < n_ties; first += ties[i++].n_relevant)
        for (size_t j = first; j < first + ties[i].n_relevant; j++)
            if (relevant[j] == target)
                return (cir__tie){.begin = ties[i].begin, .n_rows = ties[i].n_rows, .n_relevant = 1};
    return (cir__tie){.n_rows = 1, .n_relevant = 1};
}

/* The same among an image set. */
static cir__tie target_find_member(const float *scores, size_t target, const size_t *members,
                                   size_t n_members)
{
    cir__tie tie = {.n_rows = 1, .n_relevant = 1};

    for (size_t m = 0; m < n_members; m++) {
        tie.begin += scores[members[m]] > scores[target];
        tie.n_rows += members[m] != target && scores[members[m]] == scores[target];
    }
    return tie;
}

void cir__triplets_judge(const cir__triplets *triplets, size_t query, const float *scores, size_t n_rows,
                         const size_t *relevant, cir__tie *ties, size_t n_ties, cir__tie *resolved,
                         double *const measures_out[3], size_t *best_out, size_t *members_out)
{
    const cir__triplets_set *const set = triplets->set;
    const size_t excluded = set->excludes_reference ? triplets->references[query] : SIZE_MAX;
    const size_t *const members = triplets->members.rows + triplets->members.begin[query];
    const size_t n_members = triplets->members.begin[query + 1] - triplets->members.begin[query];
    cir__tie of_all = {.n_rows = 1, .n_relevant = 1}, of_members = of_all;
    size_t n_relevant = 0;

    best_find(scores, n_rows, excluded, best_out);
    best_members_find(scores, members, n_members, members_out);
    if (excluded != SIZE_MAX)
        row_remove(scores, excluded, relevant, ties, n_ties);
    for (size_t i = 0; i < n_ties; i++)
        n_relevant += ties[i].n_relevant;
    if (n_relevant > 0) {
        const size_t target = triplets->relevant.rows[triplets->relevant.begin[query]];
        of_all = target_find(target, relevant, ties, n_ties);
        of_members = target_find_member(scores, target, members, n_members);
    }
    for (size_t order = CIR__ORDER_ANY; order <= CIR__ORDER_BEST; order++) {
        cir__tie targets[2] = {of_all, of_members};
        cir__ties_resolve(targets, 2, (cir__tie_order)order, targets);
        cir__ties_resolve(ties, n_ties, (cir__tie_order)order, resolved);
        for (size_t i = 0; i < set->n_measures; i++) {
            const cir__measure *const measure = &set->measures[i];
            if (n_relevant == 0)
                measures_out[order][i] = 0.0;
            else if (measure->kind == CIR__AP_AT)
                measures_out[order][i] = cir__metrics_ap_at(resolved, n_ties, n_relevant, measure->k);
            else
                measures_out[order][i] =
                    cir__tie_part_within(&targets[measure->kind == CIR__MEMBER_RECALL], measure->k);
        }
    }
}

/* The mean, in percent, of one measure over the queries of a category (SIZE_MAX: all) that have an aspect (0:
 * all), and what it is by the worst and the best order. */
static cir_metric mean(const cir__triplets *triplets, const double *measures, size_t measure, size_t category,
                       unsigned aspect, const char *group, const char *name)
{
    const size_t n_measures = triplets->set->n_measures;
    double sums[3] = {0.0};
    size_t n = 0;

    for (size_t q = 0; q < triplets->n_queries; q++) {
        if ((category != SIZE_MAX && triplets->categories[q] != category) ||
            (aspect != 0 && (triplets->aspects[q] & aspect) == 0))
            continue;
        for (size_t order = 0; order < 3; order++)
            sums[order] += measures[(order * triplets->n_queries + q) * n_measures + measure];
        n++;
    }
    for (size_t order = 0; order < 3; order++)
        sums[order] = n == 0 ? 0.0 : 100.0 * sums[order] / (double)n;
    return (cir_metric){group, name, sums[CIR__ORDER_ANY], sums[CIR__ORDER_WORST], sums[CIR__ORDER_BEST]};
}

/* Adds a part of a metric to what is a mean of several. */
static void metric_add(cir_metric *sum, const cir_metric *metric, double n)
{
    sum->value += metric->value / n;
    sum->low += metric->low / n;
    sum->high += metric->high / n;
}

/* Each category's metrics and their mean, and the categories' average of these. */
static size_t categories_summarise(const cir__triplets *triplets, const double *measures, cir_metric *metrics)
{
    const cir__triplets_set *const set = triplets->set;
    const size_t n_columns = set->n_measures + 1, n_categories = set->n_categories;
    cir_metric *const averages = metrics + n_categories * n_columns;

    for (size_t i = 0; i < n_columns; i++)
        averages[i] = (cir_metric){.group = "average"};
    for (size_t c = 0; c < n_categories; c++) {
        cir_metric *const row = metrics + c * n_columns;
        row[set->n_measures] = (cir_metric){.group = set->categories[c], .name = "mean"};
        for (size_t i = 0; i < set->n_measures; i++) {
            row[i] = mean(triplets, measures, i, c, 0, set->categories[c], set->measures[i].name);
            metric_add(&row[set->n_measures], &row[i], (double)set->n_measures);
        }
        for (size_t i = 0; i < n_columns; i++) {
            averages[i].name = row[i].name;
            metric_add(&averages[i], &row[i], (double)n_categories);
        }
    }
    return (n_categories + 1) * n_columns;
}

cir_status cir__triplets_summarise(const cir__triplets *triplets, const double *measures,
                                   cir_metric **metrics_out, size_t *n_metrics_out, cir_error *err)
{
    const cir__triplets_set *const set = triplets->set;
    const size_t n_most = (set->n_measures + 1) * (set->n_categories + 1) + CIR__N_ASPECTS;
    size_t n = 0;

    *metrics_out = NULL;
    *n_metrics_out = 0;
    cir_metric *metrics = cir__new(n_most, sizeof *metrics);
    if (metrics == NULL)
        return cir__fail_memory(err, "figures");
    if (set->n_categories > 0)
        n = categories_summarise(triplets, measures, metrics);
    for (size_t i = 0; set->n_categories == 0 && i < set->n_measures; i++)
        metrics[n++] = mean(triplets, measures, i, SIZE_MAX, 0, NULL, set->measures[i].name);
    if (set == &cir__cirr) {
        metrics[n] = (cir_metric){.name = "mean(R@5, R_subset@1)"};
        metric_add(&metrics[n], &metrics[CIRR_R5], 2);
        metric_add(&metrics[n++], &metrics[CIRR_SUBSET1], 2);
    }
    for (unsigned a = 0; set == &cir__circo && a < CIR__N_ASPECTS; a++)
        metrics[n++] = mean(triplets, measures, CIRCO_AP10, SIZE_MAX, 1u << a, "mAP@10 by aspect",
                            cir__circo_aspects[a]);
    *metrics_out = metrics;
    *n_metrics_out = n;
    return CIR_OK;
}

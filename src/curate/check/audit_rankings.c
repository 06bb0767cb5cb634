/* A1: queries that one side alone answers. A3: negatives that stand above positives, and nobody looked at again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "curate/check/audit.h"

#define SHORTCUT 0.8 /* of the best composed method's AP */
#define RESOLVED 0.2 /* that AP at least, for a shortcut to be told */

/* Singles first. */
static const cir_method methods[] = {CIR_METHOD_TEXT, CIR_METHOD_IMAGE, CIR_METHOD_SUM, CIR_METHOD_PRODUCT,
                                     CIR_METHOD_BASIC_MINUS};
enum { N_METHODS = sizeof methods / sizeof *methods, N_SINGLES = 2 };

typedef struct ranking {
    cir__audit *audit;
    size_t i_method;
    double *APs;       /* [n_queries, N_METHODS] */
    uint8_t *suspects; /* [n_queries, most rows]: above the median positive by some method */
    size_t n_queries, most_rows;
    size_t i_ranked;
} ranking;

static cir_status visit(void *context, const cir__ranked_query *ranked, cir_error *err)
{
    (void)err;
    ranking *self = context;
    const float median = ranked->scores[ranked->positives[ranked->n_positives / 2]];
    self->APs[self->i_ranked * N_METHODS + self->i_method] = ranked->AP;
    for (size_t r = 0; r < ranked->instance->n_rows; r++)
        if (ranked->instance->rows[r].i_change != ranked->i_change && ranked->scores[r] > median)
            self->suspects[self->i_ranked * self->most_rows + r] = 1;
    self->i_ranked++;
    return CIR_OK;
}

/* Negatives of a query that methods take for positives, and whose type nobody has said. */
static size_t count_unread(const ranking *self, const cir__set_instance *instance, size_t i_query,
                           size_t i_change, size_t *n_suspects_out)
{
    size_t n = 0;
    *n_suspects_out = 0;
    for (size_t r = 0; r < instance->n_rows; r++) {
        if (!self->suspects[i_query * self->most_rows + r])
            continue;
        (*n_suspects_out)++;
        n += cir__label_type(&instance->labels.items[instance->rows[r].i_candidate], i_change) ==
             CIR_JUDGED_UNKNOWN;
    }
    return n;
}

static void tell_query(ranking *self, const cir__set_instance *instance, size_t q, size_t c, size_t i_query)
{
    char subject[1200];
    double best = 0;
    const double *APs = &self->APs[i_query * N_METHODS];
    (void)snprintf(subject, sizeof subject, "%s/%s/%zu", instance->candidates.key,
                   instance->candidates.changes[c].text, q + 1);
    for (size_t m = N_SINGLES; m < N_METHODS; m++)
        best = fmax(best, APs[m]);
    for (size_t m = 0; m < N_SINGLES && best >= RESOLVED; m++)
        if (APs[m] >= SHORTCUT * best)
            cir__audit_tell(self->audit, "A1", CIR_AUDIT_WARNING, subject,
                            "a shortcut: %s alone has an AP of %.1f, the best composed method %.1f",
                            m == 0 ? "the text" : "the photo", 100 * APs[m], 100 * best);
    if (best < RESOLVED)
        cir__audit_tell(self->audit, "A1", CIR_AUDIT_INFO, subject,
                        "unresolved: no composed method has an AP above %.0f (%.1f)", 100 * RESOLVED,
                        100 * best);
    size_t n_suspects;
    const size_t n_unread = count_unread(self, instance, i_query, c, &n_suspects);
    if (n_unread > 0)
        cir__audit_tell(
            self->audit, "A3", CIR_AUDIT_ERROR, subject,
            "%zu negatives stand above the median positive by some method, and %zu of them nobody looked at again: "
            "say what they are (object, text)",
            n_suspects, n_unread);
}

cir_status cir__audit_rankings(cir__audit *audit, cir_error *err)
{
    const cir__curated_set *set = audit->set;
    ranking self = {.audit = audit};
    for (size_t i = 0; i < set->n; i++) {
        self.most_rows =
            set->instances[i].n_rows > self.most_rows ? set->instances[i].n_rows : self.most_rows;
        for (size_t c = 0; c < set->instances[i].candidates.n_changes; c++)
            self.n_queries += cir__set_has_query(&set->instances[i], c) ? set->instances[i].n_queries : 0;
    }
    self.APs = cir__new(self.n_queries, N_METHODS * sizeof *self.APs);
    self.suspects = cir__new(self.n_queries, self.most_rows);
    cir_status status =
        self.APs != NULL && self.suspects != NULL ? CIR_OK : cir__fail_memory(err, "rankings");
    for (self.i_method = 0; self.i_method < N_METHODS && status == CIR_OK; self.i_method++) {
        self.i_ranked = 0;
        status = cir__set_rank(set, audit->features, audit->options->index, audit->options->model,
                               audit->options->pool, methods[self.i_method], visit, &self, err);
    }
    size_t i_query = 0;
    for (size_t i = 0; i < set->n && status == CIR_OK; i++)
        for (size_t c = 0; c < set->instances[i].candidates.n_changes; c++)
            for (size_t q = 0; q < set->instances[i].n_queries && cir__set_has_query(&set->instances[i], c);
                 q++)
                tell_query(&self, &set->instances[i], q, c, i_query++);
    free(self.suspects);
    free(self.APs);
    return status;
}

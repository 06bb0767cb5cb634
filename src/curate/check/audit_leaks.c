/* A4: a query image, or the same picture in another form, in its database or among its instance's other queries; a seed
 * anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "curate/check/audit.h"
#include "curate/store/sql.h"

#define SAME_SHOT 0.97

static const char *describe(cir__likeness likeness)
{
    switch (likeness) {
    case CIR__LOOKS_SAME:
        return "the same picture as";
    case CIR__LOOKS_EDITED:
        return "in other colours or light, the same picture as";
    case CIR__LOOKS_TURNED:
        return "mirrored or turned, the same picture as";
    default:
        return "mirrored or turned and changed in colour, the same picture as";
    }
}

static void compare(cir__audit *audit, const cir__candidate *query, const float *query_feature,
                    const cir__candidate *other, const float *other_feature, size_t dim, const char *place)
{
    const cir__likeness likeness = query->looks != NULL && other->looks != NULL
                                       ? cir__looks_compare(query->looks, other->looks, NULL, NULL)
                                       : CIR__LOOKS_DIFFERENT;
    if (likeness != CIR__LOOKS_DIFFERENT) {
        cir__audit_tell(audit, "A4", CIR_AUDIT_ERROR, other->path, "%s query image %s, in %s",
                        describe(likeness), query->path, place);
        return;
    }
    double cosine = 0;
    for (size_t d = 0; query_feature != NULL && d < dim; d++)
        cosine += (double)query_feature[d] * (double)other_feature[d];
    if (cosine >= SAME_SHOT)
        cir__audit_tell(audit, "A4", CIR_AUDIT_WARNING, other->path,
                        "perhaps the same shot as query image %s (cosine %.3f), in %s", query->path, cosine,
                        place);
}

static void audit_queries(cir__audit *audit, size_t i)
{
    const cir__set_instance *instance = &audit->set->instances[i];
    const cir__candidate *items = instance->candidates.items;
    const size_t dim = audit->features != NULL ? cir_index_get_info(audit->options->index)->model->dim : 0;
    const float *queries = audit->features != NULL ? audit->features[i].queries : NULL;
    const float *rows = audit->features != NULL ? audit->features[i].rows : NULL;
    for (size_t q = 0; q < instance->n_queries; q++) {
        const float *feature = queries != NULL ? queries + q * dim : NULL;
        for (size_t r = 0; r < instance->n_rows; r++)
            compare(audit, &items[instance->queries[q]], feature, &items[instance->rows[r].i_candidate],
                    rows != NULL ? rows + r * dim : NULL, dim, "its database");
        for (size_t other = 0; other < q; other++)
            compare(audit, &items[instance->queries[q]], feature, &items[instance->queries[other]],
                    queries != NULL ? queries + other * dim : NULL, dim, "its other queries");
    }
}

static void audit_seed(cir__audit *audit, const uint8_t hash[CIR__HASH_SIZE], const cir__looks *looks)
{
    for (size_t i = 0; i < audit->set->n; i++) {
        const cir__set_instance *instance = &audit->set->instances[i];
        for (size_t r = 0; r < instance->n_rows + instance->n_queries; r++) {
            const size_t at = r < instance->n_rows ? instance->rows[r].i_candidate
                                                   : instance->queries[r - instance->n_rows];
            const cir__candidate *item = &instance->candidates.items[at];
            if (memcmp(item->hash, hash, CIR__HASH_SIZE) == 0 ||
                (item->looks != NULL &&
                 cir__looks_compare(item->looks, looks, NULL, NULL) == CIR__LOOKS_SAME))
                cir__audit_tell(audit, "A4", CIR_AUDIT_ERROR, item->path,
                                "a seed, or a copy of one, in the set of \"%s\"", instance->candidates.key);
        }
    }
}

cir_status cir__audit_leaks(cir__audit *audit, cir_error *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    for (size_t i = 0; i < audit->set->n; i++)
        audit_queries(audit, i);
    cir_status status = cir__curation_begin(audit->curation, false, err);
    if (status != CIR_OK)
        return status;
    cir__store *store = audit->curation->store;
    status = cir__sql_prepare(store, &statement, err,
                              "SELECT hash, looks FROM seed WHERE hash IS NOT NULL GROUP BY hash", "");
    while (status == CIR_OK && (status = cir__store_step(store, statement, &has_row, err)) == CIR_OK &&
           has_row) {
        uint8_t hash[CIR__HASH_SIZE];
        cir__looks looks;
        if (!cir__sql_copy_bytes(statement, 0, hash, sizeof hash) ||
            !cir__sql_copy_bytes(statement, 1, &looks, sizeof looks))
            status = cir__store_fail_damaged(store, "a seed's photo is out of range", err);
        else
            audit_seed(audit, hash, &looks);
    }
    (void)sqlite3_finalize(statement);
    return cir__curation_end(audit->curation, status, err);
}

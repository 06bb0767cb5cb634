#include "curate/check/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "curate/plan/wording.h"
#include "curate/store/sql.h"

#define TOO_BROAD 0.3
enum { FEWEST_SAME = 5, FEWEST_POSITIVES = 3, FEWEST_OF_TYPE = 20, LEAST_SHARE_PERCENT = 5 };

void cir__audit_tell(cir__audit *audit, const char *rule, cir_audit_level level, const char *subject,
                     const char *format, ...)
{
    char message[2048];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(message, sizeof message, format, values);
    va_end(values);
    cir_audit_finding finding = {.rule = rule, .level = level, .subject = subject, .message = message};
    for (size_t i = 0; i < audit->n_waivers; i++)
        if (strcmp(audit->waivers[i].rule, rule) == 0 && strcmp(audit->waivers[i].subject, subject) == 0)
            finding.waived_for = audit->waivers[i].why;
    audit->counts.n_waived += finding.waived_for != NULL;
    audit->counts.n_errors += finding.waived_for == NULL && level == CIR_AUDIT_ERROR;
    audit->counts.n_warnings += finding.waived_for == NULL && level == CIR_AUDIT_WARNING;
    audit->visit(audit->context, &finding);
}

static cir_status load_waivers(cir__audit *audit, cir_error *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    cir_status status = cir__curation_begin(audit->curation, false, err);
    if (status != CIR_OK)
        return status;
    cir__store *store = audit->curation->store;
    status = cir__sql_prepare(store, &statement, err, "SELECT rule, subject, why FROM waiver", "");
    while (status == CIR_OK && (status = cir__store_step(store, statement, &has_row, err)) == CIR_OK &&
           has_row) {
        if (!cir__grow((void **)&audit->waivers, &audit->waivers_capacity, audit->n_waivers + 1,
                       sizeof *audit->waivers)) {
            status = cir__fail_memory(err, audit->curation->path);
            break;
        }
        cir__waiver *waiver = &audit->waivers[audit->n_waivers++];
        *waiver = (cir__waiver){cir__sql_copy_text(statement, 0), cir__sql_copy_text(statement, 1),
                                cir__sql_copy_text(statement, 2)};
        if (waiver->rule == NULL || waiver->subject == NULL || waiver->why == NULL)
            status = cir__fail_memory(err, audit->curation->path);
    }
    (void)sqlite3_finalize(statement);
    return cir__curation_end(audit->curation, status, err);
}

/* A2: a text that holds for most pictures of the thing is its usual state. */
static void audit_breadth(cir__audit *audit, const cir__set_instance *instance)
{
    char subject[1200];
    for (size_t c = 0; c < instance->candidates.n_changes; c++) {
        size_t n_same = 0;
        size_t n_holds = 0;
        for (size_t i = 0; i < instance->candidates.n; i++) {
            const cir__label *label = &instance->labels.items[i];
            const bool holds = label->verdicts[c] == CIR__VERDICT_YES || label->texts[c] == CIR_TEXT_HOLDS;
            const bool is_same = label->object == CIR_OBJECT_SAME || label->verdicts[c] == CIR__VERDICT_YES;
            n_same += is_same && instance->candidates.items[i].is_kept;
            n_holds += is_same && holds && instance->candidates.items[i].is_kept;
        }
        (void)snprintf(subject, sizeof subject, "%s/%s", instance->candidates.key,
                       instance->candidates.changes[c].text);
        if (n_same >= FEWEST_SAME && (double)n_holds > TOO_BROAD * (double)n_same)
            cir__audit_tell(audit, "A2", CIR_AUDIT_WARNING, subject,
                            "too broad: it holds for %zu of %zu pictures of the thing, its usual state",
                            n_holds, n_same);
    }
}

/* A6: a text with a word of the thing's name finds the thing by itself. */
static cir_status audit_wordings(cir__audit *audit, const cir__set_instance *instance, cir_error *err)
{
    char subject[1200];
    char word[64];
    char *name = cir__wording_fold(instance->candidates.name);
    char *category = cir__wording_fold(instance->candidates.category);
    cir_status status =
        name != NULL && category != NULL ? CIR_OK : cir__fail_memory(err, audit->curation->path);
    for (size_t c = 0; c < instance->candidates.n_changes && status == CIR_OK; c++) {
        char *text = cir__wording_fold(instance->candidates.changes[c].text);
        (void)snprintf(subject, sizeof subject, "%s/%s", instance->candidates.key,
                       instance->candidates.changes[c].text);
        if (text == NULL)
            status = cir__fail_memory(err, audit->curation->path);
        else if (cir__wording_shares_word(text, name, word) || cir__wording_shares_word(text, category, word))
            cir__audit_tell(audit, "A6", CIR_AUDIT_ERROR, subject,
                            "the text says \"%s\", which is in the thing's name or category", word);
        free(text);
    }
    free(name);
    free(category);
    return status;
}

/* A7. */
static void audit_two_texts(cir__audit *audit, const cir__set_instance *instance)
{
    for (size_t i = 0; i < instance->candidates.n; i++) {
        const cir__candidate *item = &instance->candidates.items[i];
        const cir__label *label = &instance->labels.items[i];
        size_t n = 0;
        for (size_t c = 0; c < instance->candidates.n_changes; c++)
            n += label->verdicts[c] == CIR__VERDICT_YES;
        if (n > 1 && item->is_kept && !label->is_removed && !label->is_ambiguous && !label->is_query)
            cir__audit_tell(
                audit, "A7", CIR_AUDIT_ERROR, item->path,
                "positive for %zu texts of \"%s\", which the layout cannot say; export with --two-texts drop or first",
                n, instance->candidates.key);
    }
}

/* A8: sizes. */
static void audit_balance(cir__audit *audit, const cir__set_instance *instance)
{
    char subject[1200];
    size_t by_source[CIR_N_SOURCE_TYPES] = {0};
    size_t n_negatives = 0;
    const char *key = instance->candidates.key;
    for (size_t c = 0; c < instance->candidates.n_changes; c++) {
        (void)snprintf(subject, sizeof subject, "%s/%s", key, instance->candidates.changes[c].text);
        if (instance->n_positives[c] == 0)
            cir__audit_tell(audit, "A8", CIR_AUDIT_WARNING, subject, "no positive: it makes no query");
        else if (instance->n_positives[c] < FEWEST_POSITIVES)
            cir__audit_tell(audit, "A8", CIR_AUDIT_WARNING, subject, "%zu positives, fewer than %d",
                            instance->n_positives[c], FEWEST_POSITIVES);
    }
    for (size_t r = 0; r < instance->n_rows; r++)
        if (instance->rows[r].i_change == CIR__NEGATIVE) {
            by_source[cir__candidate_type_of_all(&instance->candidates.items[instance->rows[r].i_candidate],
                                                 instance->candidates.n_changes)]++;
            n_negatives++;
        }
    for (int t = CIR_SOURCE_VISUAL; t < CIR_N_SOURCE_TYPES; t++)
        if (by_source[t] < FEWEST_OF_TYPE || by_source[t] * 100 < n_negatives * LEAST_SHARE_PERCENT)
            cir__audit_tell(audit, "A8", CIR_AUDIT_WARNING, key,
                            "%zu of %zu negatives are %s by source: the collection has few, or mine deeper",
                            by_source[t], n_negatives, cir_source_type_name((cir_source_type)t));
    if (instance->n_queries == 0)
        cir__audit_tell(audit, "A8", CIR_AUDIT_WARNING, key, "no query image");
    if (instance->n_unseen > 0)
        cir__audit_tell(audit, "A8", CIR_AUDIT_WARNING, key,
                        "%zu candidates were not looked at for every text, and stay out", instance->n_unseen);
}

static cir_status audit_people(cir__audit *audit, cir_error *err)
{
    int64_t n = 0;
    cir_status status = cir__curation_begin(audit->curation, false, err);
    if (status != CIR_OK)
        return status;
    status =
        cir__sql_get(audit->curation->store, 0, &n, err,
                     "SELECT count(*) FROM (SELECT person FROM judgement UNION SELECT person FROM page)", "");
    status = cir__curation_end(audit->curation, status, err);
    if (status == CIR_OK && n < 2)
        cir__audit_tell(audit, "A8", CIR_AUDIT_WARNING, "judgements",
                        "all are one person's: nobody can say how far people agree");
    return status;
}

cir_status cir_curation_audit(cir_curation *curation, const cir_audit_options *options, cir_audit_visit *tell,
                              void *context, cir_audit_counts *counts_out, cir_error *err)
{
    cir__error_clear(err);
    cir__curated_set set;
    cir__set_features *features = NULL;
    cir__audit self = {
        .curation = curation, .options = options, .set = &set, .visit = tell, .context = context};
    *counts_out = (cir_audit_counts){0};
    /* Pictures positive for two texts are taken for the first, so that all else can be looked at. */
    cir_status status = cir__curated_set_load(curation, CIR_TWO_TEXTS_FIRST, INT64_MAX, &set, err);
    if (status == CIR_OK)
        status = load_waivers(&self, err);
    if (status == CIR_OK && options->index != NULL)
        status = cir__set_features_load(&set, options->index, &features, err);
    self.features = features;
    if (status == CIR_OK && options->index != NULL && options->model != NULL)
        status = cir__audit_rankings(&self, err);
    for (size_t i = 0; i < set.n && status == CIR_OK; i++) {
        audit_breadth(&self, &set.instances[i]);
        status = audit_wordings(&self, &set.instances[i], err);
        if (status != CIR_OK)
            break;
        audit_two_texts(&self, &set.instances[i]);
        audit_balance(&self, &set.instances[i]);
    }
    if (status == CIR_OK)
        status = cir__audit_leaks(&self, err);
    if (status == CIR_OK)
        status = audit_people(&self, err);
    *counts_out = self.counts;
    for (size_t i = 0; i < self.n_waivers; i++) {
        free(self.waivers[i].rule);
        free(self.waivers[i].subject);
        free(self.waivers[i].why);
    }
    free(self.waivers);
    cir__set_features_free(features, set.n);
    cir__curated_set_done(&set);
    return status;
}

cir_status cir_curation_waive(cir_curation *curation, const char *rule, const char *subject,
                              const char *person, const char *why, cir_error *err)
{
    cir__error_clear(err);
    int64_t id;
    if (why[strspn(why, " \t\n")] == '\0')
        return cir__fail(err, CIR_ARGUMENT, "%s: a waiver needs a reason, which is published: --why TEXT",
                         rule);
    cir_status status = cir__curation_begin(curation, true, err);
    if (status != CIR_OK)
        return status;
    status = cir__curation_get_person(curation, person, &id, err);
    if (status == CIR_OK)
        status = cir__sql_run(
            curation->store, err,
            "INSERT OR REPLACE INTO waiver(rule, subject, person, why, clock) SELECT ?1, ?2, ?3, ?4, value "
            "FROM setting WHERE key = 'clock'",
            "ttit", rule, subject, id, why);
    return cir__curation_end(curation, status, err);
}

#include "curate/judge/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "curate/judge/aspects.h"
#include "curate/store/sql.h"

/* One person's last words about positives: [n candidates, n_changes] of the values' numbers, 0: none. */
typedef struct voice {
    int64_t person;
    bool is_lead;
    uint8_t *words;
} voice;

typedef struct loading {
    cir_curation *curation;
    const cir__candidates *candidates;
    cir__labels *labels;
    voice *voices;
    size_t n_voices, capacity;
    cir_error *err;
} loading;

static cir_status get_voice(loading *self, int64_t person, bool is_lead, voice **voice_out)
{
    for (size_t i = 0; i < self->n_voices; i++)
        if (self->voices[i].person == person) {
            *voice_out = &self->voices[i];
            return CIR_OK;
        }
    if (!cir__grow((void **)&self->voices, &self->capacity, self->n_voices + 1, sizeof *self->voices))
        return cir__fail_memory(self->err, self->curation->path);
    *voice_out = &self->voices[self->n_voices++];
    **voice_out = (voice){person, is_lead, cir__new(self->candidates->n, self->candidates->n_changes)};
    return (*voice_out)->words != NULL ? CIR_OK : cir__fail_memory(self->err, self->curation->path);
}

static size_t find_change(const cir__candidates *candidates, int64_t id)
{
    size_t i = 0;
    while (i < candidates->n_changes && candidates->changes[i].id != id)
        i++;
    return i;
}

/* A word about one picture; what belongs to nothing any more says nothing. */
static cir_status take_judgement(loading *self, sqlite3_stmt *statement, int64_t person, bool is_lead)
{
    const cir__candidate *item = cir__candidates_find(self->candidates, sqlite3_column_int64(statement, 3));
    const size_t i_change = find_change(self->candidates, sqlite3_column_int64(statement, 4));
    const cir__aspect aspect = cir__aspect_parse(cir__sql_text(statement, 5));
    const int value = cir__aspect_parse_value(aspect, cir__sql_text(statement, 6));
    if (item == NULL || value < 0 ||
        (cir__aspect_is_of_change(aspect) && i_change == self->candidates->n_changes))
        return CIR_OK;
    const size_t i = (size_t)(item - self->candidates->items);
    cir__label *label = &self->labels->items[i];
    voice *speaker;
    switch (aspect) {
    case CIR__ASPECT_POSITIVE: {
        cir_status status = get_voice(self, person, is_lead, &speaker);
        if (status != CIR_OK)
            return status;
        speaker->words[i * self->candidates->n_changes + i_change] = (uint8_t)value;
        return CIR_OK;
    }
    case CIR__ASPECT_OBJECT:
        label->object = (uint8_t)value;
        return CIR_OK;
    case CIR__ASPECT_TEXT:
        label->texts[i_change] = (uint8_t)value;
        return CIR_OK;
    case CIR__ASPECT_QUERY:
        label->is_query = value == CIR__YES;
        return CIR_OK;
    case CIR__ASPECT_REMOVE:
        label->is_removed = value > CIR__NOT_REMOVED;
        strncpy(label->removed_for, label->is_removed ? cir__sql_text(statement, 6) : "",
                sizeof label->removed_for - 1);
        return CIR_OK;
    default: /* of filters */
        return CIR_OK;
    }
}

/* All that was left unmarked on a page is no positive. */
static cir_status take_page(loading *self, sqlite3_stmt *statement, int64_t person, bool is_lead)
{
    const uint8_t *bytes = sqlite3_column_blob(statement, 7);
    const size_t n = (size_t)sqlite3_column_bytes(statement, 7) / sizeof(int64_t);
    voice *speaker;
    cir_status status = get_voice(self, person, is_lead, &speaker);
    for (size_t p = 0; p < n && status == CIR_OK; p++) {
        int64_t picture;
        memcpy(&picture, bytes + p * sizeof picture, sizeof picture);
        const cir__candidate *item = cir__candidates_find(self->candidates, picture);
        if (item != NULL)
            memset(speaker->words + (size_t)(item - self->candidates->items) * self->candidates->n_changes,
                   CIR__NO, self->candidates->n_changes);
    }
    return status;
}

static cir_status take_all(loading *self, int64_t until)
{
    static const char sql[] =
        "SELECT w.kind, w.person, r.role = 'lead', coalesce(p.same_as, p.id), w.change, w.aspect, w.value, w.pictures "
        "FROM (SELECT 0 AS kind, clock, uuid, person, picture, change, aspect, value, NULL AS pictures FROM judgement "
        "WHERE instance = ?1 AND clock <= ?2 UNION ALL SELECT 1, clock, uuid, person, 0, 0, '', '', pictures FROM page "
        "WHERE instance = ?1 AND clock <= ?2) w JOIN person r ON r.id = w.person LEFT JOIN picture p ON p.id = w.picture "
        "ORDER BY w.clock, w.uuid";
    sqlite3_stmt *statement;
    bool has_row = false;
    cir__store *store = self->curation->store;
    cir_status status =
        cir__sql_prepare(store, &statement, self->err, sql, "ii", self->candidates->instance, until);
    while (status == CIR_OK && (status = cir__store_step(store, statement, &has_row, self->err)) == CIR_OK &&
           has_row) {
        const int64_t person = sqlite3_column_int64(statement, 1);
        const bool is_lead = sqlite3_column_int(statement, 2) != 0;
        status = sqlite3_column_int(statement, 0) == 0 ? take_judgement(self, statement, person, is_lead)
                                                       : take_page(self, statement, person, is_lead);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static cir__verdict decide(const loading *self, size_t i, size_t c)
{
    unsigned n_yes = 0;
    unsigned n_no = 0;
    unsigned n_unsure = 0;
    int lead = 0;
    for (size_t v = 0; v < self->n_voices; v++) {
        const int word = self->voices[v].words[i * self->candidates->n_changes + c];
        n_yes += word == CIR__YES;
        n_no += word == CIR__NO;
        n_unsure += word == CIR__UNSURE;
        if (self->voices[v].is_lead && word != 0 && word != CIR__SKIP)
            lead = word;
    }
    if (lead != 0)
        return lead == CIR__YES  ? CIR__VERDICT_YES
               : lead == CIR__NO ? CIR__VERDICT_NO
                                 : CIR__VERDICT_AMBIGUOUS;
    if (n_unsure > 0 || (n_yes > 0 && n_yes == n_no))
        return CIR__VERDICT_AMBIGUOUS;
    return n_yes > n_no ? CIR__VERDICT_YES : n_no > 0 ? CIR__VERDICT_NO : CIR__VERDICT_NONE;
}

cir_status cir__labels_load(cir_curation *curation, const cir__candidates *candidates, int64_t until,
                            cir__labels *labels_out, cir_error *err)
{
    *labels_out = (cir__labels){0};
    loading self = {.curation = curation, .candidates = candidates, .labels = labels_out, .err = err};
    labels_out->items = cir__new(candidates->n, sizeof *labels_out->items);
    if (labels_out->items == NULL)
        return cir__fail_memory(err, curation->path);
    labels_out->n = candidates->n;
    cir_status status = CIR_OK;
    for (size_t i = 0; i < candidates->n && status == CIR_OK; i++) {
        cir__label *label = &labels_out->items[i];
        label->verdicts = cir__new(candidates->n_changes, 1);
        label->texts = cir__new(candidates->n_changes, 1);
        if (label->verdicts == NULL || label->texts == NULL)
            status = cir__fail_memory(err, curation->path);
    }
    if (status == CIR_OK)
        status = take_all(&self, until);
    for (size_t i = 0; i < candidates->n && status == CIR_OK; i++) {
        cir__label *label = &labels_out->items[i];
        for (size_t c = 0; c < candidates->n_changes; c++) {
            label->verdicts[c] = (uint8_t)decide(&self, i, c);
            label->is_ambiguous = label->is_ambiguous || label->verdicts[c] == CIR__VERDICT_AMBIGUOUS;
        }
        for (size_t v = 0; v < self.n_voices; v++) {
            bool says = false;
            for (size_t c = 0; c < candidates->n_changes; c++)
                says = says || self.voices[v].words[i * candidates->n_changes + c] != 0;
            label->n_people += says;
        }
    }
    for (size_t v = 0; v < self.n_voices; v++)
        free(self.voices[v].words);
    free(self.voices);
    return status;
}

void cir__labels_done(cir__labels *labels)
{
    for (size_t i = 0; i < labels->n; i++) {
        free(labels->items[i].verdicts);
        free(labels->items[i].texts);
    }
    free(labels->items);
    *labels = (cir__labels){0};
}

cir_judged_type cir__label_type(const cir__label *label, size_t i_change)
{
    static const cir_judged_type types[4][4] = {
        [CIR_OBJECT_SAME] = {[CIR_TEXT_HOLDS] = CIR_JUDGED_POSITIVE,
                             [CIR_TEXT_NEARLY] = CIR_JUDGED_COMPOSED,
                             [CIR_TEXT_NO] = CIR_JUDGED_VISUAL},
        [CIR_OBJECT_ALIKE] = {[CIR_TEXT_HOLDS] = CIR_JUDGED_COMPOSED,
                              [CIR_TEXT_NEARLY] = CIR_JUDGED_COMPOSED,
                              [CIR_TEXT_NO] = CIR_JUDGED_VISUAL},
        [CIR_OBJECT_OTHER] = {[CIR_TEXT_HOLDS] = CIR_JUDGED_TEXTUAL,
                              [CIR_TEXT_NEARLY] = CIR_JUDGED_PLAIN,
                              [CIR_TEXT_NO] = CIR_JUDGED_PLAIN},
    };
    const cir_judged_type type = types[label->object][label->texts[i_change]];
    return type == CIR_JUDGED_UNKNOWN && label->verdicts[i_change] == CIR__VERDICT_YES ? CIR_JUDGED_POSITIVE
                                                                                       : type;
}

const char *cir_judged_type_name(cir_judged_type type)
{
    static const char *const names[CIR_N_JUDGED_TYPES] = {"unknown", "plain",    "visual",
                                                          "textual", "composed", "positive"};
    return type < CIR_N_JUDGED_TYPES ? names[type] : "unknown";
}

/* What is in force: the last word of every person, and what of all persons' is the label.
 *
 * A lead's decision counts; else the majority of those who say yes or no; else the one word there is. A tie, or anybody
 * who is unsure and has not been overruled by a lead, makes the picture ambiguous: it leaves the instance's database
 * altogether, as all its queries share that. A page that was confirmed says no to all that was left unmarked on it. */
#ifndef CIR_CURATE_LABELS_H
#define CIR_CURATE_LABELS_H

#include "curate/mine/candidates.h"

typedef enum cir__verdict {
    CIR__VERDICT_NONE,
    CIR__VERDICT_NO,
    CIR__VERDICT_YES,
    CIR__VERDICT_AMBIGUOUS
} cir__verdict;

/* One candidate's. */
typedef struct cir__label {
    uint8_t *verdicts;      /* [n_changes] cir__verdict: is it positive for that text? */
    uint8_t object, *texts; /* cir_judged_object; [n_changes] cir_judged_text; of the last who said */
    bool is_query;          /* used as a query image */
    bool is_removed;
    char removed_for[32];
    bool is_ambiguous; /* for any change */
    unsigned n_people; /* who said anything about it */
} cir__label;

typedef struct cir__labels {
    cir__label *items; /* [n] as the candidates */
    size_t n;
} cir__labels;

/* Within a transaction. until: what was said after that clock does not count; INT64_MAX: all counts. End with
 * cir__labels_done, also where it failed. */
CIR_MUST_CHECK cir_status cir__labels_load(cir_curation *curation, const cir__candidates *candidates,
                                           int64_t until, cir__labels *labels_out, cir_error *err);
void cir__labels_done(cir__labels *labels);

/* The type that people gave a picture, for one change's queries: what object and text say; where nobody was asked, what
 * the verdicts alone say, and that is not much. */
cir_judged_type cir__label_type(const cir__label *label, size_t i_change);

#endif

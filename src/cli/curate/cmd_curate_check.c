/* cir curate check: audits of a set before it is given away, and how hard it is. */
#include <stdio.h>
#include <string.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/curate/curating.h"

static const cir__flag flags[] = {
    {"waive", 0, "RULE:SUBJECT", "accept a finding, with --why; what is waived is listed"},
    {"why", 0, "TEXT", "the reason of --waive"},
    {"person", 0, "NAME", "who waives (default \"lead\")"},
    {"equivalence", 0, NULL, "also find how many random photos of the index the set is as hard as"},
    {"model", 0, "MODEL", "whose features rank the set (default: the index' first)"},
    {"precision", 0, "f32|bf16|int8", "of the encoder's products (default f32)"},
    {"json", 0, NULL, "print one JSON document"},
    CIR__CURATING_INDEX_FLAGS,
    {0},
};

static const char *const levels[] = {"info", "warning", "error"};

typedef struct checking {
    json_t *findings; /* NULL: lines */
} checking;

static void tell(void *context, const cir_audit_finding *finding)
{
    const checking *self = context;
    if (self->findings != NULL) {
        json_t *one = json_pack("{s:s, s:s, s:o, s:o}", "rule", finding->rule, "level",
                                levels[finding->level], "subject", cir__json_text(finding->subject),
                                "message", cir__json_text(finding->message));
        if (finding->waived_for != NULL)
            cir__json_set(one, "waived_for", cir__json_text(finding->waived_for));
        json_array_append_new(self->findings, one);
        return;
    }
    printf("%-3s %-7s ", finding->rule, finding->waived_for != NULL ? "waived" : levels[finding->level]);
    cir__put_text(stdout, finding->subject);
    printf(": ");
    cir__put_text(stdout, finding->message);
    if (finding->waived_for != NULL) {
        printf(" (waived: ");
        cir__put_text(stdout, finding->waived_for);
        putchar(')');
    }
    putchar('\n');
}

static const cir_method methods[] = {CIR_METHOD_TEXT, CIR_METHOD_IMAGE, CIR_METHOD_SUM, CIR_METHOD_PRODUCT,
                                     CIR_METHOD_BASIC_MINUS};
enum { N_METHODS = sizeof methods / sizeof *methods };

static json_t *difficulty_json(const cir_difficulty *one, bool has_equivalent)
{
    json_t *source = json_object();
    json_t *judged = json_object();
    for (int t = CIR_N_SOURCE_TYPES; t-- > 0;)
        cir__json_set(source, cir_source_type_name((cir_source_type)t),
                      json_pack("{s:f, s:f}", "negatives", one->n_by_source[t], "H", one->H_by_source[t]));
    for (int t = CIR_N_JUDGED_TYPES; t-- > 0;)
        cir__json_set(judged, cir_judged_type_name((cir_judged_type)t),
                      json_pack("{s:f, s:f}", "negatives", one->n_by_judged[t], "H", one->H_by_judged[t]));
    json_t *object = json_pack("{s:s, s:f, s:f, s:f, s:o, s:o}", "method", cir_method_name(one->method),
                               "mAP", one->mAP, "H", one->H, "mean_database", one->mean_database, "by_source",
                               source, "by_judged_type", judged);
    if (has_equivalent)
        cir__json_set(object, "equivalence",
                      json_pack("{s:f, s:b, s:f, s:I, s:f}", "random_photos", one->equivalent,
                                "more_than_the_pool", one->is_beyond, "factor",
                                one->mean_database > 0 ? one->equivalent / one->mean_database : 0, "pool",
                                (json_int_t)one->n_pool, "mAP_of_the_pool", one->pool_mAP));
    return object;
}

static void print_difficulties(const cir_difficulty all[N_METHODS], bool has_equivalent)
{
    char count[32];
    printf(
        "\nnegatives above a positive, on average, by source and by what people said they are:\n%-8s %6s %8s   %8s %8s %8s "
        "%8s   %8s %8s %8s %8s %8s\n",
        "method", "mAP", "all", "visual", "textual", "composed", "other", "visual", "textual", "composed",
        "plain", "unknown");
    for (int m = 0; m < N_METHODS; m++)
        printf("%-8s %6.2f %8.2f   %8.2f %8.2f %8.2f %8.2f   %8.2f %8.2f %8.2f %8.2f %8.2f\n",
               cir_method_name(all[m].method), all[m].mAP, all[m].H, all[m].H_by_source[CIR_SOURCE_VISUAL],
               all[m].H_by_source[CIR_SOURCE_TEXTUAL], all[m].H_by_source[CIR_SOURCE_COMPOSED],
               all[m].H_by_source[CIR_SOURCE_OTHER], all[m].H_by_judged[CIR_JUDGED_VISUAL],
               all[m].H_by_judged[CIR_JUDGED_TEXTUAL],
               all[m].H_by_judged[CIR_JUDGED_COMPOSED] + all[m].H_by_judged[CIR_JUDGED_POSITIVE],
               all[m].H_by_judged[CIR_JUDGED_PLAIN], all[m].H_by_judged[CIR_JUDGED_UNKNOWN]);
    if (!has_equivalent)
        return;
    printf(
        "\nas hard as so many random photos of the index (a lower bound, as positives among them are not labelled):\n");
    for (int m = 0; m < N_METHODS; m++)
        printf("%-8s %s%s, a factor of %.1f over %.0f pictures a database\n", cir_method_name(all[m].method),
               all[m].is_beyond ? "more than all " : "",
               cir__count_text((size_t)(all[m].equivalent + 0.5), count),
               all[m].mean_database > 0 ? all[m].equivalent / all[m].mean_database : 0, all[m].mean_database);
}

static int audit(const cir__arguments *arguments, cir_curation *curation, const cir_index *index,
                 const cir_model *model, cir_pool *pool)
{
    cir_error err;
    cir_audit_counts counts;
    cir_difficulty difficulties[N_METHODS];
    const bool is_json = cir__arguments_has(arguments, "json");
    const bool has_equivalent = cir__arguments_has(arguments, "equivalence");
    checking self = {is_json ? json_array() : NULL};
    const cir_audit_options options = {.index = index, .model = model, .pool = pool};
    const cir_difficulty_options measured = {.index = index,
                                             .model = model,
                                             .pool = pool,
                                             .two_texts = CIR_TWO_TEXTS_FIRST,
                                             .finds_equivalent = has_equivalent};
    int status = CIR__DONE;
    if (cir_curation_audit(curation, &options, tell, &self, &counts, &err) != CIR_OK ||
        cir_curation_measure(curation, &measured, methods, N_METHODS, difficulties, &err) != CIR_OK)
        status = cir__session_fail(&err);
    if (status == CIR__DONE && is_json) {
        json_t *all = json_array();
        for (int m = 0; m < N_METHODS; m++)
            json_array_append_new(all, difficulty_json(&difficulties[m], has_equivalent));
        cir__json_print(json_pack("{s:O, s:I, s:I, s:I, s:o}", "findings", self.findings, "errors",
                                  (json_int_t)counts.n_errors, "warnings", (json_int_t)counts.n_warnings,
                                  "waived", (json_int_t)counts.n_waived, "difficulty", all));
    } else if (status == CIR__DONE) {
        printf("%zu errors, %zu warnings, %zu waived\n", counts.n_errors, counts.n_warnings, counts.n_waived);
        print_difficulties(difficulties, has_equivalent);
    }
    json_decref(self.findings);
    return status == CIR__DONE && counts.n_errors > 0 ? CIR__FAILED : status;
}

static int waive(const cir__arguments *arguments, cir_curation *curation)
{
    char rule[8] = "";
    cir_error err;
    const char *text = cir__arguments_get(arguments, "waive");
    const char *why = cir__arguments_get(arguments, "why");
    const char *person = cir__arguments_get(arguments, "person");
    const size_t n = strcspn(text, ":");
    if (text[n] != ':' || text[n + 1] == '\0' || n == 0 || n >= sizeof rule)
        return cir__arguments_refuse(
            arguments, "--waive: name a rule and a subject as they are printed: A2:poseidon/at sunset");
    memcpy(rule, text, n);
    return cir_curation_waive(curation, rule, text + n + 1, person != NULL ? person : "lead",
                              why != NULL ? why : "", &err) == CIR_OK
               ? CIR__DONE
               : cir__session_fail(&err);
}

static int run(const cir__arguments *arguments)
{
    const bool waives = cir__arguments_has(arguments, "waive");
    cir_curation *curation = NULL;
    cir_index *index = NULL;
    cir_model *model = NULL;
    cir_pool *pool = NULL;
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one project");
    int status = cir__curating_open(arguments, waives, &curation);
    if (status == CIR__DONE && waives) {
        status = waive(arguments, curation);
        cir_curation_close(curation);
        return status;
    }
    if (status == CIR__DONE)
        status = cir__session_open_pool(arguments, &pool);
    if (status == CIR__DONE)
        status = cir__curating_open_index(arguments, curation, NULL, &index);
    if (status == CIR__DONE)
        status = cir__session_open_model(arguments, cir_index_get_info(index)->model->path, CIR_PRECISION_F32,
                                         &model);
    if (status == CIR__DONE &&
        strcmp(cir_model_get_info(model)->fingerprint, cir_index_get_info(index)->model->fingerprint) != 0) {
        cir_index_close(index);
        index = NULL;
        status =
            cir__curating_open_index(arguments, curation, cir_model_get_info(model)->fingerprint, &index);
    }
    if (status == CIR__DONE)
        status = audit(arguments, curation, index, model, pool);
    cir_model_close(model);
    cir_index_close(index);
    cir_pool_free(pool);
    cir_curation_close(curation);
    return status;
}

const cir__command cir__command_curate_check = {
    .name = "curate check",
    .synopsis = "PROJECT [options]",
    .summary = "audit a set before it is given away, and say how hard it is",
    .flags = flags,
    .notes =
        "A1 shortcuts: the text or the photo alone has 0.8 of the best composed AP   A2 texts that are the usual state\n"
        "A3 negatives above positives that nobody looked at again                    A4 query images or seeds in databases\n"
        "A6 texts that name the thing     A7 pictures positive for two texts         A8 too few of something\n"
        "Exit status 1 if there is an error that is not waived.\n",
    .run = run,
};

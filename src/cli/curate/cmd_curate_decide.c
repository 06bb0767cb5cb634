/* cir curate decide and status: judgements from a table, and how far a project is. */
#include <stdio.h>
#include <string.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/curate/curating.h"

static const cir__flag decide_flags[] = {
    {"person", 0, "NAME", "whose judgements they are, where the table does not say (default \"import\")"},
    {"skip-unknown", 0, NULL, "pass over rows about pictures that no seed found"},
    {"json", 0, NULL, "print one JSON document"},
    {0},
};

static int run_decide(const cir__arguments *arguments)
{
    cir_curation *curation;
    cir_error err;
    cir_judging_report report = {0};
    if (cir__arguments_n_operands(arguments) != 2)
        return cir__arguments_refuse(arguments, "name one project and one table of judgements");
    const char *person = cir__arguments_get(arguments, "person");
    int status = cir__curating_open(arguments, true, &curation);
    if (status == CIR__DONE &&
        cir_curation_judge_file(curation, cir__arguments_operands(arguments)[1],
                                person != NULL ? person : "import",
                                cir__arguments_has(arguments, "skip-unknown"), &report, &err) != CIR_OK)
        status = cir__session_fail(&err);
    if (status == CIR__DONE && cir__arguments_has(arguments, "json"))
        cir__json_print(json_pack("{s:I, s:I}", "judgements", (json_int_t)report.n_judgements, "unknown",
                                  (json_int_t)report.n_unknown));
    else if (status == CIR__DONE)
        printf("%zu judgements are on the disk, %zu rows were about pictures that no seed found\n",
               report.n_judgements, report.n_unknown);
    cir_curation_close(curation);
    return status;
}

const cir__command cir__command_curate_decide = {
    .name = "curate decide",
    .synopsis = "PROJECT JUDGEMENTS.csv [options]",
    .summary = "record judgements from a table: which pictures are positives, and what the others are",
    .flags = decide_flags,
    .notes =
        "The header names the columns: instance, change, picture, value, and, where wanted, aspect and person.\n"
        "  instance,change,picture,aspect,value\n"
        "  poseidon,at sunset,sounion/0412.jpg,positive,yes    the end of a path is enough, or xxh3:HASH\n"
        "  poseidon,,sounion/0007.jpg,query,yes                a query image\n"
        "  poseidon,,sounion/0100.jpg,object,alike             same, alike, other: which kind of negative\n"
        "  poseidon,at sunset,sounion/0100.jpg,text,holds      holds, nearly, no\n"
        "  poseidon,,sounion/0300.jpg,remove,watermark         watermark, person, low-quality, nonsense, other\n"
        "  poseidon,,*,,no                                     all that is left was looked at, and is no positive\n"
        "Without a change, positive and text are said of all of them. Nothing is overwritten: the last word counts,\n"
        "\"clear\" takes one back. Where a row is wrong, nothing of the table is recorded. Rows of an instance go together.\n",
    .run = run_decide,
};

static const cir__flag status_flags[] = {
    {"json", 0, NULL, "print one JSON document"},
    {0},
};

typedef struct showing {
    json_t *instances; /* NULL: a table */
    size_t n;
} showing;

static json_t *source_json(const size_t counts[CIR_N_SOURCE_TYPES])
{
    json_t *object = json_object();
    for (int t = CIR_N_SOURCE_TYPES; t-- > 0;)
        cir__json_set(object, cir_source_type_name((cir_source_type)t), json_integer((json_int_t)counts[t]));
    return object;
}

static json_t *judged_json(const size_t counts[CIR_N_JUDGED_TYPES])
{
    json_t *object = json_object();
    for (int t = CIR_N_JUDGED_TYPES; t-- > 0;)
        cir__json_set(object, cir_judged_type_name((cir_judged_type)t), json_integer((json_int_t)counts[t]));
    return object;
}

static void show(void *context, const cir_instance_status *one)
{
    showing *self = context;
    if (self->instances == NULL) {
        if (self->n++ == 0)
            printf("%-24s %6s %6s %6s %7s %8s %9s %7s %9s %7s  %s\n", "instance", "texts", "seeds", "found",
                   "dropped", "in pool", "judged", "positive", "ambiguous", "queries",
                   "visual / textual / composed");
        cir__put_text(stdout, one->key);
        printf("%*s %6zu %6zu %6zu %7zu %8zu %9zu %8zu %9zu %7zu  %zu / %zu / %zu\n",
               (int)(strlen(one->key) < 24 ? 24 - strlen(one->key) : 0), "", one->n_changes, one->n_seeds,
               one->n_found, one->n_dropped, one->n_in_pool, one->n_judged, one->n_positives,
               one->n_ambiguous, one->n_query_images, one->by_source[CIR_SOURCE_VISUAL],
               one->by_source[CIR_SOURCE_TEXTUAL], one->by_source[CIR_SOURCE_COMPOSED]);
        return;
    }
    json_t *object = json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "instance",
        cir__json_text(one->key), "name", cir__json_text(one->name), "texts", (json_int_t)one->n_changes,
        "seeds", (json_int_t)one->n_seeds, "found", (json_int_t)one->n_found, "dropped",
        (json_int_t)one->n_dropped, "gone", (json_int_t)one->n_gone, "flagged", (json_int_t)one->n_flagged,
        "in_pool", (json_int_t)one->n_in_pool, "judged", (json_int_t)one->n_judged, "positives",
        (json_int_t)one->n_positives, "ambiguous", (json_int_t)one->n_ambiguous, "removed",
        (json_int_t)one->n_removed, "query_images", (json_int_t)one->n_query_images);
    cir__json_set(object, "pool_by_source", source_json(one->by_source));
    cir__json_set(object, "negatives_by_source", source_json(one->negatives_by_source));
    cir__json_set(object, "negatives_by_judged_type", judged_json(one->negatives_by_judged));
    json_array_append_new(self->instances, object);
}

static int run_status(const cir__arguments *arguments)
{
    cir_curation *curation;
    cir_error err;
    showing self = {.instances = cir__arguments_has(arguments, "json") ? json_array() : NULL};
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one project");
    int status = cir__curating_open(arguments, false, &curation);
    if (status == CIR__DONE && cir_curation_list_status(curation, show, &self, &err) != CIR_OK)
        status = cir__session_fail(&err);
    if (status == CIR__DONE && self.instances != NULL)
        cir__json_print(json_pack("{s:s, s:O}", "index", cir_curation_get_info(curation)->index_path,
                                  "instances", self.instances));
    json_decref(self.instances);
    cir_curation_close(curation);
    return status;
}

const cir__command cir__command_curate_status = {
    .name = "curate status",
    .synopsis = "PROJECT [--json]",
    .summary = "how far a project is: candidates by source, judgements, positives, negatives",
    .flags = status_flags,
    .notes = "",
    .run = run_status,
};

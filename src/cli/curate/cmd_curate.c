/* cir curate: projects and their plans. */
#include <stdio.h>
#include <string.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/curate/curating.h"
#include "cli/decode/decoding.h"

static const cir__flag new_flags[] = {
    {"index", 0, "INDEX", "the index whose photos are curated"},
    {0},
};

static int run_new(const cir__arguments *arguments)
{
    const char *index = cir__arguments_get(arguments, "index");
    cir_error err;
    if (cir__arguments_n_operands(arguments) != 1 || index == NULL)
        return cir__arguments_refuse(arguments, "name one project, and its index with --index");
    const char *path = cir__arguments_operands(arguments)[0];
    cir_index *opened; /* that it is one is said now, not at the first search */
    if (cir_index_open(index, NULL, &opened, &err) != CIR_OK)
        return cir__session_fail(&err);
    cir_index_close(opened);
    if (cir_curation_new(path, index, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (!cir__arguments_has(arguments, "quiet")) {
        cir__put_text(stdout, path);
        printf(": made; next: write a plan, and: cir curate plan ");
        cir__put_text(stdout, path);
        printf(" plan.csv\n");
    }
    return CIR__DONE;
}

const cir__command cir__command_curate_new = {
    .name = "curate new",
    .synopsis = "PROJECT --index INDEX",
    .summary = "begin an evaluation set of one's own, out of the photos of an index",
    .flags = new_flags,
    .notes =
        "A project is a folder (NAME.curate is a good name) that holds all that is planned, found and decided.\n"
        "Pictures are known by their bytes: the index may be moved, updated or replaced meanwhile.\n",
    .run = run_new,
};

static const cir__flag plan_flags[] = {
    CIR__CURATING_INDEX_FLAGS,
    CIR__DECODING_FLAGS("2048"),
    {0},
};

static int print_plan(cir_curation *curation)
{
    char *csv;
    size_t size;
    cir_error err;
    if (cir_curation_format_plan(curation, &csv, &size, &err) != CIR_OK)
        return cir__session_fail(&err);
    (void)fwrite(csv, 1, size, stdout);
    cir_bytes_free(csv);
    return CIR__DONE;
}

static int read_plan(const cir__arguments *arguments, cir_curation *curation, const char *path)
{
    cir_index *index = NULL;
    cir__decoding decoding = {0};
    cir_error err;
    cir_plan_report report;
    int status = cir__curating_open_index(arguments, curation, NULL, &index);
    if (status == CIR__DONE)
        status = cir__decoding_open(arguments, 1, 2048, &decoding);
    if (status == CIR__DONE) {
        const cir_image_options image = {.size = sizeof image, .decoder = decoding.decoder};
        const cir_plan_options options = {
            .index = index,
            .image = &image,
            .tell = cir__arguments_has(arguments, "quiet") ? NULL : cir__curating_tell};
        if (cir_curation_read_plan(curation, path, &options, &report, &err) != CIR_OK)
            status = cir__session_fail(&err);
        else
            printf("%zu instances, %zu changes, %zu seeds (%zu new, %zu removed)\n", report.n_instances,
                   report.n_changes, report.n_seeds, report.n_new, report.n_removed);
    }
    cir__decoding_close(&decoding);
    cir_index_close(index);
    return status;
}

static int run_plan(const cir__arguments *arguments)
{
    const size_t n = cir__arguments_n_operands(arguments);
    if (n < 1 || n > 2)
        return cir__arguments_refuse(arguments, "name one project, and at most one plan");
    cir_curation *curation;
    int status = cir__curating_open(arguments, n == 2, &curation);
    if (status == CIR__DONE)
        status = n == 2 ? read_plan(arguments, curation, cir__arguments_operands(arguments)[1])
                        : print_plan(curation);
    cir_curation_close(curation);
    return status;
}

const cir__command cir__command_curate_plan = {
    .name = "curate plan",
    .synopsis = "PROJECT [PLAN.csv]",
    .summary = "read a project's plan: its things, the changes asked of them, and seeds; or print it",
    .flags = plan_flags,
    .notes =
        "A plan is CSV with the header instance,role,change,value, a row each:\n"
        "  poseidon,name,,Temple of Poseidon               what it is called (needed)\n"
        "  poseidon,category,,Ancient Greek temple         what kind of thing it is\n"
        "  poseidon,kind,,landmark/temple                  a category for breakdowns\n"
        "  poseidon,image,,seeds/poseidon1.jpg             a photo of it: a file, or an id of the index\n"
        "  poseidon,change,at sunset,context               a text query, and its category (at least one)\n"
        "  poseidon,rephrased,at sunset,a photo of dusk    the same in other words\n"
        "  poseidon,composed-image,at sunset,dusk.jpg      a photo of the changed thing\n"
        "  poseidon,composed-text,at sunset,Sounion ...    in place of \"NAME at sunset\" and \"CATEGORY at sunset\"\n"
        "The whole plan is read each time: what is not in it any more leaves the project, unless it was judged.\n",
    .run = run_plan,
};

static const cir__flag no_flags[] = {{0}};

static int run_curate(const cir__arguments *arguments)
{
    return cir__arguments_refuse(arguments,
                                 "say what to do: new, plan, mine, decide, status, check or export");
}

const cir__command cir__command_curate = {
    .name = "curate",
    .synopsis = "new | plan | mine | decide | status | check | export",
    .summary = "evaluation sets of one's own: plan, mine, judge, check, export",
    .flags = no_flags,
    .notes = "More: cir curate new --help, and so on.\n",
    .run = run_curate,
};

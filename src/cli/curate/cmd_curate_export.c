/* cir curate export: a set that cir eval ranks at once. */
#include <stdio.h>
#include <string.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/curate/curating.h"
#include "cli/decode/decoding.h"

static const cir__flag flags[] = {
    {"version", 0, "X.Y.Z", "of the set (needed)"},
    {"licence", 0, "NAME", "its licence: an SPDX name, or an address (needed)"},
    {"creator", 0, "NAME", "who made it"},
    {"url", 0, "URL", "where it is to be found"},
    {"description", 0, "TEXT", "a sentence about it"},
    {"two-texts", 0, "refuse|drop|first", "pictures that are positive for two texts (default: refuse)"},
    {"json", 0, NULL, "print one JSON document"},
    CIR__CURATING_INDEX_FLAGS,
    CIR__DECODING_FLAGS("2048"),
    {0},
};

static bool watch(void *context, size_t n_done, size_t n_total)
{
    cir__progress_draw(context, n_done, n_total, n_done, NULL);
    return !cir__session_is_interrupted();
}

static int read_two_texts(const cir__arguments *arguments, cir_two_texts *out)
{
    static const char *const names[] = {"refuse", "drop", "first"};
    const char *name = cir__arguments_get(arguments, "two-texts");
    *out = CIR_TWO_TEXTS_REFUSE;
    for (int i = 0; name != NULL && i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (cir_two_texts)i;
            return CIR__DONE;
        }
    return name == NULL ? CIR__DONE
                        : cir__arguments_refuse(arguments, "--two-texts: is refuse, drop or first");
}

static void print_report(const cir__arguments *arguments, const cir_export_report *report)
{
    const char *folder = cir__arguments_operands(arguments)[1];
    if (cir__arguments_has(arguments, "json")) {
        cir__json_print(json_pack(
            "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "instances",
            (json_int_t)report->n_instances, "queries", (json_int_t)report->n_queries, "query_images",
            (json_int_t)report->n_query_images, "pictures", (json_int_t)report->n_pictures, "positives",
            (json_int_t)report->n_positives, "negatives", (json_int_t)report->n_negatives, "unseen",
            (json_int_t)report->n_unseen, "two_texts", (json_int_t)report->n_two_texts, "reencoded",
            (json_int_t)report->n_reencoded, "again", report->is_again));
        return;
    }
    printf("%zu instances, %zu queries of %zu query images, %zu positives, %zu hard negatives\n",
           report->n_instances, report->n_queries, report->n_query_images, report->n_positives,
           report->n_negatives);
    if (report->n_unseen > 0)
        printf("left out, as nobody looked at them for every text: %zu candidates\n", report->n_unseen);
    printf("next: cir eval ");
    cir__put_text(stdout, folder);
    printf(" --model MODEL --verify\n");
}

static int run(const cir__arguments *arguments)
{
    cir_export_options options = {.version = cir__arguments_get(arguments, "version"),
                                  .licence = cir__arguments_get(arguments, "licence"),
                                  .creator = cir__arguments_get(arguments, "creator"),
                                  .url = cir__arguments_get(arguments, "url"),
                                  .description = cir__arguments_get(arguments, "description"),
                                  .watch = watch};
    if (cir__arguments_n_operands(arguments) != 2 || options.version == NULL || options.licence == NULL)
        return cir__arguments_refuse(arguments, "name one project, one folder, --version and --licence");
    int status = read_two_texts(arguments, &options.two_texts);
    cir_curation *curation = NULL;
    cir_index *index = NULL;
    cir_pool *pool = NULL;
    cir__decoding decoding = {0};
    cir__progress progress;
    cir_export_report report;
    cir_image_options image = {.size = sizeof image};
    cir_error err;
    if (status == CIR__DONE)
        status = cir__curating_open(arguments, true, &curation);
    if (status == CIR__DONE)
        status = cir__curating_open_index(arguments, curation, NULL, &index);
    if (status == CIR__DONE)
        status = cir__session_open_pool(arguments, &pool);
    if (status == CIR__DONE)
        status = cir__decoding_open(arguments, cir_pool_get_n_threads(pool), 2048, &decoding);
    if (status == CIR__DONE) {
        cir__session_catch_interrupts();
        cir__progress_init(&progress, arguments, "writing pictures");
        image.decoder = decoding.decoder;
        options.index = index;
        options.pool = pool;
        options.image = &image;
        options.context = &progress;
        if (cir_curation_export(curation, cir__arguments_operands(arguments)[1], &options, &report, &err) !=
            CIR_OK)
            status = cir__session_fail(&err);
        cir__progress_clear(&progress);
    }
    if (status == CIR__DONE)
        print_report(arguments, &report);
    cir__decoding_close(&decoding);
    cir_pool_free(pool);
    cir_index_close(index);
    cir_curation_close(curation);
    return status;
}

const cir__command cir__command_curate_export = {
    .name = "curate export",
    .synopsis = "PROJECT FOLDER --version X.Y.Z --licence NAME [options]",
    .summary = "write the set in i-CIR's layout, ready for cir eval",
    .flags = flags,
    .notes =
        "Pictures lose their metadata, and keep their pixels. pictures.csv says of every row what it is by source and\n"
        "by judgement; checksums.sha256 is checked by cir eval --verify. The same version again is the same bytes, or an\n"
        "error. A change to an existing instance asks for a new first number, new instances for a new second one.\n",
    .run = run,
};

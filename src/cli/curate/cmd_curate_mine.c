/* cir curate mine: neighbours of the seeds as candidates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"
#include "cli/curate/curating.h"
#include "cli/decode/decoding.h"

static const cir__flag flags[] = {
    {"per-seed", 'k', "N", "neighbours a seed (default: a fiftieth of the index, 40 to 500)"},
    {"deeper", 0, NULL, "twice as many as each seed has been searched for"},
    {"per-instance", 0, "N", "pictures that people are to look at for each instance (default 4000)"},
    {"min-side", 0, "PX", "drop smaller pictures (default: what the model sees)"},
    {"model", 0, "MODEL ...",
     "search by this model's features; several unite what they find (default: the index' first)"},
    {"precision", 0, "f32|bf16|int8", "of the encoder's products (default f32)"},
    {"json", 0, NULL, "print one JSON document"},
    CIR__CURATING_INDEX_FLAGS,
    CIR__DECODING_FLAGS("2048"),
    {0},
};

typedef struct mining {
    const cir__arguments *arguments;
    cir_curation *curation;
    cir_pool *pool;
    cir__decoding decoding;
    cir__progress progress;
    cir_mining_options options;
    cir_mining_report total;
    json_t *models;
} mining;

static bool watch(void *context, cir_mining_stage stage, size_t n_done, size_t n_total)
{
    static const char *const stages[] = {"encoding", "searching", "looking at pictures", "filtering"};
    mining *self = context;
    self->progress.verb = stages[stage];
    cir__progress_draw(&self->progress, n_done, n_total > n_done ? n_total : n_done, n_done, NULL);
    return !cir__session_is_interrupted();
}

static json_t *report_json(const cir_mining_report *report)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seeds_searched",
                     (json_int_t)report->n_searched, "seeds_up_to_date", (json_int_t)report->n_up_to_date,
                     "new_pictures", (json_int_t)report->n_new, "measured", (json_int_t)report->n_measured,
                     "gone", (json_int_t)report->n_gone, "dropped_seeds", (json_int_t)report->n_seeds,
                     "dropped_small", (json_int_t)report->n_small, "dropped_copies",
                     (json_int_t)report->n_copies, "linked_pairs", (json_int_t)report->n_linked, "in_pools",
                     (json_int_t)report->n_in_pools);
}

static void print_report(const cir_mining_report *report, const char *model)
{
    printf("%s: %zu seeds searched for, %zu up to date; %zu new pictures, %zu looked at\n", model,
           report->n_searched, report->n_up_to_date, report->n_new, report->n_measured);
    printf(
        "dropped: %zu seeds and their copies, %zu too small, %zu copies; gone: %zu; one picture changed: %zu pairs\n",
        report->n_seeds, report->n_small, report->n_copies, report->n_gone, report->n_linked);
    printf("%zu pictures are in the pools; next: cir curate status\n", report->n_in_pools);
}

/* By one model; NULL: the index' first. */
static int mine_by(mining *self, const char *name)
{
    cir_model *model = NULL;
    cir_index *index = NULL;
    cir_error err;
    cir_mining_report report;
    int status = CIR__DONE;
    if (name == NULL) {
        status = cir__curating_open_index(self->arguments, self->curation, NULL, &index);
        if (status == CIR__DONE)
            status = cir__session_check_encodable(cir_index_get_info(index));
        if (status == CIR__DONE)
            status = cir__session_open_model_at(self->arguments, cir_index_get_info(index)->model->path,
                                                CIR_PRECISION_F32, &model);
    } else {
        status = cir__session_open_model_at(self->arguments, name, CIR_PRECISION_F32, &model);
        if (status == CIR__DONE)
            status = cir__curating_open_index(self->arguments, self->curation,
                                              cir_model_get_info(model)->fingerprint, &index);
    }
    if (status == CIR__DONE) {
        self->options.index = index;
        self->options.model = model;
        if (cir_curation_mine(self->curation, &self->options, &report, &err) != CIR_OK)
            status = cir__session_fail(&err);
        cir__progress_clear(&self->progress);
        if (status == CIR__DONE && self->models != NULL) {
            json_t *one = report_json(&report);
            cir__json_set(one, "model", cir__json_text(cir_model_get_info(model)->name));
            json_array_append_new(self->models, one);
        } else if (status == CIR__DONE) {
            print_report(&report, cir_model_get_info(model)->name);
        }
    }
    cir_index_close(index);
    cir_model_close(model);
    return status;
}

static int run(const cir__arguments *arguments)
{
    mining self = {.arguments = arguments};
    size_t n_models = 0;
    const char *name;
    cir_image_options image = {.size = sizeof image};
    self.options =
        (cir_mining_options){.goes_deeper = cir__arguments_has(arguments, "deeper"), .watch = watch};
    if (!cir__arguments_count(arguments, "per-seed", 1, 1000000, &self.options.per_seed) ||
        !cir__arguments_count(arguments, "per-instance", 1, 10000000, &self.options.per_instance) ||
        !cir__arguments_count(arguments, "min-side", 1, 100000, &self.options.min_side_px))
        return CIR__USAGE;
    int status = cir__curating_open(arguments, true, &self.curation);
    if (status == CIR__DONE)
        status = cir__session_open_pool(arguments, &self.pool);
    if (status == CIR__DONE)
        status = cir__decoding_open(arguments, cir_pool_get_n_threads(self.pool), 2048, &self.decoding);
    if (status == CIR__DONE) {
        cir__session_catch_interrupts();
        cir__progress_init(&self.progress, arguments, "mining");
        image.decoder = self.decoding.decoder;
        self.options.image = &image;
        self.options.pool = self.pool;
        self.options.context = &self;
        self.options.n_instances = cir__arguments_n_operands(arguments) - 1;
        if (self.options.n_instances > 0)
            self.options.instances = cir__arguments_operands(arguments) + 1;
        self.models = cir__arguments_has(arguments, "json") ? json_array() : NULL;
        for (size_t i = 0;
             status == CIR__DONE && (name = cir__arguments_next(arguments, "model", &i)) != NULL; n_models++)
            status = mine_by(&self, name);
        if (status == CIR__DONE && n_models == 0)
            status = mine_by(&self, NULL);
        if (status == CIR__DONE && self.models != NULL)
            cir__json_print(json_pack("{s:O}", "models", self.models));
    }
    json_decref(self.models);
    cir__decoding_close(&self.decoding);
    cir_pool_free(self.pool);
    cir_curation_close(self.curation);
    return status;
}

const cir__command cir__command_curate_mine = {
    .name = "curate mine",
    .synopsis = "PROJECT [INSTANCE ...] [options]",
    .summary = "search for candidates: neighbours of every seed, and what they are by source",
    .flags = flags,
    .notes =
        "Photos and sentences of the plan are searched with as they are, exactly. What photo and name seeds find is\n"
        "visual, what rephrased sentences find textual, what composed seeds, or both kinds, find composed.\n"
        "Dropped, with the reason: seeds and their copies, low resolution, copies (a hash and mean colours: what was\n"
        "changed in colour or light stays). It continues where it was stopped, and does nothing twice.\n",
    .run = run,
};

/* cir search: a photo, words, or both, against an index. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/answer/answer.h"
#include "cli/common/commands.h"
#include "cli/common/method_help.h"
#include "cli/common/session.h"

static const cir__flag flags[] = {
    {"image", 'i', "FILE|ID", "the photo of the thing: a file, or the id of an indexed photo"},
    {"text", 't', "TEXT", "how it should differ"},
    {"k", 'k', "N", "how many answers (default 20)"},
    {"method", 'm', "METHOD", "one of the methods below"},
    {"set", 's', "KEY=VALUE ...", "change a setting of the method"},
    {"recall", 0, "N|exact",
     "with compact codes, the share of the exact answers aimed at, 0.5 to 1 (default 0.99)"},
    {"explain", 'e', NULL, "add each answer's rank by image alone and by text alone"},
    {"json", 0, NULL, "print one JSON document"},
    {"html", 0, "FILE", "write a page with the pictures and the scatter of the scores"},
    {"show", 0, NULL, "show the pictures in the terminal"},
    {"model", 0, "MODEL", "where the index' model lies now, or which of its models to use"},
    {"precision", 0, "f32|bf16|int8",
     "of the encoder's products (default: bf16 where the processor has it, f32 with the demo encoder)"},
    {"forget-texts", 0, NULL,
     "keep nothing of the words beside the index; else the same words are quick again"},
    {"exact-decode", 0, NULL, "decode a large JPEG whole (default: at a reduced scale, as cir index does)"},
    {"no-exif-rotation", 0, NULL, "leave the query photo's EXIF orientation unapplied"},
    {"trust", 0, NULL, "take an index of another user, or one that names folders elsewhere, at its word"},
    {0},
};

/* What a search does, one after the other, beside what is told as "search". */
enum { OPEN_INDEX, OPEN_MODEL, ENCODE_IMAGE, PREPARE, ENCODE_TEXT, COMPOSE, LOOK_UP, N_STAGES };
static const char *const stage_names[N_STAGES] = {"open_index",  "open_model", "encode_image", "prepare",
                                                  "encode_text", "compose",    "look_up"};

/* Everything a search takes hold of, released in one place. */
typedef struct searching {
    const cir__arguments *arguments;
    const char *text; /* NULL: none, or nothing but blanks */
    cir_pool *pool;
    cir_index *index;
    cir_model *model;
    cir_composer *composer;
    cir_composed composed;
    cir_method method;
    cir_settings settings;
    float *image_feature;
    cir_image_record query_record; /* of a query by id */
    double mark;                   /* when the latest stage ended */
    double search_ms;
    size_t k;      /* answers asked for */
    size_t n_gone; /* photos among the best whose files are gone */
    cir__answer_stage stages[N_STAGES];
    float *image_scores;
    float *text_scores;
    cir__answer answer;
} searching;

static void release(searching *self)
{
    for (size_t i = 0; i < self->answer.n_hits; i++)
        cir_image_record_done(&self->answer.hits[i].record);
    free(self->answer.hits);
    free(self->image_scores);
    free(self->text_scores);
    free(self->image_feature);
    cir_image_record_done(&self->query_record);
    cir_composed_done(&self->composed);
    cir_composer_free(self->composer);
    cir_model_close(self->model);
    cir_index_close(self->index);
    cir_pool_free(self->pool);
}

/* Milliseconds since this was last asked for. */
static double pass(searching *self)
{
    double begin = self->mark;
    self->mark = cir__session_seconds();
    return 1e3 * (self->mark - begin);
}

/* The index is opened to learn its model, and again for the model at hand if that is another one. */
static int open_index_and_model(searching *self, const char *path)
{
    cir_error err;
    if (cir__session_open_index(self->arguments, path, NULL, &self->index, &err) != CIR_OK)
        return cir__session_fail(&err);
    self->stages[OPEN_INDEX].ms = pass(self);
    const cir_index_model *first = cir_index_get_info(self->index)->model;
    int status = cir__session_check_encodable(cir_index_get_info(self->index));
    if (status != CIR__DONE)
        return status;
    status = cir__session_open_model(self->arguments, first->path, CIR_PRECISION_AUTO, &self->model);
    self->stages[OPEN_MODEL].ms = pass(self);
    if (status != CIR__DONE) {
        if (!cir__arguments_has(self->arguments, "model"))
            fprintf(stderr, "cir: %s was made with that model; say where it lies now: --model DIR\n", path);
        return status;
    }
    const char *fingerprint = cir_model_get_info(self->model)->fingerprint;
    if (strcmp(fingerprint, first->fingerprint) == 0)
        return CIR__DONE;
    cir_index_close(self->index);
    if (cir__session_open_index(self->arguments, path, fingerprint, &self->index, &err) != CIR_OK)
        return cir__session_fail(&err);
    self->stages[OPEN_INDEX].ms += pass(self);
    return CIR__DONE;
}

static bool is_id(const char *text, size_t *id_out)
{
    if (access(text, F_OK) == 0 || text[0] == '\0')
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (!isdigit((unsigned char)*c))
            return false;
    *id_out = strtoull(text, NULL, 10);
    return true;
}

static int encode_query_image(searching *self, const char *image)
{
    cir_error err;
    cir_status status;
    size_t id;
    self->image_feature = calloc(cir_model_get_info(self->model)->dim, sizeof *self->image_feature);
    if (self->image_feature == NULL) {
        fprintf(stderr, "cir: memory could not be had\n");
        return CIR__FAILED;
    }
    if (is_id(image, &id)) {
        status = cir_index_get_image(self->index, id, &self->query_record, &err);
        if (status == CIR_OK)
            status = cir_index_get_feature(self->index, id, self->image_feature, &err);
        self->answer.query_image_path = self->query_record.path;
        self->answer.query_record = &self->query_record;
    } else {
        cir_image_options options = {.ignore_exif_rotation =
                                         cir__arguments_has(self->arguments, "no-exif-rotation"),
                                     .allow_shrinking = !cir__arguments_has(self->arguments, "exact-decode")};
        status = cir_model_encode_files(self->model, self->pool, &image, 1, &options, self->image_feature,
                                        NULL, NULL, &err);
        self->answer.query_image_path = image;
    }
    self->stages[ENCODE_IMAGE].ms = pass(self);
    return status == CIR_OK ? CIR__DONE : cir__session_fail(&err);
}

static int compose(searching *self)
{
    cir_error err;
    const char *text = self->text;
    if (cir_composer_new(self->index, self->model, self->pool, self->method, &self->settings, &self->composer,
                         &err) != CIR_OK)
        return cir__session_fail(&err);
    self->stages[PREPARE].ms = pass(self);
    if (cir_composer_get_settings(self->composer)->minima_source == CIR_MINIMA_PAPER &&
        !cir__arguments_has(self->arguments, "quiet"))
        fprintf(stderr,
                "cir: there are fewer than two images to estimate the scores' minima from: -0.077 and -0.117 "
                "are used, which are CLIP ViT-L/14's\n");
    if (cir_composer_compose(self->composer, self->pool, self->image_feature, text, &self->composed, &err) !=
        CIR_OK)
        return cir__session_fail(&err);
    self->stages[ENCODE_TEXT].ms = 1e3 * self->composed.encode_seconds;
    self->stages[COMPOSE].ms = pass(self) - self->stages[ENCODE_TEXT].ms;
    self->answer.query_text = text;
    if (self->composed.n_cut > 0)
        fprintf(stderr, "cir: the text is longer than the %zu tokens the model reads; its end was cut off\n",
                cir_model_get_info(self->model)->context_length);
    return CIR__DONE;
}

static cir_status rank_hits(searching *self, const cir_rows *rows, const cir_hit *hits, cir_error *err)
{
    cir__answer *answer = &self->answer;
    cir_rank *ranks = calloc(answer->n_hits + 1, sizeof *ranks);
    if (ranks == NULL) {
        *err = (cir_error){CIR_NO_MEMORY, ""};
        return CIR_NO_MEMORY;
    }
    cir_status status =
        cir_search_ranks(rows, &self->composed.query, hits, answer->n_hits, self->pool, ranks, err);
    for (size_t i = 0; i < answer->n_hits && status == CIR_OK; i++)
        answer->hits[i].rank = ranks[i];
    answer->has_ranks = status == CIR_OK;
    free(ranks);
    return status;
}

static cir_status score_all(searching *self, const cir_rows *rows, cir_error *err)
{
    self->image_scores = calloc(rows->n_rows + 1, sizeof *self->image_scores);
    self->text_scores = calloc(rows->n_rows + 1, sizeof *self->text_scores);
    if (self->image_scores == NULL || self->text_scores == NULL) {
        *err = (cir_error){CIR_NO_MEMORY, ""};
        return CIR_NO_MEMORY;
    }
    self->answer.n_rows = rows->n_rows;
    self->answer.image_scores = self->image_scores;
    self->answer.text_scores = self->text_scores;
    return cir_search_scores(rows, &self->composed.query, self->pool, NULL, self->image_scores,
                             self->text_scores, err);
}

/* Whether a photo's file is gone since the index was updated. */
static bool is_gone(const cir_image_record *record)
{
    return access(record->path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* The best n_wanted, less those that are gone. hits: [n_wanted]; those that are left, *n_out of them. */
static cir_status find_there(searching *self, const cir_rows *rows, size_t n_wanted, cir_hit *hits,
                             size_t *n_found_out, cir_error *err)
{
    cir__answer *answer = &self->answer;
    const cir_search_options options = cir_settings_get_search(&self->settings);
    cir_status status = cir_search_find(rows, &self->composed.query, 1, n_wanted, &options, self->pool, hits,
                                        n_found_out, &answer->report, err);
    self->search_ms += pass(self);
    answer->n_hits = 0;
    self->n_gone = 0;
    for (size_t i = 0; i < *n_found_out && answer->n_hits < self->k && status == CIR_OK; i++) {
        cir__answer_hit *one = &answer->hits[answer->n_hits];
        status = cir_index_get_image(self->index, hits[i].id, &one->record, err);
        if (status == CIR_OK && is_gone(&one->record)) {
            cir_image_record_done(&one->record);
            self->n_gone++;
        } else if (status == CIR_OK) {
            one->hit = hits[answer->n_hits++] = hits[i];
        }
    }
    return status;
}

static int search(searching *self)
{
    enum { MOST_MORE = 1 << 16 }; /* looked at in the place of those that are gone */
    cir_error err;
    cir_rows rows = cir_rows_of_index(self->index);
    cir__answer *answer = &self->answer;
    const size_t n_ready = cir_index_get_info(self->index)->n_ready;
    if (self->k > n_ready)
        self->k = n_ready > 0 ? n_ready : 1;
    answer->hits = calloc(self->k, sizeof *answer->hits);
    cir_hit *hits = NULL;
    cir_status status = CIR_OK;
    size_t n_found = 0;
    for (size_t n_wanted = self->k; status == CIR_OK; n_wanted = 4 * n_wanted) {
        n_wanted = n_wanted < n_ready ? n_wanted : n_ready > 0 ? n_ready : 1;
        free(hits);
        hits = calloc(n_wanted, sizeof *hits);
        if (hits == NULL || answer->hits == NULL) {
            free(hits);
            fprintf(stderr, "cir: memory could not be had\n");
            return CIR__FAILED;
        }
        for (size_t i = 0; i < answer->n_hits; i++)
            cir_image_record_done(&answer->hits[i].record);
        status = find_there(self, &rows, n_wanted, hits, &n_found, &err);
        if (answer->n_hits == self->k || n_found < n_wanted || n_wanted >= n_ready ||
            n_wanted > self->k + MOST_MORE)
            break;
    }
    if (status == CIR_OK && cir__arguments_has(self->arguments, "explain"))
        status = rank_hits(self, &rows, hits, &err);
    if (status == CIR_OK && cir__arguments_has(self->arguments, "html"))
        status = score_all(self, &rows, &err);
    free(hits);
    self->stages[LOOK_UP].ms = pass(self);
    return status == CIR_OK ? CIR__DONE : cir__session_fail(&err);
}

/* What is missing from the answer, and what to do. */
static void say_missing(const searching *self)
{
    const char *path = self->answer.index_path;
    const bool is_empty = self->answer.n_hits == 0;
    if (self->n_gone > 0)
        fprintf(stderr, "cir: %s: %zu photo%s gone since it was updated %s; next: cir index %s%s\n", path,
                self->n_gone, self->n_gone == 1 ? "" : "s",
                self->n_gone == 1 ? "is passed over" : "are passed over", path,
                is_empty ? " (or is a drive missing?)" : "");
    else if (is_empty)
        fprintf(stderr, "cir: %s: no photos to search; next: cir index FOLDER -o %s\n", path, path);
}

static int print(searching *self, double started)
{
    cir__answer *answer = &self->answer;
    const cir_index_info *info = cir_index_get_info(self->index);
    answer->index_path = info->path;
    answer->index = self->index;
    answer->model_name = info->model->name;
    answer->model_fingerprint = info->model->fingerprint;
    answer->method = self->method;
    answer->settings = cir_composer_get_settings(self->composer);
    answer->fusion = self->composed.query.fusion;
    answer->n_images = info->n_ready;
    answer->n_cut = self->composed.n_cut;
    for (size_t i = 0; i < N_STAGES; i++)
        self->stages[i].name = stage_names[i];
    answer->stages = self->stages;
    answer->n_stages = N_STAGES;
    answer->encode_ms = self->stages[ENCODE_IMAGE].ms + self->stages[ENCODE_TEXT].ms;
    answer->search_ms = self->search_ms;
    answer->total_ms = 1e3 * (cir__session_seconds() - started);
    if (cir__arguments_has(self->arguments, "json"))
        cir__answer_print_json(answer);
    else
        cir__answer_print_table(answer);
    say_missing(self);
    cir_error err;
    const char *page = cir__arguments_get(self->arguments, "html");
    if (page != NULL && cir__answer_write_page(answer, self->pool, page, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (cir__arguments_has(self->arguments, "show") && cir__answer_show(answer, self->pool, &err) != CIR_OK)
        return cir__session_fail(&err);
    return answer->n_hits > 0 ? CIR__DONE : CIR__FAILED; /* as grep has it */
}

/* --recall is short for --set recall=…, and the last word. */
static int read_recall(searching *self)
{
    const char *recall = cir__arguments_get(self->arguments, "recall");
    char key_value[64];
    cir_error err;
    if (recall == NULL)
        return CIR__DONE;
    (void)snprintf(key_value, sizeof key_value, "recall=%s", recall);
    return cir_settings_set(&self->settings, key_value, &err) == CIR_OK
               ? CIR__DONE
               : cir__arguments_refuse(self->arguments, "--recall: %s", err.message);
}

static int run(const cir__arguments *arguments)
{
    searching self = {.arguments = arguments, .k = 20};
    double started = cir__session_seconds();
    const char *image = cir__arguments_get(arguments, "image");
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one index");
    const char *text = cir__arguments_get(arguments, "text");
    self.text = cir_text_is_blank(text) ? NULL : text;
    if (image == NULL && self.text == NULL)
        return cir__arguments_refuse(arguments, text == NULL
                                                    ? "give --image, --text or both"
                                                    : "--text says nothing; give words, --image or both");
    if (!cir__arguments_count(arguments, "k", 1, 1000000000, &self.k))
        return CIR__USAGE;
    int status = cir__session_read_settings(arguments, CIR_METHOD_DEFAULT, &self.method, &self.settings);
    if (status != CIR__DONE)
        return status;
    self.settings.forget_texts = cir__arguments_has(arguments, "forget-texts");
    status = read_recall(&self);
    if (status != CIR__DONE)
        return status;
    const cir_method_info *method = cir_method_get_info(self.method);
    const bool lacks_image = method->photo == CIR_INPUT_NEEDED && image == NULL;
    if (lacks_image || (method->words == CIR_INPUT_NEEDED && self.text == NULL))
        return cir__arguments_refuse(arguments, "method %s needs --%s", method->name,
                                     lacks_image ? "image" : "text");
    status = cir__session_open_pool(arguments, &self.pool);
    self.mark = cir__session_seconds();
    if (status == CIR__DONE)
        status = open_index_and_model(&self, cir__arguments_operands(arguments)[0]);
    if (status == CIR__DONE && image != NULL)
        status = encode_query_image(&self, image);
    if (status == CIR__DONE)
        status = compose(&self);
    if (status == CIR__DONE)
        status = search(&self);
    if (status == CIR__DONE)
        status = print(&self, started);
    fflush(stdout); /* now: giving back a gigabyte of weights takes its time; main looks for errors */
    release(&self);
    return status;
}

const cir__command cir__command_search = {
    .name = "search",
    .synopsis = "INDEX [--image FILE|ID] [--text TEXT] [options]",
    .summary = "find photos of that very thing, changed that way",
    .flags = flags,
    .print_tables = cir__method_help_search,
    .notes = "Without --text, or with a blank one, the photo alone is searched for, without --image the "
             "words alone.\n\n"
             "Examples:\n"
             "  cir search photos.cir --image temple.jpg --text \"at night\"\n"
             "  cir search photos.cir --image 17 --text \"as a pencil sketch\" --html answer.html\n"
             "  cir search photos.cir --text \"a red bicycle in snow\" -k 50 --json\n"
             "  cir search photos.cir --image 17 --text \"in snow\" --recall exact --explain\n"
             "  cir search photos.cir -i temple.jpg -t \"in snow\" -m basic --set lambda=0.05\n",
    .run = run,
};

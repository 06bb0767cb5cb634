/* cir search: a photo, words, or both, against an index. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/answer/answer.h"
#include "cli/common/commands.h"
#include "cli/common/method_help.h"
#include "cli/common/session.h"
#include "shared/clock.h"

static const cir__flag flags[] = {
    {"image", 'i', "FILE|ID", "the photo of the thing: a file, or the id of an indexed photo"},
    {"text", 't', "TEXT", "how it should differ"},
    {"k", 'k', "N", "how many answers (default 20)"},
    {"method", 'm', "METHOD", "one of the methods below"},
    {"set", 's', "KEY=VALUE ...", "change a setting of the method"},
    {"recall", 0, "N|exact",
     "with compact codes, the fraction of the exact answers aimed at, 0.5 to 1 (default 0.99)"},
    {"after", 0, "DATE", "photos that were taken on that day (2021-12-31) or later"},
    {"before", 0, "DATE", "photos that were taken on that day or earlier"},
    {"folder", 0, "PATH", "photos in that folder or below it"},
    {"orientation", 0, "landscape|portrait|square", "photos of that shape"},
    {"fold", 0, NULL, "show near-duplicates as one answer"},
    {"explain", 'e', NULL, "add each answer's rank by image alone and by text alone"},
    {"json", 0, NULL, "print one JSON document"},
    {"html", 0, "FILE", "write a page with the pictures and the scatter of the scores"},
    {"show", 0, NULL, "show the pictures in the terminal"},
    {"model", 0, "MODEL", "the folder of the index' model, or which of its models to use"},
    {"precision", 0, "auto|fast|f32|bf16|int8",
     "of the encoder's matrix products (default auto: the fastest that keeps the features; cir info MODEL "
     "says which)"},
    {"forget-texts", 0, NULL, "do not cache the words' features beside the index (cached words are faster)"},
    {"exact-decode", 0, NULL, "decode a large JPEG whole (default: at a reduced scale, as cir index does)"},
    {"no-exif-rotation", 0, NULL, "ignore the query photo's EXIF orientation"},
    {"trust", 0, NULL, "trust an index that belongs to another user or names folders elsewhere"},
    {0},
};

/* What a search does, one after the other, beside what is told as "search". */
enum { N_STAGES = 7 };

/* Everything a search takes hold of, released in one place. */
typedef struct searching {
    const cir__arguments *arguments;
    cir_pool *pool;
    cir_collection *collection;
    cir_search_request request;
    cir_image_options image_options;
    cir_photo_filter filter;
    char *folder; /* as the index names it */
    cir_settings settings;
    cir_answer *found;
    const cir_answer_info *info; /* of found */
    float *image_scores;
    float *text_scores;
    cir__answer answer;
} searching;

static void release(searching *self)
{
    cir__answer_done(&self->answer);
    free(self->image_scores);
    free(self->text_scores);
    cir_answer_free(self->found);
    cir_bytes_free(self->folder);
    cir_collection_close(self->collection);
    cir_pool_free(self->pool);
}

/* ---- what is asked for ---- */

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

/* The flags that name a part of the photos bear the filter's own names. */
static int read_filter(searching *self)
{
    static const char *const keys[] = {"after", "before", "orientation"};
    cir_error err;
    cir_photo_filter_init(&self->filter, sizeof self->filter);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = cir__arguments_get(self->arguments, keys[i]);
        if (value != NULL && cir_photo_filter_set(&self->filter, keys[i], value, &err) != CIR_OK)
            return cir__arguments_refuse(self->arguments, "--%s", err.message);
    }
    self->request.filter = &self->filter;
    return CIR__DONE;
}

/* The library says what is wrong, and this which flag is meant. */
static int check(const searching *self)
{
    static const char *const flag_names[] = {
        [CIR_REQUEST_FAULT_PHOTO] = "--image: ", [CIR_REQUEST_FAULT_WORDS] = "--text: "};
    cir_request_fault fault;
    cir_error err;
    if (cir_search_request_check(&self->request, &fault, &err) == CIR_OK)
        return CIR__DONE;
    if (fault == CIR_REQUEST_FAULT_QUERY)
        return cir__arguments_refuse(self->arguments, cir__arguments_has(self->arguments, "text")
                                                          ? "--text is blank; give words, --image or both"
                                                          : "give --image, --text or both");
    return cir__arguments_refuse(self->arguments, "%s%s",
                                 fault <= CIR_REQUEST_FAULT_WORDS ? flag_names[fault] : "", err.message);
}

static int read_request(searching *self)
{
    const cir__arguments *arguments = self->arguments;
    cir_search_request *request = &self->request;
    const char *image = cir__arguments_get(arguments, "image");
    cir_search_request_init(request, sizeof *request);
    if (image != NULL && !is_id(image, &request->image_id))
        request->image_path = image;
    request->text = cir__arguments_get(arguments, "text");
    request->skip_missing = true;
    request->fold_duplicates = cir__arguments_has(arguments, "fold");
    request->explain = cir__arguments_has(arguments, "explain");
    request->settings = &self->settings;
    request->image_options = &self->image_options;
    cir_image_options_init(&self->image_options, sizeof self->image_options);
    self->image_options.ignore_exif_rotation = cir__arguments_has(arguments, "no-exif-rotation");
    self->image_options.allow_shrinking = !cir__arguments_has(arguments, "exact-decode");
    if (!cir__arguments_count(arguments, "k", 1, 1000000000, &request->k))
        return CIR__USAGE;
    int status = cir__session_read_settings(arguments, CIR_METHOD_DEFAULT, &request->method, &self->settings);
    self->settings.forget_texts = cir__arguments_has(arguments, "forget-texts");
    if (status == CIR__DONE)
        status = read_recall(self);
    if (status == CIR__DONE)
        status = read_filter(self);
    return status == CIR__DONE ? check(self) : status;
}

/* ---- searching ---- */

static int open_collection(searching *self)
{
    cir_error err;
    cir_collection_options options;
    bool is_named = cir__arguments_has(self->arguments, "model");
    cir_collection_options_init(&options, sizeof options);
    options.model_path = cir__arguments_get(self->arguments, "model");
    options.open_model = cir__session_open_model_of_index;
    options.open_model_context = &is_named;
    options.pool = self->pool;
    options.is_trusted = cir__arguments_has(self->arguments, "trust");
    int status = cir__session_read_precision(self->arguments, CIR_PRECISION_AUTO, &options.precision);
    if (status != CIR__DONE)
        return status;
    const char *path = cir__arguments_operands(self->arguments)[0];
    const char *folder = cir__arguments_get(self->arguments, "folder");
    if (cir_collection_open(path, &options, &self->collection, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (folder != NULL && cir_collection_find_folder(self->collection, folder, &self->folder, &err) != CIR_OK)
        return cir__session_fail(&err);
    self->filter.folder = self->folder;
    return CIR__DONE;
}

/* What the reader of the answer has to know beside it. */
static void warn(const searching *self)
{
    const cir_model *model = cir_collection_get_info(self->collection)->model;
    if (self->info->settings->minima_source == CIR_MINIMA_PAPER &&
        !cir__arguments_has(self->arguments, "quiet"))
        fprintf(stderr,
                "cir: there are fewer than two images to estimate the scores' minima from: -0.077 and -0.117 "
                "are used, which are CLIP ViT-L/14's\n");
    if (self->info->n_cut > 0)
        fprintf(stderr, "cir: the text is longer than the %zu tokens the model reads; its end was cut off\n",
                cir_model_get_info(model)->context_length);
}

static int search(searching *self)
{
    cir_error err;
    if (cir_collection_search(self->collection, &self->request, &self->found, &err) != CIR_OK)
        return cir__session_fail(&err);
    self->info = cir_answer_get_info(self->found);
    if (!cir__answer_init(&self->answer, self->collection, self->found))
        return cir__session_fail(&(cir_error){.status = CIR_NO_MEMORY});
    warn(self);
    return CIR__DONE;
}

/* ---- showing ---- */

/* Of all rows, for the page. */
static cir_status score_all(searching *self, cir_error *err)
{
    cir__answer *answer = &self->answer;
    answer->n_rows = cir_index_get_info(answer->index)->n_rows;
    answer->image_scores = self->image_scores = calloc(answer->n_rows + 1, sizeof *self->image_scores);
    answer->text_scores = self->text_scores = calloc(answer->n_rows + 1, sizeof *self->text_scores);
    if (self->image_scores == NULL || self->text_scores == NULL) {
        *err = (cir_error){CIR_NO_MEMORY, ""};
        return CIR_NO_MEMORY;
    }
    return cir_answer_get_scores(self->found, self->image_scores, self->text_scores, err);
}

/* What is missing from the answer, and what to do. */
static void say_missing(const searching *self)
{
    const char *path = self->answer.index_path;
    const size_t n = self->info->n_missing;
    const bool is_empty = self->answer.n_hits == 0;
    if (n > 0)
        fprintf(stderr, "cir: %s: %zu photo%s gone since it was updated %s; next: cir index %s%s\n", path, n,
                n == 1 ? "" : "s", n == 1 ? "is passed over" : "are passed over", path,
                is_empty ? " (or is a drive missing?)" : "");
    else if (is_empty && self->info->n_images > 0)
        fprintf(stderr, "cir: %s: none of %zu photos passes the filters\n", path, self->info->n_images);
    else if (is_empty)
        fprintf(stderr, "cir: %s: no photos to search; next: cir index FOLDER -o %s\n", path, path);
}

static int print(searching *self, double started)
{
    cir__answer *answer = &self->answer;
    const cir_collection_info *opened = cir_collection_get_info(self->collection);
    const cir_answer_info *info = self->info;
    const cir__answer_stage stages[N_STAGES] = {
        {"open_index", opened->open_index_ms}, {"open_model", opened->open_model_ms},
        {"encode_image", info->image_ms},      {"prepare", info->prepare_ms},
        {"encode_text", info->text_ms},        {"compose", info->compose_ms},
        {"look_up", info->look_up_ms},
    };
    cir_error err;
    const char *page = cir__arguments_get(self->arguments, "html");
    if (page != NULL && score_all(self, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (self->request.image_path != NULL)
        answer->query_image_path = self->request.image_path;
    answer->query_text = cir_text_is_blank(self->request.text) ? NULL : self->request.text;
    answer->is_folded = self->request.fold_duplicates;
    answer->stages = stages;
    answer->n_stages = N_STAGES;
    answer->total_ms = 1e3 * (cir__clock_seconds() - started);
    if (cir__arguments_has(self->arguments, "json"))
        cir__answer_print_json(answer);
    else
        cir__answer_print_table(answer);
    say_missing(self);
    if (page != NULL && cir__answer_write_page(answer, self->pool, page, &err) != CIR_OK)
        return cir__session_fail(&err);
    if (cir__arguments_has(self->arguments, "show") && cir__answer_show(answer, self->pool, &err) != CIR_OK)
        return cir__session_fail(&err);
    return answer->n_hits > 0 ? CIR__DONE : CIR__FAILED; /* as grep has it */
}

static int run(const cir__arguments *arguments)
{
    searching self = {.arguments = arguments};
    double started = cir__clock_seconds();
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one index");
    int status = read_request(&self);
    if (status == CIR__DONE)
        status = cir__session_open_pool(arguments, &self.pool);
    if (status == CIR__DONE)
        status = open_collection(&self);
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
    .summary = "find photos of the same object, changed as the text says",
    .flags = flags,
    .print_tables = cir__method_help_search,
    .notes =
        "Without --text, or with a blank one, the photo alone is searched for, without --image the words alone.\n"
        "\n"
        "Examples:\n"
        "  cir search photos.cir --image temple.jpg --text \"at night\"\n"
        "  cir search photos.cir --image 17 --text \"as a pencil sketch\" --html answer.html\n"
        "  cir search photos.cir --text \"a red bicycle in snow\" -k 50 --json\n"
        "  cir search photos.cir --image 17 --text \"in snow\" --recall exact --explain\n"
        "  cir search photos.cir -i temple.jpg -t \"in snow\" -m basic --set lambda=0.05\n",
    .run = run,
};

#include "server/finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/answer.h"
#include "server/clock.h"
#include "server/fail.h"
#include "server/features.h"
#include "server/fold.h"
#include "server/json.h"

/* Candidates for folding: as many as may be needed, up to where each further one costs more than it tells. */
enum { MAX_CANDIDATES = 4096 };

/* Everything a search takes hold of, released in one place. */
typedef struct finding {
    cir__context *context;
    cir__snapshot *snapshot;
    const cir_index *index;
    const cir__search_request *request;
    cir__blob *mask; /* NULL: no filter */
    cir_rows rows;
    size_t n_matching;
    cir__blob *image_feature, *text_feature;
    cir__kept_composer *composer;
    cir_composed composed;
    cir_settings settings; /* in force */
    cir_hit *hits;
    size_t n_hits; /* of all that were looked at */
    cir__folded *folded;
    size_t n_folded;
    cir__answer answer;
    cir_image_record query_record;
    double encode_seconds, search_seconds;
} finding;

static void release(finding *self)
{
    for (size_t i = 0; i < self->answer.n_hits; i++)
        cir_image_record_done(&self->answer.hits[i].record);
    free(self->answer.hits);
    free(self->hits);
    cir__folded_free(self->folded, self->n_folded);
    cir_image_record_done(&self->query_record);
    cir_composed_done(&self->composed);
    cir__snapshot_return_composer(self->snapshot, self->composer);
    cir__blob_drop(self->image_feature);
    cir__blob_drop(self->text_feature);
    cir__blob_drop(self->mask);
}

static cir_status choose_rows(finding *self, cir_error *err)
{
    self->rows = cir_rows_of_index(self->index);
    self->n_matching = cir_index_get_info(self->index)->n_ready;
    if (cir__filter_is_empty(&self->request->filter))
        return CIR_OK;
    const cir__filter *filter = &self->request->filter;
    cir_status status = cir__snapshot_mask(self->snapshot, filter,
                                           cir__cameras_number(self->context->cameras, filter->camera),
                                           &self->mask, &self->n_matching, err);
    if (status == CIR_OK)
        self->rows.ready = self->mask->data;
    return status;
}

static const float *feature(const cir__blob *blob)
{
    return blob != NULL ? (const float *)blob->data : NULL;
}

/* The settings that each query brings anew. */
static void merge_settings(finding *self)
{
    self->settings = *cir_composer_get_settings(cir__kept_composer_get(self->composer));
    cir_settings_copy_of_query(&self->settings, &self->request->settings);
}

static cir_status compose(finding *self, cir__blob *upload, cir_error *err)
{
    const cir__search_request *request = self->request;
    cir_pool *pool = self->context->pool;
    double start = cir__clock_seconds();
    size_t n_cut = 0;
    cir_status status =
        cir__features_of_image(self->context, self->snapshot, request, upload, &self->image_feature, err);
    cir_settings settings = request->settings;
    settings.forget_texts = self->context->forget_texts;
    if (status == CIR_OK)
        status = cir__snapshot_lend_composer(self->snapshot, pool, request->method, &settings,
                                             &self->composer, err);
    if (status != CIR_OK)
        return status;
    const cir_composer *composer = cir__kept_composer_get(self->composer);
    merge_settings(self);
    bool has_text = request->text != NULL && cir_method_get_info(request->method)->words != CIR_INPUT_UNUSED;
    if (cir_composer_get_text_key(composer)[0] == '\0') {
        status = cir_composer_compose(composer, pool, feature(self->image_feature), request->text,
                                      &self->composed, err);
        self->encode_seconds = cir__clock_seconds() - start;
        return status;
    }
    if (has_text)
        status =
            cir__features_of_text(self->context, composer, request->text, &self->text_feature, &n_cut, err);
    self->encode_seconds = cir__clock_seconds() - start;
    if (status == CIR_OK)
        status =
            cir_composer_compose_features(composer, pool, feature(self->image_feature),
                                          feature(self->text_feature), &self->settings, &self->composed, err);
    self->composed.n_cut = n_cut;
    return status;
}

static cir_status search_top(finding *self, size_t k, cir_error *err)
{
    k = k < self->n_matching ? k : self->n_matching;
    free(self->hits);
    self->n_hits = 0;
    self->hits = calloc(k + 1, sizeof *self->hits);
    if (self->hits == NULL)
        return cir__refuse_memory(err);
    if (k == 0)
        return CIR_OK;
    const cir_search_options options = cir_settings_get_search(&self->settings);
    return cir_search_find(&self->rows, &self->composed.query, 1, k, &options, self->context->pool,
                           self->hits, &self->n_hits, &self->answer.report, err);
}

/* Looks at more hits until there are enough that are not the same, or all have been looked at. */
static cir_status search_folded(finding *self, cir_error *err)
{
    size_t wanted = self->request->offset + self->request->k;
    size_t k = wanted + self->request->k + 100;
    for (;;) {
        k = k < MAX_CANDIDATES ? k : MAX_CANDIDATES;
        cir__folded_free(self->folded, self->n_folded);
        self->folded = NULL;
        self->n_folded = 0;
        cir_status status = search_top(self, k, err);
        if (status == CIR_OK)
            status = cir__fold(self->index, self->hits, self->n_hits, &self->folded, &self->n_folded, err);
        if (status != CIR_OK || self->n_folded >= wanted || self->n_hits < k || k == MAX_CANDIDATES)
            return status;
        k *= 2;
    }
}

/* Puts the hits that are asked for into the answer, with their records. */
static cir_status gather(finding *self, cir_error *err)
{
    size_t n_all = self->request->folds ? self->n_folded : self->n_hits;
    size_t first = self->request->offset < n_all ? self->request->offset : n_all;
    size_t n = n_all - first < self->request->k ? n_all - first : self->request->k;
    cir__answer *answer = &self->answer;
    answer->offset = self->request->offset;
    answer->hits = calloc(n + 1, sizeof *answer->hits);
    if (answer->hits == NULL)
        return cir__refuse_memory(err);
    for (size_t i = 0; i < n; i++) {
        const cir_hit *hit = &self->hits[self->request->folds ? self->folded[first + i].i_hit : first + i];
        cir_status status = cir_index_get_image(self->index, hit->id, &answer->hits[i].record, err);
        if (status != CIR_OK)
            return status;
        answer->hits[i].hit = *hit;
        answer->n_hits++;
    }
    return CIR_OK;
}

static cir_status rank(finding *self, cir_error *err)
{
    cir__answer *answer = &self->answer;
    if (!self->request->explains)
        return CIR_OK;
    cir_hit *hits = calloc(answer->n_hits + 1, sizeof *hits);
    cir_rank *ranks = calloc(answer->n_hits + 1, sizeof *ranks);
    cir_status status = hits != NULL && ranks != NULL ? CIR_OK : cir__refuse_memory(err);
    for (size_t i = 0; i < answer->n_hits && status == CIR_OK; i++)
        hits[i] = answer->hits[i].hit;
    if (status == CIR_OK)
        status = cir_search_ranks(&self->rows, &self->composed.query, hits, answer->n_hits,
                                  self->context->pool, ranks, err);
    for (size_t i = 0; i < answer->n_hits && status == CIR_OK; i++)
        answer->hits[i].rank = ranks[i];
    answer->has_ranks = status == CIR_OK;
    free(hits);
    free(ranks);
    return status;
}

/* ---- the answer's JSON ---- */

static void add_point(json_t *ids, json_t *images, json_t *texts, size_t id, const float *image_scores,
                      const float *text_scores)
{
    json_array_append_new(ids, cir__json_size(id));
    json_array_append_new(images, cir__json_number((double)image_scores[id]));
    json_array_append_new(texts, cir__json_number((double)text_scores[id]));
}

/* At most n points: every so-manieth matching row, and the hits shown. */
static json_t *sample_points(const finding *self, const float *image_scores, const float *text_scores)
{
    const cir__answer *answer = &self->answer;
    size_t n_left = self->request->scatter > answer->n_hits ? self->request->scatter - answer->n_hits : 0;
    size_t n_rows = self->rows.n_rows;
    uint8_t *is_shown = calloc(n_rows + 1, 1);
    json_t *ids = json_array();
    json_t *images = json_array();
    json_t *texts = json_array();
    for (size_t i = 0; i < answer->n_hits && is_shown != NULL; i++) {
        size_t id = answer->hits[i].hit.id;
        is_shown[id] = 1;
        add_point(ids, images, texts, id, image_scores, text_scores);
    }
    /* Row j of the matching ones is taken where the whole part of j·n_left/n grows: n_left of them, evenly.
     */
    size_t n_others = self->n_matching > answer->n_hits ? self->n_matching - answer->n_hits : 0;
    size_t sum = 0;
    n_left = n_left < n_others ? n_left : n_others;
    for (size_t id = 0; id < n_rows && is_shown != NULL && n_others > 0; id++) {
        if (!self->rows.ready[id] || is_shown[id])
            continue;
        sum += n_left;
        if (sum >= n_others) {
            sum -= n_others;
            add_point(ids, images, texts, id, image_scores, text_scores);
        }
    }
    free(is_shown);
    bool has_image = cir__answer_has_image_score(answer);
    bool has_text = cir__answer_has_text_score(answer);
    json_t *scatter = json_pack("{s:o, s:O, s:O}", "ids", ids, "image", has_image ? images : json_null(),
                                "text", has_text ? texts : json_null());
    json_decref(images);
    json_decref(texts);
    return scatter;
}

static cir_status add_scatter(finding *self, json_t *document, cir_error *err)
{
    if (self->request->scatter == 0)
        return CIR_OK;
    size_t n = self->rows.n_rows;
    float *image_scores = calloc(n + 1, sizeof *image_scores);
    float *text_scores = calloc(n + 1, sizeof *text_scores);
    cir_status status = image_scores != NULL && text_scores != NULL ? CIR_OK : cir__refuse_memory(err);
    if (status == CIR_OK && n > 0)
        status = cir_search_scores(&self->rows, &self->composed.query, self->context->pool, NULL,
                                   image_scores, text_scores, err);
    if (status == CIR_OK)
        json_object_set_new(document, "scatter", sample_points(self, image_scores, text_scores));
    free(image_scores);
    free(text_scores);
    return status;
}

static json_t *fusion_json(const cir_fusion *fusion)
{
    static const char *const names[] = {
        [CIR_FUSE_IMAGE] = "image",     [CIR_FUSE_TEXT] = "text",     [CIR_FUSE_SUM] = "sum",
        [CIR_FUSE_PRODUCT] = "product", [CIR_FUSE_HARRIS] = "harris", [CIR_FUSE_GAUSS] = "gauss",
    };
    return json_pack("{s:s, s:b, s:f, s:f}", "kind", names[fusion->kind], "clamps", (int)fusion->clamp,
                     "lambda", (double)fusion->lambda, "weight", (double)fusion->weight);
}

static void add_to_hits(const finding *self, json_t *document)
{
    json_t *hits = json_object_get(document, "hits");
    size_t i;
    json_t *hit;
    json_array_foreach(hits, i, hit)
    {
        const cir_image_record *record = &self->answer.hits[i].record;
        json_object_set_new(hit, "width", cir__json_size(record->width_px));
        json_object_set_new(hit, "height", cir__json_size(record->height_px));
        json_object_set_new(hit, "size_bytes", json_integer((json_int_t)record->size_bytes));
        json_object_set_new(hit, "taken_at", cir__json_time(record->taken_at));
        if (!self->request->folds)
            continue;
        const cir__folded *folded = &self->folded[self->request->offset + i];
        json_t *ids = json_array();
        for (size_t j = 0; j < folded->n_ids; j++)
            json_array_append_new(ids, cir__json_size(folded->ids[j]));
        json_object_set_new(hit, "n_duplicates", cir__json_size(folded->n_ids));
        json_object_set_new(hit, "duplicates", ids);
    }
}

static json_t *describe(finding *self, double started)
{
    cir__answer *answer = &self->answer;
    const cir_index_info *info = cir_index_get_info(self->index);
    answer->index_path = info->path;
    answer->model_name = info->model->name;
    answer->model_fingerprint = info->model->fingerprint;
    answer->method = self->request->method;
    answer->settings = &self->settings;
    answer->fusion = self->composed.query.fusion;
    answer->n_images = info->n_ready;
    answer->query_text = self->request->text;
    /* A picture that was sent has no path: it is named as the API takes it again. */
    char uploaded[sizeof "upload:" + sizeof self->request->upload];
    (void)snprintf(uploaded, sizeof uploaded, "upload:%s", self->request->upload);
    answer->query_image_path = self->request->upload[0] != '\0' ? uploaded : self->query_record.path;
    answer->encode_ms = 1e3 * self->encode_seconds;
    answer->search_ms = 1e3 * self->search_seconds;
    answer->total_ms = 1e3 * (cir__clock_seconds() - started);
    json_t *document = cir__answer_json(answer);
    if (document == NULL)
        return NULL;
    json_object_set_new(document, "n_matching", cir__json_size(self->n_matching));
    json_object_set_new(document, "offset", cir__json_size(self->request->offset));
    json_object_set_new(document, "n_cut", cir__json_size(self->composed.n_cut));
    json_object_set_new(document, "model_hint", cir__model_hint_json(info->model->path));
    json_object_set_new(document, "fusion", fusion_json(&answer->fusion));
    json_object_set_new(document, "upload",
                        self->request->upload[0] != '\0' ? json_string(self->request->upload) : json_null());
    add_to_hits(self, document);
    return document;
}

/* n_refused: before the document was begun. What may lack something is neither answered nor kept. */
static cir_status format(json_t *document, size_t n_refused, cir__blob **blob_out, cir_error *err)
{
    char *text =
        document != NULL && cir__json_n_refused() == n_refused ? json_dumps(document, CIR__JSON_WIRE) : NULL;
    if (text != NULL)
        *blob_out = cir__blob_new(text, strlen(text));
    free(text);
    return *blob_out != NULL ? CIR_OK : cir__refuse_memory(err);
}

cir_status cir__find(cir__context *context, cir__snapshot *snapshot, const cir__search_request *request,
                     cir__blob *upload, cir__blob **blob_out, cir_error *err)
{
    *blob_out = NULL;
    finding self = {
        .context = context, .snapshot = snapshot, .index = cir__snapshot_index(snapshot), .request = request};
    json_t *document = NULL;
    const size_t n_refused = cir__json_n_refused();
    double started = cir__clock_seconds();
    cir_status status = choose_rows(&self, err);
    if (status == CIR_OK && request->has_id)
        status = cir_index_get_image(self.index, request->id, &self.query_record, err);
    if (status == CIR_OK)
        status = compose(&self, upload, err);
    double composed_at = cir__clock_seconds();
    if (status == CIR_OK)
        status =
            request->folds ? search_folded(&self, err) : search_top(&self, request->offset + request->k, err);
    if (status == CIR_OK)
        status = gather(&self, err);
    if (status == CIR_OK)
        status = rank(&self, err);
    self.search_seconds = cir__clock_seconds() - composed_at;
    if (status == CIR_OK)
        document = describe(&self, started);
    if (document != NULL)
        status = add_scatter(&self, document, err);
    if (status == CIR_OK)
        status = format(document, n_refused, blob_out, err);
    if (status == CIR_OK) {
        cir__metrics_time(context->metrics, CIR__STAGE_ENCODE, self.encode_seconds);
        cir__metrics_time(context->metrics, CIR__STAGE_SEARCH, cir__clock_seconds() - composed_at);
    }
    json_decref(document);
    release(&self);
    return status;
}

#include "server/api/find_answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/common/answer_json.h"
#include "server/common/fail.h"
#include "shared/clock.h"
#include "shared/json_encode.h"

enum { KEY_SIZE = 256 };

/* Everything a search takes hold of, released in one place. */
typedef struct finding {
    cir__context *context;
    cir_collection *collection;
    const cir__search_request *request;
    cir_answer *found;
    cir__answer answer;
} finding;

/* ---- features of pictures that are decoded for a search ---- */

/* Names a picture and what was cut out of it. */
static void write_key(const cir__search_request *request, int64_t modified_ns, char key_out[KEY_SIZE])
{
    const cir_region *part = &request->asked.image_region;
    int n = request->upload[0] == '\0' ? snprintf(key_out, KEY_SIZE, "photo %zu %lld",
                                                  request->asked.image_id, (long long)modified_ns)
                                       : snprintf(key_out, KEY_SIZE, "upload %s", request->upload);
    (void)snprintf(key_out + n, KEY_SIZE - (size_t)n, " %.6f %.6f %.6f %.6f", part->x, part->y, part->width,
                   part->height);
}

bool cir__find_has_feature(cir__context *context, const cir__search_request *request)
{
    char key[KEY_SIZE];
    write_key(request, 0, key);
    cir__blob *cached = cir__cache_find(context->features, key);
    cir__blob_drop(cached);
    return cached != NULL;
}

/* The key of a picture that has to be decoded; "" where there is none. */
static void key_of_picture(const finding *self, char key_out[KEY_SIZE])
{
    cir_photo_facts facts = {0};
    key_out[0] = '\0';
    if (self->request->asked.image_id != CIR_NO_ID) {
        if (self->request->asked.image_region.width > 0 &&
            cir_collection_get_facts(self->collection, self->request->asked.image_id, &facts, NULL) == CIR_OK)
            write_key(self->request, facts.modified_ns, key_out);
    } else if (self->request->upload[0] != '\0') {
        write_key(self->request, 0, key_out);
    }
}

static void keep_feature(const finding *self, const char *key)
{
    const cir_collection_info *info = cir_collection_get_info(self->collection);
    cir__blob *blob = cir__blob_new(cir_answer_get_info(self->found)->image_feature,
                                    cir_model_get_info(info->model)->dim * sizeof(float));
    if (blob != NULL)
        cir__cache_put(self->context->features, key, blob);
    cir__blob_drop(blob);
}

/* ---- searching ---- */

static cir_status search(finding *self, cir__blob *upload, cir_error *err)
{
    const cir_image_options options = {.size = sizeof options,
                                       .decoder = self->context->decoder,
                                       .max_megapixels = self->context->max_megapixels};
    char key[KEY_SIZE];
    cir_search_request asked = self->request->asked;
    cir_settings *settings = malloc(sizeof *settings);
    if (settings == NULL)
        return cir__refuse_memory(err);
    *settings = self->request->settings;
    settings->forget_texts = self->context->forget_texts;
    asked.settings = settings;
    asked.image_options = &options;
    cir_status status = CIR_OK;
    key_of_picture(self, key);
    cir__blob *feature = key[0] != '\0' ? cir__cache_find(self->context->features, key) : NULL;
    if (feature != NULL) {
        asked.image_feature = (const float *)feature->data;
    } else if (upload != NULL) {
        asked.image_bytes = upload->data;
        asked.image_size_bytes = upload->size;
        asked.image_name = "the uploaded picture";
    } else if (self->request->upload[0] != '\0') {
        status = cir__fail(err, CIR_NOT_FOUND, "upload: is no longer kept; send the picture again");
    }
    cir_error why;
    if (status == CIR_OK) {
        status = cir_collection_search(self->collection, &asked, &self->found, &why);
        /* To who asks, a photo that has changed or may not be shown is not there. */
        if (status == CIR_PERMISSION || status == CIR_MISMATCH)
            status = why.status = CIR_NOT_FOUND;
        if (status != CIR_OK && err != NULL)
            *err = why;
    }
    if (status == CIR_OK && feature == NULL && key[0] != '\0')
        keep_feature(self, key);
    cir__blob_drop(feature);
    free(settings);
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

/* At most n points: every so-manieth matching row, and the hits shown. Rows that do not match have no
 * scores. */
static json_t *sample_points(const finding *self, size_t n_rows, const float *image_scores,
                             const float *text_scores)
{
    const cir__answer *answer = &self->answer;
    const size_t n_matching = cir_answer_get_info(self->found)->n_matching;
    size_t n_left = self->request->scatter > answer->n_hits ? self->request->scatter - answer->n_hits : 0;
    uint8_t *is_shown = calloc(n_rows + 1, 1);
    json_t *ids = json_array();
    json_t *images = json_array();
    json_t *texts = json_array();
    for (size_t i = 0; i < answer->n_hits && is_shown != NULL; i++) {
        size_t id = answer->hits[i].id;
        is_shown[id] = 1;
        add_point(ids, images, texts, id, image_scores, text_scores);
    }
    /* Row j of the matching ones is taken where the whole part of j·n_left/n grows: n_left of them,
     * evenly. */
    size_t n_others = n_matching > answer->n_hits ? n_matching - answer->n_hits : 0;
    size_t sum = 0;
    n_left = n_left < n_others ? n_left : n_others;
    for (size_t id = 0; id < n_rows && is_shown != NULL && n_others > 0; id++) {
        if (isnan(image_scores[id]) || is_shown[id])
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

static cir_status add_scatter(const finding *self, json_t *document, cir_error *err)
{
    if (self->request->scatter == 0)
        return CIR_OK;
    size_t n = cir_index_get_info(self->answer.index)->n_rows;
    float *image_scores = calloc(n + 1, sizeof *image_scores);
    float *text_scores = calloc(n + 1, sizeof *text_scores);
    cir_status status = image_scores != NULL && text_scores != NULL ? CIR_OK : cir__refuse_memory(err);
    if (status == CIR_OK)
        status = cir_answer_get_scores(self->found, image_scores, text_scores, err);
    if (status == CIR_OK)
        json_object_set_new(document, "scatter", sample_points(self, n, image_scores, text_scores));
    free(image_scores);
    free(text_scores);
    return status;
}

static void add_to_hits(const finding *self, json_t *document)
{
    json_t *hits = json_object_get(document, "hits");
    size_t i;
    json_t *hit;
    json_array_foreach(hits, i, hit)
    {
        const cir_answer_hit *from = &self->answer.hits[i];
        json_object_set_new(hit, "width", cir__json_size(from->record->width_px));
        json_object_set_new(hit, "height", cir__json_size(from->record->height_px));
        json_object_set_new(hit, "size_bytes", json_integer((json_int_t)from->record->size_bytes));
        json_object_set_new(hit, "taken_at", cir__json_time(from->record->taken_at));
        if (!self->request->asked.fold_duplicates)
            continue;
        json_t *ids = json_array();
        for (size_t j = 0; j < from->n_duplicates; j++)
            json_array_append_new(ids, cir__json_size(from->duplicates[j]));
        json_object_set_new(hit, "n_duplicates", cir__json_size(from->n_duplicates));
        json_object_set_new(hit, "duplicates", ids);
    }
}

static json_t *describe(finding *self, double started)
{
    cir__answer *answer = &self->answer;
    const cir_answer_info *info = cir_answer_get_info(self->found);
    const cir_index_info *of_index = cir_index_get_info(answer->index);
    const char *upload = self->request->upload;
    answer->query_text = self->request->asked.text;
    /* A picture that was sent has no path: it is named as the API takes it again. */
    char uploaded[sizeof "upload:" + sizeof self->request->upload];
    (void)snprintf(uploaded, sizeof uploaded, "upload:%s", upload);
    if (upload[0] != '\0')
        answer->query_image_path = uploaded;
    answer->total_ms = 1e3 * (cir__clock_seconds() - started);
    json_t *document = cir__answer_json(answer);
    if (document == NULL)
        return NULL;
    json_object_set_new(document, "n_matching", cir__json_size(info->n_matching));
    json_object_set_new(document, "offset", cir__json_size(self->request->asked.offset));
    json_object_set_new(document, "n_cut", cir__json_size(info->n_cut));
    json_object_set_new(document, "model_hint", cir__model_hint_json(of_index->model->path));
    json_object_set_new(document, "fusion", cir__fusion_json(&answer->fusion));
    json_object_set_new(document, "upload", upload[0] != '\0' ? json_string(upload) : json_null());
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

cir_status cir__find_answer(cir__context *context, cir__snapshot *snapshot,
                            const cir__search_request *request, cir__blob *upload, cir__blob **blob_out,
                            cir_error *err)
{
    *blob_out = NULL;
    finding self = {.context = context, .collection = cir__snapshot_collection(snapshot), .request = request};
    json_t *document = NULL;
    const size_t n_refused = cir__json_n_refused();
    double started = cir__clock_seconds();
    cir_status status = search(&self, upload, err);
    if (status == CIR_OK && !cir__answer_init(&self.answer, self.collection, self.found))
        status = cir__refuse_memory(err);
    if (status == CIR_OK)
        document = describe(&self, started);
    if (document != NULL)
        status = add_scatter(&self, document, err);
    if (status == CIR_OK)
        status = format(document, n_refused, blob_out, err);
    if (status == CIR_OK) {
        cir__metrics_time(context->metrics, CIR__STAGE_ENCODE, 1e-3 * self.answer.encode_ms);
        cir__metrics_time(context->metrics, CIR__STAGE_SEARCH,
                          cir__clock_seconds() - started - 1e-3 * self.answer.encode_ms);
    }
    json_decref(document);
    cir__answer_done(&self.answer);
    cir_answer_free(self.found);
    return status;
}

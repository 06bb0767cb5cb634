/* One search: filter → photo and words to features → composed query → best rows → what they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"
#include "retrieval/check_request.h"
#include "retrieval/fold_duplicates.h"
#include "retrieval/found.h"
#include "retrieval/photo_filter.h"
#include "retrieval/query_image.h"
#include "shared/clock.h"

enum {
    MAX_FOLDED = 4096,        /* candidates for folding: where each further one costs more than it tells */
    MAX_PASSED_OVER = 1 << 16 /* looked at in the place of photos whose files are gone */
};

/* A search on its way; what it makes belongs to the answer. */
typedef struct retrieval {
    cir_collection *collection;
    const cir_collection_info *info;
    cir_search_request request;
    cir_settings settings; /* asked for */
    cir_answer *answer;
    cir__lru_item *composer;
    float *text_feature;
    cir_hit *hits; /* [n_hits] candidates, best first, less those that are passed over */
    size_t n_hits;
    cir__fold *folds; /* [n_folds]; NULL: not folded */
    size_t n_folds;
    double mark; /* when the last stage ended */
} retrieval;

/* Milliseconds since this was last asked for. */
static double pass(retrieval *self)
{
    const double begin = self->mark;
    self->mark = cir__clock_ms();
    return self->mark - begin;
}

static void retrieval_done(retrieval *self)
{
    cir__collection_return_composer(self->collection, self->composer);
    free(self->text_feature);
    free(self->hits);
    cir__folds_free(self->folds, self->n_folds);
}

/* ---- which rows ---- */

static cir_status choose_rows(retrieval *self, cir_error *err)
{
    cir_answer *answer = self->answer;
    const cir_index *index = self->info->index;
    cir_photo_filter filter;

    answer->rows = cir_index_get_rows(index);
    answer->info.n_images = answer->info.n_matching = cir_index_get_info(index)->n_ready;
    cir_status status = cir__photo_filter_read(self->request.filter, &filter, err);
    if (status != CIR_OK || cir_photo_filter_is_empty(&filter))
        return status;
    status = cir__collection_lend_mask(self->collection, &filter, &answer->mask, err);
    if (status != CIR_OK)
        return status;
    const cir__mask *mask = answer->mask->value;
    answer->rows.ready = mask->ready;
    answer->info.n_matching = mask->n_matching;
    return CIR_OK;
}

/* ---- what is searched for ---- */

static cir_status encode_image(retrieval *self, cir_error *err)
{
    cir_answer *answer = self->answer;
    const cir_search_request *request = &self->request;

    if (!cir__query_image_is_there(request))
        return CIR_OK;
    answer->image_feature = cir__new(cir_model_get_info(self->info->model)->dim, sizeof(float));
    if (answer->image_feature == NULL)
        return cir__fail_memory(err, "a query");
    cir_status status = CIR_OK;
    if (request->image_id != CIR_NO_ID) {
        status = cir_index_get_record(self->info->index, request->image_id, &answer->image_record, err);
        answer->info.image_record = &answer->image_record;
    }
    if (status == CIR_OK)
        status =
            cir__query_image_encode(self->info, request, &answer->image_record, answer->image_feature, err);
    answer->info.image_feature = answer->image_feature;
    answer->info.image_ms = pass(self);
    return status;
}

static cir_status prepare(retrieval *self, cir_error *err)
{
    cir_status status = CIR_OK;
    if (self->request.settings != NULL)
        status = cir__growable_read(self->request.settings, &self->settings, sizeof self->settings,
                                    "cir_settings", err);
    else
        cir_settings_init(&self->settings, sizeof self->settings, self->request.method);
    if (status == CIR_OK)
        status = cir__collection_lend_composer(self->collection, self->request.method, &self->settings,
                                               &self->composer, err);
    self->answer->info.prepare_ms = pass(self);
    return status;
}

/* Words whose feature is made among the composing: of a method that needs the photo for it. */
static cir_status compose_text(retrieval *self, const cir_composer *composer, cir_error *err)
{
    cir_answer *answer = self->answer;
    const cir_status status = cir_composer_compose(composer, self->info->pool, answer->image_feature,
                                                   self->request.text, &answer->composed, err);
    answer->info.text_ms = 1e3 * answer->composed.encode_seconds;
    answer->info.compose_ms = pass(self) - answer->info.text_ms;
    return status;
}

static cir_status encode_text(retrieval *self, const cir_composer *composer, size_t *n_cut_out,
                              cir_error *err)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf"; /* as of a file's text */
    const char *text = self->request.text;

    *n_cut_out = 0;
    if (text == NULL || cir_method_get_info(self->request.method)->words == CIR_INPUT_UNUSED)
        return CIR_OK;
    while (strncmp(text, byte_order_mark, sizeof byte_order_mark - 1) == 0)
        text += sizeof byte_order_mark - 1;
    self->text_feature = cir__new(cir_model_get_info(self->info->model)->dim, sizeof(float));
    if (self->text_feature == NULL)
        return cir__fail_memory(err, "a query");
    const cir_status status =
        cir__collection_encode_text(self->collection, composer, text, self->text_feature, n_cut_out, err);
    self->answer->info.text_ms = pass(self);
    return status;
}

static cir_status compose(retrieval *self, cir_error *err)
{
    cir_answer *answer = self->answer;
    const cir_composer *composer = self->composer->value;
    size_t n_cut;

    answer->settings = *cir_composer_get_settings(composer);
    cir_settings_copy_of_query(&answer->settings, &self->settings);
    if (cir_composer_get_text_key(composer)[0] == '\0')
        return compose_text(self, composer, err);
    cir_status status = encode_text(self, composer, &n_cut, err);
    if (status == CIR_OK)
        status = cir_composer_compose_features(composer, self->info->pool, answer->image_feature,
                                               self->text_feature, &answer->settings, &answer->composed, err);
    answer->composed.n_cut = n_cut;
    answer->info.compose_ms = pass(self);
    return status;
}

/* ---- the best rows ---- */

static cir_status find(retrieval *self, size_t n, cir_error *err)
{
    cir_answer *answer = self->answer;
    cir_search_options options = {.size = sizeof options};
    cir_settings_get_search(&answer->settings, &options);

    free(self->hits);
    self->n_hits = 0;
    self->hits = cir__new(n, sizeof *self->hits);
    if (self->hits == NULL)
        return cir__fail_memory(err, "an answer");
    if (n == 0)
        return CIR_OK;
    const cir_status status =
        cir_search_find(&answer->rows, &answer->composed.query, 1, n, &options, self->info->pool, self->hits,
                        &self->n_hits, &answer->report, err);
    answer->info.search_ms += pass(self);
    return status;
}

/* Leaves out hits whose files are gone since the index was updated, until there are n_wanted of the
 * others. */
static cir_status pass_over_missing(retrieval *self, size_t n_wanted, cir_error *err)
{
    cir_status status = CIR_OK;
    size_t n = 0;

    self->answer->info.n_missing = 0;
    for (size_t i = 0; i < self->n_hits && n < n_wanted && status == CIR_OK; i++) {
        cir_image_record record;
        status = cir_index_get_record(self->info->index, self->hits[i].id, &record, err);
        if (status != CIR_OK)
            return status;
        if (access(record.path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
            self->answer->info.n_missing++;
        else
            self->hits[n++] = self->hits[i];
        cir_image_record_done(&record);
    }
    self->n_hits = n;
    return status;
}

static cir_status fold(retrieval *self, cir_error *err)
{
    cir__folds_free(self->folds, self->n_folds);
    return cir__fold_duplicates(self->info->index, self->hits, self->n_hits, &self->folds, &self->n_folds,
                                err);
}

/* Looks at more rows until there are enough that are there and are not the same, or all have been looked
 * at. */
static cir_status find_enough(retrieval *self, cir_error *err)
{
    const cir_search_request *request = &self->request;
    const size_t n_matching = self->answer->info.n_matching;
    const size_t n_wanted = request->offset + request->k;
    const size_t most = request->fold_duplicates ? MAX_FOLDED : n_wanted + MAX_PASSED_OVER;
    size_t n = request->fold_duplicates ? n_wanted + request->k + 100 : n_wanted;

    for (;; n *= request->fold_duplicates ? 2 : 4) {
        if (request->fold_duplicates && n > MAX_FOLDED)
            n = MAX_FOLDED;
        const size_t n_asked = n < n_matching ? n : n_matching;
        cir_status status = find(self, n_asked, err);
        const size_t n_found = self->n_hits;
        if (status == CIR_OK && request->skip_missing)
            status = pass_over_missing(self, request->fold_duplicates ? n_found : n_wanted, err);
        if (status == CIR_OK && request->fold_duplicates)
            status = fold(self, err);
        const size_t n_good = request->fold_duplicates ? self->n_folds : self->n_hits;
        if (status != CIR_OK || n_good >= n_wanted || n_found < n || n >= most)
            return status;
    }
}

/* ---- what they are ---- */

static cir_status take_hit(retrieval *self, size_t i_all, cir_error *err)
{
    cir_answer *answer = self->answer;
    cir__fold *folded = self->folds != NULL ? &self->folds[i_all] : NULL;
    const cir_hit *from = &self->hits[folded != NULL ? folded->i_hit : i_all];
    cir_image_record *record = &answer->records[answer->n_hits];

    const cir_status status = cir_index_get_record(self->info->index, from->id, record, err);
    if (status != CIR_OK)
        return status;
    cir_answer_hit *hit = &answer->hits[answer->n_hits++];
    *hit = (cir_answer_hit){.rank = i_all + 1,
                            .id = from->id,
                            .path = record->path,
                            .record = record,
                            .score = from->score,
                            .image_score = from->image_score,
                            .text_score = from->text_score};
    if (folded != NULL) {
        hit->duplicates = folded->ids; /* taken over */
        hit->n_duplicates = folded->n_ids;
        folded->ids = NULL;
    }
    return CIR_OK;
}

static cir_status take_hits(retrieval *self, cir_error *err)
{
    cir_answer *answer = self->answer;
    const size_t n_all = self->folds != NULL ? self->n_folds : self->n_hits;
    const size_t first = self->request.offset < n_all ? self->request.offset : n_all;
    const size_t n = n_all - first < self->request.k ? n_all - first : self->request.k;
    cir_status status = CIR_OK;

    answer->hits = cir__new(n, sizeof *answer->hits);
    answer->records = cir__new(n, sizeof *answer->records);
    if (answer->hits == NULL || answer->records == NULL)
        return cir__fail_memory(err, "an answer");
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = take_hit(self, first + i, err);
    return status;
}

static cir_status explain(retrieval *self, cir_error *err)
{
    cir_answer *answer = self->answer;
    const size_t n = answer->n_hits;
    cir_hit *hits = cir__new(n, sizeof *hits);
    cir_rank *ranks = cir__new(n, sizeof *ranks);
    cir_status status = hits != NULL && ranks != NULL ? CIR_OK : cir__fail_memory(err, "ranks");

    for (size_t i = 0; i < n && status == CIR_OK; i++)
        hits[i].id = answer->hits[i].id;
    if (status == CIR_OK)
        status =
            cir_search_ranks(&answer->rows, &answer->composed.query, hits, n, self->info->pool, ranks, err);
    for (size_t i = 0; i < n && status == CIR_OK; i++) {
        answer->hits[i].image_rank = ranks[i].by_image;
        answer->hits[i].text_rank = ranks[i].by_text;
    }
    answer->info.has_ranks = status == CIR_OK;
    free(hits);
    free(ranks);
    return status;
}

static cir_status retrieve(retrieval *self, cir_error *err)
{
    cir_answer *answer = self->answer;
    cir_status status = choose_rows(self, err);
    (void)pass(self);
    if (status == CIR_OK)
        status = encode_image(self, err);
    if (status == CIR_OK)
        status = prepare(self, err);
    if (status == CIR_OK)
        status = compose(self, err);
    if (status == CIR_OK)
        status = find_enough(self, err);
    if (status == CIR_OK)
        status = take_hits(self, err);
    if (status == CIR_OK && self->request.explain)
        status = explain(self, err);
    answer->info.look_up_ms = pass(self);
    answer->info.n_cut = answer->composed.n_cut;
    answer->info.has_image_score = answer->composed.query.fusion.kind != CIR_FUSION_TEXT;
    answer->info.has_text_score = answer->composed.query.fusion.kind != CIR_FUSION_IMAGE;
    return status;
}

cir_status cir_collection_search(cir_collection *collection, const cir_search_request *request,
                                 cir_answer **answer_out, cir_error *err)
{
    const double begin = cir__clock_ms();
    cir_request_fault fault;

    cir__error_clear(err);
    *answer_out = NULL;
    retrieval *self = cir__new(1, sizeof *self); /* settings are long */
    cir_answer *answer = cir__answer_new(collection);
    if (self == NULL || answer == NULL) {
        free(self);
        cir_answer_free(answer);
        return cir__fail_memory(err, "a search");
    }
    *self = (retrieval){.collection = collection,
                        .info = cir_collection_get_info(collection),
                        .answer = answer,
                        .mark = begin};
    cir_status status = cir__request_read(request, &self->request, &fault, err);
    answer->info.method = self->request.method;
    if (status == CIR_OK)
        status = retrieve(self, err);
    retrieval_done(self);
    free(self);
    answer->info.total_ms = cir__clock_ms() - begin;
    if (status != CIR_OK) {
        cir_answer_free(answer);
        return status;
    }
    *answer_out = answer;
    return CIR_OK;
}

/* The search call against its parts, against plain loops over all rows, and against itself from many
 * threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "retrieval/scene_testing.h"

static const char words[] = "as a pencil sketch";
static scene s;

static int set_up(void **state)
{
    (void)state;
    scene_init(&s, 0);
    return 0;
}

static int set_up_coded(void **state)
{
    (void)state;
    scene_init(&s, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scene_done(&s);
    return 0;
}

/* ---- against its parts, and plain loops ---- */

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* What search.h says of a query, in double. */
static double score_row(const cir_query *query, const float *row)
{
    double v = query->a != NULL ? dot(query->a, row, query->dim) + (double)query->a0 : 0;
    double t = query->b != NULL ? dot(query->b, row, query->dim) + (double)query->b0 : 0;
    const cir_fusion *fusion = &query->fusion;
    const double weight = (double)fusion->weight;
    if (fusion->clamp) {
        v = v < 0 ? 0 : v;
        t = t < 0 ? 0 : t;
    }
    switch (fusion->kind) {
    case CIR_FUSION_IMAGE:
        return v;
    case CIR_FUSION_TEXT:
        return t;
    case CIR_FUSION_SUM:
        return 2 * ((1 - weight) * v + weight * t);
    case CIR_FUSION_PRODUCT:
        return v * t; /* weight 0.5 */
    case CIR_FUSION_HARRIS:
        return v * t - (double)fusion->lambda * (v + t) * (v + t);
    default:
        return (1 - weight) * 0.5 * erfc(-v / sqrt(2)) + weight * 0.5 * erfc(-t / sqrt(2));
    }
}

/* Every row's score, NULL mask: all; the hits' are the k largest. */
static void assert_best(const cir_answer *answer, const uint8_t *mask, size_t k)
{
    const size_t n = scene_n_rows(&s);
    const cir_query *query = cir_answer_get_info(answer)->query;
    float *row = calloc(scene_dim(&s), sizeof *row);
    double *scores = calloc(n, sizeof *scores);
    size_t n_matching = 0;
    for (size_t id = 0; id < n; id++) {
        scene_feature(&s, id, row);
        scores[id] = score_row(query, row);
        n_matching += mask == NULL || mask[id];
    }
    assert_int_equal(cir_answer_get_info(answer)->n_matching, n_matching);
    assert_int_equal(cir_answer_get_n_hits(answer), k < n_matching ? k : n_matching);
    double last = INFINITY;
    for (size_t i = 0; i < cir_answer_get_n_hits(answer); i++) {
        const cir_answer_hit *hit = cir_answer_get_hit(answer, i);
        size_t n_better = 0;
        assert_true(mask == NULL || mask[hit->id]);
        assert_true(fabs((double)hit->score - scores[hit->id]) < 1e-4);
        assert_true((double)hit->score <= last);
        last = (double)hit->score;
        for (size_t id = 0; id < n; id++)
            n_better += (mask == NULL || mask[id]) && scores[id] > scores[hit->id] + 2e-4;
        assert_true(n_better <= i);
        assert_int_equal(hit->rank, i + 1);
        assert_string_equal(hit->path, hit->record->path);
        assert_int_equal(hit->record->id, hit->id);
    }
    free(scores);
    free(row);
}

/* The hits are those of composing and searching by hand, to the bit. */
static void assert_as_by_hand(const cir_answer *answer, const cir_search_request *request)
{
    const cir_collection_info *info = cir_collection_get_info(s.collection);
    cir_settings *settings = malloc(sizeof *settings);
    cir_composer *composer;
    cir_composed composed;
    cir_hit hits[SCENE_N_PHOTOS];
    size_t n_hits;
    cir_settings_init(settings, sizeof *settings, request->method);
    assert_int_equal(
        cir_composer_new(info->index, s.model, s.pool, request->method, settings, &composer, NULL), CIR_OK);
    assert_int_equal(cir_composer_compose(composer, s.pool, cir_answer_get_info(answer)->image_feature,
                                          request->text, &composed, NULL),
                     CIR_OK);
    const cir_rows rows = cir_index_get_rows(info->index);
    assert_int_equal(cir_search_top(&rows, &composed.query, request->k, s.pool, hits, &n_hits, NULL), CIR_OK);
    assert_int_equal(cir_answer_get_n_hits(answer), n_hits);
    for (size_t i = 0; i < n_hits; i++) {
        const cir_answer_hit *hit = cir_answer_get_hit(answer, i);
        assert_int_equal(hit->id, hits[i].id);
        assert_true(hit->score == hits[i].score && hit->image_score == hits[i].image_score &&
                    hit->text_score == hits[i].text_score);
    }
    const cir_settings *used = cir_answer_get_info(answer)->settings;
    const cir_settings *made = cir_composer_get_settings(composer);
    assert_true(used->min_image == made->min_image && used->min_text == made->min_text &&
                used->minima_source == made->minima_source);
    cir_composed_done(&composed);
    cir_composer_free(composer);
    free(settings);
}

static void test_methods(void **state)
{
    (void)state;
    char path[160];
    scene_path(&s, 7, path);
    for (int method = 0; method < CIR_N_METHODS; method++) {
        const cir_method_info *info = cir_method_get_info((cir_method)method);
        for (int sides = 1; sides <= 3; sides++) {
            cir_search_request request = scene_request();
            request.method = (cir_method)method;
            request.k = 12;
            request.image_path = (sides & 1) != 0 ? path : NULL;
            request.text = (sides & 2) != 0 ? words : NULL;
            if (info->needs_composed) {
                scene_refuse(&s, &request, CIR_ARGUMENT, "external");
                continue;
            }
            if (info->photo == CIR_INPUT_NEEDED && request.image_path == NULL) {
                scene_refuse(&s, &request, CIR_ARGUMENT, "needs a photo");
                continue;
            }
            if (info->words == CIR_INPUT_NEEDED && request.text == NULL) {
                scene_refuse(&s, &request, CIR_ARGUMENT, "needs words");
                continue;
            }
            cir_answer *answer = scene_search(&s, &request);
            cir_answer *again = scene_search(&s, &request); /* by what was kept */
            assert_best(answer, NULL, request.k);
            assert_as_by_hand(answer, &request);
            scene_assert_same(answer, again);
            assert_int_equal(cir_answer_get_info(answer)->method, method);
            cir_answer_free(answer);
            cir_answer_free(again);
        }
    }
}

/* A setting of a query is the one asked for, though the composer was made for others. */
static void test_settings(void **state)
{
    (void)state;
    cir_settings *settings = malloc(sizeof *settings);
    cir_search_request request = scene_request();
    cir_answer *answers[3];
    cir_settings_init(settings, sizeof *settings, request.method);
    request.image_id = 3;
    request.text = words;
    request.settings = settings;
    static const char *const values[] = {"lambda=0", "lambda=0.2", "components=3"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cir_settings_set(settings, values[i], NULL), CIR_OK);
        answers[i] = scene_search(&s, &request);
        assert_best(answers[i], NULL, request.k);
    }
    assert_true(cir_answer_get_info(answers[0])->query->fusion.lambda == 0.0f);
    assert_true(cir_answer_get_info(answers[1])->query->fusion.lambda == 0.2f);
    assert_int_equal(cir_answer_get_info(answers[2])->settings->components, 3);
    assert_true(cir_answer_get_hit(answers[1], 0)->image_score !=
                cir_answer_get_hit(answers[2], 0)->image_score);
    for (size_t i = 0; i < 3; i++)
        cir_answer_free(answers[i]);
    free(settings);
}

/* ---- the photo ---- */

static void test_photos(void **state)
{
    (void)state;
    char path[160];
    uint8_t *bytes;
    size_t size;
    cir_search_request request = scene_request();
    scene_path(&s, 9, path);
    request.text = words;
    request.image_path = path;
    cir_answer *by_path = scene_search(&s, &request);
    request.image_path = NULL;
    FILE *file = fopen(path, "r");
    bytes = malloc(1 << 20);
    size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    request.image_bytes = bytes;
    request.image_size_bytes = size;
    cir_answer *by_bytes = scene_search(&s, &request);
    scene_assert_same(by_path, by_bytes);
    request.image_bytes = NULL;
    request.image_feature = cir_answer_get_info(by_path)->image_feature;
    cir_answer *by_feature = scene_search(&s, &request);
    scene_assert_same(by_path, by_feature);
    request.image_feature = NULL;

    /* An indexed photo is its row; the whole of it as a part is decoded anew: nearly the same. */
    request.method = CIR_METHOD_IMAGE;
    request.image_id = 5;
    cir_answer *by_id = scene_search(&s, &request);
    assert_int_equal(cir_answer_get_hit(by_id, 0)->id, 5);
    assert_string_equal(cir_answer_get_info(by_id)->image_record->path, cir_answer_get_hit(by_id, 0)->path);
    assert_true(fabsf(cir_answer_get_hit(by_id, 0)->score - 1) < 1e-3f);
    request.image_region = (cir_region){0, 0, 1, 1};
    cir_answer *by_whole = scene_search(&s, &request);
    assert_true(fabsf(cir_answer_get_hit(by_whole, 0)->score - 1) < 1e-2f);
    cir_answer_free(by_path);
    cir_answer_free(by_bytes);
    cir_answer_free(by_feature);
    cir_answer_free(by_id);
    cir_answer_free(by_whole);
    free(bytes);
}

/* A part is encoded as a picture of that part. */
static void test_part(void **state)
{
    (void)state;
    char path[160];
    cir_image image;
    const cir_model_info *model = cir_model_get_info(s.model);
    float *tensor = calloc(3 * model->image_px * model->image_px, sizeof *tensor);
    float *feature = calloc(model->dim, sizeof *feature);
    scene_path(&s, 8, path);
    assert_int_equal(cir_image_read(path, NULL, &image, NULL, NULL), CIR_OK);
    const size_t x0 = image.width_px / 4, y0 = image.height_px / 2;
    const size_t width = image.width_px / 2, height = image.height_px / 2;
    cir_image part = {.width_px = width, .height_px = height, .rgb = malloc(width * height * 3)};
    for (size_t y = 0; y < height; y++)
        memcpy(part.rgb + y * width * 3, image.rgb + ((y0 + y) * image.width_px + x0) * 3, width * 3);
    assert_int_equal(cir_model_preprocess(s.model, &part, tensor, NULL), CIR_OK);
    assert_int_equal(cir_model_encode_tensors(s.model, s.pool, tensor, 1, feature, NULL), CIR_OK);
    cir_search_request request = scene_request();
    request.image_path = path;
    request.image_region = (cir_region){0.25, 0.5, 0.5, 0.5};
    cir_answer *answer = scene_search(&s, &request);
    assert_memory_equal(cir_answer_get_info(answer)->image_feature, feature, model->dim * sizeof *feature);
    cir_answer_free(answer);
    cir_image_done(&image);
    free(part.rgb);
    free(tensor);
    free(feature);
}

/* ---- which of the hits ---- */

static void test_pages(void **state)
{
    (void)state;
    cir_search_request request = scene_request();
    request.text = words;
    request.image_id = 1;
    for (int folds = 0; folds <= 1; folds++) {
        request.fold_duplicates = folds != 0;
        request.k = 1000;
        request.offset = 0;
        cir_answer *all = scene_search(&s, &request);
        size_t n = 0;
        request.k = 7;
        for (;; request.offset += 7) {
            cir_answer *page = scene_search(&s, &request);
            const size_t n_page = cir_answer_get_n_hits(page);
            for (size_t i = 0; i < n_page; i++, n++) {
                assert_int_equal(cir_answer_get_hit(page, i)->id, cir_answer_get_hit(all, n)->id);
                assert_int_equal(cir_answer_get_hit(page, i)->rank, n + 1);
            }
            cir_answer_free(page);
            if (n_page < 7)
                break;
        }
        assert_int_equal(n, cir_answer_get_n_hits(all));
        cir_answer_free(all);
    }
}

static void test_folding(void **state)
{
    (void)state;
    enum { N = SCENE_N_PHOTOS };
    const size_t dim = scene_dim(&s);
    float *features = calloc(N * dim, sizeof *features);
    cir_search_request request = scene_request();
    request.text = words;
    request.image_id = 3;
    request.k = N;
    cir_answer *plain = scene_search(&s, &request);
    request.fold_duplicates = true;
    cir_answer *folded = scene_search(&s, &request);

    /* The plain loop: each hit joins the first before it that stands for itself and is near enough. */
    size_t stands[N], n_stands = 0, of[N][N], n_of[N] = {0};
    for (size_t i = 0; i < N; i++) {
        const size_t id = cir_answer_get_hit(plain, i)->id;
        size_t j = 0;
        scene_feature(&s, id, features + id * dim);
        while (j < n_stands && dot(features + id * dim, features + stands[j] * dim, dim) < 0.97)
            j++;
        if (j == n_stands)
            stands[n_stands++] = id;
        else
            of[j][n_of[j]++] = id;
    }
    assert_true(n_stands > N / 4 &&
                n_stands <= N - 4); /* of those that were saved anew at least some are folded */
    assert_int_equal(cir_answer_get_n_hits(folded), n_stands);
    for (size_t j = 0; j < n_stands; j++) {
        const cir_answer_hit *hit = cir_answer_get_hit(folded, j);
        assert_int_equal(hit->id, stands[j]);
        assert_int_equal(hit->n_duplicates, n_of[j]);
        for (size_t i = 0; i < n_of[j]; i++)
            assert_int_equal(hit->duplicates[i], of[j][i]);
    }
    cir_answer_free(plain);
    cir_answer_free(folded);
    free(features);
}

static void test_missing(void **state)
{
    (void)state;
    char path[160];
    cir_search_request request = scene_request();
    request.text = words;
    request.k = 5;
    cir_answer *before = scene_search(&s, &request);
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s", cir_answer_get_hit(before, i)->path);
        assert_int_equal(unlink(path), 0);
    }
    cir_answer *kept = scene_search(&s, &request);
    scene_assert_same(before, kept);
    request.skip_missing = true;
    cir_answer *after = scene_search(&s, &request);
    assert_int_equal(cir_answer_get_n_hits(after), 5);
    assert_int_equal(cir_answer_get_info(after)->n_missing, 4);
    assert_int_equal(cir_answer_get_hit(after, 0)->id, cir_answer_get_hit(before, 4)->id);
    assert_int_equal(cir_answer_get_hit(after, 0)->rank, 1);
    request.fold_duplicates = true;
    request.k = SCENE_N_PHOTOS;
    cir_answer *folded = scene_search(&s, &request);
    for (size_t i = 0; i < cir_answer_get_n_hits(folded); i++)
        assert_int_equal(access(cir_answer_get_hit(folded, i)->path, F_OK), 0);
    cir_answer_free(before);
    cir_answer_free(kept);
    cir_answer_free(after);
    cir_answer_free(folded);
}

static void test_explained(void **state)
{
    (void)state;
    const size_t n = scene_n_rows(&s);
    float *images = calloc(n, sizeof *images);
    float *texts = calloc(n, sizeof *texts);
    cir_search_request request = scene_request();
    request.text = words;
    request.image_id = 11;
    request.explain = true;
    cir_answer *answer = scene_search(&s, &request);
    assert_true(cir_answer_get_info(answer)->has_ranks);
    assert_int_equal(cir_answer_get_scores(answer, images, texts, NULL), CIR_OK);
    for (size_t i = 0; i < cir_answer_get_n_hits(answer); i++) {
        const cir_answer_hit *hit = cir_answer_get_hit(answer, i);
        size_t by_image = 1, by_text = 1;
        for (size_t id = 0; id < n; id++) {
            by_image += images[id] > images[hit->id] || (images[id] == images[hit->id] && id < hit->id);
            by_text += texts[id] > texts[hit->id] || (texts[id] == texts[hit->id] && id < hit->id);
        }
        assert_int_equal(hit->image_rank, by_image);
        assert_int_equal(hit->text_rank, by_text);
    }
    cir_answer_free(answer);
    free(images);
    free(texts);
}

/* By codes the same as without, where nothing may be missing. */
static void test_codes(void **state)
{
    (void)state;
    cir_settings *settings = malloc(sizeof *settings);
    cir_search_request request = scene_request();
    cir_settings_init(settings, sizeof *settings, request.method);
    assert_int_equal(cir_settings_set(settings, "recall=exact", NULL), CIR_OK);
    request.text = words;
    request.image_id = 2;
    request.k = 3;
    request.settings = settings;
    assert_int_equal(cir_index_get_info(cir_collection_get_info(s.collection)->index)->n_coded,
                     SCENE_N_PHOTOS);
    cir_answer *coded = scene_search(&s, &request);
    assert_true(cir_answer_get_info(coded)->report->used_codes);
    assert_int_equal(cir_settings_set(settings, "codes=0", NULL), CIR_OK);
    cir_answer *scanned = scene_search(&s, &request);
    assert_false(cir_answer_get_info(scanned)->report->used_codes);
    scene_assert_same(coded, scanned);
    cir_answer_free(coded);
    cir_answer_free(scanned);
    free(settings);
}

int main(void)
{
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(test_methods),   cmocka_unit_test(test_settings), cmocka_unit_test(test_photos),
        cmocka_unit_test(test_part),      cmocka_unit_test(test_pages),    cmocka_unit_test(test_folding),
        cmocka_unit_test(test_explained), cmocka_unit_test(test_missing), /* the last: it takes photos away */
    };
    const struct CMUnitTest coded[] = {cmocka_unit_test(test_codes)};
    const int n_failed = cmocka_run_group_tests_name("retrieve", plain, set_up, tear_down);
    return n_failed + cmocka_run_group_tests_name("retrieve by codes", coded, set_up_coded, tear_down);
}

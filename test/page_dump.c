/* Shows synthetic answers: page_test.py's hand on src/cli/answer/page.c and show.c without an index or a
 * model.
 *
 *   page_dump [--out FILE] [--show] [--fusion harris|product|sum|image|text|gauss] [--lambda X] [--weight X]
 * [--raw]
 *             [--rows N] [--query FILE] [--text TEXT] [--index NAME] [--ranks] [--threads N] PHOTO...
 *
 * Scores are drawn from a fixed seed; the photos become the best rows, in their order. --raw: no clamping,
 * and scores on both sides of 0. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answer/answer.h"

typedef struct request {
    const char *out;
    bool shows;
    bool is_raw;
    size_t n_threads;
    cir__answer answer;
    char **photos;
    size_t n_photos;
} request;

static void stop(const char *why)
{
    fprintf(stderr, "page_dump: %s\n", why);
    exit(2);
}

static cir_fusion_kind parse_kind(const char *name)
{
    static const char *const names[] = {"image", "text", "sum", "product", "harris", "gauss"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return (cir_fusion_kind)i;
    stop("unknown fusion");
    return CIR_FUSION_IMAGE;
}

static request parse(int argc, char **argv)
{
    request asked = {.n_threads = 2,
                     .answer = {.index_path = "photos.cir",
                                .model_name = "made-up",
                                .model_fingerprint = "00112233445566778899aabbccddeeff",
                                .fusion = {CIR_FUSION_HARRIS, true, 0.1f, 0.5f},
                                .n_rows = 3000,
                                .encode_ms = 12.25,
                                .search_ms = 0.75,
                                .total_ms = 14}};
    cir__answer *answer = &asked.answer;
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char *key = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(key, "--show") == 0)
            asked.shows = true;
        else if (strcmp(key, "--ranks") == 0)
            answer->has_ranks = true;
        else if (strcmp(key, "--raw") == 0)
            asked.is_raw = true;
        else {
            i++;
            if (strcmp(key, "--out") == 0)
                asked.out = value;
            else if (strcmp(key, "--fusion") == 0)
                answer->fusion.kind = parse_kind(value);
            else if (strcmp(key, "--lambda") == 0)
                answer->fusion.lambda = strtof(value, NULL);
            else if (strcmp(key, "--weight") == 0)
                answer->fusion.weight = strtof(value, NULL);
            else if (strcmp(key, "--rows") == 0)
                answer->n_rows = strtoul(value, NULL, 10);
            else if (strcmp(key, "--query") == 0)
                answer->query_image_path = value;
            else if (strcmp(key, "--text") == 0)
                answer->query_text = value;
            else if (strcmp(key, "--index") == 0)
                answer->index_path = value;
            else if (strcmp(key, "--threads") == 0)
                asked.n_threads = strtoul(value, NULL, 10);
            else
                stop("unknown option");
        }
    }
    answer->fusion.clamp = !asked.is_raw;
    asked.photos = argv + i;
    asked.n_photos = (size_t)(argc - i);
    return asked;
}

static float draw(uint64_t *state)
{
    float sum = 0;
    for (int i = 0; i < 6; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        sum += (float)(*state >> 40) / (float)(1 << 24);
    }
    return sum / 6;
}

static float fuse(const cir_fusion *fusion, float v, float t)
{
    switch (fusion->kind) {
    case CIR_FUSION_IMAGE:
        return v;
    case CIR_FUSION_TEXT:
        return t;
    case CIR_FUSION_SUM:
        return 2 * ((1 - fusion->weight) * v + fusion->weight * t);
    case CIR_FUSION_PRODUCT:
        return powf(v, 2 - 2 * fusion->weight) * powf(t, 2 * fusion->weight);
    case CIR_FUSION_GAUSS:
        return 0.5f * ((1 - fusion->weight) * erfcf(-v / sqrtf(2)) + fusion->weight * erfcf(-t / sqrtf(2)));
    default:
        return v * t - fusion->lambda * (v + t) * (v + t);
    }
}

static cir_hit best_after(const cir__answer *answer, const float *scores, const bool *is_taken)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < answer->n_rows; i++)
        if (!is_taken[i] && !isnan(scores[i]) && (best == SIZE_MAX || scores[i] > scores[best]))
            best = i;
    if (best == SIZE_MAX)
        stop("more photos than rows");
    return (cir_hit){best, scores[best], answer->image_scores[best], answer->text_scores[best]};
}

static size_t rank_of(const float *scores, size_t n, float score)
{
    size_t rank = 1;
    for (size_t i = 0; i < n; i++)
        rank += scores[i] > score;
    return rank;
}

int main(int argc, char **argv)
{
    request asked = parse(argc, argv);
    cir__answer *answer = &asked.answer;
    size_t n = answer->n_rows;
    float *image = malloc((n + 1) * sizeof *image);
    float *text = malloc((n + 1) * sizeof *text);
    float *scores = malloc((n + 1) * sizeof *scores);
    bool *is_taken = calloc(n + 1, sizeof *is_taken);
    answer->hits = calloc(asked.n_photos + 1, sizeof *answer->hits);
    cir_image_record *records = calloc(asked.n_photos + 1, sizeof *records);
    if (image == NULL || text == NULL || scores == NULL || is_taken == NULL || answer->hits == NULL ||
        records == NULL)
        stop("out of memory");
    uint64_t state = 1;
    for (size_t i = 0; i < n; i++) {
        float v = 3 * draw(&state) - 0.6f;
        float t = 3 * draw(&state) - 0.6f;
        image[i] = asked.is_raw ? v - 0.9f : v;
        text[i] = asked.is_raw ? t - 0.9f : t;
        if (i % 97 == 5)
            image[i] = text[i] = NAN; /* not searched */
        scores[i] = fuse(&answer->fusion, image[i], text[i]);
        answer->n_images += isnan(image[i]) ? 0 : 1;
    }
    cir_settings settings;
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC_MINUS);
    answer->settings = &settings;
    answer->image_scores = image;
    answer->text_scores = text;
    answer->n_hits = asked.n_photos;
    for (size_t i = 0; i < asked.n_photos; i++) {
        const cir_hit best = best_after(answer, scores, is_taken);
        is_taken[best.id] = true;
        records[i].path = asked.photos[i];
        records[i].taken_at = i % 2 == 0 ? INT64_MIN : 1562163720;
        answer->hits[i] = (cir_answer_hit){.rank = i + 1,
                                           .id = best.id,
                                           .path = records[i].path,
                                           .record = &records[i],
                                           .score = best.score,
                                           .image_score = best.image_score,
                                           .text_score = best.text_score,
                                           .image_rank = rank_of(image, n, best.image_score),
                                           .text_rank = rank_of(text, n, best.text_score)};
    }
    cir_pool *pool = NULL;
    cir_error err;
    cir_status status = cir_pool_new(asked.n_threads, &pool, &err);
    if (status == CIR_OK && asked.out != NULL)
        status = cir__answer_write_page(answer, pool, asked.out, &err);
    if (status == CIR_OK && asked.shows)
        status = cir__answer_show(answer, pool, &err);
    if (status != CIR_OK)
        fprintf(stderr, "cir: %s\n", err.message);
    cir_pool_free(pool);
    free(answer->hits);
    free(records);
    free(is_taken);
    free(scores);
    free(text);
    free(image);
    return status == CIR_OK ? 0 : 1;
}

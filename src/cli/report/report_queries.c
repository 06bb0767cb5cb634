/* A report's best and worst queries with their answers. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "cli/common/markup.h"
#include "cli/common/thumbnails.h"
#include "cli/report/report_parts.h"

enum { N_SHOWN = 5, THUMBNAIL_PX = 128, THUMBNAIL_QUALITY = 80, N_PICTURES = CIR_N_TOP + 1 };

/* Of a query, the photo and its answers; strings are lent, from the data set. */
typedef struct shown {
    size_t query;
    double AP;
    size_t n_relevant, n_answers;
    cir_answer_view answers[CIR_N_TOP];
    char *pictures[N_PICTURES]; /* the photo's and the answers', base64; NULL: none */
} shown;

/* Queries in the order of their AP. */
typedef struct ranked {
    size_t query;
    double AP;
} ranked;

static int compare_down(const void *a, const void *b)
{
    const ranked *const x = a, *const y = b;
    if (x->AP != y->AP)
        return x->AP < y->AP ? 1 : -1;
    return (x->query > y->query) - (x->query < y->query);
}

/* Up to N_SHOWN queries from one end of order, of different instances while there are any. Returns how
 * many. */
static size_t choose(const cir_dataset *dataset, const ranked *order, size_t n, bool from_end, size_t *out)
{
    size_t n_chosen = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n && n_chosen < N_SHOWN; i++) {
            const size_t query = order[from_end ? n - 1 - i : i].query;
            const size_t instance = cir_dataset_get_query(dataset, query).instance_number;
            bool is_free = true;
            for (size_t k = 0; k < n_chosen && is_free; k++)
                is_free = out[k] != query &&
                          (pass > 0 || cir_dataset_get_query(dataset, out[k]).instance_number != instance);
            if (is_free)
                out[n_chosen++] = query;
        }
    return n_chosen;
}

static shown describe(const cir_dataset *dataset, const json_t *method, size_t query)
{
    const json_t *top = json_array_get(json_object_get(method, "top"), query);
    shown made = {.query = query,
                  .AP = json_number_value(json_array_get(json_object_get(method, "AP"), query)),
                  .n_relevant = (size_t)json_integer_value(
                      json_array_get(json_object_get(method, "n_relevant"), query))};
    for (; made.n_answers < json_array_size(top) && made.n_answers < CIR_N_TOP; made.n_answers++)
        made.answers[made.n_answers] = cir_dataset_get_answer(
            dataset, query, (size_t)json_integer_value(json_array_get(top, made.n_answers)));
    return made;
}

/* ---- pictures ---- */

static void take(void *context, size_t i, const cir__thumbnail *thumbnail)
{
    char ***const places = context;
    cir_error err;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (thumbnail->image == NULL ||
        cir_image_format_jpeg(thumbnail->image, THUMBNAIL_QUALITY, &bytes, &size, &err) != CIR_OK)
        return;
    *places[i] = g_base64_encode(bytes, size);
    cir_bytes_free(bytes);
}

/* Reads the pictures of all queries; one that cannot be read is shown by its path. */
static bool read_pictures(const cir__report *report, shown *queries, size_t n)
{
    cir__thumbnail_photo *photos = calloc(n * N_PICTURES + 1, sizeof *photos);
    char ***places = calloc(n * N_PICTURES + 1, sizeof *places);
    bool is_whole = photos != NULL && places != NULL;
    size_t n_photos = 0;
    for (size_t i = 0; i < n && is_whole; i++)
        for (size_t k = 0; k < queries[i].n_answers + 1 && is_whole; k++) {
            const char *listed = k == 0 ? cir_dataset_get_query(report->dataset, queries[i].query).path
                                        : queries[i].answers[k - 1].path;
            places[n_photos] = &queries[i].pictures[k];
            photos[n_photos].path = cir_dataset_find_picture(report->dataset, report->folder, listed);
            is_whole = photos[n_photos++].path != NULL;
        }
    if (is_whole)
        cir__thumbnails_make(photos, n_photos, THUMBNAIL_PX, THUMBNAIL_PX, report->pool, take, places);
    for (size_t i = 0; photos != NULL && i < n_photos; i++)
        cir_bytes_free((void *)(uintptr_t)photos[i].path);
    free(photos);
    free(places);
    return is_whole;
}

/* ---- writing ---- */

static void put_picture(FILE *file, const char *base64, const char *description)
{
    if (base64 == NULL)
        return;
    fprintf(file, "<img src=\"data:image/jpeg;base64,%s\" alt=\"", base64);
    cir__markup_text(file, description);
    fputs("\">", file);
}

/* A path's last part where its picture is seen, else the end of the path. */
static const char *short_path(const char *path, bool is_seen)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return path;
    if (is_seen)
        return slash + 1;
    while (slash > path && slash[-1] != '/') /* with the folder it is in */
        slash--;
    return slash;
}

static void put_answer(FILE *file, const cir_answer_view *answer, const char *base64, size_t rank)
{
    fprintf(file, "<li class=\"%s\" title=\"", answer->is_relevant ? "right" : "wrong");
    cir__markup_text(file, answer->path);
    fprintf(file, "\"><span class=\"verdict\"><span>%zu</span><span>%s</span></span>", rank,
            answer->is_relevant ? "✓ right" : "✗ wrong");
    put_picture(file, base64, answer->path);
    fprintf(file, "<span class=\"path%s\">", base64 == NULL ? " alone" : "");
    cir__markup_text(file, short_path(answer->path, base64 != NULL));
    fputs("</span></li>\n", file);
}

static void put_query(FILE *file, const cir_dataset *dataset, const shown *query)
{
    const cir_query_view view = cir_dataset_get_query(dataset, query->query);
    fputs("<article class=\"query\"><div class=\"asked\">", file);
    put_picture(file, query->pictures[0], view.path);
    fputs("<h3>", file);
    cir__markup_text(file, view.text);
    fputs("</h3><p class=\"muted\">", file);
    cir__markup_text(file, view.instance);
    fputs("</p><p class=\"muted\">", file);
    cir__markup_text(file, view.path);
    fprintf(file, "</p><p>AP %.2f; %zu right of %zu</p></div>\n<div><ol class=\"answers\">\n",
            100 * query->AP, query->n_relevant, view.n_database);
    for (size_t i = 0; i < query->n_answers; i++)
        put_answer(file, &query->answers[i], query->pictures[i + 1], i + 1);
    fputs("</ol></div></article>\n", file);
}

static void put_queries(FILE *file, const char *id, const char *title, const json_t *method,
                        const cir_dataset *dataset, const shown *queries, size_t n)
{
    if (n == 0)
        return;
    fprintf(file, "<section id=\"%s\"><h2>%s of ", id, title);
    cir__markup_text(file, cir__report_name(method));
    fputs("</h2>\n", file);
    for (size_t i = 0; i < n; i++)
        put_query(file, dataset, &queries[i]);
    fputs("</section>\n", file);
}

bool cir__report_queries(FILE *file, const cir__report *report)
{
    const cir_dataset *dataset = report->dataset;
    const json_t *method = cir__report_best(report->document), *AP = json_object_get(method, "AP");
    const size_t n_queries = json_array_size(AP);
    ranked *order = calloc(n_queries + 1, sizeof *order);
    size_t chosen[2 * N_SHOWN], n = 0;
    shown queries[2 * N_SHOWN];
    if (order == NULL)
        return false;
    for (size_t q = 0; q < n_queries; q++) /* a query without an answer tells nothing of the method */
        if (json_integer_value(json_array_get(json_object_get(method, "n_relevant"), q)) > 0)
            order[n++] = (ranked){q, json_number_value(json_array_get(AP, q))};
    qsort(order, n, sizeof *order, compare_down);
    const size_t n_best = choose(dataset, order, (n + 1) / 2, false, chosen);
    const size_t n_worst = choose(dataset, order + (n + 1) / 2, n / 2, true, chosen + n_best);
    free(order);
    for (size_t i = 0; i < n_best + n_worst; i++)
        queries[i] = describe(dataset, method, chosen[i]);
    const bool is_whole = report->folder == NULL || read_pictures(report, queries, n_best + n_worst);
    if (is_whole) {
        put_queries(file, "best", "Best queries", method, dataset, queries, n_best);
        put_queries(file, "worst", "Worst queries", method, dataset, queries + n_best, n_worst);
    }
    for (size_t i = 0; i < n_best + n_worst; i++)
        for (size_t k = 0; k < N_PICTURES; k++)
            g_free(queries[i].pictures[k]);
    return is_whole;
}

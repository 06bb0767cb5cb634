/* A report's charts, and the metrics behind them as tables. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/markup.h"
#include "cli/report/report_parts.h"
#include "cli/report/svg.h"

enum { MAX_LINES = 32 };

/* A chart as it is put together; its lines own their numbers. */
typedef struct chart {
    cir__svg_line lines[MAX_LINES];
    size_t n;
} chart;

static void chart_done(chart *made)
{
    for (size_t i = 0; i < made->n; i++) {
        free((void *)made->lines[i].x);
        free((void *)made->lines[i].y);
    }
    made->n = 0;
}

static double *numbers_new(size_t n)
{
    return calloc(n + 1, sizeof(double));
}

static double *numbers_of(const json_t *array, double scale)
{
    const size_t n = json_array_size(array);
    double *numbers = numbers_new(n);
    for (size_t i = 0; numbers != NULL && i < n; i++)
        numbers[i] = scale * json_number_value(json_array_get(array, i));
    return numbers;
}

/* Adds a line, which takes x and y over; where memory was short for them, it is left out. */
static cir__svg_line *push(chart *to, const json_t *method, double *x, double *y, size_t n)
{
    if (x == NULL || y == NULL || to->n == MAX_LINES) {
        free(x);
        free(y);
        return NULL;
    }
    to->lines[to->n] = (cir__svg_line){.name = cir__report_name(method),
                                       .x = x,
                                       .y = y,
                                       .n = n,
                                       .style = cir__report_style(method),
                                       .i_peak = SIZE_MAX};
    return &to->lines[to->n++];
}

/* Where an axis from 0 ends that is to hold all y. */
static double top_of(const chart *made)
{
    double most = 0;
    for (size_t l = 0; l < made->n; l++)
        for (size_t i = 0; i < made->lines[l].n; i++)
            most = fmax(most, made->lines[l].y[i]);
    return most > 0 ? fmin(100, ceil(most / 10) * 10) : 100;
}

/* ---- precision against recall ---- */

static void put_precision(FILE *file, const json_t *methods)
{
    chart made = {.n = 0};
    const json_t *method;
    size_t i;
    json_array_foreach(methods, i, method)
    {
        const json_t *curve = json_object_get(method, "precision_recall");
        const size_t n = json_array_size(curve);
        double *recall = cir__report_is_step(method) ? NULL : numbers_new(n);
        for (size_t p = 0; recall != NULL && p < n; p++)
            recall[p] = 100.0 * (double)p / (double)(n - 1);
        push(&made, method, recall, recall != NULL ? numbers_of(curve, 100) : NULL, n);
    }
    const cir__svg_axis x = {.title = "recall", .low = 0, .high = 100};
    const cir__svg_axis y = {.title = "precision", .low = 0, .high = top_of(&made)};
    fputs("<figure id=\"precision\"><h3>Precision against recall</h3><div class=\"scroll\">\n", file);
    cir__svg_chart(file, "Precision against recall, one line a method", &x, &y, made.lines, made.n);
    fputs(
        "</div><figcaption>Interpolated at 101 recalls: the best precision at that recall or more. Mean over "
        "instances.</figcaption></figure>\n",
        file);
    chart_done(&made);
}

/* ---- instances ---- */

static int compare_down(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void put_sorted(FILE *file, const json_t *methods)
{
    chart made = {.n = 0};
    const json_t *method;
    size_t i, n_most = 1;
    json_array_foreach(methods, i, method)
    {
        json_t *instances = json_object_get(method, "per_instance"), *AP;
        const size_t n = json_object_size(instances);
        double *places = cir__report_is_step(method) ? NULL : numbers_new(n);
        double *values = places != NULL ? numbers_new(n) : NULL;
        const char *name;
        size_t k = 0;
        if (values != NULL) {
            json_object_foreach(instances, name, AP)
            {
                places[k] = (double)(k + 1);
                values[k++] = 100 * json_number_value(AP);
            }
            qsort(values, n, sizeof *values, compare_down);
            n_most = n > n_most ? n : n_most;
        }
        push(&made, method, places, values, n);
    }
    const cir__svg_axis x = {
        .title = "instances, each line's best first", .low = 1, .high = n_most > 1 ? (double)n_most : 2};
    const cir__svg_axis y = {.title = "mean AP", .low = 0, .high = 100};
    fputs("<figure id=\"instances\"><h3>AP per instance, sorted</h3><div class=\"scroll\">\n", file);
    cir__svg_chart(file, "Mean AP of each instance, sorted, one line a method", &x, &y, made.lines, made.n);
    fputs("</div><figcaption>Each method's instances in its own order: how many it gets right, and how many "
          "not at all.</figcaption>\n",
          file);
    chart_done(&made);
}

/* An instance's place in the table. */
typedef struct entry {
    const char *name;
    double AP; /* of the best method */
} entry;

static int compare_entries(const void *a, const void *b)
{
    const entry *const x = a, *const y = b;
    if (x->AP != y->AP)
        return x->AP < y->AP ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void put_instances_table(FILE *file, const json_t *document)
{
    const json_t *methods = json_object_get(document, "methods"), *best = cir__report_best(document), *method;
    json_t *instances = json_object_get(best, "per_instance"), *AP;
    const size_t n = json_object_size(instances);
    entry *entries = calloc(n + 1, sizeof *entries);
    const char *name;
    size_t i, k = 0;
    if (entries == NULL)
        return;
    json_object_foreach(instances, name, AP) entries[k++] = (entry){name, json_number_value(AP)};
    qsort(entries, n, sizeof *entries, compare_entries);
    fputs("<details><summary>Mean AP of every instance</summary><div class=\"scroll\"><table><thead><tr><th "
          "scope=\"col\">instance</th>",
          file);
    json_array_foreach(methods, i, method) if (!cir__report_is_step(method))
    {
        fputs("<th scope=\"col\">", file);
        cir__markup_text(file, cir__report_name(method));
        fputs("</th>", file);
    }
    fputs("</tr></thead>\n<tbody>\n", file);
    for (k = 0; k < n; k++) {
        fputs("<tr>", file);
        cir__report_head(file, entries[k].name);
        json_array_foreach(methods, i, method) if (!cir__report_is_step(method)) cir__report_cell(
            file, 100 * cir__report_number(json_object_get(method, "per_instance"), entries[k].name));
        fputs("</tr>\n", file);
    }
    fputs("</tbody></table></div></details>\n", file);
    free(entries);
}

/* ---- sweeps ---- */

static size_t find_peak(const json_t *metrics)
{
    size_t best = 0;
    for (size_t i = 1; i < json_array_size(metrics); i++)
        if (json_number_value(json_array_get(metrics, i)) > json_number_value(json_array_get(metrics, best)))
            best = i;
    return best;
}

/* "weight" → what its axis says. */
static const char *axis_of(const char *setting)
{
    if (strcmp(setting, "weight") == 0)
        return "weight of the text: 0 image alone, 1 text alone";
    if (strcmp(setting, "lambda") == 0)
        return "λ of the Harris fusion";
    if (strcmp(setting, "alpha") == 0)
        return "α, weight of the style corpus";
    return setting;
}

/* A table of a sweep or of distractors: a row for each x, a column for each line. */
static void put_line_table(FILE *file, const char *summary, const char *x_name, const json_t *xs,
                           const json_t *rows, const char *setting)
{
    const json_t *row;
    size_t i;
    fprintf(file,
            "<details><summary>%s</summary><div class=\"scroll\"><table><caption>mmAP</caption>\n<thead><tr>"
            "<th scope=\"col\">",
            summary);
    cir__markup_text(file, x_name);
    fputs("</th>", file);
    json_array_foreach(rows, i,
                       row) if (setting == NULL || strcmp(cir__report_text(row, "setting"), setting) == 0)
    {
        fputs("<th scope=\"col\">", file);
        cir__markup_text(file, cir__report_name(row));
        fputs("</th>", file);
    }
    fputs("</tr></thead>\n<tbody>\n", file);
    for (size_t p = 0; p < json_array_size(xs); p++) {
        fprintf(file, "<tr><th scope=\"row\">%.10g</th>", json_number_value(json_array_get(xs, p)));
        json_array_foreach(rows, i,
                           row) if (setting == NULL || strcmp(cir__report_text(row, "setting"), setting) == 0)
            cir__report_cell(file, json_number_value(json_array_get(json_object_get(row, "mmAP"), p)));
        fputs("</tr>\n", file);
    }
    fputs("</tbody></table></div></details>\n", file);
}

static void put_gains(FILE *file, const json_t *sweeps, const char *setting)
{
    const json_t *sweep;
    size_t i;
    fputs("<figcaption>A ring marks the peak.", file);
    json_array_foreach(sweeps, i, sweep)
    {
        const json_t *gain = json_object_get(sweep, "gain");
        if (gain == NULL || strcmp(cir__report_text(sweep, "setting"), setting) != 0)
            continue;
        fputs(" Composition gain of ", file);
        cir__markup_text(file, cir__report_name(sweep));
        fprintf(file, ": %+.2f.", cir__report_number(gain, "mmAP"));
    }
    fputs("</figcaption>\n", file);
}

/* All sweeps of one setting. */
static void put_sweep(FILE *file, const json_t *sweeps, const char *setting)
{
    chart made = {.n = 0};
    const json_t *sweep, *xs = NULL;
    size_t i;
    double low = INFINITY, high = -INFINITY;
    json_array_foreach(sweeps, i, sweep)
    {
        if (strcmp(cir__report_text(sweep, "setting"), setting) != 0)
            continue;
        const json_t *metrics = json_object_get(sweep, "mmAP");
        xs = json_object_get(sweep, "values");
        cir__svg_line *line =
            push(&made, sweep, numbers_of(xs, 1), numbers_of(metrics, 1), json_array_size(xs));
        if (line == NULL || line->n == 0)
            continue;
        line->i_peak = find_peak(metrics);
        low = fmin(low, line->x[0]);
        high = fmax(high, line->x[line->n - 1]);
    }
    const cir__svg_axis x = {.title = axis_of(setting), .low = low, .high = high > low ? high : low + 1};
    const cir__svg_axis y = {.title = "mmAP", .low = 0, .high = top_of(&made)};
    fputs("<figure class=\"sweep\"><h3>Sweep of ", file);
    cir__markup_text(file, setting);
    fputs("</h3><div class=\"scroll\">\n", file);
    cir__svg_chart(file, "mmAP against the setting, one line a method", &x, &y, made.lines, made.n);
    fputs("</div>\n", file);
    put_gains(file, sweeps, setting);
    put_line_table(file, "Metrics", setting, xs, sweeps, setting);
    fputs("</figure>\n", file);
    chart_done(&made);
}

static void put_sweeps(FILE *file, const json_t *document)
{
    const json_t *sweeps = json_object_get(document, "sweeps"), *sweep;
    const char *before = "";
    size_t i;
    json_array_foreach(sweeps, i, sweep) /* those of one setting stand together */
    {
        const char *setting = cir__report_text(sweep, "setting");
        if (strcmp(setting, before) != 0)
            put_sweep(file, sweeps, setting);
        before = setting;
    }
}

/* ---- distractors ---- */

static void put_crossing(FILE *file, const json_t *method)
{
    const json_t *crossing = json_object_get(json_object_get(method, "crossing"), "mmAP");
    const char *key = json_object_iter_key(json_object_iter((json_t *)crossing));
    if (key == NULL)
        return;
    fprintf(file, "<td>%s%.0f</td>",
            strcmp(key, "beyond") == 0  ? "beyond "
            : strcmp(key, "below") == 0 ? "below "
                                        : "",
            cir__report_number(crossing, key));
}

static void put_crossings(FILE *file, const json_t *methods)
{
    const json_t *method;
    size_t i;
    fputs("<div class=\"scroll\"><table><caption>Where the pool is as hard as the hard negatives</caption>"
          "<thead><tr><th scope=\"col\">method</th><th scope=\"col\">mmAP with hard negatives</th><th "
          "scope=\"col\">distractors</th></tr></thead>\n<tbody>\n",
          file);
    json_array_foreach(methods, i, method)
    {
        fputs("<tr>", file);
        cir__report_head(file, cir__report_name(method));
        cir__report_cell(file, cir__report_number(json_object_get(method, "hard_negatives"), "mmAP"));
        put_crossing(file, method);
        fputs("</tr>\n", file);
    }
    fputs("</tbody></table></div>\n", file);
}

static void put_distractors(FILE *file, const json_t *document)
{
    const json_t *all = json_object_get(document, "distractors"), *method;
    const json_t *methods = json_object_get(all, "methods"), *sizes = json_object_get(all, "sizes");
    const size_t n = json_array_size(sizes);
    chart made = {.n = 0};
    size_t i;
    if (n == 0)
        return;
    const double low = json_number_value(json_array_get(sizes, 0)),
                 high = json_number_value(json_array_get(sizes, n - 1));
    json_array_foreach(methods, i, method)
    {
        push(&made, method, numbers_of(sizes, 1), numbers_of(json_object_get(method, "mmAP"), 1), n);
        double *ends = numbers_new(2), *flat = numbers_new(2);
        if (ends != NULL && flat != NULL) {
            ends[0] = low;
            ends[1] = high;
            flat[0] = flat[1] = cir__report_number(json_object_get(method, "hard_negatives"), "mmAP");
        }
        cir__svg_line *line = push(&made, method, ends, flat, 2);
        if (line != NULL)
            line->is_reference = true;
    }
    const cir__svg_axis x = {.title = "distractors shared by all queries",
                             .low = low,
                             .high = high > low ? high : 2 * low,
                             .is_log = true};
    const cir__svg_axis y = {.title = "mmAP", .low = 0, .high = top_of(&made)};
    fputs("<figure id=\"distractors\"><h3>Positives against a growing pool</h3><div class=\"scroll\">\n",
          file);
    cir__svg_chart(file, "mmAP against the number of distractors, one line a method", &x, &y, made.lines,
                   made.n);
    fputs("</div><figcaption>Hard negatives replaced by random images of <code>", file);
    cir__markup_text(file, cir__report_text(all, "pool"));
    fputs("</code>; dotted: with the hard negatives.</figcaption>\n", file);
    put_crossings(file, methods);
    put_line_table(file, "Metrics", "distractors", sizes, methods, NULL);
    fputs("</figure>\n", file);
    chart_done(&made);
}

void cir__report_charts(FILE *file, const cir__report *report)
{
    const json_t *methods = json_object_get(report->document, "methods");
    fputs("<section id=\"charts\"><h2>Charts</h2>\n<div class=\"charts\">\n", file);
    put_precision(file, methods);
    put_sorted(file, methods);
    put_instances_table(file, report->document);
    fputs("</figure>\n", file);
    put_sweeps(file, report->document);
    put_distractors(file, report->document);
    fputs("</div></section>\n", file);
}

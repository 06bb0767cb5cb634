#include "cli/report/svg.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "cli/common/markup.h"

enum { WIDTH = 640, HEIGHT = 400, LEFT = 54, RIGHT = 112, TOP = 14, BOTTOM = 48, MAX_LINES = 64 };
enum { PLOT_WIDTH = WIDTH - LEFT - RIGHT, PLOT_HEIGHT = HEIGHT - TOP - BOTTOM };
#define LABEL_GAP 15.0 /* between names at the lines' ends */
#define MAX_DOTS 32    /* a line of more points has none */

/* ---- axes ---- */

/* A value's place on an axis, 0–1. */
static double place(const cir__svg_axis *axis, double value)
{
    if (axis->is_log)
        return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}

static double to_x(const cir__svg_axis *axis, double value)
{
    return LEFT + PLOT_WIDTH * place(axis, value);
}

static double to_y(const cir__svg_axis *axis, double value)
{
    return TOP + PLOT_HEIGHT * (1 - place(axis, value));
}

double cir__svg_round_up(double x)
{
    const double decade = pow(10, floor(log10(x))), rest = x / decade;
    const double nearly = 1 + 1e-9;
    return decade * (rest <= nearly ? 1 : rest <= 2 * nearly ? 2 : rest <= 5 * nearly ? 5 : 10);
}

/* "0.25", "40", "2k", "10M". */
static void put_number(FILE *file, double value)
{
    static const struct {
        double unit;
        const char *letter;
    } units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    for (size_t i = 0; i < 3; i++)
        if (fabs(value) >= units[i].unit) {
            fprintf(file, "%.3g%s", value / units[i].unit, units[i].letter);
            return;
        }
    fprintf(file, "%.4g", fabs(value) < 1e-12 ? 0.0 : value);
}

static void put_tick(FILE *file, bool is_x, const cir__svg_axis *axis, double value)
{
    if (is_x) {
        const double x = to_x(axis, value);
        fprintf(file,
                "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"middle\">",
                x, x, TOP, TOP + PLOT_HEIGHT, x, TOP + PLOT_HEIGHT + 18);
    } else {
        const double y = to_y(axis, value);
        fprintf(file,
                "<line class=\"tick\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">",
                LEFT, LEFT + PLOT_WIDTH, y, y, LEFT - 7, y + 4.5);
    }
    put_number(file, value);
    fputs("</text>\n", file);
}

static void put_ticks(FILE *file, bool is_x, const cir__svg_axis *axis)
{
    if (!axis->is_log) {
        const double step = cir__svg_round_up((axis->high - axis->low) / (is_x ? 7 : 6));
        const double first = ceil(axis->low / step - 1e-9);
        for (size_t i = 0; (first + (double)i) * step <= axis->high * (1 + 1e-9) && i < 20; i++)
            put_tick(file, is_x, axis, (first + (double)i) * step);
        return;
    }
    /* Powers of ten, and 2 and 5 times them where there are few. */
    static const double steps[] = {1, 2, 5};
    const size_t n_steps = axis->high / axis->low < 1e3 ? 3 : 1;
    for (double decade = pow(10, floor(log10(axis->low))); decade <= axis->high; decade *= 10)
        for (size_t i = 0; i < n_steps; i++)
            if (steps[i] * decade >= axis->low * (1 - 1e-9) && steps[i] * decade <= axis->high * (1 + 1e-9))
                put_tick(file, is_x, axis, steps[i] * decade);
}

static void put_axes(FILE *file, const cir__svg_axis *x, const cir__svg_axis *y)
{
    put_ticks(file, true, x);
    put_ticks(file, false, y);
    fprintf(file, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n<text class=\"title\" x=\"%d\" y=\"%d\" ", LEFT,
            TOP, TOP + PLOT_HEIGHT, LEFT + PLOT_WIDTH, LEFT + PLOT_WIDTH / 2, HEIGHT - 8);
    fputs("text-anchor=\"middle\">", file);
    cir__markup_text(file, x->title);
    fprintf(file,
            "</text>\n<text class=\"title\" transform=\"translate(14 %d) rotate(-90)\" "
            "text-anchor=\"middle\">",
            TOP + PLOT_HEIGHT / 2);
    cir__markup_text(file, y->title);
    fputs("</text>\n", file);
}

/* ---- lines ---- */

static bool is_shown(const cir__svg_line *line, size_t i)
{
    return isfinite(line->x[i]) && isfinite(line->y[i]);
}

static void put_line(FILE *file, const cir__svg_axis *x, const cir__svg_axis *y, const cir__svg_line *line)
{
    const size_t style = line->style % CIR__SVG_STYLES;
    bool is_down = false; /* the pen */
    fprintf(file, "<path class=\"%s s%zu\" d=\"", line->is_reference ? "reference" : "line", style);
    for (size_t i = 0; i < line->n; i++) {
        if (is_shown(line, i))
            fprintf(file, "%c%.1f %.1f", is_down ? 'L' : 'M', to_x(x, line->x[i]), to_y(y, line->y[i]));
        is_down = is_shown(line, i);
    }
    fputs("\"/>\n", file);
    if (line->is_reference)
        return;
    for (size_t i = 0; i < line->n && line->n <= MAX_DOTS; i++)
        if (is_shown(line, i))
            fprintf(file, "<circle class=\"dot s%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>\n", style,
                    to_x(x, line->x[i]), to_y(y, line->y[i]));
    if (line->i_peak < line->n && is_shown(line, line->i_peak))
        fprintf(file, "<circle class=\"peak s%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"6\"/>\n", style,
                to_x(x, line->x[line->i_peak]), to_y(y, line->y[line->i_peak]));
}

/* A line's name beside its last point, moved up or down where others are. */
typedef struct label {
    const cir__svg_line *line;
    double x, end, y; /* end: where the line ends; y: where the name stands */
} label;

static int compare_labels(const void *a, const void *b)
{
    const label *const x = a, *const y = b;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Down until each has room, then up again where the last ones left the picture. */
static void spread(label *labels, size_t n)
{
    for (size_t i = 1; i < n; i++)
        labels[i].y = fmax(labels[i].y, labels[i - 1].y + LABEL_GAP);
    double lowest = HEIGHT - BOTTOM + 4;
    for (size_t i = n; i-- > 0; lowest -= LABEL_GAP)
        labels[i].y = fmin(labels[i].y, lowest);
}

static void put_labels(FILE *file, const cir__svg_axis *x, const cir__svg_axis *y, const cir__svg_line *lines,
                       size_t n_lines)
{
    label labels[MAX_LINES];
    size_t n = 0;
    for (size_t l = 0; l < n_lines; l++) {
        size_t i = lines[l].n;
        while (i > 0 && !is_shown(&lines[l], i - 1))
            i--;
        if (i == 0 || lines[l].is_reference)
            continue;
        const double end = to_y(y, lines[l].y[i - 1]);
        labels[n++] = (label){&lines[l], to_x(x, lines[l].x[i - 1]), end, end};
    }
    qsort(labels, n, sizeof *labels, compare_labels);
    spread(labels, n);
    for (size_t i = 0; i < n; i++) {
        const size_t style = labels[i].line->style % CIR__SVG_STYLES;
        fprintf(
            file,
            "<path class=\"leader s%zu\" d=\"M%.1f %.1fL%d %.1fH%d\"/><text class=\"label s%zu\" x=\"%d\" "
            "y=\"%.1f\">",
            style, labels[i].x + 4, labels[i].end, WIDTH - RIGHT + 14, labels[i].y, WIDTH - RIGHT + 18, style,
            WIDTH - RIGHT + 21, labels[i].y + 4.5);
        cir__markup_text(file, labels[i].line->name);
        fputs("</text>\n", file);
    }
}

void cir__svg_chart(FILE *file, const char *description, const cir__svg_axis *x, const cir__svg_axis *y,
                    const cir__svg_line *lines, size_t n_lines)
{
    n_lines = n_lines < MAX_LINES ? n_lines : MAX_LINES;
    fprintf(file, "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    cir__markup_text(file, description);
    fputs("\">\n", file);
    put_axes(file, x, y);
    for (size_t l = 0; l < n_lines; l++)
        put_line(file, x, y, &lines[l]);
    put_labels(file, x, y, lines, n_lines);
    fputs("</svg>\n", file);
}

void cir__svg_interval(FILE *file, double low, double value, double high, double axis_high)
{
    enum { BAR_WIDTH = 150, BAR_HEIGHT = 16 };
    const cir__svg_axis axis = {.low = 0, .high = axis_high};
    fprintf(file,
            "<svg class=\"bar\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" aria-hidden=\"true\"><line "
            "class=\"tick\" x1=\"4\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/><line class=\"range\" x1=\"%.1f\" "
            "x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><circle class=\"dot\" cx=\"%.1f\" cy=\"%d\" r=\"4\"/></svg>",
            BAR_WIDTH, BAR_HEIGHT, BAR_WIDTH, BAR_HEIGHT, BAR_WIDTH - 4, BAR_HEIGHT / 2, BAR_HEIGHT / 2,
            4 + (BAR_WIDTH - 8) * place(&axis, low), 4 + (BAR_WIDTH - 8) * place(&axis, high), BAR_HEIGHT / 2,
            BAR_HEIGHT / 2, 4 + (BAR_WIDTH - 8) * place(&axis, value), BAR_HEIGHT / 2);
}

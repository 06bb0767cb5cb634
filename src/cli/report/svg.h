/* Charts of lines as SVG, for pages without a script: axes, ticks, lines, and each line's name at its end.
 * Colours and fonts are the page's: classes chart, axis, tick, title, label, line, dot, peak, bar and s0 … s9
 * for the lines' colours. */
#ifndef CIR_CLI_SVG_H
#define CIR_CLI_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CIR__SVG_STYLES 10 /* a line's colour and dashes are those of its style, modulo this */

/* One line; lends everything. Points with a NaN are left out. */
typedef struct cir__svg_line {
    const char *name;
    const double *x, *y; /* [n], x ascending */
    size_t n;
    size_t style;
    size_t i_peak;     /* a point to be marked; SIZE_MAX: none */
    bool is_reference; /* thin and dotted, without dots and name: what another line is compared with */
} cir__svg_line;

typedef struct cir__svg_axis {
    const char *title;
    double low, high; /* low < high; where is_log, 0 < low */
    bool is_log;
} cir__svg_axis;

/* Writes <svg class="chart" role="img">. description: what it shows, for those who do not see it. At most 64
 * lines. */
void cir__svg_chart(FILE *file, const char *description, const cir__svg_axis *x, const cir__svg_axis *y,
                    const cir__svg_line *lines, size_t n_lines);

/* Writes a small bar with a dot for a value and its interval, on an axis from 0 to high. */
void cir__svg_interval(FILE *file, double low, double value, double high, double axis_high);

/* The smallest of 1, 2, 5, 10, 20 … that is at least x. x > 0. */
double cir__svg_round_up(double x);

#endif

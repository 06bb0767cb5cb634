#include "cli/report.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/destination.h"
#include "cli/markup.h"
#include "cli/report_parts.h"

extern const unsigned char cir__report_html[]; /* report.html, made by embed.py */

const char *cir__report_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

double cir__report_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *cir__report_name(const json_t *method)
{
    return cir__report_text(method, cir__report_is_step(method) ? "label" : "method");
}

bool cir__report_is_step(const json_t *method)
{
    return json_object_get(method, "label") != NULL;
}

size_t cir__report_style(const json_t *method)
{
    static const char *const names[] = {"text",     "image",    "sum",     "product", "weicom",
                                        "external", "freedom-", "freedom", "basic-",  "basic"};
    const char *name = cir__report_text(method, "method");
    size_t style = 0;
    while (style < sizeof names / sizeof names[0] && strcmp(names[style], name) != 0)
        style++;
    return style;
}

const char *cir__report_key(const json_t *document)
{
    const json_t *first = json_array_get(json_object_get(document, "methods"), 0);
    return json_object_get(first, "AVG") != NULL ? "AVG" : "mmAP";
}

const json_t *cir__report_best(const json_t *document)
{
    const char *key = cir__report_key(document);
    const json_t *method, *best = NULL;
    size_t i;
    json_array_foreach(
        json_object_get(document, "methods"), i,
        method) if (best == NULL || (cir__report_is_step(best) && !cir__report_is_step(method)) ||
                    (cir__report_is_step(best) == cir__report_is_step(method) &&
                     cir__report_number(method, key) > cir__report_number(best, key))) best = method;
    return best;
}

void cir__report_head(FILE *file, const char *text)
{
    fputs("<th scope=\"row\">", file);
    cir__markup_text(file, text);
    fputs("</th>", file);
}

void cir__report_cell(FILE *file, double value)
{
    if (isnan(value))
        fputs("<td>–</td>", file);
    else
        fprintf(file, "<td>%.2f</td>", value);
}

static void put_fact(FILE *file, const char *name, const char *value)
{
    fprintf(file, "<div><dt>%s</dt><dd>", name);
    cir__markup_text(file, value);
    fputs("</dd></div>\n", file);
}

static void put_count(FILE *file, const char *name, const json_t *document, const char *key)
{
    fprintf(file, "<div><dt>%s</dt><dd>%" JSON_INTEGER_FORMAT "</dd></div>\n", name,
            json_integer_value(json_object_get(document, key)));
}

static void put_header(FILE *file, const json_t *document)
{
    const json_t *protocol = json_object_get(document, "protocol");
    fputs("<header>\n<h1>", file);
    cir__markup_text(file, cir__report_text(document, "dataset"));
    fputs(": composed image retrieval measured</h1>\n<dl class=\"facts\">\n", file);
    put_count(file, "queries", document, "n_queries");
    put_count(file, "instances", document, "n_instances");
    put_count(file, "database images", document, "n_database");
    put_fact(file, "average precision", cir__report_text(protocol, "AP"));
    put_fact(file, "features", cir__report_text(protocol, "features"));
    put_fact(file, "cir", cir__report_text(protocol, "version"));
    fprintf(file, "<div><dt>time</dt><dd>%.1f s</dd></div>\n</dl>\n</header>\n<main>\n",
            cir__report_number(document, "seconds"));
}

static bool put_body(FILE *file, const cir__report *report)
{
    put_header(file, report->document);
    cir__report_tables(file, report);
    cir__report_charts(file, report);
    if (!cir__report_queries(file, report)) {
        errno = ENOMEM;
        return false;
    }
    cir__report_protocol(file, report);
    fputs(
        "</main>\n<footer>Written by <code>cir eval --report</code>. Figures in % unless said; those of the "
        "same run's <code>--json</code>, rounded.</footer>",
        file);
    return true;
}

/* The template with the title and the body in the places of its markers. */
static bool fill(FILE *file, void *context)
{
    const cir__report *report = context;
    const char *page = (const char *)cir__report_html;
    static const char title_marker[] = "@CIR_TITLE@", body_marker[] = "@CIR_BODY@";
    const char *title = strstr(page, title_marker), *body = strstr(page, body_marker);

    fwrite(page, 1, (size_t)(title - page), file);
    fputs("cir eval: ", file);
    cir__markup_text(file, cir__report_text(report->document, "dataset"));
    title += strlen(title_marker);
    fwrite(title, 1, (size_t)(body - title), file);
    if (!put_body(file, report))
        return false;
    fputs(body + strlen(body_marker), file);
    return ferror(file) == 0;
}

cir_status cir__report_write(const cir__report *report, const char *path, cir_error *err)
{
    return cir__destination_write(path, "the report", fill, (void *)report, err);
}

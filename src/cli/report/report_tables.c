/* A report's tables. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common/markup.h"
#include "cli/report/report_parts.h"
#include "cli/report/svg.h"

/* ---- methods ---- */

static double interval_end(const json_t *method, const char *key, size_t i_end)
{
    const json_t *interval = json_object_get(json_object_get(method, "interval"), key);
    return json_number_value(json_array_get(interval, i_end));
}

/* What equal scores leave open of a metric; nothing where they matter to no query. */
static void put_ties(FILE *file, const json_t *method, const char *key)
{
    char low[16], high[16];
    snprintf(low, sizeof low, "%s_low", key);
    snprintf(high, sizeof high, "%s_high", key);
    if (json_object_get(method, "n_tied") != NULL)
        fprintf(file, "<small>(ties %.2f–%.2f, %.0f of %zu queries)</small>", cir__report_number(method, low),
                cir__report_number(method, high), cir__report_number(method, "n_tied"),
                json_array_size(json_object_get(method, "AP")));
}

static void put_with_interval(FILE *file, const json_t *method, const char *key)
{
    fprintf(file, "<td>%.2f", cir__report_number(method, key));
    if (json_object_size(json_object_get(method, "per_instance")) > 1)
        fprintf(file, "<small>[%.2f, %.2f]</small>", interval_end(method, key, 0),
                interval_end(method, key, 1));
    else
        fputs("<small>[n/a]</small>", file);
    put_ties(file, method, key);
    fputs("</td>", file);
}

/* The largest end of an interval, rounded up to where an axis may end. */
static double axis_end(const json_t *methods)
{
    double most = 0;
    const json_t *method;
    size_t i;
    json_array_foreach(methods, i, method) most = fmax(most, interval_end(method, "mmAP", 1));
    return most > 0 ? ceil(most / 10) * 10 : 100;
}

static const char *const ranks[] = {"1", "5", "10", "50"};
enum { N_RANKS = sizeof ranks / sizeof ranks[0] };

static void put_method(FILE *file, const json_t *method, double axis_high, bool is_best)
{
    fputs(is_best ? "<tr class=\"best\">" : "<tr>", file);
    cir__report_head(file, cir__report_name(method));
    put_with_interval(file, method, "mmAP");
    fputs("<td>", file);
    cir__svg_interval(file, interval_end(method, "mmAP", 0), cir__report_number(method, "mmAP"),
                      interval_end(method, "mmAP", 1), axis_high);
    fputs("</td>", file);
    put_with_interval(file, method, "mAP");
    fprintf(file, "<td>%.2f", cir__report_number(method, "minmAP"));
    put_ties(file, method, "minmAP");
    fputs("</td>", file);
    for (size_t i = 0; i < N_RANKS; i++)
        cir__report_cell(file, cir__report_number(json_object_get(method, "recall"), ranks[i]));
    cir__report_cell(file, cir__report_number(json_object_get(method, "precision"), "1"));
    cir__report_cell(file, cir__report_number(json_object_get(method, "precision"), "10"));
    fputs("</tr>\n", file);
}

/* Methods, or the ablation's steps; nothing where there are none. */
static void put_methods(FILE *file, const json_t *document, bool of_steps)
{
    const json_t *methods = json_object_get(document, "methods"), *best = cir__report_best(document), *method;
    const double high = axis_end(methods);
    size_t i, n = 0;
    json_array_foreach(methods, i, method) n += cir__report_is_step(method) == of_steps;
    if (n == 0)
        return;
    fprintf(file,
            "<section id=\"%s\"><h2>%s</h2>\n"
            "<p class=\"note\">Means over queries (mAP) and over instances (mmAP), with 95 %% bootstrap "
            "intervals over instances. The bars go from 0 to %g.</p>\n"
            "<div class=\"scroll\"><table>\n"
            "<thead><tr><th scope=\"col\">%s</th><th scope=\"col\">mmAP</th><th></th><th "
            "scope=\"col\">mAP</th><th scope=\"col\">minmAP</th>",
            of_steps ? "ablation" : "methods", of_steps ? "BASIC's steps, added one by one" : "Methods", high,
            of_steps ? "step" : "method");
    for (size_t k = 0; k < N_RANKS; k++)
        fprintf(file, "<th scope=\"col\">R@%s</th>", ranks[k]);
    fputs("<th scope=\"col\">P@1</th><th scope=\"col\">P@10</th></tr></thead>\n<tbody>\n", file);
    json_array_foreach(methods, i, method) if (cir__report_is_step(method) == of_steps)
        put_method(file, method, high, method == best && n > 1);
    fputs("</tbody></table></div></section>\n", file);
}

/* ---- domains ---- */

static void put_pairs(FILE *file, const json_t *method)
{
    json_t *sources = json_object_get(method, "sources"), *mean, *targets;
    const char *source, *target;
    fputs("<div class=\"scroll\"><table><caption>", file);
    cir__markup_text(file, cir__report_name(method));
    fputs(", rows: the photo's domain</caption>\n<thead><tr><th></th>", file);
    json_object_foreach(sources, target, mean)
    {
        fputs("<th scope=\"col\">", file);
        cir__markup_text(file, target);
        fputs("</th>", file);
    }
    fputs("<th scope=\"col\">mean</th></tr></thead>\n<tbody>\n", file);
    json_object_foreach(json_object_get(method, "pairs"), source, targets)
    {
        fputs("<tr>", file);
        cir__report_head(file, source);
        json_object_foreach(sources, target, mean)
            cir__report_cell(file, cir__report_number(targets, target));
        cir__report_cell(file, cir__report_number(sources, source));
        fputs("</tr>\n", file);
    }
    fprintf(file, "<tr class=\"best\"><th scope=\"row\">AVG</th><td colspan=\"%zu\">%.2f",
            json_object_size(sources) + 1, cir__report_number(method, "AVG"));
    put_ties(file, method, "AVG");
    fputs("</td></tr>\n</tbody></table></div>\n", file);
}

static void put_domains(FILE *file, const json_t *document)
{
    const json_t *method;
    size_t i;
    if (strcmp(cir__report_key(document), "AVG") != 0)
        return;
    fputs("<section id=\"domains\"><h2>Pairs of domains, mean AP</h2>\n", file);
    json_array_foreach(json_object_get(document, "methods"), i, method) put_pairs(file, method);
    fputs("</section>\n", file);
}

/* ---- categories ---- */

static void put_taxonomy(FILE *file, const json_t *document, const json_t *taxonomy)
{
    const json_t *categories = json_object_get(taxonomy, "categories"), *category, *method;
    const char *name = cir__report_text(taxonomy, "name");
    size_t i, c;
    fputs("<h3>", file);
    cir__markup_text(file, name);
    fputs("</h3><p class=\"note\">Mean AP over the queries of a category; below its name, how many.</p><div "
          "class=\"scroll\"><table>\n<thead><tr><th "
          "scope=\"col\">method</th>",
          file);
    json_array_foreach(categories, c, category)
    {
        fputs("<th scope=\"col\">", file);
        cir__markup_text(file, cir__report_text(category, "name"));
        fprintf(file, "<br>%.0f</th>", cir__report_number(category, "n_queries"));
    }
    fputs("</tr></thead>\n<tbody>\n", file);
    json_array_foreach(json_object_get(document, "methods"), i, method)
    {
        const json_t *metrics = json_object_get(json_object_get(method, "per_category"), name);
        fputs("<tr>", file);
        cir__report_head(file, cir__report_name(method));
        json_array_foreach(categories, c, category) cir__report_cell(
            file, cir__report_number(json_object_get(metrics, cir__report_text(category, "name")), "mAP"));
        fputs("</tr>\n", file);
    }
    fputs("</tbody></table></div>\n", file);
}

static void put_categories(FILE *file, const json_t *document)
{
    const json_t *taxonomies = json_object_get(document, "categories"), *taxonomy;
    size_t i;
    if (json_array_size(taxonomies) == 0)
        return;
    fputs("<section id=\"categories\"><h2>Categories</h2>\n", file);
    json_array_foreach(taxonomies, i, taxonomy) put_taxonomy(file, document, taxonomy);
    fputs("</section>\n", file);
}

void cir__report_tables(FILE *file, const cir__report *report)
{
    put_methods(file, report->document, false);
    put_methods(file, report->document, true);
    put_domains(file, report->document);
    put_categories(file, report->document);
}

/* ---- protocol ---- */

/* A value as JSON writes it, texts without their quotes. */
static void put_value(FILE *file, const json_t *value)
{
    char *text = NULL;
    if (!json_is_string(value))
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
    cir__markup_text(file, json_is_string(value) ? json_string_value(value) : text);
    free(text);
}

static void put_members(FILE *file, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        fputs("<tr>", file);
        cir__report_head(file, key);
        fputs("<td class=\"text\">", file);
        put_value(file, value);
        fputs("</td></tr>\n", file);
    }
}

void cir__report_protocol(FILE *file, const cir__report *report)
{
    const json_t *method;
    size_t i;
    fputs("<section id=\"protocol\"><h2>Protocol</h2>\n"
          "<p class=\"muted\">Metrics can be compared where all of this is the same; <code>cir eval "
          "compare</code> looks.</p>\n"
          "<div class=\"scroll\"><table><tbody>\n",
          file);
    put_members(file, json_object_get(report->document, "protocol"));
    fputs("</tbody></table></div>\n", file);
    json_array_foreach(json_object_get(report->document, "methods"), i, method)
    {
        fputs("<details><summary>Settings of ", file);
        cir__markup_text(file, cir__report_name(method));
        fputs("</summary><div class=\"scroll\"><table><tbody>\n", file);
        const json_t *prompt = json_object_get(method, "prompt");
        if (prompt != NULL) {
            fputs("<tr><th scope=\"row\">prompt</th><td class=\"text\">", file);
            put_value(file, prompt);
            fputs("</td></tr>\n", file);
        }
        put_members(file, json_object_get(method, "settings"));
        fputs("</tbody></table></div></details>\n", file);
    }
    fputs("</section>\n", file);
}

#include "cli/report/report_parts.h"

#include <math.h>
#include <string.h>

#include "cir/method.h"
#include "cli/common/markup.h"

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
    const char *name = cir__report_text(method, "method");
    cir_method methods[CIR_N_METHODS];
    size_t style = 0;
    cir_method_list(methods);
    while (style < CIR_N_METHODS && strcmp(cir_method_name(methods[style]), name) != 0)
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

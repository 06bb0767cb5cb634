#include "cli/report/report.h"

#include <errno.h>
#include <string.h>

#include "cli/common/markup.h"
#include "cli/report/report_parts.h"
#include "shared/destination.h"
#include "shared/embedded.h"

extern const cir__embedded_file cir__report_files[]; /* report.html alone */

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
        "</main>\n<footer>Written by <code>cir eval --report</code>. Metrics in % unless said; those of the "
        "same run's <code>--json</code>, rounded.</footer>",
        file);
    return true;
}

/* The template with the title and the body in the places of its markers. */
static bool fill(FILE *file, void *context)
{
    const cir__report *report = context;
    const char *page = (const char *)cir__report_files[0].bytes;
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

/* Writes the page of `cir search --html`: the template page.html with the answer's JSON in it. What the
 * document holds is page_data.c's matter, what is made of it page.html's. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/answer/answer.h"
#include "cli/answer/page_data.h"
#include "shared/destination.h"
#include "shared/embedded.h"
#include "shared/failure.h"

extern const cir__embedded_file cir__page_files[]; /* page.html alone */

static const char marker[] = "@CIR_DATA@";
static const char what[] = "the page";

/* Inside a script block "</script" and "<!--" would end or change it wherever they stand; "<" occurs in JSON
 * only within strings, where it can be written otherwise. */
static int write_escaped(const char *text, size_t size, void *context)
{
    FILE *file = context;
    while (size > 0) {
        const char *found = memchr(text, '<', size);
        size_t n = found != NULL ? (size_t)(found - text) : size;
        if (fwrite(text, 1, n, file) != n)
            return -1;
        if (found != NULL && fputs("\\u003c", file) == EOF)
            return -1;
        n += found != NULL ? 1 : 0;
        text += n;
        size -= n;
    }
    return 0;
}

static bool fill(FILE *file, void *context)
{
    const json_t *data = context;
    const char *page = (const char *)cir__page_files[0].bytes;
    const char *place = strstr(page, marker);
    size_t n_before = (size_t)(place - page);
    return fwrite(page, 1, n_before, file) == n_before &&
           json_dump_callback(data, write_escaped, file,
                              JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(7)) == 0 &&
           fputs(place + strlen(marker), file) != EOF;
}

cir_status cir__answer_write_page(const cir__answer *answer, cir_pool *pool, const char *path, cir_error *err)
{
    cir_status status = cir__destination_check(path, what, err);
    if (status != CIR_OK)
        return status;
    json_t *data = cir__page_data_new(answer, pool);
    if (data == NULL)
        return cir__fail(err, CIR_NO_MEMORY, "%s: out of memory for the page; ask for fewer results", path);
    status = cir__destination_write(path, what, fill, data, err);
    json_decref(data);
    return status;
}

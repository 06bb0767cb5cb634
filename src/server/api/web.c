#include "server/api/web.h"

#include <stdio.h>
#include <string.h>

#include "shared/embedded.h"

extern const cir__embedded_file cir__web_files[];
extern const cir__embedded_file cir__openapi_files[];

#define CACHE_CONTROL "no-cache" /* asked for each time, answered with 304 */

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
    };
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static void reply_file(cir__request *request, const cir__embedded_file *files, const char *name)
{
    char etag[40];
    while (files->name != NULL && strcmp(files->name, name) != 0)
        files++;
    if (files->name == NULL) {
        cir__reply_error(request, 404, "page: has no such file");
        return;
    }
    (void)snprintf(etag, sizeof etag, "\"%s\"", files->hash);
    if (cir__reply_unchanged(request, etag, CACHE_CONTROL))
        return;
    cir__reply_static(request, MHD_HTTP_OK, type_of(name), files->bytes, files->size);
    cir__reply_header(request, MHD_HTTP_HEADER_ETAG, etag);
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, CACHE_CONTROL);
}

void cir__web_get_page(cir__request *request)
{
    reply_file(request, cir__web_files, "index.html");
}

void cir__web_get_file(cir__request *request)
{
    reply_file(request, cir__web_files, request->name);
}

void cir__web_get_openapi(cir__request *request)
{
    reply_file(request, cir__openapi_files, "openapi.json");
}

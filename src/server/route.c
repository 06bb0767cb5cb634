#include "server/route.h"

#include <string.h>

#include "server/api/about.h"
#include "server/api/events.h"
#include "server/api/images.h"
#include "server/api/photo_file.h"
#include "server/api/post_search.h"
#include "server/api/run_update.h"
#include "server/api/thumbnail.h"
#include "server/api/web.h"

static const cir__route routes[] = {
    {"GET", "/", cir__web_get_page, CIR__OPEN},
    {"GET", "/web/{name}", cir__web_get_file, CIR__OPEN},
    {"POST", "/v1/search", cir__search_post, CIR__CLOSED | CIR__TAKES_QUERY},
    {"GET", "/v1/images", cir__images_get_list, CIR__CLOSED},
    {"GET", "/v1/images/{id}", cir__images_get, CIR__CLOSED},
    {"GET", "/v1/images/{id}/thumbnail", cir__thumbnail_get, CIR__CLOSED},
    {"GET", "/v1/images/{id}/file", cir__photo_file_get, CIR__CLOSED},
    {"GET", "/v1/index", cir__about_get_index, CIR__CLOSED},
    {"POST", "/v1/index/update", cir__update_post, CIR__CLOSED},
    {"GET", "/v1/index/events", cir__events_get, CIR__CLOSED},
    {"POST", "/v1/session", cir__about_post_session, CIR__CLOSED},
    {"GET", "/v1/openapi.json", cir__web_get_openapi, CIR__OPEN},
    {"GET", "/healthz", cir__about_get_health, CIR__OPEN},
    {"GET", "/readyz", cir__about_get_ready, CIR__OPEN},
    {"GET", "/metrics", cir__about_get_metrics, CIR__CLOSED},
};
enum { N_ROUTES = sizeof routes / sizeof routes[0] };

/* Whether path is what the pattern describes; fills in id and name. */
static bool matches(const char *pattern, const char *path, size_t *id_out, const char **name_out)
{
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t n = strcspn(path, "/");
        if (strncmp(pattern, "{id}", 4) == 0) {
            if (!cir__digits_parse(path, n, id_out))
                return false;
        } else { /* {name} is the last */
            *name_out = path;
            if (n == 0 || path[n] != '\0')
                return false;
        }
        pattern = strchr(pattern, '}') + 1;
        path += n;
    }
    return *path == '\0';
}

bool cir__route_find(cir__request *request, const char *method, const char **allowed_out)
{
    *allowed_out = NULL;
    request->is_head = strcmp(method, "HEAD") == 0;
    const char *wanted = request->is_head ? "GET" : method;
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (!matches(routes[i].pattern, request->params.path, &request->id, &request->name))
            continue;
        request->i_route = i;
        if (strcmp(routes[i].method, wanted) == 0) {
            request->route = &routes[i];
            return true;
        }
        *allowed_out = strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : routes[i].method;
    }
    return false;
}

const char *cir__route_pattern(size_t i)
{
    return i < N_ROUTES ? routes[i].pattern : NULL;
}

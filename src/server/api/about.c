#include "server/api/about.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/run_update.h"
#include "server/state/context.h"
#include "shared/json_encode.h"

static json_t *methods_json(void)
{
    json_t *methods = json_array();
    for (int i = 0; i < CIR_N_METHODS; i++) {
        const cir_method_info *info = cir_method_get_info((cir_method)i);
        if (!info->needs_composed)
            json_array_append_new(methods,
                                  json_pack("{s:s, s:s}", "name", info->name, "meaning", info->meaning));
    }
    return methods;
}

/* Those that a request may set: not those that name files. */
static void add_setting(void *context, const cir_setting_info *setting, const char *value)
{
    if (setting->takes_file)
        return;
    json_array_append_new(context, json_pack("{s:s, s:s, s:s}", "key", setting->key, "value", value,
                                             "description", setting->description));
}

static json_t *settings_json(void)
{
    json_t *list = json_array();
    cir_settings *settings = malloc(sizeof *settings);
    if (settings != NULL) {
        cir_settings_init(settings, sizeof *settings, CIR_METHOD_DEFAULT);
        cir_settings_list(settings, add_setting, list);
    }
    free(settings);
    return list;
}

typedef struct facets {
    json_t *list;
    size_t n_unknown;
} facets;

static void add_year(void *context, const char *year, size_t n)
{
    facets *to = context;
    if (year == NULL)
        to->n_unknown = n;
    else
        json_array_append_new(to->list, json_pack("{s:i, s:I}", "year", atoi(year), "n", (json_int_t)n));
}

static void add_folder(void *context, const char *path, size_t n)
{
    facets *to = context;
    if (n > 0)
        json_array_append_new(to->list,
                              json_pack("{s:o, s:I}", "path", cir__json_text(path), "n", (json_int_t)n));
}

static void add_camera(void *context, const char *name, size_t n)
{
    facets *to = context;
    if (name != NULL)
        json_array_append_new(to->list,
                              json_pack("{s:o, s:I}", "name", cir__json_text(name), "n", (json_int_t)n));
}

/* The catalogue is in memory: what fails is memory alone, and then the list is empty. */
static facets count(const cir__snapshot *snapshot, cir_facet facet, cir_facet_visit_fn *visit)
{
    facets counted = {.list = json_array()};
    if (cir_collection_count(cir__snapshot_collection(snapshot), facet, visit, &counted, NULL) != CIR_OK)
        json_array_clear(counted.list);
    return counted;
}

/* What keeps decoded pictures apart, a list of words. */
static json_t *isolation_json(const char *words)
{
    json_t *list = json_array();
    for (size_t n; *words != '\0'; words += n + strspn(words + n, " ")) {
        n = strcspn(words, " ");
        json_array_append_new(list, json_stringn(words, n));
    }
    return list;
}

void cir__about_get_index(cir__request *request)
{
    cir__context *context = request->context;
    cir__snapshot *snapshot = cir__context_snapshot(context);
    const cir_index_info *info = cir_index_get_info(cir__snapshot_index(snapshot));
    const cir_model_info *model =
        cir_model_get_info(cir_collection_get_info(cir__snapshot_collection(snapshot))->model);
    const facets years = count(snapshot, CIR_FACET_YEAR, add_year);
    json_t *document = json_pack(
        "{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:o, s:s, s:s, s:I, s:I}}", "name",
        cir__json_text(info->path), "version", cir_version(), "n_images", (json_int_t)info->n_ready,
        "n_failed", (json_int_t)info->n_failed, "n_vanished", (json_int_t)info->n_vanished, "n_pending",
        (json_int_t)info->n_pending, "revision", (json_int_t)info->revision, "size_bytes",
        (json_int_t)info->size_bytes, "model", "name", cir__json_text(info->model->name), "key",
        info->model->key, "fingerprint", info->model->fingerprint, "dim", (json_int_t)info->model->dim,
        "n_tokens", (json_int_t)model->context_length);
    json_object_set_new(json_object_get(document, "model"), "hint", cir__model_hint_json(info->model->path));
    json_object_set_new(document, "folders", count(snapshot, CIR_FACET_FOLDER, add_folder).list);
    json_object_set_new(document, "cameras", count(snapshot, CIR_FACET_CAMERA, add_camera).list);
    json_object_set_new(document, "years", years.list);
    json_object_set_new(document, "n_undated", cir__json_size(years.n_unknown));
    json_object_set_new(document, "methods", methods_json());
    json_object_set_new(document, "settings", settings_json());
    json_object_set_new(document, "is_updating", json_boolean(cir__update_is_running(context->update)));
    json_object_set_new(document, "allows_update", json_boolean(context->allows_update));
    json_object_set_new(document, "isolation", isolation_json(context->isolation));
    cir__snapshot_drop(snapshot);
    cir__reply_json(request, MHD_HTTP_OK, document);
}

void cir__about_get_health(cir__request *request)
{
    cir__reply_json(request, MHD_HTTP_OK, json_pack("{s:s}", "status", "ok"));
}

void cir__about_get_ready(cir__request *request)
{
    if (atomic_load(&request->context->is_ready)) {
        cir__reply_json(request, MHD_HTTP_OK, json_pack("{s:s}", "status", "ready"));
        return;
    }
    cir__reply_error(request, 503, "server: is still preparing the method; wait");
    cir__reply_retry_after(request, 1);
}

static double count_resident_bytes(void)
{
    long n_pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*s %ld", &n_pages) != 1)
        n_pages = 0;
    fclose(file);
    return (double)n_pages * 4096;
}

void cir__about_get_metrics(cir__request *request)
{
    cir__context *context = request->context;
    cir__snapshot *snapshot = cir__context_snapshot(context);
    const cir_index_info *info = cir_index_get_info(cir__snapshot_index(snapshot));
    cir__cache_facts answers = cir__cache_get_facts(context->answers);
    cir__cache_facts features = cir__cache_get_facts(context->features);
    cir__cache_facts uploads = cir__cache_get_facts(context->uploads);
    cir__cache_facts pictures = cir__cache_get_facts(context->thumbnail_cache);
    const cir__metric others[] = {
        {"cir_index_images", "Photos that can be searched.", 0, (double)info->n_ready},
        {"cir_index_failed", "Photos that could not be read.", 0, (double)info->n_failed},
        {"cir_index_bytes", "Size of the index on disk.", 0, (double)info->size_bytes},
        {"cir_index_revision", "Commits of the index.", 1, (double)info->revision},
        {"cir_index_updating", "Whether an update is running.", 0,
         cir__update_is_running(context->update) ? 1 : 0},
        {"cir_queue_searches", "Searches that wait for a worker.", 0,
         (double)cir__queue_n_waiting(context->searches)},
        {"cir_queue_thumbnails", "Thumbnails that wait for a worker.", 0,
         (double)cir__queue_n_waiting(context->thumbnails)},
        {"cir_connections", "Open connections.", 0, (double)cir__connections_count(context->connections)},
        {"cir_connections_cut_total", "Connections cut for slowness.", 1,
         (double)cir__connections_n_cut(context->connections)},
        {"cir_cache_answer_hits_total", "Searches answered from the cache.", 1, (double)answers.n_hits},
        {"cir_cache_answer_bytes", "Bytes of kept answers.", 0, (double)answers.n_bytes},
        {"cir_cache_feature_hits_total", "Features taken from the cache.", 1, (double)features.n_hits},
        {"cir_cache_feature_bytes", "Bytes of kept features.", 0, (double)features.n_bytes},
        {"cir_cache_upload_bytes", "Bytes of kept uploads.", 0, (double)uploads.n_bytes},
        {"cir_cache_thumbnail_hits_total", "Thumbnails taken from memory.", 1, (double)pictures.n_hits},
        {"cir_cache_thumbnail_bytes", "Bytes of thumbnails in memory.", 0, (double)pictures.n_bytes},
        {"process_resident_memory_bytes", "Memory of the server.", 0, count_resident_bytes()},
    };
    size_t size;
    char *text = cir__metrics_format(context->metrics, others, sizeof others / sizeof others[0], &size);
    cir__snapshot_drop(snapshot);
    if (text == NULL) {
        cir__reply_error(request, 503, "server: out of memory; try again later");
        return;
    }
    cir__reply_response(request, MHD_HTTP_OK,
                        MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE));
    if (request->response == NULL)
        free(text);
    cir__reply_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

/* The guard has seen the token: the cookie stands for it where a page cannot send headers. */
void cir__about_post_session(cir__request *request)
{
    const cir__guard *guard = &request->context->guard;
    cir__reply_static(request, MHD_HTTP_NO_CONTENT, NULL, "", 0);
    cir__reply_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (guard->token[0] == '\0')
        return;
    char cookie[500];
    (void)snprintf(cookie, sizeof cookie, "%s=%s; Path=%s/; HttpOnly; SameSite=Strict%s", CIR__SESSION_COOKIE,
                   guard->session, request->intake->base_path, guard->is_tls ? "; Secure" : "");
    cir__reply_header(request, MHD_HTTP_HEADER_SET_COOKIE, cookie);
}

#include "server/search_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/fail.h"
#include "server/json.h"

static cir_status read_count(const char *key, const json_t *value, size_t least, size_t most, size_t *out,
                             cir_error *err)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < (json_int_t)least || number > (json_int_t)most)
        return cir__refuse(err, CIR_ARGUMENT, "%s: is not a whole number from %zu to %zu", key, least, most);
    *out = (size_t)number;
    return CIR_OK;
}

static cir_status read_switch(const char *key, const json_t *value, bool *out, cir_error *err)
{
    *out = json_is_true(value);
    return json_is_boolean(value) ? CIR_OK
                                  : cir__refuse(err, CIR_ARGUMENT, "%s: is neither true nor false", key);
}

static cir_status read_image(const json_t *value, cir__search_request *request, cir_error *err)
{
    const json_t *id = json_object_get(value, "id");
    const char *upload = json_string_value(json_object_get(value, "upload"));
    if (json_object_size(value) != 1 || (id == NULL) == (upload == NULL))
        return cir__refuse(err, CIR_ARGUMENT, "image: is neither {\"id\": 17} nor {\"upload\": \"…\"}");
    if (id != NULL) {
        request->has_id = true;
        return read_count("image.id", id, 0, 999999999999999, &request->id, err);
    }
    if (strlen(upload) != CIR__UPLOAD_NAME_SIZE - 1 ||
        strspn(upload, "0123456789abcdef") != CIR__UPLOAD_NAME_SIZE - 1)
        return cir__refuse(err, CIR_ARGUMENT, "image.upload: is not what a search with an upload answered");
    memcpy(request->upload, upload, CIR__UPLOAD_NAME_SIZE);
    return CIR_OK;
}

static cir_status read_crop(const json_t *value, cir__search_request *request, cir_error *err)
{
    double parts[4] = {0};
    bool is_right = json_array_size(value) == 4;
    for (size_t i = 0; i < 4 && is_right; i++) {
        is_right = json_is_number(json_array_get(value, i));
        parts[i] = json_number_value(json_array_get(value, i));
        is_right = is_right && parts[i] >= 0 && parts[i] <= 1;
    }
    /* Rounding may carry an edge a little over the picture's. */
    if (!is_right || parts[2] <= 0 || parts[3] <= 0 || parts[0] + parts[2] > 1.001 ||
        parts[1] + parts[3] > 1.001)
        return cir__refuse(err, CIR_ARGUMENT,
                           "crop: is not [x, y, width, height] in fractions of the picture, within it");
    request->has_crop = true;
    request->crop = (cir__crop){parts[0], parts[1], parts[2], parts[3]};
    return CIR_OK;
}

static cir_status read_text(const json_t *value, cir__search_request *request, cir_error *err)
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value) || strlen(text) > CIR__MAX_QUERY_TEXT)
        return cir__refuse(err, CIR_ARGUMENT, "text: is not a text of at most %d bytes", CIR__MAX_QUERY_TEXT);
    if (cir_text_is_blank(text))
        return CIR_OK; /* an empty field */
    request->text = strdup(text);
    return request->text != NULL ? CIR_OK : cir__refuse_memory(err);
}

static cir_status read_setting(const char *key, const json_t *value, cir_settings *settings, cir_error *err)
{
    char text[256];
    char pair[512];
    int size;
    if (json_is_string(value))
        size = snprintf(text, sizeof text, "%s", json_string_value(value));
    else if (json_is_integer(value))
        size = snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        size = snprintf(text, sizeof text, "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        size = snprintf(text, sizeof text, "%d", json_is_true(value));
    else
        return cir__refuse(err, CIR_ARGUMENT, "settings: %.100s is neither a number nor a text", key);
    /* A key is a name alone: with "=" in it, it would be read as another one. */
    if (size < 0 || size >= (int)sizeof text || strlen(key) > 100 ||
        strspn(key, "abcdefghijklmnopqrstuvwxyz_") != strlen(key))
        return cir__refuse(err, CIR_ARGUMENT, "settings: %.100s is no key, or its value is too long", key);
    /* No path of a request reaches the file system. */
    if (cir_setting_names_file(key, text))
        return cir__refuse(err, CIR_ARGUMENT,
                           "settings: %s names a file, which a request may not; leave it out", key);
    (void)snprintf(pair, sizeof pair, "%s=%s", key, text);
    cir_status status = cir_settings_set(settings, pair, err);
    if (status == CIR_OK && settings->context > CIR__MAX_CONTEXT)
        return cir__refuse(err, CIR_ARGUMENT, "settings: context is %zu; here it is at most %d",
                           settings->context, CIR__MAX_CONTEXT);
    return status;
}

static cir_status read_settings(const json_t *value, cir_settings *settings, cir_error *err)
{
    if (!json_is_object(value))
        return cir__refuse(err, CIR_ARGUMENT, "settings: is not an object");
    cir_status status = CIR_OK;
    const char *key;
    json_t *one;
    json_object_foreach((json_t *)(uintptr_t)value, key, one)
    {
        if (status == CIR_OK)
            status = read_setting(key, one, settings, err);
    }
    return status;
}

static cir_status read_method(const json_t *document, cir__search_request *request, cir_error *err)
{
    const json_t *value = json_object_get(document, "method");
    if (value == NULL || json_is_null(value))
        return CIR_OK;
    const char *name = json_string_value(value);
    if (name == NULL)
        return cir__refuse(err, CIR_ARGUMENT, "method: is not a text");
    return cir_method_parse_of_search(name, &request->method, err);
}

static cir_status read_member(const char *key, const json_t *value, cir__search_request *request,
                              cir_error *err)
{
    if (json_is_null(value) || strcmp(key, "method") == 0)
        return CIR_OK;
    if (strcmp(key, "image") == 0)
        return read_image(value, request, err);
    if (strcmp(key, "crop") == 0)
        return read_crop(value, request, err);
    if (strcmp(key, "text") == 0)
        return read_text(value, request, err);
    if (strcmp(key, "settings") == 0)
        return read_settings(value, &request->settings, err);
    if (strcmp(key, "k") == 0)
        return read_count(key, value, 1, CIR__MAX_K, &request->k, err);
    if (strcmp(key, "offset") == 0)
        return read_count(key, value, 0, CIR__MAX_OFFSET, &request->offset, err);
    if (strcmp(key, "filters") == 0)
        return cir__filter_parse(value, &request->filter, err);
    if (strcmp(key, "explain") == 0)
        return read_switch(key, value, &request->explains, err);
    if (strcmp(key, "fold_duplicates") == 0)
        return read_switch(key, value, &request->folds, err);
    if (strcmp(key, "scatter") == 0)
        return read_count(key, value, 0, CIR__MAX_SCATTER, &request->scatter, err);
    return cir__refuse(err, CIR_ARGUMENT, "request: \"%.100s\" is not known here; see /v1/openapi.json", key);
}

cir_status cir__search_request_parse(const char *bytes, size_t size, cir__search_request **request_out,
                                     cir_error *err)
{
    *request_out = NULL;
    json_error_t why;
    json_t *document = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(document)) {
        json_decref(document);
        return cir__refuse(err, CIR_ARGUMENT, "request: is not a JSON object: %s, line %d, column %d",
                           document == NULL ? why.text : "another value", document == NULL ? why.line : 1,
                           document == NULL ? why.column : 1);
    }
    cir_status status = CIR_OK;
    cir__search_request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        status = cir__refuse_memory(err);
        goto done;
    }
    request->method = CIR_METHOD_DEFAULT;
    request->k = 20;
    status = read_method(document, request, err);
    cir_settings_init(&request->settings, request->method);
    const char *key;
    json_t *value;
    json_object_foreach(document, key, value)
    {
        if (status == CIR_OK)
            status = read_member(key, value, request, err);
    }
done:
    json_decref(document);
    if (status != CIR_OK) {
        cir__search_request_free(request);
        return status;
    }
    *request_out = request;
    return CIR_OK;
}

void cir__search_request_free(cir__search_request *request)
{
    if (request == NULL)
        return;
    cir__filter_done(&request->filter);
    free(request->text);
    free(request);
}

cir_status cir__search_request_check(const cir__search_request *request, cir_error *err)
{
    bool has_image = request->has_id || request->upload[0] != '\0';
    if (!has_image && request->text == NULL)
        return cir__refuse(err, CIR_ARGUMENT, "request: has neither a photo nor words; give at least one");
    if (request->has_crop && !has_image)
        return cir__refuse(err, CIR_ARGUMENT, "crop: there is no photo to be cropped");
    const cir_method_info *method = cir_method_get_info(request->method);
    bool lacks_image = method->photo == CIR_INPUT_NEEDED && !has_image;
    bool lacks_text = method->words == CIR_INPUT_NEEDED && request->text == NULL;
    if (lacks_image || lacks_text)
        return cir__refuse(err, CIR_ARGUMENT, "method %s: needs %s; add it or choose another method",
                           method->name, lacks_image ? "a photo" : "words");
    return CIR_OK;
}

typedef struct listing {
    json_t *values;
    bool is_of_composer;
} listing;

static void add_value(void *context, const cir_setting_info *setting, const char *value)
{
    listing *to = context;
    if (!to->is_of_composer || !setting->is_of_query)
        json_array_append_new(to->values, json_string(value));
}

char *cir__settings_key(cir_method method, const cir_settings *settings, bool is_of_composer)
{
    const cir_method_info *info = cir_method_get_info(method);
    /* Its settings cannot change from query to query where words have no feature of their own. */
    const size_t n_refused = cir__json_n_refused();
    listing list = {json_array(), is_of_composer && !info->words_need_photo};
    bool is_shared = is_of_composer && info->composed_as != NULL;
    json_array_append_new(list.values, json_string(is_shared ? info->composed_as : info->name));
    cir_settings_list(settings, add_value, &list);
    /* A key that lacks something would be another's. */
    char *key = cir__json_n_refused() == n_refused ? json_dumps(list.values, JSON_COMPACT) : NULL;
    json_decref(list.values);
    return key;
}

char *cir__search_request_key(const cir__search_request *request)
{
    char *settings = cir__settings_key(request->method, &request->settings, false);
    char *filter = cir__filter_key(&request->filter);
    const cir__crop *crop = &request->crop;
    json_t *values = NULL;
    if (settings != NULL && filter != NULL)
        values = json_pack("[s, s, b, I, s, b, f, f, f, f, s?, I, I, b, b, I]", settings, filter,
                           request->has_id, (json_int_t)request->id, request->upload, request->has_crop,
                           crop->x, crop->y, crop->width, crop->height, request->text, (json_int_t)request->k,
                           (json_int_t)request->offset, request->explains, request->folds,
                           (json_int_t)request->scatter);
    char *key = values != NULL ? json_dumps(values, JSON_COMPACT) : NULL;
    json_decref(values);
    free(settings);
    free(filter);
    return key;
}

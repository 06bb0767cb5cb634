#include "server/api/query_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/filter_json.h"
#include "server/common/fail.h"
#include "shared/json_encode.h"

static cir_status read_count(const char *key, const json_t *value, size_t least, size_t most, size_t *out,
                             cir_error *err)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < (json_int_t)least || number > (json_int_t)most)
        return cir__fail(err, CIR_ARGUMENT, "%s: is not a whole number from %zu to %zu", key, least, most);
    *out = (size_t)number;
    return CIR_OK;
}

static cir_status read_switch(const char *key, const json_t *value, bool *out, cir_error *err)
{
    *out = json_is_true(value);
    return json_is_boolean(value) ? CIR_OK
                                  : cir__fail(err, CIR_ARGUMENT, "%s: is neither true nor false", key);
}

static cir_status read_image(const json_t *value, cir__search_request *request, cir_error *err)
{
    const json_t *id = json_object_get(value, "id");
    const char *upload = json_string_value(json_object_get(value, "upload"));
    if (json_object_size(value) != 1 || (id == NULL) == (upload == NULL))
        return cir__fail(err, CIR_ARGUMENT, "image: is neither {\"id\": 17} nor {\"upload\": \"…\"}");
    if (id != NULL) {
        return read_count("image.id", id, 0, 999999999999999, &request->asked.image_id, err);
    }
    if (strlen(upload) != CIR__UPLOAD_NAME_SIZE - 1 ||
        strspn(upload, "0123456789abcdef") != CIR__UPLOAD_NAME_SIZE - 1)
        return cir__fail(err, CIR_ARGUMENT, "image.upload: is not an upload's key, as a search answers it");
    memcpy(request->upload, upload, CIR__UPLOAD_NAME_SIZE);
    return CIR_OK;
}

static cir_status read_crop(const json_t *value, cir_region *region_out, cir_error *err)
{
    double parts[4] = {0};
    bool is_right = json_array_size(value) == 4;
    for (size_t i = 0; i < 4 && is_right; i++) {
        is_right = json_is_number(json_array_get(value, i));
        parts[i] = json_number_value(json_array_get(value, i));
    }
    *region_out = (cir_region){parts[0], parts[1], parts[2], parts[3]};
    return is_right && parts[2] > 0 && parts[3] > 0
               ? CIR_OK
               : cir__fail(err, CIR_ARGUMENT,
                           "crop: is not [x, y, width, height] in fractions of the picture");
}

static cir_status read_text(const json_t *value, const char **text_out, cir_error *err)
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value) || strlen(text) > CIR__MAX_QUERY_TEXT)
        return cir__fail(err, CIR_ARGUMENT, "text: is not a text of at most %d bytes", CIR__MAX_QUERY_TEXT);
    *text_out = cir_text_is_blank(text) ? NULL : text; /* an empty field */
    return CIR_OK;
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
        return cir__fail(err, CIR_ARGUMENT, "settings: %.100s is neither a number nor a text", key);
    /* A key is a name alone: with "=" in it, it would be read as another one. */
    if (size < 0 || size >= (int)sizeof text || strlen(key) > 100 ||
        strspn(key, "abcdefghijklmnopqrstuvwxyz_") != strlen(key))
        return cir__fail(err, CIR_ARGUMENT, "settings: %.100s is not a key, or its value is too long", key);
    /* No path of a request reaches the file system. */
    if (cir_setting_names_file(key, text))
        return cir__fail(err, CIR_ARGUMENT,
                         "settings: %s names a file, which a request may not; leave it out", key);
    (void)snprintf(pair, sizeof pair, "%s=%s", key, text);
    cir_status status = cir_settings_set(settings, pair, err);
    if (status == CIR_OK && settings->context > CIR__MAX_CONTEXT)
        return cir__fail(err, CIR_ARGUMENT, "settings: context is %zu; here it is at most %d",
                         settings->context, CIR__MAX_CONTEXT);
    return status;
}

static cir_status read_settings(const json_t *value, cir_settings *settings, cir_error *err)
{
    if (!json_is_object(value))
        return cir__fail(err, CIR_ARGUMENT, "settings: is not an object");
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
        return cir__fail(err, CIR_ARGUMENT, "method: is not a text");
    return cir_method_parse_for_search(name, &request->asked.method, err);
}

static cir_status read_member(const char *key, const json_t *value, cir__search_request *request,
                              cir_error *err)
{
    cir_search_request *asked = &request->asked;
    if (json_is_null(value) || strcmp(key, "method") == 0)
        return CIR_OK;
    if (strcmp(key, "image") == 0)
        return read_image(value, request, err);
    if (strcmp(key, "crop") == 0)
        return read_crop(value, &asked->image_region, err);
    if (strcmp(key, "text") == 0)
        return read_text(value, &asked->text, err);
    if (strcmp(key, "settings") == 0)
        return read_settings(value, &request->settings, err);
    if (strcmp(key, "k") == 0)
        return read_count(key, value, 1, CIR__MAX_K, &asked->k, err);
    if (strcmp(key, "offset") == 0)
        return read_count(key, value, 0, CIR__MAX_OFFSET, &asked->offset, err);
    if (strcmp(key, "filters") == 0)
        return cir__filter_parse(value, &request->filter, err);
    if (strcmp(key, "explain") == 0)
        return read_switch(key, value, &asked->explain, err);
    if (strcmp(key, "fold_duplicates") == 0)
        return read_switch(key, value, &asked->fold_duplicates, err);
    if (strcmp(key, "scatter") == 0)
        return read_count(key, value, 0, CIR__MAX_SCATTER, &request->scatter, err);
    return cir__fail(err, CIR_ARGUMENT, "request: \"%.100s\" is not known here; see /v1/openapi.json", key);
}

cir_status cir__search_request_parse(const char *bytes, size_t size, cir__search_request **request_out,
                                     cir_error *err)
{
    *request_out = NULL;
    json_error_t why;
    json_t *document = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(document)) {
        json_decref(document);
        return cir__fail(err, CIR_ARGUMENT, "request: is not a JSON object: %s, line %d, column %d",
                         document == NULL ? why.text : "another value", document == NULL ? why.line : 1,
                         document == NULL ? why.column : 1);
    }
    cir__search_request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        json_decref(document);
        return cir__refuse_memory(err);
    }
    request->document = document;
    cir_photo_filter_init(&request->filter, sizeof request->filter);
    cir_search_request_init(&request->asked, sizeof request->asked);
    request->asked.filter = &request->filter;
    request->asked.settings = &request->settings;
    cir_status status = read_method(document, request, err);
    cir_settings_init(&request->settings, sizeof request->settings, request->asked.method);
    const char *key;
    json_t *value;
    json_object_foreach(document, key, value)
    {
        if (status == CIR_OK)
            status = read_member(key, value, request, err);
    }
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
    json_decref(request->document);
    free(request);
}

cir_status cir__search_request_check(const cir__search_request *request, cir_error *err)
{
    static const char *const members[] = {[CIR_REQUEST_FAULT_QUERY] = "request",
                                          [CIR_REQUEST_FAULT_PHOTO] = "image",
                                          [CIR_REQUEST_FAULT_WORDS] = "text",
                                          [CIR_REQUEST_FAULT_REGION] = "crop",
                                          [CIR_REQUEST_FAULT_OTHER] = "request"};
    cir_search_request asked = request->asked;
    cir_request_fault fault;
    cir_error why;
    if (request->upload[0] != '\0')
        asked.image_bytes = request->upload; /* will be there */
    const cir_status status = cir_search_request_check(&asked, &fault, &why);
    return status == CIR_OK ? status : cir__fail(err, status, "%s: %s", members[fault], why.message);
}

static void add_value(void *context, const cir_setting_info *setting, const char *value)
{
    (void)setting;
    json_array_append_new(context, json_string(value));
}

char *cir__search_request_key(const cir__search_request *request)
{
    const size_t n_refused = cir__json_n_refused();
    const cir_search_request *asked = &request->asked;
    const cir_region *part = &asked->image_region;
    json_t *settings = json_array();
    cir_settings_list(&request->settings, add_value, settings);
    json_t *values = json_pack(
        "[s, o, o, b, I, s, f, f, f, f, s?, I, I, b, b, I]", cir_method_name(asked->method), settings,
        cir__filter_key(&request->filter), asked->image_id != CIR_NO_ID, (json_int_t)asked->image_id,
        request->upload, part->x, part->y, part->width, part->height, asked->text, (json_int_t)asked->k,
        (json_int_t)asked->offset, asked->explain, asked->fold_duplicates, (json_int_t)request->scatter);
    /* A key that lacks something would be another's. */
    char *key =
        values != NULL && cir__json_n_refused() == n_refused ? json_dumps(values, JSON_COMPACT) : NULL;
    json_decref(values);
    return key;
}

#include "server/filter.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/fail.h"

enum { MAX_TEXT = 4096, DAY = 86400 };

static bool read_digits(const char *text, size_t n, int *value_out)
{
    *value_out = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value_out = 10 * *value_out + (text[i] - '0');
    }
    return true;
}

bool cir__day_parse(const char *text, int64_t *seconds_out)
{
    int year, month, day;
    *seconds_out = 0;
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !read_digits(text, 4, &year) ||
        !read_digits(text + 5, 2, &month) || !read_digits(text + 8, 2, &day) || year < 1 || month < 1 ||
        month > 12 || day < 1 || day > 31)
        return false;
    struct tm parts = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    *seconds_out = (int64_t)timegm(&parts);
    return parts.tm_mday == day; /* else there is no such day in that month */
}

bool cir__folder_holds(const char *folder, const char *path)
{
    size_t size = strlen(folder);
    while (size > 1 && folder[size - 1] == '/')
        size--;
    if (size == 0)
        return true;
    if (strncmp(folder, path, size) != 0)
        return false;
    return path[size] == '\0' || path[size] == '/' || (size == 1 && folder[0] == '/');
}

static cir_status copy_text(const char *key, const json_t *value, char **text_out, cir_error *err)
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value) || strlen(text) > MAX_TEXT)
        return cir__refuse(err, CIR_ARGUMENT, "filters: %s is not a text of at most %d bytes", key, MAX_TEXT);
    free(*text_out);
    *text_out = strdup(text);
    return *text_out != NULL ? CIR_OK : cir__refuse_memory(err);
}

static cir_status read_day(const char *key, const json_t *value, int64_t *seconds_out, cir_error *err)
{
    const char *text = json_string_value(value);
    if (text == NULL || !cir__day_parse(text, seconds_out))
        return cir__refuse(err, CIR_ARGUMENT, "filters: %s is not a day; write it as \"2021-12-31\"", key);
    return CIR_OK;
}

static cir_status read_orientation(const json_t *value, cir__orientation *orientation_out, cir_error *err)
{
    static const char *const names[] = {
        [CIR__LANDSCAPE] = "landscape", [CIR__PORTRAIT] = "portrait", [CIR__SQUARE] = "square"};
    const char *text = json_string_value(value);
    for (int i = CIR__LANDSCAPE; text != NULL && i <= CIR__SQUARE; i++)
        if (strcmp(names[i], text) == 0) {
            *orientation_out = (cir__orientation)i;
            return CIR_OK;
        }
    return cir__refuse(err, CIR_ARGUMENT, "filters: orientation is none of landscape, portrait, square");
}

cir_status cir__filter_parse(const json_t *object, cir__filter *filter_out, cir_error *err)
{
    *filter_out = (cir__filter){0};
    if (!json_is_object(object))
        return cir__refuse(err, CIR_ARGUMENT, "filters: is not an object");
    cir_status status = CIR_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (status != CIR_OK)
            break;
        if (json_is_null(value))
            continue;
        if (strcmp(key, "folder") == 0) {
            status = copy_text(key, value, &filter_out->folder, err);
        } else if (strcmp(key, "camera") == 0) {
            status = copy_text(key, value, &filter_out->camera, err);
        } else if (strcmp(key, "after") == 0) {
            status = read_day(key, value, &filter_out->after, err);
            filter_out->has_after = true;
        } else if (strcmp(key, "before") == 0) {
            status = read_day(key, value, &filter_out->before, err);
            filter_out->before += DAY;
            filter_out->has_before = true;
        } else if (strcmp(key, "orientation") == 0) {
            status = read_orientation(value, &filter_out->orientation, err);
        } else {
            status = cir__refuse(err, CIR_ARGUMENT,
                                 "filters: \"%.100s\" is not known; known: folder after before orientation "
                                 "camera",
                                 key);
        }
    }
    return status;
}

void cir__filter_done(cir__filter *filter)
{
    free(filter->folder);
    free(filter->camera);
    *filter = (cir__filter){0};
}

bool cir__filter_is_empty(const cir__filter *filter)
{
    return filter->folder == NULL && filter->camera == NULL && !filter->has_after && !filter->has_before &&
           filter->orientation == CIR__ANY_ORIENTATION;
}

char *cir__filter_key(const cir__filter *filter)
{
    json_t *values = json_pack("[s?, s?, b, I, b, I, i]", filter->folder, filter->camera, filter->has_after,
                               (json_int_t)filter->after, filter->has_before, (json_int_t)filter->before,
                               (int)filter->orientation);
    char *key = values != NULL ? json_dumps(values, JSON_COMPACT) : NULL;
    json_decref(values);
    return key;
}

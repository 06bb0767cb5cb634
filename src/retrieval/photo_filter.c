#include "retrieval/photo_filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/growable.h"

enum { DAY = 86400 };

void cir_photo_filter_init(cir_photo_filter *filter, size_t size)
{
    const cir_photo_filter all = {.after = INT64_MIN, .before = INT64_MAX};
    cir__growable_init(filter, size, &all, sizeof all);
}

cir_status cir__photo_filter_read(const cir_photo_filter *given, cir_photo_filter *own, cir_error *err)
{
    if (given == NULL) {
        cir_photo_filter_init(own, sizeof *own);
        return CIR_OK;
    }
    const cir_status status = cir__growable_read(given, own, sizeof *own, "cir_photo_filter", err);
    if (status == CIR_OK && (unsigned)own->orientation > CIR_ORIENTATION_SQUARE)
        return cir__fail(err, CIR_ARGUMENT, "orientation: %d is invalid", (int)own->orientation);
    return status;
}

static bool parse_digits(const char *text, size_t n, int *value_out)
{
    *value_out = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value_out = 10 * *value_out + (text[i] - '0');
    }
    return true;
}

/* "2021-12-31" as seconds since 1970 at its beginning. */
static bool parse_day(const char *text, int64_t *seconds_out)
{
    int year, month, day;

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !parse_digits(text, 4, &year) ||
        !parse_digits(text + 5, 2, &month) || !parse_digits(text + 8, 2, &day) || year < 1 || month < 1 ||
        month > 12 || day < 1 || day > 31)
        return false;
    struct tm parts = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    *seconds_out = (int64_t)timegm(&parts);
    return parts.tm_mday == day; /* else there is no such day in that month */
}

static cir_status set_day(const char *key, const char *value, int64_t shift, int64_t *seconds_out,
                          cir_error *err)
{
    int64_t seconds;

    if (!parse_day(value, &seconds))
        return cir__fail(err, CIR_ARGUMENT, "%s: is not a day; write it as 2021-12-31", key);
    *seconds_out = seconds + shift;
    return CIR_OK;
}

static cir_status set_orientation(const char *value, cir_orientation *orientation_out, cir_error *err)
{
    static const char *const names[] = {[CIR_ORIENTATION_LANDSCAPE] = "landscape",
                                        [CIR_ORIENTATION_PORTRAIT] = "portrait",
                                        [CIR_ORIENTATION_SQUARE] = "square"};

    for (int i = CIR_ORIENTATION_LANDSCAPE; i <= CIR_ORIENTATION_SQUARE; i++)
        if (strcmp(names[i], value) == 0) {
            *orientation_out = (cir_orientation)i;
            return CIR_OK;
        }
    return cir__fail(err, CIR_ARGUMENT, "orientation: is not one of landscape, portrait, square");
}

cir_status cir_photo_filter_set(cir_photo_filter *filter, const char *key, const char *value, cir_error *err)
{
    cir__error_clear(err);
    if (strcmp(key, "folder") == 0)
        filter->folder = value;
    else if (strcmp(key, "camera") == 0)
        filter->camera = value;
    else if (strcmp(key, "after") == 0)
        return set_day(key, value, 0, &filter->after, err);
    else if (strcmp(key, "before") == 0)
        return set_day(key, value, DAY, &filter->before, err);
    else if (strcmp(key, "orientation") == 0)
        return set_orientation(value, &filter->orientation, err);
    else
        return cir__fail(err, CIR_ARGUMENT,
                         "\"%.100s\": is not known; known: folder after before orientation camera", key);
    return CIR_OK;
}

bool cir_photo_filter_is_empty(const cir_photo_filter *filter)
{
    return filter->folder == NULL && filter->camera == NULL && filter->after == INT64_MIN &&
           filter->before == INT64_MAX && filter->orientation == CIR_ORIENTATION_ANY;
}

bool cir_folder_holds(const char *folder, const char *path)
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

char *cir__photo_filter_key(const cir_photo_filter *filter)
{
    char *key = NULL;
    const char *folder = filter->folder;
    const char *camera = filter->camera;

    /* Texts come last with their lengths before them, so that none can look like another. */
    if (asprintf(&key, "%" PRId64 " %" PRId64 " %d %zd %zd %s%s", filter->after, filter->before,
                 (int)filter->orientation, folder != NULL ? (ssize_t)strlen(folder) : -1,
                 camera != NULL ? (ssize_t)strlen(camera) : -1, folder != NULL ? folder : "",
                 camera != NULL ? camera : "") < 0)
        return NULL;
    return key;
}

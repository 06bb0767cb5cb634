#include "image/exif.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* "2008:05:30 15:56:01" as seconds since 1970, INT64_MIN where it says no time. */
static int64_t parse_time(const char *text)
{
    int year, month, day, hour, minute, second;
    if (sscanf(text, "%4d:%2d:%2d %2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6 ||
        year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60)
        return INT64_MIN;
    struct tm parts = {.tm_year = year - 1900,
                       .tm_mon = month - 1,
                       .tm_mday = day,
                       .tm_hour = hour,
                       .tm_min = minute,
                       .tm_sec = second};
    return timegm(&parts);
}

/* The text of an EXIF field, which libvips gives as "TEXT (TEXT, ASCII, …)"; "" where there is none. */
static void find_text(VipsImage *image, const char *field, char out[64])
{
    const char *value;
    out[0] = '\0';
    if (vips_image_get_typeof(image, field) == 0 || vips_image_get_string(image, field, &value) != 0)
        return;
    for (const char *end = strstr(value, " ("); end != NULL; end = strstr(end + 1, " (")) {
        size_t size = (size_t)(end - value);
        if (strncmp(end + 2, value, size) != 0 || strncmp(end + 2 + size, ", ", 2) != 0)
            continue;
        while (size > 0 && value[size - 1] == ' ')
            size--;
        (void)snprintf(out, 64, "%.*s", (int)(size < 63 ? size : 63), value);
        return;
    }
}

/* Most models bear their maker's name already. */
static void name_camera(const char *maker, const char *model, char out[96])
{
    size_t first_word = strcspn(maker, " ");
    bool is_named = first_word == 0 || strncasecmp(maker, model, first_word) == 0;
    (void)snprintf(out, 96, "%.45s%s%.45s", is_named ? "" : maker, is_named || model[0] == '\0' ? "" : " ",
                   model);
}

void cir__exif_find(VipsImage *image, cir_image_facts *facts_out)
{
    const char *taken;
    char maker[64], model[64];
    facts_out->taken_at = INT64_MIN;
    if (vips_image_get_typeof(image, "exif-ifd2-DateTimeOriginal") != 0 &&
        vips_image_get_string(image, "exif-ifd2-DateTimeOriginal", &taken) == 0)
        facts_out->taken_at = parse_time(taken);
    find_text(image, "exif-ifd0-Make", maker);
    find_text(image, "exif-ifd0-Model", model);
    name_camera(maker, model, facts_out->camera);
}

void cir__exif_take(const char *maker, const char *model, const char *taken, cir_image_facts *facts_out)
{
    if (maker[0] != '\0' || model[0] != '\0')
        name_camera(maker, model, facts_out->camera);
    if (taken[0] != '\0')
        facts_out->taken_at = parse_time(taken);
}

#include "shared/json_encode.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glib.h>

static atomic_size_t n_refused;

static void *take(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL && size > 0)
        atomic_fetch_add(&n_refused, 1);
    return memory;
}

void cir__json_watch_memory(void)
{
    json_set_alloc_funcs(take, free);
}

size_t cir__json_n_refused(void)
{
    return atomic_load(&n_refused);
}

json_t *cir__json_text(const char *bytes)
{
    if (bytes == NULL)
        return json_null();
    /* GLib ends the process when out of memory, so that it is asked only where bytes are to be mended. */
    if (g_utf8_validate(bytes, -1, NULL))
        return json_string_nocheck(bytes);
    gchar *valid = g_utf8_make_valid(bytes, -1);
    json_t *text = json_string(valid);
    g_free(valid);
    return text;
}

void cir__json_add_path(json_t *object, const char *path)
{
    json_object_set_new(object, "path", cir__json_text(path));
    if (!g_utf8_validate(path, -1, NULL)) {
        gchar *base64 = g_base64_encode((const guchar *)path, strlen(path));
        json_object_set_new(object, "path_bytes", json_string(base64));
        g_free(base64);
    }
}

json_t *cir__json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *cir__json_size(size_t value)
{
    return json_integer((json_int_t)value);
}

json_t *cir__json_time(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm parts;
    char text[64];
    if (seconds == INT64_MIN || gmtime_r(&when, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        return json_null();
    return json_string(text);
}

/* A number where the text is one, else a string: "0.1" → 0.1, "25" → 25, "paper" → "paper". */
static void add_setting(void *context, const cir_setting_info *setting, const char *value)
{
    json_t *number = json_loads(value, JSON_DECODE_ANY, NULL);
    bool is_number = json_is_number(number);
    json_object_set_new(context, setting->key, is_number ? number : cir__json_text(value));
    if (!is_number)
        json_decref(number);
}

json_t *cir__settings_json(const cir_settings *settings)
{
    json_t *object = json_object();
    cir_settings_list(settings, add_setting, object);
    return object;
}

json_t *cir__fusion_json(const cir_fusion *fusion)
{
    return json_pack("{s:s, s:b, s:f, s:f}", "kind", cir_fusion_name(fusion->kind), "clamps",
                     (int)fusion->clamp, "lambda", (double)fusion->lambda, "weight", (double)fusion->weight);
}

json_t *cir__model_hint_json(const char *model_path)
{
    if (strcmp(model_path, CIR_MODEL_DEMO) != 0)
        return json_null();
    return json_string(
        "The demo encoder was trained on drawings and does not understand photographs: for real photos "
        "make the index with a model (cir model list).");
}

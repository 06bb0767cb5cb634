#include "server/api/filter_json.h"

#include <stdint.h>
#include <string.h>

#include "shared/failure.h"

enum { MAX_TEXT = 4096 };

cir_status cir__filter_set(cir_photo_filter *filter, const char *key, const char *value, cir_error *err)
{
    cir_error why;
    if (strlen(value) > MAX_TEXT)
        return cir__fail(err, CIR_ARGUMENT, "filters.%.100s: is not a text of at most %d bytes", key,
                         MAX_TEXT);
    const cir_status status = cir_photo_filter_set(filter, key, value, &why);
    return status == CIR_OK ? status : cir__fail(err, status, "filters.%s", why.message);
}

cir_status cir__filter_parse(const json_t *object, cir_photo_filter *filter_out, cir_error *err)
{
    cir_photo_filter_init(filter_out, sizeof *filter_out);
    if (!json_is_object(object))
        return cir__fail(err, CIR_ARGUMENT, "filters: is not an object");
    cir_status status = CIR_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *text = json_string_value(value);
        if (status != CIR_OK || json_is_null(value))
            continue;
        if (text == NULL || strlen(text) != json_string_length(value))
            status = cir__fail(err, CIR_ARGUMENT, "filters.%.100s: is not a text", key);
        else
            status = cir__filter_set(filter_out, key, text, err);
    }
    return status;
}

json_t *cir__filter_key(const cir_photo_filter *filter)
{
    return json_pack("[s?, s?, I, I, i]", filter->folder, filter->camera, (json_int_t)filter->after,
                     (json_int_t)filter->before, (int)filter->orientation);
}

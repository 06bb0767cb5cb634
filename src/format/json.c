#include "format/json.h"

#include "base/error.h"
#include "format/text_file.h"

static cir_status parse(cir__bytes_view bytes, size_t max_bytes, bool is_array, json_t **top_out,
                        cir_error *err)
{
    *top_out = NULL;
    if (bytes.size > max_bytes)
        return cir__fail(err, CIR_LIMIT, "%s: JSON of %zu bytes, at most %zu are read", bytes.name,
                         bytes.size, max_bytes);
    cir_status status = cir__text_file_begin(&bytes, err);
    if (status != CIR_OK)
        return status;
    json_error_t where;
    json_t *root = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL && json_error_code(&where) == json_error_premature_end_of_input)
        return cir__fail(err, CIR_FORMAT, "%s: is not JSON: it is cut short; fetch the file again",
                         bytes.name);
    if (root == NULL)
        return cir__fail(err, CIR_FORMAT, "%s:%d:%d: is not JSON: %s", bytes.name, where.line, where.column,
                         where.text);
    if (is_array ? !json_is_array(root) : !json_is_object(root)) {
        json_decref(root);
        return cir__fail(err, CIR_FORMAT, "%s: is not a JSON %s", bytes.name, is_array ? "array" : "object");
    }
    *top_out = root;
    return CIR_OK;
}

cir_status cir__json_parse(cir__bytes_view bytes, size_t max_bytes, json_t **object_out, cir_error *err)
{
    return parse(bytes, max_bytes, false, object_out, err);
}

cir_status cir__json_read(const char *path, size_t max_bytes, bool is_array, json_t **top_out, cir_error *err)
{
    cir__mapping mapping = {0};

    *top_out = NULL;
    cir_status status = cir__mapping_open(path, &mapping, err);
    if (status == CIR_OK)
        status =
            parse((cir__bytes_view){mapping.data, mapping.size, path}, max_bytes, is_array, top_out, err);
    cir__mapping_close(&mapping);
    return status;
}

/* The value of a key that is there and not null, else NULL. */
static const json_t *find(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

cir_status cir__json_get_size(const json_t *object, const char *key, const char *file, size_t min, size_t max,
                              size_t *out, cir_error *err)
{
    const json_t *value = find(object, key);
    if (value == NULL)
        return CIR_OK;
    if (!json_is_integer(value))
        return cir__fail(err, CIR_FORMAT, "%s: \"%s\" is not a whole number", file, key);
    json_int_t number = json_integer_value(value);
    if (number < 0 || (unsigned long long)number < min || (unsigned long long)number > max)
        return cir__fail(err, CIR_FORMAT, "%s: \"%s\" is %lld, it must lie in %zu … %zu", file, key,
                         (long long)number, min, max);
    *out = (size_t)number;
    return CIR_OK;
}

cir_status cir__json_get_double(const json_t *object, const char *key, const char *file, double *out,
                                cir_error *err)
{
    const json_t *value = find(object, key);
    if (value == NULL)
        return CIR_OK;
    if (!json_is_number(value))
        return cir__fail(err, CIR_FORMAT, "%s: \"%s\" is not a number", file, key);
    *out = json_number_value(value);
    return CIR_OK;
}

cir_status cir__json_get_text(const json_t *object, const char *key, const char *file, const char **out,
                              cir_error *err)
{
    const json_t *value = find(object, key);
    if (value == NULL)
        return CIR_OK;
    if (!json_is_string(value))
        return cir__fail(err, CIR_FORMAT, "%s: \"%s\" is not a string", file, key);
    *out = json_string_value(value);
    return CIR_OK;
}

cir_status cir__json_get_object(const json_t *object, const char *key, const char *file, const json_t **out,
                                cir_error *err)
{
    const json_t *value = find(object, key);
    if (value == NULL)
        return CIR_OK;
    if (!json_is_object(value))
        return cir__fail(err, CIR_FORMAT, "%s: \"%s\" is not an object", file, key);
    *out = value;
    return CIR_OK;
}

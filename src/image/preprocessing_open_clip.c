/* open_clip's preprocess_cfg → a preprocessing. */
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "image/preprocessing.h"

static cir_status fail_key(const char *name, const char *key, cir_error *err)
{
    return cir__fail(err, CIR_UNSUPPORTED,
                     "%s: \"%s\" of \"preprocess_cfg\" is of a kind that is not handled", name, key);
}

static cir_status read_channels(const json_t *part, const char *key, const char *name, bool is_divisor,
                                double values[3], cir_error *err)
{
    const json_t *list = json_object_get(part, key);
    if (list == NULL || json_is_null(list))
        return CIR_OK;
    for (size_t c = 0; c < 3; c++) {
        const json_t *value = json_array_get(list, c);
        if (json_array_size(list) != 3 || !json_is_number(value) ||
            (is_divisor && json_number_value(value) == 0))
            return cir__fail(err, CIR_FORMAT,
                             "%s: \"%s\" is not three numbers%s; copy the file from the model again", name,
                             key, is_divisor ? " other than 0" : "");
        values[c] = json_number_value(value);
    }
    return CIR_OK;
}

static cir_status read_preprocessing(const json_t *part, const char *name, cir__preprocessing *preprocessing,
                                     cir_error *err)
{
    const json_t *filter = json_object_get(part, "interpolation");
    const json_t *mode = json_object_get(part, "resize_mode");
    const json_t *colours = json_object_get(part, "mode");
    const char *filter_name = filter != NULL ? json_string_value(filter) : "bicubic";
    const char *mode_name = mode != NULL ? json_string_value(mode) : "shortest";
    if (filter_name == NULL || (strcmp(filter_name, "bicubic") != 0 && strcmp(filter_name, "bilinear") != 0))
        return fail_key(name, "interpolation", err);
    if (mode_name == NULL || (strcmp(mode_name, "shortest") != 0 && strcmp(mode_name, "squash") != 0))
        return fail_key(name, "resize_mode", err);
    if (colours != NULL && (!json_is_string(colours) || strcmp(json_string_value(colours), "RGB") != 0))
        return fail_key(name, "mode", err);
    preprocessing->filter = strcmp(filter_name, "bicubic") == 0 ? CIR_FILTER_BICUBIC : CIR_FILTER_BILINEAR;
    preprocessing->does_crop = strcmp(mode_name, "shortest") == 0;
    preprocessing->resize = preprocessing->does_crop ? CIR__RESIZE_SHORTEST_EDGE : CIR__RESIZE_EXACT;
    cir_status status = read_channels(part, "mean", name, false, preprocessing->mean, err);
    return status == CIR_OK ? read_channels(part, "std", name, true, preprocessing->std, err) : status;
}

cir_status cir__preprocessing_parse_open_clip(const uint8_t *json, size_t size, const char *name,
                                              size_t image_px, cir__preprocessing *preprocessing_out,
                                              cir_error *err)
{
    *preprocessing_out = (cir__preprocessing){0};
    json_error_t problem;
    json_t *root = json_loadb((const char *)json, size, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL)
        return cir__fail(err, CIR_FORMAT,
                         "%s: is not JSON at line %d: %s; copy the file from the model again", name,
                         problem.line, problem.text);
    const json_t *part = json_object_get(root, "preprocess_cfg");
    cir__preprocessing preprocessing;
    cir__preprocessing_init_clip(&preprocessing, image_px);
    preprocessing.is_torchvision = true;
    cir_status status = CIR_OK;
    if (part != NULL && !json_is_object(part))
        status =
            cir__fail(err, CIR_FORMAT,
                      "%s: \"preprocess_cfg\" is not an object; copy the file from the model again", name);
    else
        status = read_preprocessing(part, name, &preprocessing, err);
    if (status == CIR_OK)
        *preprocessing_out = preprocessing;
    json_decref(root);
    return status;
}

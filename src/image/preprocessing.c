#include "image/preprocessing.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/memory.h"
#include "image/resample.h"

#define MAX_SIDE_PX 16384

void cir__preprocessing_init_clip(cir__preprocessing *preprocessing, size_t image_px)
{
    *preprocessing = (cir__preprocessing){
        .resize = CIR__RESIZE_SHORTEST_EDGE,
        .height_px = image_px,
        .width_px = image_px,
        .filter = CIR_FILTER_BICUBIC,
        .does_crop = true,
        .crop_height_px = image_px,
        .crop_width_px = image_px,
        .does_rescale = true,
        .rescale_factor = 1.0 / 255,
        .does_normalise = true,
        .mean = {0.48145466, 0.4578275, 0.40821073},
        .std = {0.26862954, 0.26130258, 0.27577711},
    };
}

void cir__preprocessing_init_siglip(cir__preprocessing *preprocessing, size_t image_px)
{
    cir__preprocessing_init_clip(preprocessing, image_px);
    preprocessing->resize = CIR__RESIZE_EXACT;
    preprocessing->does_crop = false;
    for (size_t c = 0; c < 3; c++)
        preprocessing->mean[c] = preprocessing->std[c] = 0.5;
}

/* The JSON object being read, for messages. */
typedef struct reading {
    const json_t *root;
    const char *name;
    cir_error *err;
} reading;

static cir_status read_switch(const reading *from, const char *key, bool *value)
{
    const json_t *item = json_object_get(from->root, key);
    if (item == NULL || json_is_null(item))
        return CIR_OK;
    if (!json_is_boolean(item))
        return cir__fail(from->err, CIR_FORMAT,
                         "%s: %s is not true or false; copy the file from the model again", from->name, key);
    *value = json_is_true(item);
    return CIR_OK;
}

static cir_status read_side(const reading *from, const char *key, const json_t *item, size_t *side)
{
    /* Some files write 224.0. */
    double value = json_is_number(item) ? json_number_value(item) : 0;
    if (!(value >= 1 && value <= MAX_SIDE_PX) || value != (double)(size_t)value)
        return cir__fail(from->err, CIR_FORMAT,
                         "%s: %s is not a number of pixels from 1 to %d; copy the file from "
                         "the model again",
                         from->name, key, MAX_SIDE_PX);
    *side = (size_t)value;
    return CIR_OK;
}

/* Whether an object has these keys with a value, and no others with one. */
static bool has_only(json_t *object, const char *first, const char *second)
{
    const char *key;
    json_t *value;
    size_t n_wanted = second != NULL ? 2 : 1;
    size_t n = 0;
    json_object_foreach(object, key, value)
    {
        bool is_wanted = strcmp(key, first) == 0 || (second != NULL && strcmp(key, second) == 0);
        if (!is_wanted && !json_is_null(value))
            return false;
        n += is_wanted && !json_is_null(value);
    }
    return n == n_wanted;
}

/* A size in any of its forms: 224, {"shortest_edge": 224}, {"height": 224, "width": 224}, [224, 224]. A bare
 * number is a shortest edge or a square, whichever the key means by it. *is_edge tells which was found; all
 * stays where the key is absent. */
static cir_status read_size(const reading *from, const char *key, bool number_is_edge, bool *is_edge,
                            size_t *height_px, size_t *width_px)
{
    json_t *item = json_object_get(from->root, key);
    if (item == NULL || json_is_null(item))
        return CIR_OK;
    bool has_edge = json_is_object(item) && has_only(item, "shortest_edge", NULL);
    bool has_sides = json_is_object(item) && has_only(item, "height", "width");
    bool is_pair = json_is_array(item) && json_array_size(item) == 2;
    const json_t *edge = has_edge ? json_object_get(item, "shortest_edge") : item;
    const json_t *height = is_pair ? json_array_get(item, 0) : json_object_get(item, "height");
    const json_t *width = is_pair ? json_array_get(item, 1) : json_object_get(item, "width");
    if (has_edge || json_is_number(item)) {
        *is_edge = number_is_edge || !json_is_number(item);
        cir_status status = read_side(from, key, edge, height_px);
        *width_px = *height_px;
        return status;
    }
    if (!has_sides && !is_pair)
        return cir__fail(
            from->err, CIR_UNSUPPORTED,
            "%s: %s is neither a number, nor has it shortest_edge alone, nor height and width alone; this "
            "model's preprocessing is not handled",
            from->name, key);
    *is_edge = false;
    cir_status status = read_side(from, key, height, height_px);
    return status == CIR_OK ? read_side(from, key, width, width_px) : status;
}

static cir_status read_channels(const reading *from, const char *key, bool is_divisor, double values[3])
{
    const json_t *item = json_object_get(from->root, key);
    if (item == NULL || json_is_null(item))
        return CIR_OK;
    for (size_t c = 0; c < 3; c++) {
        const json_t *value =
            json_is_array(item) && json_array_size(item) == 3 ? json_array_get(item, c) : item;
        if (!json_is_number(value) || (is_divisor && json_number_value(value) == 0))
            return cir__fail(from->err, CIR_FORMAT,
                             "%s: %s is not three numbers%s; copy the file from the model again", from->name,
                             key, is_divisor ? " other than 0" : "");
        values[c] = json_number_value(value);
    }
    return CIR_OK;
}

static cir_status read_number(const reading *from, const char *key, double *value)
{
    const json_t *item = json_object_get(from->root, key);
    if (item == NULL || json_is_null(item))
        return CIR_OK;
    if (!json_is_number(item))
        return cir__fail(from->err, CIR_FORMAT, "%s: %s is not a number; copy the file from the model again",
                         from->name, key);
    *value = json_number_value(item);
    return CIR_OK;
}

static cir_status read_filter(const reading *from, cir_filter *filter)
{
    const json_t *item = json_object_get(from->root, "resample");
    if (item == NULL || json_is_null(item))
        return CIR_OK;
    json_int_t number = json_is_integer(item) ? json_integer_value(item) : -1;
    if (number != 2 && number != 3)
        return cir__fail(from->err, CIR_UNSUPPORTED,
                         "%s: resample is %lld; only 2 (bilinear) and 3 (bicubic) are handled", from->name,
                         (long long)number);
    *filter = number == 2 ? CIR_FILTER_BILINEAR : CIR_FILTER_BICUBIC;
    return CIR_OK;
}

/* Some files name the filter a second time, which transformers does not read: it has to be the same. */
static cir_status check_interpolation(const reading *from, cir_filter filter)
{
    const json_t *item = json_object_get(from->root, "interpolation");
    const char *name = filter == CIR_FILTER_BICUBIC ? "bicubic" : "bilinear";
    if (item == NULL || json_is_null(item) ||
        (json_is_string(item) && strcmp(json_string_value(item), name) == 0) ||
        (json_is_integer(item) && json_integer_value(item) == (filter == CIR_FILTER_BICUBIC ? 3 : 2)))
        return CIR_OK;
    return cir__fail(from->err, CIR_UNSUPPORTED,
                     "%s: interpolation contradicts the %s filter of resample; set both alike", from->name,
                     name);
}

/* Steps of other processors, which would make other pictures. */
static cir_status check_not_done(const reading *from)
{
    static const char *const keys[] = {
        "do_pad",       "use_square_size",    "rescale_offset", "do_image_splitting",   "do_pan_and_scan",
        "do_thumbnail", "do_align_long_axis", "do_grayscale",   "do_flip_channel_order"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bool is_done = false;
        cir_status status = read_switch(from, keys[i], &is_done);
        if (status != CIR_OK)
            return status;
        if (is_done)
            return cir__fail(
                from->err, CIR_UNSUPPORTED,
                "%s: %s is true, which is not handled; this model's pictures are prepared otherwise",
                from->name, keys[i]);
    }
    bool is_converted = true; /* pictures are RGB, whatever it says */
    return read_switch(from, "do_convert_rgb", &is_converted);
}

/* What a class of transformers takes where the file says nothing. "Fast" and "Pil" are the same steps in
 * torchvision's or Pillow's arithmetic. */
static cir_status choose_class(const reading *from, cir__preprocessing *preprocessing)
{
    static const char *const clip[] = {"CLIPImageProcessor", "CLIPFeatureExtractor"};
    const char *type = json_string_value(json_object_get(from->root, "image_processor_type"));
    if (type == NULL)
        type = json_string_value(json_object_get(from->root, "feature_extractor_type"));
    cir__preprocessing_init_clip(preprocessing, 224);
    if (type == NULL)
        return CIR_OK;
    size_t n = strlen(type);
    if (n > 4 && strcmp(type + n - 4, "Fast") == 0)
        n -= 4;
    else if (n > 3 && strcmp(type + n - 3, "Pil") == 0)
        n -= 3;
    for (size_t i = 0; i < 2; i++)
        if (n == strlen(clip[i]) && strncmp(type, clip[i], n) == 0)
            return CIR_OK;
    cir__preprocessing_init_siglip(preprocessing, 224);
    if ((n == 20 && strncmp(type, "SiglipImageProcessor", n) == 0) ||
        (n == 22 && strncmp(type, "SiglipFeatureExtractor", n) == 0))
        return CIR_OK;
    return cir__fail(
        from->err, CIR_UNSUPPORTED, "%s: is for %s; only CLIP's and SigLIP's preprocessing is handled%s",
        from->name, type,
        strstr(type, "Siglip2") != NULL ? " (take the SigLIP 2 of a fixed resolution, not NaFlex)" : "");
}

static cir_status read_preprocessing(const reading *from, cir__preprocessing *preprocessing)
{
    bool does_resize = true;
    bool is_crop_edge = false;
    cir_status status = choose_class(from, preprocessing);
    if (status != CIR_OK)
        return status;
    bool is_edge = preprocessing->resize == CIR__RESIZE_SHORTEST_EDGE;
    bool makes_squares = !is_edge; /* of a bare number */
    if ((status = read_switch(from, "default_to_square", &makes_squares)) != CIR_OK ||
        (status = check_not_done(from)) != CIR_OK ||
        (status = read_switch(from, "do_resize", &does_resize)) != CIR_OK ||
        (status = read_switch(from, "do_center_crop", &preprocessing->does_crop)) != CIR_OK ||
        (status = read_switch(from, "do_rescale", &preprocessing->does_rescale)) != CIR_OK ||
        (status = read_switch(from, "do_normalize", &preprocessing->does_normalise)) != CIR_OK ||
        (status = read_size(from, "size", !makes_squares, &is_edge, &preprocessing->height_px,
                            &preprocessing->width_px)) != CIR_OK ||
        (status = read_size(from, "crop_size", false, &is_crop_edge, &preprocessing->crop_height_px,
                            &preprocessing->crop_width_px)) != CIR_OK ||
        (status = read_number(from, "rescale_factor", &preprocessing->rescale_factor)) != CIR_OK ||
        (status = read_channels(from, "image_mean", false, preprocessing->mean)) != CIR_OK ||
        (status = read_channels(from, "image_std", true, preprocessing->std)) != CIR_OK ||
        (status = read_filter(from, &preprocessing->filter)) != CIR_OK ||
        (status = check_interpolation(from, preprocessing->filter)) != CIR_OK)
        return status;
    if (preprocessing->does_crop && is_crop_edge)
        return cir__fail(from->err, CIR_UNSUPPORTED,
                         "%s: crop_size has shortest_edge; it needs height and width", from->name);
    /* The Fast classes share out the padding otherwise. */
    const char *type = json_string_value(json_object_get(from->root, "image_processor_type"));
    bool is_fast = type != NULL && strlen(type) > 4 && strcmp(type + strlen(type) - 4, "Fast") == 0;
    if (is_fast && preprocessing->does_crop &&
        (!does_resize || preprocessing->crop_height_px > preprocessing->height_px ||
         preprocessing->crop_width_px > preprocessing->width_px))
        return cir__fail(from->err, CIR_UNSUPPORTED,
                         "%s: crop_size is larger than size, so that %s pads pictures, which is not handled",
                         from->name, type);
    preprocessing->resize = !does_resize ? CIR__RESIZE_NONE
                            : is_edge    ? CIR__RESIZE_SHORTEST_EDGE
                                         : CIR__RESIZE_EXACT;
    return CIR_OK;
}

/* A processor_config.json has the object within. */
static const json_t *choose_object(const json_t *root)
{
    const json_t *inner = json_object_get(root, "image_processor");
    return json_is_object(inner) ? inner : root;
}

cir_status cir__preprocessing_parse(const uint8_t *json, size_t size, const char *name,
                                    cir__preprocessing *preprocessing_out, cir_error *err)
{
    *preprocessing_out = (cir__preprocessing){0};
    json_error_t problem;
    json_t *root = json_loadb((const char *)json, size, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL)
        return cir__fail(err, CIR_FORMAT,
                         "%s: is not JSON at line %d: %s; copy the file from the model again", name,
                         problem.line, problem.text);
    cir_status status;
    cir__preprocessing preprocessing;
    if (!json_is_object(root))
        status =
            cir__fail(err, CIR_FORMAT, "%s: is not a JSON object; copy the file from the model again", name);
    else
        status = read_preprocessing(&(reading){choose_object(root), name, err}, &preprocessing);
    if (status == CIR_OK)
        *preprocessing_out = preprocessing;
    json_decref(root);
    return status;
}

cir_status cir__preprocessing_output_px(const cir__preprocessing *preprocessing, const char *name,
                                        size_t *height_px_out, size_t *width_px_out, cir_error *err)
{
    *height_px_out = *width_px_out = 0;
    if (!preprocessing->does_crop && preprocessing->resize != CIR__RESIZE_EXACT)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: neither crops pictures nor gives them one height and width; models that take pictures of "
            "varying size are not handled",
            name);
    *height_px_out = preprocessing->does_crop ? preprocessing->crop_height_px : preprocessing->height_px;
    *width_px_out = preprocessing->does_crop ? preprocessing->crop_width_px : preprocessing->width_px;
    return CIR_OK;
}

cir_status cir__preprocessing_check(const cir__preprocessing *preprocessing, const char *name,
                                    size_t image_px, cir_error *err)
{
    size_t height_px, width_px;
    cir_status status = cir__preprocessing_output_px(preprocessing, name, &height_px, &width_px, err);
    if (status == CIR_OK && (height_px != image_px || width_px != image_px))
        status = cir__fail(
            err, CIR_SHAPE,
            "%s: makes pictures of %zu × %zu pixels, the model takes %zu × %zu; use the file that belongs "
            "to the model",
            name, width_px, height_px, image_px, image_px);
    return status;
}

/* The picture's size after resizing. The long side is cut to whole pixels, as in transformers' and
 * torchvision's int(edge · long / short). */
static void find_resized(const cir__preprocessing *preprocessing, const cir_image *image, size_t *width_px,
                         size_t *height_px)
{
    *width_px = preprocessing->resize == CIR__RESIZE_NONE ? image->width_px : preprocessing->width_px;
    *height_px = preprocessing->resize == CIR__RESIZE_NONE ? image->height_px : preprocessing->height_px;
    if (preprocessing->resize == CIR__RESIZE_SHORTEST_EDGE) {
        if (image->width_px <= image->height_px)
            *height_px = preprocessing->height_px * image->height_px / image->width_px;
        else
            *width_px = preprocessing->height_px * image->width_px / image->height_px;
    }
}

size_t cir__preprocessing_resized_px(const cir__preprocessing *preprocessing)
{
    if (preprocessing->resize == CIR__RESIZE_NONE)
        return 0;
    return preprocessing->width_px > preprocessing->height_px ? preprocessing->width_px
                                                              : preprocessing->height_px;
}

/* The centre crop along one axis: what of the resized picture is wanted, and where it goes in the output.
 * transformers takes the offset down to whole pixels, and up where the picture is smaller and padded;
 * torchvision (open_clip, and the original CLIP) rounds a half to even instead, so that the two differ by a
 * pixel where the difference is 3 modulo 4. */
static cir__span find_window(const cir__preprocessing *preprocessing, size_t n_full, size_t n_crop,
                             size_t *at_out)
{
    *at_out = 0;
    if (!preprocessing->does_crop)
        return (cir__span){n_full, 0, n_full};
    if (n_full >= n_crop) {
        size_t n_beside = n_full - n_crop;
        bool rounds_up = preprocessing->is_torchvision && n_beside % 4 == 3;
        return (cir__span){n_full, n_beside / 2 + rounds_up, n_crop};
    }
    *at_out = (n_crop - n_full + 1) / 2;
    return (cir__span){n_full, 0, n_full};
}

cir_fitting cir__preprocessing_get_fitting(const cir__preprocessing *preprocessing)
{
    if (!preprocessing->is_torchvision || preprocessing->resize == CIR__RESIZE_NONE)
        return (cir_fitting){0};
    return (cir_fitting){.width_px = preprocessing->width_px,
                         .height_px = preprocessing->height_px,
                         .keep_proportions = preprocessing->resize == CIR__RESIZE_SHORTEST_EDGE,
                         .filter = preprocessing->filter};
}

void cir__preprocessing_find_spans(const cir_fitting *fitting, size_t width_px, size_t height_px,
                                   cir__span *across_out, cir__span *down_out)
{
    const cir__preprocessing preprocessing = {.resize = fitting->keep_proportions ? CIR__RESIZE_SHORTEST_EDGE
                                                                                  : CIR__RESIZE_EXACT,
                                              .width_px = fitting->width_px,
                                              .height_px = fitting->height_px,
                                              .does_crop = fitting->keep_proportions,
                                              .is_torchvision = true};
    const cir_image image = {.width_px = width_px, .height_px = height_px};
    size_t full_w, full_h, at;
    find_resized(&preprocessing, &image, &full_w, &full_h);
    *across_out = find_window(&preprocessing, full_w, fitting->width_px, &at);
    *down_out = find_window(&preprocessing, full_h, fitting->height_px, &at);
}

/* What each 8-bit value becomes, in the order and precision of transformers: the product in double, rounded
 * to float, the rest in float. */
static void fill_table(const cir__preprocessing *preprocessing, size_t channel, float table[256])
{
    for (int value = 0; value < 256; value++) {
        float x = preprocessing->does_rescale ? (float)(value * preprocessing->rescale_factor) : (float)value;
        if (preprocessing->is_torchvision)
            x = (float)value / 255.0F;
        if (preprocessing->does_normalise)
            x = (x - (float)preprocessing->mean[channel]) / (float)preprocessing->std[channel];
        table[value] = x;
    }
}

cir_status cir__preprocessing_apply(const cir__preprocessing *preprocessing, const cir_image *image,
                                    float *tensor_out, cir_error *err)
{
    size_t out_h, out_w, full_w, full_h, at_x, at_y;
    cir_status status = cir__preprocessing_output_px(preprocessing, "preprocessing", &out_h, &out_w, err);
    if (status != CIR_OK)
        return status;
    find_resized(preprocessing, image, &full_w, &full_h);
    cir__span across = find_window(preprocessing, full_w, out_w, &at_x);
    cir__span down = find_window(preprocessing, full_h, out_h, &at_y);
    uint8_t *rgb = cir__new_unset(across.n * down.n, 3);
    if (rgb == NULL)
        return cir__fail_memory(err, "preprocessed picture");
    status = cir__resample(image, across, down, preprocessing->filter, rgb, err);
    if (status != CIR_OK)
        goto done;
    for (size_t c = 0; c < 3; c++) {
        float table[256];
        fill_table(preprocessing, c, table);
        float *plane = tensor_out + c * out_h * out_w;
        if (across.n < out_w || down.n < out_h)
            for (size_t i = 0; i < out_h * out_w; i++)
                plane[i] = table[0];
        for (size_t y = 0; y < down.n; y++)
            for (size_t x = 0; x < across.n; x++)
                plane[(at_y + y) * out_w + at_x + x] = table[rgb[(y * across.n + x) * 3 + c]];
    }
done:
    free(rgb);
    return status;
}

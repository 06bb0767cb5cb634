/* A model's preprocessing preprocessing: resize, centre crop, scale, mean and deviation, as a
 * preprocessor_config.json states them and transformers' CLIPImageProcessor and SiglipImageProcessor carry
 * them out, or as open_clip does. */
#ifndef CIR_IMAGE_PREPROCESSING_H
#define CIR_IMAGE_PREPROCESSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"
#include "image/resample.h"

typedef enum cir__resize_mode {
    CIR__RESIZE_NONE,
    CIR__RESIZE_SHORTEST_EDGE, /* the shorter side becomes height_px, the longer one in proportion, cut to
                                  whole */
    CIR__RESIZE_EXACT          /* to height_px × width_px, proportions be as they may */
} cir__resize_mode;

/* A plain value, no resources inside. */
typedef struct cir__preprocessing {
    cir__resize_mode resize;
    size_t height_px, width_px; /* equal for CIR__RESIZE_SHORTEST_EDGE */
    cir_filter filter;
    bool does_crop;
    size_t crop_height_px, crop_width_px;
    bool does_rescale;
    double rescale_factor;
    bool does_normalise;
    double mean[3], std[3];
    bool is_torchvision; /* scaled by a division in float, and a half of a pixel beside the crop is rounded to
                            even */
} cir__preprocessing;

/* What CLIP's models want where no preprocessor_config.json says otherwise. image_px: the model's side. */
void cir__preprocessing_init_clip(cir__preprocessing *preprocessing, size_t image_px);
void cir__preprocessing_init_siglip(cir__preprocessing *preprocessing, size_t image_px); /* SigLIP's */

/* Reads a preprocessor_config.json, or the "image_processor" of a processor_config.json. What it leaves out is as
 * transformers' class of the named image_processor_type (CLIP's, or SigLIP's, also their Fast and Pil; CLIP's when
 * none is named) has it. The arithmetic is Pillow's for all: torchvision's, which the Fast classes resize with,
 * rounds up to 2 % of values by one or two of 255 otherwise. name is for messages. Errors, which name the key:
 * CIR_FORMAT, CIR_UNSUPPORTED (a class, size, filter or step that neither class has), CIR_LIMIT. */
CIR_MUST_CHECK cir_status cir__preprocessing_parse(const uint8_t *json, size_t size, const char *name,
                                                   cir__preprocessing *preprocessing_out, cir_error *err);

/* Reads "preprocess_cfg" of an open_clip_config.json; what it leaves out is as open_clip has it, and so is
 * the way the steps are carried out: torchvision's. image_px: the model's side, which holds whatever the file
 * says. Errors: as above. */
CIR_MUST_CHECK cir_status cir__preprocessing_parse_open_clip(const uint8_t *json, size_t size,
                                                             const char *name, size_t image_px,
                                                             cir__preprocessing *preprocessing_out,
                                                             cir_error *err);

/* The tensor's sides. Errors: CIR_UNSUPPORTED where they would vary with the picture. */
CIR_MUST_CHECK cir_status cir__preprocessing_output_px(const cir__preprocessing *preprocessing,
                                                       const char *name, size_t *height_px_out,
                                                       size_t *width_px_out, cir_error *err);

/* Checks that the preprocessing makes image_px × image_px: what the model takes. Errors: as above, CIR_SHAPE. */
CIR_MUST_CHECK cir_status cir__preprocessing_check(const cir__preprocessing *preprocessing, const char *name,
                                                   size_t image_px, cir_error *err);

/* The shorter side to which a preprocessing resizes a picture; 0 where it takes pictures as they are. */
size_t cir__preprocessing_resized_px(const cir__preprocessing *preprocessing);

/* Where a picture of that size comes to lie by `fitting`: what of it is wanted, once it is resized. */
void cir__preprocessing_find_spans(const cir_fitting *fitting, size_t width_px, size_t height_px,
                                   cir__span *across_out, cir__span *down_out);

/* The fitting of a preprocessing that is torchvision's; zeroed for others. */
cir_fitting cir__preprocessing_get_fitting(const cir__preprocessing *preprocessing);

/* Makes a picture into what the model takes. tensor_out: [3, height, width] of cir__preprocessing_output_px, red
 * first; each value is (float(pixel·rescale_factor) − mean) / std in float, or (pixel/255 − mean) / std with
 * is_torchvision, pixels beyond the picture being 0 before the scaling. Thread-safe. Errors: CIR_UNSUPPORTED,
 * CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__preprocessing_apply(const cir__preprocessing *preprocessing,
                                                   const cir_image *image, float *tensor_out, cir_error *err);

#endif

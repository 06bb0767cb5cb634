/* A model's config.json: the sizes of both towers, as transformers' CLIPConfig and SiglipConfig read them.
 * Every number is bounded here, so that no product of them overflows and nothing absurd is allocated
 * later. */
#ifndef CIR_MODEL_CONFIG_H
#define CIR_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "cir/status.h"

typedef enum cir__activation { CIR__QUICK_GELU, CIR__GELU, CIR__GELU_TANH } cir__activation;

/* CLIP: a class token, where the image's feature is read; a causal text tower, read at the end token.
 * SigLIP: no class token, a probe attends to all of the image's tokens; a text tower that sees every token of
 * a text that is filled up to its full length, read at the last one. */
typedef enum cir__architecture { CIR__CLIP, CIR__SIGLIP } cir__architecture;

/* What published files call the end token by mistake: transformers reads at the largest id then, and so do
 * we. */
#define CIR__MISTAKEN_END_ID 2

/* Whose names the tensors have. */
typedef enum cir__layout_kind {
    CIR__IN_TRANSFORMERS,
    CIR__IN_OPEN_CLIP,       /* CLIP */
    CIR__IN_OPEN_CLIP_CUSTOM /* the text tower's behind "text."; SigLIP's image tower is timm's */
} cir__layout_kind;

/* What the layers' products are computed in: see model/product.h. */
typedef enum cir__precision { CIR__IN_F32, CIR__IN_BF16, CIR__IN_INT8 } cir__precision;

/* One transformer. */
typedef struct cir__tower_config {
    size_t width;
    size_t n_layers;
    size_t n_heads; /* divides width */
    size_t mlp_width;
    size_t max_tokens; /* longest sequence */
    cir__activation activation;
    float layer_norm_eps;
    cir__precision precision; /* not the file's to say but the caller's, as is the next */
    const char
        *cache_key; /* under which its packed weights are kept in the user's cache; NULL: they are not */
} cir__tower_config;

typedef struct cir__config {
    cir__architecture architecture;
    cir__layout_kind layout;
    bool has_text_bias; /* of the projection of texts */
    cir__tower_config image;
    cir__tower_config text;
    size_t dim;      /* of the features */
    size_t image_px; /* side of the square picture */
    size_t patch_px; /* side of a patch; what does not fill a patch at the right and the bottom is not seen */
    size_t n_vocabulary;
    int32_t end_id; /* CLIP: text features are read at its first place */
} cir__config;

/* What a file leaves out is as transformers has it. Errors, which name the key: CIR_FORMAT, CIR_UNSUPPORTED
 * (another architecture or activation), CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__config_parse(cir__bytes_view json, cir__config *config_out, cir_error *err);

/* Bounds of the numbers above, for whoever reads them. */
#define CIR__CONFIG_MAX_BYTES ((size_t)1 << 20)
#define CIR__CONFIG_MAX_WIDTH 16384
#define CIR__CONFIG_MAX_MLP_WIDTH 65536
#define CIR__CONFIG_MAX_LAYERS 256
#define CIR__CONFIG_MAX_TOKENS 16384
#define CIR__CONFIG_MAX_IMAGE_PX 8192
#define CIR__CONFIG_MAX_VOCABULARY ((size_t)1 << 24)

/* Sets the image tower's max_tokens from image_px and patch_px. Errors: CIR_FORMAT (a patch larger than the
 * picture), CIR_LIMIT. */
CIR_MUST_CHECK cir_status cir__config_count_patches(cir__config *config, const char *file, cir_error *err);

#endif

#include "cli/known_models.h"

#include <string.h>

static const char *const clip_files[] = {"config.json", "preprocessor_config.json", "tokenizer.json",
                                         "model.safetensors", NULL};
static const char *const siglip_files[] = {"config.json",           "preprocessor_config.json",
                                           "tokenizer_config.json", "spiece.model",
                                           "model.safetensors",     NULL};

const cir__known_model cir__known_models[] = {
    {"clip-vit-large-patch14", "openai/clip-vit-large-patch14", "MIT", clip_files, 768, 224, 1711000000},
    {"siglip-base-patch16-224", "google/siglip-base-patch16-224", "Apache-2.0", siglip_files, 768, 224,
     813000000},
    {"siglip-large-patch16-256", "google/siglip-large-patch16-256", "Apache-2.0", siglip_files, 1024, 256,
     2609000000},
    {"siglip-so400m-patch14-384", "google/siglip-so400m-patch14-384", "Apache-2.0", siglip_files, 1152, 384,
     3512000000},
    {0},
};

const cir__known_model *cir__known_model_find(const char *name)
{
    for (const cir__known_model *known = cir__known_models; known->name != NULL; known++)
        if (strcmp(known->name, name) == 0)
            return known;
    return NULL;
}

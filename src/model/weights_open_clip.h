/* A model's tensors by open_clip's names, and timm's for SigLIP's image tower. */
#ifndef CIR_MODEL_WEIGHTS_OPEN_CLIP_H
#define CIR_MODEL_WEIGHTS_OPEN_CLIP_H

#include "model/finder.h"

/* Finds all of them; the finder keeps the first failure. */
void cir__weights_find_open_clip(cir__finder *self, const cir__config *config, cir__weights *found);

#endif

/* open_clip's open_clip_config.json → the same configuration as transformers' config.json gives. Two kinds of
 * models are read: CLIP with open_clip's own vision transformer, and SigLIP, whose image tower is one of
 * timm's. */
#ifndef CIR_MODEL_OPEN_CLIP_H
#define CIR_MODEL_OPEN_CLIP_H

#include "model/config.h"

/* Also takes one of open_clip's own model_configs, which have no "model_cfg" around them. Everything in it
 * that would make other features is checked and refused, never ignored. Errors, which name the key:
 * CIR_FORMAT, CIR_UNSUPPORTED, CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__open_clip_parse(cir__bytes_view json, cir__config *config_out, cir_error *err);

#endif

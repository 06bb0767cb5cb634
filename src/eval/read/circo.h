/* CIRCO's annotations: annotations/SPLIT.json, a list of queries, and COCO's image_info_unlabeled2017.json,
 * the list of all images. */
#ifndef CIR_EVAL_CIRCO_H
#define CIR_EVAL_CIRCO_H

#include "eval/data/dataset.h"

/* As cir__cirr_read. */
CIR_MUST_CHECK cir_status cir__circo_read(cir_dataset *dataset, const char *folder, cir_error *err);

#endif

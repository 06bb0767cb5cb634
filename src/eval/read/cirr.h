/* CIRR's annotations: captions/cap.rc2.SPLIT.json, a list of queries, and image_splits/split.rc2.SPLIT.json,
 * the split's images and where they lie. */
#ifndef CIR_EVAL_CIRR_H
#define CIR_EVAL_CIRR_H

#include "eval/data/dataset.h"

/* Fills in everything but name and features. has_answers of info is read: without, targets are not looked
 * for. Errors: CIR_FORMAT with file and entry, those of reading. */
CIR_MUST_CHECK cir_status cir__cirr_read(cir_dataset *dataset, const char *folder, cir_error *err);

#endif

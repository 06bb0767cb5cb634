/* FashionIQ's annotations: for each category captions/cap.CATEGORY.SPLIT.json, a list of queries, and
 * image_splits/split.CATEGORY.SPLIT.json, the category's images. */
#ifndef CIR_EVAL_FASHIONIQ_H
#define CIR_EVAL_FASHIONIQ_H

#include "eval/data/dataset.h"

/* As cir__cirr_read. ranks_used_images: the galleries are the reference and target images alone. Errors: also
 * CIR_ARGUMENT (without answers, which nobody keeps a server for). */
CIR_MUST_CHECK cir_status cir__fashioniq_read(cir_dataset *dataset, const char *folder,
                                              bool ranks_used_images, cir_error *err);

#endif

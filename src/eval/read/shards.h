/* i-CIR as WebDataset shards: {query,database}/…NNNNNN.tar, each sample a picture and a .json of img_path,
 * text and instance. Pictures are decoded from the mapped archives; nothing is unpacked. */
#ifndef CIR_EVAL_SHARDS_H
#define CIR_EVAL_SHARDS_H

#include "eval/data/dataset.h"
#include "eval/read/encode_pictures.h"

/* The folder that holds them: the given one or webdataset/ in it; NULL: none, or out of memory. free() it. */
char *cir__shards_find(const char *folder);

/* Fills in names, queries, items and their rows as cir__dataset_read_lists does, shard by shard in the order
 * of their names, and dataset->shards. Errors: CIR_FORMAT (with shard and sample), those of reading. */
CIR_MUST_CHECK cir_status cir__shards_read(cir_dataset *dataset, const char *folder, cir_error *err);

/* The picture of a path number of the data set, lent from it. */
cir__picture cir__shards_get(const cir_dataset *dataset, size_t path);

#endif

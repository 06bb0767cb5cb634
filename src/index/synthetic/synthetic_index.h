/* Makes a synthetic index, row by row as an update would, for any encoder; cir_index_make_synthetic is this
 * with an encoder that is synthetic too. */
#ifndef CIR_INDEX_SYNTHETIC_INDEX_H
#define CIR_INDEX_SYNTHETIC_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "cir/index.h"
#include "cir/synthetic.h"
#include "index/update/encoder.h"

/* As cir_index_make_synthetic, with the features under the encoder's name; of it name, path, fingerprint and
 * dim count. Row i's photo is photos/NUMBER.jpg beside the index, i in nine digits or more. */
CIR_MUST_CHECK cir_status cir__synthetic_index_write(const char *index_path, const cir__encoder *encoder,
                                                     size_t n_rows, uint64_t seed, cir_pool *pool,
                                                     const cir_update_options *options, cir_error *err);

#endif

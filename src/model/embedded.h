/* The demo encoder's files, part of the library. */
#ifndef CIR_MODEL_EMBEDDED_H
#define CIR_MODEL_EMBEDDED_H

#include "base/file.h"

cir__bytes_view cir__embedded_config(void);
cir__bytes_view cir__embedded_weights(void);
cir__bytes_view cir__embedded_tokenizer(void);
cir__bytes_view cir__embedded_recipe(void);

#endif

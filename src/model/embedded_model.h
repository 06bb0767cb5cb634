/* The demo encoder's files, part of the library. */
#ifndef CIR_MODEL_EMBEDDED_MODEL_H
#define CIR_MODEL_EMBEDDED_MODEL_H

#include "base/file.h"

cir__bytes_view cir__embedded_model_config(void);
cir__bytes_view cir__embedded_model_weights(void);
cir__bytes_view cir__embedded_model_tokenizer(void);
cir__bytes_view cir__embedded_model_preprocessing(void);

#endif

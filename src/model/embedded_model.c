/* The demo encoder's files, as they lie in demo/model. */
#include "model/embedded_model.h"

#include "base/embed.h"

CIR__EMBED(cir__embedded_config_bytes, "demo/model/config.json");
CIR__EMBED(cir__embedded_weights_bytes, "demo/model/model.safetensors");
CIR__EMBED(cir__embedded_tokenizer_bytes, "demo/model/tokenizer.json");
CIR__EMBED(cir__embedded_preprocessing_bytes, "demo/model/preprocessor_config.json");

cir__bytes_view cir__embedded_model_config(void)
{
    return CIR__EMBEDDED(cir__embedded_config_bytes, "demo/config.json");
}

cir__bytes_view cir__embedded_model_weights(void)
{
    return CIR__EMBEDDED(cir__embedded_weights_bytes, "demo/model.safetensors");
}

cir__bytes_view cir__embedded_model_tokenizer(void)
{
    return CIR__EMBEDDED(cir__embedded_tokenizer_bytes, "demo/tokenizer.json");
}

cir__bytes_view cir__embedded_model_preprocessing(void)
{
    return CIR__EMBEDDED(cir__embedded_preprocessing_bytes, "demo/preprocessor_config.json");
}

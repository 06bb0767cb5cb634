/* The assembler takes the files of demo/model in as they are. */
#include "model/embedded.h"

/* Made by the build: DEMO_FOLDER, and a stamp of the files, so that a changed one compiles this anew. */
#include "model/embedded_folder.h"
#include "model/embedded_stamp.h"

/* name, name_end: bytes of a file, and a zero byte behind them. */
#define EMBED(name, file)                                                                                    \
    __asm__(".pushsection .rodata\n"                                                                         \
            ".balign 64\n"                                                                                   \
            ".hidden " #name "\n.globl " #name "\n" #name ":\n"                                              \
            ".incbin \"" DEMO_FOLDER "/" file "\"\n"                                                         \
            ".hidden " #name "_end\n.globl " #name "_end\n" #name "_end:\n"                                  \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const uint8_t name[] __attribute__((visibility("hidden")));                                       \
    extern const uint8_t name##_end[] __attribute__((visibility("hidden")))

EMBED(cir__embedded_config_bytes, "config.json");
EMBED(cir__embedded_weights_bytes, "model.safetensors");
EMBED(cir__embedded_tokenizer_bytes, "tokenizer.json");
EMBED(cir__embedded_recipe_bytes, "preprocessor_config.json");

static cir__bytes_view view(const uint8_t *begin, const uint8_t *end, const char *name)
{
    return (cir__bytes_view){begin, (size_t)(end - begin), name};
}

cir__bytes_view cir__embedded_config(void)
{
    return view(cir__embedded_config_bytes, cir__embedded_config_bytes_end, "demo/config.json");
}

cir__bytes_view cir__embedded_weights(void)
{
    return view(cir__embedded_weights_bytes, cir__embedded_weights_bytes_end, "demo/model.safetensors");
}

cir__bytes_view cir__embedded_tokenizer(void)
{
    return view(cir__embedded_tokenizer_bytes, cir__embedded_tokenizer_bytes_end, "demo/tokenizer.json");
}

cir__bytes_view cir__embedded_recipe(void)
{
    return view(cir__embedded_recipe_bytes, cir__embedded_recipe_bytes_end, "demo/preprocessor_config.json");
}

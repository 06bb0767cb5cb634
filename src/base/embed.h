/* Files of the source tree as bytes of the library: the assembler takes them in as they are. */
#ifndef CIR_BASE_EMBED_H
#define CIR_BASE_EMBED_H

#include <stdint.h>

#include "base/file.h"

/* Made by the build: CIR__SOURCE_FOLDER, and a stamp of every embedded file, so that a changed one compiles
 * what holds it anew. New files are listed in src/base/meson.build. */
#include "base/embedded_folder.h"
#include "base/embedded_stamp.h"

/* At file scope: the bytes of a file, named from the root of the source tree, and a zero byte behind them. */
#define CIR__EMBED(symbol, path)                                                                             \
    __asm__(".pushsection .rodata\n"                                                                         \
            ".balign 64\n"                                                                                   \
            ".hidden " #symbol "\n.globl " #symbol "\n" #symbol ":\n"                                        \
            ".incbin \"" CIR__SOURCE_FOLDER "/" path "\"\n"                                                  \
            ".hidden " #symbol "_end\n.globl " #symbol "_end\n" #symbol "_end:\n"                            \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const uint8_t symbol[] __attribute__((visibility("hidden")));                                     \
    extern const uint8_t symbol##_end[] __attribute__((visibility("hidden")))

/* Those bytes as a view; name is for messages. */
#define CIR__EMBEDDED(symbol, name) ((cir__bytes_view){(symbol), (size_t)((symbol##_end) - (symbol)), (name)})

#endif

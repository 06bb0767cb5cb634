/* Built as a library of its own, because only it needs to know where share/ lies and when it changed. */
#include "method/corpora.h"

#include <corpora_stamp.h> /* empty; generated from both lists, so that changing one builds this file again */

/* clang-format off */
#define EMBED(symbol, file)                          \
    __asm__(".pushsection .rodata\n"                 \
            ".balign 16\n"                           \
            ".hidden " symbol "_begin\n"             \
            ".hidden " symbol "_end\n"               \
            ".global " symbol "_begin\n"             \
            ".global " symbol "_end\n"               \
            symbol "_begin:\n"                       \
            ".incbin \"" file "\"\n"                 \
            symbol "_end:\n"                         \
            ".byte 0\n"                              \
            ".popsection\n")
/* clang-format on */

EMBED("cir__corpora_objects", CIR__SHARE "/objects.txt");
EMBED("cir__corpora_styles", CIR__SHARE "/styles.txt");

extern const uint8_t cir__corpora_objects_begin[], cir__corpora_objects_end[];
extern const uint8_t cir__corpora_styles_begin[], cir__corpora_styles_end[];

cir__bytes_view cir__corpora_get(cir__corpus corpus)
{
    const uint8_t *begin =
        corpus == CIR__CORPUS_OBJECTS ? cir__corpora_objects_begin : cir__corpora_styles_begin;
    const uint8_t *end = corpus == CIR__CORPUS_OBJECTS ? cir__corpora_objects_end : cir__corpora_styles_end;
    return (cir__bytes_view){begin, (size_t)(end - begin),
                             corpus == CIR__CORPUS_OBJECTS ? "share/objects.txt" : "share/styles.txt"};
}

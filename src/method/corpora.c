#include "method/corpora.h"

#include "base/embed.h"

CIR__EMBED(cir__corpora_objects, "share/objects.txt");
CIR__EMBED(cir__corpora_styles, "share/styles.txt");

cir__bytes_view cir__corpora_get(cir__corpus corpus)
{
    return corpus == CIR__CORPUS_OBJECTS ? CIR__EMBEDDED(cir__corpora_objects, "share/objects.txt")
                                         : CIR__EMBEDDED(cir__corpora_styles, "share/styles.txt");
}

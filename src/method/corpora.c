#include "method/corpora.h"

#include "shared/embedded.h"

extern const cir__embedded_file cir__corpora_files[]; /* objects, styles */

cir__bytes_view cir__corpora_get(cir__corpus corpus)
{
    const cir__embedded_file *file = &cir__corpora_files[corpus == CIR__CORPUS_OBJECTS ? 0 : 1];
    return (cir__bytes_view){file->bytes, file->size, file->name};
}

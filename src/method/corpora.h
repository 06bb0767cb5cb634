/* The library's own corpora, share/objects.txt and share/styles.txt, as bytes inside it. */
#ifndef CIR_METHOD_CORPORA_H
#define CIR_METHOD_CORPORA_H

#include "base/file.h"

typedef enum cir__corpus {
    CIR__CORPUS_OBJECTS, /* what things are */
    CIR__CORPUS_STYLES   /* what is done to things */
} cir__corpus;

/* One term a line, no header. Static storage. */
cir__bytes_view cir__corpora_get(cir__corpus corpus);

#endif

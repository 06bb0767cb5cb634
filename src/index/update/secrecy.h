/* Who may read an index: nobody who may not read all of its photos. Whoever has features and thumbnails of a
 * photo knows much of it. Rights are taken from the index' folder and what is in it, never given: what is
 * made later gets no right that the folder does not give (base/folder.h). */
#ifndef CIR_INDEX_SECRECY_H
#define CIR_INDEX_SECRECY_H

#include "base/folder.h"
#include "cir/status.h"
#include "index/update/scope.h"

typedef struct cir__secrecy {
    const cir__folder *folder; /* the index, lent */
    unsigned readers;          /* CIR__READABLE_…: who but the owner may read it */
} cir__secrecy;

/* As the index is, less whom the folders of a scope's roots do not let in; tells the scope's walk whose group
 * counts. Before anything of the photos is written. Errors: CIR_IO. */
CIR_MUST_CHECK cir_status cir__secrecy_init(cir__secrecy *secrecy, const cir__folder *folder,
                                            cir__scope *scope, cir_error *err);

/* A photo comes in that these may read. */
void cir__secrecy_restrict(cir__secrecy *secrecy, unsigned readers);

#endif

/* Where an open index and what is derived from its features lie. */
#ifndef CIR_INDEX_DERIVED_H
#define CIR_INDEX_DERIVED_H

#include "base/folder.h"
#include "cir/index.h"
#include "index/store/place.h"

/* features/KEY of the shown model, lent as long as the index is open. */
const cir__folder *cir__index_folder(const cir_index *index);

/* Where the index lies, lent as long. */
const cir__place *cir__index_place(const cir_index *index);

#endif

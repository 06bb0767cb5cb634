/* One view of the index, shared by those who use it: an update makes the next one, and the old one goes with its last
 * search. */
#ifndef CIR_SERVER_SNAPSHOT_H
#define CIR_SERVER_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "cir/cir.h"

typedef struct cir__snapshot cir__snapshot;

/* Reads the catalogue. collection is taken over, also where it fails. serial: no two views of a server have the same.
 * Errors: those of cir_collection_load_catalogue. */
CIR_MUST_CHECK cir_status cir__snapshot_new(cir_collection *collection, uint64_t serial,
                                            cir__snapshot **snapshot_out, cir_error *err);
cir__snapshot *cir__snapshot_share(cir__snapshot *snapshot);
void cir__snapshot_drop(cir__snapshot *snapshot); /* NULL is allowed */

cir_collection *cir__snapshot_collection(const cir__snapshot *snapshot);
const cir_index *cir__snapshot_index(const cir__snapshot *snapshot);
uint64_t cir__snapshot_serial(const cir__snapshot *snapshot);

/* As cir_collection_set_camera. */
void cir__snapshot_set_camera(cir__snapshot *snapshot, size_t id, const char *name);

/* How many cameras were set: a filter by camera means the same as long as that stays. */
size_t cir__snapshot_n_cameras_set(const cir__snapshot *snapshot);

#endif

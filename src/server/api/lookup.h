/* What the catalogue has to be asked for: on a worker, so that a disk that is slow, or a catalogue that
 * another process holds, keeps nobody waiting but who asks. */
#ifndef CIR_SERVER_LOOKUP_H
#define CIR_SERVER_LOOKUP_H

#include "server/http/request.h"
#include "server/state/context.h"

/* Makes the answer's document. id: of the request's path. options: see cir__lookup_join. */
typedef cir_status cir__lookup_work(cir__context *context, cir__snapshot *snapshot, size_t id,
                                    const void *options, json_t **document_out, cir_error *err);

/* Lets the request wait for the document. options are taken over; free_options: NULL where there are none. */
void cir__lookup_join(cir__request *request, cir__lookup_work *work, void *options,
                      void (*free_options)(void *options));

#endif

/* What the server says when out of memory: who asks can do nothing about it but wait. */
#ifndef CIR_SERVER_COMMON_FAIL_H
#define CIR_SERVER_COMMON_FAIL_H

#include "shared/failure.h"

static inline cir_status cir__refuse_memory(cir_error *err)
{
    return cir__fail(err, CIR_NO_MEMORY, "server: out of memory; try again later");
}

#endif

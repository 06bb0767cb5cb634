#include "method/composed.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static void copy(const cir__linear_form *form, float *out)
{
    for (size_t i = 0; i < form->dim; i++)
        out[i] = (float)form->weights[i];
}

cir_status cir__composed_new(size_t dim, const cir__linear_form *image, const cir__linear_form *text,
                             cir_fusion fusion, cir_composed *composed_out, cir_error *err)
{
    float *memory = cir__new(2 * dim, sizeof *memory);

    memset(composed_out, 0, sizeof *composed_out);
    if (memory == NULL)
        return cir__fail_memory(err, "a query");
    composed_out->memory = memory;
    composed_out->query = (cir_query){.dim = dim, .fusion = fusion};
    if (image != NULL) {
        copy(image, memory);
        composed_out->query.a = memory;
        composed_out->query.a0 = (float)image->offset;
    }
    if (text != NULL) {
        copy(text, memory + dim);
        composed_out->query.b = memory + dim;
        composed_out->query.b0 = (float)text->offset;
    }
    return CIR_OK;
}

void cir_composed_done(cir_composed *composed)
{
    free(composed->memory);
    memset(composed, 0, sizeof *composed);
}

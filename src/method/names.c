/* The methods' names. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cir/method.h"

static const struct {
    const char *name;
    const char *meaning;
} methods[CIR_N_METHODS] = {
#define METHOD_ENTRY(symbol, name, meaning) [symbol] = {name, meaning},
    CIR_METHOD_LIST(METHOD_ENTRY)
#undef METHOD_ENTRY
};

const char *cir_method_name(cir_method method)
{
    return (size_t)method < CIR_N_METHODS ? methods[method].name : "unknown";
}

const char *cir_method_meaning(cir_method method)
{
    return (size_t)method < CIR_N_METHODS ? methods[method].meaning : "unknown";
}

static cir_status parse(const char *name, bool takes_external, cir_method *method_out, cir_error *err)
{
    char known[128] = "";

    cir__error_clear(err);
    *method_out = CIR_METHOD_BASIC_MINUS;
    for (size_t i = 0; i < CIR_N_METHODS; i++) {
        if (i == CIR_METHOD_EXTERNAL && !takes_external)
            continue;
        if (strcmp(name, methods[i].name) == 0) {
            *method_out = (cir_method)i;
            return CIR_OK;
        }
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", methods[i].name);
    }
    return cir__fail(err, CIR_ARGUMENT, "method '%.100s': there is no such method; choose one of %s", name,
                     known);
}

cir_status cir_method_parse(const char *name, cir_method *method_out, cir_error *err)
{
    return parse(name, true, method_out, err);
}

cir_status cir_method_parse_of_search(const char *name, cir_method *method_out, cir_error *err)
{
    return parse(name, false, method_out, err);
}

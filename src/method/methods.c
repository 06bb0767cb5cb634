/* The table of methods, as rows. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cir/method.h"

static const cir_method_info methods[CIR_N_METHODS] = {
#define METHOD_ENTRY(symbol, ...) [symbol] = {__VA_ARGS__},
    CIR_METHOD_TABLE(METHOD_ENTRY)
#undef METHOD_ENTRY
};

const cir_method_info *cir_method_get_info(cir_method method)
{
    return (size_t)method < CIR_N_METHODS ? &methods[method] : NULL;
}

const char *cir_method_name(cir_method method)
{
    return (size_t)method < CIR_N_METHODS ? methods[method].name : "unknown";
}

void cir_method_list(cir_method methods_out[CIR_N_METHODS])
{
    size_t n = 0;
    for (size_t family = 0; family < CIR_N_FAMILIES; family++)
        for (size_t i = 0; i < CIR_N_METHODS; i++)
            if (methods[i].family == family)
                methods_out[n++] = (cir_method)i;
}

static cir_status parse(const char *name, bool takes_composed, cir_method *method_out, cir_error *err)
{
    char known[256] = "";

    cir__error_clear(err);
    *method_out = CIR_METHOD_DEFAULT;
    for (size_t i = 0; i < CIR_N_METHODS; i++) {
        if (methods[i].needs_composed && !takes_composed)
            continue;
        if (strcmp(name, methods[i].name) == 0) {
            *method_out = (cir_method)i;
            return CIR_OK;
        }
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "", methods[i].name);
    }
    return cir__fail(err, CIR_ARGUMENT, "method '%.100s': is unknown; choose one of %s", name, known);
}

cir_status cir_method_parse(const char *name, cir_method *method_out, cir_error *err)
{
    return parse(name, true, method_out, err);
}

cir_status cir_method_parse_for_search(const char *name, cir_method *method_out, cir_error *err)
{
    return parse(name, false, method_out, err);
}

#include "curate/mine/source_type.h"

unsigned cir__source_kind(cir__seed_role role)
{
    switch (role) {
    case CIR__SEED_IMAGE:
    case CIR__SEED_NAME:
    case CIR__SEED_CATEGORY:
        return CIR__FOUND_VISUAL;
    case CIR__SEED_REPHRASED:
        return CIR__FOUND_TEXTUAL;
    case CIR__SEED_COMPOSED_IMAGE:
    case CIR__SEED_COMPOSED_TEXT:
    case CIR__SEED_JOINED:
        return CIR__FOUND_COMPOSED;
    default:
        return 0;
    }
}

cir_source_type cir__source_type(unsigned kinds)
{
    const unsigned both = CIR__FOUND_VISUAL | CIR__FOUND_TEXTUAL;
    if ((kinds & CIR__FOUND_COMPOSED) != 0 || (kinds & both) == both)
        return CIR_SOURCE_COMPOSED;
    if ((kinds & CIR__FOUND_TEXTUAL) != 0)
        return CIR_SOURCE_TEXTUAL;
    return (kinds & CIR__FOUND_VISUAL) != 0 ? CIR_SOURCE_VISUAL : CIR_SOURCE_OTHER;
}

const char *cir_source_type_name(cir_source_type type)
{
    static const char *const names[CIR_N_SOURCE_TYPES] = {"other", "visual", "textual", "composed"};
    return type < CIR_N_SOURCE_TYPES ? names[type] : "unknown";
}

#include "cir/cir.h"

const char *cir_version(void)
{
    return CIR__VERSION;
}

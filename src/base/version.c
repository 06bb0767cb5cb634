#include "cir/version.h"

#define TEXT_OF(number) #number
#define TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *cir_version(void)
{
    return TEXT(CIR_VERSION_MAJOR, CIR_VERSION_MINOR, CIR_VERSION_PATCH);
}

int cir_version_api(void)
{
    return CIR_VERSION_API;
}

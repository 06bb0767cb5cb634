/* The version: of the headers, by macros, and of the library that is loaded, by functions. It is set here
 * alone; the build, pkg-config and the shared library's name take it from here.
 *
 * Another major version may change what callers rely on, and is another library to the linker (libcir.so.MAJOR);
 * another minor version adds, and a patch does neither. script/abi holds the headers to it. */
#ifndef CIR_VERSION_H
#define CIR_VERSION_H

#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CIR_VERSION_MAJOR 0
#define CIR_VERSION_MINOR 1
#define CIR_VERSION_PATCH 0

/* As one number that grows with each version. */
#define CIR_VERSION_API (CIR_VERSION_MAJOR * 10000 + CIR_VERSION_MINOR * 100 + CIR_VERSION_PATCH)

/* The library's CIR_VERSION_API. A program whose own, without the patch, is another was built for another
 * library. Thread-safe. */
CIR_API int cir_version_api(void);

/* The library's version, "0.1.0", static storage. Thread-safe. */
CIR_API const char *cir_version(void);

#ifdef __cplusplus
}
#endif

#endif

/* Files that are part of the library or the program, made C by embed.py. */
#ifndef CIR_SHARED_EMBEDDED_H
#define CIR_SHARED_EMBEDDED_H

#include <stddef.h>

typedef struct cir__embedded_file {
    const char *name;           /* without the folder it lies in; NULL ends a list */
    const unsigned char *bytes; /* a zero byte stands behind the last */
    size_t size;
    const char *hash; /* of the content, hexadecimal digits */
} cir__embedded_file;

#endif

/* Files that are part of the program, made C by embed.py. */
#ifndef CIR_SERVER_EMBEDDED_H
#define CIR_SERVER_EMBEDDED_H

#include <stddef.h>

typedef struct cir__embedded_file {
    const char *name;           /* without folder; NULL ends a list */
    const unsigned char *bytes; /* a zero byte stands behind the last */
    size_t size;
    const char *hash; /* of the content, hexadecimal digits */
} cir__embedded_file;

#endif

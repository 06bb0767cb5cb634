#include "server/common/fail.h"

#include <stdarg.h>
#include <stdio.h>

cir_status cir__refuse(cir_error *err, cir_status status, const char *format, ...)
{
    if (err == NULL)
        return status;
    va_list arguments;
    va_start(arguments, format);
    err->status = status;
    (void)vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    for (char *c = err->message; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return status;
}

cir_status cir__refuse_memory(cir_error *err)
{
    return cir__refuse(err, CIR_NO_MEMORY, "server: out of memory; try again later");
}

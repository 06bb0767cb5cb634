#include "shared/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a name from a file may do to a terminal: control characters of one byte, those of two (U+0080 to
 * U+009F) and the marks that turn the direction of writing (U+202A to U+202E, U+2066 to U+2069). */
static void hide_control_characters(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
            c[0] = c[1] = '?';
        else if (*c == 0xe2 && ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                                (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)))
            c[0] = c[1] = c[2] = '?';
    }
}

static void write_message(cir_error *err, cir_status status, const char *format, va_list arguments)
{
    err->status = status;
    (void)vsnprintf(err->message, sizeof err->message, format, arguments);
    hide_control_characters(err->message);
}

cir_status cir__fail(cir_error *err, cir_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        write_message(err, status, format, arguments);
        va_end(arguments);
    }
    return status;
}

static cir_status status_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
        return CIR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return CIR_PERMISSION;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return CIR_FULL;
    case ENOMEM:
        return CIR_NO_MEMORY;
    case EWOULDBLOCK:
    case EBUSY:
        return CIR_BUSY;
    default:
        return CIR_IO;
    }
}

cir_status cir__fail_errno(cir_error *err, int errno_value, const char *format, ...)
{
    cir_status status = status_of_errno(errno_value);
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        write_message(err, status, format, arguments);
        va_end(arguments);
        size_t length = strlen(err->message);
        char text[128];

        if (snprintf(text, sizeof text, ": %s", strerror(errno_value)) > 0)
            (void)snprintf(err->message + length, sizeof err->message - length, "%s", text);
    }
    return status;
}

cir_status cir__fail_memory(cir_error *err, const char *what)
{
    return cir__fail(err, CIR_NO_MEMORY, "%s: out of memory; close other programs or use smaller batches",
                     what);
}

void cir__error_clear(cir_error *err)
{
    if (err != NULL) {
        err->status = CIR_OK;
        err->message[0] = '\0';
    }
}

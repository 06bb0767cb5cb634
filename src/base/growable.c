#include "base/growable.h"

#include <string.h>

#include "base/error.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void cir__growable_init(void *given, size_t size, const void *defaults, size_t own_size)
{
    memset(given, 0, size);
    memcpy(given, defaults, least(size, own_size));
    memcpy(given, &size, least(size, sizeof size));
}

enum { MAX_SIZE = 1 << 16 }; /* what is larger is no size */

static cir_status read_size(const void *given, const char *what, size_t *size_out, cir_error *err)
{
    memcpy(size_out, given, sizeof *size_out);
    if (*size_out < sizeof *size_out || *size_out > MAX_SIZE)
        return cir__fail(err, CIR_ARGUMENT, "%s: has no size; set it up with %s_init", what, what);
    return CIR_OK;
}

cir_status cir__growable_read(const void *given, void *own, size_t own_size, const char *what, cir_error *err)
{
    const unsigned char *bytes = given;
    size_t size;

    memset(own, 0, own_size);
    cir_status status = read_size(given, what, &size, err);
    if (status != CIR_OK)
        return status;
    memcpy(own, given, least(size, own_size));
    memcpy(own, &own_size, sizeof own_size);
    for (size_t i = own_size; i < size; i++)
        if (bytes[i] != 0)
            return cir__fail(err, CIR_UNSUPPORTED,
                             "%s: has a member that this version of the library does not know; update it",
                             what);
    return CIR_OK;
}

cir_status cir__options_read(const void *given, void *own, size_t own_size, const char *what, cir_error *err)
{
    if (given != NULL)
        return cir__growable_read(given, own, own_size, what, err);
    memset(own, 0, own_size);
    memcpy(own, &own_size, sizeof own_size);
    return CIR_OK;
}

cir_status cir__growable_write(void *given, const void *own, size_t own_size, const char *what,
                               cir_error *err)
{
    size_t size;
    cir_status status = read_size(given, what, &size, err);
    if (status != CIR_OK)
        return status;
    memset(given, 0, size);
    memcpy(given, own, least(size, own_size));
    memcpy(given, &size, sizeof size);
    return CIR_OK;
}

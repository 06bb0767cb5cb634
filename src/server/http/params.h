/* A request's target taken apart: the path as it stands, the parameters behind "?" decoded. */
#ifndef CIR_SERVER_PARAMS_H
#define CIR_SERVER_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"

enum { CIR__MAX_PARAMS = 16 };

/* path is not decoded: no route needs it, and what is never decoded cannot be encoded past a check. */
typedef struct cir__params {
    char *memory;
    const char *path;
    size_t n;
    struct {
        const char *name, *value;
    } pairs[CIR__MAX_PARAMS];
} cir__params;

/* End with cir__params_done. Errors: CIR_ARGUMENT: a bad escape, a zero, a space or control character that is
 * not escaped, too many parameters, one that comes twice. CIR_NO_MEMORY. After any of them what is there may
 * be read: path is never NULL. */
CIR_MUST_CHECK cir_status cir__params_parse(const char *target, cir__params *params_out, cir_error *err);
void cir__params_done(cir__params *params); /* a zeroed one is allowed */

/* NULL where it was not given. */
const char *cir__params_get(const cir__params *params, const char *name);

/* A whole number in [least, most]; value untouched where it was not given. Errors: CIR_ARGUMENT. */
CIR_MUST_CHECK cir_status cir__params_count(const cir__params *params, const char *name, size_t least,
                                            size_t most, size_t *value, cir_error *err);

/* Parameters that a route does not know are refused by name: a misspelt one would be passed over in silence
 * otherwise. known ends with NULL. Errors: CIR_ARGUMENT. */
CIR_MUST_CHECK cir_status cir__params_check(const cir__params *params, const char *const *known,
                                            cir_error *err);

/* Digits alone, below 10^15. */
bool cir__digits_parse(const char *text, size_t n, size_t *value_out);

#endif

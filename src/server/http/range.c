#include "server/http/range.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Digits; what is too large for 63 bits is the largest. false: there are none. */
static bool take_number(const char **at, uint64_t *value_out)
{
    const char *start = *at;
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; ++*at)
        value = value > INT64_MAX / 10 - 1 ? INT64_MAX : 10 * value + (uint64_t)(**at - '0');
    *value_out = value;
    return *at > start;
}

cir__range_kind cir__range_parse(const char *range, uint64_t size, uint64_t *first_out, uint64_t *n_out)
{
    static const char unit[] = "bytes=";
    uint64_t first = 0;
    uint64_t last = 0;
    *first_out = 0;
    *n_out = size;
    if (range == NULL || strncasecmp(range, unit, sizeof unit - 1) != 0)
        return CIR__RANGE_WHOLE;
    const char *at = range + sizeof unit - 1;
    at += strspn(at, " \t");
    bool has_first = take_number(&at, &first);
    if (*at++ != '-')
        return CIR__RANGE_WHOLE;
    bool has_last = take_number(&at, &last);
    at += strspn(at, " \t");
    if (*at != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
        return CIR__RANGE_WHOLE;
    if (!has_first) { /* the last so many */
        first = last < size ? size - last : 0;
        if (last == 0)
            first = size;
        last = INT64_MAX;
    }
    if (first >= size)
        return CIR__RANGE_OUTSIDE;
    *first_out = first;
    *n_out = has_last && last < size ? last - first + 1 : size - first;
    return CIR__RANGE_PART;
}

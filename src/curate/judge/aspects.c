#include "curate/judge/aspects.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    bool is_of_change;
    const char *values; /* in the order of their numbers from 1, "clear" last */
} aspects[CIR__N_ASPECTS] = {
    [CIR__ASPECT_POSITIVE] = {"positive", true, "yes, no, unsure, skip, clear"},
    [CIR__ASPECT_OBJECT] = {"object", false, "same, alike, other, clear"},
    [CIR__ASPECT_TEXT] = {"text", true, "holds, nearly, no, clear"},
    [CIR__ASPECT_QUERY] = {"query", false, "yes, no, clear"},
    [CIR__ASPECT_REMOVE] = {"remove", false, "no, watermark, person, low-quality, nonsense, other, clear"},
    [CIR__ASPECT_FILTER] = {"filter", false, "keep, no, clear"},
};

cir__aspect cir__aspect_parse(const char *name)
{
    int aspect = 0;
    while (aspect < CIR__N_ASPECTS && strcmp(aspects[aspect].name, name) != 0)
        aspect++;
    return (cir__aspect)aspect;
}

bool cir__aspect_is_of_change(cir__aspect aspect)
{
    return aspect < CIR__N_ASPECTS && aspects[aspect].is_of_change;
}

int cir__aspect_parse_value(cir__aspect aspect, const char *value)
{
    if (strcmp(value, "clear") == 0)
        return CIR__CLEAR;
    const size_t size = strlen(value);
    int number = 1;
    for (const char *at = aspect < CIR__N_ASPECTS ? aspects[aspect].values : ""; size > 0 && *at != '\0';
         number++) {
        const size_t length = strcspn(at, ",");
        if (length == size && strncmp(at, value, size) == 0)
            return number;
        at += length + (at[length] == ',' ? 2 : 0);
    }
    return -1;
}

const char *cir__aspect_values(cir__aspect aspect)
{
    return aspect < CIR__N_ASPECTS ? aspects[aspect].values : "";
}

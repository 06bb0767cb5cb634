/* What may be said of a picture. */
#ifndef CIR_CURATE_ASPECTS_H
#define CIR_CURATE_ASPECTS_H

#include <stdbool.h>

typedef enum cir__aspect {
    CIR__ASPECT_POSITIVE,
    CIR__ASPECT_OBJECT,
    CIR__ASPECT_TEXT,
    CIR__ASPECT_QUERY,
    CIR__ASPECT_REMOVE,
    CIR__ASPECT_FILTER,
    CIR__N_ASPECTS
} cir__aspect;

/* Numbers of values; 0 is "clear" of every aspect. Those of object and text are cir_judged_object and cir_judged_text.
 */
enum { CIR__CLEAR = 0, CIR__YES = 1, CIR__NO = 2, CIR__UNSURE = 3, CIR__SKIP = 4, CIR__NOT_REMOVED = 1 };

/* CIR__N_ASPECTS for a name that is none. */
cir__aspect cir__aspect_parse(const char *name);
bool cir__aspect_is_of_change(cir__aspect aspect);

/* A value's number; −1: it is none of this aspect's. */
int cir__aspect_parse_value(cir__aspect aspect, const char *value);

/* The values of an aspect, for messages: "yes, no, unsure, skip, clear". Static storage. */
const char *cir__aspect_values(cir__aspect aspect);

#endif

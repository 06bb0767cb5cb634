/* Which photos a request is about: by folder, time, shape, camera. */
#ifndef CIR_SERVER_FILTER_H
#define CIR_SERVER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "cir/status.h"

typedef enum cir__orientation {
    CIR__ANY_ORIENTATION,
    CIR__LANDSCAPE, /* wider than high */
    CIR__PORTRAIT,
    CIR__SQUARE
} cir__orientation;

/* Zeroed: all photos. A photo whose time is not known is within no range of time. */
typedef struct cir__filter {
    char *folder; /* and all below it; NULL: any */
    bool has_after, has_before;
    int64_t after, before; /* seconds since 1970 of the camera's clock: after ≤ time < before */
    cir__orientation orientation;
    char *camera; /* NULL: any */
} cir__filter;

/* Reads {"folder", "after", "before", "orientation", "camera"}, each optional; "before" is a day that is
 * still within. End with cir__filter_done, whatever came back. Errors: CIR_ARGUMENT, CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__filter_parse(const json_t *object, cir__filter *filter_out, cir_error *err);
void cir__filter_done(cir__filter *filter);

bool cir__filter_is_empty(const cir__filter *filter);

/* The same filters, and no others, give the same text. free(). NULL where memory is short. */
char *cir__filter_key(const cir__filter *filter);

/* "2021-12-31" as seconds since 1970 at its beginning. */
bool cir__day_parse(const char *text, int64_t *seconds_out);

/* Whether path is folder or lies below it. */
bool cir__folder_holds(const char *folder, const char *path);

#endif

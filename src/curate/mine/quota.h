/* Which candidates an instance's pool takes, where there are more than it may hold. */
#ifndef CIR_CURATE_QUOTA_H
#define CIR_CURATE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/curate.h"

typedef struct cir__quota_item {
    cir_source_type type;
    size_t rank;    /* best of all seeds */
    bool is_needed; /* taken whatever the quota: people judged it */
    bool is_taken;  /* out */
} cir__quota_item;

/* Takes at most `most` items beside the needed ones, or all: each type an equal share, what one does not use going to
 * the others; within a type by rank, which is one picture of each seed in turn, then by order. items: [n]; order_scratch:
 * [n]. */
void cir__quota_take(cir__quota_item *items, size_t n, size_t most, size_t *order_scratch);

#endif

/* The categories of cir eval --categories. */
#ifndef CIR_CLI_TAXONOMIES_H
#define CIR_CLI_TAXONOMIES_H

#include <jansson.h>

#include "cir/cir.h"
#include "cir/experiment.h"
#include "cli/common/arguments.h"

enum { CIR__MAX_TAXONOMIES = 16 };

/* Zeroed means none. */
typedef struct cir__taxonomies {
    cir_categories *all[CIR__MAX_TAXONOMIES];
    size_t n;
} cir__taxonomies;

/* Opens every file that --categories names. CIR__DONE, or an exit status after a message; end with
 * cir__taxonomies_close either way. */
int cir__taxonomies_open(const cir__arguments *arguments, const cir_dataset *dataset,
                         cir__taxonomies *taxonomies);
void cir__taxonomies_close(cir__taxonomies *taxonomies);

/* Adds "per_category" to a method's metrics: {NAME: {category: {"mAP", "mmAP"}}}. */
int cir__taxonomies_add(const cir__taxonomies *taxonomies, const cir_dataset *dataset,
                        const cir_eval_result *result, json_t *method);

/* Adds "categories" to results: [{"name", "by": "instance" or "text", "categories": [{"name", "n_queries",
 * "n_instances"}]}]. */
void cir__taxonomies_describe(const cir__taxonomies *taxonomies, json_t *results);

/* Prints a table for each: mean AP, a row a method. methods: as results have them. */
void cir__taxonomies_print(const cir__taxonomies *taxonomies, const json_t *methods);

#endif

/* What an update of an index did, for people and for programs. */
#ifndef CIR_CLI_SUMMARY_H
#define CIR_CLI_SUMMARY_H

#include <jansson.h>

#include "cir/cir.h"

void cir__summary_print(const char *index_path, const cir_update_progress *result, double seconds);
json_t *cir__summary_json(const cir_update_progress *result, double seconds);

/* "7 files of kinds that are not read: cr2 3, bmp 2, mp4 2", without an end of line; nothing where n is 0. */
void cir__summary_print_skipped(const cir_skipped *kinds, size_t n);
json_t *cir__summary_skipped_json(const cir_skipped *kinds, size_t n);

#endif

/* The library's values as JSON. */
#ifndef CIR_SHARED_JSON_ENCODE_H
#define CIR_SHARED_JSON_ENCODE_H

#include <stddef.h>

#include <jansson.h>

#include "cir/cir.h"

/* Has every refusal of memory to a JSON document be counted, in the whole process: a member for which there
 * was none is left out without a word, and what was made since may not be whole. To be called before any
 * document is made. */
void cir__json_watch_memory(void);

/* How many allocations for documents were refused until now; 0 where none is watched. */
size_t cir__json_n_refused(void);

/* A JSON string of bytes that may not be UTF-8: what is not becomes U+FFFD. NULL becomes null. */
json_t *cir__json_text(const char *bytes);

/* Adds "path", and where its bytes are not UTF-8, so that the text does not open the file, "path_bytes",
 * which are they in base64. */
void cir__json_add_path(json_t *object, const char *path);

/* A number, or null for NaN and infinity. */
json_t *cir__json_number(double value);

json_t *cir__json_size(size_t value);

/* "2008-05-30T15:56:01", or null where the time is not known (INT64_MIN) or no date. */
json_t *cir__json_time(int64_t seconds);

/* What whoever sees answers of a model must know of it, or null: the demo encoder's are no measure of
 * anything. */
json_t *cir__model_hint_json(const char *model_path);

/* All settings as an object: numbers where they are numbers. */
json_t *cir__settings_json(const cir_settings *settings);

/* {kind: "harris", clamps, lambda, weight} */
json_t *cir__fusion_json(const cir_fusion *fusion);

/* How documents are written everywhere: numbers alike. */
enum { CIR__JSON_STYLE = JSON_INDENT(1) | JSON_REAL_PRECISION(10) }; /* for people too */
enum { CIR__JSON_WIRE = JSON_COMPACT | JSON_REAL_PRECISION(10) };

#endif

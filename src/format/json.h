/* JSON objects read with messages that name file and key: a thin seam over jansson.
 *
 * The getters leave *out as it is where the key is absent or null, so that a caller sets its default
 * first. */
#ifndef CIR_FORMAT_JSON_H
#define CIR_FORMAT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/file.h"
#include "cir/status.h"

/* Parses one object; a key that stands twice in the same object is an error. Free with json_decref. Errors:
 * CIR_FORMAT (with line and column), CIR_LIMIT (more than max_bytes). */
CIR_MUST_CHECK cir_status cir__json_parse(cir__bytes_view bytes, size_t max_bytes, json_t **object_out,
                                          cir_error *err);

/* The same of a whole file, whose top is an object or, with is_array, an array. Errors: those of reading,
 * too. */
CIR_MUST_CHECK cir_status cir__json_read(const char *path, size_t max_bytes, bool is_array, json_t **top_out,
                                         cir_error *err);

/* A whole number in [min, max]. file is for messages here and below. Errors: CIR_FORMAT (no whole number, or
 * out of range: the message names the range). */
CIR_MUST_CHECK cir_status cir__json_get_size(const json_t *object, const char *key, const char *file,
                                             size_t min, size_t max, size_t *out, cir_error *err);

/* A number, whole or not. Errors: CIR_FORMAT. */
CIR_MUST_CHECK cir_status cir__json_get_double(const json_t *object, const char *key, const char *file,
                                               double *out, cir_error *err);

/* A string or an object, lent by object. Errors: CIR_FORMAT. */
CIR_MUST_CHECK cir_status cir__json_get_text(const json_t *object, const char *key, const char *file,
                                             const char **out, cir_error *err);
CIR_MUST_CHECK cir_status cir__json_get_object(const json_t *object, const char *key, const char *file,
                                               const json_t **out, cir_error *err);

#endif

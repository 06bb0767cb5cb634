/* Filling a data set from a benchmark's annotations: what the readers of CIRR, CIRCO and FashionIQ share. */
#ifndef CIR_EVAL_TRIPLET_READER_H
#define CIR_EVAL_TRIPLET_READER_H

#include <jansson.h>

#include "eval/data/dataset.h"

/* A data set being read from files below a folder. */
typedef struct cir__triplet_reader {
    cir_dataset *dataset;
    const char *folder;
    cir_error *err;
    const char *file; /* lent; this and entry tell messages where */
    size_t entry;
    size_t n_items, n_queries; /* so far */
    size_t gallery;            /* that is being read */
    size_t first_item;         /* of it */
    cir__intern names;         /* of its rows, counted from first_item */
} cir__triplet_reader;

/* The folder's file as JSON of at most 1 GiB, whose top is an array or an object. Free with json_decref.
 * Errors: those of reading, CIR_FORMAT. */
CIR_MUST_CHECK cir_status cir__triplet_reader_load(const cir__triplet_reader *reader, const char *file,
                                                   bool is_array, json_t **top_out);

/* Messages are about this file from now on. */
void cir__triplet_reader_enter(cir__triplet_reader *reader, const char *file);

/* Takes memory for so many rows and queries, in galleries of those names. Errors: CIR_FORMAT (none of
 * either), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__triplet_reader_start(cir__triplet_reader *reader, const cir__triplets_set *set,
                                                    const char *const *galleries, size_t n_galleries,
                                                    size_t n_items, size_t n_queries);
void cir__triplet_reader_done(cir__triplet_reader *reader); /* the reader's own memory; zeroed is allowed */

/* The next gallery's rows follow; the first needs no word. */
void cir__triplet_reader_next_gallery(cir__triplet_reader *reader);

/* One row of the gallery. Errors: CIR_FORMAT (its name is there already), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__triplet_reader_add_item(cir__triplet_reader *reader, const char *name,
                                                       const char *path);

/* The row of a name, counted from the gallery's first. Errors: CIR_FORMAT (there is none; role: what it was
 * to be, "reference"), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__triplet_reader_find(cir__triplet_reader *reader, const char *role,
                                                   const char *name, size_t *row_out);

/* The entry's query over the gallery: its reference's row, its text, what intervals go by, and what
 * submissions call it (NULL: nothing). Its lists follow. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__triplet_reader_add_query(cir__triplet_reader *reader, size_t reference,
                                                        const char *text, const char *group, const char *key);

/* A row more in a list of the query added last. Errors: CIR_FORMAT (it is there already), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__triplet_reader_push(cir__triplet_reader *reader, cir__row_lists *lists,
                                                   const char *role, size_t row);

/* An entry's text, lent by it; a whole number as text. Errors: CIR_FORMAT (not there, or something else). */
#define CIR__ID_SIZE 24
CIR_MUST_CHECK cir_status cir__triplet_reader_get(cir__triplet_reader *reader, const json_t *entry,
                                                  const char *key, const char **text_out);
CIR_MUST_CHECK cir_status cir__triplet_reader_get_id(cir__triplet_reader *reader, const json_t *value,
                                                     const char *role, char id_out[CIR__ID_SIZE]);

/* CIR_FORMAT: "FILE: entry N: WHY". */
CIR_MUST_CHECK cir_status cir__triplet_reader_refuse(const cir__triplet_reader *reader, const char *format,
                                                     ...) CIR_PRINTF(2, 3);

#endif

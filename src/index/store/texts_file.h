/* texts.bin: features of the texts that were asked for lately, beside the vectors of the model that made
 * them, so that a text is encoded once and not by every process anew.
 *
 * The file holds no text: an entry goes by the SHA-256 of what its feature depends on. Still, whoever can
 * read the file can try words and see whether they were asked for, so it is its owner's alone to read.
 *
 *   header     64 bytes: magic, byte order, version, dim, number of entries
 *   directory  [4096] of a key (32 bytes) and when it was used last (64 bits, counted up; 0: empty)
 *   slots      [4096] of a checksum (XXH3-64 of what follows), how many texts were cut (64 bits), the key,
 *              and the feature (float32 [dim]); the file ends with the last one that is in use
 *
 * An entry counts only where its slot has the directory's key and a checksum that is right. So processes that
 * write at once, one that is killed within, and a disk that is full cost entries and nothing else; no sync is
 * needed. When all are in use, the one that was not used for longest goes.
 *
 * Stateless: every call opens the file, thread-safe, and silent where there is none or it cannot be written.
 * What it must not know: models, methods. */
#ifndef CIR_INDEX_TEXTS_FILE_H
#define CIR_INDEX_TEXTS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/folder.h"

#define CIR__TEXTS_NAME "texts.bin"
#define CIR__TEXTS_ENTRIES 4096

/* The kept feature of a text: feature_out [dim], *n_cut_out; false, with both unspecified, where there is
 * none. folder: that of the model in the index; kind: names all that the feature depends on beside model and
 * text. */
bool cir__texts_file_find(const cir__folder *folder, size_t dim, const char *kind, const char *text,
                          float *feature_out, size_t *n_cut_out);

/* Keeps a feature [dim] of unit length. */
void cir__texts_file_put(const cir__folder *folder, size_t dim, const char *kind, const char *text,
                         const float *feature, size_t n_cut);

/* What is wrong with the file, for people (static), or NULL: there is none, or it is sound, or a process is
 * writing to it. */
const char *cir__texts_file_examine(const cir__folder *folder, size_t dim);

#endif

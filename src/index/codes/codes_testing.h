/* An index with codes, for their tests. */
#ifndef CIR_INDEX_CODES_TESTING_H
#define CIR_INDEX_CODES_TESTING_H

#include "index/codes/codes_pair.h"
#include "index/synthetic/index_testing.h"

#define KEY_FOLDER "photos.cir/features/fake-model-01234567/"
#define BIN KEY_FOLDER CIR__CODES_NAME
#define SUMS KEY_FOLDER CIR__CODES_SUMS_NAME

void write_photo(const testing *t, int i, const char *kind);

void make_index(testing *t, int n);

void assert_whole(const testing *t);

uint8_t *read_file(const testing *t, const char *name, size_t *size_out);

cir__codes_header read_header(const testing *t);

#endif

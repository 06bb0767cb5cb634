/* For the tests of this folder: a temporary folder of synthetic pictures, and an encoder that is fast, exact
 * and knows what it was asked. */
#ifndef CIR_INDEX_INDEX_TESTING_H
#define CIR_INDEX_INDEX_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cir/index.h"
#include "index/update/encoder.h"

#define TESTING_DIM 8

#define TESTING_SECOND_DIM 5

/* A picture is a file that begins with "PIC"; its feature depends on all its bytes. "NAN" in it makes a
 * feature that is no number, "BAD" makes encoding its batch fail, "1ST" and "2ND" that of one encoder. */
typedef struct testing {
    char folder[64]; /* temporary; photos/ in it */
    char index[80];  /* folder/photos.cir */
    char photos[80];
    cir__encoder encoder;
    cir__encoder second; /* another model */
    cir__encoder pair[2];
    cir__encoders encoders; /* of updates: the first alone, until testing_use_both */
    cir_pool *pool;
    atomic_size_t n_read;
    atomic_size_t n_prepared;
    size_t n_encoded;
    size_t n_encoded_second;
    unsigned delay_us; /* of every encoding */
} testing;

void testing_init(testing *t, size_t n_threads);

/* Updates are with both encoders from now on. */
void testing_use_both(testing *t);
void testing_done(testing *t);

/* Files and folders by their path below the temporary folder; folders in between are made. Every file written
 * gets a time of modification of its own, in seconds, which is returned. */
long testing_write(const testing *t, const char *name, const char *text);
void testing_remove(const testing *t, const char *name);
void testing_rename(const testing *t, const char *from, const char *to);
void testing_link(const testing *t, const char *target, const char *name);
void testing_path(const testing *t, const char *name, char path_out[512]);

/* Updates the index from photos/, or from one given path, and asserts the status. Without options of its own
 * it makes compact codes of however few photos. */
cir_update_progress testing_update(testing *t, cir_status expected);
cir_update_progress testing_update_with(testing *t, const char *path, const cir_update_options *options,
                                        cir_status expected);

/* Opens the index, which must succeed, with the features of the testing encoder, or of the second. */
cir_index *testing_open(const testing *t);
cir_index *testing_open_second(const testing *t);

/* The id of a file by its name below the temporary folder; fails the test when it is not in. */
size_t testing_find(const testing *t, const cir_index *index, const char *name);

/* Asserts that an image's feature is that of a text, as the shown model makes it. */
void testing_assert_feature(const cir_index *index, size_t id, const char *text, size_t size);

/* Asserts that a file is in, ready, and has the feature of its content now. Returns its id. */
size_t testing_assert_ready(const testing *t, const cir_index *index, const char *name);
void testing_assert_state(const testing *t, const cir_index *index, const char *name, cir_image_state state);

/* Asserts that every code that is trusted is, to the bit, one that is made anew of the feature as it is.
 * is_whole: that all features have one, and nothing else does. */
void testing_assert_codes(const cir_index *index, bool is_whole);

/* Asserts that everything in the index is consistent: every ready row has the feature of some content, check
 * finds nothing. */
void testing_assert_clean(const testing *t);

#endif

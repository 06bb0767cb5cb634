/* For the tests of this folder: a temporary folder with an index of drawn photos by the demo encoder. */
#ifndef CIR_RETRIEVAL_SCENE_H
#define CIR_RETRIEVAL_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cir/collection.h"

#define SCENE_N_PHOTOS 40 /* of them, every fifth is the one before it, saved anew */

typedef struct scene {
    char folder[64];
    char index[96];
    char photos[96]; /* photos/a, photos/b, photos/ab: photo i is in the i % 3rd, as N.jpg */
    cir_model *model;
    cir_pool *pool;
    cir_collection *collection;
} scene;

/* min_coded: as in cir_update_options; 0: no codes. */
void scene_init(scene *s, size_t min_coded);
void scene_done(scene *s);

/* Photo i's path, and a picture of its own there, drawn from its number. Written with EXIF's time on day i of 1999,
 * but every seventh. */
void scene_path(const scene *s, size_t i, char path_out[160]);
void scene_draw(const scene *s, size_t i);

/* Brings the index up to date. */
void scene_update(const scene *s, size_t min_coded);

cir_search_request scene_request(void);
cir_answer *scene_search(const scene *s, const cir_search_request *request);

/* Asserts that a search is refused, and with which words. */
void scene_refuse(const scene *s, const cir_search_request *request, cir_status status, const char *words);

/* Records and features of all rows. record: to be ended by the caller. */
cir_image_record scene_record(const scene *s, size_t id);
void scene_feature(const scene *s, size_t id, float *feature_out);
size_t scene_n_rows(const scene *s);
size_t scene_dim(const scene *s);

/* Asserts that both have the same hits, to the bit. */
void scene_assert_same(const cir_answer *answer, const cir_answer *other);

#endif

/* A model and an index that tests of the composer stand in for: they define the functions of model.h and
 * index.h that the composer calls, so that the linker never takes the library's. */
#ifndef CIR_METHOD_STAND_IN_TEST_H
#define CIR_METHOD_STAND_IN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "base/folder.h"
#include "cir/method.h"

#define DIM 12
#define MAX_ROWS 2000

struct cir_model {
    cir_model_info info;
};

struct cir_index {
    cir_index_info info;
    cir_index_model model;
    char folder[64];
    cir__folder *opened;
    uint16_t vectors[MAX_ROWS * DIM];
    uint8_t ready[MAX_ROWS];
};

/* What the model was asked since the counts were last set to 0. */
extern size_t n_calls, n_texts;
extern char first_text[64], last_text[64];

/* A unit vector [DIM] that a hash of the text decides, all of them on one side of the origin. */
void text_feature(const char *text, float *out);

/* A folder of its own, two small corpora in it, a model, and an index of n_rows images. */
typedef struct scene {
    cir_model model;
    cir_index index;
    cir_settings settings;
} scene;

scene *scene_new(size_t n_rows);
void scene_free(scene *made);
void add_rows(cir_index *index, size_t n_rows, unsigned seed); /* until there are n_rows */
void row_get(const scene *made, size_t row, float *out);

/* Calls change(path), unless it is NULL, for the kept files whose names begin so, those of the corpora aside;
 * returns how many there are. */
size_t each_kept(const scene *made, const char *beginning, void (*change)(const char *path));
void erase(const char *path);

cir_composer *composer_new(const scene *made, cir_method method);
cir_composed compose(const cir_composer *composer, const float *image, const char *text);

/* ⟨a, b⟩ of features. */
double dot(const float *a, const float *b);

/* Whether two queries of both sides are the same to the bit. */
bool is_same_query(const cir_query *one, const cir_query *other);

#endif

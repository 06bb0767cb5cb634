/* For tests: an index and photos that change, for updates that are stopped at any moment. */
#ifndef CIR_INDEX_FAULT_SCENE_H
#define CIR_INDEX_FAULT_SCENE_H

#include "index/synthetic/index_testing.h"

#define MAX_CALLS 2000
#define N_PHOTOS 12

/* What photo i holds before and after; the times of its two writes tell a row's content. */
typedef struct fault_scene {
    testing t;
    char before[128]; /* the index as it was */
    size_t min_coded;
    long times[N_PHOTOS][2];
    char texts[N_PHOTOS][2][32];
} fault_scene;

/* The folder of the scene made last. */
extern char fault_scene_folder[64];

/* Copies an index, or the lack of it, over another. */
void fault_copy_index(const char *from, const char *to);

/* An index of the first photos, kept aside; then photos change, fail, move, vanish and come. */
void fault_scene_init(fault_scene *s, bool has_index);
cir_status fault_scene_update(const fault_scene *s, cir_error *err);

/* Opens, checks clean, holds what was committed; every ready row has the feature of the content it tells
 * of. */
void fault_scene_assert_sound(const fault_scene *s, bool had_index, size_t n_calls);

/* The next run ends as if nothing had been. */
void fault_scene_assert_finishes(fault_scene *s, bool had_index);

/* All of an update is there, without another one. */
void fault_scene_assert_complete(const fault_scene *s);

/* Two photos of an index with codes become others, which are not coded yet. Copies of before and after. */
void fault_coding_init(testing *t, char old_out[128], char new_out[128]);

/* What an interrupted coding left is right; so it is should the photos be what they were again, before any
 * update; and the next run ends as if nothing had been. */
void fault_coding_assert_sound(const testing *t, const char *old, const char *new);

#endif

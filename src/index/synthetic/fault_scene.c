#include "index/synthetic/fault_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index/codes/codes_update.h"
#include "index/update/update.h"

char fault_scene_folder[64];

static void write_photo(fault_scene *s, int i, int version, const char *kind)
{
    char name[64];
    snprintf(name, sizeof name, "photos/p%02d.jpg", i);
    snprintf(s->texts[i][version], sizeof s->texts[i][version], "%s %d.%d", kind, i, version);
    s->times[i][version] = testing_write(&s->t, name, s->texts[i][version]);
}

void fault_copy_index(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf %s; [ ! -e %s ] || cp -a %s %s", to, from, from, to);
    assert_int_equal(system(command), 0);
}

void fault_scene_init(fault_scene *s, bool has_index)
{
    memset(s, 0, sizeof *s);
    testing_init(&s->t, 1);
    strcpy(fault_scene_folder, s->t.folder);
    /* Codes are begun where there is an index without: that is one place that can fail for both. */
    s->min_coded = has_index ? 1 : SIZE_MAX;
    for (int i = 0; i < 8; i++)
        write_photo(s, i, 0, i == 3 ? "broken" : "PIC");
    const cir_update_options uncoded = {.size = sizeof uncoded, .min_coded = SIZE_MAX};
    if (has_index)
        testing_update_with(&s->t, s->t.photos, &uncoded, CIR_OK);
    snprintf(s->before, sizeof s->before, "%s/before.cir", s->t.folder);
    fault_copy_index(s->t.index, s->before);
    write_photo(s, 0, 1, "PIC");
    write_photo(s, 1, 1, "broken");
    write_photo(s, 3, 1, "PIC");
    for (int i = 8; i < N_PHOTOS; i++)
        write_photo(s, i, 1, i == 9 ? "broken" : "PIC");
    testing_rename(&s->t, "photos/p05.jpg", "photos/q05.jpg");
    testing_remove(&s->t, "photos/p06.jpg");
}

static void ignore_left_overs(void *context, const char *finding, bool was_repaired)
{
    (void)context;
    (void)was_repaired;
    if (strstr(finding, "longer than the catalogue says") == NULL &&
        strstr(finding, "belongs to no model") == NULL &&
        /* Of two new files of codes there is but the first. */
        strstr(finding, "codes.bin: cannot be opened: No such file") == NULL &&
        strstr(finding, "codes.sums: belongs to other codes") == NULL)
        fail_msg("%s", finding);
}

void fault_scene_assert_sound(const fault_scene *s, bool had_index, size_t n_calls)
{
    cir_index *index;
    cir_error err;
    cir_status status = cir_index_open(s->t.index, NULL, &index, &err);
    if (!had_index && (status == CIR_NOT_FOUND || status == CIR_FORMAT))
        return;
    if (status != CIR_OK)
        fail_msg("call %zu: %s", n_calls, err.message);
    const cir_index_info *info = cir_index_get_info(index);
    assert_true(!had_index || info->n_rows >= 8);
    for (size_t id = 0; id < info->n_rows; id++) {
        cir_image_record record;
        assert_int_equal(cir_index_get_record(index, id, &record, NULL), CIR_OK);
        const char *text = NULL;
        for (int i = 0; i < N_PHOTOS; i++)
            for (int version = 0; version < 2; version++)
                if (s->times[i][version] == record.modified_ns / 1000000000)
                    text = s->texts[i][version];
        assert_non_null(text);
        if (record.state == CIR_IMAGE_READY)
            testing_assert_feature(index, id, text, strlen(text));
        /* What nobody touched is never lost. */
        if (had_index && (id == 2 || id == 4 || id == 5 || id == 7))
            assert_int_equal(record.state, CIR_IMAGE_READY);
        cir_image_record_done(&record);
    }
    testing_assert_codes(index, false);
    cir_index_close(index);
    if (cir_index_check(s->t.index, false, NULL, ignore_left_overs, NULL, NULL, &err) != CIR_OK)
        fail_msg("call %zu: %s", n_calls, err.message);
}

void fault_scene_assert_finishes(fault_scene *s, bool had_index)
{
    const cir_update_options options = {.size = sizeof options, .min_coded = s->min_coded};
    testing_update_with(&s->t, s->t.photos, &options, CIR_OK);
    cir_index *index = testing_open(&s->t);
    const cir_index_info *info = cir_index_get_info(index);
    assert_int_equal(info->n_rows, had_index ? 12 : 11);
    assert_int_equal(info->n_ready, 9);
    assert_int_equal(info->n_failed, 2);
    assert_int_equal(info->n_pending, 0);
    testing_assert_ready(&s->t, index, "photos/p00.jpg");
    testing_assert_ready(&s->t, index, "photos/p03.jpg");
    testing_assert_ready(&s->t, index, "photos/p11.jpg");
    size_t id = testing_assert_ready(&s->t, index, "photos/q05.jpg");
    assert_true(!had_index || id == 5);
    testing_assert_codes(index, had_index);
    cir_index_close(index);
    testing_assert_clean(&s->t);
}

void fault_scene_assert_complete(const fault_scene *s)
{
    cir_index *index = testing_open(&s->t);
    assert_int_equal(cir_index_get_info(index)->n_ready, 9);
    assert_int_equal(cir_index_get_info(index)->n_failed, 2);
    testing_assert_ready(&s->t, index, "photos/p00.jpg");
    testing_assert_ready(&s->t, index, "photos/p11.jpg");
    cir_index_close(index);
}

cir_status fault_scene_update(const fault_scene *s, cir_error *err)
{
    const char *paths[] = {s->t.photos};
    cir_update_options options = {.size = sizeof options, .batch = 2, .min_coded = s->min_coded};
    return cir__index_update(s->t.index, paths, 1, &s->t.encoders, NULL, &options, 4, NULL, err);
}

static bool stop_before_coding(void *context, const cir_update_progress *now)
{
    (void)context;
    return now->n_to_code == 0;
}

static void assert_codes(const testing *t, bool is_whole)
{
    cir_index *index = testing_open(t);
    testing_assert_codes(index, is_whole);
    cir_index_close(index);
}

/* Gives the index the photos' rows and features of another, and leaves it its codes. */
static void take_features(const testing *t, const char *from)
{
    char command[1024];
    snprintf(command, sizeof command,
             "cp %s/catalogue.sqlite %s && cp %s/features/fake-model-01234567/vectors.npy "
             "%s/features/fake-model-01234567",
             from, t->index, from, t->index);
    assert_int_equal(system(command), 0);
}

void fault_coding_init(testing *t, char old_out[128], char new_out[128])
{
    testing_init(t, 1);
    strcpy(fault_scene_folder, t->folder);
    for (int i = 0; i < 70; i++) {
        char name[64];
        char text[32];
        snprintf(name, sizeof name, "photos/p%02d.jpg", i);
        snprintf(text, sizeof text, "PIC %d", i);
        testing_write(t, name, text);
    }
    testing_update(t, CIR_OK);
    snprintf(old_out, 128, "%s/old.cir", t->folder);
    fault_copy_index(t->index, old_out);
    testing_write(t, "photos/p03.jpg", "PIC other");
    testing_write(t, "photos/p66.jpg", "PIC another");
    const cir_update_options stopped = {.size = sizeof stopped, .min_coded = 1, .watch = stop_before_coding};
    testing_update_with(t, t->photos, &stopped, CIR_INTERRUPTED);
    snprintf(new_out, 128, "%s/new.cir", t->folder);
    fault_copy_index(t->index, new_out);
}

void fault_coding_assert_sound(const testing *t, const char *old, const char *new)
{
    assert_codes(t, false);
    take_features(t, old);
    assert_codes(t, false);
    take_features(t, new);
    assert_int_equal(cir__index_update_codes(t->index, NULL, NULL, 1, NULL), CIR_OK);
    assert_codes(t, true);
}

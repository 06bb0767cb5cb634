#include "retrieval/scene_testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { MAX_PX = 96 };

static const char *const places[] = {"a", "b", "ab"};

void scene_path(const scene *s, size_t i, char path_out[160])
{
    (void)snprintf(path_out, 160, "%s/%s/%02zu.jpg", s->photos, places[i % 3], i);
}

/* Stripes, whose number and colours differ from photo to photo. */
static cir_image draw(size_t i)
{
    cir_image image = {.width_px = i % 4 == 1 ? 64 : MAX_PX, .height_px = i % 4 == 2 ? 64 : MAX_PX};
    const size_t wide = 3 + i * 7 % 29;
    image.rgb = malloc(image.width_px * image.height_px * 3);
    assert_non_null(image.rgb);
    for (size_t y = 0; y < image.height_px; y++)
        for (size_t x = 0; x < image.width_px; x++) {
            const size_t stripe = ((i & 1) != 0 ? x : y) / wide + ((i & 2) != 0 ? x / 24 : 0);
            for (size_t c = 0; c < 3; c++)
                image.rgb[(y * image.width_px + x) * 3 + c] =
                    (uint8_t)((stripe * (37 + 50 * c) + i * (61 + 90 * c)) % 256);
        }
    return image;
}

/* A JPEG's marker, EXIF's header, one entry that leads to another, which is the time the photo was taken. */
static void write_with_time(FILE *file, const uint8_t *jpeg, size_t size, size_t day)
{
    uint8_t head[] = {
        0xff, 0xd8, 0xff, 0xe1, 0, 0, 'E', 'x', 'i', 'f', 0,  0, 'I', 'I', 42, 0, 8, 0, 0, 0, /* IFD at 8 */
        1,    0,    0x69, 0x87, 4, 0, 1,   0,   0,   0,   26, 0, 0,   0,   0,  0, 0, 0,  /* EXIF's at 26 */
        1,    0,    0x03, 0x90, 2, 0, 20,  0,   0,   0,   44, 0, 0,   0,   0,  0, 0, 0}; /* text at 44 */
    char when[21];
    assert_int_equal(snprintf(when, sizeof when, "1999:%02zu:%02zu 12:00:00", 1 + day / 28, 1 + day % 28),
                     19);
    head[5] = (uint8_t)(sizeof head - 4 + 20);
    assert_int_equal(fwrite(head, 1, sizeof head, file), sizeof head);
    assert_int_equal(fwrite(when, 1, 20, file), 20);
    assert_int_equal(fwrite(jpeg + 2, 1, size - 2, file), size - 2);
}

void scene_draw(const scene *s, size_t i)
{
    const size_t shown = i % 5 == 4 ? i - 1 : i;
    char path[160];
    uint8_t *jpeg;
    size_t size;
    cir_image image = draw(shown);
    assert_int_equal(cir_image_format_jpeg(&image, shown == i ? 95 : 94, &jpeg, &size, NULL), CIR_OK);
    free(image.rgb);
    scene_path(s, i, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    if (i % 7 != 0)
        write_with_time(file, jpeg, size, i);
    else
        assert_int_equal(fwrite(jpeg, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    cir_bytes_free(jpeg);
}

void scene_update(const scene *s, size_t min_coded)
{
    const char *paths[] = {s->photos};
    const cir_update_options options = {.size = sizeof options, .min_coded = min_coded, .is_trusted = true};
    cir_error err;
    if (cir_index_update(s->index, paths, 1, (const cir_model *const[]){s->model}, 1, s->pool, &options, NULL,
                         &err) != CIR_OK)
        fail_msg("%s", err.message);
}

void scene_init(scene *s, size_t min_coded)
{
    char path[160];
    cir_error err;
    *s = (scene){.folder = "/tmp/cir_retrieval_XXXXXX"};
    assert_non_null(mkdtemp(s->folder));
    (void)snprintf(s->index, sizeof s->index, "%s/photos.cir", s->folder);
    (void)snprintf(s->photos, sizeof s->photos, "%s/photos", s->folder);
    assert_int_equal(mkdir(s->photos, 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", s->photos, places[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    for (size_t i = 0; i < SCENE_N_PHOTOS; i++)
        scene_draw(s, i);
    assert_int_equal(cir_pool_new(2, &s->pool, NULL), CIR_OK);
    assert_int_equal(cir_model_open(CIR_MODEL_DEMO, NULL, &s->model, NULL), CIR_OK);
    scene_update(s, min_coded);
    cir_collection_options options;
    cir_collection_options_init(&options, sizeof options);
    options.model = s->model;
    options.pool = s->pool;
    options.is_trusted = true;
    if (cir_collection_open(s->index, &options, &s->collection, &err) != CIR_OK)
        fail_msg("%s", err.message);
}

void scene_done(scene *s)
{
    char command[128];
    cir_collection_close(s->collection);
    cir_model_close(s->model);
    cir_pool_free(s->pool);
    (void)snprintf(command, sizeof command, "rm -rf %s", s->folder);
    assert_int_equal(system(command), 0);
}

cir_search_request scene_request(void)
{
    cir_search_request request;
    cir_search_request_init(&request, sizeof request);
    return request;
}

cir_answer *scene_search(const scene *s, const cir_search_request *request)
{
    cir_error err;
    cir_answer *answer;
    if (cir_collection_search(s->collection, request, &answer, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return answer;
}

void scene_refuse(const scene *s, const cir_search_request *request, cir_status status, const char *words)
{
    cir_error err;
    cir_answer *answer;
    assert_int_equal(cir_collection_search(s->collection, request, &answer, &err), status);
    assert_null(answer);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", err.message, words);
}

static const cir_index *index_of(const scene *s)
{
    return cir_collection_get_info(s->collection)->index;
}

size_t scene_n_rows(const scene *s)
{
    return cir_index_get_info(index_of(s))->n_rows;
}

size_t scene_dim(const scene *s)
{
    return cir_index_get_info(index_of(s))->model->dim;
}

cir_image_record scene_record(const scene *s, size_t id)
{
    cir_image_record record;
    assert_int_equal(cir_index_get_record(index_of(s), id, &record, NULL), CIR_OK);
    return record;
}

void scene_feature(const scene *s, size_t id, float *feature_out)
{
    assert_int_equal(cir_index_get_feature(index_of(s), id, feature_out, NULL), CIR_OK);
}

void scene_assert_same(const cir_answer *answer, const cir_answer *other)
{
    assert_int_equal(cir_answer_get_n_hits(answer), cir_answer_get_n_hits(other));
    for (size_t i = 0; i < cir_answer_get_n_hits(answer); i++) {
        const cir_answer_hit *a = cir_answer_get_hit(answer, i);
        const cir_answer_hit *b = cir_answer_get_hit(other, i);
        assert_int_equal(a->id, b->id);
        assert_int_equal(a->rank, b->rank);
        assert_true(a->score == b->score && a->image_score == b->image_score &&
                    a->text_score == b->text_score);
    }
}

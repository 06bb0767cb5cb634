#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cir/decoder.h"
#include "image/memory_limit.h"

static const char *data_path(const char *name)
{
    static _Thread_local char path[1024];
    (void)snprintf(path, sizeof path, "%s/image/%s", getenv("CIR_TEST_DATA"), name);
    return path;
}

typedef struct passer {
    cir__memory_limit *limit;
    atomic_size_t *inside;
    size_t n_bytes, most;
} passer;

static void *pass_often(void *context)
{
    passer *self = context;
    for (int i = 0; i < 300; i++) {
        cir__memory_limit_enter(self->limit, self->n_bytes);
        const size_t inside = atomic_fetch_add(self->inside, self->n_bytes) + self->n_bytes;
        self->most = inside > self->most ? inside : self->most;
        if (i % 8 == 0)
            sched_yield();
        atomic_fetch_sub(self->inside, self->n_bytes);
        cir__memory_limit_leave(self->limit, self->n_bytes);
    }
    return NULL;
}

/* Four with 40 of 100 each, two with more than all: never more than the room, unless one alone. */
static void test_pictures_wait_for_room(void **state)
{
    (void)state;
    enum { N = 6, ROOM = 100 };
    cir__memory_limit limit;
    atomic_size_t inside = 0;
    pthread_t threads[N];
    passer passers[N];
    cir__memory_limit_init(&limit, ROOM);
    for (size_t i = 0; i < N; i++) {
        passers[i] = (passer){&limit, &inside, i < 4 ? 40 : 150, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, pass_often, &passers[i]), 0);
    }
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_true(passers[i].most <= (i < 4 ? ROOM : 150));
    }
    assert_int_equal(limit.used_bytes, 0);
    cir__memory_limit_done(&limit);
}

static void test_a_picture_that_takes_too_much_is_refused(void **state)
{
    (void)state;
    static const char *const kinds[] = {"rgb420.jpg", "progressive.jpg", "interlaced.png",
                                        "rgb.png",    "palette.gif",     "lzw.tif"};
    cir_error err;
    cir_decoder *decoder;
    const cir_decoder_options few = {.size = sizeof few, .max_picture_bytes = 1000000};
    assert_int_equal(cir_decoder_new(&few, &decoder, &err), CIR_OK);
    const cir_image_options options = {.size = sizeof options, .decoder = decoder};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        cir_image image;
        cir_image_facts facts;
        assert_int_equal(cir_image_read(data_path(kinds[i]), &options, &image, NULL, &err), CIR_LIMIT);
        assert_null(image.rgb);
        assert_non_null(strstr(err.message, kinds[i]));
        assert_non_null(strstr(err.message, "MB of memory to decode, and at most 1 are allowed"));
        /* What it says of itself takes no pixels. */
        assert_int_equal(cir_image_read_facts(data_path(kinds[i]), &options, &facts, &err), CIR_OK);
    }
    cir_decoder_free(decoder);
}

/* A decode of its own: pictures of 10 × 1 that take 60 bytes, told in two steps. */
typedef struct stranger {
    atomic_size_t inside;
    atomic_size_t most;
    atomic_size_t n;
} stranger;

static cir_status decode_strangely(void *context, const void *bytes, size_t size_bytes, const char *name,
                                   const cir_image_options *options, cir_decode_admit_fn *admit,
                                   void *admit_context, cir_image *image_out, cir_image_facts *facts_out,
                                   cir_error *err)
{
    stranger *self = context;
    (void)options;
    if (size_bytes > 0 && *(const char *)bytes == '?')
        return cir__fail(err, CIR_FORMAT, "%s: is not a picture", name);
    cir_status status = admit(admit_context, 20, err);
    if (status == CIR_OK)
        status = admit(admit_context, 60, err);
    if (status != CIR_OK)
        return status;
    const size_t inside = atomic_fetch_add(&self->inside, 1) + 1;
    if (inside > atomic_load(&self->most))
        atomic_store(&self->most, inside);
    sched_yield();
    atomic_fetch_sub(&self->inside, 1);
    atomic_fetch_add(&self->n, 1);
    *image_out = (cir_image){.width_px = 10, .height_px = 1, .rgb = calloc(10, 3)};
    facts_out->width_px = 10;
    return CIR_OK;
}

static void *parse_often(void *context)
{
    const cir_image_options *options = context;
    cir_image image;
    cir_error err;
    for (int i = 0; i < 200; i++) {
        if (cir_image_parse("x", 1, "x", options, &image, NULL, &err) != CIR_OK)
            return context;
        cir_image_done(&image);
    }
    return NULL;
}

static void test_a_program_decodes_itself(void **state)
{
    (void)state;
    enum { N = 4 };
    stranger self = {0};
    cir_decoder *decoder;
    cir_error err;
    const cir_decoder_options how = {
        .size = sizeof how, .memory_bytes = 100, .decode = decode_strangely, .context = &self};
    assert_int_equal(cir_decoder_new(&how, &decoder, &err), CIR_OK);
    cir_image_options options = {.size = sizeof options, .decoder = decoder};
    cir_image image, other;
    cir_image_facts facts;
    assert_int_equal(cir_image_parse("?", 1, "a", &options, &image, &facts, &err), CIR_FORMAT);
    assert_string_equal(err.message, "a: is not a picture");
    assert_int_equal(cir_image_parse("x", 1, "x", &options, &image, &facts, &err), CIR_OK);
    assert_int_equal(facts.width_px, 10);
    assert_int_equal(cir_image_parse("x", 1, "x", &options, &other, &facts, &err),
                     CIR_OK); /* waits for none */
    cir_image_done(&other);
    cir_image_done(&image);
    /* Two do not fit, whether they count until they end or while they are decoded. */
    for (int counts = 0; counts < 2; counts++) {
        pthread_t threads[N];
        options.count_until_done = counts == 1;
        for (size_t i = 0; i < N; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, parse_often, &options), 0);
        for (size_t i = 0; i < N; i++) {
            void *failed;
            pthread_join(threads[i], &failed);
            assert_null(failed);
        }
        assert_int_equal(atomic_load(&self.most), 1);
    }
    assert_int_equal(atomic_load(&self.n), 2 + 2 * N * 200);
    cir_decoder_free(decoder);
}

static void *parse_one(void *context)
{
    cir_image image;
    if (cir_image_parse("x", 1, "x", context, &image, NULL, NULL) == CIR_OK)
        cir_image_done(&image);
    return NULL;
}

static void test_a_picture_counts_until_it_is_done(void **state)
{
    (void)state;
    stranger self = {0};
    cir_decoder *decoder;
    cir_error err;
    const cir_decoder_options how = {
        .size = sizeof how, .memory_bytes = 100, .decode = decode_strangely, .context = &self};
    assert_int_equal(cir_decoder_new(&how, &decoder, &err), CIR_OK);
    cir_image_options options = {.size = sizeof options, .decoder = decoder, .count_until_done = true};
    cir_image image;
    assert_int_equal(cir_image_parse("x", 1, "x", &options, &image, NULL, &err), CIR_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, parse_one, &options), 0);
    for (int i = 0; i < 1000; i++)
        sched_yield();
    assert_int_equal(atomic_load(&self.n), 1); /* the other waits */
    cir_image_done(&image);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&self.n), 2);
    cir_decoder_free(decoder);
}

static void test_thumbnails_fit(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t width, height;
    } boxes[] = {
        {"rgb420.jpg", 16, 16}, {"rgb420.jpg", 1000, 8}, {"rgb.png", 5, 1000}, {"rgb.png", 9999, 9999}};
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++) {
        cir_image whole, small;
        cir_image_facts facts;
        cir_error err;
        assert_int_equal(cir_image_read(data_path(boxes[i].name), NULL, &whole, NULL, &err), CIR_OK);
        assert_int_equal(cir_image_read_thumbnail(data_path(boxes[i].name), boxes[i].width, boxes[i].height,
                                                  NULL, &small, &facts, &err),
                         CIR_OK);
        assert_int_equal(facts.width_px, whole.width_px);
        assert_int_equal(facts.height_px, whole.height_px);
        double scale = 1;
        if ((double)boxes[i].width / (double)whole.width_px < scale)
            scale = (double)boxes[i].width / (double)whole.width_px;
        if ((double)boxes[i].height / (double)whole.height_px < scale)
            scale = (double)boxes[i].height / (double)whole.height_px;
        assert_true(small.width_px <= boxes[i].width && small.height_px <= boxes[i].height);
        assert_true(fabs((double)small.width_px - scale * (double)whole.width_px) < 1.01);
        assert_true(fabs((double)small.height_px - scale * (double)whole.height_px) < 1.01);
        cir_image_done(&small);
        cir_image_done(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures_wait_for_room),
        cmocka_unit_test(test_a_picture_that_takes_too_much_is_refused),
        cmocka_unit_test(test_a_program_decodes_itself),
        cmocka_unit_test(test_a_picture_counts_until_it_is_done),
        cmocka_unit_test(test_thumbnails_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

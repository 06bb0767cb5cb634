/* kill -9 at any moment: what was committed is there, and the next run goes on from it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/synthetic/index_testing.h"
#include "index/update/update.h"

#define N_PHOTOS 400
#define N_KILLS 40
#define MAX_WRITES 40000

/* What was written when: a row's time of modification says which content its feature must be of. */
typedef struct history {
    char (*texts)[32]; /* [MAX_WRITES] */
    long first;
} history;

static void write_photo(const testing *t, history *past, int i, const char *text)
{
    char name[64];
    char content[32];
    snprintf(name, sizeof name, "photos/p%04d.jpg", i);
    snprintf(content, sizeof content, "%s %d", i % 29 == 0 ? "broken" : text, i);
    long time = testing_write(t, name, content);
    past->first = past->first == 0 ? time : past->first;
    assert_true(time - past->first < MAX_WRITES);
    strcpy(past->texts[time - past->first], content);
}

/* Updates in a process of its own that is killed after some time. Returns whether it ended before. */
static bool update_and_kill(testing *t, unsigned after_us)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const char *paths[] = {t->photos};
        cir_update_options options = {.size = sizeof options, .batch = 8, .min_coded = 1};
        cir_pool *pool = NULL;
        if (cir_pool_new(2, &pool, NULL) != CIR_OK)
            _exit(2);
        _exit(cir__index_update(t->index, paths, 1, &t->encoders, pool, &options, 30, NULL, NULL) == CIR_OK
                  ? 0
                  : 1);
    }
    usleep(after_us);
    kill(child, SIGKILL);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    if (WIFEXITED(how))
        assert_int_equal(WEXITSTATUS(how), 0);
    return WIFEXITED(how);
}

static void ignore_finding(void *context, const char *finding, bool was_repaired)
{
    (void)was_repaired;
    /* Left-overs behind the committed rows are what a killed process may leave; nothing else. */
    if (strstr(finding, "longer than the catalogue says") == NULL &&
        strstr(finding, "belongs to no model") == NULL &&
        /* Of two new files of codes there is but the first. */
        strstr(finding, "codes.bin: cannot be opened: No such file") == NULL &&
        strstr(finding, "codes.sums: belongs to other codes") == NULL)
        fail_msg("%s", finding);
    ++*(size_t *)context;
}

/* Every ready photo has the feature of what it shows, as the model makes it. */
static void assert_sound(const testing *t, const char *fingerprint, const history *past, size_t *n_ready_out)
{
    cir_index *index;
    cir_error err;
    cir_status status = cir_index_open(
        t->index, &(cir_index_options){.size = sizeof(cir_index_options), .model_fingerprint = fingerprint},
        &index, &err);
    *n_ready_out = 0;
    if (status == CIR_NOT_FOUND || status == CIR_FORMAT || status == CIR_MISMATCH)
        return; /* killed before the first commit */
    if (status != CIR_OK)
        fail_msg("%s", err.message);
    for (size_t id = 0; id < cir_index_get_info(index)->n_rows; id++) {
        cir_image_record record;
        assert_int_equal(cir_index_get_record(index, id, &record, NULL), CIR_OK);
        const char *text = past->texts[record.modified_ns / 1000000000 - past->first];
        if (record.state == CIR_IMAGE_READY)
            testing_assert_feature(index, id, text, strlen(text));
        cir_image_record_done(&record);
    }
    *n_ready_out = cir_index_get_info(index)->n_ready;
    char **roots;
    size_t n_roots;
    assert_int_equal(cir_index_list_roots(index, &roots, &n_roots, NULL), CIR_OK);
    if (*n_ready_out > 0)
        assert_true(n_roots > 0); /* the next run can go on without being told where */
    cir_paths_free(roots, n_roots);
    testing_assert_codes(index, false);
    cir_index_close(index);
    size_t n_findings = 0;
    if (cir_index_check(t->index, false, NULL, ignore_finding, &n_findings, NULL, &err) != CIR_OK)
        fail_msg("%s", err.message);
}

static void kill_often(bool uses_both)
{
    testing t;
    testing_init(&t, 2);
    if (uses_both)
        testing_use_both(&t);
    history past = {.texts = calloc(MAX_WRITES, sizeof *past.texts)};
    assert_non_null(past.texts);
    for (int i = 0; i < N_PHOTOS; i++)
        write_photo(&t, &past, i, "PIC");
    t.delay_us = 2000;
    unsigned random = 12345;
    size_t n_before = 0;
    int n_kills = 0;
    int n_ended = 0;
    while (n_kills < (uses_both ? N_KILLS / 2 : N_KILLS) || n_ended < 2) {
        random = random * 1664525u + 1013904223u;
        bool has_ended = update_and_kill(&t, 3000 + random % 120000);
        n_kills += has_ended ? 0 : 1;
        n_ended += has_ended ? 1 : 0;
        size_t n_ready;
        size_t n_ready_second;
        assert_sound(&t, t.encoder.fingerprint, &past, &n_ready);
        assert_sound(&t, t.second.fingerprint, &past, &n_ready_second);
        assert_int_equal(n_ready_second, uses_both ? n_ready : 0);
        if (n_ended == 0)
            assert_true(n_ready >= n_before);
        n_before = n_ready;
        if (has_ended) {
            /* All is in: now other pictures in the same files, so that rows are replaced. */
            char text[16];
            snprintf(text, sizeof text, "PIC %d", n_ended);
            for (int i = n_ended * 50 % 200; i < n_ended * 50 % 200 + 200; i++)
                write_photo(&t, &past, i, text);
            testing_rename(&t, "photos/p0398.jpg", "photos/moving.jpg");
            testing_rename(&t, "photos/p0399.jpg", "photos/p0398.jpg");
            testing_rename(&t, "photos/moving.jpg", "photos/p0399.jpg");
            n_before = 0;
        }
        assert_true(n_ended < 100);
    }
    t.delay_us = 0;
    testing_update(&t, CIR_OK);
    assert_int_equal(testing_update(&t, CIR_OK).n_encoded, 0);

    /* As one that was made in one go. */
    cir_index *index = testing_open(&t);
    assert_int_equal(cir_index_get_info(index)->n_rows, N_PHOTOS);
    assert_int_equal(cir_index_get_info(index)->n_failed, 14);
    assert_int_equal(cir_index_get_info(index)->n_ready, N_PHOTOS - 14);
    for (int i = 0; i < N_PHOTOS; i++) {
        char name[64];
        snprintf(name, sizeof name, "photos/p%04d.jpg", i);
        if (i % 29 != 0)
            assert_int_equal(testing_assert_ready(&t, index, name), i);
        else
            testing_assert_state(&t, index, name, CIR_IMAGE_FAILED);
    }
    testing_assert_codes(index, true);
    cir_index_close(index);
    testing_assert_clean(&t);
    testing_done(&t);
    free(past.texts);
}

static void test_kill(void **state)
{
    (void)state;
    kill_often(false);
}

/* Each photo has both models' features, or neither's. */
static void test_kill_with_two_models(void **state)
{
    (void)state;
    kill_often(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill),
                                       cmocka_unit_test(test_kill_with_two_models)};
    return cmocka_run_group_tests_name("index crash", tests, NULL, NULL);
}

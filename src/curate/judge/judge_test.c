/* Judgements from many threads at once: none is lost or doubled, and a wrong one harms nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "curate/judge/labels.h"
#include "curate/store/sql.h"

enum { N_THREADS = 8, N_EACH = 40, N_PICTURES = 50 };

typedef struct scene {
    char folder[64];
    char project[96];
    cir_curation *curation;
} scene;

static int set_up(void **state)
{
    scene *self = calloc(1, sizeof *self);
    char plan[128];
    (void)snprintf(self->folder, sizeof self->folder, "/tmp/cir-judge-XXXXXX");
    if (self == NULL || mkdtemp(self->folder) == NULL)
        return -1;
    (void)snprintf(self->project, sizeof self->project, "%s/p.curate", self->folder);
    (void)snprintf(plan, sizeof plan, "%s/plan.csv", self->folder);
    FILE *file = fopen(plan, "w");
    if (file == NULL)
        return -1;
    (void)fputs("instance,role,change,value\nx,name,,thing\nx,change,at night,\nx,change,in rain,\n", file);
    (void)fclose(file);
    if (cir_curation_new(self->project, self->folder, NULL) != CIR_OK ||
        cir_curation_open(self->project, true, &self->curation, NULL) != CIR_OK ||
        cir_curation_read_plan(self->curation, plan, NULL, NULL, NULL) != CIR_OK ||
        cir__curation_begin(self->curation, true, NULL) != CIR_OK)
        return -1;
    cir_status status = CIR_OK;
    for (int64_t i = 1; i <= N_PICTURES && status == CIR_OK; i++) {
        uint8_t hash[CIR__HASH_SIZE] = {(uint8_t)i};
        status =
            cir__sql_run(self->curation->store, NULL,
                         "INSERT INTO picture(id, hash, path, width, height, size, state, reason, flags) "
                         "VALUES(?1, ?2, x'61', 9, 9, 9, 'kept', '', '')",
                         "ib", i, (const void *)hash, sizeof hash);
    }
    *state = self;
    return cir__curation_end(self->curation, status, NULL) == CIR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    scene *self = *state;
    char command[128];
    cir_curation_close(self->curation);
    (void)snprintf(command, sizeof command, "rm -r %s", self->folder);
    const int status = system(command);
    free(self);
    return status;
}

typedef struct speaker {
    scene *scene;
    int number;
    int n_recorded, n_refused;
} speaker;

/* Every fourth call is about a picture that is not there. */
static void *speak(void *context)
{
    speaker *self = context;
    char name[16];
    (void)snprintf(name, sizeof name, "person %d", self->number);
    for (int i = 0; i < N_EACH; i++) {
        cir_error err;
        const bool is_wrong = i % 4 == 3;
        const cir_judgement words[] = {
            {.instance = "x", .change = "at night", .picture = 1 + i, .aspect = "positive", .value = "yes"},
            {.instance = "x", .picture = is_wrong ? 1000 + i : 1 + i, .aspect = "object", .value = "same"}};
        const cir_status status = cir_curation_judge(self->scene->curation, name, words, 2, NULL, &err);
        self->n_recorded += status == CIR_OK && !is_wrong;
        self->n_refused += status == CIR_NOT_FOUND && is_wrong && strstr(err.message, "judgement 2") != NULL;
    }
    return NULL;
}

static int64_t count(scene *self, const char *sql)
{
    int64_t n = -1;
    assert_int_equal(cir__curation_begin(self->curation, false, NULL), CIR_OK);
    cir_status status = cir__sql_get(self->curation->store, 0, &n, NULL, sql, "");
    assert_int_equal(cir__curation_end(self->curation, status, NULL), CIR_OK);
    return n;
}

static void test_many_at_once(void **state)
{
    scene *self = *state;
    pthread_t threads[N_THREADS];
    speaker speakers[N_THREADS];
    for (int t = 0; t < N_THREADS; t++) {
        speakers[t] = (speaker){.scene = self, .number = t};
        assert_int_equal(pthread_create(&threads[t], NULL, speak, &speakers[t]), 0);
    }
    for (int t = 0; t < N_THREADS; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
        assert_int_equal(speakers[t].n_recorded, N_EACH * 3 / 4);
        assert_int_equal(speakers[t].n_refused, N_EACH / 4);
    }
    assert_int_equal(count(self, "SELECT count(*) FROM judgement"), 2 * N_THREADS * N_EACH * 3 / 4);
    assert_int_equal(count(self, "SELECT count(DISTINCT clock) FROM judgement"),
                     2 * N_THREADS * N_EACH * 3 / 4);
    assert_int_equal(count(self, "SELECT count(*) FROM person"), N_THREADS);
    assert_int_equal(count(self, "SELECT count(*) FROM judgement WHERE picture > 50"), 0);
    /* The disk has it: another connection sees the same. */
    cir_curation_close(self->curation);
    assert_int_equal(cir_curation_open(self->project, true, &self->curation, NULL), CIR_OK);
    assert_int_equal(count(self, "SELECT count(*) FROM judgement"), 2 * N_THREADS * N_EACH * 3 / 4);
}

static void test_the_same_uuid_is_the_same_judgement(void **state)
{
    scene *self = *state;
    const cir_judgement word = {
        .uuid = {1, 2, 3}, .instance = "x", .picture = 7, .aspect = "query", .value = "yes", .view = "grid"};
    const int64_t before = count(self, "SELECT count(*) FROM judgement");
    for (int i = 0; i < 3; i++)
        assert_int_equal(cir_curation_judge(self->curation, "ann", &word, 1, NULL, NULL), CIR_OK);
    assert_int_equal(count(self, "SELECT count(*) FROM judgement"), before + 1);
}

static void test_what_is_refused(void **state)
{
    scene *self = *state;
    static const cir_judgement wrong[] = {
        {.instance = "y", .change = "at night", .picture = 1, .aspect = "positive", .value = "yes"},
        {.instance = "x", .change = "at dawn", .picture = 1, .aspect = "positive", .value = "yes"},
        {.instance = "x", .picture = 1, .aspect = "positive", .value = "yes"},
        {.instance = "x", .change = "at night", .picture = 1, .aspect = "query", .value = "yes"},
        {.instance = "x", .picture = 1, .aspect = "object", .value = "nearly"},
        {.instance = "x", .picture = 1, .aspect = "colour", .value = "red"},
        {.instance = "x", .hash = {0xff}, .aspect = "query", .value = "yes"},
    };
    const int64_t before = count(self, "SELECT count(*) FROM judgement");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const cir_status status = cir_curation_judge(self->curation, "ann", &wrong[i], 1, NULL, NULL);
        assert_true(status == CIR_ARGUMENT || status == CIR_NOT_FOUND);
    }
    const cir_judgement right = {.instance = "x", .hash = {3}, .aspect = "query", .value = "no"};
    const int64_t pictures[] = {1, 999};
    const cir_judged_page page = {.instance = "x", .pictures = pictures, .n_pictures = 2};
    assert_int_equal(cir_curation_judge(self->curation, "ann", &right, 1, &page, NULL), CIR_NOT_FOUND);
    assert_int_equal(cir_curation_judge(self->curation, "", &right, 1, NULL, NULL), CIR_ARGUMENT);
    assert_int_equal(count(self, "SELECT count(*) FROM judgement"), before);
    assert_int_equal(cir_curation_judge(self->curation, "ann", &right, 1, NULL, NULL), CIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_the_same_uuid_is_the_same_judgement),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Filters, lists and counts against plain loops over the catalogue; what is kept, and for how long. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "retrieval/collection_internal.h"
#include "retrieval/lru.h"
#include "retrieval/scene_testing.h"

static scene s;

static int set_up(void **state)
{
    (void)state;
    scene_init(&s, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scene_done(&s);
    return 0;
}

/* ---- filters ---- */

static cir_photo_filter filter_of(const char *const *pairs)
{
    cir_photo_filter filter;
    cir_error err;
    cir_photo_filter_init(&filter, sizeof filter);
    for (; *pairs != NULL; pairs += 2)
        if (cir_photo_filter_set(&filter, pairs[0], pairs[1], &err) != CIR_OK)
            fail_msg("%s", err.message);
    return filter;
}

/* By the texts that the filter was made from. */
static bool passes(const cir_image_record *record, const char *const *pairs)
{
    char day[16] = "";
    const time_t seconds = (time_t)record->taken_at;
    struct tm parts;
    if (record->taken_at != INT64_MIN && gmtime_r(&seconds, &parts) != NULL)
        strftime(day, sizeof day, "%Y-%m-%d", &parts);
    for (; *pairs != NULL; pairs += 2) {
        const char *value = pairs[1];
        const size_t size = strlen(value);
        if (strcmp(pairs[0], "folder") == 0 &&
            (strncmp(record->path, value, size) != 0 || record->path[size] != '/'))
            return false;
        if (strcmp(pairs[0], "after") == 0 && (day[0] == '\0' || strcmp(day, value) < 0))
            return false;
        if (strcmp(pairs[0], "before") == 0 && (day[0] == '\0' || strcmp(day, value) > 0))
            return false;
        if (strcmp(pairs[0], "orientation") == 0) {
            const char *is = record->width_px > record->height_px   ? "landscape"
                             : record->width_px < record->height_px ? "portrait"
                                                                    : "square";
            if (strcmp(is, value) != 0)
                return false;
        }
        if (strcmp(pairs[0], "camera") == 0 && strcmp(value, record->id % 2 == 0 ? "Even 1" : "Odd 1") != 0)
            return false;
    }
    return true;
}

static void test_filters(void **state)
{
    (void)state;
    char a[128], ab[128];
    (void)snprintf(a, sizeof a, "%s/a", s.photos);
    (void)snprintf(ab, sizeof ab, "%s/ab", s.photos);
    const char *const filters[][9] = {
        {NULL},
        {"folder", a, NULL},
        {"folder", ab, NULL},
        {"folder", s.photos, NULL},
        {"after", "1999-01-20", NULL},
        {"before", "1999-01-20", NULL},
        {"after", "1999-01-12", "before", "1999-02-03", NULL},
        {"orientation", "portrait", NULL},
        {"orientation", "square", "folder", a, "after", "1999-01-05", "camera", "Odd 1", NULL},
        {"camera", "Even 1", NULL},
        {"camera", "None", NULL},
        {"after", "2000-01-01", NULL},
    };
    const size_t n = scene_n_rows(&s);
    for (size_t id = 0; id < n; id++)
        assert_int_equal(cir_collection_set_camera(s.collection, id, id % 2 == 0 ? "Even 1" : "Odd 1", NULL),
                         CIR_OK);
    for (size_t f = 0; f < sizeof filters / sizeof filters[0]; f++)
        for (int again = 0; again < 2; again++) { /* by a mask that is kept */
            const cir_photo_filter filter = filter_of(filters[f]);
            size_t n_wanted = 0;
            cir_search_request request = scene_request();
            request.text = "a red stripe";
            request.k = n;
            request.filter = &filter;
            cir_answer *answer = scene_search(&s, &request);
            bool is_hit[SCENE_N_PHOTOS] = {false};
            for (size_t i = 0; i < cir_answer_get_n_hits(answer); i++)
                is_hit[cir_answer_get_hit(answer, i)->id] = true;
            for (size_t id = 0; id < n; id++) {
                cir_image_record record = scene_record(&s, id);
                const bool is_wanted = passes(&record, filters[f]);
                assert_int_equal(is_hit[id], is_wanted);
                n_wanted += is_wanted;
                cir_image_record_done(&record);
            }
            assert_int_equal(cir_answer_get_info(answer)->n_matching, n_wanted);
            assert_int_equal(cir_answer_get_info(answer)->n_images, n);
            cir_answer_free(answer);
        }
}

static void test_filter_texts(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"after", "2021-02-29"},   {"after", "2021-2-9"},
                                         {"before", "2021-02-09T"}, {"orientation", "landscape "},
                                         {"colour", "red"},         {"after", ""},
                                         {"before", "0000-01-01"},  {"after", "2021-13-01"}};
    cir_photo_filter filter;
    cir_error err;
    cir_photo_filter_init(&filter, sizeof filter);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(cir_photo_filter_set(&filter, bad[i][0], bad[i][1], &err), CIR_ARGUMENT);
        assert_non_null(strstr(err.message, bad[i][0]));
        assert_true(cir_photo_filter_is_empty(&filter));
    }
    assert_int_equal(cir_photo_filter_set(&filter, "after", "1970-01-02", NULL), CIR_OK);
    assert_int_equal(cir_photo_filter_set(&filter, "before", "2020-02-29", NULL), CIR_OK);
    assert_int_equal(filter.after, 86400);
    assert_int_equal(filter.before, 1583020800); /* the beginning of 2020-03-01 */
    assert_true(cir_folder_holds("a/b", "a/b"));
    assert_true(cir_folder_holds("a/b/", "a/b/c"));
    assert_false(cir_folder_holds("a/b", "a/bc"));
    assert_false(cir_folder_holds("a/b", "a"));
    assert_true(cir_folder_holds("", "a"));
    assert_true(cir_folder_holds("/", "/a"));
    assert_false(cir_folder_holds("/", "a"));
}

/* ---- lists and counts ---- */

static void test_lists(void **state)
{
    (void)state;
    const size_t n = scene_n_rows(&s);
    size_t ids[SCENE_N_PHOTOS], n_ids, n_matching;
    assert_int_equal(cir_collection_list(s.collection, NULL, 0, n, ids, &n_ids, &n_matching, NULL), CIR_OK);
    assert_int_equal(n_ids, n);
    assert_int_equal(n_matching, n);
    int64_t last = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        cir_photo_facts facts;
        cir_image_record record = scene_record(&s, ids[i]);
        assert_int_equal(cir_collection_get_facts(s.collection, ids[i], &facts, NULL), CIR_OK);
        assert_true(facts.taken_at == record.taken_at && facts.modified_ns == record.modified_ns &&
                    facts.size_bytes == record.size_bytes);
        const int64_t when = facts.taken_at != INT64_MIN ? facts.taken_at : facts.modified_ns / 1000000000;
        assert_true(when <= last);
        last = when;
        cir_image_record_done(&record);
    }
    size_t part[3];
    assert_int_equal(cir_collection_list(s.collection, NULL, 5, 3, part, &n_ids, NULL, NULL), CIR_OK);
    assert_int_equal(n_ids, 3);
    assert_memory_equal(part, ids + 5, sizeof part);
    assert_int_equal(cir_collection_list(s.collection, NULL, n - 1, 3, part, &n_ids, NULL, NULL), CIR_OK);
    assert_int_equal(n_ids, 1);
    assert_int_equal(cir_collection_get_facts(s.collection, n, &(cir_photo_facts){0}, NULL), CIR_NOT_FOUND);
    assert_int_equal(cir_collection_set_camera(s.collection, n, "X", NULL), CIR_NOT_FOUND);
    assert_null(cir_collection_get_camera(s.collection, n));
}

typedef struct counts {
    size_t n_values, n_photos, n_unknown;
    char last[160];
} counts;

static void visit(void *context, const char *value, size_t n)
{
    counts *to = context;
    if (value == NULL) {
        to->n_unknown += n;
        return;
    }
    assert_true(strcmp(to->last, value) < 0);
    (void)snprintf(to->last, sizeof to->last, "%s", value);
    to->n_values++;
    to->n_photos += n;
}

static void test_counts(void **state)
{
    (void)state;
    const size_t n = scene_n_rows(&s);
    counts folders = {0}, years = {0}, cameras = {0};
    assert_int_equal(cir_collection_count(s.collection, CIR_FACET_FOLDER, visit, &folders, NULL), CIR_OK);
    assert_int_equal(folders.n_values, 3);
    assert_int_equal(folders.n_photos, n);
    assert_int_equal(cir_collection_count(s.collection, CIR_FACET_YEAR, visit, &years, NULL), CIR_OK);
    assert_int_equal(years.n_values, 1);
    assert_string_equal(years.last, "1999");
    assert_int_equal(years.n_unknown, (SCENE_N_PHOTOS + 6) / 7);
    assert_int_equal(years.n_photos, n - years.n_unknown);
    for (size_t id = 0; id < n; id++)
        assert_int_equal(cir_collection_set_camera(s.collection, id,
                                                   id < 3   ? "A"
                                                   : id < 5 ? "B"
                                                            : "",
                                                   NULL),
                         CIR_OK);
    assert_int_equal(cir_collection_count(s.collection, CIR_FACET_CAMERA, visit, &cameras, NULL), CIR_OK);
    assert_int_equal(cameras.n_values, 2);
    assert_int_equal(cameras.n_photos, 5);
    assert_string_equal(cir_collection_get_camera(s.collection, 4), "B");
    assert_null(cir_collection_get_camera(s.collection, 5));
}

/* However a folder is named, and also when it is gone. */
static void test_folders_as_named(void **state)
{
    (void)state;
    char given[160], link[160], *folder;
    cir_error err;
    char *here = getcwd(NULL, 0);
    (void)snprintf(link, sizeof link, "%s/link", s.folder);
    assert_int_equal(symlink(s.photos, link), 0);
    static const char *const names[] = {"photos/a", "photos/b/../a/", "link/a", "./photos//a"};
    assert_int_equal(chdir(s.folder), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(cir_collection_find_folder(s.collection, names[i], &folder, &err), CIR_OK);
        cir_photo_filter filter;
        cir_photo_filter_init(&filter, sizeof filter);
        filter.folder = folder;
        size_t ids[SCENE_N_PHOTOS], n, n_matching;
        assert_int_equal(
            cir_collection_list(s.collection, &filter, 0, SCENE_N_PHOTOS, ids, &n, &n_matching, NULL),
            CIR_OK);
        assert_int_equal(n_matching, (SCENE_N_PHOTOS + 2) / 3);
        cir_bytes_free(folder);
    }
    assert_int_equal(cir_collection_find_folder(s.collection, "photos", &folder, &err), CIR_OK);
    assert_true(cir_folder_holds(folder, s.photos));
    cir_bytes_free(folder);
    assert_int_equal(cir_collection_find_folder(s.collection, "/usr", &folder, &err), CIR_NOT_FOUND);
    assert_null(folder);
    (void)snprintf(given, sizeof given, "%s/b", s.photos);
    assert_int_equal(rename(given, "elsewhere"), 0);
    assert_int_equal(cir_collection_find_folder(s.collection, given, &folder, &err), CIR_OK);
    assert_string_equal(folder, given);
    cir_bytes_free(folder);
    assert_int_equal(rename("elsewhere", given), 0);
    assert_int_equal(chdir(here), 0);
    free(here);
}

/* ---- what is kept ---- */

static void test_reopened(void **state)
{
    (void)state;
    cir_collection *now;
    cir_search_request request = scene_request();
    request.text = "a red stripe";
    request.k = 1000;
    cir_answer *before = scene_search(&s, &request);
    scene_draw(&s, SCENE_N_PHOTOS + 1);
    scene_update(&s, 0);
    cir_answer *same = scene_search(&s, &request);
    assert_int_equal(cir_answer_get_n_hits(same), SCENE_N_PHOTOS); /* a view stays what it was */
    assert_int_equal(cir_collection_reopen(s.collection, &now, NULL), CIR_OK);
    cir_answer_free(before);
    cir_answer_free(same);
    cir_collection_close(s.collection);
    s.collection = now;
    cir_answer *after = scene_search(&s, &request);
    assert_int_equal(cir_answer_get_n_hits(after), SCENE_N_PHOTOS + 1);
    cir_answer_free(after);
}

/* Opened by its path alone: with the model that it was made by, and threads of its own. */
static void test_opened_by_path(void **state)
{
    (void)state;
    cir_collection *first = s.collection;
    cir_error err;
    cir_search_request request = scene_request();
    request.text = "a red stripe";
    request.image_id = 2;
    cir_answer *one = scene_search(&s, &request);
    cir_collection_options options;
    cir_collection_options_init(&options, sizeof options);
    options.is_trusted = true;
    assert_int_equal(cir_collection_open(s.index, &options, &s.collection, &err), CIR_OK);
    cir_answer *other = scene_search(&s, &request);
    scene_assert_same(one, other);
    cir_answer_free(one);
    cir_answer_free(other);
    cir_collection_close(s.collection);
    s.collection = first;
    cir_collection *none;
    assert_int_equal(cir_collection_open("/nowhere/x.cir", NULL, &none, &err), CIR_NOT_FOUND);
    options.model_path = "/nowhere/model";
    assert_int_equal(cir_collection_open(s.index, &options, &none, &err), CIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/model"));
    assert_null(none);
}

/* Whether words leave something beside the vectors is the settings' to say, also once a method is ready. */
static void test_forgotten_texts(void **state)
{
    (void)state;
    const cir_index *index = cir_collection_get_info(s.collection)->index;
    char path[400];
    cir_settings *settings = malloc(sizeof *settings);
    cir_search_request request = scene_request();
    cir_collection *fresh;
    (void)snprintf(path, sizeof path, "%s/texts.bin", cir_index_get_info(index)->folder);
    (void)unlink(path);
    assert_int_equal(cir_collection_reopen(s.collection, &fresh, NULL), CIR_OK);
    cir_settings_init(settings, sizeof *settings, request.method);
    settings->forget_texts = true;
    request.settings = settings;
    request.text = "words that nobody else used";
    cir_answer *answer;
    assert_int_equal(cir_collection_search(fresh, &request, &answer, NULL), CIR_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    cir_answer_free(answer);
    settings->forget_texts = false;
    request.text = "and others";
    assert_int_equal(cir_collection_search(fresh, &request, &answer, NULL), CIR_OK);
    assert_int_equal(access(path, F_OK), 0);
    cir_answer_free(answer);
    cir_collection_close(fresh);
    free(settings);
}

static void test_composers_are_shared(void **state)
{
    (void)state;
    cir_settings *one = calloc(2, sizeof *one);
    cir_settings *other = one + 1;
    cir_settings_init(one, sizeof *one, CIR_METHOD_BASIC);
    cir_settings_init(other, sizeof *other, CIR_METHOD_BASIC_MINUS);
    assert_int_equal(cir_settings_set(one, "lambda=0.3", NULL), CIR_OK);
    char *a = cir__composer_key_new(CIR_METHOD_BASIC, one);
    char *b = cir__composer_key_new(CIR_METHOD_BASIC_MINUS, other);
    assert_string_equal(a, b);
    free(b);
    assert_int_equal(cir_settings_set(other, "alpha=0.3", NULL), CIR_OK);
    b = cir__composer_key_new(CIR_METHOD_BASIC_MINUS, other);
    assert_string_not_equal(a, b);
    free(a);
    free(b);
    a = cir__composer_key_new(CIR_METHOD_FREEDOM, one);
    b = cir__composer_key_new(CIR_METHOD_FREEDOM_MINUS, one);
    assert_string_not_equal(a, b);
    free(a);
    free(b);
    free(one);
}

static size_t n_freed;

static void count_free(void *value)
{
    n_freed++;
    free(value);
}

static cir__lru_item *put(cir__lru *lru, const char *key)
{
    cir__lru_item *item = cir__lru_put(lru, strdup(key), strdup(key), true);
    assert_non_null(item);
    return item;
}

static void test_least_recently_used(void **state)
{
    (void)state;
    cir__lru lru;
    assert_true(cir__lru_init(&lru, 2, count_free));
    cir__lru_item *a = put(&lru, "a");
    cir__lru_return(&lru, put(&lru, "b"));
    assert_ptr_equal(cir__lru_find(&lru, "a"), a); /* now b is the one that goes */
    cir__lru_return(&lru, put(&lru, "c"));
    assert_int_equal(n_freed, 1);
    assert_null(cir__lru_find(&lru, "b"));
    cir__lru_return(&lru, put(&lru, "d"));
    cir__lru_return(&lru, put(&lru, "e"));
    assert_null(cir__lru_find(&lru, "a"));
    assert_string_equal(a->value, "a"); /* it is still in use */
    cir__lru_return(&lru, a);
    assert_int_equal(n_freed, 2);
    cir__lru_return(&lru, a);
    assert_int_equal(n_freed, 3);
    cir__lru_item *passing = cir__lru_put(&lru, strdup("f"), strdup("f"), false);
    assert_null(cir__lru_find(&lru, "f"));
    cir__lru_return(&lru, passing);
    assert_int_equal(n_freed, 4);
    cir__lru_done(&lru);
    assert_int_equal(n_freed, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filter_texts),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_folders_as_named),
        cmocka_unit_test(test_opened_by_path),
        cmocka_unit_test(test_forgotten_texts),
        cmocka_unit_test(test_reopened),
        cmocka_unit_test(test_least_recently_used),
        cmocka_unit_test(test_composers_are_shared),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

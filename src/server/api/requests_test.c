/* The server's doors: who may ask (guard), and what a target or a document may say (params,
 * search_request). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/query_json.h"
#include "server/http/guard.h"
#include "server/http/params.h"

/* ---- guard ---- */

static const char *const names[] = {"photos.example"};
static const cir__guard local = {.is_loopback = true, .hosts = names, .n_hosts = 1};
static const cir__guard remote = {.token = "0123456789abcdef", .session = "fedcba9876543210"};

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        unsigned of_local, of_remote;
    } cases[] = {
        {"localhost", 0, 0},
        {"127.0.0.1:80", 0, 0},
        {"[::1]:8080", 0, 0},
        {"photos.example", 0, 403},
        {"10.0.0.7", 403, 0},
        {"[fe80::1]", 403, 0},
        {"evil.example", 403, 403},
        {"127.0.0.1x", 403, 403},
        {"localhost.", 0, 0},
        {"localhost.:80", 0, 0},
        {"localhost..", 403, 403},
        {"photos.example.", 0, 403},
        {"photos.exampl", 403, 403},
        {"photos.example.x", 403, 403},
        {".", 403, 403},
        {NULL, 400, 400},
        {"", 400, 400},
        {"[::1", 400, 400},
        {"localhost:80x", 400, 400},
        {":80", 400, 400},
        {"localhost:", 400, 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const cir__visitor visitor = {.method = "GET", .is_open = true, .host = cases[i].host};
        cir_error err;
        assert_int_equal(cir__guard_check(&local, &visitor, &err), cases[i].of_local);
        assert_int_equal(cir__guard_check(&remote, &visitor, &err), cases[i].of_remote);
    }
}

static void test_tokens_and_cookies(void **state)
{
    (void)state;
    static const struct {
        const char *authorization, *cookie;
        unsigned verdict;
    } cases[] = {
        {NULL, NULL, 401},
        {"Bearer 0123456789abcdef", NULL, 0},
        {"bearer 0123456789abcdef", NULL, 0},
        {"Bearer 0123456789abcde", NULL, 401},
        {"Bearer 0123456789abcdef0123456789abcdef", NULL, 401}, /* the token twice */
        {"Bearer ", NULL, 401},
        {NULL, "cir_session=fedcba9876543210", 0},
        {NULL, "a=b; cir_session=x; cir_session=fedcba9876543210;c=d", 0},
        {NULL, "cir_session=0123456789abcdef", 401},
        {NULL, "cir_session=", 401},
        {NULL, "xcir_session=fedcba9876543210", 401},
        {NULL, ";;; ", 401},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const cir__visitor visitor = {.method = "GET",
                                      .host = "localhost",
                                      .authorization = cases[i].authorization,
                                      .cookie = cases[i].cookie};
        cir_error err;
        assert_int_equal(cir__guard_check(&remote, &visitor, &err), cases[i].verdict);
        assert_int_equal(cir__guard_check(&local, &visitor, &err), 0);
    }
}

static void test_other_sites(void **state)
{
    (void)state;
    cir__visitor visitor = {.method = "GET", .host = "localhost:8080", .origin = "http://localhost:8080"};
    cir_error err;
    assert_int_equal(cir__guard_check(&local, &visitor, &err), 0);
    visitor.origin = "http://localhost:3000";
    assert_int_equal(cir__guard_check(&local, &visitor, &err), 403);
    visitor.origin = NULL;
    visitor.fetch_site = "cross-site";
    visitor.fetch_mode = "navigate";
    assert_int_equal(cir__guard_check(&local, &visitor, &err), 403);
    visitor.is_page = true;
    assert_int_equal(cir__guard_check(&local, &visitor, &err), 0);
    visitor.method = "POST";
    assert_int_equal(cir__guard_check(&local, &visitor, &err), 403);
}

static void test_drawn_secrets_differ(void **state)
{
    (void)state;
    char one[65], other[65];
    assert_true(cir__guard_draw(32, one) && cir__guard_draw(32, other));
    assert_int_equal(strspn(one, "0123456789abcdef"), 64);
    assert_string_not_equal(one, other);
    assert_false(cir__guard_draw(65, one));
}

/* ---- params ---- */

static bool is_short_of_memory;

/* The library's, for the linker finds it first. */
char *test_strdup(const char *text) __asm__("strdup");

char *test_strdup(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = is_short_of_memory ? NULL : malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static void test_target_without_memory(void **state)
{
    (void)state;
    cir__params params;
    is_short_of_memory = true;
    assert_int_equal(cir__params_parse("/v1/search?a=b", &params, NULL), CIR_NO_MEMORY);
    is_short_of_memory = false;
    assert_string_equal(params.path, ""); /* routes are looked for before anybody asks how it went */
    assert_null(cir__params_get(&params, "a"));
    cir__params_done(&params);
}

static void test_targets(void **state)
{
    (void)state;
    cir__params params;
    assert_int_equal(cir__params_parse("/v1/%2e%2e/x?a=b+c%21&d&&e=%c3%a9%0a", &params, NULL), CIR_OK);
    assert_string_equal(params.path, "/v1/%2e%2e/x");
    assert_string_equal(cir__params_get(&params, "a"), "b c!");
    assert_string_equal(cir__params_get(&params, "d"), "");
    assert_string_equal(cir__params_get(&params, "e"), "\xc3\xa9\n");
    assert_null(cir__params_get(&params, "b"));
    cir__params_done(&params);
    static const char *const bad[] = {"/?a=%",   "/?a=%4",    "/?a=%zz",
                                      "/?a=%00", "/?a=1&a=2", "/a b",
                                      "/\x01",   "/?\x7f=1",  "/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(cir__params_parse(bad[i], &params, NULL), CIR_ARGUMENT);
        cir__params_done(&params);
    }
}

static void test_counts(void **state)
{
    (void)state;
    cir__params params;
    size_t value = 7;
    assert_int_equal(cir__params_parse("/?a=12&b=-1&c=&d=999999999999999&e=1000000000000000", &params, NULL),
                     CIR_OK);
    assert_int_equal(cir__params_count(&params, "z", 0, 9, &value, NULL), CIR_OK);
    assert_int_equal(value, 7);
    assert_int_equal(cir__params_count(&params, "a", 0, 12, &value, NULL), CIR_OK);
    assert_int_equal(value, 12);
    assert_int_equal(cir__params_count(&params, "a", 13, 20, &value, NULL), CIR_ARGUMENT);
    assert_int_equal(cir__params_count(&params, "b", 0, 9, &value, NULL), CIR_ARGUMENT);
    assert_int_equal(cir__params_count(&params, "c", 0, 9, &value, NULL), CIR_ARGUMENT);
    assert_int_equal(cir__params_count(&params, "d", 0, SIZE_MAX, &value, NULL), CIR_OK);
    assert_int_equal(cir__params_count(&params, "e", 0, SIZE_MAX, &value, NULL), CIR_ARGUMENT);
    assert_int_equal(value, 999999999999999);
    cir__params_done(&params);
}

/* ---- documents ---- */

static cir__search_request *parse(const char *text)
{
    cir__search_request *request;
    assert_int_equal(cir__search_request_parse(text, strlen(text), &request, NULL), CIR_OK);
    return request;
}

static char *key_of(const char *text)
{
    cir__search_request *request = parse(text);
    char *key = cir__search_request_key(request);
    cir__search_request_free(request);
    assert_non_null(key);
    return key;
}

static void test_keys_tell_requests_apart(void **state)
{
    (void)state;
    static const char *const different[] = {
        "{\"text\": \"a\"}",
        "{\"text\": \"b\"}",
        "{\"text\": \"a\", \"k\": 5}",
        "{\"text\": \"a\", \"offset\": 5}",
        "{\"text\": \"a\", \"image\": {\"id\": 0}}",
        "{\"text\": \"a\", \"image\": {\"id\": 1}}",
        "{\"text\": \"a\", \"image\": {\"id\": 1}, \"crop\": [0, 0, 1, 1]}",
        "{\"text\": \"a\", \"image\": {\"id\": 1}, \"crop\": [0, 0, 1, 0.5]}",
        "{\"text\": \"a\", \"method\": \"basic\"}",
        "{\"text\": \"a\", \"settings\": {\"lambda\": 0.2}}",
        "{\"text\": \"a\", \"settings\": {\"context\": 7}}",
        "{\"text\": \"a\", \"filters\": {\"after\": \"1970-01-01\"}}",
        "{\"text\": \"a\", \"filters\": {\"before\": \"1970-01-01\"}}",
        "{\"text\": \"a\", \"filters\": {\"folder\": \"x\"}}",
        "{\"text\": \"a\", \"filters\": {\"camera\": \"x\"}}",
        "{\"text\": \"a\", \"filters\": {\"orientation\": \"square\"}}",
        "{\"text\": \"a\", \"explain\": true}",
        "{\"text\": \"a\", \"fold_duplicates\": true}",
        "{\"text\": \"a\", \"scatter\": 1}",
    };
    enum { N = sizeof different / sizeof different[0] };
    char *keys[N];
    for (size_t i = 0; i < N; i++) {
        keys[i] = key_of(different[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(keys[i], keys[j]);
    }
    char *same = key_of("{\"settings\": {\"lambda\": \"0.1\"}, \"k\": 20, \"text\": \"a\", \"method\": null, "
                        "\"filters\": {\"folder\": null}}");
    assert_string_equal(same, keys[0]);
    free(same);
    for (size_t i = 0; i < N; i++)
        free(keys[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_tokens_and_cookies),
        cmocka_unit_test(test_other_sites),
        cmocka_unit_test(test_drawn_secrets_differ),
        cmocka_unit_test(test_target_without_memory),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_keys_tell_requests_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

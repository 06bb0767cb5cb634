/* Where requests end (framing), and guesses (throttle). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/framing.h"
#include "server/http/throttle.h"

typedef struct field {
    const char *name, *value;
} field;

static unsigned check(const field *fields, bool is_http_1_0)
{
    cir__framing framing = {.is_http_1_0 = is_http_1_0};
    cir_error err;
    for (size_t i = 0; fields[i].name != NULL; i++)
        cir__framing_add(&framing, fields[i].name, fields[i].value);
    return cir__framing_check(&framing, &err);
}

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        field fields[4];
        unsigned of_1_1, of_1_0;
    } cases[] = {
        {{{"Host", "a"}}, 0, 0},
        {{{"Host", "a"}, {"host", "a"}}, 400, 400},
        {{{"Content-Length", "13"}}, 0, 0},
        {{{"X_y.z~", "a\tb \xc3\xa9"}}, 0, 0},
        {{{"transfer-ENCODING", "ChunKed"}}, 0, 400},
        {{{"Content-Length", "13"}, {"Content-Length", "13"}}, 400, 400},
        {{{"Content-Length", "13"}, {"content-length", "5"}}, 400, 400},
        {{{"Content-Length", "13"}, {"Transfer-Encoding", "chunked"}}, 400, 400},
        {{{"Transfer-Encoding", "identity"}, {"Content-Length", "0"}}, 400, 400},
        {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, 400, 400},
        {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "identity"}}, 400, 400},
        {{{"Transfer-Encoding", "chunked, identity"}}, 400, 400},
        {{{"Transfer-Encoding", "identity"}}, 400, 400},
        {{{"Transfer-Encoding", ""}}, 400, 400},
        {{{"Transfer-Encoding", "xchunked"}}, 400, 400},
        {{{"Transfer-Encoding", "\"chunked\""}}, 400, 400},
        {{{"Transfer-Encoding", "chunked "}}, 400, 400},
        {{{"Transfer-Encoding", "\vchunked"}}, 400, 400},
        {{{"Transfer-Encoding", "gzip, chunked"}}, 501, 400},
        {{{"Transfer-Encoding", "gzip,chunked"}}, 501, 400},
        {{{"Transfer-Encoding ", "chunked"}}, 400, 400},
        {{{"", "x"}}, 400, 400},
        {{{"a b", "x"}}, 400, 400},
        {{{"a\"", "x"}}, 400, 400},
        {{{"X", "a\rContent-Length: 5"}}, 400, 400},
        {{{"X", "a\x7f"}}, 400, 400},
        {{{"Content-Length", "-1"}}, 400, 400},
        {{{"Content-Length", "+1"}}, 400, 400},
        {{{"Content-Length", "0x1"}}, 400, 400},
        {{{"Content-Length", "1, 1"}}, 400, 400},
        {{{"Content-Length", ""}}, 400, 400},
        {{{"Content-Length", "9223372036854775807"}}, 400, 400},
        {{{"Content-Length", "18446744073709551617"}}, 400, 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(check(cases[i].fields, false), cases[i].of_1_1);
        assert_int_equal(check(cases[i].fields, true), cases[i].of_1_0);
    }
}

/* Takes a head apart in place, leniently: as the library does. Lines end where ends[i] says. */
static bool is_plain(const char *head, size_t n, bool folds_elsewhere)
{
    char *bytes = malloc(n + 1);
    char elsewhere[100];
    assert_non_null(bytes);
    memcpy(bytes, head, n);
    bytes[n] = '\0';
    cir__layout layout;
    char *end = bytes + n;
    char *target = memchr(bytes, ' ', n);
    *target++ = '\0';
    while (*target == ' ')
        target++;
    char *version = strchr(target, ' ');
    *version++ = '\0';
    char *line = memchr(version, '\n', (size_t)(end - version));
    line[line[-1] == '\r' ? -1 : 0] = '\0';
    line++;
    cir__layout_begin(&layout, bytes, target, strlen(target), version);
    while (*line != '\r' && *line != '\n') {
        char *next = memchr(line, '\n', (size_t)(end - line));
        next[next[-1] == '\r' ? -1 : 0] = '\0';
        char *value = strchr(line, ':');
        *value++ = '\0';
        value += strspn(value, " \t");
        const char *name = folds_elsewhere ? strcpy(elsewhere, line) : line;
        cir__layout_add(&layout, name, value);
        line = next + 1;
    }
    bool is_good = cir__layout_is_plain(&layout, bytes, n);
    free(bytes);
    return is_good;
}

static void test_layouts(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t n;
        bool is_plain;
    } cases[] = {
#define HEAD(text, good) {text, sizeof(text) - 1, good}
        HEAD("GET / HTTP/1.1\r\n\r\n", true),
        HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        HEAD("GET / HTTP/1.1\r\nHost:a\r\nX: \t y \r\nZ:\r\n\r\n", true),
        HEAD("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", false),
        HEAD("GET / HTTP/1.1\nHost: a\r\n\r\n", false),
        HEAD("GET / HTTP/1.1\r\nHost: a\n\r\n", false),
        HEAD("GET / HTTP/1.1\r\nHost: a\r\n\n", false),
        HEAD("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", false),
        HEAD("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", false),
        HEAD("GET / HTTP/1.1\r\nHost: a\0b\r\nX: b\r\n\r\n", false),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(is_plain(cases[i].head, cases[i].n, false), cases[i].is_plain);
    assert_false(is_plain(cases[1].head, cases[1].n, true));
}

/* ---- guesses ---- */

static void test_guesses_are_slowed(void **state)
{
    (void)state;
    cir__throttle *throttle = cir__throttle_new();
    double now = 1000;
    size_t n_held = 0;
    size_t n = 0;
    for (; n < 1000 && cir__throttle_allows(throttle, 1, now); n++)
        n_held += cir__throttle_count(throttle, 1, now);
    assert_int_equal(n, CIR__MAX_GUESSES_OF_ADDRESS);
    assert_int_equal(n_held, CIR__MAX_GUESSES_OF_ADDRESS - CIR__FREE_GUESSES);
    assert_true(cir__throttle_allows(throttle, 2, now)); /* others go on */
    size_t n_later = 0;
    for (int tick = 0; tick < 1000; tick++) /* ten seconds of asking as fast as can be */
        while (cir__throttle_allows(throttle, 1, now + 0.01 * tick) && n_later < 10000) {
            assert_true(cir__throttle_count(throttle, 1, now + 0.01 * tick));
            n_later++;
        }
    assert_in_range(n_later, 9 * CIR__MAX_GUESSES_OF_ADDRESS, 10 * CIR__MAX_GUESSES_OF_ADDRESS + 1);
    assert_false(cir__throttle_count(throttle, 1, now + 1e6)); /* forgotten */
    cir__throttle_free(throttle);
}

static void test_many_addresses_are_slowed_together(void **state)
{
    (void)state;
    cir__throttle *throttle = cir__throttle_new();
    size_t n = 0;
    for (uint64_t address = 1; address <= 100; address++)
        for (size_t i = 0; i < 20; i++)
            if (cir__throttle_allows(throttle, address, 50)) {
                (void)cir__throttle_count(throttle, address, 50);
                n++;
            }
    /* Each has its free ones; what is beyond is for all of them together. */
    assert_in_range(n, 100 * CIR__FREE_GUESSES, 100 * CIR__FREE_GUESSES + CIR__MAX_GUESSES);
    assert_true(cir__throttle_allows(throttle, 12345, 50)); /* whoever has not guessed is looked at */
    cir__throttle_free(throttle);
}

/* More addresses than places: the oldest is forgotten, nothing else happens. */
static void test_any_number_of_addresses(void **state)
{
    (void)state;
    cir__throttle *throttle = cir__throttle_new();
    for (uint64_t address = 0; address < 100000; address++)
        (void)cir__throttle_count(throttle, address << 32, 1 + 1e-3 * (double)address);
    for (size_t i = 0; i < 10; i++)
        (void)cir__throttle_count(throttle, 7, 102);
    assert_true(cir__throttle_count(throttle, 7, 102));
    cir__throttle_free(throttle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_guesses_are_slowed),
        cmocka_unit_test(test_many_addresses_are_slowed_together),
        cmocka_unit_test(test_any_number_of_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

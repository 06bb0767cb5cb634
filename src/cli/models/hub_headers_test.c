#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <string.h>

#include "cli/models/hub_headers.h"

static cir__hub_headers headers;

static void take(const char *line)
{
    cir__hub_headers_take(&headers, line, strlen(line));
}

#define SHA256 "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb"
#define SHA1 "32bd64288804d66eefd0ccbe215aa642df71cc41"

static void test_an_answer_is_read(void **state)
{
    (void)state;
    take("HTTP/1.1 302 Found\r\n");
    take("x-linked-size: 1710540580\r\n");
    take("X-Linked-ETag: \"" SHA256 "\"\r\n");
    take("ETag: W/\"" SHA1 "-gzip\"\r\n");
    take("X-Repo-Commit:" SHA1 "  \r\n");
    take("Content-Range: bytes 7-99/100\r\n");
    take("Content-Encoding: gzip\r\n");
    take("no header at all\r\n");
    take("\r\n");
    assert_int_equal(headers.status, 302);
    assert_int_equal(headers.linked_size, 1710540580);
    assert_string_equal(headers.linked_etag, SHA256);
    assert_string_equal(headers.etag, SHA1);
    assert_string_equal(headers.commit, SHA1);
    assert_int_equal(headers.range_begin, 7);
    assert_int_equal(headers.range_total, 100);
    assert_true(headers.is_encoded);
    take("HTTP/2 200\r\n"); /* the next one's begin */
    assert_int_equal(headers.status, 200);
    assert_int_equal(headers.linked_size, -1);
    assert_string_equal(headers.linked_etag, "");
}

static void test_what_is_no_number_or_checksum_is_none(void **state)
{
    (void)state;
    const char *const numbers[] = {"-1", "", "1e3", "0x10", "12 34", "99999999999999999999", "+5"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char line[64] = "X-Linked-Size: ";
        take("HTTP/1.1 200 OK");
        take(strcat(line, numbers[i]));
        assert_int_equal(headers.linked_size, -1);
    }
    take("HTTP/1.1 206 Partial Content");
    take("Content-Range: bytes 5-9/*");
    assert_int_equal(headers.range_begin, 5);
    assert_int_equal(headers.range_total, -1);
    take("HTTP/1.1 206 Partial Content");
    take("Content-Range: bytes */100");
    assert_int_equal(headers.range_begin, -1);
    take("X-Linked-ETag: \"" SHA1 "\""); /* no SHA-256 */
    assert_string_equal(headers.linked_etag, "");
    take("X-Linked-ETag: \"41a0e56472bad33498744818c8b1ef2c-64\"");
    take("ETag: \"41a0e56472bad33498744818c8b1ef2c-64\"");
    take("X-Repo-Commit: main");
    assert_string_equal(headers.linked_etag, "");
    assert_string_equal(headers.etag, "");
    assert_string_equal(headers.commit, "");
}

static void test_words_are_made_harmless(void **state)
{
    (void)state;
    char line[4096] = "X-Error-Message: a\x1b[31m\x9b\xc3\xa9 ";
    memset(line + strlen(line), 'b', 3000);
    take("HTTP/1.1 403 Forbidden");
    take(line);
    assert_memory_equal(headers.error_message, "a?[31m??? bbb", 13);
    assert_true(strlen(headers.error_message) < CIR__HUB_TEXT_SIZE);
    take("X-Error-Code:  GatedRepo \t\r\n");
    assert_string_equal(headers.error_code, "GatedRepo");
    take("RateLimit: \"resolvers\";r=0;t=55");
    assert_string_equal(headers.retry_after, "55");
    take("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT");
    assert_string_equal(headers.retry_after, "Wed, 21 Oct 2015 07:28:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_is_read),
        cmocka_unit_test(test_what_is_no_number_or_checksum_is_none),
        cmocka_unit_test(test_words_are_made_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

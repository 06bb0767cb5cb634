#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/models/hub_address.h"

static cir__hub_address parse(const char *url)
{
    cir__hub_address address;
    if (!cir__hub_address_parse(url, &address))
        fail_msg("%s", url);
    return address;
}

static void test_addresses_are_read(void **state)
{
    (void)state;
    cir__hub_address address = parse("https://huggingface.co/x?y=z#w");
    assert_true(address.is_https && address.port == 443);
    assert_string_equal(address.host, "huggingface.co");
    address = parse("HTTP://[::1]:8080");
    assert_true(!address.is_https && address.port == 8080);
    const char *const bad[] = {"",         "huggingface.co", "ftp://x/",           "file:///etc/passwd",
                               "https://", "https://me@x/",  "https://me:word@x/", "http://x:99999/",
                               "http:/x",  "javascript:x",   "http://a b/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (cir__hub_address_parse(bad[i], &address))
            fail_msg("%s", bad[i]);
}

static bool is_of(const char *hub, const char *at)
{
    cir__hub_address a = parse(hub);
    cir__hub_address b = parse(at);
    return cir__hub_address_is_of(&a, &b);
}

/* Who gets the token, and whose word counts. */
static void test_the_hub_is_its_host_alone(void **state)
{
    (void)state;
    assert_true(is_of("https://huggingface.co", "https://huggingface.co/api/x"));
    assert_true(is_of("https://huggingface.co", "https://HuggingFace.co:443/x"));
    assert_true(is_of("http://mirror.example", "https://mirror.example/x"));
    assert_false(is_of("https://huggingface.co", "http://huggingface.co/x"));
    assert_false(is_of("https://huggingface.co", "https://cdn-lfs.huggingface.co/x"));
    assert_false(is_of("https://huggingface.co", "https://huggingface.co.evil.example/x"));
    assert_false(is_of("https://huggingface.co", "https://huggingface.co:8443/x"));
    assert_false(is_of("http://mirror.example:8080", "https://mirror.example/x"));
}

static const char *follow(const char *from, const char *to, bool is_public)
{
    cir__hub_address a = parse(from);
    cir__hub_address b;
    const char *why;
    bool may = cir__hub_address_may_follow(&a, to, is_public, &b, &why);
    assert_int_equal(may, why == NULL);
    return may ? "" : why;
}

static void test_nothing_leads_to_less_safety(void **state)
{
    (void)state;
    assert_string_equal(follow("https://huggingface.co", "https://cdn.example/x?Signature=y", true), "");
    assert_string_equal(follow("http://10.0.0.1", "http://10.0.0.2/x", false), "");
    assert_string_equal(follow("http://mirror.example", "https://mirror.example/x", true), "");
    assert_non_null(strstr(follow("https://huggingface.co", "http://cdn.example/x", true), "unencrypted"));
    assert_non_null(strstr(follow("https://10.0.0.1", "http://10.0.0.1/x", false), "unencrypted"));
    assert_non_null(
        strstr(follow("https://huggingface.co", "https://169.254.169.254/x", true), "this network"));
    assert_non_null(strstr(follow("https://huggingface.co", "https://localhost/x", true), "this network"));
    assert_non_null(
        strstr(follow("https://huggingface.co", "file:///etc/passwd", true), "other than an http://"));
}

static void test_private_hosts_are_known(void **state)
{
    (void)state;
    const char *const inside[] = {"localhost",
                                  "LOCALHOST.",
                                  "a.localhost",
                                  "127.0.0.1",
                                  "127.1",
                                  "2130706433",
                                  "0x7f000001",
                                  "0",
                                  "10.1.2.3",
                                  "172.16.0.1",
                                  "172.31.255.255",
                                  "192.168.1.1",
                                  "169.254.169.254",
                                  "100.64.0.1",
                                  "[::1]",
                                  "::1",
                                  "[::]",
                                  "[fe80::1%eth0]",
                                  "[fd00::1]",
                                  "[::ffff:10.0.0.1]",
                                  "[::ffff:127.0.0.1]",
                                  "[64:ff9b::a00:1]",
                                  "printer",
                                  "nas.local",
                                  "x.internal",
                                  "224.0.0.1"};
    const char *const outside[] = {
        "huggingface.co", "cdn-lfs.huggingface.co", "8.8.8.8",          "172.32.0.1",      "172.15.0.1",
        "100.128.0.1",    "[2001:4860:4860::8888]", "[::ffff:8.8.8.8]", "notlocal.example"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (!cir__hub_is_private_host(inside[i]))
            fail_msg("%s", inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (cir__hub_is_private_host(outside[i]))
            fail_msg("%s", outside[i]);
}

static void test_private_addresses_are_known(void **state)
{
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0a80001)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_true(cir__hub_is_private_address((const struct sockaddr *)&v4));
    v4.sin_addr.s_addr = htonl(0x08080808);
    assert_false(cir__hub_is_private_address((const struct sockaddr *)&v4));
    assert_true(cir__hub_is_private_address((const struct sockaddr *)&v6));
    assert_int_equal(inet_pton(AF_INET6, "2001:4860:4860::8888", &v6.sin6_addr), 1);
    assert_false(cir__hub_is_private_address((const struct sockaddr *)&v6));
    assert_true(cir__hub_is_private_address(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_read),           cmocka_unit_test(test_the_hub_is_its_host_alone),
        cmocka_unit_test(test_nothing_leads_to_less_safety), cmocka_unit_test(test_private_hosts_are_known),
        cmocka_unit_test(test_private_addresses_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

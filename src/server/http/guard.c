#include "server/http/guard.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <sys/random.h>

#include "shared/failure.h"

/* The name in a Host header, without port and brackets. false: it is malformed. */
static bool parse_host(const char *host, char name_out[256])
{
    const char *end;
    const char *start = host;
    if (*host == '[') {
        start++;
        end = strchr(start, ']');
        if (end == NULL)
            return false;
    } else {
        end = host + strcspn(host, ":");
    }
    size_t size = (size_t)(end - start);
    if (size == 0 || size > 255)
        return false;
    memcpy(name_out, start, size);
    name_out[size] = '\0';
    const char *port = *end == ']' ? end + 1 : end;
    if (*port == '\0')
        return true;
    size_t n_digits = strspn(port + 1, "0123456789");
    return *port == ':' && n_digits >= 1 && n_digits <= 5 && port[1 + n_digits] == '\0';
}

typedef enum address_kind { NO_ADDRESS, OTHER_ADDRESS, LOOPBACK_ADDRESS } address_kind;

static address_kind kind_of_address(const char *name)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127 ? LOOPBACK_ADDRESS : OTHER_ADDRESS;
    if (inet_pton(AF_INET6, name, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) ? LOOPBACK_ADDRESS : OTHER_ADDRESS;
    return NO_ADDRESS;
}

/* Whether it is one of the names that were given, which may stand with the dot of the root. */
static bool is_named(const cir__guard *guard, const char *name)
{
    size_t n = strlen(name);
    n -= n > 1 && name[n - 1] == '.';
    for (size_t i = 0; i < guard->n_hosts; i++)
        if (strncasecmp(guard->hosts[i], name, n) == 0 && guard->hosts[i][n] == '\0')
            return true;
    return false;
}

static bool is_host_allowed(const cir__guard *guard, const char *name)
{
    if (is_named(guard, name))
        return true;
    if (strcasecmp(name, "localhost") == 0 || strcasecmp(name, "localhost.") == 0)
        return true;
    /* An address is no name that could be pointed elsewhere. */
    address_kind kind = kind_of_address(name);
    return kind == LOOPBACK_ADDRESS || (kind == OTHER_ADDRESS && !guard->is_loopback);
}

/* Behind a proxy that does TLS the page's scheme is https, here it is http: the host alone is compared. A
 * proxy that puts its own name for us into Host leaves Origin as it is: a name that was given passes too, on
 * the scheme's own port. */
static bool is_same_origin(const cir__guard *guard, const char *origin, const char *host)
{
    if (strncmp(origin, "http://", 7) == 0)
        origin += 7;
    else if (strncmp(origin, "https://", 8) == 0)
        origin += 8;
    else
        return false;
    return strcasecmp(origin, host) == 0 || is_named(guard, origin);
}

/* The time depends on the lengths alone. */
static bool is_equal(const char *secret, const char *given, size_t n_given)
{
    size_t n = strlen(secret);
    volatile unsigned char difference = n != n_given;
    for (size_t i = 0; i < n_given; i++)
        difference |= (unsigned char)(secret[n > 0 ? i % n : 0] ^ given[i]);
    return difference == 0;
}

bool cir__guard_has_token(const cir__guard *guard, const char *authorization)
{
    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
        return false;
    const char *given = authorization + 7;
    return is_equal(guard->token, given, strlen(given));
}

/* Every cookie of the name is tried: another server on this host may have set one of the same name. */
static bool has_session(const cir__guard *guard, const char *cookie)
{
    static const char name[] = CIR__SESSION_COOKIE "=";
    for (const char *at = cookie; at != NULL && *at != '\0';) {
        at += strspn(at, "; ");
        size_t size = strcspn(at, ";");
        size_t n_name = sizeof name - 1;
        if (size > n_name && memcmp(at, name, n_name) == 0 &&
            is_equal(guard->session, at + n_name, size - n_name))
            return true;
        at += size;
    }
    return false;
}

/* A session is 256 bits of our own making: nobody guesses it, and one of before a restart is no guess. */
bool cir__guard_is_guess(const cir__guard *guard, const cir__visitor *visitor)
{
    return guard->token[0] != '\0' && !visitor->is_open && visitor->authorization != NULL &&
           !has_session(guard, visitor->cookie);
}

static unsigned check_browser(const cir__guard *guard, const cir__visitor *visitor, cir_error *err)
{
    /* "none": the user typed the address or took a bookmark. */
    const char *site = visitor->fetch_site;
    bool is_foreign = site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    bool is_visit = visitor->is_page && visitor->fetch_mode != NULL &&
                    strcmp(visitor->fetch_mode, "navigate") == 0 && strcmp(visitor->method, "GET") == 0;
    if (visitor->origin != NULL && !is_same_origin(guard, visitor->origin, visitor->host)) {
        (void)cir__fail(err, CIR_PERMISSION,
                        "Origin: \"%.200s\" is another site than this server; only its own page may ask",
                        visitor->origin);
        return 403;
    }
    if (is_foreign && !is_visit) {
        (void)cir__fail(err, CIR_PERMISSION,
                        "Sec-Fetch-Site: \"%.40s\": another site asks; only this server's own page may",
                        site);
        return 403;
    }
    return 0;
}

unsigned cir__guard_check(const cir__guard *guard, const cir__visitor *visitor, cir_error *err)
{
    char name[256];
    if (visitor->host == NULL || !parse_host(visitor->host, name)) {
        (void)cir__fail(err, CIR_ARGUMENT, "Host: is missing or malformed; send one");
        return 400;
    }
    if (!is_host_allowed(guard, name)) {
        (void)cir__fail(err, CIR_PERMISSION,
                        "Host: \"%.200s\" is not this server's name; use its address, or start it with "
                        "--host %.200s",
                        name, name);
        return 403;
    }
    unsigned verdict = check_browser(guard, visitor, err);
    if (verdict != 0 || visitor->is_open || guard->token[0] == '\0')
        return verdict;
    if (cir__guard_has_token(guard, visitor->authorization) || has_session(guard, visitor->cookie))
        return 0;
    (void)cir__fail(err, CIR_PERMISSION,
                    "token: is missing or wrong; send \"Authorization: Bearer TOKEN\", or open the address "
                    "that the server printed");
    return 401;
}

bool cir__guard_draw(size_t n_bytes, char *text_out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[64];
    if (n_bytes > sizeof bytes || getrandom(bytes, n_bytes, 0) != (ssize_t)n_bytes)
        return false;
    for (size_t i = 0; i < n_bytes; i++) {
        text_out[2 * i] = digits[bytes[i] >> 4];
        text_out[2 * i + 1] = digits[bytes[i] & 15];
    }
    text_out[2 * n_bytes] = '\0';
    return true;
}

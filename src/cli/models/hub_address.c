#include "cli/models/hub_address.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <curl/curl.h>

bool cir__hub_address_parse(const char *url, cir__hub_address *out)
{
    char *scheme = NULL;
    char *host = NULL;
    char *port = NULL;
    char *user = NULL;
    CURLU *parts = curl_url();
    bool is_good = parts != NULL && strstr(url, "://") != NULL &&
                   curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_USER, &user, 0) != CURLUE_OK &&
                   (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0) &&
                   strlen(host) < sizeof out->host;
    *out = (cir__hub_address){0};
    if (is_good) {
        out->is_https = strcmp(scheme, "https") == 0;
        out->port = strtol(port, NULL, 10);
        (void)snprintf(out->host, sizeof out->host, "%s", host);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(parts);
    return is_good;
}

bool cir__hub_address_is_of(const cir__hub_address *hub, const cir__hub_address *at)
{
    if (strcasecmp(hub->host, at->host) != 0)
        return false;
    bool is_same = hub->is_https == at->is_https && hub->port == at->port;
    return is_same || (!hub->is_https && hub->port == 80 && at->is_https && at->port == 443);
}

bool cir__hub_address_may_follow(const cir__hub_address *from, const char *url, bool is_public,
                                 cir__hub_address *to, const char **why_out)
{
    *why_out = NULL;
    if (!cir__hub_address_parse(url, to))
        *why_out = "redirects to something other than an http:// or https:// address";
    else if (from->is_https && !to->is_https)
        *why_out = "redirects to an unencrypted address";
    else if (is_public && cir__hub_is_private_host(to->host))
        *why_out = "redirects to a host of this network";
    return *why_out == NULL;
}

static bool is_private_v4(uint32_t address)
{
    const uint32_t ranges[][2] = {
        {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
        {0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xe0000000, 3},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if ((address ^ ranges[i][0]) >> (32 - ranges[i][1]) == 0)
            return true;
    return false;
}

static bool is_private_v6(const struct in6_addr *address)
{
    const uint8_t *bytes = address->s6_addr;
    if (IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_UNSPECIFIED(address))
        return true;
    if (IN6_IS_ADDR_V4MAPPED(address) || IN6_IS_ADDR_V4COMPAT(address) ||
        memcmp(bytes, (const uint8_t[12]){0, 0x64, 0xff, 0x9b}, 12) == 0) /* NAT64 */
        return is_private_v4((uint32_t)bytes[12] << 24 | (uint32_t)bytes[13] << 16 |
                             (uint32_t)bytes[14] << 8 | bytes[15]);
    return (bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) || bytes[0] == 0xff;
}

bool cir__hub_is_private_address(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return is_private_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return is_private_v6(&v6.sin6_addr);
    }
    return true;
}

bool cir__hub_is_private_host(const char *host)
{
    static const char *const ends[] = {"localhost", ".local", ".internal", ".lan", ".home.arpa"};
    char name[CIR__HUB_HOST_SIZE];
    struct in_addr v4;
    struct in6_addr v6;
    (void)snprintf(name, sizeof name, "%s", host + (*host == '['));
    name[strcspn(name, "]%")] = '\0';
    size_t n = strlen(name);
    while (n > 0 && name[n - 1] == '.')
        name[--n] = '\0';
    if (inet_pton(AF_INET6, name, &v6) == 1)
        return is_private_v6(&v6);
    if (inet_aton(name, &v4) != 0) /* 127.1 and 0x7f000001, too */
        return is_private_v4(ntohl(v4.s_addr));
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (n >= strlen(ends[i]) && strcasecmp(name + n - strlen(ends[i]), ends[i]) == 0)
            return true;
    return strchr(name, '.') == NULL; /* a name of this network */
}

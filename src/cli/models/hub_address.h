/* Addresses of hubs and stores, and where a hub may send on to. */
#ifndef CIR_CLI_HUB_ADDRESS_H
#define CIR_CLI_HUB_ADDRESS_H

#include <stdbool.h>

#define CIR__HUB_HOST_SIZE 256

/* Where an address leads. */
typedef struct cir__hub_address {
    bool is_https;
    long port;
    char host[CIR__HUB_HOST_SIZE];
} cir__hub_address;

/* False: it is no http:// or https:// address, or bears a user's name. */
bool cir__hub_address_parse(const char *url, cir__hub_address *out);

/* Whether at is of the hub itself: the same host and port, or the same host over TLS in place of none. */
bool cir__hub_address_is_of(const cir__hub_address *hub, const cir__hub_address *at);

/* Whether an answer may send on to url, which goes out in to; else *why_out says why not ("is sent on to …").
 * is_public: the hub is not of this network. */
bool cir__hub_address_may_follow(const cir__hub_address *from, const char *url, bool is_public,
                                 cir__hub_address *to, const char **why_out);

/* Whether a host's name or literal address is one that only this machine or its network reaches: loopback,
 * private, link-local, and names such as localhost. host may stand in brackets. */
bool cir__hub_is_private_host(const char *host);

struct sockaddr;
/* The same of an address to connect to. */
bool cir__hub_is_private_address(const struct sockaddr *address);

#endif

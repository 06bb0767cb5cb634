/* Who may ask: the token, and the headers by which a browser tells on whose behalf it asks.
 *
 * Three things are kept out. Other machines: without a token only loopback is served. Other sites in the
 * user's own browser: a request that another origin made is refused (Origin, Sec-Fetch-Site), whatever it
 * would have done. A site whose name was pointed at this machine (DNS rebinding): the browser takes it for
 * that site's own server, but the Host header still bears the site's name, and only addresses, "localhost"
 * and the names given on the command line pass.
 *
 * Knows nothing of connections: headers in, a verdict out. */
#ifndef CIR_SERVER_GUARD_H
#define CIR_SERVER_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"

enum { CIR__TOKEN_SIZE = 257, CIR__SESSION_SIZE = 65 };

typedef struct cir__guard {
    bool is_loopback; /* bound to a loopback address */
    bool is_tls;
    const char *const *hosts; /* [n_hosts] further names that Host may bear */
    size_t n_hosts;
    char token[CIR__TOKEN_SIZE];     /* "": none is needed */
    char session[CIR__SESSION_SIZE]; /* the cookie's value that stands for the token */
} cir__guard;

/* What is looked at of a request; a header that is missing is NULL. */
typedef struct cir__visitor {
    const char *method;
    bool is_page; /* asks for the page itself, which links elsewhere may lead to */
    bool is_open; /* asks for what needs no token: the page's own files, health */
    const char *host, *origin, *fetch_site, *fetch_mode, *authorization, *cookie;
} cir__visitor;

/* 0: let it in. Else the HTTP status (400, 401, 403) and, in err, why. */
unsigned cir__guard_check(const cir__guard *guard, const cir__visitor *visitor, cir_error *err);

/* Whether the token is looked at for this visitor: there is one, and no session that stands for it. */
bool cir__guard_is_guess(const cir__guard *guard, const cir__visitor *visitor);

/* Whether an Authorization header bears the token; takes the same time wherever they differ. */
bool cir__guard_has_token(const cir__guard *guard, const char *authorization);

/* n random bytes from the system as hexadecimal digits: text_out [2n + 1]. false: there are none. */
bool cir__guard_draw(size_t n_bytes, char *text_out);

#define CIR__SESSION_COOKIE "cir_session"

#endif

/* What HTTPS is done with: which protocols and ciphers, and whether a certificate and its key serve for
 * it. */
#ifndef CIR_SERVER_TLS_H
#define CIR_SERVER_TLS_H

#include "cir/status.h"

/* TLS 1.2 and 1.3, forward secrecy, authenticated ciphers; in the words of GnuTLS. */
#define CIR__TLS_PRIORITIES                                                                                  \
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:"   \
    "+AEAD:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:+COMP-NULL:+CTYPE-X509:"         \
    "+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:%SERVER_PRECEDENCE"

/* Whether both texts are PEM, belong together, are strong enough and in force now. The files name them in
 * err. */
CIR_MUST_CHECK cir_status cir__tls_check(const char *certificate_file, const char *certificate,
                                         const char *key_file, const char *key, cir_error *err);

#endif

/* Files that hold secrets: read whole, and only where no other user of this machine can read them, as ssh has
 * it. */
#ifndef CIR_SERVER_SECRET_H
#define CIR_SERVER_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "server/http/guard.h"

/* A text file of at most max bytes, whole; cir__secret_free. is_secret: it must not be open to others. NULL
 * after err. */
char *cir__secret_read(const char *path, size_t max, bool is_secret, cir_error *err);
void cir__secret_free(char *text); /* wipes it; NULL is allowed */

/* The token: the one word that the file holds. One that is short, or of few characters, is refused. */
CIR_MUST_CHECK cir_status cir__secret_read_token(const char *path, char token_out[CIR__TOKEN_SIZE],
                                                 cir_error *err);

#endif

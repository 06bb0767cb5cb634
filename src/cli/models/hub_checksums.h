/* What proves a fetched file: a SHA-256, or git's SHA-1 of its content. */
#ifndef CIR_CLI_HUB_CHECKSUMS_H
#define CIR_CLI_HUB_CHECKSUMS_H

#include <stdbool.h>

#include "cli/models/hub.h"

typedef struct cir__checksums {
    char sha256[CIR__DIGEST_TEXT_SIZE];
    char git_sha1[CIR__DIGEST_TEXT_SIZE]; /* counts where there is no SHA-256 */
} cir__checksums;

bool cir__checksums_are_known(const cir__checksums *self);

/* Takes the file's line in SHA256SUMS beside it, as mirrors have it: digits, a blank, a blank or a star, the
 * name. Nothing changes where there is none. watch: false ends it. */
void cir__checksums_find(cir__checksums *self, cir__hub *hub, const char *folder_url, const char *name,
                         bool (*watch)(void *context), void *context);

/* Whether the file has them; its SHA-256 goes out. *is_read_out false: it could not be read, errno says
 * why. */
bool cir__checksums_match(const cir__checksums *self, const char *path,
                          char sha256_out[CIR__DIGEST_TEXT_SIZE], bool *is_read_out);

#endif

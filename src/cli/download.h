/* One file over HTTP, whole and proved, or not at all (over libcurl).
 *
 * What proves it comes from the server, as nothing else can: a model hub's own headers, X-Linked-ETag
 * (SHA-256 of files that it keeps apart) or ETag (git's SHA-1 of the others), or a file SHA256SUMS beside the
 * file, as mirrors have it. A server that offers none of them is refused. So the bytes are those that the hub
 * lists; whether to trust the hub is the user's to decide.
 *
 * The bytes go into PATH.part, which a later call continues (where the server lets it, else it begins again);
 * only after the checksum was right does the file get its name. Lost connections are tried again. */
#ifndef CIR_CLI_DOWNLOAD_H
#define CIR_CLI_DOWNLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/digest.h"

/* What went wrong, as a whole sentence without the program's name. */
#define CIR__DOWNLOAD_ERROR_SIZE 1024

/* Told how far the file is; total 0: not known yet. False asks to stop. */
typedef bool cir__download_watch(void *context, size_t n_bytes, size_t total_bytes);

typedef struct cir__download {
    const char *folder_url; /* without the last slash */
    const char *name;       /* of the file, there and here */
    const char *folder;     /* that it goes to */
    cir__download_watch *watch;
    void *context;
    char sha256[CIR__DIGEST_TEXT_SIZE];   /* out: of the file */
    char error[CIR__DOWNLOAD_ERROR_SIZE]; /* out */
    bool is_stopped;                      /* out: watch asked to */
} cir__download;

/* Fetches it; true at once where it is there already. False: error says why. */
bool cir__download_run(cir__download *download);

#endif

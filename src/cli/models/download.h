/* One file of a hub, whole and proved, or not at all.
 *
 * What proves it is a checksum that is known here, else the hub's own word: X-Linked-ETag (SHA-256 of files
 * that it keeps apart) or ETag (git's SHA-1 of the others), else a file SHA256SUMS beside the file, as
 * mirrors have it. A server that publishes none is refused before the file is fetched. No file may be larger
 * than its kind.
 *
 * The bytes go into PATH.part, which a later call continues (where the server lets it, else it begins again);
 * only after the checksum of all of them was right does the file get its name. A file that has its name
 * already is proved again. Lost connections and busy servers are tried again. */
#ifndef CIR_CLI_DOWNLOAD_H
#define CIR_CLI_DOWNLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/models/hub.h"

/* Told how far the file is; total 0: not known yet. False asks to stop. */
typedef bool cir__download_watch(void *context, size_t n_bytes, size_t total_bytes);

/* Told what it waits for, one line. */
typedef void cir__download_note(void *context, const char *text);

typedef struct cir__download {
    cir__hub *hub;
    const char *folder_url; /* without the last slash */
    const char *name;       /* of the file, there and here */
    const char *folder;     /* that it goes to */
    size_t n_bytes;         /* that it must have; 0: not known */
    const char *wanted;     /* its SHA-256; NULL: not known */
    size_t max_bytes;       /* that it may have */
    cir__download_watch *watch;
    cir__download_note *note;
    void *context;
    /* out: */
    char sha256[CIR__DIGEST_TEXT_SIZE]; /* of the file */
    char commit[CIR__DIGEST_TEXT_SIZE]; /* that the hub took it from; "": not told */
    long status;                        /* of the last answer; 0: none */
    bool is_stopped;                    /* watch asked to */
    char error[CIR__HUB_ERROR_SIZE];    /* a whole sentence without the program's name */
} cir__download;

/* Fetches it, or proves what is there. False: error says why. */
bool cir__download_run(cir__download *download);

#endif

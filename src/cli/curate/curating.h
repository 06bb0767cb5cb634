/* What the commands of curation share: a project, its index, and lines about it. */
#ifndef CIR_CLI_CURATING_H
#define CIR_CLI_CURATING_H

#include "cir/cir.h"
#include "cir/curate.h"
#include "cli/common/arguments.h"

#define CIR__CURATING_INDEX_FLAGS                                                                            \
    {"index", 0, "INDEX",                                                                                    \
     "where the project's index lies now, or another one (default: the one it was made for)"},               \
    {                                                                                                        \
        "trust", 0, NULL, "take an index of another user, or one that names folders elsewhere, at its word"  \
    }

/* Opens the project that is the first operand. CIR__DONE, or the exit status after a message. */
int cir__curating_open(const cir__arguments *arguments, bool writes, cir_curation **curation_out);

/* Opens the project's index, or the one of --index; fingerprint: of the model whose features are shown, may
 * be NULL. */
int cir__curating_open_index(const cir__arguments *arguments, const cir_curation *curation,
                             const char *fingerprint, cir_index **index_out);

/* For cir_curation_tell_fn: a line on standard error, "cir: LINE". */
void cir__curating_tell(void *context, const char *line);

#endif

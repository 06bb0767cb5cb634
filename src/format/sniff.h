/* What a file of a model really is where it is something else: a Git LFS pointer, a server's error page, an
 * archive.
 *
 * Looks at the first bytes only, and never at a file that is what it should be. What it must not know: where
 * a model's files come from. */
#ifndef CIR_FORMAT_SNIFF_H
#define CIR_FORMAT_SNIFF_H

#include "base/file.h"
#include "cir/status.h"

/* What a file should be. */
typedef enum cir__sniff_kind {
    CIR__SNIFF_JSON,
    CIR__SNIFF_TEXT,     /* lines of words, such as merges.txt */
    CIR__SNIFF_PROTOBUF, /* spiece.model */
    CIR__SNIFF_SAFETENSORS,
    CIR__SNIFF_TORCH, /* PyTorch's archives */
    CIR__SNIFF_NPY
} cir__sniff_kind;

/* CIR_OK where nothing speaks against it; what: "the weights", for the message, which says what the file is
 * instead and how to get the right one. Errors: CIR_FORMAT. */
CIR_MUST_CHECK cir_status cir__sniff_check(cir__bytes_view file, cir__sniff_kind kind, const char *what,
                                           cir_error *err);

#endif

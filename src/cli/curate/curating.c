#include "cli/curate/curating.h"

#include <stdio.h>

#include "cli/common/output.h"
#include "cli/common/session.h"

int cir__curating_open(const cir__arguments *arguments, bool writes, cir_curation **curation_out)
{
    cir_error err;
    *curation_out = NULL;
    if (cir__arguments_n_operands(arguments) < 1)
        return cir__arguments_refuse(arguments, "name a project");
    return cir_curation_open(cir__arguments_operands(arguments)[0], writes, curation_out, &err) == CIR_OK
               ? CIR__DONE
               : cir__session_fail(&err);
}

int cir__curating_open_index(const cir__arguments *arguments, const cir_curation *curation,
                             const char *fingerprint, cir_index **index_out)
{
    cir_error err;
    const char *path = cir__arguments_get(arguments, "index");
    if (path == NULL)
        path = cir_curation_get_info(curation)->index_path;
    if (cir__session_open_index(arguments, path, fingerprint, index_out, &err) == CIR_OK)
        return CIR__DONE;
    const int status = cir__session_fail(&err);
    if (err.status == CIR_NOT_FOUND)
        fprintf(stderr, "cir: if the index was moved, say where it lies now: --index INDEX\n");
    return status;
}

void cir__curating_tell(void *context, const char *line)
{
    (void)context;
    fputs("cir: ", stderr);
    cir__put_text(stderr, line);
    fputc('\n', stderr);
}

/* cir check: every file, row and checksum of an index. */
#include <stdio.h>

#include "cli/common/commands.h"
#include "cli/common/output.h"
#include "cli/common/session.h"

static const cir__flag flags[] = {
    {"repair", 0, NULL, "repair what can be repaired; damaged rows are encoded again by the next cir index"},
    {"trust", 0, NULL, "trust an index that belongs to another user or names folders elsewhere"},
    {0},
};

static void report(void *context, const char *finding, bool was_repaired)
{
    (void)context;
    cir__put_text(stdout, finding);
    puts(was_repaired ? " (repaired)" : "");
}

static int run(const cir__arguments *arguments)
{
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one index");
    const char *path = cir__arguments_operands(arguments)[0];
    cir_pool *pool;
    int status = cir__session_open_pool(arguments, &pool);
    if (status != CIR__DONE)
        return status;
    cir_error err;
    cir_check_result result;
    bool repair = cir__arguments_has(arguments, "repair");
    cir_status trusted = CIR_OK;
    /* That there is none is the check's to say. */
    if (!cir__arguments_has(arguments, "trust"))
        trusted = cir_index_check_owner(path, &err);
    if (trusted == CIR_PERMISSION)
        status = cir__session_fail(&err);
    else if (cir_index_check(path, repair, pool, report, NULL, &result, &err) != CIR_OK)
        status = cir__session_fail(&err);
    else if (result.n_findings == 0)
        printf("%s: %zu rows, no problems\n", path, result.n_rows);
    else {
        printf("%s: %zu finding%s in %zu rows, %zu repaired%s%s\n", path, result.n_findings,
               result.n_findings == 1 ? "" : "s", result.n_rows, result.n_repaired,
               repair ? "" : "; next: cir check --repair ", repair ? "" : path);
        status = result.n_repaired < result.n_findings ? CIR__FAILED : CIR__DONE;
    }
    cir_pool_free(pool);
    return status;
}

const cir__command cir__command_check = {
    .name = "check",
    .synopsis = "INDEX [--repair]",
    .summary = "check every file, row and checksum of an index",
    .flags = flags,
    .notes = "Exit status 1 if anything is wrong and was not repaired.\n",
    .run = run,
};

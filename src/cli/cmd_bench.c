/* cir bench: what one needs to repeat the project's figures and has not at home. */
#include <stdio.h>

#include "cir/synthetic.h"
#include "cli/common/commands.h"
#include "cli/common/session.h"
#include "shared/clock.h"

static const cir__flag no_flags[] = {{0}};

static int run(const cir__arguments *arguments)
{
    return cir__arguments_refuse(arguments, "name a subcommand: make-index");
}

const cir__command cir__command_bench = {
    .name = "bench",
    .synopsis = "make-index OUT",
    .summary = "make data for the project's benchmarks",
    .flags = no_flags,
    .notes =
        "  make-index   an index of synthetic features; more: cir bench make-index --help\n"
        "\n"
        "The benchmarks themselves are programs of the source tree: script/bench scale makes such an index and\n"
        "measures searches in it, script/bench has the others.\n",
    .run = run,
};

/* -- make-index -- */

static const cir__flag make_index_flags[] = {
    {"n", 0, "N", "rows (default 1000000)"},
    {"dim", 0, "D", "dimensions of a feature (default 768)"},
    {"seed", 0, "S", "another seed makes other features (default 0)"},
    {0},
};

static bool watch(void *context, const cir_update_progress *now)
{
    if (now->n_to_code > 0)
        cir__progress_draw(context, now->n_coded, now->n_to_code, now->n_coded, NULL);
    else
        cir__progress_draw(context, now->n_done, now->n_found, now->n_encoded, NULL);
    return !cir__session_is_interrupted();
}

static int run_make_index(const cir__arguments *arguments)
{
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one index to make");
    const char *path = cir__arguments_operands(arguments)[0];
    size_t n_rows = 1000000, dim = 768, seed = 0;
    if (!cir__arguments_count(arguments, "n", 1, CIR_SYNTHETIC_MAX_ROWS, &n_rows) ||
        !cir__arguments_count(arguments, "dim", 2, CIR_SYNTHETIC_MAX_DIM, &dim) ||
        !cir__arguments_count(arguments, "seed", 0, SIZE_MAX / 2, &seed))
        return CIR__USAGE;
    cir_pool *pool = NULL;
    int status = cir__session_open_pool(arguments, &pool);
    if (status != CIR__DONE)
        return status;
    cir__session_catch_interrupts();
    cir__progress progress;
    cir__progress_init(&progress, arguments, "making up");
    const cir_update_options options = {.size = sizeof options, .watch = watch, .watch_context = &progress};
    cir_error err;
    cir_status made = cir_index_make_synthetic(path, n_rows, dim, seed, pool, &options, &err);
    const double seconds = cir__clock_seconds() - progress.started;
    cir__progress_clear(&progress);
    cir__progress_init(&progress, arguments, "coding");
    if (made == CIR_OK)
        made = cir_index_update_codes(path, pool, &options, &err);
    cir__progress_clear(&progress);
    if (made != CIR_OK) {
        status = cir__session_fail(&err);
    } else {
        char count[32];
        printf("%s: %s synthetic features of dimension %zu in %.1f s, compact codes in %.1f s\n", path,
               cir__count_text(n_rows, count), dim, seconds, cir__clock_seconds() - progress.started);
    }
    cir_pool_free(pool);
    return status;
}

const cir__command cir__command_make_index = {
    .name = "bench make-index",
    .synopsis = "OUT [--n N] [--dim D] [--seed S]",
    .summary = "make an index of synthetic features",
    .flags = make_index_flags,
    .notes =
        "Features are in the shape of real ones: unit vectors with a mean of length 0.6, in clusters of "
        "very different\n"
        "sizes, their variances falling as a power law. The same seed and numbers make the same features on every\n"
        "machine. The photos are names alone, and no model encodes like them: the index is for measuring. It takes\n"
        "about 1.8 KB a row of 768 dimensions.\n"
        "\n"
        "Example:\n"
        "  cir bench make-index --n 10000000 big.cir && cir info big.cir\n",
    .run = run_make_index,
};

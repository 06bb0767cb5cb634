#include "cli/common/summary.h"

#include <stdio.h>

#include "cli/common/output.h"
#include "cli/common/session.h"

void cir__summary_print_skipped(const cir_skipped *kinds, size_t n)
{
    size_t n_files = 0;
    char count[32];
    for (size_t i = 0; i < n; i++)
        n_files += kinds[i].n;
    if (n_files == 0)
        return;
    printf("%s file%s of kinds that are not read:", cir__count_text(n_files, count), n_files == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        printf("%s %s %s", i > 0 ? "," : "", kinds[i].kind, cir__count_text(kinds[i].n, count));
}

json_t *cir__summary_skipped_json(const cir_skipped *kinds, size_t n)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++)
        cir__json_set(object, kinds[i].kind, json_integer((json_int_t)kinds[i].n));
    return object;
}

/* What the walk left out, and how to have it. */
static void print_left_out(const cir_update_progress *result)
{
    const struct {
        size_t n;
        const char *one, *many;
    } parts[] = {
        {result->n_hidden, "hidden folder or photo (--hidden includes it)",
         "hidden folders or photos (--hidden includes them)"},
        {result->n_excluded, "excluded folder or photo", "excluded folders or photos"},
        {result->n_outside, "link that leads elsewhere (give its folder, too)",
         "links that lead elsewhere (give their folders, too)"},
    };
    const char *before = "left out: ";
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char count[32];
        if (parts[i].n == 0)
            continue;
        printf("%s%s %s", before, cir__count_text(parts[i].n, count),
               parts[i].n == 1 ? parts[i].one : parts[i].many);
        before = ", ";
    }
    if (before[0] == ',')
        printf("\n");
    if (result->n_left_out > 0)
        printf("%zu photo%s searched until now %s left out from now on\n", result->n_left_out,
               result->n_left_out == 1 ? "" : "s", result->n_left_out == 1 ? "is" : "are");
}

void cir__summary_print(const char *index_path, const cir_update_progress *result, double seconds)
{
    const size_t n_failed = result->n_failed + result->n_failed_before;
    const struct {
        size_t n;
        const char *what;
    } parts[] = {{result->n_new, "new"},        {result->n_changed, "changed"}, {result->n_moved, "moved"},
                 {result->n_kept, "unchanged"}, {n_failed, "failed"},           {result->n_vanished, "gone"},
                 {result->n_skipped, "skipped"}};
    char count[32];
    printf("%s:", index_path);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        printf("%s %s %s", i > 0 ? "," : "", cir__count_text(parts[i].n, count), parts[i].what);
    printf("; %s encoded in %.1f s", cir__count_text(result->n_encoded, count), seconds);
    if (result->n_encoded > 0 && seconds > 0)
        printf(" (%.1f photos/s)", (double)result->n_encoded / seconds);
    if (result->n_coded > 0)
        printf(", %s compact codes made", cir__count_text(result->n_coded, count));
    printf("\n");
    cir__summary_print_skipped(result->skipped, result->n_kinds);
    if (result->n_skipped > 0)
        printf("\n");
    print_left_out(result);
    if (n_failed > 0)
        printf("what failed and why: cir info %s --failed\n", index_path);
}

json_t *cir__summary_json(const cir_update_progress *result, double seconds)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I}}",
        "found", (json_int_t)result->n_found, "encoded", (json_int_t)result->n_encoded, "unchanged",
        (json_int_t)result->n_unchanged, "failed", (json_int_t)result->n_failed, "vanished",
        (json_int_t)result->n_vanished, "coded", (json_int_t)result->n_coded, "seconds", seconds, "new",
        (json_int_t)result->n_new, "changed", (json_int_t)result->n_changed, "moved",
        (json_int_t)result->n_moved, "kept", (json_int_t)result->n_kept, "failed_before",
        (json_int_t)result->n_failed_before, "skipped", (json_int_t)result->n_skipped, "skipped_kinds",
        cir__summary_skipped_json(result->skipped, result->n_kinds), "left_out", "hidden",
        (json_int_t)result->n_hidden, "excluded", (json_int_t)result->n_excluded, "outside",
        (json_int_t)result->n_outside, "photos", (json_int_t)result->n_left_out);
}

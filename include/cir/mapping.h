/* Files that change while they are mapped.
 *
 * The library maps large files: an index' vectors and codes, features under evaluation, a model's weights.
 * Where somebody cuts such a file short meanwhile, or its disk fails, the next look at a lost page raises
 * SIGBUS, which ends the process unless it has a handler. The library installs none: that is its host's to
 * decide. A host that wants to go on installs one, with SA_SIGINFO, that calls this function:
 *
 *   static void on_bus_error(int number, siginfo_t *info, void *context)
 *   {
 *       if (!cir_mapping_handle_fault(info->si_addr))
 *           signal(number, SIG_DFL);      // not ours: what would have happened happens now
 *   }
 *
 * The lost part then reads as zeros, and whatever was computed from that file fails with CIR_DAMAGED, as does
 * all that follows on the same open index, model or features; close and open them again. Without a handler,
 * searches look at the lengths of the files every 64 MB, which makes the signal rare and not impossible. */
#ifndef CIR_MAPPING_H
#define CIR_MAPPING_H

#include <stdbool.h>

#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the page at address, and those behind it in the same file, readable as zeros where the library has
 * mapped them, and marks the file. false: the address is none of the library's, or that failed. Async-signal-
 * safe; any thread. */
CIR_API bool cir_mapping_handle_fault(void *address);

#ifdef __cplusplus
}
#endif

#endif

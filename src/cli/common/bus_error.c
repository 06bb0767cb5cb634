#include "cli/common/bus_error.h"

#include <signal.h>
#include <string.h>

#include "cir/cir.h"

/* Coming back repeats what failed: it reads zeros now, or fails for good. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (!cir_mapping_handle_fault(info->si_addr))
        signal(number, SIG_DFL);
}

void cir__bus_error_catch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    (void)sigaction(SIGBUS, &action, NULL);
}

/* Locking a process in, for good: from then on it computes in its own memory and talks over the files it
 * has. */
#ifndef CIR_CLI_DECODE_SANDBOX_H
#define CIR_CLI_DECODE_SANDBOX_H

#include <stdbool.h>

/* Forbids every system call that computing and the files that are open do not need: no file is opened, no
 * socket, no program; threads may start. They fail with EPERM. Call before the process has a second thread.
 * Which parts the kernel has: bits CIR__ISOLATED_SYSCALLS and CIR__ISOLATED_FILES. */
int cir__sandbox_enter(void);

/* Is this a sanitizer's build? Then it may open files, as the sanitizer does, and its address space is not to
 * be limited, as the sanitizer's own is vast. */
bool cir__sandbox_is_relaxed(void);

#endif

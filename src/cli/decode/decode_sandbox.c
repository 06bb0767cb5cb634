/* Written against the kernel's own interfaces: a filter of one list is shorter so than with a library. */
#include "cli/decode/decode_sandbox.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include "cli/decode/decode_message.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Landlock's first version knows 13 rights; newer kernels, with more of them, still grant nothing to paths
 * that cannot be opened. */
static bool lock_files(void)
{
#if defined(SYS_landlock_create_ruleset) && defined(SYS_landlock_restrict_self)
    const struct landlock_ruleset_attr all = {.handled_access_fs = (1ULL << 13) - 1};
    long ruleset = syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (ruleset < 0)
        return false;
    long done = syscall(SYS_landlock_restrict_self, (int)ruleset, 0);
    close((int)ruleset);
    return done == 0;
#else
    return false;
#endif
}

#ifdef ARCHITECTURE

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
/* The lower half; both architectures are little-endian. */
#define LOAD_ARGUMENT(i)                                                                                     \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (i)))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE(errno_value) RETURN(SECCOMP_RET_ERRNO | (errno_value))
#define SKIP_UNLESS(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, n)
#define ALLOW(name) SKIP_UNLESS(SYS_##name, 1), RETURN(SECCOMP_RET_ALLOW)
/* Only where an argument has none of the bits, all of the bits, or just the value. */
#define ALLOW_WITHOUT(name, i, bits)                                                                         \
    SKIP_UNLESS(SYS_##name, 4), LOAD_ARGUMENT(i),                                                            \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), 1, 0), RETURN(SECCOMP_RET_ALLOW),             \
        REFUSE(EPERM)
#define ALLOW_WITH(name, i, bits)                                                                            \
    SKIP_UNLESS(SYS_##name, 4), LOAD_ARGUMENT(i),                                                            \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), 0, 1), RETURN(SECCOMP_RET_ALLOW),             \
        REFUSE(EPERM)
#define ALLOW_EQUAL(name, i, value)                                                                          \
    SKIP_UNLESS(SYS_##name, 4), LOAD_ARGUMENT(i), SKIP_UNLESS(value, 1), RETURN(SECCOMP_RET_ALLOW),          \
        REFUSE(EPERM)

static bool lock_syscalls(void)
{
    const struct sock_filter filter[] = {
        LOAD(arch),
        SKIP_UNLESS(ARCHITECTURE, 1),
        BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
        REFUSE(EPERM),
        LOAD(nr),
        /* Its files: socket and shared memory. */
        ALLOW(read),
        ALLOW(write),
        ALLOW(pread64),
        ALLOW(close),
        ALLOW(fstat),
        ALLOW(lseek),
        /* Memory, none of it executable. */
        ALLOW_WITHOUT(mmap, 2, PROT_EXEC),
        ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(brk),
        /* Threads of codecs: no processes. What clone3 is to do lies in memory, which a filter cannot read;
         * where it is missing, glibc uses clone. */
        ALLOW_WITH(clone, 0, CLONE_THREAD),
        SKIP_UNLESS(SYS_clone3, 1),
        REFUSE(ENOSYS),
        ALLOW(futex),
        ALLOW(set_robust_list),
#ifdef SYS_rseq
        ALLOW(rseq),
#endif
        ALLOW(membarrier),
        ALLOW(sched_yield),
        ALLOW(sched_getaffinity),
        ALLOW(getcpu),
        ALLOW(gettid),
        ALLOW(getpid),
        ALLOW(exit),
        ALLOW(exit_group),
        ALLOW_EQUAL(prctl, 0, PR_SET_NAME),
        /* Signals to itself: abort. */
        ALLOW(rt_sigprocmask),
        ALLOW(rt_sigaction),
        ALLOW(rt_sigreturn),
        ALLOW(sigaltstack),
        ALLOW(restart_syscall),
        ALLOW_EQUAL(tgkill, 0, getpid()),
        /* Time, chance, and how much of its limits is used. */
        ALLOW(clock_gettime),
        ALLOW(clock_nanosleep),
        ALLOW(nanosleep),
        ALLOW(gettimeofday),
        ALLOW(getrandom),
        ALLOW(getrusage),
        ALLOW(sysinfo),
        ALLOW_EQUAL(prlimit64, 0, 0),
#if IS_SANITIZED
        /* A sanitizer looks at its own maps, and writes its report before the process ends. */
        ALLOW(openat),
        ALLOW(readlink),
        ALLOW(newfstatat),
        ALLOW(getuid),
        ALLOW(ioctl),
        ALLOW(kill),
#endif
        REFUSE(EPERM),
    };
    const struct sock_fprog program = {(unsigned short)(sizeof filter / sizeof filter[0]),
                                       (struct sock_filter *)(uintptr_t)filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#else

static bool lock_syscalls(void)
{
    return false;
}

#endif

int cir__sandbox_enter(void)
{
    int isolation = 0;
    /* Nothing is written that a crash would keep, and no file grows. */
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_FSIZE, &none);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return 0;
    /* Files first: the filter forbids the calls. */
    if (!IS_SANITIZED && lock_files())
        isolation |= CIR__ISOLATED_FILES;
    if (lock_syscalls())
        isolation |= CIR__ISOLATED_SYSCALLS;
    return isolation;
}

bool cir__sandbox_is_relaxed(void)
{
    return IS_SANITIZED;
}

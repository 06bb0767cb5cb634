/* The filter, in a process of its own that tries what it must not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/decode/decode_message.h"
#include "cli/decode/decode_sandbox.h"

static void *touch(void *context)
{
    uint8_t *bytes = malloc(1 << 20);
    if (bytes != NULL)
        memset(bytes, 1, 1 << 20);
    free(bytes);
    return context;
}

static bool is_refused(long result)
{
    return result == -1 && (errno == EPERM || errno == EACCES);
}

/* What decoding does still works. */
static int try_allowed(int fd)
{
    pthread_t thread;
    void *result = NULL;
    uint8_t *large = malloc((size_t)64 << 20);
    if (large == NULL)
        return 1;
    memset(large, 1, (size_t)64 << 20);
    uint8_t *const larger = realloc(large, (size_t)80 << 20);
    if (larger == NULL) {
        free(large);
        return 2;
    }
    large = larger;
    if (pthread_create(&thread, NULL, touch, large) != 0)
        return 3;
    pthread_join(thread, &result);
    if (result != large)
        return 4;
    free(large);
    if (write(fd, "x", 1) != 1)
        return 5;
    struct rusage used;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0 ||
        setrlimit(RLIMIT_CPU, &limit) != 0)
        return 6;
    return 0;
}

static int try_refused(pid_t parent)
{
    char name[] = "true", *words[] = {name, NULL};
    struct rlimit limit = {0, 0};
    if (!cir__sandbox_is_relaxed()) {
        if (!is_refused(open("/etc/passwd", O_RDONLY)))
            return 20;
        if (!is_refused(open("/tmp/cir-sandbox-test", O_WRONLY | O_CREAT, 0600)))
            return 21;
        if (!is_refused(kill(parent, 0)))
            return 22;
    }
    if (!is_refused(socket(AF_INET, SOCK_STREAM, 0)) || !is_refused(socket(AF_UNIX, SOCK_STREAM, 0)))
        return 23;
    if (!is_refused(execv("/bin/true", words)))
        return 24;
    if (!is_refused(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)))
        return 25;
    if (!(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS))
        return 26;
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return 27;
    if (!is_refused(unlink("/tmp/cir-sandbox-test")) || !is_refused(rename("/tmp/a", "/tmp/b")))
        return 28;
    if (!is_refused(ptrace(PTRACE_ATTACH, parent, NULL, NULL)))
        return 29;
    if (!is_refused(syscall(SYS_prlimit64, parent, RLIMIT_CPU, &limit, NULL)))
        return 30;
    if (!is_refused(syscall(SYS_tgkill, parent, parent, 0)))
        return 31;
    if (!is_refused(syscall(SYS_memfd_create, "x", 0)) || !is_refused(dup(0)))
        return 32;
    if (!is_refused(setuid(0)) || !is_refused(syscall(SYS_process_vm_readv, parent, NULL, 0, NULL, 0, 0)))
        return 33;
    return 0;
}

static void test_nothing_is_reached(void **state)
{
    (void)state;
    int ends[2];
    int status;
    const pid_t parent = getpid();
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if ((cir__sandbox_enter() & CIR__ISOLATED_SYSCALLS) == 0)
            _exit(99);
        int result = try_allowed(ends[1]);
        _exit(result != 0 ? result : try_refused(parent));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 99)
        fail_msg("this system has no seccomp filters: nothing to test here");
    assert_int_equal(WEXITSTATUS(status), 0);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_reached)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

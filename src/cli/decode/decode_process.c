#include "cli/decode/decode_process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/decode/decode_message.h"
#include "shared/clock.h"

#define FIRST_CAPACITY ((size_t)1 << 20)

static void shared_close(cir__shared *self)
{
    if (self->at != NULL)
        munmap(self->at, self->capacity);
    if (self->fd >= 0)
        close(self->fd);
    *self = (cir__shared){.fd = -1};
}

bool cir__shared_grow(cir__shared *self, size_t n_bytes)
{
    size_t capacity = self->capacity > 0 ? self->capacity : FIRST_CAPACITY;
    while (capacity < n_bytes)
        capacity *= 2;
    if (capacity == self->capacity)
        return true;
    if (ftruncate(self->fd, (off_t)capacity) != 0)
        return false;
    if (self->at != NULL)
        munmap(self->at, self->capacity);
    void *at = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
    self->at = at != MAP_FAILED ? at : NULL;
    self->capacity = self->at != NULL ? capacity : 0;
    return self->at != NULL;
}

/* Sealed, so that the worker cannot take back what this process reads. */
static bool shared_open(cir__shared *self, const char *name)
{
    self->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return self->fd >= 0 && fcntl(self->fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 &&
           cir__shared_grow(self, FIRST_CAPACITY);
}

bool cir__decode_process_is_gone(const cir__decode_process *self)
{
    struct pollfd file = {.fd = self->socket};
    return poll(&file, 1, 0) == 1 && (file.revents & POLLHUP) != 0;
}

int cir__decode_process_end(cir__decode_process *self)
{
    int status = 0;
    if (self->pid > 0) {
        /* First what it did itself, if it did. */
        pid_t ended = waitpid(self->pid, &status, WNOHANG);
        if (ended == 0) {
            kill(self->pid, SIGKILL);
            do
                ended = waitpid(self->pid, &status, 0);
            while (ended < 0 && errno == EINTR);
        }
    }
    if (self->socket >= 0)
        close(self->socket);
    shared_close(&self->bytes);
    shared_close(&self->pixels);
    free(self);
    return status;
}

bool cir__decode_process_hear(const cir__decode_process *self, void *message, size_t size, double until)
{
    for (;;) {
        struct pollfd file = {.fd = self->socket, .events = POLLIN};
        int n = poll(&file, 1, (int)fmin(fmax(1e3 * (until - cir__clock_seconds()), 0), INT32_MAX));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        ssize_t n_read = recv(self->socket, message, size, 0);
        if (n_read < 0 && errno == EINTR)
            continue;
        return n_read == (ssize_t)size;
    }
}

bool cir__decode_process_say(const cir__decode_process *self, const void *message, size_t size)
{
    ssize_t n;
    do
        n = send(self->socket, message, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size;
}

/* Of the environment a worker gets what loading the program takes: no secrets. And libraries are to start no
 * threads of their own in it, nor to look at kinds that nobody has tested on hostile files. [*n + 1], free()
 * the array alone. */
static char **make_environment(void)
{
    static const char *const wanted[] = {"LD_LIBRARY_PATH=", "LD_PRELOAD=",   "ASAN_OPTIONS=",
                                         "UBSAN_OPTIONS=",   "TSAN_OPTIONS=", "LSAN_OPTIONS="};
    static char set[][24] = {"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "VIPS_CONCURRENCY=1",
                             "VIPS_BLOCK_UNTRUSTED=1"};
    enum { N_WANTED = sizeof wanted / sizeof wanted[0], N_SET = sizeof set / sizeof set[0] };
    char **list = calloc(N_SET + N_WANTED + 1, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < N_SET; i++)
        list[n++] = set[i];
    for (size_t i = 0; i < N_WANTED; i++)
        for (char **variable = environ; *variable != NULL; variable++)
            if (strncmp(*variable, wanted[i], strlen(wanted[i])) == 0) {
                list[n++] = *variable;
                break;
            }
    return list;
}

/* Above the numbers that the worker will know it by, so that none is overwritten. */
static int lift(int fd)
{
    int lifted = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 16) : -1;
    if (fd >= 0)
        close(fd);
    return lifted;
}

static bool spawn(cir__decode_process *self, size_t n_seconds, int its_socket)
{
    char parent[32], seconds[32];
    (void)snprintf(parent, sizeof parent, "%ld", (long)getpid());
    (void)snprintf(seconds, sizeof seconds, "%zu", n_seconds);
    char name[] = "cir", command[] = CIR__DECODE_WORKER;
    char *const words[] = {name, command, parent, seconds, NULL};
    char **environment = make_environment();
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (environment == NULL)
        return false;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int failed = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed |= posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their reports are to be seen */
    failed |= posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#endif
    failed |= posix_spawn_file_actions_adddup2(&files, its_socket, CIR__WORKER_SOCKET);
    failed |= posix_spawn_file_actions_adddup2(&files, self->bytes.fd, CIR__WORKER_BYTES);
    failed |= posix_spawn_file_actions_adddup2(&files, self->pixels.fd, CIR__WORKER_PIXELS);
    failed |= posix_spawn_file_actions_addclosefrom_np(&files, CIR__WORKER_N_FILES);
    if (failed == 0)
        failed = posix_spawn(&self->pid, "/proc/self/exe", &files, &attributes, words, environment);
    if (failed != 0)
        self->pid = 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    free(environment);
    return failed == 0;
}

cir__decode_process *cir__decode_process_start(size_t n_seconds, int *isolation_out)
{
    enum { START_SECONDS = 120 };
    int ends[2] = {-1, -1};
    cir__decode_hello hello;
    cir__decode_process *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    *self = (cir__decode_process){.socket = -1, .bytes.fd = -1, .pixels.fd = -1};
    bool is_made = shared_open(&self->bytes, "cir picture") && shared_open(&self->pixels, "cir pixels") &&
                   (self->bytes.fd = lift(self->bytes.fd)) >= 0 &&
                   (self->pixels.fd = lift(self->pixels.fd)) >= 0 &&
                   socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
    self->socket = ends[0];
    ends[1] = lift(ends[1]);
    is_made = is_made && ends[1] >= 0 && spawn(self, n_seconds, ends[1]);
    if (ends[1] >= 0)
        close(ends[1]);
    if (!is_made ||
        !cir__decode_process_hear(self, &hello, sizeof hello, cir__clock_seconds() + START_SECONDS)) {
        (void)cir__decode_process_end(self);
        return NULL;
    }
    *isolation_out = hello.isolation;
    return self;
}

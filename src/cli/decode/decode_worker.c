#include "cli/decode/decode_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/decode/decode_message.h"
#include "cli/decode/decode_sandbox.h"

/* Beside what is estimated, address space goes to codecs' threads and to allocators, which use little of
 * it. */
#define SLACK_BYTES ((size_t)512 << 20)
#define TRIM_BYTES (32 << 20)

typedef struct worker {
    size_t n_cpu_seconds; /* a picture */
    int statm;            /* /proc/self/statm, opened before nothing can be */
    const uint8_t *bytes; /* [bytes_capacity], shared */
    size_t bytes_capacity;
    uint8_t *pixels; /* [pixels_capacity], shared */
    size_t pixels_capacity;
    size_t admitted_bytes;
} worker;

static bool say(const void *message, size_t size)
{
    return write(CIR__WORKER_SOCKET, message, size) == (ssize_t)size;
}

/* Is anybody there? */
static bool hear(void *message, size_t size)
{
    ssize_t n;
    do
        n = read(CIR__WORKER_SOCKET, message, size);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size;
}

/* Address space in use. */
static size_t count_mapped(const worker *self)
{
    char text[64] = "";
    ssize_t n = pread(self->statm, text, sizeof text - 1, 0);
    return n > 0 ? (size_t)strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Lets the picture take n_bytes beside what is in use. */
static void limit_memory(const worker *self, size_t n_bytes)
{
    struct rlimit limit;
    const size_t in_use = count_mapped(self);
    if (cir__sandbox_is_relaxed() || in_use == 0 || getrlimit(RLIMIT_AS, &limit) != 0)
        return;
    const size_t most = in_use + n_bytes + SLACK_BYTES;
    limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
    (void)setrlimit(RLIMIT_AS, &limit);
}

/* SIGXCPU, which nobody catches, ends what takes longer. */
static void limit_time(const worker *self)
{
    struct rusage used;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0)
        return;
    limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1 + self->n_cpu_seconds;
    (void)setrlimit(RLIMIT_CPU, &limit);
}

static bool map(worker *self, size_t bytes_capacity, size_t pixels_capacity)
{
    if (bytes_capacity != self->bytes_capacity) {
        if (self->bytes != NULL)
            munmap((void *)(uintptr_t)self->bytes, self->bytes_capacity);
        void *at = mmap(NULL, bytes_capacity, PROT_READ, MAP_SHARED, CIR__WORKER_BYTES, 0);
        self->bytes = at != MAP_FAILED ? at : NULL;
        self->bytes_capacity = at != MAP_FAILED ? bytes_capacity : 0;
    }
    if (pixels_capacity != self->pixels_capacity) {
        if (self->pixels != NULL)
            munmap(self->pixels, self->pixels_capacity);
        void *at = mmap(NULL, pixels_capacity, PROT_READ | PROT_WRITE, MAP_SHARED, CIR__WORKER_PIXELS, 0);
        self->pixels = at != MAP_FAILED ? at : NULL;
        self->pixels_capacity = at != MAP_FAILED ? pixels_capacity : 0;
    }
    return self->bytes_capacity == bytes_capacity && self->pixels_capacity == pixels_capacity;
}

/* Asks the other side; what it grants. */
static cir__decode_grant ask(cir__decode_word word, size_t n_bytes)
{
    const cir__decode_reply question = {.word = word, .n_bytes = n_bytes};
    cir__decode_grant grant;
    if (!say(&question, sizeof question) || !hear(&grant, sizeof grant))
        _exit(0);
    return grant;
}

static cir_status admit(void *context, size_t n_bytes, cir_error *err)
{
    worker *self = context;
    if (n_bytes > self->admitted_bytes) {
        const cir__decode_grant grant = ask(CIR__ASKS_MEMORY, n_bytes);
        /* The message is the other side's. */
        if (grant.status != CIR_OK)
            return err->status = grant.status;
        self->admitted_bytes = n_bytes;
        limit_memory(self, 2 * n_bytes);
    }
    return CIR_OK;
}

static void hand_over(worker *self, cir_image *image, cir__decode_reply *reply)
{
    const size_t n_bytes = image->width_px * image->height_px * 3;
    cir__decode_grant grant = {CIR_OK, self->pixels_capacity};
    if (n_bytes > self->pixels_capacity)
        grant = ask(CIR__ASKS_ROOM, n_bytes);
    reply->status = grant.status;
    if (grant.status == CIR_OK && !map(self, self->bytes_capacity, grant.pixels_capacity))
        reply->status = CIR_NO_MEMORY;
    if (reply->status == CIR_OK) {
        memcpy(self->pixels, image->rgb, n_bytes);
        reply->width_px = image->width_px;
        reply->height_px = image->height_px;
    }
}

static void decode(worker *self, const cir__decode_request *request)
{
    static cir__decode_reply reply; /* what is not set stays zeroed: no byte of ours goes astray */
    cir_image image = {0};
    memset(&reply, 0, sizeof reply);
    reply.word = CIR__DECODED;
    self->admitted_bytes = request->admitted_bytes;
    limit_time(self);
    /* Once for decoding, and once for the pixels' way out. */
    limit_memory(self, request->bytes_capacity + request->pixels_capacity + 2 * request->admitted_bytes);
    if (!map(self, request->bytes_capacity, request->pixels_capacity))
        reply.status = CIR_NO_MEMORY;
    else
        reply.status = cir_decoder_decode_here(
            NULL, self->bytes, request->size_bytes, request->name, &request->options, admit, self,
            request->wants_pixels ? &image : NULL, &reply.facts, &reply.err);
    if (reply.status == CIR_OK && request->wants_pixels)
        hand_over(self, &image, &reply);
    cir_image_done(&image);
    if (self->admitted_bytes > TRIM_BYTES)
        malloc_trim(0);
    if (!say(&reply, sizeof reply))
        _exit(0);
}

/* Loads what codecs load late: libraries and plugins cannot be opened later. A kind's loader starts with its
 * first picture, however broken. */
static void warm_up(void)
{
    static const char *const beginnings[] = {
        "\xff\xd8\xff\xe0", "\x89PNG\r\n\x1a\n", "RIFF    WEBPVP8 ", "II*",
        "GIF89a",           "    ftypheic",      "    ftypavif"};
    uint8_t rgb[16 * 16 * 3] = {0};
    const cir_image grey = {.width_px = 16, .height_px = 16, .rgb = rgb};
    uint8_t *jpeg = NULL;
    size_t size;
    cir_image image;
    cir_error err;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        uint8_t broken[64] = {0};
        memcpy(broken, beginnings[i], strlen(beginnings[i]));
        if (cir_image_parse(broken, sizeof broken, "", NULL, &image, NULL, &err) == CIR_OK)
            cir_image_done(&image);
    }
    if (cir_image_format_jpeg(&grey, 75, &jpeg, &size, &err) == CIR_OK &&
        cir_image_parse(jpeg, size, "", NULL, &image, NULL, &err) == CIR_OK)
        cir_image_done(&image);
    cir_bytes_free(jpeg);
}

/* Dies with the one that started it, and with nobody else: a Ctrl-C is for that one, which ends this. */
static void tie_to(pid_t parent)
{
    static const int others[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        (void)signal(others[i], SIG_IGN);
}

/* Threads of codecs need no large stacks, and allocators no heap a thread: address space is counted. Memory
 * of one picture is kept for the next, without a page fault; what is large is given back (TRIM_BYTES). */
static void set_up_memory(void)
{
    enum { STACK_BYTES = 2 << 20, N_ARENAS = 2 };
    pthread_attr_t attributes;
    (void)mallopt(M_ARENA_MAX, N_ARENAS);
    (void)mallopt(M_MMAP_THRESHOLD, TRIM_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, 2 * TRIM_BYTES);
    pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}

int cir__decode_worker_run(int argc, char **argv)
{
    if (argc != 3 || fcntl(CIR__WORKER_SOCKET, F_GETFD) < 0 || fcntl(CIR__WORKER_PIXELS, F_GETFD) < 0) {
        fprintf(stderr, "cir: " CIR__DECODE_WORKER ": is started by other cir commands only\n");
        return 2;
    }
    tie_to((pid_t)strtol(argv[1], NULL, 10));
    set_up_memory();
    worker self = {.n_cpu_seconds = strtoul(argv[2], NULL, 10),
                   .statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)};
    warm_up();
    cir__decode_hello hello = {cir__sandbox_enter()};
    if (!cir__sandbox_is_relaxed() && count_mapped(&self) > 0)
        hello.isolation |= CIR__ISOLATED_MEMORY;
    static cir__decode_request request;
    if (!say(&hello, sizeof hello))
        _exit(0);
    while (hear(&request, sizeof request))
        decode(&self, &request);
    /* Nothing is to be tidied up, and nothing may be opened for it. */
    _exit(0);
}

/* How many searches and thumbnails a second `cir serve` answers over loopback, how long they take, and what
 * becomes of its memory.
 *
 * The server is the program itself, on a synthetic index. Clients are threads with a connection each, which
 * send the next request when the answer before is there, so with C connections C requests are under way.
 * Searches are of three kinds: the same again (its answer is kept), another photo and the same words (a
 * scan), other words (which a synthetic encoder of the demo's size encodes) and another photo. The limit is
 * what the search alone takes, in this process, on the same index.
 *
 *   bench_serve [--n ROWS] [--dim D] [--seconds S] [--requests N] [--folder F] [--program CIR] [--json FILE]
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cir/cir.h"
#include "serve_index.h"
#include "shared/clock.h"

enum { MAX_CONNECTIONS = 64, MAX_SAMPLES = 1 << 20, N_PHOTOS = 500 };

typedef struct setting {
    size_t n_rows, dim, n_requests;
    double seconds;
    const char *folder, *program, *json_path;
} setting;

typedef struct server {
    pid_t pid;
    unsigned port;
} server;

static void stop(const char *what)
{
    fprintf(stderr, "bench_serve: %s\n", what);
    exit(1);
}

/* ---- the server ---- */

static server start_server(const setting *s)
{
    int out[2];
    char index[1024], line[256] = "";
    server made = {0};
    (void)snprintf(index, sizeof index, "%s/photos.cir", s->folder);
    if (pipe(out) != 0 || (made.pid = fork()) < 0)
        stop("a process cannot be created");
    if (made.pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(out[0]);
        execl(s->program, s->program, "serve", index, "--port", "0", "-q", (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    FILE *reading = fdopen(out[0], "r");
    if (reading == NULL || fgets(line, sizeof line, reading) == NULL ||
        sscanf(line, "http://127.0.0.1:%u/", &made.port) != 1)
        stop("the server does not start");
    fclose(reading);
    return made;
}

static void stop_server(const server *self)
{
    int status;
    kill(self->pid, SIGTERM);
    if (waitpid(self->pid, &status, 0) != self->pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        stop("the server did not end well");
}

static double resident_megabytes(const server *self)
{
    char path[64];
    long n_pages = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/statm", (long)self->pid);
    FILE *file = fopen(path, "r");
    long n_shared = 0;
    /* Without the mapped vectors: those are the system's to keep or drop. */
    if (file == NULL || fscanf(file, "%*s %ld %ld", &n_pages, &n_shared) != 2)
        stop("the server's memory cannot be read");
    fclose(file);
    return (double)(n_pages - n_shared) * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* ---- one connection ---- */

static int connect_to(const server *to)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)to->port)};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&where, sizeof where) != 0)
        stop("no connection");
    return fd;
}

/* Sends a request and reads its answer; its status. */
static int ask(int fd, const char *request)
{
    static _Thread_local char buffer[1 << 20];
    size_t n = 0;
    size_t size = strlen(request);
    if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        stop("a request cannot be sent");
    for (size_t wanted = 0; wanted == 0 || n < wanted;) {
        ssize_t got = recv(fd, buffer + n, sizeof buffer - 1 - n, 0);
        if (got <= 0)
            stop("the server hung up");
        n += (size_t)got;
        buffer[n] = '\0';
        char *end = wanted == 0 ? strstr(buffer, "\r\n\r\n") : NULL;
        char *length = end != NULL ? strstr(buffer, "Content-Length: ") : NULL;
        if (length != NULL)
            wanted = (size_t)(end + 4 - buffer) + strtoul(length + 16, NULL, 10);
    }
    return atoi(buffer + 9);
}

/* ---- load ---- */

typedef enum kind { SAME, OTHER_PHOTO, OTHER_WORDS, THUMBNAIL, MIXED, N_KINDS } kind;
static const char *const kind_names[] = {"search, the same again", "search, another photo",
                                         "search, other words", "thumbnail, kept", "mixed"};
static const char *const kind_keys[] = {"same", "other_photo", "other_words", "thumbnail", "mixed"};

typedef struct load {
    const setting *setting;
    const server *to;
    kind what;
    double until;
    size_t n_requests;  /* or so many; 0: until */
    atomic_size_t next; /* number of a request: no two are alike */
    atomic_size_t n_samples, n_failed, n_busy;
    float *samples; /* [MAX_SAMPLES] seconds */
} load;

static void format_get(size_t number, char *out, size_t size)
{
    (void)snprintf(out, size, "GET /v1/images/%zu/thumbnail?size=256 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                   number % N_PHOTOS);
}

static void format_search(size_t photo, const char *words, size_t number, char *out, size_t size)
{
    char body[256];
    int n = snprintf(body, sizeof body, "{\"image\": {\"id\": %zu}, \"text\": \"%s %zu\", \"k\": 20}", photo,
                     words, number);
    (void)snprintf(out, size,
                   "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   "Content-Length: %d\r\n\r\n%s",
                   n, body);
}

static void format_request(const load *self, size_t number, char *out, size_t size)
{
    size_t n = self->setting->n_rows;
    size_t photo = (number * 7919 + 13) % n;
    switch (self->what) {
    case SAME:
        format_search(1, "a temple at night", 0, out, size);
        break;
    case OTHER_PHOTO:
        format_search(photo, "a temple at night", 0, out, size);
        break;
    case OTHER_WORDS:
        format_search(photo, "a temple at night", number, out, size);
        break;
    case THUMBNAIL:
        format_get(number, out, size);
        break;
    default: /* seldom something new */
        if (number % 1000 == 0)
            format_search(photo, "in snow", number, out, size);
        else if (number % 3 == 0)
            format_search(number % 20, "a temple at night", 0, out, size);
        else
            format_get(number, out, size);
        break;
    }
}

static void *run_client(void *context)
{
    load *self = context;
    char request[1024];
    int fd = connect_to(self->to);
    for (;;) {
        size_t number = atomic_fetch_add(&self->next, 1);
        if (self->n_requests > 0 ? number >= self->n_requests : cir__clock_seconds() > self->until)
            break;
        format_request(self, number, request, sizeof request);
        double start = cir__clock_seconds();
        int status = ask(fd, request);
        size_t i = atomic_fetch_add(&self->n_samples, 1);
        if (i < MAX_SAMPLES)
            self->samples[i] = (float)(cir__clock_seconds() - start);
        if (status == 503)
            atomic_fetch_add(&self->n_busy, 1);
        else if (status != 200)
            atomic_fetch_add(&self->n_failed, 1);
    }
    close(fd);
    return NULL;
}

static int compare(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;
    return a < b ? -1 : a > b;
}

static void run_load(const setting *s, const server *to, kind what, size_t n_connections, size_t n_requests,
                     FILE *json)
{
    static atomic_size_t n_before = 1; /* so that later loads ask for what is new too */
    load self = {.setting = s,
                 .to = to,
                 .what = what,
                 .until = cir__clock_seconds() + s->seconds,
                 .n_requests = n_requests};
    pthread_t clients[MAX_CONNECTIONS];
    self.samples = calloc(MAX_SAMPLES, sizeof *self.samples);
    if (self.samples == NULL)
        stop("memory is short");
    if (n_requests == 0)
        atomic_store(&self.next, n_before);
    double start = cir__clock_seconds();
    for (size_t i = 0; i < n_connections; i++)
        if (pthread_create(&clients[i], NULL, run_client, &self) != 0)
            stop("a thread cannot be started");
    for (size_t i = 0; i < n_connections; i++)
        pthread_join(clients[i], NULL);
    double seconds = cir__clock_seconds() - start;
    n_before = atomic_load(&self.next);
    size_t n = self.n_samples < MAX_SAMPLES ? self.n_samples : MAX_SAMPLES;
    qsort(self.samples, n, sizeof *self.samples, compare);
    double rate = (double)self.n_samples / seconds;
    double p50 = 1e3 * (double)self.samples[n / 2], p95 = 1e3 * (double)self.samples[n * 95 / 100];
    double p99 = 1e3 * (double)self.samples[n * 99 / 100];
    printf("%-24s %4zu %10.1f %9.2f %9.2f %9.2f %7zu %7zu\n", kind_names[what], n_connections, rate, p50, p95,
           p99, self.n_busy, self.n_failed);
    fflush(stdout);
    if (json != NULL)
        fprintf(json,
                "{\"bench\": \"serve\", \"n\": %zu, \"dim\": %zu, \"kind\": \"%s\", \"connections\": %zu, "
                "\"per_second\": %.1f, \"p50_ms\": %.3f, \"p95_ms\": %.3f, \"p99_ms\": %.3f, \"busy\": %zu, "
                "\"failed\": %zu}\n",
                s->n_rows, s->dim, kind_keys[what], n_connections, rate, p50, p95, p99, (size_t)self.n_busy,
                (size_t)self.n_failed);
    if (self.n_failed > 0)
        stop("requests failed");
    free(self.samples);
}

/* ---- the limit ---- */

static double scan_milliseconds(const setting *s)
{
    enum { N = 7, N_WARM = 2 }; /* the first ones map the pages */
    char path[1024];
    cir_error err;
    cir_pool *pool;
    cir_index *index;
    float times[N];
    (void)snprintf(path, sizeof path, "%s/photos.cir", s->folder);
    if (cir_pool_new(0, &pool, &err) != CIR_OK || cir_index_open(path, NULL, &index, &err) != CIR_OK)
        stop(err.message);
    cir_rows rows = cir_index_get_rows(index);
    float *feature = calloc(2 * s->dim, sizeof *feature);
    if (feature == NULL || cir_index_get_feature(index, 1, feature, &err) != CIR_OK ||
        cir_index_get_feature(index, 2, feature + s->dim, &err) != CIR_OK)
        stop("no feature");
    const cir_query query = {.dim = s->dim,
                             .a = feature,
                             .b = feature + s->dim,
                             .fusion = {.kind = CIR_FUSION_HARRIS, .clamp = true, .lambda = 0.1f}};
    for (size_t i = 0; i < N_WARM + N; i++) {
        cir_hit hits[20];
        size_t n_hits;
        double start = cir__clock_seconds();
        if (cir_search_top(&rows, &query, 20, pool, hits, &n_hits, &err) != CIR_OK)
            stop(err.message);
        if (i >= N_WARM)
            times[i - N_WARM] = (float)(cir__clock_seconds() - start);
    }
    qsort(times, N, sizeof *times, compare);
    free(feature);
    cir_index_close(index);
    cir_pool_free(pool);
    return 1e3 * (double)times[N / 2];
}

static void run(const setting *s)
{
    static const size_t connections[] = {1, 8, 64};
    FILE *json = s->json_path != NULL ? fopen(s->json_path, "a") : NULL;
    double scan_ms = scan_milliseconds(s);
    server to = start_server(s);
    setting short_one = *s;
    short_one.seconds = 1;
    printf("index of %zu x %zu; the scan alone takes %.1f ms: %.1f/s\n", s->n_rows, s->dim, scan_ms,
           1e3 / scan_ms);
    printf("%-24s %4s %10s %9s %9s %9s %7s %7s\n", "", "conn", "/s", "p50 ms", "p95 ms", "p99 ms", "busy",
           "failed");
    run_load(&short_one, &to, SAME, 1, 0, NULL); /* warms up */
    for (kind what = SAME; what <= OTHER_WORDS; what++)
        for (size_t i = 0; i < 3; i++)
            run_load(s, &to, what, connections[i], 0, json);
    run_load(s, &to, THUMBNAIL, 8, N_PHOTOS, NULL); /* each made once */
    run_load(s, &to, THUMBNAIL, 8, 0, json);
    run_load(s, &to, MIXED, 8, s->n_requests / 10, NULL);
    double before = resident_megabytes(&to);
    run_load(s, &to, MIXED, 8, s->n_requests, json);
    double after = resident_megabytes(&to);
    printf("memory beside the mapped features: %.1f MB, after %zu requests %.1f MB\n", before, s->n_requests,
           after);
    if (json != NULL)
        fprintf(json,
                "{\"bench\": \"serve\", \"requests\": %zu, \"mb_before\": %.1f, \"mb_after\": %.1f, "
                "\"scan_ms\": %.2f}\n",
                s->n_requests, before, after, scan_ms);
    stop_server(&to);
    if (json != NULL)
        fclose(json);
}

int main(int argc, char **argv)
{
    char program[1024], folder[] = "/tmp/cir-bench-serve-XXXXXX";
    setting s = {.n_rows = 1000000, .dim = 768, .n_requests = 100000, .seconds = 3};
    /* Beside the folder that this program lies in. */
    const char *slash = strrchr(argv[0], '/');
    (void)snprintf(program, sizeof program, "%.*s../cir", slash != NULL ? (int)(slash + 1 - argv[0]) : 0,
                   argv[0]);
    s.program = program;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--n") == 0)
            s.n_rows = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--dim") == 0)
            s.dim = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            s.seconds = strtod(value, NULL);
        else if (strcmp(argv[i], "--requests") == 0)
            s.n_requests = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--folder") == 0)
            s.folder = value;
        else if (strcmp(argv[i], "--program") == 0)
            s.program = value;
        else if (strcmp(argv[i], "--json") == 0)
            s.json_path = value;
        else
            stop("unknown option; see the head of bench/bench_serve.c");
    }
    if (s.n_rows < N_PHOTOS || s.dim < 1)
        stop("--n must be 500 or more");
    bool is_temporary = s.folder == NULL;
    if (is_temporary && (s.folder = mkdtemp(folder)) == NULL)
        stop("no temporary folder");
    if (bench__index_make(s.folder, CIR_SOURCE, s.n_rows, s.dim, N_PHOTOS))
        run(&s);
    if (is_temporary) {
        char command[1100];
        (void)snprintf(command, sizeof command, "rm -rf '%s'", s.folder);
        if (system(command) != 0)
            stop("the temporary folder cannot be removed");
    }
    return 0;
}

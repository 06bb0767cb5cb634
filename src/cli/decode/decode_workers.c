#include "cli/decode/decode_workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/decode/decode_message.h"
#include "cli/decode/decode_process.h"
#include "shared/clock.h"
#include "shared/failure.h"

/* Small pictures, most of them, need not ask for memory. */
#define ADMITTED_BYTES ((size_t)16 << 20)
#define KEPT_CAPACITY                                                                                        \
    ((size_t)64 << 20) /* of shared memory; what a large picture took goes with its cir__decode_process */

struct cir__decode_workers {
    cir__decode_limits limits;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    cir__decode_process *idle;
    size_t n_idle;
    /* A process dies with the thread that started it, so one thread starts them all. */
    pthread_t starter;
    bool is_ending;
    size_t n_wanted;              /* to be started */
    cir__decode_process *started; /* and not taken yet */
    size_t n_failed;              /* starts that failed and nobody was told of yet */
    bool has_started;
    bool is_useless; /* the first could not be started */
    int isolation;   /* of the first */
};

static void *run_starter(void *context)
{
    cir__decode_workers *self = context;
    pthread_mutex_lock(&self->lock);
    while (!self->is_ending) {
        if (self->n_wanted == 0) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        self->n_wanted--;
        pthread_mutex_unlock(&self->lock);
        int isolation = 0;
        cir__decode_process *started = cir__decode_process_start(self->limits.n_seconds, &isolation);
        pthread_mutex_lock(&self->lock);
        if (started == NULL) {
            self->n_failed++;
            self->is_useless = !self->has_started;
        } else {
            self->isolation = self->has_started ? self->isolation & isolation : isolation;
            self->has_started = true;
            started->next = self->started;
            self->started = started;
        }
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* One that waits, unless a new one is asked for, or a new one; NULL: none can be started, and
 * *is_useless_out: none ever could. */
static cir__decode_process *take(cir__decode_workers *self, bool is_new, bool *is_useless_out)
{
    pthread_mutex_lock(&self->lock);
    cir__decode_process *taken = is_new ? NULL : self->idle;
    if (taken != NULL) {
        self->idle = taken->next;
        self->n_idle--;
    } else if (!self->is_useless) {
        self->n_wanted++;
        pthread_cond_broadcast(&self->changed);
        while (self->started == NULL && self->n_failed == 0)
            pthread_cond_wait(&self->changed, &self->lock);
        taken = self->started;
        if (taken != NULL)
            self->started = taken->next;
        else
            self->n_failed--;
    }
    *is_useless_out = self->is_useless;
    pthread_mutex_unlock(&self->lock);
    return taken;
}

static void give_back(cir__decode_workers *self, cir__decode_process *taken)
{
    pthread_mutex_lock(&self->lock);
    bool is_kept =
        self->n_idle < self->limits.n_kept && taken->bytes.capacity + taken->pixels.capacity <= KEPT_CAPACITY;
    if (is_kept) {
        taken->next = self->idle;
        taken->has_waited = true;
        self->idle = taken;
        self->n_idle++;
    }
    pthread_mutex_unlock(&self->lock);
    if (!is_kept)
        (void)cir__decode_process_end(taken);
}

cir__decode_workers *cir__decode_workers_new(const cir__decode_limits *limits)
{
    cir__decode_workers *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->limits = *limits;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    if (pthread_create(&self->starter, NULL, run_starter, self) == 0)
        return self;
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
    return NULL;
}

void cir__decode_workers_free(cir__decode_workers *self)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_ending = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    while (self->idle != NULL) {
        cir__decode_process *next = self->idle->next;
        (void)cir__decode_process_end(self->idle);
        self->idle = next;
    }
    pthread_join(self->starter, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

const char *cir__decode_workers_isolation(cir__decode_workers *self)
{
    static const char *const names[] = {"process",
                                        "process seccomp",
                                        "process landlock",
                                        "process seccomp landlock",
                                        "process memory",
                                        "process seccomp memory",
                                        "process landlock memory",
                                        "process seccomp landlock memory"};
    bool is_useless;
    cir__decode_process *first = take(self, false, &is_useless);
    if (first != NULL)
        give_back(self, first);
    pthread_mutex_lock(&self->lock);
    const char *name = self->has_started ? names[self->isolation & 7] : "";
    pthread_mutex_unlock(&self->lock);
    return name;
}

/* ---- one picture ---- */

typedef struct conversation {
    const cir__decode_workers *workers;
    cir__decode_process *worker;
    const void *bytes;
    size_t size_bytes;
    const char *name;
    const cir_image_options *options;
    cir_decode_admit_fn *admit;
    void *admit_context;
    size_t admitted_bytes;
    cir_status refused; /* by admit, whose message is in err */
    bool is_lost;       /* the worker ended before it said a word, having waited: perhaps long ago */
    bool has_heard;
    double until;
} conversation;

/* Ends the worker, and says how it ended. */
static cir_status refuse_death(conversation *self, cir_error *err)
{
    const char *name = self->name;
    const bool is_gone = cir__decode_process_is_gone(self->worker);
    const bool has_waited = self->worker->has_waited;
    const int status = cir__decode_process_end(self->worker);
    self->is_lost =
        is_gone && has_waited && !self->has_heard && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
    /* No picture does that, but whoever looks after the system's memory. */
    if (is_gone && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return cir__fail(err, CIR_NO_MEMORY,
                         "%s: the decoder was killed (signal 9: the system may be out of memory); try again",
                         name);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return cir__fail(err, CIR_LIMIT,
                         "%s: takes more than %zu s to decode; save it again as JPEG or PNG, or raise the "
                         "limit (--max-decode-seconds)",
                         name, self->workers->limits.n_seconds);
    if (WIFSIGNALED(status))
        return cir__fail(err, CIR_FORMAT,
                         "%s: the decoder crashed (signal %d, %s): the picture is damaged or malicious; "
                         "save it again as JPEG or PNG if you trust it",
                         name, WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
    return cir__fail(err, CIR_FORMAT,
                     "%s: the decoder failed (exit status %d): the picture is damaged or malicious; save "
                     "it again as JPEG or PNG if you trust it",
                     name, WEXITSTATUS(status));
}

/* Answers what the worker asks; false: it is not to be trusted with more. */
static bool grant(conversation *self, const cir__decode_reply *asked, cir_error *err)
{
    cir__decode_grant answer = {CIR_OK, 0};
    if (asked->word == CIR__ASKS_MEMORY) {
        self->refused = answer.status = self->admit(self->admit_context, asked->n_bytes, err);
        self->admitted_bytes = answer.status == CIR_OK ? asked->n_bytes : 0;
    } else if (asked->word == CIR__ASKS_ROOM && asked->n_bytes <= self->admitted_bytes) {
        if (!cir__shared_grow(&self->worker->pixels, asked->n_bytes))
            answer.status = CIR_NO_MEMORY;
        answer.pixels_capacity = self->worker->pixels.capacity;
    } else {
        return false;
    }
    /* Time that was spent waiting for room is not the picture's. */
    self->until = cir__clock_seconds() + 10 * (double)self->workers->limits.n_seconds + 60;
    return cir__decode_process_say(self->worker, &answer, sizeof answer);
}

static bool is_sound(const conversation *self, const cir__decode_reply *reply, bool wants_pixels)
{
    size_t n_px, n_bytes;
    if (reply->status < CIR_OK || reply->status >= CIR_N_STATUSES ||
        memchr(reply->err.message, '\0', sizeof reply->err.message) == NULL ||
        memchr(reply->facts.kind, '\0', sizeof reply->facts.kind) == NULL ||
        memchr(reply->facts.camera, '\0', sizeof reply->facts.camera) == NULL)
        return false;
    return reply->status != CIR_OK || !wants_pixels ||
           (reply->width_px > 0 && reply->height_px > 0 &&
            !__builtin_mul_overflow(reply->width_px, reply->height_px, &n_px) &&
            !__builtin_mul_overflow(n_px, (size_t)3, &n_bytes) && n_bytes <= self->worker->pixels.capacity);
}

static cir_status take_picture(const conversation *self, const cir__decode_reply *reply, cir_image *image_out,
                               cir_error *err)
{
    const size_t n_bytes = reply->width_px * reply->height_px * 3;
    uint8_t *rgb = malloc(n_bytes);
    if (rgb == NULL)
        return cir__fail(err, CIR_NO_MEMORY, "%s: out of memory for its pixels", self->name);
    memcpy(rgb, self->worker->pixels.at, n_bytes);
    *image_out = (cir_image){.width_px = reply->width_px, .height_px = reply->height_px, .rgb = rgb};
    return CIR_OK;
}

/* The worker's own refusals are passed on, but for its lack of memory: that is the picture's fault. */
static cir_status pass_on(const conversation *self, const cir__decode_reply *reply, cir_error *err)
{
    if (self->refused != CIR_OK)
        return self->refused;
    if (reply->status == CIR_NO_MEMORY)
        return cir__fail(err, CIR_LIMIT,
                         "%s: takes more memory to decode than a picture of its size should; save it again "
                         "as JPEG or PNG",
                         self->name);
    return cir__fail(err, reply->status, "%s", reply->err.message);
}

/* true: the worker said all it had to say, in *reply. */
static bool converse(conversation *self, const cir__decode_request *request, cir__decode_reply *reply,
                     cir_error *err)
{
    if (!cir__decode_process_say(self->worker, request, sizeof *request))
        return false;
    while (cir__decode_process_hear(self->worker, reply, sizeof *reply, self->until)) {
        self->has_heard = true;
        if (reply->word == CIR__DECODED)
            return is_sound(self, reply, request->wants_pixels);
        if (!grant(self, reply, err))
            return false;
    }
    return false;
}

/* Ends the worker or gives it back. */
static cir_status decode_with(cir__decode_workers *workers, conversation *self, cir_image *image_out,
                              cir_image_facts *facts_out, cir_error *err)
{
    cir__decode_process *worker = self->worker;
    cir__decode_request request = {.size_bytes = self->size_bytes, .wants_pixels = image_out != NULL};
    cir__decode_reply reply;
    cir_status status = CIR_OK;
    self->until = cir__clock_seconds() + 10 * (double)workers->limits.n_seconds + 60;
    if (image_out != NULL) {
        status = self->admit(self->admit_context, ADMITTED_BYTES, err);
        request.admitted_bytes = self->admitted_bytes = ADMITTED_BYTES;
    }
    if (status == CIR_OK && !cir__shared_grow(&worker->bytes, self->size_bytes))
        status = cir__fail(err, CIR_NO_MEMORY, "%s: out of memory for its file", self->name);
    if (status != CIR_OK) {
        (void)cir__decode_process_end(worker);
        return status;
    }
    memcpy(worker->bytes.at, self->bytes, self->size_bytes);
    if (self->options != NULL)
        request.options = *self->options;
    request.options.decoder = NULL;
    request.bytes_capacity = worker->bytes.capacity;
    request.pixels_capacity = worker->pixels.capacity;
    (void)snprintf(request.name, sizeof request.name, "%s", self->name);
    if (!converse(self, &request, &reply, err))
        return refuse_death(self, err);
    if (reply.status != CIR_OK)
        status = pass_on(self, &reply, err);
    else if (image_out != NULL)
        status = take_picture(self, &reply, image_out, err);
    if (status == CIR_OK)
        *facts_out = reply.facts;
    give_back(workers, worker);
    return status;
}

cir_status cir__decode_workers_decode(void *context, const void *bytes, size_t size_bytes, const char *name,
                                      const cir_image_options *options, cir_decode_admit_fn *admit,
                                      void *admit_context, cir_image *image_out, cir_image_facts *facts_out,
                                      cir_error *err)
{
    cir__decode_workers *self = context;
    cir_error unheard;
    err = err != NULL ? err : &unheard;
    if (image_out != NULL)
        *image_out = (cir_image){0};
    *facts_out = (cir_image_facts){.taken_at = INT64_MIN};
    bool is_useless;
    conversation talk = {.workers = self,
                         .bytes = bytes,
                         .size_bytes = size_bytes,
                         .name = name,
                         .options = options,
                         .admit = admit,
                         .admit_context = admit_context};
    for (;;) {
        talk.worker = take(self, talk.is_lost, &is_useless);
        if (talk.worker == NULL && is_useless)
            return cir_decoder_decode_here(NULL, bytes, size_bytes, name, options, admit, admit_context,
                                           image_out, facts_out, err);
        if (talk.worker == NULL)
            return cir__fail(err, CIR_NO_MEMORY, "%s: no process can be started to decode it; try again",
                             name);
        talk.is_lost = false;
        cir_status status = decode_with(self, &talk, image_out, facts_out, err);
        if (!talk.is_lost)
            return status;
    }
}

/* Writing judgements: those that come at once are committed at once, and each caller returns when the disk has his. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "curate/judge/aspects.h"
#include "curate/store/curation.h"
#include "curate/store/sql.h"

/* A call that waits for its commit. */
typedef struct cir__judging {
    struct cir__judging *next;
    const char *person;
    const cir_judgement *judgements;
    size_t n;
    const cir_judged_page *page;
    bool is_done;
    cir_status status;
    cir_error why;
} judging;

/* A judgement's ids in the database. */
typedef struct resolved {
    int64_t instance, change, picture;
} resolved;

static cir_status resolve_change(cir_curation *curation, int64_t instance, const char *text, int64_t *id_out,
                                 cir_error *err)
{
    cir_status status =
        cir__sql_get(curation->store, 0, id_out, err,
                     "SELECT id FROM change WHERE instance = ?1 AND text = ?2", "it", instance, text);
    if (status == CIR_OK && *id_out == 0)
        status = cir__fail(err, CIR_NOT_FOUND, "the instance has no change \"%s\"", text);
    return status;
}

static cir_status resolve(cir_curation *curation, const cir_judgement *judgement, resolved *out,
                          cir_error *err)
{
    *out = (resolved){0};
    const cir__aspect aspect = cir__aspect_parse(judgement->aspect);
    if (aspect == CIR__N_ASPECTS)
        return cir__fail(err, CIR_ARGUMENT,
                         "\"%s\" is no aspect; there are positive, object, text, query, remove and filter",
                         judgement->aspect);
    if (cir__aspect_parse_value(aspect, judgement->value) < 0)
        return cir__fail(err, CIR_ARGUMENT, "\"%s\" is no value of %s; there are %s", judgement->value,
                         judgement->aspect, cir__aspect_values(aspect));
    if (cir__aspect_is_of_change(aspect) != (judgement->change != NULL))
        return cir__fail(err, CIR_ARGUMENT, "%s is said of %s", judgement->aspect,
                         judgement->change != NULL ? "a picture, not of a change"
                                                   : "a picture for a change: name that");
    cir_status status = cir__curation_find_instance(curation, judgement->instance, &out->instance, err);
    if (status == CIR_OK && judgement->change != NULL)
        status = resolve_change(curation, out->instance, judgement->change, &out->change, err);
    if (status == CIR_OK)
        status = judgement->picture != 0
                     ? cir__sql_get(curation->store, 0, &out->picture, err,
                                    "SELECT id FROM picture WHERE id = ?1", "i", judgement->picture)
                     : cir__sql_get(curation->store, 0, &out->picture, err,
                                    "SELECT id FROM picture WHERE hash = ?1", "b",
                                    (const void *)judgement->hash, sizeof judgement->hash);
    if (status == CIR_OK && out->picture == 0)
        status =
            cir__fail(err, CIR_NOT_FOUND,
                      "no such picture was found by a seed; mine first: cir curate mine %s", curation->path);
    return status;
}

/* Later than all that was said before, on whatever clocks. */
static cir_status take_clock(cir_curation *curation, int64_t n, int64_t *clock_out, cir_error *err)
{
    struct timespec now;
    int64_t last;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int64_t now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    cir_status status =
        cir__sql_get(curation->store, 0, &last, err, "SELECT value FROM setting WHERE key = 'clock'", "");
    *clock_out = now_us > last ? now_us : last + 1;
    if (status == CIR_OK)
        status = cir__sql_run(curation->store, err,
                              "INSERT OR REPLACE INTO setting(key, value) VALUES('clock', ?1)", "i",
                              *clock_out + n);
    return status;
}

static cir_status name_it(const uint8_t given[CIR_UUID_SIZE], uint8_t uuid_out[CIR_UUID_SIZE], cir_error *err)
{
    static const uint8_t none[CIR_UUID_SIZE];
    memcpy(uuid_out, given, CIR_UUID_SIZE);
    if (memcmp(given, none, sizeof none) != 0)
        return CIR_OK;
    if (getrandom(uuid_out, CIR_UUID_SIZE, 0) != CIR_UUID_SIZE)
        return cir__fail(err, CIR_IO, "the system has no random numbers");
    return CIR_OK;
}

static cir_status check_page(cir_curation *curation, const cir_judged_page *page, int64_t *instance_out,
                             cir_error *err)
{
    cir_status status = cir__curation_find_instance(curation, page->instance, instance_out, err);
    for (size_t i = 0; i < page->n_pictures && status == CIR_OK; i++) {
        int64_t id;
        status = cir__sql_get(curation->store, 0, &id, err, "SELECT id FROM picture WHERE id = ?1", "i",
                              page->pictures[i]);
        if (status == CIR_OK && id == 0)
            status = cir__fail(err, CIR_NOT_FOUND, "the page's picture %lld was found by no seed",
                               (long long)page->pictures[i]);
    }
    return status;
}

static cir_status put_all(cir_curation *curation, const judging *self, const resolved *ids,
                          int64_t page_instance, cir_error *err)
{
    cir__store *store = curation->store;
    sqlite3_stmt *statement = NULL;
    int64_t person;
    int64_t clock = 0;
    uint8_t uuid[CIR_UUID_SIZE];
    cir_status status = cir__curation_get_person(curation, self->person, &person, err);
    if (status == CIR_OK)
        status = take_clock(curation, (int64_t)self->n + 1, &clock, err);
    if (status == CIR_OK)
        status = cir__sql_prepare(
            store, &statement, err,
            "INSERT OR IGNORE INTO judgement(uuid, clock, person, instance, picture, change, aspect, "
            "value, view, ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            "");
    for (size_t i = 0; i < self->n && status == CIR_OK; i++) {
        const cir_judgement *judgement = &self->judgements[i];
        status = name_it(judgement->uuid, uuid, err);
        if (status != CIR_OK)
            break;
        cir__sql_bind(statement, "biiiiittti", (const void *)uuid, sizeof uuid, clock + (int64_t)i, person,
                      ids[i].instance, ids[i].picture, ids[i].change, judgement->aspect, judgement->value,
                      judgement->view != NULL ? judgement->view : "program", (int64_t)judgement->ms);
        status = cir__store_finish(store, statement, err);
    }
    (void)sqlite3_finalize(statement);
    if (status == CIR_OK && self->page != NULL)
        status = name_it(self->page->uuid, uuid, err);
    if (status == CIR_OK && self->page != NULL)
        status = cir__sql_run(
            store, err,
            "INSERT OR IGNORE INTO page(uuid, clock, person, instance, pictures, ms) VALUES(?1, ?2, ?3, "
            "?4, ?5, ?6)",
            "biiibi", (const void *)uuid, sizeof uuid, clock + (int64_t)self->n, person, page_instance,
            (const void *)self->page->pictures, self->page->n_pictures * sizeof *self->page->pictures,
            (int64_t)self->page->ms);
    return status;
}

/* One call's words: nothing of it is written where one of them cannot be. *store_out: what the database says. */
static cir_status record(cir_curation *curation, judging *self, cir_status *store_out, cir_error *store_err)
{
    cir_error why;
    int64_t page_instance = 0;
    resolved *ids = cir__new(self->n, sizeof *ids);
    *store_out = CIR_OK;
    if (ids == NULL)
        return cir__fail_memory(&self->why, curation->path);
    cir_status status = CIR_OK;
    size_t i = 0;
    while (i < self->n && status == CIR_OK)
        status = resolve(curation, &self->judgements[i], &ids[i], &why), i += status == CIR_OK;
    if (status != CIR_OK)
        cir__fail(&self->why, status, "%s: judgement %zu of \"%s\": %s", curation->path, i + 1,
                  self->judgements[i].instance, why.message);
    if (status == CIR_OK && self->page != NULL)
        status = check_page(curation, self->page, &page_instance, &self->why);
    if (status == CIR_OK)
        status = *store_out = put_all(curation, self, ids, page_instance, store_err);
    free(ids);
    return status;
}

static void commit(cir_curation *curation, judging *first)
{
    cir_error err = {0};
    cir_status store_status = CIR_OK;
    cir_status status = cir__curation_begin(curation, true, &err);
    const bool has_begun = status == CIR_OK;
    for (judging *one = first; one != NULL && status == CIR_OK; one = one->next) {
        one->status = record(curation, one, &store_status, &err);
        if (store_status != CIR_OK && store_status != CIR_ARGUMENT)
            status = store_status; /* the database failed: nobody's words are kept */
        else if (store_status == CIR_ARGUMENT)
            one->why = err; /* the person's name alone was refused */
    }
    if (has_begun)
        status = cir__curation_end(curation, status, &err);
    for (judging *one = first; one != NULL && status != CIR_OK; one = one->next) {
        one->status = status;
        one->why = err;
    }
}

cir_status cir_curation_judge(cir_curation *curation, const char *person, const cir_judgement *judgements,
                              size_t n, const cir_judged_page *page, cir_error *err)
{
    cir__error_clear(err);
    if (curation->lock_fd < 0)
        return cir__fail(err, CIR_PERMISSION, "%s: is open for reading", curation->path);
    judging self = {.person = person, .judgements = judgements, .n = n, .page = page};
    pthread_mutex_lock(&curation->queue_lock);
    *(curation->queue_last != NULL ? &curation->queue_last->next : &curation->queue_first) = &self;
    /* This call stays until somebody has taken it out of the queue and is done with it. */
    // cppcheck-suppress autoVariables
    curation->queue_last = &self;
    while (!self.is_done) {
        if (curation->is_committing) {
            pthread_cond_wait(&curation->queue_changed, &curation->queue_lock);
            continue;
        }
        judging *first = curation->queue_first;
        curation->queue_first = curation->queue_last = NULL;
        curation->is_committing = true;
        pthread_mutex_unlock(&curation->queue_lock);
        commit(curation, first);
        pthread_mutex_lock(&curation->queue_lock);
        curation->is_committing = false;
        for (judging *one = first, *next; one != NULL; one = next) {
            next = one->next; /* it is its caller's again from here on */
            one->is_done = true;
        }
        pthread_cond_broadcast(&curation->queue_changed);
    }
    pthread_mutex_unlock(&curation->queue_lock);
    if (self.status != CIR_OK && err != NULL)
        *err = self.why;
    return self.status;
}

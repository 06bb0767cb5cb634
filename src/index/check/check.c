/* Checking an index: the catalogue, every model's vectors, what else lies in the folder. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/folder.h"
#include "base/memory.h"
#include "cir/index.h"
#include "index/check/check_features.h"
#include "index/check/findings.h"
#include "index/store/catalogue.h"
#include "index/store/image_rows.h"
#include "index/store/layout.h"
#include "index/store/lock.h"
#include "index/store/place.h"
#include "index/store/texts_file.h"
#include "index/store/vectors.h"

#define MAX_TEXTS 100
#define JOURNAL_NAME CIR__CATALOGUE_NAME "-journal"

typedef struct check {
    cir__place place;
    bool repair;
    cir__store *store;
    cir_index_model *models;
    size_t n_models;
    cir__findings findings;
    char *texts[MAX_TEXTS]; /* of the catalogue's findings */
    size_t n_texts;
    cir_error unseen; /* why something could not be looked at, which nobody may take for sound */
} check;

/* What is not there, and what is a link or the like and told of by its name, need not be looked at. */
static void note_unseen(check *c, cir_status status, const cir_error *why)
{
    if (status != CIR_OK && status != CIR_NOT_FOUND && status != CIR_FORMAT && c->unseen.status == CIR_OK)
        c->unseen = *why;
}

static void list_names(check *c, const cir__folder *folder, cir__folder_visit *visit)
{
    cir_error why = {0};
    if (!cir__folder_list(folder, visit, c))
        note_unseen(c, cir__fail(&why, CIR_IO, "%s: cannot be listed", cir__folder_name(folder)), &why);
}

static void visit_finding(void *context, const char *finding)
{
    check *c = context;
    cir_error why = {0};
    /* SQLite's own words where it could not look at all. */
    const bool is_looked_at = strcmp(finding, "out of memory") != 0;
    char *text = is_looked_at && c->n_texts < MAX_TEXTS ? cir__copy_text(finding) : NULL;
    if (text != NULL)
        c->texts[c->n_texts++] = text;
    else if (c->n_texts < MAX_TEXTS)
        note_unseen(c, cir__fail_memory(&why, CIR__CATALOGUE_NAME), &why);
}

static void count_finding(void *context, const char *finding)
{
    (void)finding;
    ++*(size_t *)context;
}

static cir_status check_catalogue(check *c, cir_error *err)
{
    cir_status status = cir__catalogue_check(c->store, visit_finding, c, err);
    if (status != CIR_OK)
        return status;
    if (c->unseen.status != CIR_OK)
        return cir__fail(err, c->unseen.status, "%s", c->unseen.message);
    size_t n_left = c->n_texts;
    if (c->repair && c->n_texts > 0) {
        cir_error why;
        /* What cannot be mended is no error of the check: it stays a finding. */
        status = cir__catalogue_repair(c->store, &why);
        if (status != CIR_OK && status != CIR_DAMAGED)
            return cir__fail(err, status, "%s", why.message);
        n_left = 0;
        status = cir__catalogue_check(c->store, count_finding, &n_left, err);
        if (status != CIR_OK)
            return status;
    }
    for (size_t i = 0; i < c->n_texts; i++)
        cir__findings_add(&c->findings, n_left == 0, "%s: %s", CIR__CATALOGUE_NAME, c->texts[i]);
    return CIR_OK;
}

/* Whether an index owns a name in its folder. */
static bool is_own_name(const char *name)
{
    static const char *const names[] = {CIR__CATALOGUE_NAME,
                                        JOURNAL_NAME,
                                        CIR__LOCK_NAME,
                                        CIR__FEATURES_NAME,
                                        CIR__THUMBNAILS_NAME,
                                        CIR__THUMBNAILS_NAME "-wal",
                                        CIR__THUMBNAILS_NAME "-shm",
                                        CIR__THUMBNAILS_NAME "-journal"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* A name that leads elsewhere is taken away, what it leads to stays as it is. What has a second name gets a
 * copy where it is dear, and goes where it can be made again. */
static void check_name(check *c, const cir__folder *folder, const char *name, const struct stat *facts)
{
    if (S_ISDIR(facts->st_mode))
        return;
    const char *fault = cir__folder_find_fault(folder, name);
    if (fault == NULL)
        return;
    bool is_catalogue = strcmp(name, CIR__CATALOGUE_NAME) == 0;
    bool is_repaired = c->repair;
    if (!S_ISREG(facts->st_mode))
        is_repaired = is_repaired && !is_catalogue && cir__folder_remove(folder, name);
    else if (is_catalogue || strcmp(name, JOURNAL_NAME) == 0 || strcmp(name, CIR__VECTORS_NAME) == 0)
        is_repaired = is_repaired && cir__folder_unshare(folder, name, NULL) == CIR_OK;
    else
        is_repaired = is_repaired && cir__folder_remove(folder, name);
    cir__findings_add(&c->findings, is_repaired, "%s/%s: %s, not a plain file of its own",
                      cir__folder_name(folder), name, fault);
}

static void visit_own_name(void *context, const cir__folder *folder, const char *name,
                           const struct stat *facts)
{
    if (is_own_name(name))
        check_name(context, folder, name, facts);
}

/* What stands in the way of a lock: nobody can hold one through it. */
static void remove_false_lock(check *c)
{
    struct stat facts;
    if (cir__folder_find_fault(c->place.folder, CIR__CATALOGUE_NAME) == NULL &&
        cir__folder_examine(c->place.folder, CIR__LOCK_NAME, &facts) == 0)
        check_name(c, c->place.folder, CIR__LOCK_NAME, &facts);
}

/* The catalogue cannot be looked at as long as it is there. One with a second name may be a writer's own,
 * from before somebody linked it: it is given a copy where nobody writes. */
static void mend_false_journal(check *c)
{
    struct stat facts;
    int lock = -1;
    if (cir__folder_find_fault(c->place.folder, JOURNAL_NAME) == NULL ||
        cir__folder_find_fault(c->place.folder, CIR__CATALOGUE_NAME) != NULL ||
        (c->repair && cir__lock_take(c->place.folder, &lock, NULL) != CIR_OK))
        return;
    if (cir__folder_examine(c->place.folder, JOURNAL_NAME, &facts) == 0)
        check_name(c, c->place.folder, JOURNAL_NAME, &facts);
    if (lock >= 0)
        close(lock);
}

static void visit_name_of_model(void *context, const cir__folder *folder, const char *name,
                                const struct stat *facts)
{
    check_name(context, folder, name, facts);
}

/* Names of the index' folder, of the folder of features and of each model in it. */
static void visit_features(void *context, const cir__folder *features, const char *name,
                           const struct stat *facts)
{
    cir__folder *folder;
    cir_error why;
    check_name(context, features, name, facts);
    if (!S_ISDIR(facts->st_mode))
        return;
    cir_status status = cir__folder_open_in(features, name, false, &folder, &why);
    if (status == CIR_OK)
        list_names(context, folder, visit_name_of_model);
    note_unseen(context, status, &why);
    cir__folder_close(folder);
}

static void check_names(check *c)
{
    cir__folder *features;
    cir_error why;
    list_names(c, c->place.folder, visit_own_name);
    cir_status status = cir__layout_open_features(&c->place, &features, &why);
    if (status == CIR_OK)
        list_names(c, features, visit_features);
    note_unseen(c, status, &why);
    cir__folder_close(features);
}

/* Derived: mending it is to do without it. */
static void check_texts(check *c, const cir_index_model *model)
{
    cir__folder *folder;
    cir_error why;
    cir_status status = cir__layout_open_model(&c->place, model->key, false, &folder, &why);
    note_unseen(c, status, &why);
    if (status != CIR_OK)
        return;
    const char *finding = cir__texts_file_examine(folder, model->dim);
    if (finding != NULL)
        cir__findings_add(&c->findings, c->repair && cir__folder_remove(folder, CIR__TEXTS_NAME), "%s/%s: %s",
                          cir__folder_name(folder), CIR__TEXTS_NAME, finding);
    cir__folder_close(folder);
}

static cir_status check_models(check *c, cir_pool *pool, cir_error *err)
{
    cir_status status = cir__image_rows_count(c->store, &c->findings.result.n_rows, err);
    if (status == CIR_OK)
        status = cir__catalogue_list_models(c->store, &c->models, &c->n_models, err);
    for (size_t i = 0; status == CIR_OK && i < c->n_models; i++) {
        status =
            cir__check_features(&c->place, c->store, i, &c->models[i], c->repair, pool, &c->findings, err);
        if (status == CIR_OK)
            check_texts(c, &c->models[i]);
    }
    return status;
}

/* "stem.npy.a1B2c3": what an interrupted replacement of a file leaves. */
static bool is_left_over(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || strlen(dot + 1) != 6 || memchr(name, '.', (size_t)(dot - name)) == NULL)
        return false;
    return strspn(dot + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == 6;
}

static void visit_file_of_model(void *context, const cir__folder *folder, const char *name,
                                const struct stat *facts)
{
    check *c = context;
    /* Younger ones may belong to a process that is just writing a derived file. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!S_ISREG(facts->st_mode) || !is_left_over(name) || now.tv_sec - facts->st_mtim.tv_sec < 3600)
        return;
    cir__findings_add(&c->findings, c->repair && cir__folder_remove(folder, name),
                      "%s/%s: is a left-over of a replaced file", cir__folder_name(folder), name);
}

static void visit_model_folder(void *context, const cir__folder *features, const char *name,
                               const struct stat *facts)
{
    check *c = context;
    bool is_folder = S_ISDIR(facts->st_mode);
    cir__folder *folder;
    cir_error why;
    for (size_t i = 0; i < c->n_models; i++)
        if (strcmp(c->models[i].key, name) == 0) {
            cir_status status = cir__folder_open_in(features, name, false, &folder, &why);
            if (status == CIR_OK)
                list_names(c, folder, visit_file_of_model);
            note_unseen(c, status, &why);
            cir__folder_close(folder);
            return;
        }
    if (!is_folder && !S_ISREG(facts->st_mode))
        return; /* told of already */
    /* An update that adds a model makes its folder before the catalogue tells of it. */
    if (!c->repair && cir__lock_is_held(c->place.folder))
        return;
    /* Never more than what an interrupted beginning leaves: features are dear, and the catalogue may be the
     * one that is wrong. */
    bool is_repaired = is_folder && c->repair && cir__layout_remove_empty_model(features, name);
    cir__findings_add(&c->findings, is_repaired,
                      is_folder
                          ? "%s/%s: belongs to no model of the catalogue; delete it if nothing is missed"
                          : "%s/%s: is not a file of an index; delete it",
                      cir__folder_name(features), name);
}

cir_status cir_index_check(const char *path, bool repair, cir_pool *pool, cir_check_report_fn *report,
                           void *context, cir_check_result *result_out, cir_error *err)
{
    cir__error_clear(err);
    if (result_out != NULL)
        *result_out = (cir_check_result){0};
    struct stat facts;
    if (stat(path, &facts) != 0 && errno == ENOENT)
        return cir__fail(err, CIR_NOT_FOUND, "%s: there is no index; make one with: cir index FOLDER -o %s",
                         path, path);
    check c = {.repair = repair, .findings = {report, context, {0}}};
    int lock = -1;
    cir__folder *features = NULL;
    cir_error why;
    cir_status status = cir__place_init(&c.place, path, err);
    if (status != CIR_OK)
        return status;
    if (repair)
        remove_false_lock(&c);
    mend_false_journal(&c);
    /* Whether it is an index at all comes before making a lock in it. */
    status = cir__catalogue_open(&c.place, CIR__CATALOGUE_READ, &c.store, &why);
    if (status == CIR_OK && !repair)
        check_names(&c);
    if (status == CIR_OK && repair) {
        cir__store_close(c.store);
        c.store = NULL;
        status = cir__lock_take(c.place.folder, &lock, &why);
        if (status == CIR_OK)
            check_names(&c);
        if (status == CIR_OK)
            status = cir__catalogue_open(&c.place, CIR__CATALOGUE_WRITE, &c.store, &why);
    }
    if (status == CIR_OK)
        status = check_catalogue(&c, &why);
    bool is_open = status == CIR_OK;
    if (is_open)
        status = check_models(&c, pool, &why);
    if (is_open && status == CIR_DAMAGED) {
        /* The catalogue could be opened: what stops here is one more finding, unless it has been told. */
        if (c.findings.result.n_findings == 0)
            cir__findings_add(&c.findings, false, "%s", why.message);
        status = CIR_OK;
    }
    if (status == CIR_OK) {
        cir_status listed = cir__layout_open_features(&c.place, &features, &why);
        note_unseen(&c, listed, &why);
        if (listed == CIR_OK)
            list_names(&c, features, visit_model_folder);
    }
    if (status == CIR_OK && c.unseen.status != CIR_OK) {
        status = c.unseen.status;
        why = c.unseen;
    }
    /* What was looked at last may be another's by now. */
    if (status == CIR_OK)
        status = cir__store_check(c.store, &why);
    if (status == CIR_DAMAGED)
        cir__fail(err, status,
                  "%s: the catalogue is too damaged to go on; put back a copy of %s, or make the index anew "
                  "(%s)",
                  path, CIR__CATALOGUE_NAME, why.message);
    else if (status != CIR_OK)
        cir__fail(err, status, "%s", why.message);
    if (result_out != NULL)
        *result_out = c.findings.result;
    cir__folder_close(features);
    for (size_t i = 0; i < c.n_texts; i++)
        free(c.texts[i]);
    cir__catalogue_free_models(c.models, c.n_models);
    cir__store_close(c.store);
    if (lock >= 0)
        close(lock);
    cir__place_done(&c.place);
    return status;
}

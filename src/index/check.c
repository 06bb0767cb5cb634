/* Checking an index: the catalogue, every model's vectors, what else lies in the folder. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cir/index.h"
#include "index/catalogue.h"
#include "index/check_features.h"
#include "index/findings.h"
#include "index/layout.h"
#include "index/place.h"
#include "index/rows.h"
#include "index/texts.h"

#define MAX_TEXTS 100

typedef struct check {
    cir__place place;
    bool repairs;
    cir__store *store;
    cir_index_model *models;
    size_t n_models;
    cir__findings findings;
    char *texts[MAX_TEXTS]; /* of the catalogue's findings */
    size_t n_texts;
} check;

static void visit_finding(void *context, const char *finding)
{
    check *c = context;
    if (c->n_texts < MAX_TEXTS)
        c->texts[c->n_texts] = cir__copy_text(finding);
    if (c->n_texts < MAX_TEXTS && c->texts[c->n_texts] != NULL)
        c->n_texts++;
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
    size_t n_left = c->n_texts;
    if (c->repairs && c->n_texts > 0) {
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

/* Derived: mending it is to do without it. */
static void check_texts(check *c, const cir_index_model *model)
{
    char *folder = cir__layout_of_model(&c->place, model->key);
    char *path = folder != NULL ? cir__path_join(folder, CIR__TEXTS_NAME) : NULL;
    const char *finding = path != NULL ? cir__texts_examine(folder, model->dim) : NULL;
    if (finding != NULL)
        cir__findings_add(&c->findings, c->repairs && unlink(path) == 0, "%s: %s", path, finding);
    free(path);
    free(folder);
}

static cir_status check_models(check *c, cir_pool *pool, cir_error *err)
{
    cir_status status = cir__rows_count(c->store, &c->findings.result.n_rows, err);
    if (status == CIR_OK)
        status = cir__catalogue_list_models(c->store, &c->models, &c->n_models, err);
    for (size_t i = 0; status == CIR_OK && i < c->n_models; i++) {
        status =
            cir__check_features(&c->place, c->store, i, &c->models[i], c->repairs, pool, &c->findings, err);
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

static void visit_file_of_model(void *context, const char *path, const char *name, bool is_folder,
                                uint64_t size_bytes)
{
    (void)size_bytes;
    check *c = context;
    /* Younger ones may belong to a process that is just writing a derived file. */
    struct stat facts;
    struct timespec now;
    if (is_folder || !is_left_over(name) || stat(path, &facts) != 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec - facts.st_mtim.tv_sec < 3600)
        return;
    cir__findings_add(&c->findings, c->repairs && unlink(path) == 0, "%s: is a left-over of a replaced file",
                      path);
}

static void visit_model_folder(void *context, const char *path, const char *name, bool is_folder,
                               uint64_t size_bytes)
{
    (void)size_bytes;
    check *c = context;
    for (size_t i = 0; i < c->n_models; i++)
        if (strcmp(c->models[i].key, name) == 0) {
            (void)cir__layout_list(path, visit_file_of_model, c);
            return;
        }
    /* An update that adds a model makes its folder before the catalogue tells of it. */
    if (!c->repairs && cir__layout_is_locked(&c->place))
        return;
    /* Never more than what an interrupted beginning leaves: features are dear, and the catalogue may be the
     * one that is wrong. */
    bool is_repaired = is_folder && c->repairs && cir__layout_remove_empty_model(path);
    cir__findings_add(&c->findings, is_repaired,
                      is_folder ? "%s: belongs to no model of the catalogue; delete it if nothing is missed"
                                : "%s: is no file of an index; delete it",
                      path);
}

cir_status cir_index_check(const char *path, bool repairs, cir_pool *pool, cir_check_report *report,
                           void *context, cir_check_result *result_out, cir_error *err)
{
    cir__error_clear(err);
    if (result_out != NULL)
        *result_out = (cir_check_result){0};
    struct stat facts;
    if (stat(path, &facts) != 0 && errno == ENOENT)
        return cir__fail(err, CIR_NOT_FOUND, "%s: there is no index; make one with: cir index FOLDER -o %s",
                         path, path);
    check c = {.repairs = repairs, .findings = {report, context, {0}}};
    int lock = -1;
    char *features = NULL;
    cir_error why;
    cir_status status = cir__place_init(&c.place, path, err);
    if (status != CIR_OK)
        return status;
    /* Whether it is an index at all comes before making a lock in it. */
    status = cir__catalogue_open(&c.place, CIR__CATALOGUE_READ, &c.store, &why);
    if (status == CIR_OK && repairs) {
        cir__store_close(c.store);
        c.store = NULL;
        status = cir__layout_lock(&c.place, &lock, &why);
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
    features = cir__layout_features(&c.place);
    if (status == CIR_OK && features != NULL)
        (void)cir__layout_list(features, visit_model_folder, &c);
    if (status == CIR_DAMAGED)
        cir__fail(err, status,
                  "%s: the catalogue is too damaged to go on; put back a copy of %s, or make the index anew "
                  "(%s)",
                  path, CIR__CATALOGUE_NAME, why.message);
    else if (status != CIR_OK)
        cir__fail(err, status, "%s", why.message);
    if (result_out != NULL)
        *result_out = c.findings.result;
    free(features);
    for (size_t i = 0; i < c.n_texts; i++)
        free(c.texts[i]);
    cir__catalogue_free_models(c.models, c.n_models);
    cir__store_close(c.store);
    if (lock >= 0)
        close(lock);
    cir__place_done(&c.place);
    return status;
}

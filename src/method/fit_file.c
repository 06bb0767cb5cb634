/* A fit as bytes, to be kept in a file or a database, or handed over without the index it comes from.
 *
 *   8 bytes   "cirfit" and the version; numbers are little-endian
 *   uint64    bytes in all
 *   33 bytes  the model's fingerprint, zeros behind it
 *   texts     a uint32 of bytes, then the settings in force, a zero-terminated "key=value" each
 *   uint32    family, dim, minima_source, presence (below), directions of both projections, terms
 *   texts     the terms, likewise
 *   double    the two minima
 *   float32   what is present: vocabulary [terms, dim], text mean, both projections, image mean
 *   uint64    XXH3 of all before
 *
 * One function says this for both directions. Reading trusts nothing: lengths are checked before they are used,
 * numbers must be finite, and what a method needs must be there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "method/fit.h"

#define MAGIC "cirfit\0\1"
#define MAX_BYTES ((size_t)1 << 30)
#define MAX_DIM 65536

enum { HEADER_SIZE = 16, HASH_SIZE = 8 };

/* Presence. */
enum { VOCABULARY = 1, MEANS = 2, PROJECTION = 4, TEXT_PROJECTION = 8, MINIMA = 16 };

/* Bytes that a fit is read from, written to, or counted in. */
typedef struct archive {
    const uint8_t *in; /* [size]; NULL: it is written */
    uint8_t *out;      /* [size]; NULL: it is counted */
    size_t size, at;
    const char *problem; /* why it is no fit, or one of these; NULL so far */
} archive;

static const char out_of_memory[] = "out of memory", other_version[] = "it is of another version than 1";

static void refuse(archive *a, const char *why)
{
    if (a->problem == NULL)
        a->problem = why;
}

static void move(archive *a, void *data, size_t size)
{
    if (a->in != NULL && size > a->size - a->at)
        refuse(a, "it ends early");
    if (a->problem != NULL || size == 0)
        return;
    if (a->in != NULL)
        memcpy(data, a->in + a->at, size);
    else if (a->out != NULL)
        memcpy(a->out + a->at, data, size);
    a->at += size;
}

static void move_number(archive *a, size_t *number)
{
    uint32_t value = (uint32_t)*number;
    move(a, &value, sizeof value);
    *number = value;
}

/* Zero-terminated texts; those that are read are lent from the bytes. */
static void move_texts(archive *a, const char **texts, size_t *size)
{
    move_number(a, size);
    if (a->in == NULL) {
        move(a, (void *)*texts, *size);
        return;
    }
    *texts = (const char *)a->in + a->at;
    if (*size > a->size - a->at || (*size > 0 && (*texts)[*size - 1] != '\0'))
        refuse(a, "its texts end early");
    *size = a->problem == NULL ? *size : 0;
    a->at += *size;
}

/* Rows [n_rows, dim], made where they are read. */
static void move_floats(archive *a, float **rows, size_t n_rows, size_t dim)
{
    size_t n, size;

    if (!cir__size_mul(n_rows, dim, &n) || !cir__size_mul(n, sizeof **rows, &size) ||
        (a->in != NULL && size > a->size - a->at))
        refuse(a, "it ends early");
    if (a->problem != NULL)
        return;
    if (a->in != NULL && (*rows = cir__new_unset(n, sizeof **rows)) == NULL)
        refuse(a, out_of_memory);
    move(a, *rows, size);
    for (size_t i = 0; a->in != NULL && a->problem == NULL && i < n; i++)
        if (!isfinite((*rows)[i]))
            refuse(a, "it holds something that is not a number");
}

/* What a fit of its family and settings consists of. */
static unsigned presence_of(const cir_fit *fit)
{
    const cir_settings *const settings = &fit->settings;

    if (fit->family != CIR_FAMILY_BASIC)
        return fit->family == CIR_FAMILY_FREEDOM ? VOCABULARY : 0;
    return (settings->centre ? MEANS : 0U) | (settings->project ? PROJECTION : 0U) |
           (settings->project_text ? TEXT_PROJECTION : 0U) | (settings->normalise ? MINIMA : 0U);
}

static void take_settings(archive *a, const char *texts, size_t size, cir_settings *out)
{
    cir_settings_init(out, sizeof *out, CIR_METHOD_DEFAULT);
    for (const char *text = texts; a->problem == NULL && text < texts + size; text += strlen(text) + 1)
        if (cir_settings_set(out, text, NULL) != CIR_OK)
            refuse(a, "it has invalid settings");
}

static void take_terms(archive *a, const char *texts, size_t size, size_t n, cir__terms *out)
{
    size_t n_found = 0;

    for (const char *text = texts; a->problem == NULL && text < texts + size;
         text += strlen(text) + 1, n_found++)
        if (text[0] == '\0')
            refuse(a, "it has an empty term");
    if (n_found != n)
        refuse(a, "it has another number of terms than it says");
    if (a->problem == NULL && n > 0 && cir__terms_list(texts, size, n, out, NULL) != CIR_OK)
        refuse(a, out_of_memory);
}

/* The fit in its order. settings: [settings_size] to be written. */
static void move_fit(archive *a, cir_fit *fit, const char *settings, size_t settings_size)
{
    const cir__terms *const list = &fit->terms;
    const char *const last = list->n > 0 ? list->texts[list->n - 1] : NULL;
    const char *terms = list->n > 0 ? list->texts[0] : NULL;
    size_t terms_size = list->n > 0 ? (size_t)(last - terms) + strlen(last) + 1 : 0, n_terms = list->n;
    size_t family = fit->family, minima_source = fit->settings.minima_source, has = presence_of(fit);
    char magic[8] = MAGIC;
    uint64_t size = a->size;

    move(a, magic, sizeof magic);
    move(a, &size, sizeof size);
    move(a, fit->model, sizeof fit->model);
    move_texts(a, &settings, &settings_size);
    move_number(a, &family);
    move_number(a, &fit->dim);
    move_number(a, &minima_source);
    move_number(a, &has);
    move_number(a, &fit->projection.n_directions);
    move_number(a, &fit->text_projection.n_directions);
    move_number(a, &n_terms);
    move_texts(a, &terms, &terms_size);
    if (a->in != NULL) {
        take_settings(a, settings, settings_size, &fit->settings);
        take_terms(a, terms, terms_size, n_terms, &fit->terms);
        if (family >= CIR_N_FAMILIES || fit->dim == 0 || fit->dim > MAX_DIM ||
            minima_source > CIR_MINIMA_PAPER || fit->projection.n_directions > fit->dim ||
            fit->text_projection.n_directions > fit->dim || fit->model[sizeof fit->model - 1] != '\0')
            refuse(a, "its header is invalid");
        fit->family = (cir_family)family;
        fit->settings.minima_source = (cir_minima_source)minima_source;
        fit->n_galleries = fit->family == CIR_FAMILY_BASIC;
    }
    const bool has_context = fit->n_galleries > 0 && fit->settings.contextualise;
    if (has != presence_of(fit) || (fit->projection.n_directions > 0 && (has & PROJECTION) == 0) ||
        (fit->text_projection.n_directions > 0 && (has & TEXT_PROJECTION) == 0) ||
        (n_terms > 0) != (has_context || (has & VOCABULARY) != 0))
        refuse(a, "it does not have what its settings need");
    if ((has & MINIMA) != 0) {
        move(a, &fit->galleries->minima.image, sizeof fit->galleries->minima.image);
        move(a, &fit->galleries->minima.text, sizeof fit->galleries->minima.text);
    }
    if ((has & VOCABULARY) != 0)
        move_floats(a, &fit->vocabulary, n_terms, fit->dim);
    if ((has & MEANS) != 0)
        move_floats(a, &fit->text_mean, 1, fit->dim);
    if ((has & PROJECTION) != 0)
        move_floats(a, &fit->projection.directions, fit->projection.n_directions, fit->dim);
    if ((has & TEXT_PROJECTION) != 0)
        move_floats(a, &fit->text_projection.directions, fit->text_projection.n_directions, fit->dim);
    if ((has & MEANS) != 0)
        move_floats(a, &fit->image_means, 1, fit->dim);
}

/* ---- writing ---- */

static void put_setting(void *context, const cir_setting_info *setting, const char *value)
{
    archive *const to = context;
    move(to, (void *)setting->key, strlen(setting->key));
    move(to, (void *)"=", 1);
    move(to, (void *)value, strlen(value) + 1);
}

cir_status cir_fit_format(const cir_fit *fit, uint8_t **bytes_out, size_t *size_out, cir_error *err)
{
    archive settings = {0}, out = {0};
    cir_status status = CIR_OK;

    cir__error_clear(err);
    *bytes_out = NULL;
    *size_out = 0;
    if (fit->n_galleries > 1)
        return cir__fail(err, CIR_ARGUMENT,
                         "fit: has %zu galleries with statistics of their own; write that of one of them",
                         fit->n_galleries);
    cir_settings_list(&fit->settings, put_setting, &settings);
    uint8_t *const texts = cir__new_unset(settings.at, 1);
    settings = (archive){.out = texts, .size = settings.at};
    if (texts == NULL)
        return cir__fail_memory(err, "a fit");
    cir_settings_list(&fit->settings, put_setting, &settings);
    move_fit(&out, (cir_fit *)fit, (const char *)texts, settings.at); /* writing changes nothing of it */
    out = (archive){.size = out.at + HASH_SIZE};
    if (out.size > MAX_BYTES)
        status = cir__fail(err, CIR_LIMIT, "fit: takes %zu bytes, more than the %zu that can be read",
                           out.size, MAX_BYTES);
    else if ((out.out = cir__new_unset(out.size, 1)) == NULL)
        status = cir__fail_memory(err, "a fit");
    if (status == CIR_OK) {
        move_fit(&out, (cir_fit *)fit, (const char *)texts, settings.at);
        uint64_t hash = cir__hash64(out.out, out.at);
        move(&out, &hash, sizeof hash);
        *bytes_out = out.out;
        *size_out = out.size;
    }
    free(texts);
    return status;
}

cir_status cir_fit_write(const cir_fit *fit, const char *path, cir_error *err)
{
    uint8_t *bytes;
    size_t size;
    cir_status status = cir_fit_format(fit, &bytes, &size, err);

    if (status == CIR_OK)
        status = cir__file_replace(path, bytes, size, err);
    free(bytes);
    return status;
}

/* ---- reading ---- */

/* Whether the bytes are all there and as they were written. */
static void check_whole(archive *a)
{
    uint64_t size, hash;

    if (a->size < HEADER_SIZE + HASH_SIZE || memcmp(a->in, MAGIC, 6) != 0) {
        refuse(a, "it does not begin with a fit's magic number");
        return;
    }
    memcpy(&size, a->in + 8, sizeof size);
    memcpy(&hash, a->in + a->size - HASH_SIZE, sizeof hash);
    if (size != a->size)
        refuse(a, "it was cut short, or something was added");
    else if (hash != cir__hash64(a->in, a->size - HASH_SIZE))
        refuse(a, "its checksum is wrong");
    else if (memcmp(a->in, MAGIC, 8) != 0)
        refuse(a, other_version);
    a->size -= HASH_SIZE;
}

/* What is left when all was read. */
static void finish(archive *a, cir_fit *fit)
{
    cir__projection *const projections[] = {&fit->projection, &fit->text_projection};
    cir__fit_gallery *const gallery = fit->galleries;
    const unsigned has = presence_of(fit);

    gallery->image_mean = fit->image_means;
    gallery->minima.source = fit->settings.minima_source;
    if ((has & MINIMA) != 0 && !(isfinite(gallery->minima.image) && isfinite(gallery->minima.text) &&
                                 gallery->minima.image < 0 && gallery->minima.text < 0))
        refuse(a, "its minima are not below 0");
    if (a->at != a->size)
        refuse(a, "more follows its end");
    for (size_t i = 0; i < 2 && a->problem == NULL; i++) {
        projections[i]->dim = fit->dim;
        if (projections[i]->directions != NULL && cir__projection_ready(projections[i], NULL) != CIR_OK)
            refuse(a, out_of_memory);
    }
}

cir_status cir_fit_parse(const uint8_t *bytes, size_t size, const char *name, cir_fit **fit_out,
                         cir_error *err)
{
    archive from = {.in = bytes, .size = size};
    cir_fit *const fit = cir__new(1, sizeof *fit);

    cir__error_clear(err);
    *fit_out = NULL;
    if (fit != NULL)
        fit->galleries = cir__new(1, sizeof *fit->galleries);
    if (fit == NULL || fit->galleries == NULL) {
        cir_fit_free(fit);
        return cir__fail_memory(err, "a fit");
    }
    check_whole(&from); /* what follows reads nothing once there is a problem */
    move_fit(&from, fit, NULL, 0);
    finish(&from, fit);
    if (from.problem == NULL) {
        *fit_out = fit;
        return CIR_OK;
    }
    cir_fit_free(fit);
    return from.problem == out_of_memory
               ? cir__fail_memory(err, "a fit")
               : cir__fail(err, from.problem == other_version ? CIR_UNSUPPORTED : CIR_FORMAT,
                           "%s: is not a fit that can be used: %s; fit again", name, from.problem);
}

cir_status cir_fit_read(const char *path, cir_fit **fit_out, cir_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;

    *fit_out = NULL;
    cir_status status = cir__file_read(path, MAX_BYTES, &bytes, &size, err);
    if (status == CIR_OK)
        status = cir_fit_parse(bytes, size, path, fit_out, err);
    free(bytes);
    return status;
}

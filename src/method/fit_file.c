/* A fit as bytes, to be kept in a file or a database, or handed over without the index it comes from.
 *
 *   8 bytes   "cirfit" and the version, little-endian as all numbers
 *   uint64    bytes in all
 *   texts     each a uint32 length and so many bytes: the model's fingerprint; the settings in force, a
 *             zero-terminated "key=value" each
 *   uint32    family, dim, minima_source, presence (below), directions of both projections, terms
 *   text      the terms, each zero-terminated
 *   double    the two minima
 *   float32   what is present: vocabulary [terms, dim], text mean, projections, image mean
 *   uint64    XXH3 of all before
 *
 * Reading trusts nothing: lengths are checked before they are used, numbers must be finite, and what a method
 * needs must be there. */
#include <limits.h>
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
enum {
    HAS_VOCABULARY = 1,
    HAS_TEXT_MEAN = 2,
    HAS_PROJECTION = 4,
    HAS_TEXT_PROJECTION = 8,
    HAS_IMAGE_MEAN = 16,
    HAS_MINIMA = 32
};

static unsigned presence_of(const cir_fit *fit)
{
    const bool is_basic = fit->family == CIR_FAMILY_BASIC;
    const cir_settings *const settings = &fit->settings;
    return (fit->family == CIR_FAMILY_FREEDOM ? HAS_VOCABULARY : 0U) |
           (is_basic && settings->centre ? HAS_TEXT_MEAN | HAS_IMAGE_MEAN : 0U) |
           (is_basic && settings->project ? HAS_PROJECTION : 0U) |
           (is_basic && settings->project_text ? HAS_TEXT_PROJECTION : 0U) |
           (is_basic && settings->normalise ? HAS_MINIMA : 0U);
}

/* ---- writing ---- */

/* Bytes that are counted (bytes NULL) or written. */
typedef struct sink {
    uint8_t *bytes;
    size_t size;
} sink;

static void put(sink *out, const void *data, size_t size)
{
    if (out->bytes != NULL && size > 0)
        memcpy(out->bytes + out->size, data, size);
    out->size += size;
}

static void put_number(sink *out, size_t number)
{
    const uint32_t value = (uint32_t)number;
    put(out, &value, sizeof value);
}

static void put_floats(sink *out, const float *floats, size_t n_rows, size_t dim)
{
    put(out, floats, n_rows * dim * sizeof *floats);
}

/* Behind what is there already, so that its length is known when it ends. */
typedef struct settings_sink {
    sink *out;
    size_t size;
} settings_sink;

static void put_setting(void *context, const cir_setting_info *setting, const char *value)
{
    settings_sink *const to = context;
    const size_t before = to->out->size;
    put(to->out, setting->key, strlen(setting->key));
    put(to->out, "=", 1);
    put(to->out, value, strlen(value) + 1);
    to->size += to->out->size - before;
}

static void put_settings(sink *out, const cir_settings *settings)
{
    sink nowhere = {0};
    settings_sink counted = {.out = &nowhere}, written = {.out = out};

    cir_settings_list(settings, put_setting, &counted);
    put_number(out, counted.size);
    cir_settings_list(settings, put_setting, &written);
}

static void put_terms(sink *out, const cir__terms *terms)
{
    size_t size = 0;

    for (size_t i = 0; i < terms->n; i++)
        size += strlen(terms->texts[i]) + 1;
    put_number(out, size);
    for (size_t i = 0; i < terms->n; i++)
        put(out, terms->texts[i], strlen(terms->texts[i]) + 1);
}

static void put_fit(sink *out, const cir_fit *fit, uint64_t size)
{
    const unsigned has = presence_of(fit);
    const cir__fit_gallery *const gallery = fit->galleries;

    put(out, MAGIC, 8);
    put(out, &size, sizeof size);
    put_number(out, strlen(fit->model));
    put(out, fit->model, strlen(fit->model));
    put_settings(out, &fit->settings);
    put_number(out, fit->family);
    put_number(out, fit->dim);
    put_number(out, fit->settings.minima_source);
    put_number(out, has);
    put_number(out, fit->projection.n_directions);
    put_number(out, fit->text_projection.n_directions);
    put_number(out, fit->terms.n);
    put_terms(out, &fit->terms);
    if ((has & HAS_MINIMA) != 0) {
        put(out, &gallery->minima.image, sizeof gallery->minima.image);
        put(out, &gallery->minima.text, sizeof gallery->minima.text);
    }
    if ((has & HAS_VOCABULARY) != 0)
        put_floats(out, fit->vocabulary, fit->terms.n, fit->dim);
    if ((has & HAS_TEXT_MEAN) != 0)
        put_floats(out, fit->text_mean, 1, fit->dim);
    put_floats(out, fit->projection.directions, fit->projection.n_directions, fit->dim);
    put_floats(out, fit->text_projection.directions, fit->text_projection.n_directions, fit->dim);
    if ((has & HAS_IMAGE_MEAN) != 0)
        put_floats(out, gallery->image_mean, 1, fit->dim);
}

cir_status cir_fit_format(const cir_fit *fit, uint8_t **bytes_out, size_t *size_out, cir_error *err)
{
    sink out = {0};

    cir__error_clear(err);
    *bytes_out = NULL;
    *size_out = 0;
    if (fit->n_galleries > 1)
        return cir__fail(err, CIR_ARGUMENT,
                         "fit: has %zu galleries with statistics of their own; write that of one of them",
                         fit->n_galleries);
    put_fit(&out, fit, 0);
    const uint64_t size = out.size + HASH_SIZE;
    if (size > MAX_BYTES)
        return cir__fail(err, CIR_LIMIT, "fit: takes %zu bytes, more than the %zu that can be read",
                         (size_t)size, MAX_BYTES);
    out = (sink){.bytes = cir__new_unset(size, 1)};
    if (out.bytes == NULL)
        return cir__fail_memory(err, "a fit");
    put_fit(&out, fit, size);
    const uint64_t hash = cir__hash64(out.bytes, out.size);
    put(&out, &hash, sizeof hash);
    *bytes_out = out.bytes;
    *size_out = out.size;
    return CIR_OK;
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

typedef struct reading {
    const uint8_t *at, *end;
    const char *name;
    cir_error *err;
    cir_fit *fit;
} reading;

static cir_status refuse(const reading *from, const char *what)
{
    return cir__fail(from->err, CIR_FORMAT, "%s: is not a fit that can be used: %s; fit again", from->name,
                     what);
}

/* The next bytes; NULL: there are fewer. */
static const uint8_t *take(reading *from, size_t size)
{
    const uint8_t *const at = from->at;

    if ((size_t)(from->end - at) < size)
        return NULL;
    from->at += size;
    return at;
}

/* SIZE_MAX: there is none. */
static size_t take_number(reading *from)
{
    const uint8_t *const at = take(from, sizeof(uint32_t));
    uint32_t value;

    if (at == NULL)
        return SIZE_MAX;
    memcpy(&value, at, sizeof value);
    return value;
}

/* A length and so many bytes. */
static const char *take_text(reading *from, size_t *size_out)
{
    *size_out = take_number(from);
    return (const char *)take(from, *size_out);
}

/* Rows that must be finite, from cir__new. */
static cir_status take_floats(reading *from, size_t n_rows, float **out)
{
    size_t n, size;
    const uint8_t *const at =
        cir__size_mul(n_rows, from->fit->dim, &n) && cir__size_mul(n, sizeof **out, &size) ? take(from, size)
                                                                                           : NULL;

    if (at == NULL)
        return refuse(from, "it ends early");
    float *const rows = *out = cir__new_unset(n, sizeof *rows);
    if (rows == NULL)
        return cir__fail_memory(from->err, "a fit");
    memcpy(rows, at, size);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(rows[i]))
            return refuse(from, "it holds something that is not a number");
    return CIR_OK;
}

static cir_status take_projection(reading *from, size_t n_directions, cir__projection *out)
{
    *out = (cir__projection){.dim = from->fit->dim, .n_directions = n_directions};
    if (n_directions > from->fit->dim)
        return refuse(from, "it has more directions than numbers");
    const cir_status status = take_floats(from, n_directions, &out->directions);
    return status == CIR_OK ? cir__projection_ready(out, from->err) : status;
}

static cir_status take_settings(reading *from, cir_settings *out)
{
    size_t size;
    const char *text = take_text(from, &size), *const end = text + (text != NULL ? size : 0);

    cir_settings_init(out, CIR_METHOD_DEFAULT);
    if (text == NULL || size == 0 || end[-1] != '\0')
        return refuse(from, "its settings end early");
    for (; text < end; text += strlen(text) + 1) {
        const cir_status status = cir_settings_set(out, text, from->err);
        if (status != CIR_OK)
            return status == CIR_ARGUMENT ? refuse(from, "it has invalid settings") : status;
    }
    return CIR_OK;
}

static cir_status take_terms(reading *from, size_t n, cir__terms *out)
{
    size_t size, n_found = 0;
    const char *const text = take_text(from, &size);

    if (text == NULL || (size > 0 && text[size - 1] != '\0'))
        return refuse(from, "its terms end early");
    for (size_t i = 0; i < size; n_found++) {
        const size_t length = strlen(text + i);
        if (length == 0)
            return refuse(from, "it has an empty term");
        i += length + 1;
    }
    if (n_found != n)
        return refuse(from, "it has another number of terms than it says");
    return n > 0 ? cir__terms_list(text, size, n, out, from->err) : CIR_OK;
}

static cir_status take_gallery(reading *from, unsigned has)
{
    cir_fit *const fit = from->fit;
    const uint8_t *at;

    fit->n_galleries = 1;
    fit->galleries = cir__new(1, sizeof *fit->galleries);
    if (fit->galleries == NULL)
        return cir__fail_memory(from->err, "a fit");
    cir__minima *const minima = &fit->galleries->minima;
    minima->source = fit->settings.minima_source;
    if ((has & HAS_MINIMA) == 0)
        return CIR_OK;
    if ((at = take(from, 2 * sizeof minima->image)) == NULL)
        return refuse(from, "it ends early");
    memcpy(&minima->image, at, sizeof minima->image);
    memcpy(&minima->text, at + sizeof minima->image, sizeof minima->text);
    if (!isfinite(minima->image) || !isfinite(minima->text) || minima->image >= 0 || minima->text >= 0)
        return refuse(from, "its minima are not below 0");
    return CIR_OK;
}

/* Everything behind header and settings. */
static cir_status take_rest(reading *from)
{
    cir_fit *const fit = from->fit;
    const size_t family = take_number(from), dim = take_number(from), minima_source = take_number(from);
    const size_t given = take_number(from), n_directions = take_number(from),
                 n_text_directions = take_number(from), n_terms = take_number(from);

    if (family >= CIR_N_FAMILIES || dim == 0 || dim > MAX_DIM || minima_source > CIR_MINIMA_PAPER)
        return refuse(from, "its header is invalid");
    fit->family = (cir_family)family;
    fit->dim = dim;
    fit->settings.minima_source = (cir_minima_source)minima_source;
    const unsigned has = presence_of(fit);
    const bool has_context = fit->family == CIR_FAMILY_BASIC && fit->settings.contextualise;
    if (given != has || (n_directions > 0 && (has & HAS_PROJECTION) == 0) ||
        (n_text_directions > 0 && (has & HAS_TEXT_PROJECTION) == 0) ||
        (n_terms > 0) != (has_context || (has & HAS_VOCABULARY) != 0))
        return refuse(from, "it has not what its settings need");
    cir_status status = take_terms(from, n_terms, &fit->terms);
    if (status == CIR_OK && fit->family == CIR_FAMILY_BASIC)
        status = take_gallery(from, has);
    if (status == CIR_OK && (has & HAS_VOCABULARY) != 0)
        status = take_floats(from, n_terms, &fit->vocabulary);
    if (status == CIR_OK && (has & HAS_TEXT_MEAN) != 0)
        status = take_floats(from, 1, &fit->text_mean);
    if (status == CIR_OK && (has & HAS_PROJECTION) != 0)
        status = take_projection(from, n_directions, &fit->projection);
    if (status == CIR_OK && (has & HAS_TEXT_PROJECTION) != 0)
        status = take_projection(from, n_text_directions, &fit->text_projection);
    if (status == CIR_OK && (has & HAS_IMAGE_MEAN) != 0) {
        status = take_floats(from, 1, &fit->image_means);
        fit->galleries->image_mean = fit->image_means;
    }
    return status == CIR_OK && from->at != from->end ? refuse(from, "more follows its end") : status;
}

static cir_status take_fit(reading *from, size_t size)
{
    uint64_t size_said, hash;
    size_t model_size;

    if (size < HEADER_SIZE + HASH_SIZE || memcmp(from->at, MAGIC, 6) != 0)
        return refuse(from, "it does not begin with a fit's magic number");
    if (memcmp(from->at, MAGIC, 8) != 0)
        return cir__fail(from->err, CIR_UNSUPPORTED,
                         "%s: is a fit of version %u, this cir reads 1; fit again", from->name,
                         (unsigned)from->at[7]);
    memcpy(&size_said, from->at + 8, sizeof size_said);
    memcpy(&hash, from->at + size - HASH_SIZE, sizeof hash);
    if (size_said != size)
        return refuse(from, "it was cut short, or something was added");
    if (hash != cir__hash64(from->at, size - HASH_SIZE))
        return refuse(from, "its checksum is wrong");
    from->end = from->at + size - HASH_SIZE;
    from->at += HEADER_SIZE;
    const char *const model = take_text(from, &model_size);
    if (model == NULL || model_size >= sizeof from->fit->model || memchr(model, '\0', model_size) != NULL)
        return refuse(from, "its model's fingerprint is invalid");
    memcpy(from->fit->model, model, model_size);
    const cir_status status = take_settings(from, &from->fit->settings);
    return status == CIR_OK ? take_rest(from) : status;
}

cir_status cir_fit_parse(const uint8_t *bytes, size_t size, const char *name, cir_fit **fit_out,
                         cir_error *err)
{
    reading from = {.at = bytes, .end = bytes + size, .name = name, .err = err};

    cir__error_clear(err);
    *fit_out = NULL;
    from.fit = cir__new(1, sizeof *from.fit);
    if (from.fit == NULL)
        return cir__fail_memory(err, "a fit");
    const cir_status status = take_fit(&from, size);
    if (status == CIR_OK)
        *fit_out = from.fit;
    else
        cir_fit_free(from.fit);
    return status;
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

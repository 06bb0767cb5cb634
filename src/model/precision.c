#include "model/precision.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/user_cache.h"
#include "model/precision_check.h"
#include "model/processor.h"

#define LEAST_AUTO 0.9995
#define LEAST_FAST 0.99

/* Less gain is not worth other features. */
#define CLEARLY_FASTER 1.1

/* A choice compares fewer than cir_model_check_precisions: it is waited for. */
enum { N_IMAGES = 8, N_TEXTS = 16 };

/* To be raised whenever features change by more than rounding in any precision. */
#define REVISION 1
#define KIND "features"

static const char *const names[] = {"auto", "f32", "bf16", "int8", "fast"};

const char *cir_precision_name(cir_precision precision)
{
    return names[precision];
}

cir_status cir_precision_parse(const char *name, cir_precision *precision_out, cir_error *err)
{
    cir__error_clear(err);
    *precision_out = CIR_PRECISION_AUTO;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *precision_out = (cir_precision)i;
            return CIR_OK;
        }
    return cir__fail(err, CIR_ARGUMENT, "%.40s: is not one of auto, f32, bf16, int8, fast", name);
}

/* Our own numbers of the public ones; f32 for what is no precision by itself. */
static cir__precision internal_of(cir_precision precision)
{
    return precision == CIR_PRECISION_INT8   ? CIR__IN_INT8
           : precision == CIR_PRECISION_BF16 ? CIR__IN_BF16
                                             : CIR__IN_F32;
}

static cir_precision public_of(cir__precision precision)
{
    return precision == CIR__IN_INT8   ? CIR_PRECISION_INT8
           : precision == CIR__IN_BF16 ? CIR_PRECISION_BF16
                                       : CIR_PRECISION_F32;
}

cir_status cir__precision_check_supported(cir_precision asked, const char *path, cir_error *err)
{
    if (cir__precision_is_supported(internal_of(asked)))
        return CIR_OK;
    return cir__fail(
        err, CIR_UNSUPPORTED,
        asked == CIR_PRECISION_BF16
            ? "%s: this processor does not multiply bf16 (AVX512_BF16); open it with precision f32"
            : "%s: this processor does not multiply int8 exactly (AVX512_VNNI); open it with precision "
              "f32",
        path);
}

double cir__precision_least(cir_precision asked)
{
    return asked == CIR_PRECISION_AUTO ? LEAST_AUTO : asked == CIR_PRECISION_FAST ? LEAST_FAST : 0;
}

size_t cir__precision_rank(const cir__rates *rates, cir__precision order_out[CIR__N_PRECISIONS])
{
    size_t n = 0;
    for (cir__precision i = CIR__IN_BF16; i < CIR__N_PRECISIONS; i++) {
        if (!(rates->gops[i] > CLEARLY_FASTER * rates->gops[CIR__IN_F32]))
            continue;
        size_t at = n++;
        for (; at > 0 && rates->gops[order_out[at - 1]] < rates->gops[i]; at--)
            order_out[at] = order_out[at - 1];
        order_out[at] = i;
    }
    return n;
}

/* ---- comparing features ---- */

static double least_of(const cir__loss *loss)
{
    return fmin(loss->worst_image, loss->worst_text);
}

static bool is_loss(const cir__loss *loss)
{
    return loss->worst_image >= -1.001 && loss->worst_image <= loss->median_image &&
           loss->median_image <= 1 && loss->worst_text >= -1.001 && loss->worst_text <= loss->median_text &&
           loss->median_text <= 1;
}

static void note_loss(cir_precision_facts *facts, const cir__loss *loss)
{
    facts->is_compared = true;
    facts->worst_image = loss->worst_image;
    facts->median_image = loss->median_image;
    facts->worst_text = loss->worst_text;
    facts->median_text = loss->median_text;
}

/* A model being looked at; the comparison is made when something is not known yet. */
typedef struct trial {
    cir_model *model;
    bool keeps;                       /* in the user's cache */
    const cir_model_options *options; /* NULL: nobody is told */
    cir_pool *pool;
    cir__comparison *comparison;
} trial;

static cir_status compare(trial *self, cir__precision precision, cir__loss *loss_out, cir_error *err)
{
    char processor[CIR__PROCESSOR_TEXT_SIZE];
    char key[CIR__PROCESSOR_TEXT_SIZE + 96];
    cir_status status = CIR_OK;
    cir__processor_describe(processor);
    (void)snprintf(key, sizeof key, "%d, %s %s, %s", REVISION, self->model->info.fingerprint,
                   names[public_of(precision)], processor);
    if (self->keeps && cir__user_cache_read(KIND, key, loss_out, sizeof *loss_out) && is_loss(loss_out))
        return CIR_OK;
    if (self->pool == NULL) /* as for packing: nobody else's may be waited for */
        status = cir_pool_new(0, &self->pool, err);
    if (status == CIR_OK && self->comparison == NULL && self->options != NULL &&
        self->options->on_compare != NULL)
        self->options->on_compare(self->options->on_compare_context, self->model->info.name);
    if (status == CIR_OK && self->comparison == NULL)
        status = cir__comparison_new(self->model, self->pool, N_IMAGES, N_TEXTS, &self->comparison, err);
    if (status == CIR_OK)
        status = cir__comparison_run(self->comparison, precision, loss_out, err);
    if (status == CIR_OK && self->keeps)
        (void)cir__user_cache_put(KIND, key, loss_out, sizeof *loss_out, NULL);
    return status;
}

/* ---- choosing ---- */

static void say(cir_precision_choice *choice, const char *format, ...) CIR_PRINTF(2, 3);

/* Adds to the reason; what does not fit is left out. */
static void say(cir_precision_choice *choice, const char *format, ...)
{
    const size_t used = strlen(choice->reason);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(choice->reason + used, sizeof choice->reason - used, format, arguments);
    va_end(arguments);
}

static void settle(cir_model *model, cir__precision precision)
{
    model->config.image.precision = model->config.text.precision = precision;
    model->info.precision = model->choice.chosen = public_of(precision);
}

static void begin(cir_model *model, cir_precision asked)
{
    model->choice = (cir_precision_choice){.asked = asked};
    for (cir__precision i = CIR__IN_F32; i < CIR__N_PRECISIONS; i++)
        model->choice.facts[i] =
            (cir_precision_facts){.precision = public_of(i), .is_supported = cir__precision_is_supported(i)};
    settle(model, internal_of(asked));
}

static void choose_by(trial *self, const cir__rates *rates)
{
    cir_model *model = self->model;
    cir_precision_choice *choice = &model->choice;
    cir__precision order[CIR__N_PRECISIONS];
    const size_t n = cir__precision_rank(rates, order);
    for (cir__precision i = CIR__IN_F32; i < CIR__N_PRECISIONS; i++)
        choice->facts[i].gops = rates->gops[i];
    if (n == 0) {
        say(choice, "no precision is clearly faster than f32 here");
        return;
    }
    choice->least_cosine = cir__precision_least(choice->asked);
    for (size_t i = 0; i < n; i++) {
        const char *name = names[public_of(order[i])];
        const double times = rates->gops[order[i]] / rates->gops[CIR__IN_F32];
        cir__loss loss;
        cir_error err;
        if (compare(self, order[i], &loss, &err) != CIR_OK) {
            say(choice, "%s%s is %.1f times as fast as f32 here, but its features cannot be compared: %.80s",
                i > 0 ? "; " : "", name, times, err.message);
            continue;
        }
        note_loss(&choice->facts[order[i]], &loss);
        const bool keeps = least_of(&loss) >= choice->least_cosine;
        say(choice,
            "%s%s is %.1f times as fast as f32 here and %s these weights' features (cosine %.5f, %g is "
            "needed)",
            i > 0 ? "; " : "", name, times, keeps ? "keeps" : "changes", least_of(&loss),
            choice->least_cosine);
        if (keeps) {
            settle(model, order[i]);
            return;
        }
    }
}

static void end(trial *self)
{
    cir__comparison_free(self->comparison);
    cir_pool_free(self->pool);
}

void cir__precision_choose_by(cir_model *model, cir_precision asked, const cir__rates *rates)
{
    trial self = {.model = model};
    begin(model, asked);
    choose_by(&self, rates);
    end(&self);
}

/* Whether there is anything to choose between. */
static bool has_faster_ones(void)
{
    return cir__precision_is_supported(CIR__IN_BF16) || cir__precision_is_supported(CIR__IN_INT8);
}

void cir__precision_choose(cir_model *model, const cir_model_options *options)
{
    const cir_precision asked = options->precision;
    trial self = {.model = model, .keeps = true, .options = options};
    cir__rates rates;
    cir_error err;
    begin(model, asked);
    if (cir__precision_least(asked) == 0)
        say(&model->choice, "asked for");
    else if (!has_faster_ones())
        say(&model->choice, "this processor has neither AVX512_BF16 nor AVX512_VNNI");
    else if (model->info.n_parameters < CIR_MODEL_SMALL)
        say(&model->choice, "a small encoder, with little to gain");
    else if (!cir__user_cache_is_usable())
        say(&model->choice, "there is no folder to keep measurements in (CIR_CACHE, XDG_CACHE_HOME, HOME)");
    else if (cir__rates_get(&rates, &err) != CIR_OK)
        say(&model->choice, "rates cannot be measured: %.120s", err.message);
    else
        choose_by(&self, &rates);
    end(&self);
}

cir_status cir_model_check_precisions(const cir_model *model, cir_pool *pool, bool (*watch)(void),
                                      cir_precision_facts facts_out[CIR_N_PRECISIONS], cir_error *err)
{
    cir__comparison *comparison;
    cir__loss loss;
    cir__error_clear(err);
    for (cir__precision i = CIR__IN_F32; i < CIR__N_PRECISIONS; i++)
        facts_out[i] = (cir_precision_facts){.precision = public_of(i),
                                             .is_supported = cir__precision_is_supported(i),
                                             .gops = model->choice.facts[i].gops};
    cir_status status = cir__comparison_new(model, pool, CIR_PRECISION_CHECK_N_IMAGES,
                                            CIR_PRECISION_CHECK_N_TEXTS, &comparison, err);
    if (status != CIR_OK)
        return status;
    for (cir__precision i = CIR__IN_F32; i < CIR__N_PRECISIONS && status == CIR_OK; i++) {
        if (!facts_out[i].is_supported)
            continue;
        if (watch != NULL && !watch())
            status = cir__fail(err, CIR_INTERRUPTED, "%s: stopped on request", model->source.path);
        loss = (cir__loss){1, 1, 1, 1};
        if (status == CIR_OK && i != CIR__IN_F32)
            status = cir__comparison_run(comparison, i, &loss, err);
        if (status == CIR_OK)
            note_loss(&facts_out[i], &loss);
    }
    cir__comparison_free(comparison);
    return status;
}

/* The settings of the methods: one table of keys with their kind, range and description, from which parsing,
 * formatting and every error message are made. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cir/method.h"

typedef enum setting_kind {
    SETTING_NUMBER,  /* double */
    SETTING_COUNT,   /* size_t */
    SETTING_SEED,    /* uint64_t */
    SETTING_SWITCH,  /* bool */
    SETTING_MINIMUM, /* double, and at offset_given the bool that says whether it was given */
    SETTING_FILE,    /* char[CIR_SETTING_PATH_SIZE] */
    SETTING_MEAN,    /* the same, where "auto" and "index" are no files */
    SETTING_VARIANT, /* cir_variant */
    SETTING_FUSE,    /* cir_fusion_kind */
    SETTING_RECALL   /* double, where "exact" is 1 */
} setting_kind;

typedef struct setting {
    const char *key;
    setting_kind kind;
    size_t offset;
    size_t offset_given;
    double low, high; /* both allowed, except that a minimum lies below high */
    const char *description;
} setting;

#define AT(field) offsetof(cir_settings, field), 0
#define MANY 1e6

static const setting settings_table[] = {
    {"variant", SETTING_VARIANT, AT(variant), 0, 0, "the paper's formulas, or those of its published code"},
    {"alpha", SETTING_NUMBER, AT(alpha), 0, 1, "weight of the style corpus in the projection"},
    {"components", SETTING_COUNT, AT(components), 1, MANY, "directions that the projection keeps at most"},
    {"lambda", SETTING_NUMBER, AT(lambda), 0, MANY,
     "of the Harris fusion; from 0.25 on no score is positive"},
    {"neighbours", SETTING_COUNT, AT(neighbours), 1, MANY, "images that query expansion takes in"},
    {"beta", SETTING_NUMBER, AT(beta), 0, MANY, "how much more query expansion trusts nearer images"},
    {"context", SETTING_COUNT, AT(context), 1, MANY, "object terms that the words are joined with"},
    {"centre", SETTING_SWITCH, AT(centre), 0, 1, "subtract the mean features"},
    {"project", SETTING_SWITCH, AT(project), 0, 1, "keep what tells objects apart and styles do not"},
    {"project_text", SETTING_SWITCH, AT(project_text), 0, 1,
     "keep of the words what tells styles apart and objects do not (not in the paper)"},
    {"text_components", SETTING_COUNT, AT(text_components), 1, MANY,
     "directions that the projection of the words keeps at most"},
    {"text_alpha", SETTING_NUMBER, AT(text_alpha), 0, 1,
     "weight of the object corpus in the projection of the words"},
    {"expand", SETTING_SWITCH, AT(expand), 0, 1, "add the nearest images to the photo (query expansion)"},
    {"contextualise", SETTING_SWITCH, AT(contextualise), 0, 1, "join the words with object terms"},
    {"normalise", SETTING_SWITCH, AT(normalise), 0, 1, "scale both scores by their smallest value"},
    {"fuse", SETTING_FUSE, AT(fuse), 0, 0, "how the two scores become one"},
    {"image_mean", SETTING_MEAN, AT(image_mean), 0, 0,
     "mean image feature: a .npy file, 'index' for that of the searched images, 'auto' for the data's own "
     "where it comes with one"},
    {"corpus_objects", SETTING_FILE, AT(corpus_objects), 0, 0,
     "file of object terms, one a line or CSV; empty for the library's own"},
    {"corpus_styles", SETTING_FILE, AT(corpus_styles), 0, 0,
     "file of style terms, one a line or CSV; empty for the library's own"},
    {"min_image", SETTING_MINIMUM, offsetof(cir_settings, min_image), offsetof(cir_settings, has_min_image),
     -MANY, 0,
     "smallest image score there is (-0.077 for CLIP ViT-L/14); 'estimated' from the searched images; "
     "'auto': "
     "that of the data where they come with one"},
    {"min_text", SETTING_MINIMUM, offsetof(cir_settings, min_text), offsetof(cir_settings, has_min_text),
     -MANY, 0,
     "smallest text score there is (-0.117 for CLIP ViT-L/14); 'estimated' from the searched images; 'auto': "
     "that of the data where they come with one"},
    {"weight", SETTING_NUMBER, AT(weight), 0, 1, "of the words in the methods sum, product and weicom"},
    {"freedom_images", SETTING_COUNT, AT(freedom_images), 1, CIR_MAX_FREEDOM,
     "of FREEDOM: the photo and its nearest images that are put into words"},
    {"freedom_nearest", SETTING_COUNT, AT(freedom_nearest), 1, CIR_MAX_FREEDOM,
     "of FREEDOM: words near each of them"},
    {"freedom_words", SETTING_COUNT, AT(freedom_words), 1, CIR_MAX_FREEDOM,
     "of FREEDOM: the most frequent words, which are kept"},
    {"recall", SETTING_RECALL, AT(recall), 0.5, 1,
     "share of the exact answers that a search by compact codes aims at, or 'exact'"},
    {"codes", SETTING_SWITCH, AT(codes), 0, 1, "search by compact codes where the index has them"},
    {"seed", SETTING_SEED, AT(seed), 0, 0, "of everything that is drawn at random"},
};

#define N_SETTINGS (sizeof settings_table / sizeof settings_table[0])

void cir_settings_init(cir_settings *settings, cir_method method)
{
    *settings = (cir_settings){.variant = CIR_VARIANT_PAPER,
                               .alpha = 0.2,
                               .components = 250,
                               .lambda = 0.1,
                               .neighbours = 25,
                               .beta = 0.1,
                               .context = 100,
                               .centre = true,
                               .project = true,
                               .text_components = 64,
                               .text_alpha = 0.2,
                               .expand = method == CIR_METHOD_BASIC || method == CIR_METHOD_FREEDOM,
                               .contextualise = true,
                               .normalise = true,
                               .fuse = CIR_FUSE_HARRIS,
                               .min_image = -0.077,
                               .min_text = -0.117,
                               .weight = 0.5,
                               .freedom_images = 20,
                               .freedom_nearest = 7,
                               .freedom_words = 7,
                               .recall = CIR_SEARCH_RECALL,
                               .codes = true};
}

cir_search_options cir_settings_get_search(const cir_settings *settings)
{
    return (cir_search_options){.recall = settings->recall, .scans = !settings->codes};
}

/* Numbers are written with a point whatever the process' locale; NULL, which means the current one, where
 * memory is short. */
static locale_t locale_enter(locale_t *before_out)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    *before_out = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
    return plain;
}

static void locale_leave(locale_t plain, locale_t before)
{
    if (plain == (locale_t)0)
        return;
    uselocale(before);
    freelocale(plain);
}

/* The whole of text as a finite number. */
static bool number_parse(const char *text, double *out)
{
    locale_t before;
    const locale_t plain = locale_enter(&before);
    char *end = NULL;
    *out = strtod(text, &end);
    locale_leave(plain, before);
    return end != text && *end == '\0' && text[0] != ' ' && isfinite(*out);
}

/* The whole of text as decimal digits. */
static bool whole_parse(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static bool switch_parse(const char *text, bool *out)
{
    static const char *const on[] = {"1", "on", "yes", "true"};
    static const char *const off[] = {"0", "off", "no", "false"};
    for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) {
        if (strcmp(text, on[i]) == 0 || strcmp(text, off[i]) == 0) {
            *out = strcmp(text, on[i]) == 0;
            return true;
        }
    }
    return false;
}

static void *field_of(cir_settings *settings, size_t offset)
{
    return (char *)settings + offset;
}

/* What may follow "key=", for messages. */
static const char *range_describe(const setting *entry, char *out, size_t size)
{
    switch (entry->kind) {
    case SETTING_NUMBER:
        snprintf(out, size, "a number from %g to %g", entry->low, entry->high);
        break;
    case SETTING_COUNT:
        snprintf(out, size, "a whole number from %.0f to %.0f", entry->low, entry->high);
        break;
    case SETTING_SEED:
        snprintf(out, size, "a whole number from 0 to 18446744073709551615");
        break;
    case SETTING_SWITCH:
        snprintf(out, size, "1 (on) or 0 (off)");
        break;
    case SETTING_MINIMUM:
        snprintf(out, size, "a number below 0, 'estimated' or 'auto'");
        break;
    case SETTING_FILE:
        snprintf(out, size, "a path of at most %d bytes", CIR_SETTING_PATH_SIZE - 1);
        break;
    case SETTING_MEAN:
        snprintf(out, size, "a .npy file, 'index' or 'auto'");
        break;
    case SETTING_VARIANT:
        snprintf(out, size, "'paper' or 'reference'");
        break;
    case SETTING_FUSE:
        snprintf(out, size, "'harris' or 'product'");
        break;
    case SETTING_RECALL:
        snprintf(out, size, "a number from %g to %g, or 'exact'", entry->low, entry->high);
        break;
    }
    return out;
}

/* Puts a value in; false where it is none or out of its range. */
static bool value_parse(const setting *entry, const char *text, cir_settings *settings)
{
    void *field = field_of(settings, entry->offset);
    double number;
    uint64_t whole;

    switch (entry->kind) {
    case SETTING_NUMBER:
        if (!number_parse(text, &number) || number < entry->low || number > entry->high)
            return false;
        *(double *)field = number;
        return true;
    case SETTING_COUNT:
        if (!whole_parse(text, &whole) || (double)whole < entry->low || (double)whole > entry->high)
            return false;
        *(size_t *)field = (size_t)whole;
        return true;
    case SETTING_SEED:
        if (!whole_parse(text, &whole))
            return false;
        *(uint64_t *)field = whole;
        return true;
    case SETTING_SWITCH:
        return switch_parse(text, field);
    case SETTING_MINIMUM: {
        bool *is_given = field_of(settings, entry->offset_given);
        const bool is_estimated = strcmp(text, "estimated") == 0, is_auto = strcmp(text, "auto") == 0;
        if (!is_estimated && !is_auto &&
            (!number_parse(text, &number) || number < entry->low || number >= entry->high))
            return false;
        *is_given = !is_estimated && !is_auto;
        if (!*is_given)
            settings->minima_source = is_auto ? CIR_MINIMA_AUTO : CIR_MINIMA_ESTIMATED;
        if (*is_given)
            *(double *)field = number;
        return true;
    }
    case SETTING_FILE:
    case SETTING_MEAN: {
        const bool is_auto = entry->kind == SETTING_MEAN && strcmp(text, "auto") == 0;
        if (strlen(text) >= CIR_SETTING_PATH_SIZE || (entry->kind == SETTING_MEAN && text[0] == '\0'))
            return false;
        strcpy(field, is_auto ? "" : text);
        return true;
    }
    case SETTING_VARIANT:
        if (strcmp(text, "paper") != 0 && strcmp(text, "reference") != 0)
            return false;
        *(cir_variant *)field = text[0] == 'p' ? CIR_VARIANT_PAPER : CIR_VARIANT_REFERENCE;
        return true;
    case SETTING_FUSE:
        if (strcmp(text, "harris") != 0 && strcmp(text, "product") != 0)
            return false;
        *(cir_fusion_kind *)field = text[0] == 'h' ? CIR_FUSE_HARRIS : CIR_FUSE_PRODUCT;
        return true;
    case SETTING_RECALL:
        if (strcmp(text, "exact") == 0)
            number = 1;
        else if (!number_parse(text, &number) || number < entry->low || number > entry->high)
            return false;
        *(double *)field = number;
        return true;
    }
    return false;
}

/* The shortest of the usual forms that reads as the same number again. */
static const char *number_format(double number, char *out, size_t size)
{
    for (int digits = 10; digits <= 17; digits++) {
        snprintf(out, size, "%.*g", digits, number);
        if (strtod(out, NULL) == number)
            break;
    }
    return out;
}

static const char *value_format(const setting *entry, const cir_settings *settings, char *out, size_t size)
{
    const void *field = (const char *)settings + entry->offset;

    switch (entry->kind) {
    case SETTING_MINIMUM:
        if (!*(const bool *)((const char *)settings + entry->offset_given))
            return settings->minima_source == CIR_MINIMA_AUTO ? "auto" : "estimated";
        return number_format(*(const double *)field, out, size);
    case SETTING_NUMBER:
        return number_format(*(const double *)field, out, size);
    case SETTING_COUNT:
        snprintf(out, size, "%zu", *(const size_t *)field);
        return out;
    case SETTING_SEED:
        snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)field);
        return out;
    case SETTING_SWITCH:
        return *(const bool *)field ? "1" : "0";
    case SETTING_FILE:
        return field;
    case SETTING_MEAN:
        return *(const char *)field == '\0' ? "auto" : field;
    case SETTING_VARIANT:
        return *(const cir_variant *)field == CIR_VARIANT_PAPER ? "paper" : "reference";
    case SETTING_FUSE:
        return *(const cir_fusion_kind *)field == CIR_FUSE_HARRIS ? "harris" : "product";
    case SETTING_RECALL:
        return *(const double *)field < 1 ? number_format(*(const double *)field, out, size) : "exact";
    }
    return "";
}

static cir_status fail_unknown(cir_error *err, const char *key, size_t key_size)
{
    char known[512] = "";
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", settings_table[i].key);
    }
    return cir__fail(err, CIR_ARGUMENT, "setting '%.*s': there is no such setting; choose one of %s",
                     (int)key_size, key, known);
}

cir_status cir_settings_set(cir_settings *settings, const char *key_value, cir_error *err)
{
    cir__error_clear(err);
    const char *equals = strchr(key_value, '=');
    if (equals == NULL)
        return cir__fail(err, CIR_ARGUMENT,
                         "setting '%.200s': has no value; write KEY=VALUE, as in lambda=0.1", key_value);
    const size_t key_size = (size_t)(equals - key_value);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const setting *entry = &settings_table[i];
        if (strlen(entry->key) != key_size || memcmp(entry->key, key_value, key_size) != 0)
            continue;
        if (value_parse(entry, equals + 1, settings))
            return CIR_OK;
        char range[96];
        return cir__fail(err, CIR_ARGUMENT, "setting %s: '%.200s' is not %s; give it such a value",
                         entry->key, equals + 1, range_describe(entry, range, sizeof range));
    }
    return fail_unknown(err, key_value, key_size < 100 ? key_size : 100);
}

void cir_settings_list(const cir_settings *settings, cir_settings_visit *visit, void *context)
{
    char text[64];
    locale_t before;
    const locale_t plain = locale_enter(&before);

    for (size_t i = 0; i < N_SETTINGS; i++) {
        const setting *entry = &settings_table[i];
        visit(context, entry->key, value_format(entry, settings, text, sizeof text), entry->description);
    }
    locale_leave(plain, before);
}

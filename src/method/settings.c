/* The settings of the methods: one table of all that is known of each, from which defaults, parsing, listing
 * and every error message are made. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cir/method.h"
#include "method/setting_values.h"

#define MANY 1e6
#define AT(field) .offset = offsetof(cir_settings, field)

static const cir__setting table[] = {
    {.info = {"variant", "the paper's formulas, or those of its published code", CIR_SETTINGS_BASIC, false,
              false},
     .kind = CIR__SETTING_VARIANT,
     AT(variant),
     .by_default = CIR_VARIANT_PAPER},
    {.info = {"alpha", "weight of the style corpus in the projection", CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_NUMBER,
     AT(alpha),
     .by_default = 0.2,
     .low = 0,
     .high = 1},
    {.info = {"components", "directions that the projection keeps at most", CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_COUNT,
     AT(components),
     .by_default = 250,
     .low = 1,
     .high = MANY},
    {.info = {"lambda", "of the Harris fusion; from 0.25 on no score is positive", CIR_SETTINGS_BASIC,
              .is_of_query = true},
     .kind = CIR__SETTING_NUMBER,
     AT(lambda),
     .by_default = 0.1,
     .low = 0,
     .high = MANY},
    {.info = {"neighbours", "images that query expansion takes in", CIR_SETTINGS_BASIC, .is_of_query = true},
     .kind = CIR__SETTING_COUNT,
     AT(neighbours),
     .by_default = 25,
     .low = 1,
     .high = MANY},
    {.info = {"beta", "how much more query expansion trusts nearer images", CIR_SETTINGS_BASIC,
              .is_of_query = true},
     .kind = CIR__SETTING_NUMBER,
     AT(beta),
     .by_default = 0.1,
     .low = 0,
     .high = MANY},
    {.info = {"context", "object terms that the words are joined with", CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_COUNT,
     AT(context),
     .by_default = 100,
     .low = 1,
     .high = MANY},
    {.info = {"centre", "subtract the mean features", CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_SWITCH,
     AT(centre),
     .by_default = 1,
     .low = 0,
     .high = 1},
    {.info = {"project", "keep what tells objects apart and styles do not", CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_SWITCH,
     AT(project),
     .by_default = 1,
     .low = 0,
     .high = 1},
    {.info = {"project_text",
              "keep of the words what tells styles apart and objects do not (not in the paper)",
              CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_SWITCH,
     AT(project_text),
     .low = 0,
     .high = 1},
    {.info = {"text_components", "directions that the projection of the words keeps at most",
              CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_COUNT,
     AT(text_components),
     .by_default = 64,
     .low = 1,
     .high = MANY},
    {.info = {"text_alpha", "weight of the object corpus in the projection of the words", CIR_SETTINGS_BASIC,
              false, false},
     .kind = CIR__SETTING_NUMBER,
     AT(text_alpha),
     .by_default = 0.2,
     .low = 0,
     .high = 1},
    {.info = {"expand", "add the nearest images to the photo (query expansion)",
              CIR_SETTINGS_BASIC | CIR_SETTINGS_FREEDOM, .is_of_query = true},
     .kind = CIR__SETTING_SWITCH,
     AT(expand),
     .low = 0,
     .high = 1},
    {.info = {"contextualise", "join the words with object terms", CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_SWITCH,
     AT(contextualise),
     .by_default = 1,
     .low = 0,
     .high = 1},
    {.info = {"normalise", "scale both scores by their smallest value", CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_SWITCH,
     AT(normalise),
     .by_default = 1,
     .low = 0,
     .high = 1},
    {.info = {"fuse", "how the two scores become one", CIR_SETTINGS_BASIC, .is_of_query = true},
     .kind = CIR__SETTING_FUSE,
     AT(fuse),
     .by_default = CIR_FUSE_HARRIS},
    {.info = {"image_mean",
              "mean image feature: a .npy file, 'index' for that of the searched images, 'auto' for the "
              "data's own where it comes with one",
              CIR_SETTINGS_BASIC, .takes_file = true},
     .kind = CIR__SETTING_MEAN,
     AT(image_mean)},
    {.info = {"corpus_objects", "file of object terms, one a line or CSV; empty for the built-in ones",
              CIR_SETTINGS_BASIC | CIR_SETTINGS_FREEDOM, .takes_file = true},
     .kind = CIR__SETTING_FILE,
     AT(corpus_objects)},
    {.info = {"corpus_styles", "file of style terms, one a line or CSV; empty for the built-in ones",
              CIR_SETTINGS_BASIC, .takes_file = true},
     .kind = CIR__SETTING_FILE,
     AT(corpus_styles)},
    {.info = {"min_image",
              "smallest image score there is (-0.077 for CLIP ViT-L/14); 'estimated' from the searched "
              "images; 'auto': that of the data where they come with one",
              CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_MINIMUM,
     AT(min_image),
     .offset_given = offsetof(cir_settings, has_min_image),
     .by_default = -0.077,
     .low = -MANY,
     .high = 0},
    {.info = {"min_text",
              "smallest text score there is (-0.117 for CLIP ViT-L/14); 'estimated' from the searched "
              "images; 'auto': that of the data where they come with one",
              CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_MINIMUM,
     AT(min_text),
     .offset_given = offsetof(cir_settings, has_min_text),
     .by_default = -0.117,
     .low = -MANY,
     .high = 0},
    {.info = {"weight", "of the words in the methods sum, product and weicom", CIR_SETTINGS_WEIGHT,
              .is_of_query = true},
     .kind = CIR__SETTING_NUMBER,
     AT(weight),
     .by_default = 0.5,
     .low = 0,
     .high = 1},
    {.info = {"freedom_images", "of FREEDOM: the photo and its nearest images that are put into words",
              CIR_SETTINGS_FREEDOM, false, false},
     .kind = CIR__SETTING_COUNT,
     AT(freedom_images),
     .by_default = 20,
     .low = 1,
     .high = CIR_MAX_FREEDOM},
    {.info = {"freedom_nearest", "of FREEDOM: words near each of them", CIR_SETTINGS_FREEDOM, false, false},
     .kind = CIR__SETTING_COUNT,
     AT(freedom_nearest),
     .by_default = 7,
     .low = 1,
     .high = CIR_MAX_FREEDOM},
    {.info = {"freedom_words", "of FREEDOM: the most frequent words, which are kept", CIR_SETTINGS_FREEDOM,
              false, false},
     .kind = CIR__SETTING_COUNT,
     AT(freedom_words),
     .by_default = 7,
     .low = 1,
     .high = CIR_MAX_FREEDOM},
    {.info = {"recall", "fraction of the exact answers that a search by compact codes aims at, or 'exact'",
              CIR_SETTINGS_SEARCH, .is_of_query = true},
     .kind = CIR__SETTING_RECALL,
     AT(recall),
     .by_default = CIR_SEARCH_RECALL,
     .low = 0.5,
     .high = 1},
    {.info = {"codes", "search by compact codes where the index has them", CIR_SETTINGS_SEARCH,
              .is_of_query = true},
     .kind = CIR__SETTING_SWITCH,
     AT(codes),
     .by_default = 1,
     .low = 0,
     .high = 1},
    {.info = {"seed", "seed of everything that is drawn at random", CIR_SETTINGS_BASIC, false, false},
     .kind = CIR__SETTING_SEED,
     AT(seed)},
};

#define N_SETTINGS (sizeof table / sizeof table[0])

static void *field_of(cir_settings *settings, size_t offset)
{
    return (char *)settings + offset;
}

void cir_settings_init(cir_settings *settings, cir_method method)
{
    const cir_method_info *const info = cir_method_get_info(method);

    *settings = (cir_settings){.minima_source = CIR_MINIMA_AUTO};
    for (size_t i = 0; i < N_SETTINGS; i++) {
        void *const field = field_of(settings, table[i].offset);
        const double value = table[i].by_default;
        switch (table[i].kind) {
        case CIR__SETTING_NUMBER:
        case CIR__SETTING_MINIMUM:
        case CIR__SETTING_RECALL:
            *(double *)field = value;
            break;
        case CIR__SETTING_COUNT:
            *(size_t *)field = (size_t)value;
            break;
        case CIR__SETTING_SEED:
            *(uint64_t *)field = (uint64_t)value;
            break;
        case CIR__SETTING_SWITCH:
            *(bool *)field = value != 0;
            break;
        case CIR__SETTING_VARIANT:
            *(cir_variant *)field = (cir_variant)value;
            break;
        case CIR__SETTING_FUSE:
            *(cir_fusion_kind *)field = (cir_fusion_kind)value;
            break;
        case CIR__SETTING_FILE:
        case CIR__SETTING_MEAN:
            break;
        }
    }
    settings->expand = info != NULL && info->expands;
}

static size_t size_of(cir__setting_kind kind)
{
    switch (kind) {
    case CIR__SETTING_NUMBER:
    case CIR__SETTING_MINIMUM:
    case CIR__SETTING_RECALL:
        return sizeof(double);
    case CIR__SETTING_COUNT:
        return sizeof(size_t);
    case CIR__SETTING_SEED:
        return sizeof(uint64_t);
    case CIR__SETTING_SWITCH:
        return sizeof(bool);
    case CIR__SETTING_VARIANT:
        return sizeof(cir_variant);
    case CIR__SETTING_FUSE:
        return sizeof(cir_fusion_kind);
    case CIR__SETTING_FILE:
    case CIR__SETTING_MEAN:
        return CIR_SETTING_PATH_SIZE;
    }
    return 0;
}

/* No minimum is of a query: whether it is given would have to go with it. */
void cir_settings_copy_of_query(cir_settings *settings, const cir_settings *from)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const cir__setting *const entry = &table[i];
        if (entry->info.is_of_query)
            memcpy(field_of(settings, entry->offset), (const char *)from + entry->offset,
                   size_of(entry->kind));
    }
}

cir_search_options cir_settings_get_search(const cir_settings *settings)
{
    return (cir_search_options){.recall = settings->recall, .scans = !settings->codes};
}

static const cir__setting *find(const char *key, size_t key_size)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strlen(table[i].info.key) == key_size && memcmp(table[i].info.key, key, key_size) == 0)
            return &table[i];
    return NULL;
}

static cir_status fail_unknown(cir_error *err, const char *key, size_t key_size)
{
    char known[512] = "";
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", table[i].info.key);
    }
    return cir__fail(err, CIR_ARGUMENT, "setting '%.*s': is unknown; choose one of %s", (int)key_size, key,
                     known);
}

cir_status cir_settings_set(cir_settings *settings, const char *key_value, cir_error *err)
{
    cir__error_clear(err);
    const char *equals = strchr(key_value, '=');
    if (equals == NULL)
        return cir__fail(err, CIR_ARGUMENT,
                         "setting '%.200s': has no value; write KEY=VALUE, as in lambda=0.1", key_value);
    const size_t key_size = (size_t)(equals - key_value);
    const cir__setting *const entry = find(key_value, key_size);
    if (entry == NULL)
        return fail_unknown(err, key_value, key_size < 100 ? key_size : 100);
    if (cir__setting_parse(entry, equals + 1, settings))
        return CIR_OK;
    char range[96];
    return cir__fail(err, CIR_ARGUMENT, "setting %s: '%.200s' is not %s; give it such a value",
                     entry->info.key, equals + 1, cir__setting_describe_range(entry, range, sizeof range));
}

bool cir_setting_applies(const char *key, cir_method method)
{
    const cir__setting *const entry = find(key, strlen(key));
    return entry != NULL && (entry->info.groups & cir_method_get_info(method)->settings) != 0;
}

bool cir_setting_names_file(const char *key, const char *value)
{
    const cir__setting *const entry = find(key, strlen(key));
    if (entry == NULL || !entry->info.takes_file)
        return false;
    return entry->kind != CIR__SETTING_MEAN || (strcmp(value, "index") != 0 && strcmp(value, "auto") != 0);
}

void cir_settings_list(const cir_settings *settings, cir_settings_visit *visit, void *context)
{
    char text[64];
    locale_t before;
    const locale_t plain = cir__locale_enter(&before);

    for (size_t i = 0; i < N_SETTINGS; i++) {
        const cir__setting *entry = &table[i];
        visit(context, &entry->info, cir__setting_format(entry, settings, text, sizeof text));
    }
    cir__locale_leave(plain, before);
}

/* The settings of the methods: one table of all that is known of each, from which defaults, parsing, listing
 * and every error message are made. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/growable.h"
#include "cir/method.h"
#include "method/setting_values.h"

#define MANY 1e6

/* A row: key and member, kind, whether it is of a query or goes into the fit, the groups that read it,
 * meaning, and what else is not 0. */
enum { OF_FIT, OF_QUERY };
#define SETTING(key, of_kind, of_what, of_groups, meaning, ...)                                              \
    {                                                                                                        \
        .info = {#key, meaning, of_groups, (of_what) == OF_QUERY,                                            \
                 CIR__SETTING_##of_kind == CIR__SETTING_FILE ||                                              \
                     CIR__SETTING_##of_kind == CIR__SETTING_MEAN},                                           \
        .kind = CIR__SETTING_##of_kind, .offset = offsetof(cir_settings, key), __VA_ARGS__                   \
    }

static const cir__setting table[] = {
    SETTING(variant, VARIANT, OF_FIT, CIR_SETTINGS_BASIC,
            "the paper's formulas, or those of its published code", .by_default = CIR_VARIANT_PAPER),
    SETTING(alpha, NUMBER, OF_FIT, CIR_SETTINGS_BASIC, "weight of the style corpus in the projection",
            .by_default = 0.2, .low = 0, .high = 1),
    SETTING(components, COUNT, OF_FIT, CIR_SETTINGS_BASIC, "directions that the projection keeps at most",
            .by_default = 250, .low = 1, .high = MANY),
    SETTING(lambda, NUMBER, OF_QUERY, CIR_SETTINGS_BASIC,
            "of the Harris fusion; from 0.25 on no score is positive", .by_default = 0.1, .low = 0,
            .high = MANY),
    SETTING(neighbours, COUNT, OF_QUERY, CIR_SETTINGS_BASIC, "images that query expansion takes in",
            .by_default = 25, .low = 1, .high = MANY),
    SETTING(beta, NUMBER, OF_QUERY, CIR_SETTINGS_BASIC, "how much more query expansion trusts nearer images",
            .by_default = 0.1, .low = 0, .high = MANY),
    SETTING(context, COUNT, OF_FIT, CIR_SETTINGS_BASIC, "object terms that the words are joined with",
            .by_default = 100, .low = 1, .high = MANY),
    SETTING(centre, SWITCH, OF_FIT, CIR_SETTINGS_BASIC, "subtract the mean features", .by_default = 1,
            .low = 0, .high = 1),
    SETTING(project, SWITCH, OF_FIT, CIR_SETTINGS_BASIC, "keep what tells objects apart and styles do not",
            .by_default = 1, .low = 0, .high = 1),
    SETTING(project_text, SWITCH, OF_FIT, CIR_SETTINGS_BASIC,
            "keep of the words what tells styles apart and objects do not (not in the paper)", .low = 0,
            .high = 1),
    SETTING(text_components, COUNT, OF_FIT, CIR_SETTINGS_BASIC,
            "directions that the projection of the words keeps at most", .by_default = 64, .low = 1,
            .high = MANY),
    SETTING(text_alpha, NUMBER, OF_FIT, CIR_SETTINGS_BASIC,
            "weight of the object corpus in the projection of the words", .by_default = 0.2, .low = 0,
            .high = 1),
    SETTING(expand, SWITCH, OF_QUERY, CIR_SETTINGS_BASIC | CIR_SETTINGS_FREEDOM,
            "add the nearest images to the photo (query expansion)", .low = 0, .high = 1),
    SETTING(contextualise, SWITCH, OF_FIT, CIR_SETTINGS_BASIC, "join the words with object terms",
            .by_default = 1, .low = 0, .high = 1),
    SETTING(normalise, SWITCH, OF_FIT, CIR_SETTINGS_BASIC, "scale both scores by their smallest value",
            .by_default = 1, .low = 0, .high = 1),
    SETTING(fuse, FUSE, OF_QUERY, CIR_SETTINGS_BASIC, "how the two scores become one",
            .by_default = CIR_FUSION_HARRIS),
    SETTING(image_mean, MEAN, OF_FIT, CIR_SETTINGS_BASIC,
            "mean image feature: a .npy file, 'index' for that of the searched images, 'auto' for the "
            "data's own where it comes with one",
            .low = 0),
    SETTING(corpus_objects, FILE, OF_FIT, CIR_SETTINGS_BASIC | CIR_SETTINGS_FREEDOM,
            "file of object terms, one a line or CSV; empty for the built-in ones", .low = 0),
    SETTING(corpus_styles, FILE, OF_FIT, CIR_SETTINGS_BASIC,
            "file of style terms, one a line or CSV; empty for the built-in ones", .low = 0),
    SETTING(min_image, MINIMUM, OF_FIT, CIR_SETTINGS_BASIC,
            "smallest image score there is (-0.077 for CLIP ViT-L/14); 'estimated' from the searched "
            "images; 'auto': that of the data where they come with one",
            .offset_given = offsetof(cir_settings, has_min_image), .by_default = -0.077, .low = -MANY,
            .high = 0),
    SETTING(min_text, MINIMUM, OF_FIT, CIR_SETTINGS_BASIC,
            "smallest text score there is (-0.117 for CLIP ViT-L/14); 'estimated' from the searched "
            "images; 'auto': that of the data where they come with one",
            .offset_given = offsetof(cir_settings, has_min_text), .by_default = -0.117, .low = -MANY,
            .high = 0),
    SETTING(weight, NUMBER, OF_QUERY, CIR_SETTINGS_WEIGHT,
            "of the words in the methods sum, product and weicom", .by_default = 0.5, .low = 0, .high = 1),
    SETTING(freedom_images, COUNT, OF_FIT, CIR_SETTINGS_FREEDOM,
            "of FREEDOM: the photo and its nearest images that are put into words", .by_default = 20,
            .low = 1, .high = CIR_MAX_FREEDOM),
    SETTING(freedom_nearest, COUNT, OF_FIT, CIR_SETTINGS_FREEDOM, "of FREEDOM: words near each of them",
            .by_default = 7, .low = 1, .high = CIR_MAX_FREEDOM),
    SETTING(freedom_words, COUNT, OF_FIT, CIR_SETTINGS_FREEDOM,
            "of FREEDOM: the most frequent words, which are kept", .by_default = 7, .low = 1,
            .high = CIR_MAX_FREEDOM),
    SETTING(recall, RECALL, OF_QUERY, CIR_SETTINGS_SEARCH,
            "fraction of the exact answers that a search by compact codes aims at, or 'exact'",
            .by_default = CIR_SEARCH_RECALL, .low = 0.5, .high = 1),
    SETTING(codes, SWITCH, OF_QUERY, CIR_SETTINGS_SEARCH, "search by compact codes where the index has them",
            .by_default = 1, .low = 0, .high = 1),
    SETTING(seed, SEED, OF_FIT, CIR_SETTINGS_BASIC, "seed of everything that is drawn at random", .low = 0),
};

#define N_SETTINGS (sizeof table / sizeof table[0])

static void *field_of(cir_settings *settings, size_t offset)
{
    return (char *)settings + offset;
}

void cir_settings_init(cir_settings *settings, size_t size, cir_method method)
{
    cir_settings own = {.size = sizeof own, .minima_source = CIR_MINIMA_AUTO};
    const cir_method_info *const info = cir_method_get_info(method);

    for (size_t i = 0; i < N_SETTINGS; i++) {
        void *const field = field_of(&own, table[i].offset);
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
    own.expand = info != NULL && info->expands;
    cir__growable_init(settings, size, &own, sizeof own);
}

static const size_t sizes[] = {
    [CIR__SETTING_NUMBER] = sizeof(double),        [CIR__SETTING_COUNT] = sizeof(size_t),
    [CIR__SETTING_SEED] = sizeof(uint64_t),        [CIR__SETTING_SWITCH] = sizeof(bool),
    [CIR__SETTING_MINIMUM] = sizeof(double),       [CIR__SETTING_FILE] = CIR_SETTING_PATH_SIZE,
    [CIR__SETTING_MEAN] = CIR_SETTING_PATH_SIZE,   [CIR__SETTING_VARIANT] = sizeof(cir_variant),
    [CIR__SETTING_FUSE] = sizeof(cir_fusion_kind), [CIR__SETTING_RECALL] = sizeof(double)};

/* Whether settings, which may be of an older host, have one. */
static bool has(const cir_settings *settings, const cir__setting *entry)
{
    return entry->offset + sizes[entry->kind] <= settings->size;
}

void cir_settings_copy(cir_settings *settings, const cir_settings *from)
{
    const size_t size = settings->size < from->size ? settings->size : from->size;
    memcpy(field_of(settings, sizeof size), (const char *)from + sizeof size, size - sizeof size);
}

/* No minimum is of a query: whether it is given would have to go with it. */
void cir_settings_copy_of_query(cir_settings *settings, const cir_settings *from)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const cir__setting *const entry = &table[i];
        if (entry->info.is_of_query && has(settings, entry) && has(from, entry))
            memcpy(field_of(settings, entry->offset), (const char *)from + entry->offset, sizes[entry->kind]);
    }
}

void cir_settings_get_search(const cir_settings *settings, cir_search_options *options_out)
{
    const cir_search_options own = {
        .size = sizeof own, .recall = settings->recall, .scans = !settings->codes};
    cir__growable_init(options_out, options_out->size, &own, sizeof own);
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
    if (!has(settings, entry))
        return cir__fail(err, CIR_UNSUPPORTED, "setting %s: is newer than this program; update the program",
                         entry->info.key);
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

void cir_settings_list(const cir_settings *settings, cir_settings_visit_fn *visit, void *context)
{
    char text[64];
    locale_t before;
    const locale_t plain = cir__locale_enter(&before);

    for (size_t i = 0; i < N_SETTINGS; i++) {
        const cir__setting *entry = &table[i];
        if (!has(settings, entry))
            continue;
        visit(context, &entry->info, cir__setting_format(entry, settings, text, sizeof text));
    }
    cir__locale_leave(plain, before);
}

/* Methods: from a photo's feature and some words to a linear query (search.h).
 *
 * BASIC ("Instance-Level Composed Image Retrieval", NeurIPS 2025) and its baselines. */
#ifndef CIR_METHOD_H
#define CIR_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/index.h"
#include "cir/model.h"
#include "cir/pool.h"
#include "cir/search.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a method makes of one side of the query. */
typedef enum cir_input {
    CIR_INPUT_UNUSED,
    CIR_INPUT_OPTIONAL, /* the other side alone is searched for without it */
    CIR_INPUT_NEEDED
} cir_input;

/* What a method takes from the images nearest to the photo, where the setting expand asks for that. */
typedef enum cir_expansion {
    CIR_EXPANSION_NONE,    /* nothing: the setting changes nothing */
    CIR_EXPANSION_FEATURE, /* their features, which are added to the photo's */
    CIR_EXPANSION_WORDS    /* the words near them */
} cir_expansion;

/* Methods that are prepared and composed alike, the simplest first. */
typedef enum cir_family {
    CIR_FAMILY_BASELINE, /* the plain similarities */
    CIR_FAMILY_WEICOM,
    CIR_FAMILY_EXTERNAL,
    CIR_FAMILY_FREEDOM,
    CIR_FAMILY_BASIC,
    CIR_N_FAMILIES
} cir_family;

/* Groups of settings, for what a method reads. */
enum {
    CIR_SETTINGS_SEARCH = 1 << 0,  /* how the rows are searched */
    CIR_SETTINGS_WEIGHT = 1 << 1,  /* of the text in a weighted fusion */
    CIR_SETTINGS_FREEDOM = 1 << 2, /* FREEDOM's own */
    CIR_SETTINGS_BASIC = 1 << 3    /* BASIC's own */
};

/* What is known of a method beside its formulas. Filled by the library alone; later versions may add members
 * at the end. */
typedef struct cir_method_info {
    const char *name;
    const char *meaning; /* half a line */
    cir_family family;
    cir_input photo, words;
    cir_expansion expansion;
    bool expands;          /* the default of the setting expand */
    bool contextualises;   /* joins the words with object terms, where the setting of that name asks for it */
    bool words_need_photo; /* words have no feature without the photo: a model must be at hand with every
                              query */
    bool needs_similarity_stats; /* mean and deviation of both similarities over all rows that are searched */
    bool needs_composed; /* features composed elsewhere, which come with a data set: for cir_eval_run alone */
    cir_fusion_kind fusion;  /* of the two plain similarities; of CIR_FAMILY_BASELINE */
    unsigned settings;       /* the groups it reads */
    const char *composed_as; /* the method whose composers compose this one too, as the two differ in settings
                                of a query alone; NULL: none */
} cir_method_info;

/* The table of methods, from which all is made that is known of them: command line, server and evaluation ask
 * cir_method_get_info instead of knowing a method by its name. X(symbol, members of cir_method_info...) */
#define CIR_METHOD_TABLE(X)                                                                                  \
    X(CIR_METHOD_BASIC_MINUS, .name = "basic-",                                                              \
      .meaning = "BASIC without query expansion: the better one for instances", .family = CIR_FAMILY_BASIC,  \
      .photo = CIR_INPUT_OPTIONAL, .words = CIR_INPUT_OPTIONAL, .expansion = CIR_EXPANSION_FEATURE,          \
      .contextualises = true, .settings = CIR_SETTINGS_SEARCH | CIR_SETTINGS_BASIC)                          \
    X(CIR_METHOD_BASIC, .name = "basic", .meaning = "BASIC with query expansion",                            \
      .family = CIR_FAMILY_BASIC, .photo = CIR_INPUT_OPTIONAL, .words = CIR_INPUT_OPTIONAL,                  \
      .expansion = CIR_EXPANSION_FEATURE, .expands = true, .contextualises = true,                           \
      .settings = CIR_SETTINGS_SEARCH | CIR_SETTINGS_BASIC, .composed_as = "basic-")                         \
    X(CIR_METHOD_TEXT, .name = "text", .meaning = "similarity to the words alone",                           \
      .family = CIR_FAMILY_BASELINE, .words = CIR_INPUT_NEEDED, .fusion = CIR_FUSION_TEXT,                   \
      .settings = CIR_SETTINGS_SEARCH)                                                                       \
    X(CIR_METHOD_IMAGE, .name = "image", .meaning = "similarity to the photo alone",                         \
      .family = CIR_FAMILY_BASELINE, .photo = CIR_INPUT_NEEDED, .fusion = CIR_FUSION_IMAGE,                  \
      .settings = CIR_SETTINGS_SEARCH)                                                                       \
    X(CIR_METHOD_SUM, .name = "sum", .meaning = "sum of the two similarities",                               \
      .family = CIR_FAMILY_BASELINE, .photo = CIR_INPUT_OPTIONAL, .words = CIR_INPUT_OPTIONAL,               \
      .fusion = CIR_FUSION_SUM, .settings = CIR_SETTINGS_SEARCH | CIR_SETTINGS_WEIGHT)                       \
    X(CIR_METHOD_PRODUCT, .name = "product", .meaning = "product of the two similarities, each at least 0",  \
      .family = CIR_FAMILY_BASELINE, .photo = CIR_INPUT_OPTIONAL, .words = CIR_INPUT_OPTIONAL,               \
      .fusion = CIR_FUSION_PRODUCT, .settings = CIR_SETTINGS_SEARCH | CIR_SETTINGS_WEIGHT)                   \
    X(CIR_METHOD_WEICOM, .name = "weicom",                                                                   \
      .meaning = "WeiCom: sum of the two similarities' Gaussian percentiles", .family = CIR_FAMILY_WEICOM,   \
      .photo = CIR_INPUT_OPTIONAL, .words = CIR_INPUT_OPTIONAL, .needs_similarity_stats = true,              \
      .settings = CIR_SETTINGS_SEARCH | CIR_SETTINGS_WEIGHT)                                                 \
    X(CIR_METHOD_FREEDOM_MINUS, .name = "freedom-",                                                          \
      .meaning = "FREEDOM without expansion: the photo in words, and the text",                              \
      .family = CIR_FAMILY_FREEDOM, .photo = CIR_INPUT_NEEDED, .words = CIR_INPUT_NEEDED,                    \
      .expansion = CIR_EXPANSION_WORDS, .words_need_photo = true,                                            \
      .settings = CIR_SETTINGS_SEARCH | CIR_SETTINGS_FREEDOM)                                                \
    X(CIR_METHOD_FREEDOM, .name = "freedom",                                                                 \
      .meaning = "FREEDOM: the photo and its nearest images in words, and the text",                         \
      .family = CIR_FAMILY_FREEDOM, .photo = CIR_INPUT_NEEDED, .words = CIR_INPUT_NEEDED,                    \
      .expansion = CIR_EXPANSION_WORDS, .expands = true, .words_need_photo = true,                           \
      .settings = CIR_SETTINGS_SEARCH | CIR_SETTINGS_FREEDOM)                                                \
    X(CIR_METHOD_EXTERNAL, .name = "external",                                                               \
      .meaning = "composed features that were computed elsewhere; in cir_eval_run alone",                    \
      .family = CIR_FAMILY_EXTERNAL, .needs_composed = true)

typedef enum cir_method {
#define CIR_METHOD_ENUM(symbol, ...) symbol,
    CIR_METHOD_TABLE(CIR_METHOD_ENUM)
#undef CIR_METHOD_ENUM
        CIR_N_METHODS,
    CIR_METHOD_DEFAULT = CIR_METHOD_BASIC_MINUS /* of searches */
} cir_method;

/* A row of the table; lives for ever. NULL for a number that is no method's. */
CIR_API const cir_method_info *cir_method_get_info(cir_method method);
CIR_API const char *cir_method_name(cir_method method); /* "unknown" for a number that is no method's */
/* CIR_ARGUMENT for an unknown name; the message lists the known ones. */
CIR_MUST_CHECK CIR_API cir_status cir_method_parse(const char *name, cir_method *method_out, cir_error *err);
/* The same of the methods that an index can be searched with: all but those that need composed features. */
CIR_MUST_CHECK CIR_API cir_status cir_method_parse_for_search(const char *name, cir_method *method_out,
                                                              cir_error *err);
/* All methods by family, the simplest first, as reports show them. */
CIR_API void cir_method_list(cir_method methods_out[CIR_N_METHODS]);

/* What min-normalisation divides by, where the settings do not give it. */
typedef enum cir_minima_source {
    CIR_MINIMA_AUTO,      /* asked for: what the data come with, else estimated where a model is at hand */
    CIR_MINIMA_ESTIMATED, /* asked for, or in force: estimated from the searched images and the object
                           * corpus */
    CIR_MINIMA_SYNTHETIC, /* in force: the smallest similarities of a data set's synthetic pairs */
    CIR_MINIMA_PAPER      /* in force: the paper's −0.077 and −0.117, which are CLIP ViT-L/14's */
} cir_minima_source;

/* The paper's formulas, or those of its published code where the two differ. */
typedef enum cir_variant { CIR_VARIANT_PAPER, CIR_VARIANT_REFERENCE } cir_variant;

#define CIR_SETTING_PATH_SIZE 4096
#define CIR_MAX_FREEDOM 64

/* All settings of the methods: plain data. Set up with cir_settings_init and sizeof (status.h: structs that callers
 * fill). Those that the library lends may be longer or shorter than its caller's: copy them with cir_settings_copy. */
typedef struct cir_settings {
    size_t size;
    cir_variant variant;
    double alpha;      /* weight of the style corpus in the projection, [0, 1] */
    size_t components; /* of the projection at most, ≥ 1 */
    double lambda;     /* of the Harris fusion, ≥ 0 */
    size_t neighbours; /* of query expansion, ≥ 1 */
    double beta;       /* of query expansion's weights, ≥ 0 */
    size_t context;    /* terms that the text is joined with, ≥ 1 */
    bool centre, project, expand, contextualise, normalise;
    bool project_text;      /* beyond the paper, off by default: the mirrored projection of the text */
    size_t text_components; /* of it at most, ≥ 1 */
    double text_alpha;      /* weight of the object corpus in it, [0, 1] */
    cir_fusion_kind fuse;   /* CIR_FUSION_HARRIS or CIR_FUSION_PRODUCT */
    bool has_min_image, has_min_text; /* else they come from minima_source, see cir_composer_new */
    double min_image, min_text;       /* < 0 */
    cir_minima_source minima_source;  /* of those that are not given: as asked, or as in force */
    double weight;                    /* of the text in sum, product and weicom, [0, 1] */
    /* FREEDOM's: κ, the photo and its nearest images that are put into words; n, words near each of them; m,
     * words that are kept; each 1 … CIR_MAX_FREEDOM */
    size_t freedom_images, freedom_nearest, freedom_words;
    uint64_t seed;
    bool forget_texts; /* no method's: keep nothing of what words were asked for, see cir_composer_new */
    double recall;     /* of searches, query expansion's own among them; [0.5, 1], see cir_search_options */
    bool codes;        /* searches go by the index' compact codes, where it has any */
    /* A .npy file; "index": the mean of the searched images; empty: that of the data's own where it comes
     * with one, else "index". */
    char image_mean[CIR_SETTING_PATH_SIZE];
    char corpus_objects[CIR_SETTING_PATH_SIZE]; /* a file of terms; empty: the library's own */
    char corpus_styles[CIR_SETTING_PATH_SIZE];
} cir_settings;

/* The defaults of a method. */
CIR_API void cir_settings_init(cir_settings *settings, size_t size, cir_method method);

/* Copies what both know; settings: set up before. */
CIR_API void cir_settings_copy(cir_settings *settings, const cir_settings *from);

/* How searches with these settings go about it; options_out: set up before. */
CIR_API void cir_settings_get_search(const cir_settings *settings, cir_search_options *options_out);

/* Sets one from "key=value". CIR_ARGUMENT for an unknown key (the message lists the known ones) or a value
 * out of its range (the message says which range). */
CIR_MUST_CHECK CIR_API cir_status cir_settings_set(cir_settings *settings, const char *key_value,
                                                   cir_error *err);

/* What is known of a setting beside its value. Filled by the library alone; later versions may add members at
 * the end. */
typedef struct cir_setting_info {
    const char *key;
    const char *description;
    unsigned groups;  /* CIR_SETTINGS_…: the methods that read one of them read it */
    bool is_of_query; /* may change from query to query of one composer, see cir_composer_compose_features */
    bool takes_file;  /* its value may name a file */
} cir_setting_info;

/* Calls visit with every setting and its value as text: for --help, --json and reports. Values are such that
 * cir_settings_set makes the same of them; minima that are not given are "auto" or "estimated", an empty
 * image_mean "auto". */
typedef void cir_settings_visit_fn(void *context, const cir_setting_info *setting, const char *value);
CIR_API void cir_settings_list(const cir_settings *settings, cir_settings_visit_fn *visit, void *context);

/* Whether a method reads a setting; false for an unknown key. */
CIR_API bool cir_setting_applies(const char *key, cir_method method);

/* Whether a value of a setting names a file; false for an unknown key. */
CIR_API bool cir_setting_names_file(const char *key, const char *value);

/* Copies those that are of a query alone, which is_of_query names. */
CIR_API void cir_settings_copy_of_query(cir_settings *settings, const cir_settings *from);

/* What a method knows beside the query, fitted once from an index and the corpora: mean features,
 * projections, minima, the terms that words are joined with, FREEDOM's vocabulary; the settings in force, and
 * which model's features it is of. Immutable. It holds no rows and needs no index any more: it can be
 * written, handed over, and read where there is none.
 *
 * Encoding the corpora is the long part, and is done once for an index and a pair of corpora: what was made
 * is kept beside the vectors (silently not, on read-only media). The image mean is that of the index as it
 * is, of 65,536 of its images, drawn by the seed, where it is larger (variant reference: of all). The two
 * minima, unless the settings give them, are estimated from the similarities of pairs of 800 of the index'
 * images, and of 200 object terms with them, all drawn by the seed: as far below 0 as these spread
 * (src/method/estimate.h), whatever the number of images and the image mean, and never 0 or more. They stay
 * what the first full sample gave while the index grows. Smaller indexes take what they have, and estimate
 * again at twice the size; without a pair of images the paper's values stand, and minima_source says so. */
typedef struct cir_fit cir_fit;

/* Fits a method. Errors: CIR_ARGUMENT, CIR_MISMATCH (the index shows another model), CIR_NOT_FOUND (a file of
 * the settings), CIR_FORMAT, CIR_SHAPE, CIR_NO_MEMORY, those of encoding. Free with cir_fit_free. */
CIR_MUST_CHECK CIR_API cir_status cir_fit_new(const cir_index *index, const cir_model *model, cir_pool *pool,
                                              cir_method method, const cir_settings *settings,
                                              cir_fit **fit_out, cir_error *err);
CIR_API void cir_fit_free(cir_fit *fit); /* NULL is allowed */

/* The settings in force, the minima and where they come from filled in. Lives as long as the fit. */
CIR_API const cir_settings *cir_fit_get_settings(const cir_fit *fit);
/* The fingerprint of the model whose features it is of (cir_model_info). Lives as long as the fit. */
CIR_API const char *cir_fit_get_fingerprint(const cir_fit *fit);

/* A fit as bytes that stay readable: the layout has a version (src/method/fit_file.c), and a checksum, so
 * that bytes that were cut or changed are refused. They hold paths that the settings name, but no photo's,
 * and no words that were asked for. format: *bytes_out is to be freed with cir_bytes_free. Errors: CIR_LIMIT
 * (more than 1 GiB), CIR_NO_MEMORY; of write: those of writing a file, which is replaced at once. */
CIR_MUST_CHECK CIR_API cir_status cir_fit_format(const cir_fit *fit, uint8_t **bytes_out, size_t *size_out,
                                                 cir_error *err);
CIR_MUST_CHECK CIR_API cir_status cir_fit_write(const cir_fit *fit, const char *path, cir_error *err);

/* The same fit from its bytes, which may come from anywhere; name is for messages. Errors: CIR_FORMAT (the
 * message says why they are none), CIR_UNSUPPORTED (another version), CIR_NO_MEMORY; of read: those of
 * reading a file. Free with cir_fit_free. */
CIR_MUST_CHECK CIR_API cir_status cir_fit_parse(const uint8_t *bytes, size_t size, const char *name,
                                                cir_fit **fit_out, cir_error *err);
CIR_MUST_CHECK CIR_API cir_status cir_fit_read(const char *path, cir_fit **fit_out, cir_error *err);

/* A method made ready for a model and the rows that are searched. Immutable.
 *
 * Over an index, features of the 4,096 texts that were used last are kept beside the vectors, in texts.bin,
 * whichever process and method made them, so that a text is encoded once; by digests, never the words
 * themselves. Whoever may read the file can find out whether given words were asked for:
 * settings.forget_texts leaves it alone. */
typedef struct cir_composer cir_composer;

/* Fits a method (cir_fit_new) and makes it ready for that index; lends index and model, which must outlive
 * it. Errors: those of cir_fit_new. Free with cir_composer_free. */
CIR_MUST_CHECK CIR_API cir_status cir_composer_new(const cir_index *index, const cir_model *model,
                                                   cir_pool *pool, cir_method method,
                                                   const cir_settings *settings, cir_composer **composer_out,
                                                   cir_error *err);

/* The same from a fit, without an index; lends fit, model and the rows' memory. rows: what will be searched,
 * which query expansion, WeiCom and FREEDOM with expansion read when composing; NULL: there are none, and
 * these are refused (CIR_ARGUMENT). method: of the fit's family; settings: those of a query are taken from it
 * (cir_settings_copy_of_query), all others are the fit's; NULL: all are. Keeps no texts. Errors: CIR_MISMATCH
 * (another model, or a method of another family), CIR_SHAPE, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_composer_new_of_fit(const cir_fit *fit, const cir_model *model,
                                                          const cir_rows *rows, cir_method method,
                                                          const cir_settings *settings,
                                                          cir_composer **composer_out, cir_error *err);
CIR_API void cir_composer_free(cir_composer *composer); /* NULL is allowed */

/* What it was fitted to; lives as long as the composer. */
CIR_API const cir_fit *cir_composer_get_fit(const cir_composer *composer);

/* A query with the memory it lives in; end with cir_composed_done. */
typedef struct cir_composed {
    cir_query query;
    float *memory;
    size_t n_cut;          /* texts that were longer than the model reads */
    double encode_seconds; /* time spent encoding the text */
} cir_composed;

/* image_feature: [dim] unit, or NULL for a text query; text: or NULL for an image query, and blanks are no
 * text (cir_text_is_blank); not both NULL. A
 * query with one side alone uses that side's branch of the method and no fusion. Query expansion reads the
 * index' rows. Errors: CIR_ARGUMENT, CIR_FORMAT, CIR_NO_MEMORY, those of cir_search_find. */
CIR_MUST_CHECK CIR_API cir_status cir_composer_compose(const cir_composer *composer, cir_pool *pool,
                                                       const float *image_feature, const char *text,
                                                       cir_composed *composed_out, cir_error *err);
CIR_API void cir_composed_done(cir_composed *composed);

/* For callers that keep features of words, which take longest to make: the words' feature as composing uses
 * it, contextualised where the settings ask for that; feature_out: [dim]; n_cut_out may be NULL. Errors:
 * CIR_ARGUMENT (FREEDOM, whose words depend on the photo), CIR_FORMAT, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_composer_encode_text(const cir_composer *composer, cir_pool *pool,
                                                           const char *text, float *feature_out,
                                                           size_t *n_cut_out, cir_error *err);

/* Names all that such a feature depends on beside the text: where two composers of one model have the same
 * key, they make the same features. "" where the words have no feature of their own (FREEDOM). Lives as long
 * as the composer. */
CIR_API const char *cir_composer_get_text_key(const cir_composer *composer);

/* Composes from the words' feature [dim], or NULL for an image query. now: what the settings of a query are
 * this time (cir_settings_copy_of_query), the others stay the composer's; NULL: all stay. Errors: those of
 * cir_composer_compose, CIR_ARGUMENT for FREEDOM. */
CIR_MUST_CHECK CIR_API cir_status cir_composer_compose_features(const cir_composer *composer, cir_pool *pool,
                                                                const float *image_feature,
                                                                const float *text_feature,
                                                                const cir_settings *now,
                                                                cir_composed *composed_out, cir_error *err);

/* The settings in force, the minima and where they come from filled in. Lives as long as the composer. */
CIR_API const cir_settings *cir_composer_get_settings(const cir_composer *composer);

#ifdef __cplusplus
}
#endif

#endif

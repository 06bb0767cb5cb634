/* Dual encoders: pictures and texts to unit features in one space.
 *
 * A model is immutable once open; any number of threads may encode with it at once. */
#ifndef CIR_MODEL_H
#define CIR_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"
#include "cir/pool.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cir_model cir_model;

/* The name under which cir_model_open finds the small encoder that is part of the library. */
#define CIR_MODEL_DEMO "demo"

/* How exactly the towers' layers multiply. Which is fastest depends on the processor, and how near bf16 and
 * int8 come to f32 on the weights: ones with a few channels that are much larger than the others lose in
 * int8. On the demo encoder the least cosine of 3,456 pictures' features to f32's is 0.99998 in bf16 and
 * 0.9997 in int8; with channels made fifty times larger behind every layer norm of a small model, int8's fell
 * to 0.7. */
typedef enum cir_precision {
    CIR_PRECISION_AUTO, /* the fastest here that keeps these weights' features: cosines to f32's of 0.9995 or more */
    CIR_PRECISION_F32,  /* the same features on every machine, but for rounding */
    CIR_PRECISION_BF16, /* usually faster where the processor multiplies it well. Needs AVX512_BF16 */
    CIR_PRECISION_INT8, /* usually the fastest. Needs AVX512_VNNI */
    CIR_PRECISION_FAST  /* as AUTO, with cosines of 0.99 or more */
} cir_precision;

/* "auto", "f32", "bf16", "int8", "fast". Static storage. */
CIR_API const char *cir_precision_name(cir_precision precision);

/* The precision of that name; CIR_ARGUMENT lists the names. */
CIR_MUST_CHECK CIR_API cir_status cir_precision_parse(const char *name, cir_precision *precision_out,
                                                      cir_error *err);

#define CIR_N_PRECISIONS 3 /* that features are computed in: f32, bf16, int8 */
#define CIR_PRECISION_CHECK_N_IMAGES 16
#define CIR_PRECISION_CHECK_N_TEXTS 16

/* What is known of a precision, on this processor and with a model's weights. */
typedef struct cir_precision_facts {
    cir_precision precision;
    bool is_supported; /* by this processor */
    bool is_compared;  /* the cosines are known */
    double gops; /* 10⁹ operations a second of one thread, in a layer of a small encoder; 0: not measured */
    double worst_image,
        median_image; /* cosines to the features in f32, of drawn pictures and of fixed texts */
    double worst_text, median_text;
} cir_precision_facts;

/* Why a model is in the precision it is in. */
typedef struct cir_precision_choice {
    cir_precision asked, chosen;
    double least_cosine; /* that was asked for; 0: asked for by name, or nothing was compared */
    char reason[256];    /* for people */
    cir_precision_facts facts[CIR_N_PRECISIONS]; /* f32, bf16, int8 */
} cir_precision_choice;

/* How to open a model. Zeroed fields mean the defaults.
 *
 * AUTO and FAST measure: the rates of the precisions once for a processor and a version of oneDNN (a tenth of
 * a second), and a model's features once for each (seconds for a large one). Both are kept in the user's
 * cache, $CIR_CACHE, else $XDG_CACHE_HOME/cir/computed, else $HOME/.cache/cir/computed (CIR_CACHE set and
 * empty: none). Where nothing can be kept, and for models of less than CIR_MODEL_SMALL parameters, they are
 * f32. */
#define CIR_MODEL_SMALL 16000000
typedef struct cir_model_options {
    size_t size;
    cir_precision precision;
    /* Called before AUTO or FAST compare this model's features, by the opening thread; NULL: nobody. */
    void (*on_compare)(void *context, const char *model_name);
    void *on_compare_context;
} cir_model_options;
CIR_OPTIONS_INIT(cir_model_options)

/* What a model is. Strings live as long as the model. */
typedef struct cir_model_info {
    const char *name;         /* the directory's last component, or "demo" */
    const char *path;         /* the directory as an absolute path, or "demo" */
    const char *architecture; /* "clip" or "siglip" */
    char fingerprint[33]; /* 32 hexadecimal digits over configuration, tokenizer, preprocessing and weights */
    size_t dim;           /* of the features */
    size_t image_px;      /* side of the square that the image tower sees */
    size_t context_length; /* most tokens of a text, start and end token included */
    size_t n_vocabulary;
    size_t n_parameters;
    cir_precision precision; /* in use, never AUTO or FAST; the fingerprint is the same for all */
} cir_model_info;

/* The folder that holds installed models, one folder below it a model: $CIR_MODELS, else
 * $XDG_CACHE_HOME/cir/models, else $HOME/.cache/cir/models. It need not exist. Free with cir_bytes_free.
 * Errors: CIR_NOT_FOUND (none of these is set), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_model_get_folder(char **folder_out, cir_error *err);

/* Opens a model directory as model hubs serve it (config.json, model.safetensors, or
 * model.safetensors.index.json and the files that it names, tokenizer files, preprocessor_config.json; the
 * layout of transformers' CLIPModel and SiglipModel; or open_clip's: open_clip_config.json,
 * open_clip_model.safetensors, tokenizer files; without safetensors, PyTorch's pytorch_model.bin or
 * open_clip_pytorch_model.bin, of which nothing is run), or the embedded encoder for CIR_MODEL_DEMO. Weights
 * are mapped, not copied, until a tower is first used; every name, shape and range is checked now. Close with
 * cir_model_close. Errors: CIR_NOT_FOUND, CIR_PERMISSION, CIR_IO, CIR_FORMAT, CIR_SHAPE, CIR_UNSUPPORTED
 * (also: a precision that this processor lacks), CIR_NO_MEMORY. options: may be NULL. */
CIR_MUST_CHECK CIR_API cir_status cir_model_open(const char *path, const cir_model_options *options,
                                                 cir_model **model_out, cir_error *err);

/* Closes it; no call may be using it. NULL is allowed. */
CIR_API void cir_model_close(cir_model *model);

/* Lives as long as the model. */
CIR_API const cir_model_info *cir_model_get_info(const cir_model *model);

/* Why it is in the precision it is in. Lives as long as the model. */
CIR_API const cir_precision_choice *cir_model_get_precision_choice(const cir_model *model);

/* Compares a model's features in every supported precision with those in f32: of CIR_PRECISION_CHECK_N_IMAGES
 * pictures and …_N_TEXTS texts. watch (may be NULL): false stops. facts_out: f32, bf16, int8. Errors: those
 * of encoding, CIR_INTERRUPTED. */
CIR_MUST_CHECK CIR_API cir_status cir_model_check_precisions(const cir_model *model, cir_pool *pool,
                                                             bool (*watch)(void),
                                                             cir_precision_facts facts_out[CIR_N_PRECISIONS],
                                                             cir_error *err);

/* A picture as the image tower sees it: tensor_out [3, image_px, image_px], the model's own resizing,
 * cropping and normalisation, bit-exact with Pillow before the float steps. Errors: CIR_LIMIT,
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_model_preprocess(const cir_model *model, const cir_image *image,
                                                       float *tensor_out, cir_error *err);

/* Unit image features. tensors: [n, 3, image_px, image_px] from cir_model_preprocess; features_out: [n, dim].
 * Best in batches of 8 to 32. Errors: CIR_NO_MEMORY, and CIR_FORMAT where weights lead to a feature that is
 * no number. */
CIR_MUST_CHECK CIR_API cir_status cir_model_encode_tensors(const cir_model *model, cir_pool *pool,
                                                           const float *tensors, size_t n,
                                                           float *features_out, cir_error *err);

/* Unit text features. texts: [n] zero-terminated UTF-8 (invalid bytes are read as U+FFFD); features_out: [n,
 * dim]. Texts longer than context_length tokens are cut as the reference cuts them (the first tokens and the
 * end token); n_cut_out, which may be NULL, gets how many were. Errors: CIR_NO_MEMORY, CIR_FORMAT as
 * above. */
CIR_MUST_CHECK CIR_API cir_status cir_model_encode_texts(const cir_model *model, cir_pool *pool,
                                                         const char *const *texts, size_t n,
                                                         float *features_out, size_t *n_cut_out,
                                                         cir_error *err);

/* Names texts that many others will begin with ("term" of "term text"): where the text tower allows it, what
 * it computes for them is kept and used until other ones are named. Naming the same ones again costs little.
 * Features change by no more than rounding. Errors: CIR_NO_MEMORY, CIR_FORMAT. */
CIR_MUST_CHECK CIR_API cir_status cir_model_cache_prefixes(const cir_model *model, cir_pool *pool,
                                                           const char *const *texts, size_t n,
                                                           cir_error *err);

/* Told how far an encoding is; false asks it to stop. */
typedef bool cir_encode_watch_fn(void *context, size_t n_done, size_t n_total);

/* Options for reading a picture that is meant for this model whole: with its fitting, and with
 * enough_shorter_px where allow_shrinking is set. cir_model_encode_files and cir_index_update do so by
 * themselves. options: may be NULL; options_out: set up with its size. Errors: CIR_ARGUMENT, CIR_UNSUPPORTED. */
CIR_MUST_CHECK CIR_API cir_status cir_model_get_image_options(const cir_model *model,
                                                              const cir_image_options *options,
                                                              cir_image_options *options_out, cir_error *err);

/* Unit features of picture files, decoded in parallel with encoding: features_out [n, dim]. The first file
 * that cannot be read ends the call with its error. options (allow_shrinking!), watch: may be NULL. Errors:
 * those of cir_image_read and cir_model_encode_tensors, CIR_INTERRUPTED. */
CIR_MUST_CHECK CIR_API cir_status cir_model_encode_files(const cir_model *model, cir_pool *pool,
                                                         const char *const *paths, size_t n,
                                                         const cir_image_options *options,
                                                         float *features_out, cir_encode_watch_fn *watch,
                                                         void *context, cir_error *err);

/* Texts, one a line of a file. End with cir_texts_done. */
typedef struct cir_texts {
    const char *const *items; /* [n] */
    size_t n;
    size_t n_empty; /* lines of nothing but blanks: texts like others, so that rows stay those of the lines */
    size_t first_empty; /* the first such line, counted from 1; 0: there is none */
} cir_texts;

/* Reads all lines from an open file, pipe or terminal: UTF-8, ending in LF, CRLF or CR; a byte order mark is
 * no part of the text. fd stays open; name is for messages. Errors: CIR_FORMAT (UTF-16, a zero byte; with the
 * line), CIR_LIMIT (a gigabyte), CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_texts_read(int fd, const char *name, cir_texts *texts_out,
                                                 cir_error *err);
CIR_API void cir_texts_done(cir_texts *texts); /* a zeroed struct is allowed */

/* Whether a text says nothing: NULL, empty, or nothing but Unicode's white space and invisible characters.
 * Such a query is one without words. */
CIR_API bool cir_text_is_blank(const char *text);

/* Writes features [n, dim] as a .npy file (float32, C order): a plain file, or the one that links lead to, is
 * replaced atomically and keeps its mode; a pipe or a device is written through. Errors: CIR_ARGUMENT (a
 * folder), CIR_PERMISSION, CIR_FULL, CIR_IO, CIR_NOT_FOUND (no such folder), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_features_write(const char *path, const float *features, size_t n,
                                                     size_t dim, cir_error *err);

#ifdef __cplusplus
}
#endif

#endif

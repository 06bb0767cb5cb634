/* What a method knows beside the query: fitted once, from wherever images are searched. Behind it are corpora
 * and searched rows; the fit itself holds neither, so that it can be kept or handed over without them
 * (fit_bytes.c). Steps of BASIC are those of doc/method.md. */
#ifndef CIR_METHOD_FIT_H
#define CIR_METHOD_FIT_H

#include "cir/method.h"
#include "method/basic.h"
#include "method/terms.h"

/* Where a fit comes from: an index (fit_index.h), a data set (eval/run/fit_dataset.h), and whatever else has
 * rows. Lends everything. */
typedef struct cir__fit_source {
    const char *name;       /* for messages */
    const cir_model *model; /* encodes the corpora; NULL: their features are below */
    cir_rows rows;          /* all images that are searched */

    /* Parts of the rows that are searched by themselves, and may have statistics of their own. 0: none. */
    size_t n_galleries;
    cir_rows (*get_gallery)(const void *context, size_t gallery);
    bool is_mean_of_galleries; /* where nobody gives an image mean, it is that of each gallery, not of all */

    /* What the data come with; NULL: they do not. All unit but the mean. */
    const float *objects, *styles; /* [n_objects, dim], [n_styles, dim] */
    size_t n_objects, n_styles;
    const float *image_mean;                       /* [dim] */
    const float *synthetic_image, *synthetic_text; /* [n_synthetic_image, dim], …; both or none */
    size_t n_synthetic_image, n_synthetic_text;

    /* What was made before and may be used again; NULL: nothing is kept. A kind is a name as "corpus", a key
     * names all that such rows depend on beside source and model. n_wanted 0: any number of rows. */
    void *context;
    bool (*read_rows)(void *context, const char *kind, const char *key, size_t n_wanted, float **rows_out,
                      size_t *n_out);
    void (*write_rows)(void *context, const char *kind, const char *key, const float *rows, size_t n);
    bool (*read_minima)(void *context, const char *key, cir__minima *minima_out);
    void (*write_minima)(void *context, const char *key, const cir__minima *minima, const size_t *ids,
                         size_t n_ids); /* ids: the rows that they come from, ascending */
} cir__fit_source;

/* What depends on the rows that are searched. */
typedef struct cir__fit_gallery {
    const float *image_mean; /* [dim]; NULL: images are not centred */
    cir__minima minima;
} cir__fit_gallery;

/* Immutable once fitted. Read all but memory. */
struct cir_fit {
    cir_family family;
    char model[CIR__HASH_TEXT_SIZE]; /* its fingerprint; "": features of somebody else's */
    size_t dim;
    cir_settings settings; /* those in force: the minima filled in, unless each gallery has its own */
    cir__terms terms;      /* of BASIC what words are joined with, of FREEDOM the vocabulary */
    float *vocabulary;     /* [terms.n, dim] of FREEDOM */
    float *text_mean;      /* [dim]; NULL: texts are not centred */
    cir__projection projection, text_projection; /* where the settings ask for them */
    size_t n_galleries;                          /* of BASIC: 1, or the source's */
    cir__fit_gallery *galleries;
    float *image_means; /* memory of galleries: [n_galleries, dim] */
};

/* Fills in what BASIC needs. Errors: those of the settings' files and of encoding, CIR_ARGUMENT (smallest
 * similarities of synthetic pairs that are not below 0), CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__fit_basic(cir_fit *fit, const cir__fit_source *source, cir_pool *pool,
                                         cir_error *err);
/* Fills in the vocabulary of FREEDOM, the object corpus; the source has a model. Errors: as above. */
CIR_MUST_CHECK cir_status cir__fit_vocabulary(cir_fit *fit, const cir__fit_source *source, cir_pool *pool,
                                              cir_error *err);

/* What BASIC knows when it searches a gallery; lent. Fits with one serve all galleries. */
cir__basic cir__fit_get_basic(const cir_fit *fit, size_t gallery);

#endif

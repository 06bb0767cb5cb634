/* The models that the program knows by name: where a model hub has their files. Facts that do not change
 * (sizes of pictures, dimensions, licences) stand here; sizes and checksums of files are the hub's to tell,
 * see download.h. */
#ifndef CIR_CLI_KNOWN_MODELS_H
#define CIR_CLI_KNOWN_MODELS_H

#include <stddef.h>

typedef struct cir__known_model {
    const char *name;       /* also of its folder */
    const char *repository; /* on the hub */
    const char *licence;
    const char *const *files; /* NULL at their end; the configuration first, the weights last */
    size_t dim;
    size_t image_px;
    size_t approximate_bytes; /* of all files, from the number of parameters */
} cir__known_model;

/* All of them; zeroed at their end. */
extern const cir__known_model cir__known_models[];

/* NULL: unknown. */
const cir__known_model *cir__known_model_find(const char *name);

#endif

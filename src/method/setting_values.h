/* One row of the table of settings, and its values as text. */
#ifndef CIR_METHOD_SETTING_VALUES_H
#define CIR_METHOD_SETTING_VALUES_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>

#include "cir/method.h"

typedef enum cir__setting_kind {
    CIR__SETTING_NUMBER,  /* double */
    CIR__SETTING_COUNT,   /* size_t */
    CIR__SETTING_SEED,    /* uint64_t */
    CIR__SETTING_SWITCH,  /* bool */
    CIR__SETTING_MINIMUM, /* double, and at offset_given the bool that says whether it was given */
    CIR__SETTING_FILE,    /* char[CIR_SETTING_PATH_SIZE] */
    CIR__SETTING_MEAN,    /* the same, where "auto" and "index" are no files */
    CIR__SETTING_VARIANT, /* cir_variant */
    CIR__SETTING_FUSE,    /* cir_fusion_kind */
    CIR__SETTING_RECALL   /* double, where "exact" is 1 */
} cir__setting_kind;

typedef struct cir__setting {
    cir_setting_info info;
    cir__setting_kind kind;
    size_t offset;
    size_t offset_given;
    double by_default; /* of files: none */
    double low, high;  /* both allowed, except that a minimum lies below high */
} cir__setting;

/* Numbers are written with a point whatever the process' locale; NULL, which means the current one, where
 * memory is short. */
locale_t cir__locale_enter(locale_t *before_out);
void cir__locale_leave(locale_t plain, locale_t before);

/* What may follow "key=", for messages. Returns out. */
const char *cir__setting_describe_range(const cir__setting *entry, char *out, size_t size);

/* Puts a value in; false where it is none or out of its range. */
bool cir__setting_parse(const cir__setting *entry, const char *text, cir_settings *settings);

/* A value as text, in out or elsewhere; between cir__locale_enter and cir__locale_leave. */
const char *cir__setting_format(const cir__setting *entry, const cir_settings *settings, char *out,
                                size_t size);

#endif

#include "method/setting_values.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

locale_t cir__locale_enter(locale_t *before_out)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    *before_out = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
    return plain;
}

void cir__locale_leave(locale_t plain, locale_t before)
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
    const locale_t plain = cir__locale_enter(&before);
    char *end = NULL;
    *out = strtod(text, &end);
    cir__locale_leave(plain, before);
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

const char *cir__setting_describe_range(const cir__setting *entry, char *out, size_t size)
{
    static_assert(CIR_SETTING_PATH_SIZE == 4096, "the range of a path says so");
    static const char *const ranges[] = {[CIR__SETTING_NUMBER] = "a number from %g to %g",
                                         [CIR__SETTING_COUNT] = "a whole number from %.0f to %.0f",
                                         [CIR__SETTING_SEED] =
                                             "a whole number from 0 to 18446744073709551615",
                                         [CIR__SETTING_SWITCH] = "1 (on) or 0 (off)",
                                         [CIR__SETTING_MINIMUM] = "a number below 0, 'estimated' or 'auto'",
                                         [CIR__SETTING_FILE] = "a path of at most 4095 bytes",
                                         [CIR__SETTING_MEAN] = "a .npy file, 'index' or 'auto'",
                                         [CIR__SETTING_VARIANT] = "'paper' or 'reference'",
                                         [CIR__SETTING_FUSE] = "'harris' or 'product'",
                                         [CIR__SETTING_RECALL] = "a number from %g to %g, or 'exact'"};
    snprintf(out, size, ranges[entry->kind], entry->low, entry->high);
    return out;
}

bool cir__setting_parse(const cir__setting *entry, const char *text, cir_settings *settings)
{
    void *field = (char *)settings + entry->offset;
    double number;
    uint64_t whole;

    switch (entry->kind) {
    case CIR__SETTING_NUMBER:
        if (!number_parse(text, &number) || number < entry->low || number > entry->high)
            return false;
        *(double *)field = number;
        return true;
    case CIR__SETTING_COUNT:
        if (!whole_parse(text, &whole) || (double)whole < entry->low || (double)whole > entry->high)
            return false;
        *(size_t *)field = (size_t)whole;
        return true;
    case CIR__SETTING_SEED:
        if (!whole_parse(text, &whole))
            return false;
        *(uint64_t *)field = whole;
        return true;
    case CIR__SETTING_SWITCH:
        return switch_parse(text, field);
    case CIR__SETTING_MINIMUM: {
        bool *is_given = (bool *)((char *)settings + entry->offset_given);
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
    case CIR__SETTING_FILE:
    case CIR__SETTING_MEAN: {
        const bool is_auto = entry->kind == CIR__SETTING_MEAN && strcmp(text, "auto") == 0;
        if (strlen(text) >= CIR_SETTING_PATH_SIZE || (entry->kind == CIR__SETTING_MEAN && text[0] == '\0'))
            return false;
        strcpy(field, is_auto ? "" : text);
        return true;
    }
    case CIR__SETTING_VARIANT:
        if (strcmp(text, "paper") != 0 && strcmp(text, "reference") != 0)
            return false;
        *(cir_variant *)field = text[0] == 'p' ? CIR_VARIANT_PAPER : CIR_VARIANT_REFERENCE;
        return true;
    case CIR__SETTING_FUSE:
        if (strcmp(text, "harris") != 0 && strcmp(text, "product") != 0)
            return false;
        *(cir_fusion_kind *)field = text[0] == 'h' ? CIR_FUSION_HARRIS : CIR_FUSION_PRODUCT;
        return true;
    case CIR__SETTING_RECALL:
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

const char *cir__setting_format(const cir__setting *entry, const cir_settings *settings, char *out,
                                size_t size)
{
    const void *field = (const char *)settings + entry->offset;

    switch (entry->kind) {
    case CIR__SETTING_MINIMUM:
        if (!*(const bool *)((const char *)settings + entry->offset_given))
            return settings->minima_source == CIR_MINIMA_AUTO ? "auto" : "estimated";
        return number_format(*(const double *)field, out, size);
    case CIR__SETTING_NUMBER:
        return number_format(*(const double *)field, out, size);
    case CIR__SETTING_COUNT:
        snprintf(out, size, "%zu", *(const size_t *)field);
        return out;
    case CIR__SETTING_SEED:
        snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)field);
        return out;
    case CIR__SETTING_SWITCH:
        return *(const bool *)field ? "1" : "0";
    case CIR__SETTING_FILE:
        return field;
    case CIR__SETTING_MEAN:
        return *(const char *)field == '\0' ? "auto" : field;
    case CIR__SETTING_VARIANT:
        return *(const cir_variant *)field == CIR_VARIANT_PAPER ? "paper" : "reference";
    case CIR__SETTING_FUSE:
        return *(const cir_fusion_kind *)field == CIR_FUSION_HARRIS ? "harris" : "product";
    case CIR__SETTING_RECALL:
        return *(const double *)field < 1 ? number_format(*(const double *)field, out, size) : "exact";
    }
    return "";
}

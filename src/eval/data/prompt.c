#include "eval/data/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "method/terms.h"

/* With object terms on either side, which are named by a hash: equal ones have one, however they were chosen.
 */
static cir_status describe_context(const cir_settings *settings, char out[CIR_PROMPT_SIZE], cir_error *err)
{
    cir__terms terms = {0};
    char hash_text[CIR__HASH_TEXT_SIZE];
    cir_status status = cir__terms_read(CIR__CORPUS_OBJECTS, settings, &terms, err);

    if (status != CIR_OK)
        return status;
    size_t *const chosen = cir__new(terms.n, sizeof *chosen);
    cir__hash *const hash = cir__hash_new();
    if (chosen == NULL || hash == NULL) {
        status = cir__fail_memory(err, "a prompt");
        goto exit;
    }
    const size_t n = cir__terms_choose_context(&terms, settings, chosen);
    for (size_t i = 0; i < n; i++)
        cir__hash_push(hash, terms.texts[chosen[i]], strlen(terms.texts[chosen[i]]) + 1);
    cir__hash_format(hash, hash_text);
    snprintf(out, CIR_PROMPT_SIZE, "mean of {term} {text} and {text} {term}, %zu terms %s", n, hash_text);
exit:
    cir__hash_free(hash);
    free(chosen);
    cir__terms_done(&terms);
    return status;
}

cir_status cir__prompt_describe(const cir_dataset *dataset, cir_method method, const cir_settings *settings,
                                char out[CIR_PROMPT_SIZE], cir_error *err)
{
    const bool has_model = dataset->model != NULL;
    const cir_method_info *const info = cir_method_get_info(method);
    const bool has_context = info->contextualises && settings->contextualise;
    const char *text = has_model ? "{text}" : "query_text.npy";

    if (has_context && has_model)
        return describe_context(settings, out, err);
    if (has_context)
        text = "query_text_context.npy";
    else if (info->needs_composed)
        text = "query_composed.npy";
    else if (info->words == CIR_INPUT_UNUSED)
        text = "none";
    else if (info->words_need_photo)
        text = "{word} {text}";
    snprintf(out, CIR_PROMPT_SIZE, "%s", text);
    return CIR_OK;
}

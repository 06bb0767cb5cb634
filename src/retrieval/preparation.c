/* What searches leave ready for the next: methods, and features of words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/growable.h"
#include "retrieval/collection_internal.h"

/* ---- composers ---- */

typedef struct key_writing {
    char *text; /* NULL: only the size is counted */
    size_t size;
    bool leaves_query_out; /* what may differ from query to query of a composer */
} key_writing;

/* Each text with its length before it, so that none can look like another. */
static void push_text(key_writing *self, const char *text)
{
    char size[32];
    const size_t n_digits = (size_t)snprintf(size, sizeof size, "%zu:", strlen(text));
    if (self->text != NULL) {
        memcpy(self->text + self->size, size, n_digits);
        memcpy(self->text + self->size + n_digits, text, strlen(text));
    }
    self->size += n_digits + strlen(text);
}

static void push_setting(void *context, const cir_setting_info *setting, const char *value)
{
    key_writing *self = context;
    if (!self->leaves_query_out || !setting->is_of_query)
        push_text(self, value);
}

static void push_all(key_writing *self, cir_method method, const cir_settings *settings)
{
    const cir_method_info *info = cir_method_get_info(method);
    push_text(self, info->composed_as != NULL ? info->composed_as : info->name);
    push_text(self, settings->forget_texts ? "forgets" : "keeps");
    cir_settings_list(settings, push_setting, self);
}

char *cir__composer_key_new(cir_method method, const cir_settings *settings)
{
    /* Where words have no feature of their own, no setting changes from query to query. */
    const bool has_query_settings = !cir_method_get_info(method)->words_need_photo;
    key_writing counted = {.leaves_query_out = has_query_settings};
    push_all(&counted, method, settings);
    key_writing written = {.text = malloc(counted.size + 1), .leaves_query_out = has_query_settings};
    if (written.text != NULL) {
        push_all(&written, method, settings);
        written.text[written.size] = '\0';
    }
    return written.text;
}

static cir_status make_composer(cir_collection *self, cir_method method, const cir_settings *settings,
                                char *key, cir__lru_item **item_out, cir_error *err)
{
    cir_composer *composer;
    const cir_status status =
        cir_composer_new(self->index, self->info.model, self->info.pool, method, settings, &composer, err);
    if (status != CIR_OK) {
        free(key);
        return status;
    }
    *item_out = cir__lru_put(&self->composers, key, composer, true);
    return *item_out != NULL ? CIR_OK : cir__fail_memory(err, "a composer");
}

cir_status cir__collection_lend_composer(cir_collection *self, cir_method method,
                                         const cir_settings *settings, cir__lru_item **item_out,
                                         cir_error *err)
{
    cir_status status = CIR_OK;
    char *key = cir__composer_key_new(method, settings);

    *item_out = NULL;
    if (key == NULL)
        return cir__fail_memory(err, "a composer");
    *item_out = cir__lru_find(&self->composers, key);
    if (*item_out == NULL) {
        pthread_mutex_lock(&self->preparing);
        *item_out = cir__lru_find(&self->composers, key); /* made while this thread waited? */
        if (*item_out == NULL) {
            status = make_composer(self, method, settings, key, item_out, err);
            key = NULL;
        }
        pthread_mutex_unlock(&self->preparing);
    }
    free(key);
    return status;
}

void cir__collection_return_composer(cir_collection *self, cir__lru_item *item)
{
    cir__lru_return(&self->composers, item);
}

cir_status cir_collection_prepare(cir_collection *self, cir_method method, const cir_settings *settings,
                                  cir_error *err)
{
    cir_settings own;
    cir__lru_item *item;
    cir_status status = CIR_OK;

    cir__error_clear(err);
    if (settings == NULL)
        cir_settings_init(&own, sizeof own, method);
    else
        status = cir__growable_read(settings, &own, sizeof own, "cir_settings", err);
    if (status != CIR_OK)
        return status;
    status = cir__collection_lend_composer(self, method, &own, &item, err);
    cir__collection_return_composer(self, item);
    return status;
}

/* ---- words ---- */

typedef struct text_feature {
    size_t n_cut;
    float feature[]; /* [dim] */
} text_feature;

/* What is kept in memory spares looking into the file that an index may have of them, and is there without
 * one. */
cir_status cir__collection_encode_text(cir_collection *self, const cir_composer *composer, const char *text,
                                       float *feature_out, size_t *n_cut_out, cir_error *err)
{
    cir__lru *texts = &self->common->texts;
    const size_t size = cir_model_get_info(self->info.model)->dim * sizeof(float);
    char *key = NULL;

    *n_cut_out = 0;
    if (asprintf(&key, "%s %s", cir_composer_get_text_key(composer), text) < 0)
        return cir__fail_memory(err, "the words");
    cir__lru_item *item = cir__lru_find(texts, key);
    if (item == NULL) {
        text_feature *made = malloc(sizeof *made + size);
        cir_status status = made != NULL ? CIR_OK : cir__fail_memory(err, "the words");
        if (status == CIR_OK)
            status =
                cir_composer_encode_text(composer, self->info.pool, text, made->feature, &made->n_cut, err);
        if (status != CIR_OK) {
            free(made);
            free(key);
            return status;
        }
        item = cir__lru_put(texts, key, made, true);
        if (item == NULL)
            return cir__fail_memory(err, "the words");
    } else {
        free(key);
    }
    const text_feature *kept = item->value;
    memcpy(feature_out, kept->feature, size);
    *n_cut_out = kept->n_cut;
    cir__lru_return(texts, item);
    return CIR_OK;
}

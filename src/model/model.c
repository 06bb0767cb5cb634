/* A model's life: files opened and checked, towers made when they are first needed, all closed again. */
#include "model/model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"
#include "model/fingerprint.h"
#include "model/open_clip.h"
#include "model/precision.h"
#include "model/weights.h"

/* Which files this model's features depend on. */
static void list_read(const cir_model *model, bool are_read[CIR__N_FILES])
{
    bool is_siglip = model->config.architecture == CIR__SIGLIP;
    bool has_json = cir__source_find(&model->source, CIR__FILE_TOKENIZER) != NULL;
    bool has_spiece = is_siglip && cir__source_find(&model->source, CIR__FILE_SPIECE) != NULL &&
                      !(model->source.is_open_clip && has_json);
    are_read[CIR__FILE_CONFIG] = are_read[CIR__FILE_WEIGHTS] = true;
    are_read[CIR__FILE_PREPROCESSING] = !model->source.is_open_clip;
    are_read[CIR__FILE_TOKENIZER] = !has_spiece;
    are_read[CIR__FILE_VOCABULARY] = are_read[CIR__FILE_MERGES] = !is_siglip && !has_json;
    are_read[CIR__FILE_SPIECE] = has_spiece;
    are_read[CIR__FILE_TOKENIZER_CONFIG] = is_siglip;
}

/* Files that are none of a model's are told before a parser stumbles over them. */
static cir_status check_read(const cir_model *model, cir_error *err)
{
    bool are_read[CIR__N_FILES] = {false};
    list_read(model, are_read);
    cir_status status = CIR_OK;
    for (size_t i = 0; i < CIR__N_FILES && status == CIR_OK; i++)
        if (are_read[i])
            status = cir__source_check(&model->source, i, err);
    return status;
}

static cir_status open_weights(cir_model *model, cir_error *err)
{
    const cir__bytes_view *file = cir__source_find(&model->source, CIR__FILE_WEIGHTS);
    const cir__bytes_view *config = cir__source_find(&model->source, CIR__FILE_CONFIG);
    cir_status status = cir__source_check(&model->source, CIR__FILE_CONFIG, err);
    if (status == CIR_OK)
        status = model->source.is_open_clip ? cir__open_clip_parse(*config, &model->config, err)
                                            : cir__config_parse(*config, &model->config, err);
    if (status == CIR_OK)
        status = check_read(model, err);
    if (status == CIR_OK)
        status = cir__checkpoint_open(&model->source, &model->checkpoint, err);
    if (status == CIR_OK)
        (void)cir__fingerprint_files(model->checkpoint, model->weights_key);
    if (status == CIR_OK)
        status = cir__weights_find(cir__checkpoint_tensors(model->checkpoint), &model->config, file->name,
                                   &model->weights, err);
    return status;
}

static cir_status open_tokenizer(cir_model *model, cir_error *err)
{
    const cir__config *config = &model->config;
    const cir__source *source = &model->source;
    const cir__tokenizer_files files = {
        .tokenizer_json = cir__source_find(source, CIR__FILE_TOKENIZER),
        .vocab_json = cir__source_find(source, CIR__FILE_VOCABULARY),
        .merges_txt = cir__source_find(source, CIR__FILE_MERGES),
        .spiece_model = cir__source_find(source, CIR__FILE_SPIECE),
        .config_json = cir__source_find(source, CIR__FILE_TOKENIZER_CONFIG),
    };
    bool is_clip = config->architecture == CIR__CLIP;
    cir__tokenizer_family family =
        is_clip ? (source->is_open_clip ? CIR__TOKENIZER_CLIP_OPEN_CLIP : CIR__TOKENIZER_CLIP)
                : (source->is_open_clip ? CIR__TOKENIZER_SIGLIP_OPEN_CLIP : CIR__TOKENIZER_SIGLIP);
    cir_status status = cir__tokenizer_parse(&files, family, &model->tokenizer, err);
    if (status != CIR_OK)
        return status;
    size_t n_vocabulary = cir__tokenizer_n_vocabulary(model->tokenizer);
    if (n_vocabulary > config->n_vocabulary)
        return cir__fail(
            err, CIR_SHAPE,
            "%s: the tokenizer has %zu tokens, the weights have %zu: it is another model's; fetch this "
            "model's tokenizer files",
            source->path, n_vocabulary, config->n_vocabulary);
    int end_id = cir__tokenizer_end_id(model->tokenizer);
    if (is_clip && config->end_id != CIR__MISTAKEN_END_ID && config->end_id != end_id)
        return cir__fail(
            err, CIR_SHAPE,
            "%s: the tokenizer ends texts with token %d, config.json with %d: it is another model's; "
            "fetch this model's tokenizer files",
            source->path, end_id, (int)config->end_id);
    return CIR_OK;
}

static cir_status open_preprocessing(cir_model *model, cir_error *err)
{
    const cir__bytes_view *file = cir__source_find(&model->source, CIR__FILE_PREPROCESSING);
    const cir__bytes_view *config = cir__source_find(&model->source, CIR__FILE_CONFIG);
    if (model->source.is_open_clip)
        return cir__preprocessing_parse_open_clip(config->data, config->size, config->name,
                                                  model->config.image_px, &model->preprocessing, err);
    if (model->config.architecture == CIR__SIGLIP)
        cir__preprocessing_init_siglip(&model->preprocessing, model->config.image_px);
    else
        cir__preprocessing_init_clip(&model->preprocessing, model->config.image_px);
    if (file == NULL)
        return CIR_OK;
    cir_status status =
        cir__preprocessing_parse(file->data, file->size, file->name, &model->preprocessing, err);
    if (status == CIR_OK)
        status = cir__preprocessing_check(&model->preprocessing, file->name, model->config.image_px, err);
    return status;
}

static cir_status fill_info(cir_model *model, cir_error *err)
{
    model->info = (cir_model_info){
        .name = model->source.name,
        .path = model->source.path,
        .architecture = model->config.architecture == CIR__SIGLIP ? "siglip" : "clip",
        .dim = model->config.dim,
        .image_px = model->config.image_px,
        .context_length = model->config.text.max_tokens,
        .n_vocabulary = model->config.n_vocabulary,
        .n_parameters = model->weights.n_parameters,
    };
    _Static_assert(sizeof model->info.fingerprint == CIR__HASH_TEXT_SIZE, "a fingerprint is a hash's text");
    bool are_read[CIR__N_FILES] = {false};
    list_read(model, are_read);
    return cir__fingerprint_make(&model->source, are_read, model->checkpoint, model->info.fingerprint, err);
}

cir_status cir_model_open(const char *path, const cir_model_options *options, cir_model **model_out,
                          cir_error *err)
{
    cir__error_clear(err);
    *model_out = NULL;
    cir_model_options own;
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_model_options", err);
    if (status == CIR_OK)
        status = cir__precision_check_supported(own.precision, path, err);
    if (status != CIR_OK)
        return status;
    cir_model *model = cir__new(1, sizeof *model);
    if (model == NULL)
        return cir__fail_memory(err, path);
    model->towers = cir__new(1, sizeof *model->towers);
    if (model->towers == NULL) {
        free(model);
        return cir__fail_memory(err, path);
    }
    pthread_mutex_init(&model->towers->lock, NULL);
    status = cir__source_open(path, &model->source, err);
    if (status == CIR_OK)
        status = open_weights(model, err);
    if (status == CIR_OK)
        status = open_tokenizer(model, err);
    if (status == CIR_OK)
        status = open_preprocessing(model, err);
    if (status == CIR_OK)
        status = fill_info(model, err);
    if (status == CIR_OK)
        cir__precision_choose(model, &own);
    /* Whatever zeros led to, it is the file that is wrong. */
    if (cir__source_check_read(&model->source, NULL) != CIR_OK)
        status = cir__source_check_read(&model->source, err);
    if (status != CIR_OK) {
        cir_model_close(model);
        return status;
    }
    *model_out = model;
    return CIR_OK;
}

void cir_model_close(cir_model *model)
{
    if (model == NULL)
        return;
    cir__image_tower_free(model->towers->image);
    cir__text_tower_free(model->towers->text);
    pthread_mutex_destroy(&model->towers->lock);
    free(model->towers);
    cir__tokenizer_free(model->tokenizer);
    cir__weights_done(&model->weights);
    cir__checkpoint_free(model->checkpoint);
    cir__source_close(&model->source);
    free(model);
}

const cir_model_info *cir_model_get_info(const cir_model *model)
{
    return &model->info;
}

const cir_precision_choice *cir_model_get_precision_choice(const cir_model *model)
{
    return &model->choice;
}

const cir__config *cir__model_get_config(const cir_model *model)
{
    return &model->config;
}

enum { CACHE_KEY_SIZE = 2 * CIR__HASH_TEXT_SIZE + 16 };

/* Of a tower's packed weights; NULL: they are not kept. */
static const char *format_cache_key(const cir_model *model, const char *tower, char key_out[CACHE_KEY_SIZE])
{
    (void)snprintf(key_out, CACHE_KEY_SIZE, "%s %s %s", model->info.fingerprint, model->weights_key, tower);
    return model->weights_key[0] != '\0' ? key_out : NULL;
}

cir_status cir__model_get_image_tower(const cir_model *model, const cir__image_tower **tower_out,
                                      cir_error *err)
{
    cir__towers *made = model->towers;
    cir_status status = CIR_OK;
    pthread_mutex_lock(&made->lock);
    if (made->image == NULL) {
        cir__config config = model->config;
        char key[CACHE_KEY_SIZE];
        config.image.cache_key = format_cache_key(model, "image", key);
        status = cir__image_tower_new(&config, &model->weights, &made->image, err);
    }
    *tower_out = made->image;
    pthread_mutex_unlock(&made->lock);
    return status;
}

cir_status cir__model_get_text_tower(const cir_model *model, const cir__text_tower **tower_out,
                                     cir_error *err)
{
    cir__towers *made = model->towers;
    cir_status status = CIR_OK;
    pthread_mutex_lock(&made->lock);
    if (made->text == NULL) {
        cir__config config = model->config;
        char key[CACHE_KEY_SIZE];
        config.text.cache_key = format_cache_key(model, "text", key);
        status = cir__text_tower_new(&config, &model->weights, &made->text, err);
    }
    *tower_out = made->text;
    pthread_mutex_unlock(&made->lock);
    return status;
}

void cir__model_find_towers(const cir_model *model, bool *has_image_out, bool *has_text_out)
{
    pthread_mutex_lock(&model->towers->lock);
    *has_image_out = model->towers->image != NULL;
    *has_text_out = model->towers->text != NULL;
    pthread_mutex_unlock(&model->towers->lock);
}

cir_status cir_model_preprocess(const cir_model *model, const cir_image *image, float *tensor_out,
                                cir_error *err)
{
    cir__error_clear(err);
    return cir__preprocessing_apply(&model->preprocessing, image, tensor_out, err);
}

size_t cir__model_resized_px(const cir_model *model)
{
    return cir__preprocessing_resized_px(&model->preprocessing);
}

/* What all of them fit pictures to; zeroed where they do not agree. */
static cir_fitting find_common_fitting(const cir_model *const *models, size_t n)
{
    cir_fitting first = {0};
    for (size_t i = 0; i < n; i++) {
        const cir_fitting next = cir__preprocessing_get_fitting(&models[i]->preprocessing);
        if (i == 0)
            first = next;
        else if (next.width_px != first.width_px || next.height_px != first.height_px ||
                 next.keep_proportions != first.keep_proportions || next.filter != first.filter)
            return (cir_fitting){0};
    }
    return first;
}

cir_status cir_model_get_image_options(const cir_model *model, const cir_image_options *options,
                                       cir_image_options *options_out, cir_error *err)
{
    cir_image_options own;
    cir__error_clear(err);
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_image_options", err);
    if (status != CIR_OK)
        return status;
    own = cir__model_fit_reading(&model, 1, &own);
    return cir__growable_write(options_out, &own, sizeof own, "cir_image_options", err);
}

cir_image_options cir__model_fit_reading(const cir_model *const *models, size_t n,
                                         const cir_image_options *options)
{
    cir_image_options fitted =
        options != NULL ? *options : (cir_image_options){.size = sizeof(cir_image_options)};
    fitted.fitting = find_common_fitting(models, n);
    if (!fitted.allow_shrinking)
        return fitted;
    for (size_t i = 0; i < n; i++) {
        size_t resized_px = cir__model_resized_px(models[i]);
        size_t enough_px = resized_px > 0 ? CIR__SHRINK_MARGIN * resized_px : SIZE_MAX;
        if (enough_px > fitted.enough_shorter_px)
            fitted.enough_shorter_px = enough_px;
    }
    return fitted;
}

cir_status cir__model_encode_tensors(const cir_model *model, cir_pool *pool, const float *tensors, size_t n,
                                     float *features_out, cir__layer_hook *hook, void *hook_context,
                                     cir_error *err)
{
    const cir__image_tower *tower;
    cir_status status = cir__model_get_image_tower(model, &tower, err);
    if (status != CIR_OK)
        return status;
    return cir__image_tower_encode(tower, pool, tensors, n, features_out, hook, hook_context,
                                   model->source.path, err);
}

cir_status cir__model_encode_ids(const cir_model *model, cir_pool *pool, const int32_t *ids,
                                 const size_t *starts, size_t n, float *features_out, cir__layer_hook *hook,
                                 void *hook_context, cir_error *err)
{
    const cir__text_tower *tower;
    cir_status status = cir__model_get_text_tower(model, &tower, err);
    if (status != CIR_OK)
        return status;
    return cir__text_tower_encode(tower, pool, ids, starts, n, features_out, hook, hook_context,
                                  model->source.path, err);
}

cir_status cir_model_encode_tensors(const cir_model *model, cir_pool *pool, const float *tensors, size_t n,
                                    float *features_out, cir_error *err)
{
    cir__error_clear(err);
    cir_status status = cir__model_encode_tensors(model, pool, tensors, n, features_out, NULL, NULL, err);
    return status == CIR_OK ? cir__source_check_read(&model->source, err) : status;
}

cir_status cir__model_tokenise(const cir_model *model, const char *const *texts, size_t n, cir__id_list *list,
                               cir_error *err)
{
    size_t max_tokens = model->config.text.max_tokens;
    list->starts = cir__new(n + 1, sizeof *list->starts);
    if (list->starts == NULL)
        return cir__fail_memory(err, "texts");
    for (size_t i = 0; i < n; i++) {
        void *ids = list->ids;
        bool has_grown = cir__grow(&ids, &list->capacity, list->starts[i] + max_tokens, sizeof *list->ids);
        list->ids = ids;
        if (!has_grown)
            return cir__fail_memory(err, "texts");
        size_t n_ids;
        bool was_cut;
        cir_status status = cir__tokenizer_encode(model->tokenizer, texts[i], strlen(texts[i]), max_tokens,
                                                  list->ids + list->starts[i], &n_ids, &was_cut, err);
        if (status != CIR_OK)
            return status;
        list->starts[i + 1] = list->starts[i] + n_ids;
        list->n_cut += was_cut;
    }
    return CIR_OK;
}

cir_status cir_model_encode_texts(const cir_model *model, cir_pool *pool, const char *const *texts, size_t n,
                                  float *features_out, size_t *n_cut_out, cir_error *err)
{
    cir__error_clear(err);
    if (n_cut_out != NULL)
        *n_cut_out = 0;
    cir__id_list list = {0};
    cir_status status = cir__model_tokenise(model, texts, n, &list, err);
    if (status == CIR_OK)
        status = cir__model_encode_ids(model, pool, list.ids, list.starts, n, features_out, NULL, NULL, err);
    if (status == CIR_OK)
        status = cir__source_check_read(&model->source, err);
    if (status == CIR_OK && n_cut_out != NULL)
        *n_cut_out = list.n_cut;
    free(list.ids);
    free(list.starts);
    return status;
}

/* Takes the end tokens away, and leaves out texts that have no other token or an end token within; returns
 * how many are left. */
static size_t list_prefixes(const cir__tokenizer *tokenizer, cir__id_list *list, size_t n)
{
    size_t n_left = 0;
    size_t n_kept = 0; /* ids */
    for (size_t i = 0; i < n; i++) {
        size_t start = list->starts[i];
        size_t n_ids = cir__tokenizer_find_end(tokenizer, list->ids + start, list->starts[i + 1] - start);
        if (start + n_ids + 1 != list->starts[i + 1] || n_ids == 0)
            continue;
        memmove(list->ids + n_kept, list->ids + start, n_ids * sizeof *list->ids);
        n_kept += n_ids;
        list->starts[++n_left] = n_kept;
    }
    return n_left;
}

cir_status cir_model_cache_prefixes(const cir_model *model, cir_pool *pool, const char *const *texts,
                                    size_t n, cir_error *err)
{
    cir__error_clear(err);
    if (model->config.architecture != CIR__CLIP)
        return CIR_OK;
    const cir__text_tower *tower;
    cir__id_list list = {0};
    cir_status status = cir__model_get_text_tower(model, &tower, err);
    if (status == CIR_OK)
        status = cir__model_tokenise(model, texts, n, &list, err);
    if (status == CIR_OK) {
        size_t n_left = list_prefixes(model->tokenizer, &list, n);
        status = cir__text_tower_cache_prefixes(tower, pool, list.ids, list.starts, n_left,
                                                model->source.path, err);
    }
    free(list.ids);
    free(list.starts);
    return status;
}

#include "model/source.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "cir/model.h"
#include "format/sniff.h"
#include "shared/embedded.h"

static const char *const file_names[CIR__N_FILES] = {
    [CIR__FILE_CONFIG] = "config.json",       [CIR__FILE_WEIGHTS] = "model.safetensors",
    [CIR__FILE_TOKENIZER] = "tokenizer.json", [CIR__FILE_VOCABULARY] = "vocab.json",
    [CIR__FILE_MERGES] = "merges.txt",        [CIR__FILE_PREPROCESSING] = "preprocessor_config.json",
    [CIR__FILE_SPIECE] = "spiece.model",      [CIR__FILE_TOKENIZER_CONFIG] = "tokenizer_config.json",
};

/* What each should be, and is called where it is something else. */
static const struct {
    cir__sniff_kind kind;
    const char *what;
} file_kinds[CIR__N_FILES] = {
    [CIR__FILE_CONFIG] = {CIR__SNIFF_JSON, "the model's configuration"},
    [CIR__FILE_WEIGHTS] = {CIR__SNIFF_SAFETENSORS, "the weights"},
    [CIR__FILE_TOKENIZER] = {CIR__SNIFF_JSON, "the tokenizer"},
    [CIR__FILE_VOCABULARY] = {CIR__SNIFF_JSON, "the tokenizer's vocabulary"},
    [CIR__FILE_MERGES] = {CIR__SNIFF_TEXT, "the tokenizer's merges"},
    [CIR__FILE_PREPROCESSING] = {CIR__SNIFF_JSON, "the preprocessing's configuration"},
    [CIR__FILE_SPIECE] = {CIR__SNIFF_PROTOBUF, "the SentencePiece model"},
    [CIR__FILE_TOKENIZER_CONFIG] = {CIR__SNIFF_JSON, "the tokenizer's configuration"},
};

/* What a model's directory may hold, in the order in which it is looked for: safetensors come first. */
typedef struct layout {
    const char *config, *weights;
    bool is_open_clip, is_sharded, is_torch;
} layout;

#define FIRST_OPEN_CLIP 1

static const layout layouts[] = {
    {"config.json", "model.safetensors", false, false, false},
    {"open_clip_config.json", "open_clip_model.safetensors", true, false, false},
    {"open_clip_config.json", "open_clip_pytorch_model.safetensors", true, false, false},
    {"config.json", "model.safetensors.index.json", false, true, false},
    {"open_clip_config.json", "open_clip_model.safetensors.index.json", true, true, false},
    {"config.json", "pytorch_model.bin", false, false, true},
    {"open_clip_config.json", "open_clip_pytorch_model.bin", true, false, true},
    {"config.json", "pytorch_model.bin.index.json", false, true, true},
    {"open_clip_config.json", "open_clip_pytorch_model.bin.index.json", true, true, true},
};

const char *cir__source_file_name(size_t i_file)
{
    return file_names[i_file];
}

const cir__bytes_view *cir__source_find(const cir__source *source, size_t i_file)
{
    return source->files[i_file].name != NULL ? &source->files[i_file] : NULL;
}

static cir__sniff_kind weights_kind(const cir__source *source)
{
    return source->is_torch ? CIR__SNIFF_TORCH : CIR__SNIFF_SAFETENSORS;
}

cir_status cir__source_check(const cir__source *source, size_t i_file, cir_error *err)
{
    if (source->files[i_file].name == NULL)
        return CIR_OK;
    if (i_file == CIR__FILE_WEIGHTS && source->is_sharded)
        return cir__sniff_check(source->files[i_file], CIR__SNIFF_JSON, "the weights' index", err);
    return cir__sniff_check(source->files[i_file],
                            i_file == CIR__FILE_WEIGHTS ? weights_kind(source) : file_kinds[i_file].kind,
                            file_kinds[i_file].what, err);
}

static const char *name_in(const cir__source *source, size_t i_file)
{
    if (i_file == CIR__FILE_CONFIG)
        return layouts[source->i_layout].config;
    return i_file == CIR__FILE_WEIGHTS ? layouts[source->i_layout].weights : file_names[i_file];
}

static bool has_file(const cir__source *source, const char *name)
{
    char *path = cir__path_join(source->path, name);
    bool is_there = path != NULL && access(path, F_OK) == 0;
    free(path);
    return is_there;
}

static cir_status fail_absent(const cir__source *source, size_t i_file, cir_error *err)
{
    return cir__fail(err, CIR_NOT_FOUND,
                     "%s: has no %s; a model's directory holds config.json, model.safetensors (or "
                     "model.safetensors.index.json and the files that it names, or pytorch_model.bin), "
                     "preprocessor_config.json, and tokenizer.json, or vocab.json and merges.txt (CLIP), or "
                     "spiece.model (SigLIP)",
                     source->path, name_in(source, i_file));
}

/* Newer files of transformers keep the picture's preprocessing within the processor's. */
static cir_status open_processor(cir__source *source, cir_error *err)
{
    static const char key[] = "\"image_processor\"";
    const size_t i_file = CIR__FILE_PREPROCESSING;
    if (!has_file(source, "processor_config.json"))
        return CIR_OK;
    char *path = cir__path_join(source->path, "processor_config.json");
    if (path == NULL)
        return cir__fail_memory(err, source->path);
    cir__mapping mapping;
    cir_status status = cir__mapping_open(path, &mapping, err);
    if (status != CIR_OK || mapping.size == 0 ||
        memmem(mapping.data, mapping.size, key, sizeof key - 1) ==
            NULL) { /* an older one says nothing of it */
        cir__mapping_close(&mapping);
        free(path);
        return status;
    }
    free(source->paths[i_file]);
    source->paths[i_file] = path;
    source->mappings[i_file] = mapping;
    source->files[i_file] = (cir__bytes_view){mapping.data, mapping.size, path};
    return CIR_OK;
}

static cir_status open_file(cir__source *source, size_t i_file, cir_error *err)
{
    char *path = cir__path_join(source->path, name_in(source, i_file));
    if (path == NULL)
        return cir__fail_memory(err, source->path);
    source->paths[i_file] = path;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        if (i_file == CIR__FILE_PREPROCESSING)
            return open_processor(source, err);
        bool must_be = i_file == CIR__FILE_CONFIG || i_file == CIR__FILE_WEIGHTS;
        return must_be ? fail_absent(source, i_file, err) : CIR_OK;
    }
    cir_status status = cir__mapping_open(path, &source->mappings[i_file], err);
    if (status != CIR_OK)
        return status;
    source->files[i_file] =
        (cir__bytes_view){source->mappings[i_file].data, source->mappings[i_file].size, path};
    return CIR_OK;
}

cir_status cir_model_get_folder(char **folder_out, cir_error *err)
{
    *folder_out = NULL;
    cir__error_clear(err);
    const char *own = getenv("CIR_MODELS");
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (own != NULL && *own != '\0')
        *folder_out = cir__copy_text(own);
    else if (cache != NULL && *cache == '/') /* others are to be ignored, says the rule */
        *folder_out = cir__path_join(cache, "cir/models");
    else if (home != NULL && *home != '\0')
        *folder_out = cir__path_join(home, ".cache/cir/models");
    else
        return cir__fail(err, CIR_NOT_FOUND, "models: no folder for them is known; set CIR_MODELS or HOME");
    return *folder_out != NULL ? CIR_OK : cir__fail_memory(err, "models");
}

/* The folder of an installed model of that name, or NULL where path cannot be one or is not installed. */
static char *find_installed(const char *path)
{
    char *folder = NULL;
    if (*path == '\0' || *path == '.' || strchr(path, '/') != NULL ||
        cir_model_get_folder(&folder, NULL) != CIR_OK)
        return NULL;
    char *found = cir__path_join(folder, path);
    struct stat facts;
    free(folder);
    if (found != NULL && stat(found, &facts) == 0 && S_ISDIR(facts.st_mode))
        return found;
    free(found);
    return NULL;
}

static void take_layout(cir__source *source, size_t i_layout)
{
    source->i_layout = i_layout;
    source->is_open_clip = layouts[i_layout].is_open_clip;
    source->is_sharded = layouts[i_layout].is_sharded;
    source->is_torch = layouts[i_layout].is_torch;
}

/* The first layout of which configuration and weights are there; without one, what the configuration is of. */
static void choose_layout(cir__source *source)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (has_file(source, layouts[i].config) && has_file(source, layouts[i].weights)) {
            take_layout(source, i);
            return;
        }
    take_layout(source, has_file(source, "open_clip_config.json") ? FIRST_OPEN_CLIP : 0);
}

static cir_status open_directory(const char *path, cir__source *source, cir_error *err)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        int reason = errno;
        char *installed = reason == ENOENT ? find_installed(path) : NULL;
        if (installed != NULL) {
            cir_status status = open_directory(installed, source, err);
            free(installed);
            return status;
        }
        return cir__fail_errno(
            err, reason,
            "%s: model cannot be opened; name its directory, an installed one (cir model list), or "
            "\"%s\"",
            path, CIR_MODEL_DEMO);
    }
    if (!S_ISDIR(facts.st_mode))
        return cir__fail(err, CIR_FORMAT,
                         "%s: is not a model's directory; name the directory its config.json is in", path);
    source->path = realpath(path, NULL);
    if (source->path == NULL)
        return cir__fail_errno(err, errno, "%s: model cannot be opened", path);
    const char *last = strrchr(source->path, '/');
    source->name = cir__copy_text(last != NULL && last[1] != '\0' ? last + 1 : source->path);
    if (source->name == NULL)
        return cir__fail_memory(err, path);
    choose_layout(source);
    cir_status status = CIR_OK;
    for (size_t i = 0; i < CIR__N_FILES && status == CIR_OK; i++)
        status = open_file(source, i, err);
    return status;
}

extern const cir__embedded_file cir__demo_files[]; /* as demo/model has them */

static cir_status open_embedded(cir__source *source, cir_error *err)
{
    source->path = cir__copy_text(CIR_MODEL_DEMO);
    source->name = cir__copy_text(CIR_MODEL_DEMO);
    if (source->path == NULL || source->name == NULL)
        return cir__fail_memory(err, CIR_MODEL_DEMO);
    static const size_t places[] = {CIR__FILE_CONFIG, CIR__FILE_WEIGHTS, CIR__FILE_TOKENIZER,
                                    CIR__FILE_PREPROCESSING};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const cir__embedded_file *file = &cir__demo_files[i];
        source->files[places[i]] = (cir__bytes_view){file->bytes, file->size, file->name};
    }
    return CIR_OK;
}

cir_status cir__source_open(const char *path, cir__source *source_out, cir_error *err)
{
    cir__source source = {0};
    cir_status status =
        strcmp(path, CIR_MODEL_DEMO) == 0 ? open_embedded(&source, err) : open_directory(path, &source, err);
    if (status != CIR_OK)
        cir__source_close(&source);
    *source_out = source;
    return status;
}

static cir_status open_shard(const cir__source *source, const char *name, cir__source_shard *shard,
                             cir_error *err)
{
    shard->path = cir__path_join(source->path, name);
    if (shard->path == NULL)
        return cir__fail_memory(err, source->path);
    cir_status status = cir__mapping_open(shard->path, &shard->mapping, err);
    if (status == CIR_NOT_FOUND)
        return cir__fail(err, status, "%s: is missing, %s names it; fetch all files of the model",
                         shard->path, name_in(source, CIR__FILE_WEIGHTS));
    if (status != CIR_OK)
        return status;
    shard->file = (cir__bytes_view){shard->mapping.data, shard->mapping.size, shard->path};
    return cir__sniff_check(shard->file, weights_kind(source), file_kinds[CIR__FILE_WEIGHTS].what, err);
}

cir_status cir__source_open_shards(cir__source *source, const char *const *names, size_t n, cir_error *err)
{
    source->shards = cir__new(n, sizeof *source->shards);
    if (source->shards == NULL)
        return cir__fail_memory(err, source->path);
    source->n_shards = n;
    cir_status status = CIR_OK;
    for (size_t i = 0; i < n && status == CIR_OK; i++)
        status = open_shard(source, names[i], &source->shards[i], err);
    return status;
}

cir_status cir__source_check_read(const cir__source *source, cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t i = 0; i < CIR__N_FILES && status == CIR_OK; i++)
        if (!source->mappings[i].is_copy)
            status = cir__mapped_check(source->mappings[i].data, err);
    for (size_t i = 0; i < source->n_shards && status == CIR_OK; i++)
        if (!source->shards[i].mapping.is_copy)
            status = cir__mapped_check(source->shards[i].mapping.data, err);
    return status;
}

void cir__source_close(cir__source *source)
{
    for (size_t i = 0; i < CIR__N_FILES; i++) {
        cir__mapping_close(&source->mappings[i]);
        free(source->paths[i]);
    }
    for (size_t i = 0; i < source->n_shards; i++) {
        cir__mapping_close(&source->shards[i].mapping);
        free(source->shards[i].path);
    }
    free(source->shards);
    free(source->path);
    free(source->name);
    *source = (cir__source){0};
}

#include "curate/plan/seed_photo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "curate/store/curation.h"

#define MAX_BYTES ((size_t)512 << 20)

static cir_status look_at(const uint8_t *bytes, size_t size, const char *name,
                          const cir_plan_options *options, cir__seed_photo *photo_out,
                          cir_image_facts *facts_out, cir_error *err)
{
    cir_image image;
    cir__hash128(bytes, size, photo_out->hash);
    cir__sha256(bytes, size, photo_out->sha256);
    cir_status status = cir_image_parse_thumbnail(bytes, size, name, CIR__LOOKS_PX, CIR__LOOKS_PX,
                                                  options->image, &image, facts_out, err);
    if (status == CIR_OK)
        status = cir__looks_fit(&image, &photo_out->looks, err);
    cir_image_done(&image);
    return status;
}

static cir_status keep(cir_curation *curation, const uint8_t *bytes, size_t size, const char *kind,
                       cir__seed_photo *photo_out, cir_error *err)
{
    cir__folder *folder;
    char name[96];
    size_t at = 0;
    for (size_t i = 0; i < CIR__SHA256_SIZE; i++)
        at += (size_t)snprintf(name + at, sizeof name - at, "%02x", photo_out->sha256[i]);
    (void)snprintf(name + at, sizeof name - at, ".%s", kind);
    (void)snprintf(photo_out->name, sizeof photo_out->name, "%s/%.80s", CIR__CURATION_SEEDS, name);
    cir_status status = cir__folder_open_in(curation->folder, CIR__CURATION_SEEDS, false, &folder, err);
    if (status != CIR_OK)
        return status;
    struct stat facts;
    if (cir__folder_examine(folder, name, &facts) != 0 || facts.st_size != (off_t)size)
        status = cir__folder_replace(folder, name, 0600, bytes, size, err);
    cir__folder_close(folder);
    return status;
}

/* The first of the two places where the file is; the plan's folder when it is in neither. */
static char *find_file(const cir_curation *curation, const char *plan_path, const char *text)
{
    if (text[0] == '/')
        return cir__copy_text(text);
    const char *slash = strrchr(plan_path, '/');
    const size_t size = slash != NULL ? (size_t)(slash - plan_path) + 1 : 0;
    char *beside = malloc(size + strlen(text) + 1);
    if (beside == NULL)
        return NULL;
    memcpy(beside, plan_path, size);
    memcpy(beside + size, text, strlen(text) + 1);
    if (access(beside, F_OK) == 0)
        return beside;
    char *within = cir__path_join(curation->path, text);
    if (within != NULL && access(within, F_OK) == 0) {
        free(beside);
        return within;
    }
    free(within);
    return beside;
}

static cir_status take_file(cir_curation *curation, const char *path, const cir_plan_options *options,
                            cir__seed_photo *photo_out, cir_error *err)
{
    uint8_t *bytes;
    size_t size;
    cir_image_facts facts;
    cir_status status = cir__file_read(path, MAX_BYTES, &bytes, &size, err);
    if (status == CIR_OK)
        status = look_at(bytes, size, path, options, photo_out, &facts, err);
    if (status == CIR_OK)
        status = keep(curation, bytes, size, facts.kind, photo_out, err);
    free(bytes);
    return status;
}

static cir_status take_indexed(size_t id, const cir_plan_options *options, cir__seed_photo *photo_out,
                               cir_error *err)
{
    cir_image_record record;
    uint8_t *bytes = NULL;
    size_t size;
    cir_image_facts facts;
    photo_out->index_id = (int64_t)id;
    cir_status status = cir_index_get_record(options->index, id, &record, err);
    if (status == CIR_OK && record.state != CIR_IMAGE_READY)
        status = cir__fail(err, CIR_NOT_FOUND, "%s: image %zu cannot be searched with: cir info says why",
                           cir_index_get_info(options->index)->path, id);
    if (status == CIR_OK)
        status = cir_index_read_photo(options->index, &record, &bytes, &size, err);
    if (status == CIR_OK)
        status = look_at(bytes, size, record.path, options, photo_out, &facts, err);
    cir_bytes_free(bytes);
    cir_image_record_done(&record);
    return status;
}

cir_status cir__seed_photo_take(cir_curation *curation, const char *plan_path, const char *text,
                                const cir_plan_options *options, cir__seed_photo *photo_out, cir_error *err)
{
    *photo_out = (cir__seed_photo){.index_id = -1};
    char *path = find_file(curation, plan_path, text);
    if (path == NULL)
        return cir__fail_memory(err, plan_path);
    cir_status status;
    const bool is_number = text[0] != '\0' && strlen(text) < 16 && text[strspn(text, "0123456789")] == '\0';
    if (is_number && access(path, F_OK) != 0)
        status = options->index != NULL
                     ? take_indexed((size_t)strtoull(text, NULL, 10), options, photo_out, err)
                     : cir__fail(err, CIR_ARGUMENT,
                                 "%s: is the id of an indexed photo, and no index is at hand", text);
    else
        status = take_file(curation, path, options, photo_out, err);
    free(path);
    return status;
}

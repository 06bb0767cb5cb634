#include "model/fingerprint.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

#define WHOLE_BYTES ((size_t)64 << 20)
#define STRIDE_BYTES ((size_t)1 << 20)
#define SAMPLE_BYTES ((size_t)4 << 10)

/* A run of bytes with its length, so that runs cannot flow into each other. */
static void push(cir__hash *hash, const void *bytes, size_t size)
{
    uint64_t length = size;
    cir__hash_push(hash, &length, sizeof length);
    if (size > 0)
        cir__hash_push(hash, bytes, size);
}

static void push_part(cir__hash *hash, const cir__checkpoint_part *part)
{
    const cir__bytes_view *file = &part->file;
    if (file->size <= WHOLE_BYTES) {
        push(hash, file->data, file->size);
        return;
    }
    push(hash, part->header.data, part->header.size);
    for (size_t at = part->first; at < file->size; at += STRIDE_BYTES)
        push(hash, file->data + at, file->size - at < SAMPLE_BYTES ? file->size - at : SAMPLE_BYTES);
}

static void push_weights(cir__hash *hash, const cir__checkpoint *weights)
{
    size_t n;
    const cir__checkpoint_part *parts = cir__checkpoint_parts(weights, &n);
    for (size_t i = 0; i < n; i++)
        push_part(hash, &parts[i]);
}

cir_status cir__fingerprint_make(const cir__source *source, const bool are_read[CIR__N_FILES],
                                 const cir__checkpoint *weights, char text_out[CIR__HASH_TEXT_SIZE],
                                 cir_error *err)
{
    text_out[0] = '\0';
    cir__hash *hash = cir__hash_new();
    if (hash == NULL)
        return cir__fail_memory(err, source->path);
    for (size_t i = 0; i < CIR__N_FILES; i++) {
        const cir__bytes_view *file = cir__source_find(source, i);
        if (file == NULL || !are_read[i])
            continue;
        push(hash, cir__source_file_name(i), strlen(cir__source_file_name(i)));
        if (i == CIR__FILE_WEIGHTS)
            push_weights(hash, weights);
        else
            push(hash, file->data, file->size);
    }
    cir__hash_format(hash, text_out);
    cir__hash_free(hash);
    return CIR_OK;
}

bool cir__fingerprint_files(const cir__checkpoint *weights, char text_out[CIR__HASH_TEXT_SIZE])
{
    size_t n;
    const cir__checkpoint_part *parts = cir__checkpoint_parts(weights, &n);
    cir__hash *hash = cir__hash_new();
    bool are_files = hash != NULL;

    text_out[0] = '\0';
    for (size_t i = 0; i < n && are_files; i++) {
        struct stat facts;
        are_files = stat(parts[i].file.name, &facts) == 0;
        if (!are_files)
            break;
        const int64_t numbers[] = {(int64_t)facts.st_dev,          (int64_t)facts.st_ino,
                                   (int64_t)facts.st_size,         (int64_t)facts.st_mtim.tv_sec,
                                   (int64_t)facts.st_mtim.tv_nsec, (int64_t)facts.st_ctim.tv_sec,
                                   (int64_t)facts.st_ctim.tv_nsec};
        push(hash, numbers, sizeof numbers);
    }
    if (are_files)
        cir__hash_format(hash, text_out);
    cir__hash_free(hash);
    return are_files;
}

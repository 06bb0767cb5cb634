#include "index/update/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

#define MAX_FILE_BYTES ((size_t)2 << 30) /* no photo; keeps memory bounded */

/* Models of which the file's content needs a feature that the row does not have. */
static cir__encoder_set find_needed(const cir__job *job, const cir__job_settings *settings)
{
    cir__encoder_set all = cir__encoders_all(settings->encoders);
    if (!job->has_row || !job->row.has_hash || memcmp(job->row.hash, job->hash, CIR__HASH_SIZE) != 0)
        return all;
    if (job->row.is_failed)
        return settings->retry_failed ? all : 0;
    return all & ~job->has_features;
}

/* The tensors of the encoders in decoded. */
static cir_status decode(cir__job *job, const cir__job_settings *settings, const uint8_t *bytes, size_t size)
{
    const cir__encoders *encoders = settings->encoders;
    cir_image image = {0};
    if (size == 0)
        return cir__fail(&job->why, CIR_FORMAT, "%s: is empty; copy it again", job->path);
    cir_status status = encoders->read(encoders->context, bytes, size, job->path, settings->image, &image,
                                       &job->facts, &job->why);
    for (size_t i = 0; status == CIR_OK && i < encoders->n; i++)
        if ((job->decoded >> i & 1) != 0)
            status =
                encoders->items[i].prepare(encoders->items[i].context, &image, job->tensors[i], &job->why);
    cir_image_done(&image);
    return status;
}

static void decode_or_leave(cir__job *job, const cir__job_settings *settings, const uint8_t *bytes,
                            size_t size)
{
    const cir_status status = decode(job, settings, bytes, size);
    if (status == CIR_OK)
        job->result = CIR__JOB_DECODED;
    /* Not the picture's fault: as if it could not be read, it is tried again by the next update. */
    if (status == CIR_NO_MEMORY)
        job->has_hash = false;
}

static void start(cir__job *job)
{
    job->result = CIR__JOB_FAILED;
    job->has_hash = false;
    job->decoded = 0;
    job->facts = (cir_image_facts){.taken_at = INT64_MIN};
}

/* Reads and hashes the file; *bytes_out: free(). */
static cir_status read_file(cir__job *job, uint8_t **bytes_out, size_t *size_out)
{
    cir_status status = cir__file_read(job->path, MAX_FILE_BYTES, bytes_out, size_out, &job->why);
    if (status != CIR_OK)
        return status;
    cir__hash128(*bytes_out, *size_out, job->hash);
    job->has_hash = true;
    return CIR_OK;
}

void cir__job_run(cir__job *job, const cir__job_settings *settings)
{
    start(job);
    if (job->errno_value != 0) {
        cir__fail_errno(&job->why, job->errno_value, "%s: cannot be examined", job->path);
        return;
    }
    uint8_t *bytes;
    size_t size;
    if (read_file(job, &bytes, &size) != CIR_OK)
        return;
    cir__encoder_set needed = find_needed(job, settings);
    if (needed != 0)
        job->decoded = needed & ~settings->find_known(settings->context, job);
    if (needed == 0)
        job->result = CIR__JOB_SAME;
    else if (job->decoded == 0)
        job->result = CIR__JOB_KNOWN;
    else
        decode_or_leave(job, settings, bytes, size);
    free(bytes);
}

void cir__job_run_again(cir__job *job, const cir__job_settings *settings, size_t i_encoder)
{
    uint8_t *bytes;
    size_t size;
    start(job);
    if (read_file(job, &bytes, &size) != CIR_OK)
        return;
    job->decoded = (cir__encoder_set)1 << i_encoder;
    decode_or_leave(job, settings, bytes, size);
    free(bytes);
}

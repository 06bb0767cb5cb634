#include "index/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

#define MAX_FILE_BYTES ((size_t)2 << 30) /* no photo; keeps memory bounded */

/* Whether the row needs nothing but its file's new facts. */
static bool is_same(const cir__job *job, bool retries_failed)
{
    if (!job->has_row || !job->row.has_hash || memcmp(job->row.hash, job->hash, CIR__HASH_SIZE) != 0)
        return false;
    return job->row.is_failed ? !retries_failed : job->has_feature;
}

void cir__job_run(cir__job *job, const cir__job_settings *settings, bool decodes)
{
    job->result = CIR__JOB_FAILED;
    job->has_hash = false;
    job->facts = (cir_image_facts){.taken_at = INT64_MIN};
    if (job->errno_value != 0) {
        cir__fail_errno(&job->why, job->errno_value, "%s: cannot be examined", job->path);
        return;
    }
    uint8_t *bytes;
    size_t size;
    if (cir__file_read(job->path, MAX_FILE_BYTES, &bytes, &size, &job->why) != CIR_OK)
        return;
    cir__hash128(bytes, size, job->hash);
    job->has_hash = true;
    if (!decodes && is_same(job, settings->retries_failed))
        job->result = CIR__JOB_SAME;
    else if (!decodes && settings->is_known(settings->context, job))
        job->result = CIR__JOB_KNOWN;
    else if (size == 0)
        cir__fail(&job->why, CIR_FORMAT, "%s: is empty; copy it again", job->path);
    else if (settings->encoder->prepare(settings->encoder->context, bytes, size, job->path, settings->image,
                                        job->tensor, &job->facts, &job->why) == CIR_OK)
        job->result = CIR__JOB_DECODED;
    free(bytes);
}

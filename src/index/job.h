/* One file that an update has to look into: read, hashed, and, unless its content is known, decoded. Runs on
 * a decoding thread and knows neither catalogue nor vectors. */
#ifndef CIR_INDEX_JOB_H
#define CIR_INDEX_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"
#include "cir/status.h"
#include "index/encoder.h"
#include "index/rows.h"

typedef enum cir__job_result {
    CIR__JOB_SAME,    /* the content is the row's, which needs nothing */
    CIR__JOB_KNOWN,   /* some other row has a feature of this content */
    CIR__JOB_DECODED, /* tensor and facts are set */
    CIR__JOB_FAILED   /* why says why */
} cir__job_result;

typedef struct cir__job {
    /* Asked. */
    char *path; /* absolute; owned, kept from job to job */
    size_t path_capacity;
    uint64_t size_bytes;
    int64_t modified_ns;
    int errno_value;  /* the file cannot be examined: nothing to read */
    bool has_row;     /* the catalogue knows the path */
    bool has_feature; /* and the model has a feature of it */
    cir__row row;

    /* Answered. */
    cir__job_result result;
    bool has_hash;
    uint8_t hash[CIR__HASH_SIZE];
    cir_image_facts facts;
    float *tensor; /* [tensor_floats], kept from job to job */
    cir_error why;
} cir__job;

/* Whether another row than the job's has a feature of this content. Called on decoding threads. */
typedef bool cir__job_is_known(void *context, const cir__job *job);

/* What all jobs of an update share. */
typedef struct cir__job_settings {
    const cir__encoder *encoder;
    const cir_image_options *image;
    bool retries_failed;
    cir__job_is_known *is_known;
    void *context;
} cir__job_settings;

/* Answers a job; its failure is an answer. decodes: even if the content is known. */
void cir__job_run(cir__job *job, const cir__job_settings *settings, bool decodes);

#endif

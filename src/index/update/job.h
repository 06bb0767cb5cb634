/* One file that an update has to look into: read, hashed, and, unless its content is known, decoded. Runs on
 * a decoding thread and knows neither catalogue nor vectors. */
#ifndef CIR_INDEX_JOB_H
#define CIR_INDEX_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/image.h"
#include "cir/status.h"
#include "index/store/image_rows.h"
#include "index/update/encoder.h"

typedef enum cir__job_result {
    CIR__JOB_SAME,    /* the content is the row's, which needs nothing */
    CIR__JOB_KNOWN,   /* other rows have all features of this content that the row lacks */
    CIR__JOB_DECODED, /* facts are set, and the tensors of encoders in decoded; others are known */
    CIR__JOB_FAILED   /* why says why */
} cir__job_result;

typedef struct cir__job {
    /* Asked. */
    char *path; /* absolute; owned, kept from job to job */
    size_t path_capacity;
    uint64_t size_bytes;
    int64_t modified_ns;
    uint64_t inode;
    int64_t changed_ns;
    int errno_value;               /* the file cannot be examined: nothing to read */
    bool has_row;                  /* the catalogue knows the path */
    cir__encoder_set has_features; /* and which models have a feature of it */
    cir__row row;

    /* Answered. */
    cir__job_result result;
    bool has_hash;
    uint8_t hash[CIR__HASH_SIZE];
    cir_image_facts facts;
    cir__encoder_set decoded;
    float *tensors[CIR__MAX_ENCODERS]; /* [tensor_floats] each, kept from job to job */
    cir_error why;
} cir__job;

/* Of which models some row has a feature of the job's content. Called on decoding threads. */
typedef cir__encoder_set cir__job_find_known(void *context, const cir__job *job);

/* What all jobs of an update share. */
typedef struct cir__job_settings {
    const cir__encoders *encoders;
    const cir_image_options *image;
    bool retry_failed;
    bool reread; /* every file, whatever its size and times */
    cir__job_find_known *find_known;
    void *context;
} cir__job_settings;

/* Answers a job; its failure is an answer. The picture is decoded at most once. */
void cir__job_run(cir__job *job, const cir__job_settings *settings);

/* Decodes for one encoder, even if the content is known: as if decoded were that one alone. */
void cir__job_run_again(cir__job *job, const cir__job_settings *settings, size_t i_encoder);

#endif

/* A ring of jobs and the threads that run them. Jobs are handed in and taken out in the same order by one
 * thread, whatever the order in which they are done: results do not depend on the number of threads, and
 * memory is bounded by the ring. */
#ifndef CIR_INDEX_PIPELINE_H
#define CIR_INDEX_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/status.h"
#include "index/update/event.h"
#include "index/update/job.h"

typedef struct cir__pipeline cir__pipeline;

/* settings and event must outlive it; the event is signalled when a job is done. Errors: CIR_NO_MEMORY,
 * CIR_IO (no thread). */
CIR_MUST_CHECK cir_status cir__pipeline_new(size_t n_jobs, size_t n_threads,
                                            const cir__job_settings *settings, cir__event *event,
                                            cir__pipeline **pipeline_out, cir_error *err);

/* Waits for the jobs that run; those that wait are never run. NULL is allowed. */
void cir__pipeline_free(cir__pipeline *pipeline);

/* The next job to be filled in, NULL when the ring is full; cir__pipeline_push hands it to the threads. */
cir__job *cir__pipeline_get_free(cir__pipeline *pipeline);
void cir__pipeline_push(cir__pipeline *pipeline);

/* Jobs in the ring, done or not. */
size_t cir__pipeline_n_jobs(const cir__pipeline *pipeline);

/* Job i of those in the ring, the oldest first; NULL while it is not done. */
cir__job *cir__pipeline_find_done(cir__pipeline *pipeline, size_t i);

/* Gives the n oldest, done jobs back. */
void cir__pipeline_drop(cir__pipeline *pipeline, size_t n);

#endif

#include "index/update/pipeline.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

struct cir__pipeline {
    const cir__job_settings *settings;
    cir__event *event;
    cir__job *jobs; /* [n_jobs] */
    size_t n_jobs;
    float *tensors; /* [n_jobs, the encoders' tensors one behind another] */
    pthread_t *threads;
    size_t n_threads;
    size_t first;         /* the feeding thread's: the oldest job, counted from the start of time */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t given;
    size_t end;     /* behind the newest job */
    size_t claimed; /* jobs before it run or are done */
    bool *is_done;  /* [n_jobs] */
    bool is_ending;
};

static void *run(void *argument)
{
    cir__pipeline *pipeline = argument;
    pthread_mutex_lock(&pipeline->lock);
    for (;;) {
        while (!pipeline->is_ending && pipeline->claimed == pipeline->end)
            pthread_cond_wait(&pipeline->given, &pipeline->lock);
        if (pipeline->is_ending)
            break;
        size_t i = pipeline->claimed++ % pipeline->n_jobs;
        pthread_mutex_unlock(&pipeline->lock);
        cir__job_run(&pipeline->jobs[i], pipeline->settings);
        pthread_mutex_lock(&pipeline->lock);
        pipeline->is_done[i] = true;
        pthread_mutex_unlock(&pipeline->lock);
        cir__event_signal(pipeline->event);
        pthread_mutex_lock(&pipeline->lock);
    }
    pthread_mutex_unlock(&pipeline->lock);
    return NULL;
}

static bool make_jobs(cir__pipeline *pipeline, size_t n_jobs, const cir__encoders *encoders)
{
    size_t n_floats;
    size_t tensor_floats = 0;
    for (size_t e = 0; e < encoders->n; e++)
        tensor_floats += encoders->items[e].tensor_floats;
    pipeline->jobs = cir__new(n_jobs, sizeof *pipeline->jobs);
    pipeline->is_done = cir__new(n_jobs, sizeof *pipeline->is_done);
    pipeline->tensors = cir__size_mul(n_jobs, tensor_floats, &n_floats)
                            ? cir__new_unset(n_floats, sizeof *pipeline->tensors)
                            : NULL;
    if (pipeline->jobs == NULL || pipeline->is_done == NULL || pipeline->tensors == NULL)
        return false;
    pipeline->n_jobs = n_jobs;
    float *next = pipeline->tensors;
    for (size_t i = 0; i < n_jobs; i++)
        for (size_t e = 0; e < encoders->n; e++) {
            pipeline->jobs[i].tensors[e] = next;
            next += encoders->items[e].tensor_floats;
        }
    return true;
}

cir_status cir__pipeline_new(size_t n_jobs, size_t n_threads, const cir__job_settings *settings,
                             cir__event *event, cir__pipeline **pipeline_out, cir_error *err)
{
    *pipeline_out = NULL;
    cir__pipeline *pipeline = cir__new(1, sizeof *pipeline);
    if (pipeline == NULL)
        return cir__fail_memory(err, "pictures being read");
    pthread_mutex_init(&pipeline->lock, NULL);
    pthread_cond_init(&pipeline->given, NULL);
    pipeline->settings = settings;
    pipeline->event = event;
    pipeline->threads = cir__new(n_threads, sizeof *pipeline->threads);
    cir_status status = CIR_OK;
    if (pipeline->threads == NULL || !make_jobs(pipeline, n_jobs, settings->encoders))
        status = cir__fail_memory(err, "pictures being read");
    while (status == CIR_OK && pipeline->n_threads < n_threads) {
        int failure = pthread_create(&pipeline->threads[pipeline->n_threads], NULL, run, pipeline);
        if (failure != 0)
            status = cir__fail_errno(err, failure, "pictures being read: a thread cannot be started");
        else
            pipeline->n_threads++;
    }
    if (status != CIR_OK) {
        cir__pipeline_free(pipeline);
        return status;
    }
    *pipeline_out = pipeline;
    return CIR_OK;
}

void cir__pipeline_free(cir__pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    pthread_mutex_lock(&pipeline->lock);
    pipeline->is_ending = true;
    pthread_cond_broadcast(&pipeline->given);
    pthread_mutex_unlock(&pipeline->lock);
    for (size_t i = 0; i < pipeline->n_threads; i++)
        pthread_join(pipeline->threads[i], NULL);
    for (size_t i = 0; i < pipeline->n_jobs; i++)
        free(pipeline->jobs[i].path);
    pthread_cond_destroy(&pipeline->given);
    pthread_mutex_destroy(&pipeline->lock);
    free(pipeline->jobs);
    free(pipeline->is_done);
    free(pipeline->tensors);
    free(pipeline->threads);
    free(pipeline);
}

cir__job *cir__pipeline_get_free(cir__pipeline *pipeline)
{
    return cir__pipeline_n_jobs(pipeline) < pipeline->n_jobs
               ? &pipeline->jobs[pipeline->end % pipeline->n_jobs]
               : NULL;
}

void cir__pipeline_push(cir__pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->is_done[pipeline->end % pipeline->n_jobs] = false;
    pipeline->end++;
    pthread_cond_signal(&pipeline->given);
    pthread_mutex_unlock(&pipeline->lock);
}

size_t cir__pipeline_n_jobs(const cir__pipeline *pipeline)
{
    return pipeline->end - pipeline->first;
}

cir__job *cir__pipeline_find_done(cir__pipeline *pipeline, size_t i)
{
    if (i >= cir__pipeline_n_jobs(pipeline))
        return NULL;
    size_t at = (pipeline->first + i) % pipeline->n_jobs;
    pthread_mutex_lock(&pipeline->lock);
    bool is_done = pipeline->is_done[at];
    pthread_mutex_unlock(&pipeline->lock);
    return is_done ? &pipeline->jobs[at] : NULL;
}

void cir__pipeline_drop(cir__pipeline *pipeline, size_t n)
{
    pipeline->first += n;
}

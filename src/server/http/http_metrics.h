/* What the server counts of itself, in Prometheus' text format. */
#ifndef CIR_SERVER_HTTP_METRICS_H
#define CIR_SERVER_HTTP_METRICS_H

#include <stddef.h>

/* Stages of a request whose durations are kept. */
#define CIR__STAGE_LIST(X)                                                                                   \
    X(CIR__STAGE_QUEUE, "queue")         /* waiting for a worker */                                          \
    X(CIR__STAGE_ENCODE, "encode")       /* photo and words to features */                                   \
    X(CIR__STAGE_SEARCH, "search")       /* the scan, and what is made of it */                              \
    X(CIR__STAGE_THUMBNAIL, "thumbnail") /* made anew */                                                     \
    X(CIR__STAGE_TOTAL, "total")         /* from the last byte of a request to its answer */

typedef enum cir__stage {
#define CIR__STAGE_ENUM(symbol, name) symbol,
    CIR__STAGE_LIST(CIR__STAGE_ENUM)
#undef CIR__STAGE_ENUM
        CIR__N_STAGES
} cir__stage;

typedef struct cir__metrics cir__metrics;

/* route_name: the routes' names by number, NULL behind the last. NULL when out of memory. */
cir__metrics *cir__metrics_new(const char *(*route_name)(size_t i));
void cir__metrics_free(cir__metrics *metrics); /* NULL is allowed */

/* i_route SIZE_MAX: none. Any thread. */
void cir__metrics_count(cir__metrics *metrics, size_t i_route, unsigned status);
void cir__metrics_time(cir__metrics *metrics, cir__stage stage, double seconds);

/* A number to be shown beside what is counted here. is_counter: it only grows. */
typedef struct cir__metric {
    const char *name, *help;
    int is_counter;
    double value;
} cir__metric;

/* The text; free(). NULL when out of memory. */
char *cir__metrics_format(cir__metrics *metrics, const cir__metric *others, size_t n_others,
                          size_t *size_out);

#endif

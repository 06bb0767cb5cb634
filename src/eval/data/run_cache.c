#include "eval/data/run_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

typedef struct entry entry;
struct entry {
    entry *next;
    char *key;
    float *features;
    size_t n;
};

struct cir__run_cache {
    pthread_mutex_t lock;
    entry *first;
};

cir__run_cache *cir__run_cache_new(void)
{
    cir__run_cache *cache = cir__new(1, sizeof *cache);

    if (cache != NULL && pthread_mutex_init(&cache->lock, NULL) == 0)
        return cache;
    free(cache);
    return NULL;
}

void cir__run_cache_free(cir__run_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->first != NULL) {
        entry *const gone = cache->first;
        cache->first = gone->next;
        free(gone->key);
        free(gone->features);
        free(gone);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static entry *find(const cir__run_cache *cache, const char *key)
{
    entry *at = cache->first;

    while (at != NULL && strcmp(at->key, key) != 0)
        at = at->next;
    return at;
}

const float *cir__run_cache_find(cir__run_cache *cache, const char *key, size_t *n_out)
{
    pthread_mutex_lock(&cache->lock);
    const entry *const found = find(cache, key);
    pthread_mutex_unlock(&cache->lock);
    *n_out = found != NULL ? found->n : 0;
    return found != NULL ? found->features : NULL; /* entries never change nor go */
}

cir_status cir__run_cache_put(cir__run_cache *cache, const char *key, float *features, size_t n,
                              cir_error *err)
{
    entry *made = cir__new(1, sizeof *made);
    char *copy = cir__copy_text(key);

    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        free(features);
        return cir__fail_memory(err, "features of a run");
    }
    pthread_mutex_lock(&cache->lock);
    *made = (entry){.next = cache->first, .key = copy, .features = features, .n = n};
    /* Two runs may have made the same: the older one may be in use, and is found later in the list. */
    cache->first = made;
    pthread_mutex_unlock(&cache->lock);
    return CIR_OK;
}

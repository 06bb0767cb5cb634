#include "eval/data/kept.h"

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

struct cir__kept {
    pthread_mutex_t lock;
    entry *first;
};

cir__kept *cir__kept_new(void)
{
    cir__kept *kept = cir__new(1, sizeof *kept);

    if (kept != NULL && pthread_mutex_init(&kept->lock, NULL) == 0)
        return kept;
    free(kept);
    return NULL;
}

void cir__kept_free(cir__kept *kept)
{
    if (kept == NULL)
        return;
    while (kept->first != NULL) {
        entry *const gone = kept->first;
        kept->first = gone->next;
        free(gone->key);
        free(gone->features);
        free(gone);
    }
    pthread_mutex_destroy(&kept->lock);
    free(kept);
}

static entry *find(const cir__kept *kept, const char *key)
{
    entry *at = kept->first;

    while (at != NULL && strcmp(at->key, key) != 0)
        at = at->next;
    return at;
}

const float *cir__kept_find(cir__kept *kept, const char *key, size_t *n_out)
{
    pthread_mutex_lock(&kept->lock);
    const entry *const found = find(kept, key);
    pthread_mutex_unlock(&kept->lock);
    *n_out = found != NULL ? found->n : 0;
    return found != NULL ? found->features : NULL; /* entries never change nor go */
}

cir_status cir__kept_put(cir__kept *kept, const char *key, float *features, size_t n, cir_error *err)
{
    entry *made = cir__new(1, sizeof *made);
    char *copy = cir__copy_text(key);

    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        free(features);
        return cir__fail_memory(err, "features of a run");
    }
    pthread_mutex_lock(&kept->lock);
    *made = (entry){.next = kept->first, .key = copy, .features = features, .n = n};
    /* Two runs may have made the same: the older one may be in use, and is found later in the list. */
    kept->first = made;
    pthread_mutex_unlock(&kept->lock);
    return CIR_OK;
}

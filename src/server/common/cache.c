#include "server/common/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

cir__blob *cir__blob_new(const void *bytes, size_t size)
{
    if (size > SIZE_MAX - sizeof(cir__blob))
        return NULL;
    cir__blob *blob = malloc(sizeof *blob + size);
    if (blob == NULL)
        return NULL;
    atomic_init(&blob->n_owners, 1);
    blob->size = size;
    if (bytes != NULL && size > 0)
        memcpy(blob->data, bytes, size);
    return blob;
}

cir__blob *cir__blob_share(cir__blob *blob)
{
    atomic_fetch_add(&blob->n_owners, 1);
    return blob;
}

void cir__blob_drop(cir__blob *blob)
{
    if (blob != NULL && atomic_fetch_sub(&blob->n_owners, 1) == 1)
        free(blob);
}

/* An item is a link of the order of use. */
typedef struct item {
    GList link;
    char *key;
    cir__blob *blob;
    size_t n_bytes; /* with what keeping it costs */
} item;

struct cir__cache {
    pthread_mutex_t lock;
    GHashTable *items;
    GQueue order; /* the latest first */
    size_t max_bytes;
    cir__cache_facts facts;
};

cir__cache *cir__cache_new(size_t max_bytes)
{
    cir__cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    cache->items = g_hash_table_new(g_str_hash, g_str_equal);
    g_queue_init(&cache->order);
    cache->max_bytes = max_bytes;
    return cache;
}

static void remove_item(cir__cache *cache, item *one)
{
    g_hash_table_remove(cache->items, one->key);
    g_queue_unlink(&cache->order, &one->link);
    cache->facts.n_items--;
    cache->facts.n_bytes -= one->n_bytes;
    cir__blob_drop(one->blob);
    free(one->key);
    free(one);
}

void cir__cache_free(cir__cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->order.head != NULL)
        remove_item(cache, cache->order.head->data);
    g_hash_table_destroy(cache->items);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

cir__blob *cir__cache_find(cir__cache *cache, const char *key)
{
    cir__blob *blob = NULL;
    pthread_mutex_lock(&cache->lock);
    item *one = g_hash_table_lookup(cache->items, key);
    if (one != NULL) {
        g_queue_unlink(&cache->order, &one->link);
        g_queue_push_head_link(&cache->order, &one->link);
        blob = cir__blob_share(one->blob);
        cache->facts.n_hits++;
    } else {
        cache->facts.n_misses++;
    }
    pthread_mutex_unlock(&cache->lock);
    return blob;
}

void cir__cache_put(cir__cache *cache, const char *key, cir__blob *blob)
{
    enum { COST = 128 }; /* of an item beside key and bytes, about */
    item *made = calloc(1, sizeof *made);
    char *name = strdup(key);
    if (made == NULL || name == NULL || blob->size > cache->max_bytes / 4) {
        free(made);
        free(name);
        return;
    }
    *made = (item){.key = name, .blob = cir__blob_share(blob), .n_bytes = COST + strlen(key) + blob->size};
    made->link.data = made;
    pthread_mutex_lock(&cache->lock);
    item *before = g_hash_table_lookup(cache->items, key);
    if (before != NULL)
        remove_item(cache, before);
    while (cache->order.tail != NULL && cache->facts.n_bytes + made->n_bytes > cache->max_bytes)
        remove_item(cache, cache->order.tail->data);
    g_hash_table_insert(cache->items, name, made);
    g_queue_push_head_link(&cache->order, &made->link);
    cache->facts.n_items++;
    cache->facts.n_bytes += made->n_bytes;
    pthread_mutex_unlock(&cache->lock);
}

cir__cache_facts cir__cache_get_facts(cir__cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    cir__cache_facts facts = cache->facts;
    pthread_mutex_unlock(&cache->lock);
    return facts;
}

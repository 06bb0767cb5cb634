#include "retrieval/lru.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

bool cir__lru_init(cir__lru *lru, size_t capacity, void (*free_value)(void *value))
{
    *lru = (cir__lru){.free_value = free_value, .capacity = capacity};
    lru->items = calloc(capacity, sizeof *lru->items);
    if (lru->items == NULL)
        return false;
    pthread_mutex_init(&lru->lock, NULL);
    return true;
}

/* Under the lock. */
static void drop(const cir__lru *lru, cir__lru_item *item)
{
    if (item == NULL || --item->n_users > 0)
        return;
    lru->free_value(item->value);
    free(item->key);
    free(item);
}

void cir__lru_done(cir__lru *lru)
{
    if (lru->items == NULL)
        return;
    for (size_t i = 0; i < lru->capacity; i++)
        drop(lru, lru->items[i]);
    free(lru->items);
    pthread_mutex_destroy(&lru->lock);
    *lru = (cir__lru){0};
}

/* Under the lock: puts it first; what was before it moves to place i. */
static void put_first(cir__lru *lru, cir__lru_item *item, size_t i)
{
    memmove(&lru->items[1], &lru->items[0], i * sizeof *lru->items);
    lru->items[0] = item;
}

cir__lru_item *cir__lru_find(cir__lru *lru, const char *key)
{
    cir__lru_item *found = NULL;

    pthread_mutex_lock(&lru->lock);
    for (size_t i = 0; i < lru->capacity && lru->items[i] != NULL && found == NULL; i++)
        if (strcmp(lru->items[i]->key, key) == 0) {
            found = lru->items[i];
            put_first(lru, found, i);
            found->n_users++;
        }
    pthread_mutex_unlock(&lru->lock);
    return found;
}

cir__lru_item *cir__lru_put(cir__lru *lru, char *key, void *value, bool is_kept)
{
    cir__lru_item *made = malloc(sizeof *made);
    if (made == NULL) {
        lru->free_value(value);
        free(key);
        return NULL;
    }
    *made = (cir__lru_item){key, value, is_kept ? 2 : 1};
    if (!is_kept)
        return made;
    pthread_mutex_lock(&lru->lock);
    drop(lru, lru->items[lru->capacity - 1]);
    put_first(lru, made, lru->capacity - 1);
    pthread_mutex_unlock(&lru->lock);
    return made;
}

void cir__lru_return(cir__lru *lru, cir__lru_item *item)
{
    if (item == NULL)
        return;
    pthread_mutex_lock(&lru->lock);
    drop(lru, item);
    pthread_mutex_unlock(&lru->lock);
}

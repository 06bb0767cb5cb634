/* Values by key, made once and shared by whoever asks; of so many, those that were asked for longest ago go once
 * nobody uses them. Used by any number of threads. */
#ifndef CIR_RETRIEVAL_LRU_H
#define CIR_RETRIEVAL_LRU_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct cir__lru_item {
    char *key;
    void *value;
    size_t n_users; /* the list counts as one */
} cir__lru_item;

typedef struct cir__lru {
    pthread_mutex_t lock;
    void (*free_value)(void *value);
    size_t capacity;
    cir__lru_item **items; /* [capacity], the latest first, NULL behind the last */
} cir__lru;

/* capacity ≥ 1. false: memory. End with cir__lru_done, which a zeroed one is fit for too. */
bool cir__lru_init(cir__lru *lru, size_t capacity, void (*free_value)(void *value));
void cir__lru_done(cir__lru *lru); /* nobody uses an item any more */

/* NULL: there is none. Give an item back with cir__lru_return. */
cir__lru_item *cir__lru_find(cir__lru *lru, const char *key);

/* Takes key (from malloc) and value over, also where it fails; the item is the caller's to give back, and goes then
 * unless is_kept. NULL: memory. */
cir__lru_item *cir__lru_put(cir__lru *lru, char *key, void *value, bool is_kept);
void cir__lru_return(cir__lru *lru, cir__lru_item *item); /* NULL is allowed */

#endif

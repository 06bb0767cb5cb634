#include "image/gate.h"

void cir__gate_init(cir__gate *gate, size_t room_bytes)
{
    *gate = (cir__gate){.room_bytes = room_bytes};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->left, NULL);
}

void cir__gate_done(cir__gate *gate)
{
    pthread_cond_destroy(&gate->left);
    pthread_mutex_destroy(&gate->lock);
}

void cir__gate_enter(cir__gate *gate, size_t n_bytes)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->used_bytes > 0 &&
           (gate->used_bytes >= gate->room_bytes || n_bytes > gate->room_bytes - gate->used_bytes))
        pthread_cond_wait(&gate->left, &gate->lock);
    gate->used_bytes += n_bytes;
    pthread_mutex_unlock(&gate->lock);
}

void cir__gate_leave(cir__gate *gate, size_t n_bytes)
{
    pthread_mutex_lock(&gate->lock);
    gate->used_bytes -= n_bytes;
    pthread_cond_broadcast(&gate->left);
    pthread_mutex_unlock(&gate->lock);
}

#include "cli/common/shortage.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "shared/json_encode.h"

/* Enough for the small things of a computation that has begun; the next one is refused by the library. */
#define N_PIECES 16
#define PIECE_BYTES ((size_t)1 << 20)

/* So often in one second asks who wants more than there will ever be. */
#define MAX_IN_A_SECOND 100

typedef void new_handler(void);
typedef new_handler *set_new_handler_function(new_handler *handler);

static set_new_handler_function *set_new_handler; /* C++'s, whose name is its own */
static _Atomic(void *) pieces[N_PIECES];          /* address space alone: no page of it is touched */

static bool is_asking_for_ever(void)
{
    static _Thread_local time_t second;
    static _Thread_local unsigned n;
    const time_t now = time(NULL);
    n = now == second ? n + 1 : 0;
    second = now;
    return n > MAX_IN_A_SECOND;
}

static void fill_up(void)
{
    for (size_t i = 0; i < N_PIECES; i++) {
        void *missing = NULL;
        void *piece = atomic_load(&pieces[i]) == NULL ? malloc(PIECE_BYTES) : NULL;
        if (piece != NULL && !atomic_compare_exchange_strong(&pieces[i], &missing, piece))
            free(piece);
    }
}

static bool give_piece(void)
{
    for (size_t i = 0; i < N_PIECES; i++) {
        void *piece = atomic_exchange(&pieces[i], NULL);
        free(piece);
        if (piece != NULL)
            return true;
    }
    return false;
}

/* Called by C++ where memory is refused; when it returns, memory is asked for again. */
static void give_reserve(void)
{
    if (give_piece() && !is_asking_for_ever())
        return;
    fill_up(); /* the shortage may have been over for long */
    if (is_asking_for_ever() || !give_piece())
        (void)set_new_handler(NULL); /* it is gone: bad_alloc */
}

void cir__shortage_prepare(void)
{
    cir__json_watch_memory();
    *(void **)&set_new_handler = dlsym(RTLD_DEFAULT, "_ZSt15set_new_handlerPFvvE");
    if (set_new_handler == NULL)
        return;
    fill_up();
    (void)set_new_handler(give_reserve);
}

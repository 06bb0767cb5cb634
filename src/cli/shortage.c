#include "cli/shortage.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "server/json.h"

/* Enough for the small things of a computation that has begun; the next one is refused by the library. */
#define RESERVE_BYTES ((size_t)16 << 20)

typedef void new_handler(void);
typedef new_handler *set_new_handler_function(new_handler *handler);

static set_new_handler_function *set_new_handler; /* C++'s, whose name is its own */
static _Atomic(void *) reserve;

/* Called by C++ where memory is refused; when it returns, memory is asked for again. */
static void give_reserve(void)
{
    void *given = atomic_exchange(&reserve, NULL);
    if (given == NULL)
        (void)set_new_handler(NULL); /* it is gone: bad_alloc */
    free(given);
}

void cir__shortage_prepare(void)
{
    cir__json_watch_memory();
    *(void **)&set_new_handler = dlsym(RTLD_DEFAULT, "_ZSt15set_new_handlerPFvvE");
    if (set_new_handler == NULL)
        return;
    atomic_store(&reserve, malloc(RESERVE_BYTES)); /* address space alone: no page of it is touched */
    (void)set_new_handler(give_reserve);
}

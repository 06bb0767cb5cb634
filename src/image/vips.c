#include "image/vips.h"

#include <pthread.h>
#include <stdbool.h>

#include <vips/vips.h>

#include "base/error.h"
#include "base/memory.h"

/* What GLib and the codecs take for one picture beside its pixels, on a thread that has taken nothing yet;
 * and what libvips takes to start, with its modules. Refused the least of it, GLib ends the process. */
#define ROOM_BYTES ((size_t)96 << 20)
#define START_ROOM_BYTES ((size_t)192 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_started;

static void ignore_log(const char *domain, GLogLevelFlags level, const char *message, void *data)
{
    (void)domain;
    (void)level;
    (void)message;
    (void)data;
}

static void start(void)
{
    static const char *const wanted[] = {"VipsForeignLoadJpeg",  "VipsForeignLoadPng",
                                         "VipsForeignLoadWebp",  "VipsForeignLoadTiff",
                                         "VipsForeignLoadNsgif", "VipsForeignLoadHeif"};
    if (VIPS_INIT("cir") != 0) {
        vips_error_clear();
        return;
    }
    /* The caller's pool already keeps every core busy with pictures. */
    vips_concurrency_set(1);
    /* The cache would keep operations whose bytes have long been freed. */
    vips_cache_set_max(0);
    /* Loaders are called by name, so these only make sure: a picture must never reach PDF, SVG or
     * ImageMagick. */
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        vips_operation_block_set(wanted[i], FALSE);
    /* libvips writes what the codecs grumble about to standard error; a library does not print. */
    g_log_set_handler("VIPS", G_LOG_LEVEL_MASK, ignore_log, NULL);
    is_started = true;
}

cir_status cir__vips_start(cir_error *err)
{
    /* The only state of the library that is the process' own, because libvips' is: its start is not
     * thread-safe and may happen once only. It is never shut down: others in the process may be using it too.
     */
    pthread_mutex_lock(&lock);
    const bool has_room = cir__memory_has_room(is_started ? ROOM_BYTES : START_ROOM_BYTES);
    if (!is_started && has_room)
        start();
    const bool is_ready = is_started;
    pthread_mutex_unlock(&lock);
    if (!has_room)
        return cir__fail_memory(err, "decoding");
    if (!is_ready)
        return cir__fail(err, CIR_UNSUPPORTED, "libvips: does not start; reinstall it (Debian: libvips42)");
    return CIR_OK;
}

void cir__vips_leave(void)
{
    vips_error_clear();
    vips_thread_shutdown();
}

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
static size_t n_inside; /* pieces of work under way */

static _Thread_local bool is_inside; /* between cir__vips_start and cir__vips_leave */

/* What codecs grumble about in a picture of ours is told nobody; what others do is as without this. */
static void log_of_others(const char *domain, GLogLevelFlags level, const char *message, void *data)
{
    if (!is_inside)
        g_log_default_handler(domain, level, message, data);
}

/* Loaders, and what they wrap pictures in. In libvips' cache they would hold rows
 * of pictures that are done, in the place of the host's own, though nobody can ask for them again: each has
 * an input of its own. */
static const char *const uncached[] = {"VipsSequential",
                                       "VipsLineCache",
                                       "VipsTileCache",
                                       "VipsExtractArea",
                                       "VipsCrop", /* which takes on what that is set to when first used */
                                       "VipsCast",
                                       "VipsForeignLoadJpegBuffer",
                                       "VipsForeignLoadPngBuffer",
                                       "VipsForeignLoadWebpBuffer",
                                       "VipsForeignLoadTiffBuffer",
                                       "VipsForeignLoadNsgifBuffer",
                                       "VipsForeignLoadHeifBuffer"};
enum { N_UNCACHED = sizeof uncached / sizeof uncached[0] };
static VipsOperationClass *classes[N_UNCACHED]; /* NULL: not in this libvips, or never cached */

static void find_classes(void)
{
    for (size_t i = 0; i < N_UNCACHED; i++) {
        const GType type = g_type_from_name(uncached[i]);
        VipsOperationClass *class = type != 0 ? g_type_class_ref(type) : NULL; /* never unloaded */
        classes[i] = class != NULL && (class->flags & VIPS_OPERATION_NOCACHE) == 0 ? class : NULL;
    }
}

/* Only while there is work here: libvips knows no smaller scope than the class. */
static void keep_out_of_cache(bool keeps_out)
{
    for (size_t i = 0; i < N_UNCACHED; i++)
        if (classes[i] != NULL && keeps_out)
            classes[i]->flags |= VIPS_OPERATION_NOCACHE;
        else if (classes[i] != NULL)
            classes[i]->flags &= ~(unsigned)VIPS_OPERATION_NOCACHE;
}

/* Nothing else of libvips' is set: concurrency, cache, blocked loaders and errors are the host's. A picture
 * never reaches PDF, SVG or ImageMagick, as loaders are called by name. */
static void start(void)
{
    const bool is_first = g_type_from_name("VipsImage") == 0;
    if (VIPS_INIT("cir") != 0) {
        vips_error_clear();
        return;
    }
    find_classes();
    /* A library does not print. Who has started libvips before has the say on its log; who does later may set
     * a handler too, which then goes before this one. */
    if (is_first)
        g_log_set_handler("VIPS", G_LOG_LEVEL_MASK, log_of_others, NULL);
    is_started = true;
}

cir_status cir__vips_start(cir_error *err)
{
    /* The only state of the library that is the process' own, because libvips' is: its start is not
     * thread-safe and may happen once only. It is never shut down: others in the process may be using it
     * too. */
    pthread_mutex_lock(&lock);
    const bool has_room = cir__memory_has_room(is_started ? ROOM_BYTES : START_ROOM_BYTES);
    if (!is_started && has_room)
        start();
    const bool is_ready = is_started;
    if (is_ready && has_room && n_inside++ == 0)
        keep_out_of_cache(true);
    pthread_mutex_unlock(&lock);
    if (!has_room)
        return cir__fail_memory(err, "decoding");
    if (!is_ready)
        return cir__fail(err, CIR_UNSUPPORTED, "libvips: does not start; reinstall it (Debian: libvips42)");
    /* Its text of errors is one for the process, and may hold the host's. */
    vips_error_freeze();
    is_inside = true;
    return CIR_OK;
}

void cir__vips_leave(void)
{
    is_inside = false;
    vips_error_thaw();
    pthread_mutex_lock(&lock);
    if (--n_inside == 0)
        keep_out_of_cache(false);
    pthread_mutex_unlock(&lock);
}

/* A host that has libvips, OpenBLAS and settings of its own, and uses the library: before, while and after it
 * does, all that belongs to the process is the host's.
 *   guest_host before|after      libvips is started before the library is used, or after */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cblas.h>
#include <fenv.h>
#include <ftw.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vips/vips.h>

#include "cir/cir.h"

enum { HOST_MASK = 027, HOST_BLAS_THREADS = 3, HOST_VIPS_THREADS = 5, HOST_CACHE = 7, N_SIGNALS = 32 };

static bool starts_before;
static char folder[] = "/tmp/cir-guest-XXXXXX";
static atomic_int n_umask, n_folders, n_messages, n_messages_elsewhere;

/* The host's come before the C library's: whoever in the process calls them is counted. */
mode_t umask(mode_t mask)
{
    atomic_fetch_add(&n_umask, 1);
    return (mode_t)syscall(SYS_umask, mask);
}

int chdir(const char *path)
{
    atomic_fetch_add(&n_folders, 1);
    return (int)syscall(SYS_chdir, path);
}

static void count_message(const char *domain, GLogLevelFlags level, const char *message, void *data)
{
    (void)domain;
    (void)level;
    (void)message;
    atomic_fetch_add((atomic_int *)data, 1);
}

static char *path_of(const char *name)
{
    static _Thread_local char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *picture_path(const char *name)
{
    static _Thread_local char path[1024];
    (void)snprintf(path, sizeof path, "%s/image/%s", getenv("CIR_TEST_DATA"), name);
    return path;
}

/* What belongs to the process, as far as there is a way to ask for it. */
typedef struct process {
    struct sigaction actions[N_SIGNALS];
    sigset_t blocked;
    char locale[256], place[1024];
    int rounding, blas_threads;
    unsigned control; /* of the processor's arithmetic */
    int vips_threads, cache_max, cache_max_files, cache_size;
    size_t cache_max_bytes;
    char vips_errors[256];
    GLogLevelFlags always_fatal;
} process;

static void look(process *now)
{
    memset(now, 0, sizeof *now);
    for (int i = 1; i < N_SIGNALS; i++)
        (void)sigaction(i, NULL, &now->actions[i]);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &now->blocked);
    (void)snprintf(now->locale, sizeof now->locale, "%s", setlocale(LC_ALL, NULL));
    assert_non_null(getcwd(now->place, sizeof now->place));
    now->rounding = fegetround();
#ifdef __SSE2__
    now->control = __builtin_ia32_stmxcsr() & ~0x3fU;
#endif
    now->blas_threads = openblas_get_num_threads();
    now->always_fatal = g_log_set_always_fatal(G_LOG_FATAL_MASK);
    (void)g_log_set_always_fatal(now->always_fatal);
    if (g_type_from_name("VipsImage") == 0)
        return;
    now->vips_threads = vips_concurrency_get();
    now->cache_max = vips_cache_get_max();
    now->cache_max_files = vips_cache_get_max_files();
    now->cache_max_bytes = vips_cache_get_max_mem();
    now->cache_size = vips_cache_get_size();
    (void)snprintf(now->vips_errors, sizeof now->vips_errors, "%s", vips_error_buffer());
}

static void assert_untouched(const process *before)
{
    process now;
    look(&now);
    for (int i = 1; i < N_SIGNALS; i++) {
        assert_true(now.actions[i].sa_handler == before->actions[i].sa_handler);
        assert_int_equal(now.actions[i].sa_flags, before->actions[i].sa_flags);
    }
    for (int i = 1; i < N_SIGNALS; i++)
        assert_int_equal(sigismember(&now.blocked, i), sigismember(&before->blocked, i));
    assert_string_equal(now.locale, before->locale);
    assert_string_equal(now.place, before->place);
    assert_int_equal(now.rounding, before->rounding);
    assert_int_equal(now.control, before->control);
    assert_int_equal(now.blas_threads, before->blas_threads);
    assert_int_equal(now.always_fatal, before->always_fatal);
    assert_int_equal(now.vips_threads, before->vips_threads);
    assert_int_equal(now.cache_max, before->cache_max);
    assert_int_equal(now.cache_max_files, before->cache_max_files);
    assert_int_equal(now.cache_max_bytes, before->cache_max_bytes);
    assert_int_equal(now.cache_size, before->cache_size);
    assert_string_equal(now.vips_errors, before->vips_errors);
    assert_int_equal(atomic_load(&n_umask), 0);
    assert_int_equal(atomic_load(&n_folders), 0);
}

/* Reads a kind of picture that the library never does. */
static bool read_own_picture(void)
{
    VipsImage *table = NULL;
    double mean = 0;
    const bool is_read =
        vips_csvload(path_of("own.csv"), &table, NULL) == 0 && vips_avg(table, &mean, NULL) == 0;
    g_clear_object(&table);
    return is_read && mean > 2.4 && mean < 2.6;
}

/* What the host's own use of libvips shows. */
static void use_vips(void)
{
    FILE *file = fopen(path_of("own.csv"), "w");
    assert_non_null(file);
    assert_true(fputs("1 2\n3 4\n", file) >= 0 && fclose(file) == 0);
    assert_true(read_own_picture());
    const int n_before = atomic_load(&n_messages);
    g_log("VIPS", G_LOG_LEVEL_WARNING, "the host's own");
    assert_int_equal(atomic_load(&n_messages), n_before + 1);
}

static void set_up_vips(void)
{
    assert_int_equal(VIPS_INIT("guest_host"), 0);
    g_log_set_handler("VIPS", G_LOG_LEVEL_MASK, count_message, &n_messages);
}

typedef struct own_work {
    atomic_bool is_over;
    atomic_int n_wrong, n_rounds;
} own_work;

/* The host at work while the library is. */
static void *work_on(void *context)
{
    own_work *const self = context;
    const double a[4] = {1, 2, 3, 4};
    while (!atomic_load(&self->is_over)) {
        double c[4] = {0};
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 2, 2, 2, 1.0, a, 2, a, 2, 0.0, c, 2);
        bool is_right = c[0] > 6.9 && c[0] < 7.1 && c[3] > 21.9 && c[3] < 22.1;
        is_right = is_right &&
                   (!starts_before || (read_own_picture() && vips_concurrency_get() == HOST_VIPS_THREADS &&
                                       vips_cache_get_max() == HOST_CACHE));
        if (!is_right)
            atomic_fetch_add(&self->n_wrong, 1);
        atomic_fetch_add(&self->n_rounds, 1);
    }
    return NULL;
}

#define CHECK(call)                                                                                          \
    do {                                                                                                     \
        if ((call) != CIR_OK)                                                                                \
            fail_msg("%s", err.message);                                                                     \
    } while (0)

/* A damaged picture, pictures of all kinds, an index of them, a search by photo and words, a picture
 * written. */
static void use_library(void)
{
    static const char *const pictures[] = {"rgb420.jpg",   "rgba16.png",     "lossless.webp",
                                           "lzw.tif",      "tiles.tif",      "offset.gif",
                                           "picture.heic", "interlaced.png", "lossy.webp"};
    static const char broken[] = "\xff\xd8\xff\xe0\0\20JFIF and no more";
    const char *const photo = picture_path("rgb420.jpg");
    char index_path[300], *copied = strdup(photo);
    cir_error err;
    cir_pool *pool;
    cir_model *model;
    cir_index *index;
    cir_composer *composer;
    cir_composed query;
    cir_settings settings;
    cir_image image;
    assert_non_null(copied);
    assert_int_equal(cir_image_parse(broken, sizeof broken, "broken", NULL, &image, NULL, &err), CIR_FORMAT);
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        uint8_t *jpeg;
        size_t size;
        CHECK(cir_image_read(picture_path(pictures[i]), NULL, &image, NULL, &err));
        CHECK(cir_image_format_jpeg(&image, 80, &jpeg, &size, &err));
        cir_bytes_free(jpeg);
        cir_image_done(&image);
    }
    CHECK(cir_pool_new(3, &pool, &err));
    CHECK(cir_model_open(CIR_MODEL_DEMO, NULL, &model, &err));
    (void)snprintf(index_path, sizeof index_path, "%s", path_of("a.cir"));
    const char *folder_of_photos = getenv("CIR_TEST_DATA");
    CHECK(cir_index_update(index_path, &folder_of_photos, 1, (const cir_model *const[]){model}, 1, pool, NULL,
                           NULL, &err));
    CHECK(cir_index_open(index_path, NULL, &index, &err));
    float *feature = calloc(cir_model_get_info(model)->dim, sizeof *feature);
    assert_non_null(feature);
    CHECK(cir_model_encode_files(model, pool, (const char *const *)&copied, 1, NULL, feature, NULL, NULL,
                                 &err));
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_BASIC);
    CHECK(cir_composer_new(index, model, pool, CIR_METHOD_BASIC, &settings, &composer, &err));
    CHECK(cir_composer_compose(composer, pool, feature, "at night", &query, &err));
    cir_rows rows = cir_index_get_rows(index);
    cir_hit hits[3];
    size_t n_hits;
    CHECK(cir_search_top(&rows, &query.query, 3, pool, hits, &n_hits, &err));
    assert_true(n_hits > 0);
    cir_composed_done(&query);
    cir_composer_free(composer);
    free(feature);
    cir_index_close(index);
    cir_model_close(model);
    cir_pool_free(pool);
    free(copied);
}

static void test_a_host_keeps_what_is_its_own(void **state)
{
    (void)state;
    process before;
    own_work own = {.is_over = false};
    pthread_t worker;
    assert_int_equal(openblas_get_parallel(), OPENBLAS_THREAD);
    openblas_set_num_threads(HOST_BLAS_THREADS);
    assert_int_equal(openblas_get_num_threads(), HOST_BLAS_THREADS);
    if (starts_before) {
        set_up_vips();
        vips_concurrency_set(HOST_VIPS_THREADS);
        vips_cache_set_max(HOST_CACHE);
        use_vips();
        vips_error("host", "an error of the host's that it has not yet read");
    }
    look(&before);
    assert_int_equal(pthread_create(&worker, NULL, work_on, &own), 0);
    use_library();
    atomic_store(&own.is_over, true);
    assert_int_equal(pthread_join(worker, NULL), 0);
    assert_true(atomic_load(&own.n_rounds) > 0);
    assert_int_equal(atomic_load(&own.n_wrong), 0);
    if (!starts_before) {
        /* libvips' own defaults, as if nobody had used it. */
        process fresh;
        set_up_vips();
        look(&fresh);
        assert_int_equal(fresh.vips_threads, sysconf(_SC_NPROCESSORS_ONLN));
        assert_int_equal(fresh.cache_max, 100);
        assert_int_equal(fresh.cache_max_files, 100);
        assert_int_equal(fresh.cache_size, 0);
        assert_string_equal(fresh.vips_errors, "");
        before.vips_threads = fresh.vips_threads;
        before.cache_max = fresh.cache_max;
        before.cache_max_files = fresh.cache_max_files;
        before.cache_max_bytes = fresh.cache_max_bytes;
    }
    assert_untouched(&before);
    use_vips();
    use_library();
    vips_error_clear();
    assert_true(vips_csvload("/nowhere/at/all.csv", &(VipsImage *){NULL}, NULL) != 0);
    assert_non_null(strstr(vips_error_buffer(), "all.csv"));
}

/* Whoever is called for messages of domains without a handler stays so. */
static void test_other_messages_go_where_they_went(void **state)
{
    (void)state;
    g_log_set_default_handler(count_message, &n_messages_elsewhere);
    use_library();
    g_log("host", G_LOG_LEVEL_WARNING, "the host's own");
    assert_int_equal(atomic_load(&n_messages_elsewhere), 1);
    g_log_set_default_handler(g_log_default_handler, NULL);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *walk)
{
    (void)facts;
    (void)kind;
    (void)walk;
    return remove(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_host_keeps_what_is_its_own),
        cmocka_unit_test(test_other_messages_go_where_they_went),
    };
    starts_before = argc > 1 && strcmp(argv[1], "before") == 0;
    (void)syscall(SYS_umask, HOST_MASK);
    if (setlocale(LC_ALL, "C.UTF-8") == NULL || mkdtemp(folder) == NULL)
        return 1;
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return n_failed;
}

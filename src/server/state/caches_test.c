/* What the server keeps and what waits: cache, queue, thumbnails on disk, slow connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/common/cache.h"
#include "server/common/thumbnail_store.h"
#include "server/http/connections.h"
#include "server/http/queue.h"
#include "shared/clock.h"

/* ---- cache ---- */

static void put(cir__cache *cache, const char *key, size_t size)
{
    cir__blob *blob = cir__blob_new(NULL, size);
    assert_non_null(blob);
    memset(blob->data, key[0], size);
    cir__cache_put(cache, key, blob);
    cir__blob_drop(blob);
}

static bool has(cir__cache *cache, const char *key)
{
    cir__blob *blob = cir__cache_find(cache, key);
    bool is_right = blob != NULL && blob->data[blob->size - 1] == (uint8_t)key[0];
    cir__blob_drop(blob);
    return is_right;
}

static void test_longest_unused_goes_first(void **state)
{
    (void)state;
    cir__cache *cache = cir__cache_new(10000);
    put(cache, "a", 2000);
    put(cache, "b", 2000);
    put(cache, "c", 2000);
    put(cache, "d", 2000);
    assert_true(has(cache, "a"));
    put(cache, "e", 2000); /* no room for five */
    assert_true(has(cache, "a") && has(cache, "c") && has(cache, "d") && has(cache, "e"));
    assert_false(has(cache, "b"));
    put(cache, "f", 2501); /* more than a quarter */
    assert_false(has(cache, "f"));
    put(cache, "a", 10);
    cir__cache_facts facts = cir__cache_get_facts(cache);
    assert_int_equal(facts.n_items, 4);
    assert_true(facts.n_bytes > 6010 && facts.n_bytes < 7000);
    assert_int_equal(facts.n_hits, 5);
    cir__blob *held = cir__cache_find(cache, "c");
    cir__cache_free(cache);
    assert_int_equal(held->data[0], 'c'); /* its owner's, whatever the cache does */
    cir__blob_drop(held);
}

static void *use_cache(void *argument)
{
    cir__cache *cache = argument;
    for (unsigned i = 0; i < 3000; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%c%u", 'a' + (int)(i % 7), i % 50);
        cir__blob *blob = cir__cache_find(cache, key);
        if (blob == NULL)
            put(cache, key, 100 + i % 300);
        else if (blob->data[0] != (uint8_t)key[0])
            abort();
        cir__blob_drop(blob);
    }
    return NULL;
}

static void test_cache_among_threads(void **state)
{
    (void)state;
    cir__cache *cache = cir__cache_new(5000);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, cache), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(cir__cache_get_facts(cache).n_bytes <= 5000);
    cir__cache_free(cache);
}

/* ---- queue ---- */

typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool is_open;
    int n_done;
} gate;

static void pass(void *context)
{
    gate *self = context;
    pthread_mutex_lock(&self->lock);
    while (!self->is_open)
        pthread_cond_wait(&self->opened, &self->lock);
    self->n_done++;
    pthread_mutex_unlock(&self->lock);
}

static void test_queue_is_bounded_and_loses_nothing(void **state)
{
    (void)state;
    gate self = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
    cir__queue *queue = cir__queue_new(2, 5);
    assert_non_null(queue);
    int n_taken = 0;
    /* Two are taken up sooner or later, five wait; never more. */
    for (int i = 0; i < 1000 && n_taken < 7; i++) {
        if (cir__queue_reserve(queue)) {
            cir__queue_push(queue, pass, &self);
            n_taken++;
        } else {
            usleep(1000);
        }
    }
    assert_int_equal(n_taken, 7);
    assert_false(cir__queue_reserve(queue));
    assert_int_equal(cir__queue_n_waiting(queue), 5);
    assert_in_range(cir__queue_retry_after(queue), 1, 60);
    pthread_mutex_lock(&self.lock);
    self.is_open = true;
    pthread_cond_broadcast(&self.opened);
    pthread_mutex_unlock(&self.lock);
    cir__queue_free(queue); /* what waits is done first */
    assert_int_equal(self.n_done, 7);
}

/* ---- thumbnails on disk ---- */

static bool is_kept(cir__thumbnail_store *pictures, const char *key)
{
    cir__blob *blob = cir__thumbnail_store_find(pictures, key);
    bool is_right = blob != NULL && blob->size == 4 &&
                    memcmp(blob->data,
                           "\xff\xd8\xff"
                           "x",
                           4) == 0;
    cir__blob_drop(blob);
    return is_right;
}

static void test_pictures_outlive_the_process_and_damage(void **state)
{
    (void)state;
    char folder[] = "/tmp/cir-pictures-XXXXXX";
    char file[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(file, sizeof file, "%s/thumbnails.sqlite", folder);
    cir__blob *blob = cir__blob_new("\xff\xd8\xff"
                                    "x",
                                    4);
    cir__thumbnail_store *pictures = cir__thumbnail_store_open(folder);
    assert_non_null(pictures);
    cir__thumbnail_store_put(pictures, "abc", blob);
    assert_true(is_kept(pictures, "abc"));
    assert_false(is_kept(pictures, "abd"));
    cir__thumbnail_store_close(pictures);
    pictures = cir__thumbnail_store_open(folder);
    assert_true(is_kept(pictures, "abc"));
    cir__thumbnail_store_close(pictures);
    FILE *damaged = fopen(file, "w");
    assert_non_null(damaged);
    for (int i = 0; i < 3000; i++)
        fputs("damage", damaged);
    fclose(damaged);
    pictures = cir__thumbnail_store_open(folder);
    assert_non_null(pictures);
    assert_false(is_kept(pictures, "abc"));
    cir__thumbnail_store_put(pictures, "abc", blob);
    assert_true(is_kept(pictures, "abc"));
    cir__thumbnail_store_close(pictures);
    cir__blob_drop(blob);
    assert_null(cir__thumbnail_store_find(NULL, "abc"));
    unlink(file);
    rmdir(folder);
}

/* ---- connections ---- */

/* A late request is told so, in a whole answer. */
static void test_late_requests_are_told(void **state)
{
    (void)state;
    for (int phase = CIR__PHASE_HEAD; phase <= CIR__PHASE_BODY; phase++) {
        int ends[2];
        char answer[1000] = "";
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        cir__connections *all = cir__connections_new(true);
        cir__connection *one = cir__connections_add(all, ends[0]);
        cir__connections_enter(all, one, (cir__phase)phase, 0);
        cir__connections_cut(all, cir__clock_seconds() + 1000);
        assert_true(read(ends[1], answer, sizeof answer - 1) > 0);
        assert_int_equal(strncmp(answer, "HTTP/1.1 408 ", 13), 0);
        char *body = strstr(answer, "\r\n\r\n");
        assert_non_null(body);
        assert_int_equal(strtoul(strstr(answer, "Content-Length: ") + 16, NULL, 10), strlen(body + 4));
        assert_non_null(strstr(body, "TIMED_OUT"));
        cir__connections_remove(all, one);
        cir__connections_free(all);
        close(ends[0]);
        close(ends[1]);
    }
}

/* Who came first and waits goes when places are scarce; who is being served and who reads stays. */
static void test_the_one_that_waits_longest_makes_room(void **state)
{
    (void)state;
    enum { N = CIR__MAX_CONNECTIONS - CIR__N_SPARE };
    static cir__connection *ones[N + 3];
    int ends[4][2];
    char byte;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
    cir__connections *all = cir__connections_new(false);
    for (size_t i = 0; i < N; i++) {
        ones[i] = cir__connections_add(all, i < 3 ? ends[i][0] : ends[3][0]);
        if (i != 2)
            cir__connections_enter(all, ones[i], i == 0 ? CIR__PHASE_WORK : CIR__PHASE_ANSWER, 0);
    }
    cir__connections_enter(all, ones[1], CIR__PHASE_BODY, 0);
    assert_int_equal(cir__connections_n_cut(all), 0);
    ones[N] = cir__connections_add(all, ends[3][0]); /* cuts 2, which has said nothing the longest */
    assert_int_equal(cir__connections_n_cut(all), 1);
    assert_int_equal(recv(ends[2][1], &byte, 1, MSG_DONTWAIT), 0);
    assert_int_equal(recv(ends[1][1], &byte, 1, MSG_DONTWAIT), -1);
    ones[N + 1] = cir__connections_add(all, ends[3][0]); /* then 1 */
    assert_int_equal(recv(ends[1][1], &byte, 1, MSG_DONTWAIT), 0);
    assert_int_equal(recv(ends[0][1], &byte, 1, MSG_DONTWAIT), -1);
    cir__connections_remove(all, ones[1]);
    cir__connections_remove(all, ones[2]);
    assert_int_equal(cir__connections_n_cut(all), 2);
    ones[1] = ones[2] = NULL;
    for (size_t i = 0; i < N + 2; i++)
        cir__connections_remove(all, ones[i]);
    assert_int_equal(cir__connections_count(all), 0);
    cir__connections_free(all);
    for (size_t i = 0; i < 4; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

static void test_overdue_connections_are_cut(void **state)
{
    (void)state;
    int slow[2], kept[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, slow), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, kept), 0);
    cir__connections *all = cir__connections_new(true);
    cir__connection *one = cir__connections_add(all, slow[0]);
    cir__connection *other = cir__connections_add(all, kept[0]);
    cir__connections_enter(all, one, CIR__PHASE_IDLE, 0);
    cir__connections_enter(all, other, CIR__PHASE_WORK, 0);
    double now = cir__clock_seconds();
    cir__connections_cut(all, now + CIR__HEADER_SECONDS - 1);
    assert_int_equal(cir__connections_n_cut(all), 0);
    cir__connections_cut(all, now + CIR__HEADER_SECONDS + 1);
    cir__connections_cut(all, now + CIR__HEADER_SECONDS + 1);
    assert_int_equal(cir__connections_n_cut(all), 1);
    assert_int_equal(read(slow[1], &byte, 1), 0);
    assert_int_equal(recv(kept[1], &byte, 1, MSG_DONTWAIT), -1);
    cir__connections_remove(all, one);
    cir__connections_remove(all, NULL);
    assert_int_equal(cir__connections_count(all), 1);
    cir__connections_remove(all, other);
    assert_int_equal(cir__connections_count(all), 0);
    cir__connections_free(all);
    for (size_t i = 0; i < 2; i++) {
        close(slow[i]);
        close(kept[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_unused_goes_first),
        cmocka_unit_test(test_cache_among_threads),
        cmocka_unit_test(test_queue_is_bounded_and_loses_nothing),
        cmocka_unit_test(test_pictures_outlive_the_process_and_damage),
        cmocka_unit_test(test_overdue_connections_are_cut),
        cmocka_unit_test(test_late_requests_are_told),
        cmocka_unit_test(test_the_one_that_waits_longest_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A disk that fails at any write: the update says so, nothing is lost, the next one ends the work. */
#include <string.h>

#include "index/codes/codes_update.h"
#include "index/synthetic/fault_disk.h"
#include "index/synthetic/fault_scene.h"

static void fail_every_write(bool has_index, bool fails_onwards)
{
    fault_scene s;
    fault_scene_init(&s, has_index);
    size_t n = 0;
    cir_status status = CIR_FULL;
    while (status != CIR_OK) {
        assert_true(++n < MAX_CALLS);
        fault_copy_index(s.before, s.t.index);
        fault_disk_arm(n, fails_onwards, false, 0);
        cir_error err;
        status = fault_scene_update(&s, &err);
        disk.is_armed = false;
        if (status != CIR_OK && status != CIR_FULL && status != CIR_IO)
            fail_msg("call %zu: %s: %s", n, cir_status_name(status), err.message);
        fault_scene_assert_sound(&s, has_index, n);
        fault_scene_assert_finishes(&s, has_index);
        /* A failing deletion of an old journal and the like harms nothing. */
        if (status == CIR_OK && disk.n_calls >= n)
            status = CIR_IO;
    }
    print_message("FAULTS %s, %s: %zu tried, 0 lost\n", has_index ? "update" : "new index",
                  fails_onwards ? "full disk from a write on" : "one failing write", n - 1);
    assert_in_range(n, 30, MAX_CALLS);
    testing_done(&s.t);
}

static void test_full_disk(void **state)
{
    (void)state;
    fail_every_write(true, true);
}

static void test_full_disk_from_the_start(void **state)
{
    (void)state;
    fail_every_write(false, true);
}

static void test_one_failing_write(void **state)
{
    (void)state;
    fail_every_write(true, false);
}

static void fail_every_write_while_coding(bool fails_onwards)
{
    testing t;
    char old[128];
    char new[128];
    fault_coding_init(&t, old, new);
    size_t n = 0;
    cir_status status = CIR_FULL;
    while (status != CIR_OK) {
        assert_true(++n < MAX_CALLS);
        fault_copy_index(new, t.index);
        fault_disk_arm(n, fails_onwards, false, 0);
        cir_error err;
        status = cir__index_update_codes(t.index, NULL, NULL, 1, &err);
        disk.is_armed = false;
        assert_true(status == CIR_OK ? disk.n_calls < n : status == CIR_FULL || status == CIR_IO);
        assert_true(status == CIR_OK || strstr(err.message, "codes.") != NULL);
        fault_coding_assert_sound(&t, old, new);
    }
    print_message("FAULTS codes, %s: %zu tried, 0 lost\n",
                  fails_onwards ? "full disk from a write on" : "one failing write", n - 1);
    assert_in_range(n, 15, MAX_CALLS);
    testing_done(&t);
}

static void test_failing_write_while_coding(void **state)
{
    (void)state;
    fail_every_write_while_coding(false);
    fail_every_write_while_coding(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_full_disk_from_the_start),
        cmocka_unit_test(test_one_failing_write),
        cmocka_unit_test(test_failing_write_while_coding),
    };
    return cmocka_run_group_tests_name("index faults disk", tests, NULL, NULL);
}

/* A power cut at any write: the index opens, holds what was committed, and the next update ends the work.
 *
 * Whether the tests would see a loss is tried too: with "control" as its argument the program takes every
 * sync for a lie, and must fail. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "index/codes/codes_update.h"
#include "index/synthetic/fault_disk.h"
#include "index/synthetic/fault_scene.h"

static const char *kept_of(unsigned seed)
{
    return seed == 0 ? "nothing unsynced left" : seed == 1 ? "all of it left" : "some of it left";
}

/* What an update has said to be done is done, whatever of it the system had still in memory. */
static void cut_power_afterwards(const fault_scene *s, unsigned seed)
{
    int how;
    fault_copy_index(s->before, s->t.index);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fault_disk_arm(SIZE_MAX, false, true, seed);
        if (fault_scene_update(s, NULL) == CIR_OK)
            fault_disk_cut_power();
        _exit(1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == FAULT_DISK_IS_CUT);
    fault_scene_assert_complete(s);
}

static void cut_power_at_every_write(bool has_index, unsigned seed)
{
    fault_scene s;
    fault_scene_init(&s, has_index);
    size_t n = 0;
    int how = 1;
    while (how != 0) {
        assert_true(++n < MAX_CALLS);
        fault_copy_index(s.before, s.t.index);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fault_disk_arm(n, false, true, seed > 1 ? seed + (unsigned)n : seed);
            _exit(fault_scene_update(&s, NULL) == CIR_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how) && (WEXITSTATUS(how) == 0 || WEXITSTATUS(how) == FAULT_DISK_IS_CUT));
        fault_scene_assert_sound(&s, has_index, n);
        fault_scene_assert_finishes(&s, has_index);
    }
    cut_power_afterwards(&s, seed);
    print_message("FAULTS %s, power cut, %s: %zu tried, 0 lost\n", has_index ? "update" : "new index",
                  kept_of(seed), n);
    assert_in_range(n, 30, MAX_CALLS);
    testing_done(&s.t);
}

static void test_power_cut(void **state)
{
    (void)state;
    cut_power_at_every_write(true, 0);
}

static void test_power_cut_after_all_reached_the_disk(void **state)
{
    (void)state;
    cut_power_at_every_write(true, 1);
}

static void test_power_cut_after_some_reached_the_disk(void **state)
{
    (void)state;
    cut_power_at_every_write(true, 1000);
}

static void test_power_cut_from_the_start(void **state)
{
    (void)state;
    cut_power_at_every_write(false, 1000);
}

static void cut_power_while_coding(unsigned seed)
{
    testing t;
    char old[128];
    char new[128];
    fault_coding_init(&t, old, new);
    size_t n = 0;
    int how = 1;
    while (how != 0) {
        assert_true(++n < MAX_CALLS);
        fault_copy_index(new, t.index);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fault_disk_arm(n, false, true, seed > 1 ? seed + (unsigned)n : seed);
            _exit(cir__index_update_codes(t.index, NULL, NULL, 1, NULL) == CIR_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how) && (WEXITSTATUS(how) == 0 || WEXITSTATUS(how) == FAULT_DISK_IS_CUT));
        fault_coding_assert_sound(&t, old, new);
    }
    print_message("FAULTS codes, power cut, %s: %zu tried, 0 lost\n", kept_of(seed), n - 1);
    assert_in_range(n, 15, MAX_CALLS);
    testing_done(&t);
}

static void test_power_cut_while_coding(void **state)
{
    (void)state;
    cut_power_while_coding(0);
    cut_power_while_coding(1);
    cut_power_while_coding(1000);
}

/* The exit status of this program as a control: how many of its tests fail. */
static int run_control(void)
{
    int how;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)execl("/proc/self/exe", "control", "control", (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    return WEXITSTATUS(how);
}

static void test_control_sees_what_is_lost(void **state)
{
    (void)state;
    assert_int_equal(run_control(), 3);
    print_message("FAULTS control without syncs, which must lose: 3 tried, 0 lost\n");
}

/* A failed test leaves its folder. */
static int remove_left_over(void **state)
{
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fault_scene_folder);
    return system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut),
        cmocka_unit_test(test_power_cut_after_all_reached_the_disk),
        cmocka_unit_test(test_power_cut_after_some_reached_the_disk),
        cmocka_unit_test(test_power_cut_from_the_start),
        cmocka_unit_test(test_power_cut_while_coding),
        cmocka_unit_test(test_control_sees_what_is_lost),
    };
    const struct CMUnitTest controls[] = {
        cmocka_unit_test_teardown(test_power_cut, remove_left_over),
        cmocka_unit_test_teardown(test_power_cut_after_some_reached_the_disk, remove_left_over),
        cmocka_unit_test_teardown(test_power_cut_while_coding, remove_left_over),
    };
    disk.drops_syncs = argc > 1 && strcmp(argv[1], "control") == 0;
    if (!disk.drops_syncs)
        return cmocka_run_group_tests_name("index faults power", tests, NULL, NULL);
    const int n_failed = cmocka_run_group_tests_name("control", controls, NULL, NULL);
    (void)fflush(NULL);
    _exit(n_failed); /* tests that fail give nothing back, which a sanitizer would tell of instead */
}

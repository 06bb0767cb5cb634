/* Plans: what is read, what is refused, and which wordings are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curate/plan/plan_file.h"
#include "curate/plan/wording.h"

#define HEAD "instance,role,change,value\n"
#define WHOLE HEAD "p,name,,Temple of Poseidon\np,category,,Greek temple\np,change,at sunset,context\n"

static cir_status parse(const char *text, cir__plan *plan, cir_error *err)
{
    return cir__plan_parse((cir__bytes_view){(const uint8_t *)text, strlen(text), "plan.csv"}, plan, err);
}

static void refuse(const char *text, cir_status status, const char *place, const char *why)
{
    cir__plan plan;
    cir_error err = {0};
    assert_int_equal(parse(text, &plan, &err), status);
    if (strstr(err.message, place) == NULL || strstr(err.message, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", err.message, place, why);
    cir__plan_done(&plan);
}

static void test_a_whole_plan(void **state)
{
    (void)state;
    cir__plan plan;
    cir_error err;
    if (parse("\xef\xbb\xbf" WHOLE "p,image,,a.jpg\r\np,rephrased,at sunset,a photo of dusk\n"
              "p,change,by night,light\np,composed-text,by night,\"Sounion, the moon above\"\n",
              &plan, &err) != CIR_OK)
        fail_msg("%s", err.message);
    assert_int_equal(plan.n_instances, 1);
    const cir__plan_instance *instance = &plan.instances[0];
    assert_string_equal(instance->name, "Temple of Poseidon");
    assert_string_equal(instance->kind, "");
    assert_int_equal(instance->n_changes, 2);
    assert_string_equal(instance->changes[1].kind, "light");
    /* given: three; own: name, category, each joined with the one change that has no sentence of its own */
    static const char *const seeds[] = {"a.jpg",
                                        "a photo of dusk",
                                        "Sounion, the moon above",
                                        "Temple of Poseidon",
                                        "Temple of Poseidon at sunset",
                                        "Greek temple",
                                        "Greek temple at sunset"};
    assert_int_equal(instance->n_seeds, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(instance->seeds[i].text, seeds[i]);
    assert_int_equal(instance->seeds[4].role, CIR__SEED_JOINED);
    assert_string_equal(instance->seeds[4].change, "at sunset");
    cir__plan_done(&plan);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    refuse("", CIR_FORMAT, "plan.csv:", "no plan");
    refuse("instance;role;change;value\n", CIR_FORMAT, "plan.csv:", "no plan");
    refuse(HEAD, CIR_FORMAT, "plan.csv:", "no instance");
    refuse(WHOLE "p,colour,,red\n", CIR_FORMAT, "plan.csv:5:", "no role");
    refuse(WHOLE "p,joined,at sunset,x\n", CIR_FORMAT, "plan.csv:5:", "no role");
    refuse(WHOLE "p,name,,Temple of Hera\n", CIR_FORMAT, "plan.csv:5:", "already");
    refuse(WHOLE "p,change,at sunset,light\n", CIR_FORMAT, "plan.csv:5:", "line 4");
    refuse(WHOLE "p,image,,a.jpg\np,image,,a.jpg\n", CIR_FORMAT, "plan.csv:6:", "line 5");
    refuse(WHOLE "p,image,at sunset,a.jpg\n", CIR_FORMAT, "plan.csv:5:", "has not a change");
    refuse(WHOLE "p,rephrased,,a photo of dusk\n", CIR_FORMAT, "plan.csv:5:", "needs a change");
    refuse(WHOLE "p,rephrased,at dawn,a photo of dusk\n", CIR_FORMAT, "plan.csv:5:", "no change");
    refuse(WHOLE "p,image,,\n", CIR_FORMAT, "plan.csv:5:", "empty");
    refuse(WHOLE "p,image,,a.jpg,b.jpg\n", CIR_FORMAT, "plan.csv:5:", "5 fields");
    refuse(WHOLE "q,name,,x\n", CIR_FORMAT, "plan.csv:5:", "no change");
    refuse(HEAD "q,change,x,\n", CIR_FORMAT, "plan.csv:2:", "no name");
    refuse(WHOLE "../p,name,,x\n", CIR_FORMAT, "plan.csv:5:", "no key");
    refuse(WHOLE ".p,name,,x\n", CIR_FORMAT, "plan.csv:5:", "no key");
    refuse(WHOLE "p,change,caf\xe9,\n", CIR_FORMAT, "plan.csv:5:", "UTF-8");
    refuse(WHOLE "p,change,\"two\nlines\",\n", CIR_FORMAT, "plan.csv:5:", "plain text");
    refuse("i\0n\0s\0", CIR_FORMAT, "plan.csv", "");
}

static void test_wordings_that_give_the_answer_away(void **state)
{
    (void)state;
    refuse(WHOLE "p,rephrased,at sunset,\"At  the SUNSET!\"\n", CIR_ARGUMENT, "plan.csv:5:", "itself");
    refuse(WHOLE "p,rephrased,at sunset,a photo at sunset\n", CIR_ARGUMENT, "plan.csv:5:", "says the text");
    refuse(WHOLE "p,composed-text,at sunset,at sunset\n", CIR_ARGUMENT, "plan.csv:5:", "itself");
    refuse(HEAD "p,name,,At Sunset\np,change,at sunset,\n", CIR_ARGUMENT, "plan.csv:2:", "itself");
    refuse(WHOLE "p,change,\xef\xbd\x81t dusk,\np,rephrased,\xef\xbd\x81t dusk,at dusk\n", CIR_ARGUMENT,
           "plan.csv:6:", "itself");
}

static void fold(const char *text, const char *expected)
{
    char *folded = cir__wording_fold(text);
    assert_non_null(folded);
    assert_string_equal(folded, expected);
    free(folded);
}

static void test_wordings(void **state)
{
    (void)state;
    char word[64];
    fold("", " ");
    fold("A photo, of  the Dusk.", " photo of dusk ");
    fold("the", " ");
    fold("\xc3\x89T\xc3\x89 2024", " \xc3\xa9t\xc3\xa9 2024 "); /* "ÉTÉ" */
    fold("Stra\xc3\x9f"
         "e",
         " strasse ");
    assert_null(cir__wording_fold("\xff"));
    assert_true(cir__wording_contains(" photo of dusk ", " of dusk "));
    assert_false(cir__wording_contains(" photo of dusky ", " of dusk "));
    assert_false(cir__wording_contains(" photo ", " "));
    assert_true(cir__wording_shares_word(" temple of poseidon ", " with temple ", word));
    assert_string_equal(word, "temple");
    assert_false(cir__wording_shares_word(" temple with moon ", " with sea ", word));
    assert_false(cir__wording_is_plain("a\nb"));
    assert_false(cir__wording_is_plain("\xc3"));
    assert_true(cir__wording_is_plain("\xc3\x89t\xc3\xa9, \"2024\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_plan),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_wordings_that_give_the_answer_away),
        cmocka_unit_test(test_wordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

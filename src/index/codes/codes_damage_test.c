/* Compact codes of another version, model or index, cut, flipped, missing: searches do without those that
 * cannot be trusted, check finds what is wrong, and the next update makes them anew. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "index/codes/codes.h"
#include "index/codes/codes_file.h"
#include "index/synthetic/index_testing.h"

#define FOLDER "photos.cir/features/fake-model-01234567/"
#define BIN FOLDER CIR__CODES_NAME
#define SUMS FOLDER CIR__CODES_SUMS_NAME
#define N_PHOTOS 100

typedef struct file {
    uint8_t *bytes;
    size_t size;
} file;

static file read_file(const testing *t, const char *name)
{
    char path[512];
    file whole;
    testing_path(t, name, path);
    assert_int_equal(cir__file_read(path, 1 << 24, &whole.bytes, &whole.size, NULL), CIR_OK);
    return whole;
}

static void write_file(const testing *t, const char *name, const uint8_t *bytes, size_t size)
{
    char path[512];
    testing_path(t, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static void make_index(testing *t, const char *kind)
{
    testing_init(t, 2);
    for (int i = 0; i < N_PHOTOS; i++) {
        char name[64];
        char text[64];
        snprintf(name, sizeof name, "photos/p%04d.jpg", i);
        snprintf(text, sizeof text, "%s %d", i == 70 ? "broken" : kind, i);
        testing_write(t, name, text);
    }
    testing_update(t, CIR_OK);
}

/* What a case does to the sound files. */
typedef struct scene {
    testing t;
    file bin;
    file sums;
    size_t header_bytes;
    size_t latest; /* where the header that counts begins */
} scene;

static void flip(const file *of, size_t at)
{
    assert_true(at < of->size);
    of->bytes[at] ^= 4;
}

static void be_of_another_version(scene *s)
{
    s->bin.bytes[8] = s->bin.bytes[s->header_bytes + 8] = 2;
}

static void be_of_another_dimension(scene *s)
{
    s->bin.bytes[12] = s->bin.bytes[s->header_bytes + 12] = 9;
}

static void be_of_another_model(scene *s)
{
    cir__codes_header header;
    bool has_damage;
    assert_int_equal(cir__codes_parse_header(s->bin.bytes, s->bin.size, TESTING_DIM, s->t.encoder.fingerprint,
                                             "x", &header, &has_damage, NULL),
                     CIR_OK);
    header.fingerprint[0] = 'f';
    header.id = cir__codes_make_id(&header);
    cir__codes_format_header(&header, s->bin.bytes);
    cir__codes_format_header(&header, s->bin.bytes + s->header_bytes);
}

static void be_empty(scene *s)
{
    s->bin.size = 0;
}

static void be_short_of_a_header(scene *s)
{
    s->bin.size = 5000;
}

static void be_short_of_blocks(scene *s)
{
    s->bin.size -= 700;
}

static void have_no_header(scene *s)
{
    flip(&s->bin, 80);
    flip(&s->bin, s->header_bytes + 80);
}

static void have_one_header(scene *s)
{
    flip(&s->bin, s->latest + 80);
}

static void have_a_flipped_bit(scene *s)
{
    flip(&s->bin, 2 * s->header_bytes + 3 * CIR__CODE_ROWS + 17);
}

static void have_a_flipped_factor(scene *s)
{
    flip(&s->bin, 2 * s->header_bytes + 8 * CIR__CODE_ROWS + 2 * 18 + 1);
}

static void have_a_flipped_spread(scene *s)
{
    flip(&s->bin, 2 * s->header_bytes + 10 * CIR__CODE_ROWS + 2 * 19 + 1);
}

static void have_a_flipped_checksum(scene *s)
{
    flip(&s->sums, CIR__CODES_SUMS_START + 20 * 8 + 3);
}

static void have_flipped_checksums_header(scene *s)
{
    flip(&s->sums, 17);
}

static void have_short_checksums(scene *s)
{
    s->sums.size -= 8;
}

static void have_checksums_of_an_earlier_life(scene *s)
{
    cir__codes_header header;
    bool has_damage;
    assert_int_equal(cir__codes_parse_header(s->bin.bytes, s->bin.size, TESTING_DIM, s->t.encoder.fingerprint,
                                             "x", &header, &has_damage, NULL),
                     CIR_OK);
    cir__codes_format_sums(header.id, header.serial + 1, s->sums.bytes);
}

static void take_codes(scene *s, bool takes_sums)
{
    testing other;
    make_index(&other, "PIC other");
    free(s->bin.bytes);
    s->bin = read_file(&other, BIN);
    if (takes_sums) {
        free(s->sums.bytes);
        s->sums = read_file(&other, SUMS);
    }
    testing_done(&other);
}

static void have_another_index_codes(scene *s)
{
    take_codes(s, false);
}

static void be_another_index(scene *s)
{
    take_codes(s, true);
}

typedef struct damage {
    void (*make)(scene *s);
    const char *problem; /* at opening; NULL: codes are used */
    const char *finding; /* of check; NULL: none, as it is no damage */
    bool is_wrong;       /* codes that are used cannot be right: only check finds that */
    bool is_lasting;     /* the next update does not see it */
} damage;

static void note_finding(void *context, const char *finding, bool was_repaired)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, 4096 - length, "%s%s\n", was_repaired ? "mended: " : "", finding);
}

static cir_check_result check(const testing *t, bool repair, char findings_out[4096])
{
    cir_check_result result;
    cir_error err = {0};
    findings_out[0] = '\0';
    if (cir_index_check(t->index, repair, t->pool, note_finding, findings_out, &result, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return result;
}

static void assert_whole(const testing *t)
{
    cir_index *index = testing_open(t);
    testing_assert_codes(index, true);
    cir_index_close(index);
    testing_assert_clean(t);
}

static void assert_opens(const testing *t, const damage *d)
{
    cir_index *index = testing_open(t);
    const cir_index_info *info = cir_index_get_info(index);
    assert_int_equal(info->n_ready, N_PHOTOS - 1);
    if (d->problem == NULL) {
        assert_non_null(cir_index_get_rows(index).codes);
        assert_null(info->codes_problem);
        if (!d->is_wrong)
            testing_assert_codes(index, false);
    } else {
        assert_null(cir_index_get_rows(index).codes);
        assert_int_equal(info->n_coded, 0);
        if (info->codes_problem == NULL || strstr(info->codes_problem, d->problem) == NULL)
            fail_msg("%s; expected: %s", info->codes_problem, d->problem);
    }
    cir_index_close(index);
}

static void run_case(const damage *d)
{
    scene s;
    char findings[4096];
    make_index(&s.t, "PIC");
    s.bin = read_file(&s.t, BIN);
    s.sums = read_file(&s.t, SUMS);
    s.header_bytes = cir__codes_header_bytes(TESTING_DIM);
    s.latest = memcmp(s.bin.bytes + 64, s.bin.bytes + s.header_bytes + 64, 8) > 0 ? 0 : s.header_bytes;
    d->make(&s);
    /* Once for an update without a check, once with repair. */
    for (int repair = 0; repair < 2; repair++) {
        write_file(&s.t, BIN, s.bin.bytes, s.bin.size);
        write_file(&s.t, SUMS, s.sums.bytes, s.sums.size);
        assert_opens(&s.t, d);
        cir_check_result result = check(&s.t, false, findings);
        if (d->finding == NULL ? result.n_findings > 0
                               : result.n_findings != 1 || strstr(findings, d->finding) == NULL)
            fail_msg("%s; expected: %s", findings, d->finding);
        if (repair == 1 && d->finding != NULL) {
            result = check(&s.t, true, findings);
            if (result.n_repaired != 1 || result.n_findings != 1)
                fail_msg("not mended: %s", findings);
            cir_index *index = testing_open(&s.t);
            assert_null(cir_index_get_rows(index).codes);
            assert_null(cir_index_get_info(index)->codes_problem);
            cir_index_close(index);
            testing_assert_clean(&s.t);
        }
        cir_update_progress progress = testing_update(&s.t, CIR_OK);
        assert_int_equal(progress.n_encoded, 0);
        if (repair == 1 || !d->is_lasting)
            assert_whole(&s.t);
    }
    free(s.bin.bytes);
    free(s.sums.bytes);
    testing_done(&s.t);
}

static void test_damage(void **state)
{
    (void)state;
    static const damage cases[] = {
        {be_of_another_version, "is of version 2, this version of cir makes version 1", "version 2", false,
         false},
        {be_of_another_dimension, "dimension 9, the features have 8", "dimension 9", false, false},
        {be_of_another_model, "is of another model", "is of another model", false, false},
        {be_empty, "has 0 bytes", "has 0 bytes", false, false},
        {be_short_of_a_header, "has 5000 bytes", "has 5000 bytes", false, false},
        {be_short_of_blocks, "before blocks that its header lists", "ends before codes", false, false},
        {have_no_header, "its header does not match its checksum", "does not match its checksum", false,
         false},
        {have_one_header, NULL, "one of its two headers is damaged", false, true},
        {have_a_flipped_bit, NULL, "row 17 is not the code", true, true},
        {have_a_flipped_factor, NULL, "row 18 is not the code", true, true},
        {have_a_flipped_spread, NULL, "row 19 is not the code", true, true},
        {have_a_flipped_checksum, NULL, "row 20 has another checksum", false, true},
        {have_flipped_checksums_header, NULL, "does not match its checksum", false, true},
        {have_short_checksums, NULL, "ends before codes", false, true},
        {have_checksums_of_an_earlier_life, NULL, "belongs to other codes", false, true},
        {have_another_index_codes, "belongs to other codes", "belongs to other codes", false, false},
        {be_another_index, "more than 1 row in 16", NULL, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
}

/* Where the header does not vouch for all, the checksums decide, and must be whole. */
static bool stop(void *context, const cir_update_progress *progress)
{
    (void)context;
    return progress->n_to_code == 0;
}

static void test_damaged_checksums_that_count(void **state)
{
    (void)state;
    testing t;
    char findings[4096];
    make_index(&t, "PIC");
    testing_write(&t, "photos/p0003.jpg", "PIC other");
    const cir_update_options options = {.size = sizeof options, .min_coded = 1, .watch = stop};
    testing_update_with(&t, t.photos, &options, CIR_INTERRUPTED);
    const damage none = {0};
    assert_opens(&t, &none);
    file sums = read_file(&t, SUMS);
    static const struct {
        size_t at, size;
        const char *problem;
    } cases[] = {{CIR__CODES_SUMS_START + 8 * 50, 0, NULL},
                 {3, 0, "holds no checksums"},
                 {8, 0, "is of version 5"},
                 {24, 0, "does not match its checksum"},
                 {100, 700, "ends before rows"},
                 {0, 40, "holds no checksums"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const damage d = {.problem = cases[i].problem};
        sums.bytes[cases[i].at] ^= 4;
        write_file(&t, SUMS, sums.bytes, cases[i].size > 0 ? cases[i].size : sums.size);
        sums.bytes[cases[i].at] ^= 4;
        assert_opens(&t, &d);
        /* A row that has lost its checksum is one more to be coded: that is no damage. */
        assert_int_equal(check(&t, false, findings).n_findings, d.problem != NULL ? 1 : 0);
    }
    char path[512];
    testing_path(&t, SUMS, path);
    assert_int_equal(unlink(path), 0);
    const damage missing = {.problem = "codes.sums: is missing"};
    assert_opens(&t, &missing);
    testing_update(&t, CIR_OK);
    assert_whole(&t);
    free(sums.bytes);
    testing_done(&t);
}

/* What is no file is left where it is: somebody put it there. */
static void test_folder_in_its_place(void **state)
{
    (void)state;
    testing t;
    char findings[4096];
    char path[512];
    make_index(&t, "PIC");
    testing_path(&t, BIN, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    const damage folder = {.problem = "is a folder"};
    assert_opens(&t, &folder);
    assert_int_equal(check(&t, false, findings).n_findings, 1);
    assert_non_null(strstr(findings, "is a folder, not a plain file of its own"));
    assert_int_equal(check(&t, true, findings).n_repaired, 0);
    cir_update_options options = {.size = sizeof options, .min_coded = 1};
    cir_error err;
    assert_int_equal(cir_index_update_codes(t.index, t.pool, &options, &err), CIR_IO);
    assert_non_null(strstr(err.message, BIN));
    assert_int_equal(rmdir(path), 0);
    testing_update(&t, CIR_OK);
    assert_whole(&t);
    testing_done(&t);
}

/* A damaged feature is not coded, and stays out until it is encoded again. */
static void test_damaged_feature(void **state)
{
    (void)state;
    testing t;
    char findings[4096];
    char path[512];
    make_index(&t, "PIC");
    testing_path(&t, FOLDER "vectors.npy", path);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "x", 1, 128 + 33 * TESTING_DIM * 2), 1);
    close(fd);
    testing_path(&t, BIN, path);
    assert_int_equal(unlink(path), 0);
    testing_update(&t, CIR_OK);
    cir_index *index = testing_open(&t);
    assert_int_equal(cir_index_get_rows(index).codes->n_stale, 1);
    assert_int_equal(cir_index_get_rows(index).codes->stale[0], 33);
    testing_assert_codes(index, false);
    cir_index_close(index);
    assert_int_equal(check(&t, false, findings).n_findings, 1);
    assert_non_null(strstr(findings, "row 33 does not match its checksum"));
    assert_int_equal(check(&t, true, findings).n_repaired, 1);
    assert_int_equal(testing_update(&t, CIR_OK).n_coded, 1);
    assert_whole(&t);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_damaged_checksums_that_count),
        cmocka_unit_test(test_folder_in_its_place),
        cmocka_unit_test(test_damaged_feature),
    };
    return cmocka_run_group_tests_name("index codes damage", tests, NULL, NULL);
}

/* What updates take in, leave out and skip, and what the index remembers of that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/media.h"
#include "index/synthetic/index_testing.h"

static cir__media name_media(const char *name)
{
    char kind[CIR__MEDIA_KIND_SIZE];
    return cir__media_by_name(name, kind);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(name_media("a.jpg"), CIR__MEDIA_PICTURE);
    assert_int_equal(name_media("x/.hidden.JPEG"), CIR__MEDIA_PICTURE);
    assert_int_equal(name_media("a.b.HeIc"), CIR__MEDIA_PICTURE);
    assert_int_equal(name_media("a.avif"), CIR__MEDIA_PICTURE);
    assert_int_equal(name_media("a.NEF"), CIR__MEDIA_PICTURE);
    assert_int_equal(name_media("a.ORF"), CIR__MEDIA_SKIPPED);
    assert_int_equal(name_media("a.xmp"), CIR__MEDIA_NONE);
    assert_int_equal(name_media("a.txt"), CIR__MEDIA_UNKNOWN);
    assert_int_equal(name_media("jpg"), CIR__MEDIA_UNKNOWN);
    assert_int_equal(name_media("a.jpg/b"), CIR__MEDIA_UNKNOWN);
    assert_int_equal(name_media("a.jpg~"), CIR__MEDIA_UNKNOWN);
    assert_int_equal(name_media(""), CIR__MEDIA_UNKNOWN);
}

static void assert_bytes(const char *name, const char *bytes, size_t size, cir__media expected,
                         const char *expected_kind)
{
    char kind[CIR__MEDIA_KIND_SIZE];
    if (cir__media_by_bytes(name, (const uint8_t *)bytes, size, kind) != expected)
        fail_msg("%s is taken for something else", expected_kind);
    assert_string_equal(kind, expected_kind);
}

#define ASSERT_BYTES(name, bytes, expected, kind) assert_bytes(name, bytes, sizeof(bytes) - 1, expected, kind)

static void test_bytes(void **state)
{
    (void)state;
    ASSERT_BYTES("x", "\xff\xd8\xff\xe0", CIR__MEDIA_PICTURE, "");
    ASSERT_BYTES("x.bmp", "\x89PNG\r\n\x1a\n", CIR__MEDIA_PICTURE, "");
    ASSERT_BYTES("x", "II*\0\x08\0\0\0\1\0\0\0", CIR__MEDIA_PICTURE, "");
    ASSERT_BYTES("x", "II*\0\x10\0\0\0CR\2\0", CIR__MEDIA_PICTURE, "");
    ASSERT_BYTES("x", "IIRO\x08\0\0\0", CIR__MEDIA_SKIPPED, "orf");
    ASSERT_BYTES("x",
                 "\0\0\0\x18"
                 "ftypcrx \0\0",
                 CIR__MEDIA_PICTURE, "");
    ASSERT_BYTES("x",
                 "\0\0\0\x18"
                 "ftypheic\0\0",
                 CIR__MEDIA_PICTURE, "");
    ASSERT_BYTES("x",
                 "\0\0\0\x18"
                 "ftypisom\0\0",
                 CIR__MEDIA_SKIPPED, "mp4");
    ASSERT_BYTES("x",
                 "\0\0\0\x14"
                 "ftypqt  \0\0",
                 CIR__MEDIA_SKIPPED, "mov");
    ASSERT_BYTES("x", "BM\x36\0\0\0\0\0\0\0\x36\0\0\0", CIR__MEDIA_SKIPPED, "bmp");
    ASSERT_BYTES("x", "BMW and other makes", CIR__MEDIA_NONE, "");
    ASSERT_BYTES("x", "BM", CIR__MEDIA_NONE, "");
    ASSERT_BYTES("x", "\xff\x0a\0\0", CIR__MEDIA_SKIPPED, "jxl");
    ASSERT_BYTES("X.SVG", "<?xml version", CIR__MEDIA_SKIPPED, "svg");
    ASSERT_BYTES("x.html", "<html>", CIR__MEDIA_NONE, "");
    ASSERT_BYTES("x", "", CIR__MEDIA_NONE, "");
}

static bool collect(void *context, const char *path, const char *error)
{
    char *text = context;
    strcat(text, error);
    strcat(text, "\n");
    return strstr(error, path) == error;
}

/* ---- kinds ---- */

static size_t count_kind(const cir_skipped *kinds, size_t n, const char *kind)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].n;
    return 0;
}

static void test_kinds(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/a.orf", "raw");
    testing_write(&t, "photos/b.ORF", "raw");
    testing_write(&t, "photos/sub/c.MOV", "film");
    testing_write(&t, "photos/d", "8BPS");
    testing_write(&t, "photos/notes.txt", "words");
    testing_write(&t, "photos/a.xmp", "GIF89a beside a photo");
    /* Pictures by their bytes: they are read, which fails here. */
    testing_write(&t, "photos/noending", "GIF89a");
    testing_write(&t, "photos/wrong.txt", "\xff\xd8\xff wrong");
    testing_write(&t, "photos/wrong.bmp", "\x89PNG\r\n\x1a\n");
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_found, 4);
    assert_int_equal(progress.n_failed, 3);
    assert_int_equal(progress.n_skipped, 4);
    assert_int_equal(progress.n_kinds, 3);
    assert_int_equal(count_kind(progress.skipped, progress.n_kinds, "orf"), 2);
    cir_skipped kinds[CIR_MAX_SKIPPED];
    size_t n;
    cir_index *index = testing_open(&t);
    assert_int_equal(cir_index_list_skipped(index, kinds, &n, NULL), CIR_OK);
    assert_int_equal(n, 3);
    assert_string_equal(kinds[0].kind, "orf"); /* the most first */
    assert_int_equal(count_kind(kinds, n, "mov"), 1);
    assert_int_equal(count_kind(kinds, n, "psd"), 1);
    cir_index_close(index);
    /* What failed before is told apart from what is as it was. */
    testing_remove(&t, "photos/a.orf");
    progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_failed_before, 3);
    assert_int_equal(progress.n_kept, 1);
    assert_int_equal(progress.n_unchanged, 4);
    index = testing_open(&t);
    assert_int_equal(cir_index_list_skipped(index, kinds, &n, NULL), CIR_OK);
    assert_int_equal(count_kind(kinds, n, "orf"), 1);
    cir_index_close(index);
    testing_done(&t);
}

/* ---- what is left out ---- */

static void make_hidden(const testing *t)
{
    static const char *const hidden[] = {
        "photos/.hidden.jpg",       "photos/.thumbnails/a.jpg",     "photos/@eaDir/b.jpg",
        "photos/#recycle/c.jpg",    "photos/.Trash-1000/f/d.jpg",   "photos/.git/e.jpg",
        "photos/.stversions/f.jpg", "photos/private/.nomedia",      "photos/private/g.jpg",
        "photos/private/sub/h.jpg", "photos/sub/$RECYCLE.BIN/i.jpg"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        testing_write(t, hidden[i], hidden[i][7] == 'p' && hidden[i][15] == '.' ? "" : "PIC hidden");
    testing_write(t, "photos/._ok.jpg", "no picture, but what a Mac keeps beside one");
    testing_write(t, "photos/ok.jpg", "PIC ok");
    testing_write(t, "photos/sub/ok.jpg", "PIC also");
}

static void test_hidden(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    make_hidden(&t);
    cir_update_progress progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_found, 2);
    assert_int_equal(progress.n_failed, 0);
    assert_int_equal(progress.n_hidden, 9); /* seven folders by name, one by its mark, one file */
    /* Asked for: all but what is no picture; and so again without asking. */
    const cir_update_options taken = {.size = sizeof taken, .hidden = CIR_HIDDEN_TAKEN};
    progress = testing_update_with(&t, t.photos, &taken, CIR_OK);
    assert_int_equal(progress.n_found, 12);
    assert_int_equal(progress.n_failed, 0);
    progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_kept, 12);
    assert_int_equal(progress.n_vanished, 0);
    const cir_update_options left_out = {.size = sizeof left_out, .hidden = CIR_HIDDEN_LEFT_OUT};
    progress = testing_update_with(&t, t.photos, &left_out, CIR_OK);
    assert_int_equal(progress.n_vanished, 10);
    assert_int_equal(progress.n_left_out, 10);
    assert_int_equal(testing_update(&t, CIR_OK).n_found, 2);
    cir_index *index = testing_open(&t);
    testing_assert_state(&t, index, "photos/private/g.jpg", CIR_IMAGE_VANISHED);
    cir_index_close(index);
    /* Given itself, a folder is asked for, and stays so. */
    char folder[512];
    testing_path(&t, "photos/private", folder);
    assert_int_equal(testing_update_with(&t, folder, NULL, CIR_OK).n_found, 2);
    progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_vanished, 0);
    index = testing_open(&t);
    testing_assert_ready(&t, index, "photos/private/g.jpg");
    cir_index_close(index);
    /* But what is gone from it is gone. */
    testing_remove(&t, "photos/private/g.jpg");
    progress = testing_update(&t, CIR_OK);
    assert_int_equal(progress.n_vanished, 1);
    assert_int_equal(progress.n_left_out, 0);
    testing_done(&t);
}

static void test_excluded(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "photos/a.png", "PIC a png");
    testing_write(&t, "photos/old/b.jpg", "PIC b");
    testing_write(&t, "photos/new/old/c.jpg", "PIC c");
    testing_write(&t, "photos/new/d.jpg", "PIC d");
    assert_int_equal(testing_update(&t, CIR_OK).n_found, 5);
    const char *patterns[] = {"*.png", "new/old"};
    const cir_update_options excluding = {.size = sizeof excluding, .excluded = patterns, .n_excluded = 2};
    cir_update_progress progress = testing_update_with(&t, t.photos, &excluding, CIR_OK);
    assert_int_equal(progress.n_found, 3);
    assert_int_equal(progress.n_excluded, 2);
    assert_int_equal(progress.n_left_out, 2);
    progress = testing_update(&t, CIR_OK); /* kept */
    assert_int_equal(progress.n_found, 3);
    assert_int_equal(progress.n_left_out, 0);
    char path[512];
    testing_path(&t, "photos/o*", path);
    patterns[0] = path;
    const cir_update_options replacing = {.size = sizeof replacing, .excluded = patterns, .n_excluded = 1};
    progress = testing_update_with(&t, t.photos, &replacing, CIR_OK);
    assert_int_equal(progress.n_found, 4);
    const cir_update_options none = {.size = sizeof none, .excluded = patterns, .n_excluded = 0};
    progress = testing_update_with(&t, t.photos, &none, CIR_OK);
    assert_int_equal(progress.n_found, 5);
    assert_int_equal(t.n_encoded, 5);
    testing_assert_clean(&t);
    testing_done(&t);
}

static void test_unlisted(void **state)
{
    (void)state;
    testing t;
    testing_init(&t, 1);
    /* Deeper than a path may be long, which nobody may list, root neither. */
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    testing_write(&t, "photos/a.jpg", "PIC a");
    testing_write(&t, "other/b.jpg", "PIC b");
    assert_int_equal(chdir(t.photos), 0);
    for (int i = 0; i < 1200; i++) {
        assert_int_equal(mkdir("abc", 0777), 0);
        assert_int_equal(chdir("abc"), 0);
    }
    assert_int_equal(chdir(here), 0);
    assert_int_equal(testing_update(&t, CIR_OK).n_failed, 1);
    static char text[8192];
    text[0] = '\0';
    cir_index *index = testing_open(&t);
    assert_int_equal(cir_index_list_unlisted(index, collect, text, NULL), CIR_OK);
    cir_index_close(index);
    assert_non_null(strstr(text, "abc"));
    assert_non_null(strstr(text, "cannot be listed"));
    /* An update of another folder knows nothing of it; one of its own does. */
    char other[512];
    testing_path(&t, "other", other);
    testing_update_with(&t, other, NULL, CIR_OK);
    index = testing_open(&t);
    text[0] = '\0';
    assert_int_equal(cir_index_list_unlisted(index, collect, text, NULL), CIR_OK);
    assert_true(text[0] != '\0');
    cir_index_close(index);
    char command[256];
    snprintf(command, sizeof command, "rm -r %s/abc", t.photos);
    assert_int_equal(system(command), 0);
    testing_update(&t, CIR_OK);
    index = testing_open(&t);
    text[0] = '\0';
    assert_int_equal(cir_index_list_unlisted(index, collect, text, NULL), CIR_OK);
    assert_string_equal(text, "");
    cir_index_close(index);
    testing_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),  cmocka_unit_test(test_bytes),    cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_hidden), cmocka_unit_test(test_excluded), cmocka_unit_test(test_unlisted),
    };
    return cmocka_run_group_tests_name("index scope", tests, NULL, NULL);
}

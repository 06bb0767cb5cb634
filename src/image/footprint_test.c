/* Every kind of picture is made, and the memory that decoding it takes is measured in a process of its
 * own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vips/vips.h>

#include "base/file.h"
#include "cir/decoder.h"
#include "image/vips.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

static const char *program;

/* A line of /proc/self/status, in bytes. */
static size_t find_status(const char *name)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    size_t value = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoul(line + strlen(name), NULL, 10) << 10;
    if (file != NULL)
        fclose(file);
    return value;
}

static cir_status keep_estimate(void *context, size_t n_bytes, cir_error *err)
{
    (void)err;
    *(size_t *)context = n_bytes;
    return CIR_OK;
}

/* In the other process: decodes the first file, so that libraries are loaded, then the second; prints the
 * estimate and how much the most memory was above that before. */
static int measure(const char *small, const char *path, size_t enough_px)
{
    cir_error err;
    cir_image image;
    cir_image_facts facts;
    uint8_t *bytes;
    size_t size;
    size_t estimate = 0;
    const cir_image_options options = {.size = sizeof options, .enough_px = enough_px};
    if (cir_image_read(small, NULL, &image, NULL, &err) != CIR_OK ||
        cir__file_read(path, (size_t)1 << 30, &bytes, &size, &err) != CIR_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    cir_image_done(&image);
    const size_t before = find_status("VmRSS:");
    if (cir_decoder_decode_here(NULL, bytes, size, path, &options, keep_estimate, &estimate, &image, &facts,
                                &err) != CIR_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    printf("%zu %zu\n", estimate, find_status("VmHWM:") - before);
    cir_image_done(&image);
    free(bytes);
    return 0;
}

static void run(const char *small, const char *path, size_t enough_px, size_t *estimate_out, size_t *peak_out)
{
    char command[1200];
    (void)snprintf(command, sizeof command, "'%s' '%s' '%s' %zu", program, small, path, enough_px);
    FILE *pipe = popen(command, "r"); /* paths of our own making */
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%zu %zu", estimate_out, peak_out), 2);
    assert_int_equal(pclose(pipe), 0);
}

typedef struct pictures {
    VipsImage *grey, *rgb, *cmyk, *rgba16;
    char folder[32];
} pictures;

/* Soft noise: neither empty nor incompressible. */
static VipsImage *make(int width_px, int height_px, int n_bands, VipsInterpretation interpretation)
{
    VipsImage *noise, *soft, *bytes, *bands[4], *joined, *made;
    assert_int_equal(vips_gaussnoise(&noise, width_px, height_px, "mean", 128., "sigma", 20., NULL), 0);
    assert_int_equal(vips_gaussblur(noise, &soft, 2.0, NULL), 0);
    assert_int_equal(vips_cast(soft, &bytes, VIPS_FORMAT_UCHAR, NULL), 0);
    for (int i = 0; i < n_bands; i++)
        bands[i] = bytes;
    assert_int_equal(vips_bandjoin(bands, &joined, n_bands, NULL), 0);
    assert_int_equal(vips_copy(joined, &made, "interpretation", interpretation, NULL), 0);
    VipsImage *whole = vips_image_copy_memory(made);
    g_object_unref(noise);
    g_object_unref(soft);
    g_object_unref(bytes);
    g_object_unref(joined);
    g_object_unref(made);
    return whole;
}

/* Which of the pictures, and how it is saved: libvips' own words for a file's name. */
static const struct {
    const char *name;
    int n_bands; /* 1 grey, 3 RGB, 4 CMYK, 5 RGBA of 16 bits */
    size_t enough_px;
} cases[] = {
    {"a.jpg[subsample-mode=off]", 3, 0},
    {"b.jpg[subsample-mode=off]", 3, 100},
    {"c.jpg[interlace,subsample-mode=off]", 3, 0},
    {"d.jpg[interlace,subsample-mode=off]", 3, 100},
    {"e.jpg[interlace]", 4, 0},
    {"f.jpg[interlace]", 1, 0},
    {"a.png[compression=1]", 3, 0},
    {"b.png[compression=1,interlace]", 1, 0},
    {"c.png[compression=1,interlace]", 3, 0},
    {"d.png[compression=1,interlace]", 5, 0},
    {"e.png[compression=1]", 5, 0},
    {"a.webp[effort=0]", 3, 0},
    {"b.webp[effort=0,lossless]", 3, 0},
    {"c.webp[effort=0]", 5, 0},
    {"d.webp[effort=0,lossless]", 5, 0},
    {"a.gif[effort=1]", 3, 0},
    {"a.tif", 3, 0},
    {"b.tif[tile]", 3, 0},
    {"c.tif[tile,tile-width=2048,tile-height=1600,compression=deflate]", 3, 0},
    {"d.tif[compression=lzw,tile-height=1500]", 5, 0},
    {"e.tif[compression=jpeg]", 3, 0},
    {"a.avif[effort=0]", 3, 0},
    {"b.avif[effort=0,subsample-mode=off]", 3, 0},
    {"c.avif[effort=0,bitdepth=12,subsample-mode=off]", 5, 0},
    {"a.heic[effort=0,compression=hevc]", 3, 0},
};

static void test_estimates_are_above_what_is_taken(void **state)
{
    (void)state;
    enum { WIDTH = 2000, HEIGHT = 1500, N_CASES = sizeof cases / sizeof cases[0] };
    pictures self = {.folder = "/tmp/cir-footprint-XXXXXX"};
    assert_non_null(mkdtemp(self.folder));
    char small[64];
    (void)snprintf(small, sizeof small, "%s/small.jpg", self.folder);
    assert_int_equal(cir__vips_start(NULL), CIR_OK);
    self.grey = make(WIDTH, HEIGHT, 1, VIPS_INTERPRETATION_B_W);
    self.rgb = make(WIDTH, HEIGHT, 3, VIPS_INTERPRETATION_sRGB);
    self.cmyk = make(WIDTH, HEIGHT, 4, VIPS_INTERPRETATION_CMYK);
    VipsImage *wide, *deep;
    assert_int_equal(vips_linear1(self.cmyk, &wide, 257.0, 0.0, NULL), 0);
    assert_int_equal(vips_cast(wide, &deep, VIPS_FORMAT_USHORT, NULL), 0);
    assert_int_equal(vips_copy(deep, &self.rgba16, "interpretation", VIPS_INTERPRETATION_RGB16, NULL), 0);
    VipsImage *tiny = make(16, 16, 3, VIPS_INTERPRETATION_sRGB);
    assert_int_equal(vips_image_write_to_file(tiny, small, NULL), 0);
    int n_bad = 0;
    int n_measured = 0;
    for (size_t i = 0; i < N_CASES; i++) {
        VipsImage *const by_bands[] = {NULL, self.grey, NULL, self.rgb, self.cmyk, self.rgba16};
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", self.folder, cases[i].name);
        if (vips_image_write_to_file(by_bands[cases[i].n_bands], path, NULL) != 0) {
            /* A codec that this machine lacks; which those may be is counted below. */
            print_message("%s: cannot be created here: %s", cases[i].name, vips_error_buffer());
            vips_error_clear();
            continue;
        }
        path[strcspn(path, "[")] = '\0';
        size_t estimate, peak;
        run(small, path, cases[i].enough_px, &estimate, &peak);
        n_measured++;
#ifndef IS_SANITIZED /* a sanitizer's own memory is larger than the picture */
        enum { ABSURD = 4, ALWAYS = 16 << 20 };
        if (peak > estimate || estimate > ABSURD * peak + ALWAYS)
            n_bad++;
        print_message("%-12s estimate %6.1f MB, taken %6.1f MB\n", strrchr(path, '/') + 1,
                      (double)estimate / 1e6, (double)peak / 1e6);
#else
        if (estimate == 0 || peak == 0)
            n_bad++;
#endif
        unlink(path);
    }
    assert_int_equal(n_bad, 0);
    assert_true(n_measured >= N_CASES - 4); /* HEIF and AVIF */
    unlink(small);
    rmdir(self.folder);
    VipsImage *const made[] = {self.grey, self.rgb, self.cmyk, self.rgba16, wide, deep, tiny};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        g_object_unref(made[i]);
    cir__vips_leave();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_estimates_are_above_what_is_taken)};
    program = argv[0];
    if (argc == 4)
        return measure(argv[1], argv[2], strtoul(argv[3], NULL, 10));
    return cmocka_run_group_tests(tests, NULL, NULL);
}

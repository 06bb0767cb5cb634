/* Answers what the library makes of pictures, for comparison with Pillow: reads commands from standard input,
 * one a line, words separated by tabs, and answers each with a line and the raw bytes that it announces.
 *
 *   read FILE rotate|stored|pillow     → ok n_bytes width height kind taken_at, then RGB
 *   resize FILE WIDTH HEIGHT bilinear|bicubic      → ok n_bytes width height - 0, then RGB
 *   tensor FILE CONFIG|clip:SIDE|open_clip:SIDE[:squash]  → ok n_bytes width height - 0, then floats
 *                                                           [3, height, width]
 *   anything that fails                → fail status message */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cir/image.h"
#include "image/preprocessing.h"

#define MAX_WORDS 5

static void answer(const void *bytes, size_t n_bytes, size_t width, size_t height, const char *kind,
                   int64_t taken_at)
{
    printf("ok %zu %zu %zu %s %" PRId64 "\n", n_bytes, width, height, kind, taken_at);
    fwrite(bytes, 1, n_bytes, stdout);
}

static cir_status do_read(char *const *words, cir_error *err)
{
    cir_image_options options = {.size = sizeof options,
                                 .ignore_exif_rotation = strcmp(words[2], "stored") == 0,
                                 .follow_pillow = strcmp(words[2], "pillow") == 0};
    cir_image image;
    cir_image_facts facts;
    cir_status status = cir_image_read(words[1], &options, &image, &facts, err);
    if (status == CIR_OK)
        answer(image.rgb, image.width_px * image.height_px * 3, image.width_px, image.height_px, facts.kind,
               facts.taken_at);
    cir_image_done(&image);
    return status;
}

static cir_status do_resize(char *const *words, cir_error *err)
{
    cir_image image;
    cir_image small = {0};
    cir_filter filter = strcmp(words[4], "bicubic") == 0 ? CIR_FILTER_BICUBIC : CIR_FILTER_BILINEAR;
    cir_status status = cir_image_read(words[1], NULL, &image, NULL, err);
    if (status == CIR_OK)
        status = cir_image_resize(&image, strtoul(words[2], NULL, 10), strtoul(words[3], NULL, 10), filter,
                                  &small, err);
    if (status == CIR_OK)
        answer(small.rgb, small.width_px * small.height_px * 3, small.width_px, small.height_px, "-", 0);
    cir_image_done(&small);
    cir_image_done(&image);
    return status;
}

static cir_status read_preprocessing(const char *config, cir__preprocessing *preprocessing, cir_error *err)
{
    if (strncmp(config, "open_clip:", 10) == 0) {
        cir__preprocessing_init_clip(preprocessing, strtoul(config + 10, NULL, 10));
        preprocessing->is_torchvision = true;
        if (strstr(config, "squash") != NULL) {
            preprocessing->does_crop = false;
            preprocessing->resize = CIR__RESIZE_EXACT;
        }
        return CIR_OK;
    }
    if (strncmp(config, "clip:", 5) == 0) {
        cir__preprocessing_init_clip(preprocessing, strtoul(config + 5, NULL, 10));
        return CIR_OK;
    }
    uint8_t *json;
    size_t size;
    cir_status status = cir__file_read(config, 1 << 20, &json, &size, err);
    if (status == CIR_OK)
        status = cir__preprocessing_parse(json, size, config, preprocessing, err);
    free(json);
    return status;
}

static cir_status do_tensor(char *const *words, cir_error *err)
{
    cir_image image = {0};
    cir__preprocessing preprocessing;
    size_t width = 0, height = 0;
    float *tensor = NULL;
    cir_status status = read_preprocessing(words[2], &preprocessing, err);
    if (status == CIR_OK)
        status = cir__preprocessing_output_px(&preprocessing, words[2], &height, &width, err);
    if (status == CIR_OK)
        status =
            cir_image_read(words[1],
                           &(cir_image_options){.size = sizeof(cir_image_options),
                                                .fitting = cir__preprocessing_get_fitting(&preprocessing)},
                           &image, NULL, err);
    if (status == CIR_OK) {
        tensor = malloc(3 * width * height * sizeof *tensor);
        if (tensor == NULL)
            abort();
        status = cir__preprocessing_apply(&preprocessing, &image, tensor, err);
    }
    if (status == CIR_OK)
        answer(tensor, 3 * width * height * sizeof *tensor, width, height, "-", 0);
    free(tensor);
    cir_image_done(&image);
    return status;
}

int main(void)
{
    static char line[8192];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[MAX_WORDS] = {"", "", "", "", ""};
        size_t n_words = 0;
        for (char *word = strtok(line, "\t\n"); word != NULL && n_words < MAX_WORDS;
             word = strtok(NULL, "\t\n"))
            words[n_words++] = word;
        cir_error err = {0};
        cir_status status = CIR_ARGUMENT;
        if (strcmp(words[0], "read") == 0)
            status = do_read(words, &err);
        else if (strcmp(words[0], "resize") == 0)
            status = do_resize(words, &err);
        else if (strcmp(words[0], "tensor") == 0)
            status = do_tensor(words, &err);
        if (status != CIR_OK)
            printf("fail %s %s\n", cir_status_name(status), err.message);
        fflush(stdout);
    }
    return 0;
}

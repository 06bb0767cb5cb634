/* A small valid index, damaged as the input says, then opened and read, or checked, or repaired and checked,
 * or updated; one input in eight goes through all of it, one after another. Each way begins with the damage,
 * so that what one would mend is met by the others, and most inputs cost a quarter of the whole.
 *
 * Input: a first byte says how. 0: what follows replaces the catalogue. 1: it replaces the vectors. Else
 * edits of 4 bytes each: file and high bits of the offset, low bits of the offset (2 bytes), the new byte. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "index/update/update.h"

#define DIM 4
#define N_PHOTOS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* What a long run spends on remembering frees and stacks is better spent on inputs. */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:malloc_context_size=4";
}

/* Nothing here need outlive the machine: without syncs ten times as many inputs are tried. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

static struct {
    char folder[32];
    char index[64];
    char photos[64];
    char files[2][128];
    uint8_t *bytes[2]; /* of the sound files */
    size_t sizes[2];
} scene;

/* Of one pixel, whose red is the file's first byte. */
static cir_status read_picture(const void *context, const void *bytes, size_t size_bytes, const char *name,
                               const cir_image_options *options, cir_image *image_out,
                               cir_image_facts *facts_out, cir_error *err)
{
    (void)context;
    (void)options;
    if (size_bytes == 0 || *(const char *)bytes == '?')
        return cir__fail(err, CIR_FORMAT, "%s: is not a picture", name);
    uint8_t *rgb = calloc(3, 1);
    if (rgb == NULL)
        abort();
    rgb[0] = *(const uint8_t *)bytes;
    *image_out = (cir_image){.width_px = 1, .height_px = 1, .rgb = rgb};
    *facts_out = (cir_image_facts){.width_px = 1, .height_px = 1, .taken_at = INT64_MIN};
    return CIR_OK;
}

static cir_status prepare(const void *context, const cir_image *image, float *tensor_out, cir_error *err)
{
    (void)context;
    (void)err;
    for (size_t i = 0; i < DIM; i++)
        tensor_out[i] = i == image->rgb[0] % DIM ? 1 : 0;
    return CIR_OK;
}

static cir_status encode(const void *context, cir_pool *pool, const float *tensors, size_t n,
                         float *features_out, cir_error *err)
{
    (void)context;
    (void)pool;
    (void)err;
    memcpy(features_out, tensors, n * DIM * sizeof *tensors);
    return CIR_OK;
}

static const cir__encoder encoder = {.name = "fuzz",
                                     .path = "fuzz",
                                     .fingerprint = "0123456789abcdef0123456789abcdef",
                                     .dim = DIM,
                                     .tensor_floats = DIM,
                                     .prepare = prepare,
                                     .encode = encode};
static const cir__encoders encoders = {.items = &encoder, .n = 1, .read = read_picture};

static void write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    close(fd);
}

static void update(void)
{
    const char *paths[] = {scene.photos};
    cir_error err;
    (void)!cir__index_update(scene.index, paths, 1, &encoders, NULL, NULL, 0, NULL, &err);
}

static void clean_up(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", scene.folder);
    (void)!system(command);
}

static void make_scene(void)
{
    strcpy(scene.folder, "/tmp/cir-fuzz-XXXXXX");
    if (mkdtemp(scene.folder) == NULL)
        abort();
    atexit(clean_up);
    snprintf(scene.index, sizeof scene.index, "%s/photos.cir", scene.folder);
    snprintf(scene.photos, sizeof scene.photos, "%s/photos", scene.folder);
    mkdir(scene.photos, 0777);
    for (int i = 0; i < N_PHOTOS; i++) {
        char path[128];
        char text[2] = {i == 3 ? '?' : (char)('a' + i), '\0'};
        snprintf(path, sizeof path, "%s/%d.jpg", scene.photos, i);
        write_file(path, text, 1);
    }
    update();
    snprintf(scene.files[0], sizeof scene.files[0], "%s/catalogue.sqlite", scene.index);
    snprintf(scene.files[1], sizeof scene.files[1], "%s/features/fuzz-01234567/vectors.npy", scene.index);
    for (int i = 0; i < 2; i++)
        if (cir__file_read(scene.files[i], 1 << 20, &scene.bytes[i], &scene.sizes[i], NULL) != CIR_OK)
            abort();
}

static void damage(const uint8_t *data, size_t size)
{
    for (int i = 0; i < 2; i++)
        write_file(scene.files[i], scene.bytes[i], scene.sizes[i]);
    char journal[160];
    snprintf(journal, sizeof journal, "%s-journal", scene.files[0]);
    unlink(journal);
    if (data[0] < 2) {
        write_file(scene.files[data[0]], data + 1, size - 1);
        return;
    }
    for (size_t i = 1; i + 4 <= size; i += 4) {
        int which = data[i] & 1;
        size_t offset = (size_t)(data[i] >> 1) << 16 | (size_t)data[i + 1] << 8 | data[i + 2];
        int fd = open(scene.files[which], O_WRONLY);
        if (fd < 0 || pwrite(fd, &data[i + 3], 1, (off_t)(offset % scene.sizes[which])) != 1)
            abort();
        close(fd);
    }
}

static bool visit(void *context, const cir_image_record *record)
{
    *(size_t *)context += strlen(record->path);
    return true;
}

static void read_all(void)
{
    cir_index *index;
    cir_error err;
    if (cir_index_open(scene.index, NULL, &index, &err) != CIR_OK)
        return;
    const cir_index_info *info = cir_index_get_info(index);
    size_t sum = 0;
    for (int state = 0; state <= CIR_IMAGE_PENDING; state++)
        (void)!cir_index_list_images(index, (cir_image_state)state, visit, &sum, &err);
    float *feature = malloc(info->model->dim * sizeof *feature);
    for (size_t id = 0; feature != NULL && id < info->n_rows; id++)
        (void)!cir_index_get_feature(index, id, feature, &err);
    free(feature);
    size_t id;
    (void)!cir_index_find_path(index, scene.photos, &id, &err);
    cir_index_close(index);
}

static void check(void)
{
    cir_check_result result;
    (void)!cir_index_check(scene.index, false, NULL, NULL, NULL, &result, NULL);
}

/* What says that it is mended must be: clean, and readable. */
static void repair(void)
{
    cir_check_result result;
    if (cir_index_check(scene.index, true, NULL, NULL, NULL, &result, NULL) != CIR_OK ||
        result.n_findings != result.n_repaired)
        return;
    if (cir_index_check(scene.index, false, NULL, NULL, NULL, &result, NULL) != CIR_OK ||
        result.n_findings != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (scene.folder[0] == '\0')
        make_scene();
    if (size == 0)
        return 0;
    damage(data, size);
    size_t way = size;
    for (size_t i = 0; i < size; i++)
        way += data[i];
    switch (way % 8) {
    case 0:
        read_all();
        check();
        repair();
        read_all();
        update();
        read_all();
        break;
    case 1:
    case 2:
    case 3:
        read_all();
        break;
    case 4:
        check();
        break;
    case 5:
    case 6:
        repair();
        break;
    default:
        update();
        read_all();
    }
    return 0;
}

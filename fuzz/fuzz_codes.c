/* A small index with compact codes, whose codes.bin and codes.sums are damaged as the input says, then
 * opened, checked, repaired, updated. Whatever is done to them, the index opens, and the update makes codes
 * that check finds nothing wrong with.
 *
 * One input in four is checked, repaired and updated; the others are only opened and looked at, or only
 * checked.
 *
 * Input: the first byte says how. 0: what follows replaces codes.bin; 1: codes.sums. 2: it is the bytes of
 * the two headers, to be parsed as they are. Else edits of 4 bytes each: file and high bits of the offset,
 * low bits (2 bytes), the new byte; an offset beyond the end cuts the file there. 3 has both headers put
 * right after edits, so that what it says is reached. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "index/codes/codes.h"
#include "index/codes/codes_file.h"
#include "index/update/update.h"

#define DIM 4
#define N_PHOTOS 70
#define FINGERPRINT "0123456789abcdef0123456789abcdef"

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

/* Of one pixel, whose red is the file's only byte. */
static cir_status read_picture(const void *context, const void *bytes, size_t size_bytes, const char *name,
                               const cir_image_options *options, cir_image *image_out,
                               cir_image_facts *facts_out, cir_error *err)
{
    (void)context;
    (void)options;
    if (size_bytes != 1)
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
        tensor_out[i] = (image->rgb[0] >> i & 1) != 0 ? 0.5f : -0.5f;
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
                                     .fingerprint = FINGERPRINT,
                                     .dim = DIM,
                                     .tensor_floats = DIM,
                                     .prepare = prepare,
                                     .encode = encode};
static const cir__encoders encoders = {.items = &encoder, .n = 1, .read = read_picture};

static void write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || (size > 0 && write(fd, bytes, size) != (ssize_t)size))
        abort();
    close(fd);
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
        char text[2] = {(char)(' ' + i), (char)i};
        snprintf(path, sizeof path, "%s/%02d.jpg", scene.photos, i);
        write_file(path, text, i == 20 ? 2 : 1);
    }
    const char *paths[] = {scene.photos};
    const cir_update_options options = {.size = sizeof options, .min_coded = 1};
    if (cir__index_update(scene.index, paths, 1, &encoders, NULL, &options, 0, NULL, NULL) != CIR_OK)
        abort();
    static const char *const names[2] = {CIR__CODES_NAME, CIR__CODES_SUMS_NAME};
    for (int i = 0; i < 2; i++) {
        snprintf(scene.files[i], sizeof scene.files[i], "%s/features/fuzz-01234567/%s", scene.index,
                 names[i]);
        if (cir__file_read(scene.files[i], 1 << 20, &scene.bytes[i], &scene.sizes[i], NULL) != CIR_OK)
            abort();
    }
}

static void parse_alone(const uint8_t *data, size_t size)
{
    static cir__codes_header header;
    bool has_damage;
    uint64_t serial;
    if (cir__codes_parse_header(data, size, DIM, FINGERPRINT, "fuzz", &header, &has_damage, NULL) == CIR_OK) {
        (void)!cir__codes_parse_sums(data, size, &header, "fuzz", &serial, NULL);
        size_t sizes[2];
        (void)cir__codes_sizes(&header, header.n_rows, &sizes[0], &sizes[1]);
    }
}

static void damage(const uint8_t *data, size_t size)
{
    uint8_t *copies[2];
    size_t sizes[2] = {scene.sizes[0], scene.sizes[1]};
    for (int i = 0; i < 2; i++) {
        copies[i] = malloc(scene.sizes[i]);
        if (copies[i] == NULL)
            abort();
        memcpy(copies[i], scene.bytes[i], scene.sizes[i]);
    }
    for (size_t i = 1; data[0] >= 3 && i + 4 <= size; i += 4) {
        int which = data[i] & 1;
        size_t offset = (size_t)(data[i] >> 1) << 16 | (size_t)data[i + 1] << 8 | data[i + 2];
        if (offset < sizes[which])
            copies[which][offset] = data[i + 3];
        else
            sizes[which] = offset % (scene.sizes[which] + 1);
    }
    const size_t header_bytes = cir__codes_header_bytes(DIM);
    const size_t end = 128 + DIM * sizeof(float);
    for (size_t i = 0; i < 2 && data[0] == 3 && sizes[0] >= 2 * header_bytes; i++) {
        uint64_t hash = cir__hash64(copies[0] + i * header_bytes, end);
        memcpy(copies[0] + i * header_bytes + end, &hash, sizeof hash);
    }
    for (int i = 0; i < 2; i++) {
        if (data[0] == i)
            write_file(scene.files[i], data + 1, size - 1);
        else
            write_file(scene.files[i], copies[i], sizes[i]);
        free(copies[i]);
    }
}

/* Opens the index, which must succeed, and looks at all that a search would. */
static void read_all(void)
{
    cir_index *index;
    if (cir_index_open(scene.index, NULL, &index, NULL) != CIR_OK)
        abort();
    const cir_codes *codes = cir_index_get_rows(index).codes;
    if (codes != NULL) {
        size_t n_blocks = (codes->n_rows + CIR__CODE_ROWS - 1) / CIR__CODE_ROWS;
        volatile uint64_t sink = cir__hash64(codes->blocks, n_blocks * cir__coder_block_bytes(codes->coder));
        (void)sink;
        for (size_t i = 0; i < codes->n_stale; i++)
            if (codes->stale[i] >= codes->n_rows || (i > 0 && codes->stale[i] <= codes->stale[i - 1]))
                abort();
        if (codes->n_rows > cir_index_get_info(index)->n_rows)
            abort();
    }
    cir_index_close(index);
}

static size_t check(bool repair)
{
    cir_check_result result;
    if (cir_index_check(scene.index, repair, NULL, NULL, NULL, &result, NULL) != CIR_OK ||
        (repair && result.n_repaired != result.n_findings))
        abort();
    return result.n_findings;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const cir_update_options options = {.size = sizeof options, .min_coded = 1};
    if (scene.folder[0] == '\0')
        make_scene();
    if (size == 0)
        return 0;
    if (data[0] == 2) {
        parse_alone(data + 1, size - 1);
        return 0;
    }
    damage(data, size);
    size_t way = size;
    for (size_t i = 0; i < size; i++)
        way += data[i];
    if (way % 4 == 1) {
        (void)check(false);
        return 0;
    }
    read_all();
    if (way % 4 != 0)
        return 0;
    bool is_sound = check(false) == 0;
    /* Codes that are sound are gone on with; others are made anew once they are away. */
    if (!is_sound)
        check(true);
    if (cir_index_update_codes(scene.index, NULL, &options, NULL) != CIR_OK || check(false) != 0)
        abort();
    read_all();
    return 0;
}

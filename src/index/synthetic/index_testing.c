#include "index/synthetic/index_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "index/codes/codes.h"
#include "index/store/catalogue.h"
#include "index/store/checksums.h"
#include "index/update/update.h"

#define SECOND_FINGERPRINT "89abcdef0123456789abcdef01234567"

static bool says(const char *text, size_t size, const char *word)
{
    return size >= 6 && memcmp(text + 3, word, 3) == 0;
}

/* dim tells the model. */
static void make_feature(const char *text, size_t size, size_t dim, float *out)
{
    if (says(text, size, "NAN")) {
        for (size_t i = 0; i < dim; i++)
            out[i] = NAN;
        return;
    }
    double sum = 0;
    uint64_t state = cir__hash64(text, size) + dim;
    for (size_t i = 0; i < dim; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (float)(state >> 40) / (float)(1 << 24) - 0.5f;
        sum += (double)out[i] * (double)out[i];
    }
    for (size_t i = 0; i < dim; i++)
        out[i] = (float)((double)out[i] / sqrt(sum));
}

/* A picture's "pixels" are its file's bytes. */
static cir_status read_picture(const void *context, const void *bytes, size_t size_bytes, const char *name,
                               const cir_image_options *options, cir_image *image_out,
                               cir_image_facts *facts_out, cir_error *err)
{
    (void)options;
    testing *t = (testing *)(uintptr_t)context;
    if (size_bytes < 3 || memcmp(bytes, "PIC", 3) != 0)
        return cir__fail(err, CIR_FORMAT, "%s: is not a picture", name);
    uint8_t *copy = malloc(size_bytes);
    if (copy == NULL)
        return cir__fail_memory(err, name);
    memcpy(copy, bytes, size_bytes);
    atomic_fetch_add(&t->n_read, 1);
    *image_out = (cir_image){.width_px = size_bytes, .height_px = 1, .rgb = copy};
    *facts_out = (cir_image_facts){.width_px = size_bytes, .height_px = 2, .taken_at = 12345, .kind = "pic"};
    return CIR_OK;
}

static cir_status prepare(const void *context, const cir_image *image, float *tensor_out, cir_error *err)
{
    (void)err;
    testing *t = (testing *)(uintptr_t)context;
    const char *text = (const char *)image->rgb;
    atomic_fetch_add(&t->n_prepared, 1);
    make_feature(text, image->width_px, TESTING_DIM, tensor_out);
    tensor_out[TESTING_DIM] =
        says(text, image->width_px, "BAD") || says(text, image->width_px, "1ST") ? 1 : 0;
    return CIR_OK;
}

static cir_status prepare_second(const void *context, const cir_image *image, float *tensor_out,
                                 cir_error *err)
{
    (void)context;
    (void)err;
    const char *text = (const char *)image->rgb;
    make_feature(text, image->width_px, TESTING_SECOND_DIM, tensor_out);
    tensor_out[TESTING_SECOND_DIM] =
        says(text, image->width_px, "BAD") || says(text, image->width_px, "2ND") ? 1 : 0;
    return CIR_OK;
}

/* tensors: features, each with whether it fails behind it. */
static cir_status encode_any(const float *tensors, size_t n, size_t dim, float *features_out, cir_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const float *tensor = tensors + i * (dim + 1);
        if (tensor[dim] != 0)
            return cir__fail(err, CIR_FORMAT, "weights: lead to no number");
        memcpy(features_out + i * dim, tensor, dim * sizeof *tensor);
    }
    return CIR_OK;
}

static cir_status encode(const void *context, cir_pool *pool, const float *tensors, size_t n,
                         float *features_out, cir_error *err)
{
    (void)pool;
    testing *t = (testing *)(uintptr_t)context;
    cir_status status = encode_any(tensors, n, TESTING_DIM, features_out, err);
    t->n_encoded += status == CIR_OK ? n : 0;
    if (status == CIR_OK && t->delay_us > 0)
        usleep(t->delay_us);
    return status;
}

static cir_status encode_second(const void *context, cir_pool *pool, const float *tensors, size_t n,
                                float *features_out, cir_error *err)
{
    (void)pool;
    testing *t = (testing *)(uintptr_t)context;
    cir_status status = encode_any(tensors, n, TESTING_SECOND_DIM, features_out, err);
    t->n_encoded_second += status == CIR_OK ? n : 0;
    if (status == CIR_OK && t->delay_us > 0)
        usleep(t->delay_us);
    return status;
}

void testing_init(testing *t, size_t n_threads)
{
    memset(t, 0, sizeof *t);
    strcpy(t->folder, "/tmp/cir-test-XXXXXX");
    assert_non_null(mkdtemp(t->folder));
    char *real = realpath(t->folder, NULL);
    assert_non_null(real);
    assert_string_equal(real, t->folder);
    free(real);
    snprintf(t->index, sizeof t->index, "%s/photos.cir", t->folder);
    snprintf(t->photos, sizeof t->photos, "%s/photos", t->folder);
    assert_int_equal(mkdir(t->photos, 0777), 0);
    char config[96]; /* nothing is noted in the configuration of whoever runs the tests */
    snprintf(config, sizeof config, "%s/config", t->folder);
    assert_int_equal(setenv("XDG_CONFIG_HOME", config, 1), 0);
    t->encoder = (cir__encoder){.name = "fake model",
                                .path = "/models/fake",
                                .fingerprint = "0123456789abcdef0123456789abcdef",
                                .dim = TESTING_DIM,
                                .tensor_floats = TESTING_DIM + 1,
                                .context = t,
                                .prepare = prepare,
                                .encode = encode};
    t->second = (cir__encoder){.name = "second model",
                               .path = "/models/second",
                               .fingerprint = SECOND_FINGERPRINT,
                               .dim = TESTING_SECOND_DIM,
                               .tensor_floats = TESTING_SECOND_DIM + 1,
                               .context = t,
                               .prepare = prepare_second,
                               .encode = encode_second};
    t->encoders = (cir__encoders){.items = &t->encoder, .n = 1, .read = read_picture, .context = t};
    assert_int_equal(cir_pool_new(n_threads, &t->pool, NULL), CIR_OK);
}

void testing_use_both(testing *t)
{
    t->pair[0] = t->encoder;
    t->pair[1] = t->second;
    t->encoders.items = t->pair;
    t->encoders.n = 2;
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

void testing_done(testing *t)
{
    cir_pool_free(t->pool);
    nftw(t->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void testing_path(const testing *t, const char *name, char path_out[512])
{
    snprintf(path_out, 512, "%s/%s", t->folder, name);
}

long testing_write(const testing *t, const char *name, const char *text)
{
    char path[512];
    testing_path(t, name, path);
    for (char *slash = path + strlen(t->folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        assert_true(mkdir(path, 0777) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    /* Clocks of file systems are coarse: two writes in one tick must not have the same time. */
    static atomic_long n_writes;
    long time = 1000000000 + atomic_fetch_add(&n_writes, 1);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time, .tv_nsec = 5}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    return time;
}

void testing_remove(const testing *t, const char *name)
{
    char path[512];
    testing_path(t, name, path);
    assert_int_equal(remove(path), 0);
}

void testing_rename(const testing *t, const char *from, const char *to)
{
    char old[512];
    char new[512];
    testing_path(t, from, old);
    testing_path(t, to, new);
    assert_int_equal(rename(old, new), 0);
}

void testing_link(const testing *t, const char *target, const char *name)
{
    char path[512];
    testing_path(t, name, path);
    assert_int_equal(symlink(target, path), 0);
}

cir_update_progress testing_update_with(testing *t, const char *path, const cir_update_options *options,
                                        cir_status expected)
{
    cir_error err = {0};
    cir_update_progress progress;
    const char *paths[] = {path};
    const cir_update_options coded = {.size = sizeof coded, .min_coded = 1};
    cir_status status = cir__index_update(t->index, paths, 1, &t->encoders, t->pool,
                                          options != NULL ? options : &coded, 0, &progress, &err);
    if (status != expected)
        fail_msg("update: %s, expected %s: %s", cir_status_name(status), cir_status_name(expected),
                 err.message);
    if (status == CIR_OK) {
        assert_int_equal(progress.n_done, progress.n_found);
        assert_false(progress.is_walking);
    }
    return progress;
}

cir_update_progress testing_update(testing *t, cir_status expected)
{
    return testing_update_with(t, t->photos, NULL, expected);
}

static cir_index *open_model(const testing *t, const char *fingerprint)
{
    cir_index *index;
    cir_error err = {0};
    if (cir_index_open(
            t->index,
            &(cir_index_options){.size = sizeof(cir_index_options), .model_fingerprint = fingerprint}, &index,
            &err) != CIR_OK)
        fail_msg("open: %s", err.message);
    return index;
}

cir_index *testing_open(const testing *t)
{
    return open_model(t, t->encoder.fingerprint);
}

cir_index *testing_open_second(const testing *t)
{
    return open_model(t, t->second.fingerprint);
}

size_t testing_find(const testing *t, const cir_index *index, const char *name)
{
    char path[512];
    testing_path(t, name, path);
    size_t id;
    cir_error err = {0};
    if (cir_index_find_path(index, path, &id, &err) != CIR_OK)
        fail_msg("find: %s", err.message);
    return id;
}

void testing_assert_feature(const cir_index *index, size_t id, const char *text, size_t size)
{
    float expected[TESTING_DIM];
    float feature[TESTING_DIM];
    const size_t dim = cir_index_get_info(index)->model->dim;
    make_feature(text, size, dim, expected);
    assert_int_equal(cir_index_get_feature(index, id, feature, NULL), CIR_OK);
    for (size_t i = 0; i < dim; i++)
        if (fabs((double)(feature[i] - expected[i])) > 5e-4)
            fail_msg("%s: feature %zu is %f, expected %f", text, i, (double)feature[i], (double)expected[i]);
}

size_t testing_assert_ready(const testing *t, const cir_index *index, const char *name)
{
    size_t id = testing_find(t, index, name);
    testing_assert_state(t, index, name, CIR_IMAGE_READY);
    char path[512];
    testing_path(t, name, path);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(cir__file_read(path, 1000, &bytes, &size, NULL), CIR_OK);
    testing_assert_feature(index, id, (const char *)bytes, size);
    free(bytes);
    return id;
}

void testing_assert_state(const testing *t, const cir_index *index, const char *name, cir_image_state state)
{
    cir_image_record record;
    assert_int_equal(cir_index_get_record(index, testing_find(t, index, name), &record, NULL), CIR_OK);
    if (record.state != state)
        fail_msg("%s: state %d, expected %d (%s)", name, (int)record.state, (int)state,
                 record.error != NULL ? record.error : "no error");
    char path[512];
    testing_path(t, name, path);
    assert_string_equal(record.path, path);
    cir_image_record_done(&record);
}

static bool is_trusted(const cir_codes *codes, size_t row)
{
    for (size_t i = 0; i < codes->n_stale; i++)
        if (codes->stale[i] == row)
            return false;
    return row < codes->n_rows;
}

static void load_checksums(const cir_index_info *info, cir__checksums *checksums_out)
{
    cir__place place;
    cir__store *store;
    assert_int_equal(cir__place_init(&place, info->path, NULL), CIR_OK);
    assert_int_equal(cir__catalogue_open(&place, CIR__CATALOGUE_READ, &store, NULL), CIR_OK);
    assert_int_equal(cir__checksums_load(store, (size_t)(info->model - info->models),
                                         SIZE_MAX - CIR__BLOCK_ROWS, NULL, checksums_out, NULL),
                     CIR_OK);
    cir__store_close(store);
    cir__place_done(&place);
}

void testing_assert_codes(const cir_index *index, bool is_whole)
{
    const cir_index_info *info = cir_index_get_info(index);
    const cir_codes *codes = cir_index_get_rows(index).codes;
    size_t dim = info->model->dim;
    if (codes == NULL) {
        if (is_whole)
            fail_msg("no codes: %s", info->codes_problem != NULL ? info->codes_problem : "no reason");
        return;
    }
    size_t block_bytes = cir__coder_block_bytes(codes->coder);
    size_t n_lines = block_bytes / CIR__CODE_ROWS; /* of a byte for each row, but for the order of halves */
    size_t n_trusted = 0;
    uint8_t *block = calloc(1, block_bytes);
    assert_non_null(block);
    cir__checksums checksums;
    load_checksums(info, &checksums);
    for (size_t first = 0; first < codes->n_rows; first += CIR__CODE_ROWS) {
        const uint8_t *held = codes->blocks + first / CIR__CODE_ROWS * block_bytes;
        memset(block, 0, block_bytes);
        for (size_t i = 0; i < CIR__CODE_ROWS && first + i < codes->n_rows; i++) {
            const uint16_t *row = cir_index_get_rows(index).f16 + (first + i) * dim;
            bool is_ready = cir_index_get_rows(index).ready[first + i] && is_trusted(codes, first + i);
            n_trusted += is_ready ? 1 : 0;
            /* Photos that have vanished keep feature and code. */
            if (is_ready || (is_whole && cir__checksums_get(&checksums, first + i) != 0))
                cir__coder_write(codes->coder, row, 1, i, block);
            for (size_t j = 0; is_ready && j < n_lines - 4; j++)
                if (held[j * CIR__CODE_ROWS + i] != block[j * CIR__CODE_ROWS + i])
                    fail_msg("row %zu: byte %zu of its code is not as made anew", first + i, j);
            for (size_t j = 0; is_ready && j < 2; j++) {
                size_t at = (n_lines - 4 + 2 * j) * CIR__CODE_ROWS + i * 2;
                if (memcmp(held + at, block + at, 2) != 0)
                    fail_msg("row %zu: number %zu of its code is not as made anew", first + i, j);
            }
        }
        if (is_whole && memcmp(held, block, block_bytes) != 0)
            fail_msg("rows from %zu: bytes of no row's code are set", first);
    }
    free(block);
    cir__checksums_done(&checksums);
    assert_int_equal(n_trusted, info->n_coded);
    if (is_whole) {
        assert_int_equal(codes->n_stale, 0);
        assert_int_equal(info->n_coded, info->n_ready);
    }
}

static void fail_on_finding(void *context, const char *finding, bool was_repaired)
{
    (void)context;
    (void)was_repaired;
    fail_msg("check: %s", finding);
}

void testing_assert_clean(const testing *t)
{
    cir_index *index = testing_open(t);
    cir_check_result result;
    cir_error err = {0};
    if (cir_index_check(t->index, false, t->pool, fail_on_finding, NULL, &result, &err) != CIR_OK)
        fail_msg("check: %s", err.message);
    assert_int_equal(result.n_rows, cir_index_get_info(index)->n_rows);
    assert_int_equal(result.n_findings, 0);
    testing_assert_codes(index, false);
    cir_index_close(index);
}

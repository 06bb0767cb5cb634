/* Pictures from files and from memory, whole and small. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/growable.h"
#include "base/memory.h"
#include "cir/image.h"
#include "image/parse_image.h"
#include "image/raw_preview.h"

#define MAX_FILE_BYTES ((size_t)1 << 30)

cir_status cir_image_parse(const void *bytes, size_t size_bytes, const char *name,
                           const cir_image_options *options, cir_image *image_out, cir_image_facts *facts_out,
                           cir_error *err)
{
    cir_image_options own;
    cir__error_clear(err);
    *image_out = (cir_image){0};
    if (facts_out != NULL)
        *facts_out = (cir_image_facts){.taken_at = INT64_MIN};
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_image_options", err);
    return status == CIR_OK ? cir__parse_image(bytes, size_bytes, name, &own, image_out, facts_out, err)
                            : status;
}

cir_status cir_image_read(const char *path, const cir_image_options *options, cir_image *image_out,
                          cir_image_facts *facts_out, cir_error *err)
{
    *image_out = (cir_image){0};
    if (facts_out != NULL)
        *facts_out = (cir_image_facts){.taken_at = INT64_MIN};
    cir__error_clear(err);
    uint8_t *bytes;
    size_t size;
    /* Read, not mapped: a mapped file that somebody shortens meanwhile would end the process. */
    cir_status status = cir__file_read(path, MAX_FILE_BYTES, &bytes, &size, err);
    if (status != CIR_OK)
        return status;
    status = cir_image_parse(bytes, size, path, options, image_out, facts_out, err);
    free(bytes);
    return status;
}

/* At most size bytes from a file's beginning; *n_out: how many there are. */
static cir_status read_head(const char *path, uint8_t *bytes_out, size_t size, size_t *n_out, cir_error *err)
{
    struct stat facts;
    cir_status status = CIR_OK;
    *n_out = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return cir__fail_errno(err, errno, "%s: cannot be opened", path);
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        status = cir__fail(err, CIR_FORMAT, "%s: is not a regular file; name a picture", path);
    while (status == CIR_OK && *n_out < size) {
        ssize_t n = read(fd, bytes_out + *n_out, size - *n_out);
        if (n < 0 && errno != EINTR)
            status = cir__fail_errno(err, errno, "%s: cannot be read", path);
        if (n == 0)
            break;
        *n_out += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return status;
}

/* A raw photo's JPEG lies anywhere. */
static bool is_raw(const uint8_t *bytes, size_t size)
{
    cir__raw_preview preview;
    return cir__raw_preview_find(bytes, size, &preview);
}

cir_status cir_image_read_facts(const char *path, const cir_image_options *options,
                                cir_image_facts *facts_out, cir_error *err)
{
    enum { HEAD_BYTES = 64 << 10 };
    *facts_out = (cir_image_facts){.taken_at = INT64_MIN};
    cir__error_clear(err);
    cir_image_options own;
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_image_options", err);
    if (status != CIR_OK)
        return status;
    uint8_t *bytes = cir__new_unset(HEAD_BYTES, 1);
    if (bytes == NULL)
        return cir__fail_memory(err, path);
    size_t n;
    status = read_head(path, bytes, HEAD_BYTES, &n, err);
    if (status == CIR_OK && n == HEAD_BYTES && is_raw(bytes, n)) {
        free(bytes);
        bytes = NULL;
        status = cir__file_read(path, MAX_FILE_BYTES, &bytes, &n, err);
    }
    if (status == CIR_OK)
        status = cir__parse_image(bytes, n, path, &own, NULL, facts_out, err);
    free(bytes);
    return status;
}

static size_t scaled(size_t length, size_t numerator, size_t denominator)
{
    size_t result = (size_t)((double)length * (double)numerator / (double)denominator + 0.5);
    return result > 0 ? result : 1;
}

static cir_status fit(cir_image *image, size_t max_width_px, size_t max_height_px, cir_error *err)
{
    size_t width = image->width_px;
    size_t height = image->height_px;
    if (width <= max_width_px && height <= max_height_px)
        return CIR_OK;
    /* The side that is too long by more decides. */
    if ((double)width * (double)max_height_px >= (double)height * (double)max_width_px) {
        height = scaled(height, max_width_px, width);
        width = max_width_px;
    } else {
        width = scaled(width, max_height_px, height);
        height = max_height_px;
    }
    cir_image small;
    cir_status status = cir_image_resize(image, width, height, CIR_FILTER_BICUBIC, &small, err);
    cir_image_done(image);
    if (status == CIR_OK)
        *image = small;
    return status;
}

static cir_status fit_options(const cir_image_options *options, size_t max_width_px, size_t max_height_px,
                              cir_image_options *own_out, cir_error *err)
{
    cir_status status = cir__options_read(options, own_out, sizeof *own_out, "cir_image_options", err);
    /* Twice what is shown, so that the last step is still a good filter's. */
    own_out->enough_px = 2 * (max_width_px > max_height_px ? max_width_px : max_height_px);
    own_out->count_until_done = true;
    return status;
}

cir_status cir_image_read_thumbnail(const char *path, size_t max_width_px, size_t max_height_px,
                                    const cir_image_options *options, cir_image *image_out,
                                    cir_image_facts *facts_out, cir_error *err)
{
    cir_image_options reading;
    *image_out = (cir_image){0};
    cir_status status = fit_options(options, max_width_px, max_height_px, &reading, err);
    if (status == CIR_OK)
        status = cir_image_read(path, &reading, image_out, facts_out, err);
    return status == CIR_OK ? fit(image_out, max_width_px, max_height_px, err) : status;
}

cir_status cir_image_parse_thumbnail(const void *bytes, size_t size_bytes, const char *name,
                                     size_t max_width_px, size_t max_height_px,
                                     const cir_image_options *options, cir_image *image_out,
                                     cir_image_facts *facts_out, cir_error *err)
{
    cir_image_options reading;
    *image_out = (cir_image){0};
    cir_status status = fit_options(options, max_width_px, max_height_px, &reading, err);
    if (status == CIR_OK)
        status = cir_image_parse(bytes, size_bytes, name, &reading, image_out, facts_out, err);
    return status == CIR_OK ? fit(image_out, max_width_px, max_height_px, err) : status;
}

void cir_image_done(cir_image *image)
{
    free(image->rgb);
    cir__parse_image_leave(image->place);
    *image = (cir_image){0};
}

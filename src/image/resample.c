/* The method is Pillow's (Resample.c), to the last bit: each output pixel is a weighted mean of the input
 * pixels under the filter, which is widened by the scale when shrinking; first along rows, then along
 * columns, with 8-bit pixels between; weights are computed in double, normalised, and rounded to 22
 * fractional bits. (Pillow 13 goes along columns first where the width hardly changes and the height shrinks
 * much, and so rounds differently there. The order here is that of all versions before it, which the
 * published figures were made with; where proportions are kept, as in CLIP's preprocessings, all versions
 * agree.)
 *
 * Speed: a sum of 8-bit pixels times 23-bit weights wants 32-bit multiplications, which vector units do
 * slowly. So along rows each weight is split, weight = high·2^11 + low, both of which fit 16 bits, and the
 * two sums of 16-bit products are joined at the end: the same integer, in the form that compilers turn into
 * multiply-add instructions. No sum overflows: |low| ≤ |weight|, and the absolute weights of a pixel sum to
 * under 1.5·2^22, so every sum stays under 255·1.5·2^22 < 2^31. */
#include "image/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define WEIGHT_BITS 22
#define LOW_BITS 11
#define LANES 8 /* taps are padded to a multiple, so that the inner loop has no remainder */

/* Beyond this Pillow's own arithmetic (box edges in float, positions in int) is no longer exact. */
#define MAX_SIDE_PX ((size_t)1 << 24)

/* The weights of the outputs of one span. */
typedef struct weights {
    size_t n;       /* outputs */
    size_t n_taps;  /* weights kept per output, a multiple of LANES; those behind its last are 0 */
    size_t *first;  /* [n] first input pixel of each output */
    size_t *n_used; /* [n] taps that are not padding */
    int32_t *whole; /* [n, n_taps] */
} weights;

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic with a = −½. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static void weights_done(weights *w)
{
    free(w->first);
    free(w->n_used);
    free(w->whole);
    *w = (weights){0};
}

static int32_t round_weight(double weight)
{
    double scaled = weight * (1 << WEIGHT_BITS);
    return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* The weights of one output, whose centre lies at `centre` in the input. scratch: [n_taps]. */
static void fit_output(weights *w, size_t i, size_t n_in, double centre, double support, double stretch,
                       cir_filter filter, double *scratch)
{
    int64_t first = (int64_t)(centre - support + 0.5);
    int64_t end = (int64_t)(centre + support + 0.5);
    first = first < 0 ? 0 : first;
    end = end > (int64_t)n_in ? (int64_t)n_in : end;
    size_t n_used = (size_t)(end - first);
    double sum = 0.0;
    for (size_t t = 0; t < n_used; t++) {
        double x = ((double)t + (double)first - centre + 0.5) * (1.0 / stretch);
        scratch[t] = filter == CIR_FILTER_BICUBIC ? cubic(x) : triangle(x);
        sum += scratch[t];
    }
    int32_t *whole = w->whole + i * w->n_taps;
    for (size_t t = 0; t < n_used; t++)
        whole[t] = round_weight(sum != 0.0 ? scratch[t] / sum : scratch[t]);
    w->first[i] = (size_t)first;
    w->n_used[i] = n_used;
}

static cir_status weights_init(weights *w, size_t n_in, cir__span span, cir_filter filter, cir_error *err)
{
    *w = (weights){.n = span.n};
    double scale = (double)n_in / (double)span.n_full;
    double stretch = scale < 1.0 ? 1.0 : scale;
    double support = (filter == CIR_FILTER_BICUBIC ? 2.0 : 1.0) * stretch;
    size_t n_taps = (size_t)ceil(support) * 2 + 1;
    w->n_taps = (n_taps + LANES - 1) / LANES * LANES;
    w->first = cir__new(span.n, sizeof *w->first);
    w->n_used = cir__new(span.n, sizeof *w->n_used);
    size_t n_weights;
    w->whole = cir__size_mul(span.n, w->n_taps, &n_weights) ? cir__new(n_weights, sizeof *w->whole) : NULL;
    double *scratch = cir__new(w->n_taps, sizeof *scratch);
    cir_status status = CIR_OK;
    if (w->first == NULL || w->n_used == NULL || w->whole == NULL || scratch == NULL) {
        weights_done(w);
        status = cir__fail_memory(err, "resampling weights");
        goto done;
    }
    for (size_t i = 0; i < span.n; i++)
        fit_output(w, i, n_in, ((double)(span.first + i) + 0.5) * scale, support, stretch, filter, scratch);
done:
    free(scratch);
    return status;
}

static inline uint8_t round_sum(int32_t sum)
{
    int32_t value = (sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* What the pass along rows works with. */
typedef struct row_pass {
    const weights *w;
    size_t first_px; /* input columns that any output needs */
    size_t n_px;
    int16_t *high; /* [w->n, w->n_taps] */
    int16_t *low;
    int16_t *planes[3]; /* [n_px + w->n_taps] each: one row's channels apart, zeros behind */
    int16_t *memory;    /* owns the five */
} row_pass;

static cir_status row_pass_init(row_pass *pass, const weights *w, cir_error *err)
{
    *pass = (row_pass){.w = w, .first_px = w->first[0]};
    pass->n_px = w->first[w->n - 1] + w->n_used[w->n - 1] - pass->first_px;
    size_t n_weights = w->n * w->n_taps;
    size_t n_plane = (pass->n_px + w->n_taps + LANES - 1) / LANES * LANES;
    size_t n;
    if (!cir__size_mul(n_weights, 2, &n) || !cir__size_add(n, 3 * n_plane, &n) ||
        (pass->memory = cir__new(n, sizeof *pass->memory)) == NULL)
        return cir__fail_memory(err, "resampling rows");
    pass->high = pass->memory;
    pass->low = pass->high + n_weights;
    for (size_t c = 0; c < 3; c++)
        pass->planes[c] = pass->low + n_weights + c * n_plane;
    for (size_t i = 0; i < n_weights; i++) {
        int32_t high = (w->whole[i] + (1 << (LOW_BITS - 1))) >> LOW_BITS;
        pass->high[i] = (int16_t)high;
        pass->low[i] = (int16_t)(w->whole[i] - high * (1 << LOW_BITS));
    }
    return CIR_OK;
}

static inline int32_t join(int32_t high, int32_t low)
{
    return high * (1 << LOW_BITS) + low;
}

/* One row: rgb [width, 3] → out [w->n, 3]. */
static void resample_row(const row_pass *pass, const uint8_t *rgb, uint8_t *out)
{
    int16_t *restrict red = pass->planes[0];
    int16_t *restrict green = pass->planes[1];
    int16_t *restrict blue = pass->planes[2];
    const uint8_t *in = rgb + pass->first_px * 3;
    for (size_t x = 0; x < pass->n_px; x++) {
        red[x] = in[x * 3];
        green[x] = in[x * 3 + 1];
        blue[x] = in[x * 3 + 2];
    }
    size_t n_taps = pass->w->n_taps;
    for (size_t i = 0; i < pass->w->n; i++) {
        size_t first = pass->w->first[i] - pass->first_px;
        const int16_t *high = pass->high + i * n_taps;
        const int16_t *low = pass->low + i * n_taps;
        const int16_t *r = red + first;
        const int16_t *g = green + first;
        const int16_t *b = blue + first;
        int32_t r_high = 0, r_low = 0, g_high = 0, g_low = 0, b_high = 0, b_low = 0;
        for (size_t t = 0; t < n_taps; t++) {
            r_high += high[t] * r[t];
            r_low += low[t] * r[t];
            g_high += high[t] * g[t];
            g_low += low[t] * g[t];
            b_high += high[t] * b[t];
            b_low += low[t] * b[t];
        }
        out[i * 3] = round_sum(join(r_high, r_low));
        out[i * 3 + 1] = round_sum(join(g_high, g_low));
        out[i * 3 + 2] = round_sum(join(b_high, b_low));
    }
}

/* One output row: the weighted mean of n_used rows. rows: [n_used, row_bytes]; sums: [row_bytes] scratch. */
static void resample_column(const int32_t *whole, size_t n_used, const uint8_t *rows, size_t row_bytes,
                            int32_t *restrict sums, uint8_t *out)
{
    memset(sums, 0, row_bytes * sizeof *sums);
    for (size_t t = 0; t < n_used; t++) {
        const uint8_t *restrict row = rows + t * row_bytes;
        int32_t weight = whole[t];
        for (size_t j = 0; j < row_bytes; j++)
            sums[j] += weight * row[j];
    }
    for (size_t j = 0; j < row_bytes; j++)
        out[j] = round_sum(sums[j]);
}

/* Rows [first_row, first_row + n_rows) of the picture, resampled along the row: out [n_rows, across.n, 3]. */
static cir_status resample_across(const cir_image *image, cir__span across, size_t first_row, size_t n_rows,
                                  cir_filter filter, uint8_t *out, cir_error *err)
{
    weights w = {0};
    row_pass pass = {0};
    cir_status status = weights_init(&w, image->width_px, across, filter, err);
    if (status != CIR_OK)
        return status;
    status = row_pass_init(&pass, &w, err);
    if (status != CIR_OK)
        goto done;
    for (size_t y = 0; y < n_rows; y++)
        resample_row(&pass, image->rgb + (first_row + y) * image->width_px * 3, out + y * across.n * 3);
done:
    free(pass.memory);
    weights_done(&w);
    return status;
}

static cir_status check(const cir_image *image, cir__span across, cir__span down, cir_error *err)
{
    if (image->rgb == NULL || image->width_px == 0 || image->height_px == 0)
        return cir__fail(err, CIR_ARGUMENT, "picture: has no pixels; read one first");
    if (across.n == 0 || down.n == 0 || across.first + across.n > across.n_full ||
        down.first + down.n > down.n_full)
        return cir__fail(err, CIR_ARGUMENT, "resampled size: is %zu × %zu; name at least 1 × 1",
                         across.n_full, down.n_full);
    if (image->width_px > MAX_SIDE_PX || image->height_px > MAX_SIDE_PX)
        return cir__fail(err, CIR_LIMIT, "picture: is %zu × %zu pixels, resampled are at most %zu a side",
                         image->width_px, image->height_px, MAX_SIDE_PX);
    return CIR_OK;
}

cir_status cir__resample(const cir_image *image, cir__span across, cir__span down, cir_filter filter,
                         uint8_t *rgb_out, cir_error *err)
{
    cir_status status = check(image, across, down, err);
    if (status != CIR_OK)
        return status;
    /* A pass that changes nothing is left out, as Pillow does: weights of 1 would do the same, slowly. */
    bool is_same_width = across.n_full == image->width_px;
    bool is_same_height = down.n_full == image->height_px;
    weights w = {0};
    uint8_t *between = NULL;
    int32_t *sums = NULL;
    size_t row_bytes, n_bytes;
    size_t first_row = down.first;
    size_t n_rows = down.n;
    if (!is_same_height) {
        status = weights_init(&w, image->height_px, down, filter, err);
        if (status != CIR_OK)
            return status;
        first_row = w.first[0];
        n_rows = w.first[w.n - 1] + w.n_used[w.n - 1] - first_row;
    }
    if (!cir__size_mul(across.n, 3, &row_bytes) || !cir__size_mul(row_bytes, n_rows, &n_bytes) ||
        (!is_same_height && (between = cir__new_unset(n_bytes, 1)) == NULL) ||
        (!is_same_height && (sums = cir__new_unset(row_bytes, sizeof *sums)) == NULL)) {
        status = cir__fail_memory(err, "resampled picture");
        goto done;
    }
    uint8_t *rows = is_same_height ? rgb_out : between;
    if (is_same_width) {
        for (size_t y = 0; y < n_rows; y++)
            memcpy(rows + y * row_bytes, image->rgb + ((first_row + y) * image->width_px + across.first) * 3,
                   row_bytes);
    } else {
        status = resample_across(image, across, first_row, n_rows, filter, rows, err);
        if (status != CIR_OK)
            goto done;
    }
    if (!is_same_height)
        for (size_t i = 0; i < down.n; i++)
            resample_column(w.whole + i * w.n_taps, w.n_used[i], rows + (w.first[i] - first_row) * row_bytes,
                            row_bytes, sums, rgb_out + i * row_bytes);
done:
    free(sums);
    free(between);
    weights_done(&w);
    return status;
}

cir_status cir_image_resize(const cir_image *image, size_t width_px, size_t height_px, cir_filter filter,
                            cir_image *image_out, cir_error *err)
{
    *image_out = (cir_image){0};
    cir__error_clear(err);
    size_t n_bytes;
    if (width_px > MAX_SIDE_PX || height_px > MAX_SIDE_PX || !cir__size_mul(width_px, height_px, &n_bytes) ||
        !cir__size_mul(n_bytes, 3, &n_bytes))
        return cir__fail(err, CIR_LIMIT,
                         "resampled size: is %zu × %zu, at most %zu a side; name a smaller one", width_px,
                         height_px, MAX_SIDE_PX);
    uint8_t *rgb = cir__new_unset(n_bytes, 1);
    if (rgb == NULL)
        return cir__fail_memory(err, "resampled picture");
    cir__span across = {width_px, 0, width_px};
    cir__span down = {height_px, 0, height_px};
    cir_status status = cir__resample(image, across, down, filter, rgb, err);
    if (status == CIR_OK)
        *image_out = (cir_image){.width_px = width_px, .height_px = height_px, .rgb = rgb};
    else
        free(rgb);
    return status;
}

/* Bytes to RGB: the seam to libvips.
 *
 * The kind is told from the bytes, and exactly that kind's loader is called; the size is checked before any
 * pixel is decoded; then the rows come in strips, are converted by Pillow's rules (rgb.h) and laid where the
 * orientation wants them, so that beside the finished picture only a strip is held (the kinds that cannot be
 * decoded in strips, such as progressive JPEG, interlaced PNG, WebP and HEIF, hold their own copy meanwhile).
 *
 * The pixels equal those of Pillow's convert("RGB"), with these known exceptions. Grey of 16 or 32 bits, or
 * in floating point, which Pillow clips to white, is scaled, unless options say to follow Pillow; then the
 * colours that Pillow has no rule for are refused too. And in these libvips has the last word: TIFFs with
 * premultiplied alpha (off by one in places), 16-bit TIFFs in which 0 is white (Pillow forgets to invert
 * them), PNGs whose pixels name colours beyond their palette (black; a grey in Pillow). TIFFs in LAB or bare
 * YCbCr are refused.
 *
 * What is damaged is libvips' to say, and so the codecs'. Looks into the bytes beside theirs (kind.h, tiff.h,
 * gif.h, orientation.h) find what they do not tell, and refuse nothing that they read.
 *
 * libvips' error texts are not passed on: it keeps them in one buffer for all threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vips/vips.h>

#include "base/error.h"
#include "base/growable.h"
#include "base/memory.h"
#include "cir/decoder.h"
#include "image/exif.h"
#include "image/footprint.h"
#include "image/gif.h"
#include "image/kind.h"
#include "image/orient.h"
#include "image/orientation.h"
#include "image/own_mode.h"
#include "image/raw_preview.h"
#include "image/rgb.h"
#include "image/tiff.h"
#include "image/vips.h"

#define DEFAULT_MEGAPIXELS 512
#define STRIP_ROWS 32

typedef int load_function(void *bytes, size_t size, VipsImage **image_out, ...);

static const struct {
    const char *operation;
    load_function *load;
} loaders[] = {
    [CIR__KIND_JPEG] = {"jpegload_buffer", vips_jpegload_buffer},
    [CIR__KIND_PNG] = {"pngload_buffer", vips_pngload_buffer},
    [CIR__KIND_WEBP] = {"webpload_buffer", vips_webpload_buffer},
    [CIR__KIND_TIFF] = {"tiffload_buffer", vips_tiffload_buffer},
    [CIR__KIND_GIF] = {"gifload_buffer", vips_gifload_buffer},
    [CIR__KIND_HEIF] = {"heifload_buffer", vips_heifload_buffer},
    [CIR__KIND_AVIF] = {"heifload_buffer", vips_heifload_buffer},
};

/* One picture on its way from bytes to RGB. */
typedef struct source {
    const uint8_t *bytes;
    size_t size;
    const char *name; /* for messages */
    cir__kind kind;
    const char *kind_name;
    cir__raw_preview raw; /* kind NULL: the picture itself is read */
    VipsImage *image;     /* owned */
    size_t width_px;      /* as stored, that is, before orientation */
    size_t height_px;
    size_t decoded_width_px; /* of what libvips gives: for a GIF it may be less, or more, than the picture */
    size_t decoded_height_px;
    int orientation;
    cir__layout layout;
    cir__gif_frame frame; /* of a GIF */
    cir__own_mode mode;   /* CIR__OWN_RGB unless it is to be resized before it is made RGB */
} source;

/* Of a raw photo the JPEG beside its raw pixels is read. */
static cir_status take_preview(source *src, cir_error *err)
{
    if (!cir__raw_preview_find(src->bytes, src->size, &src->raw))
        return CIR_OK;
    if (src->raw.jpeg == NULL)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: is a raw photo (%s) without a JPEG beside its raw pixels, which are not read, or cut "
            "short; convert it to JPEG",
            src->name, src->raw.kind);
    src->bytes = src->raw.jpeg;
    src->size = src->raw.size;
    return CIR_OK;
}

static cir_status find_kind(source *src, cir_error *err)
{
    if (src->size == 0)
        return cir__fail(err, CIR_FORMAT, "%s: is empty (0 bytes); copy the picture again", src->name);
    src->kind = cir__kind_find(src->bytes, src->size, &src->kind_name);
    if (src->kind == CIR__KIND_UNKNOWN)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: is not a picture of a known kind; JPEG, PNG, WebP, TIFF, GIF, HEIC and AVIF are read, "
            "and raw photos (CR2, CR3, NEF, ARW, DNG) by their JPEG",
            src->name);
    if (src->kind == CIR__KIND_OTHER || src->kind == CIR__KIND_RAW)
        return cir__fail(err, CIR_UNSUPPORTED, "%s: is %s, which is not read; convert it to JPEG or PNG",
                         src->name, src->kind_name);
    if (vips_type_find("VipsOperation", loaders[src->kind].operation) == 0)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: is a picture of the kind %s, which this libvips was built without; install libvips "
            "with it, or convert the picture to JPEG",
            src->name, src->kind_name);
    return CIR_OK;
}

static cir_status check_budget(const source *src, size_t width_px, size_t height_px,
                               const cir_image_options *options, cir_error *err)
{
    size_t budget =
        options != NULL && options->max_megapixels != 0 ? options->max_megapixels : DEFAULT_MEGAPIXELS;
    size_t n_px, max_px;
    if (!cir__size_mul(budget, 1000000, &max_px))
        max_px = SIZE_MAX;
    if (!cir__size_mul(width_px, height_px, &n_px) || n_px > max_px)
        return cir__fail(
            err, CIR_LIMIT,
            "%s: has %zu × %zu pixels, %zu megapixels, and at most %zu are read; make it smaller, or "
            "raise the limit (max_megapixels)",
            src->name, width_px, height_px, n_px / 1000000, budget);
    return CIR_OK;
}

static cir_status find_layout(source *src, bool follow_pillow, cir_error *err)
{
    static const struct {
        VipsBandFormat format;
        cir__sample sample;
    } samples[] = {
        {VIPS_FORMAT_UCHAR, CIR__SAMPLE_U8},   {VIPS_FORMAT_CHAR, CIR__SAMPLE_U8},
        {VIPS_FORMAT_USHORT, CIR__SAMPLE_U16}, {VIPS_FORMAT_SHORT, CIR__SAMPLE_I16},
        {VIPS_FORMAT_UINT, CIR__SAMPLE_U32},   {VIPS_FORMAT_INT, CIR__SAMPLE_I32},
        {VIPS_FORMAT_FLOAT, CIR__SAMPLE_F32},
    };
    if (src->kind == CIR__KIND_TIFF && cir__tiff_is_raw_ycbcr(src->bytes, src->size))
        return cir__fail(err, CIR_UNSUPPORTED, "%s: is a TIFF of YCbCr without JPEG; convert it to RGB",
                         src->name);
    VipsInterpretation colour = vips_image_get_interpretation(src->image);
    VipsBandFormat format = vips_image_get_format(src->image);
    src->layout = (cir__layout){.sample = CIR__N_SAMPLES,
                                .n_bands = (size_t)vips_image_get_bands(src->image),
                                .is_cmyk = colour == VIPS_INTERPRETATION_CMYK,
                                .gain = 1};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        if (samples[i].format == format)
            src->layout.sample = samples[i].sample;
    if (follow_pillow && src->layout.sample == CIR__SAMPLE_U32)
        src->layout.sample = CIR__SAMPLE_I32; /* Pillow takes the bits as signed */
    bool is_grey = src->layout.n_bands <= 2 && colour == VIPS_INTERPRETATION_MULTIBAND;
    bool is_plain = is_grey || colour == VIPS_INTERPRETATION_B_W || colour == VIPS_INTERPRETATION_GREY16 ||
                    colour == VIPS_INTERPRETATION_sRGB || colour == VIPS_INTERPRETATION_RGB16;
    if (!(is_plain || src->layout.is_cmyk) || vips_image_get_coding(src->image) != VIPS_CODING_NONE ||
        !cir__rgb_has_rule(&src->layout, follow_pillow))
        return cir__fail(err, CIR_UNSUPPORTED,
                         "%s: its colours (%s, %zu of %s a pixel) are not handled; convert it to 8-bit RGB",
                         src->name, vips_enum_nick(VIPS_TYPE_INTERPRETATION, colour), src->layout.n_bands,
                         vips_enum_nick(VIPS_TYPE_BAND_FORMAT, format));
    return CIR_OK;
}

/* A TIFF that is whole, but not of a sort that libvips reads: damage is said only of damage. */
static cir_status fail_unread_sort(const source *src, const char *sort, cir_error *err)
{
    return cir__fail(
        err, CIR_UNSUPPORTED,
        "%s: is a sort of TIFF that is not read (%s); convert it to an ordinary TIFF, PNG or JPEG", src->name,
        sort);
}

static const char *find_unread_sort(const source *src)
{
    return src->kind == CIR__KIND_TIFF ? cir__tiff_find_unread_sort(src->bytes, src->size) : NULL;
}

static cir_status fail_in_header(const source *src, cir_error *err)
{
    const char *sort = find_unread_sort(src);
    if (sort != NULL)
        return fail_unread_sort(src, sort, err);
    return cir__fail(
        err, CIR_FORMAT,
        "%s: its header (%s, %zu bytes) is damaged, cut short or of an unusual sort; copy the picture "
        "again, or convert it to JPEG",
        src->name, src->kind_name, src->size);
}

/* Has libvips read the header, again where it has before; no pixel is decoded. shrink: of a JPEG. */
static cir_status load(source *src, size_t shrink, cir_error *err)
{
    void *bytes = (void *)(uintptr_t)src->bytes;
    g_clear_object(&src->image);
    int failed =
        shrink == 1 ? loaders[src->kind].load(bytes, src->size, &src->image, "access", VIPS_ACCESS_SEQUENTIAL,
                                              "fail_on", VIPS_FAIL_ON_TRUNCATED, NULL)
                    : vips_jpegload_buffer(bytes, src->size, &src->image, "access", VIPS_ACCESS_SEQUENTIAL,
                                           "fail_on", VIPS_FAIL_ON_TRUNCATED, "shrink", (int)shrink, NULL);
    if (failed != 0)
        return fail_in_header(src, err);
    src->decoded_width_px = (size_t)vips_image_get_width(src->image);
    src->decoded_height_px = (size_t)vips_image_get_height(src->image);
    return CIR_OK;
}

/* Whom to ask for memory. */
typedef struct asking {
    cir_decode_admit_fn *admit;
    void *context;
} asking;

/* Asks for the memory that the picture takes; of a WebP before, of others when its header is read. */
static cir_status ask(const source *src, size_t shrink, const asking *asked, cir_error *err)
{
    const cir__weighed picture = {.kind = src->kind,
                                  .bytes = src->bytes,
                                  .size = src->size,
                                  .image = src->image,
                                  .n_px = src->width_px * src->height_px, /* checked against the budget */
                                  .shrink = shrink};
    size_t n_bytes = cir__footprint_estimate(&picture);
    if (src->mode == CIR__OWN_ALPHA || src->mode == CIR__OWN_INK)
        n_bytes += 3 * picture.n_px; /* alpha, or black ink, as a picture of its own */
    return asked->admit(asked->context, n_bytes, err);
}

/* Opens the picture and reads its header; no pixel is decoded yet. */
static cir_status open_source(source *src, const cir_image_options *options, const asking *asked,
                              cir_error *err)
{
    cir_status status = take_preview(src, err);
    if (status == CIR_OK)
        status = find_kind(src, err);
    if (status != CIR_OK)
        return status;
    if (src->raw.kind != NULL)
        src->kind_name = src->raw.kind;
    if (src->kind == CIR__KIND_WEBP) {
        cir__kind_read_webp_size(src->bytes, src->size, &src->width_px, &src->height_px);
        status = check_budget(src, src->width_px, src->height_px, options, err);
        if (options != NULL && options->fitting.width_px > 0)
            src->mode = CIR__OWN_ALPHA; /* it may be, which is seen later */
        if (status == CIR_OK)
            status = ask(src, 1, asked, err);
        if (status != CIR_OK)
            return status;
    }
    status = load(src, 1, err);
    if (status != CIR_OK)
        return status;
    src->width_px = src->decoded_width_px;
    src->height_px = src->decoded_height_px;
    if (options == NULL || !options->ignore_exif_rotation)
        src->orientation = cir__orientation_find(src->bytes, src->size, src->kind, src->image);
    else /* in a TIFF it is the format's own and not EXIF's: Pillow applies it always */
        src->orientation = src->kind == CIR__KIND_TIFF ? vips_image_get_orientation(src->image) : 1;
    if (src->raw.orientation != 0 && (options == NULL || !options->ignore_exif_rotation))
        src->orientation = src->raw.orientation;
    status = check_budget(src, src->decoded_width_px, src->decoded_height_px, options, err);
    if (status == CIR_OK && src->kind == CIR__KIND_GIF) {
        if (!cir__gif_find_frame(src->bytes, src->size, &src->frame))
            cir__gif_frame_init(&src->frame, src->decoded_width_px, src->decoded_height_px);
        src->width_px = src->frame.canvas_width_px;
        src->height_px = src->frame.canvas_height_px;
        status = check_budget(src, src->width_px, src->height_px, options, err);
    }
    if (status == CIR_OK)
        status = find_layout(src, options != NULL && options->follow_pillow, err);
    if (status == CIR_OK && options != NULL && options->fitting.width_px > 0)
        src->mode = cir__own_mode_find(src->kind, src->bytes, src->size, &src->layout, &src->frame);
    return status;
}

static cir_status fail_at_row(const source *src, size_t row, cir_error *err)
{
    const char *sort = find_unread_sort(src);
    if (sort != NULL)
        return fail_unread_sort(src, sort, err);
    return cir__fail(err, CIR_FORMAT,
                     "%s: its pixels (%s) are cut short or damaged at about row %zu of %zu; copy the "
                     "picture again",
                     src->name, src->kind_name, row, src->height_px);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Decodes rows [top, top + n_rows) and makes them RGB: rows, last_rows [n_rows, width_px, 3]; the latter may
 * be NULL. */
static cir_status read_strip(const source *src, VipsRegion *region, size_t top, size_t n_rows, uint8_t *rows,
                             uint8_t *last_rows, cir_error *err)
{
    size_t n_px = smaller(src->width_px, src->decoded_width_px);
    size_t n_decoded = top < src->decoded_height_px ? smaller(n_rows, src->decoded_height_px - top) : 0;
    VipsRect rect = {0, (int)top, (int)n_px, (int)n_decoded};
    if (n_decoded > 0 && vips_region_prepare(region, &rect) != 0)
        return fail_at_row(src, top, err);
    for (size_t y = 0; y < n_rows; y++) {
        uint8_t *rgb = rows + y * src->width_px * 3;
        const uint8_t *samples = NULL;
        if (y < n_decoded) {
            /* libvips' own macro for this converts signs. */
            samples = region->data + (ptrdiff_t)((int64_t)(top + y) - region->valid.top) * region->bpl;
            if (src->mode == CIR__OWN_INK)
                cir__own_mode_take_inks(&src->layout, samples, n_px, rgb);
            else
                cir__rgb_convert(&src->layout, samples, n_px, rgb);
            if (last_rows != NULL)
                cir__own_mode_take_last(&src->layout, samples, n_px, last_rows + y * src->width_px * 3);
        }
        if (src->kind == CIR__KIND_GIF)
            cir__gif_patch_row(&src->frame, samples, src->layout.n_bands, top + y, rgb);
    }
    return CIR_OK;
}

/* Brings deep samples to 0–255. Where their type leaves the scale open, they are decoded once for it. */
static cir_status find_gain(source *src, cir_error *err)
{
    cir_status status = CIR_OK;
    double largest = 0;
    if (cir__rgb_needs_largest(src->layout.sample)) {
        VipsRegion *region = vips_region_new(src->image);
        size_t n_samples = src->decoded_width_px * src->layout.n_bands;
        if (region == NULL)
            return cir__fail_memory(err, src->name);
        for (size_t y = 0; y < src->decoded_height_px && status == CIR_OK; y++) {
            VipsRect rect = {0, (int)y, (int)src->decoded_width_px, 1};
            if (vips_region_prepare(region, &rect) != 0)
                status = fail_at_row(src, y, err);
            else
                largest = cir__rgb_find_largest(src->layout.sample,
                                                region->data +
                                                    (ptrdiff_t)((int64_t)y - region->valid.top) * region->bpl,
                                                n_samples, largest);
        }
        g_object_unref(region);
        /* Rows come once, from the top. */
        if (status == CIR_OK)
            status = load(src, 1, err);
    }
    src->layout.gain = cir__rgb_find_gain(src->layout.sample, largest);
    return status;
}

/* Decodes strip after strip into rgb: the whole picture; and into last, where it is not NULL (own_mode.h). */
static cir_status read_pixels(const source *src, uint8_t *rgb, uint8_t *last, cir_error *err)
{
    cir_status status = CIR_OK;
    bool is_upright = src->orientation == 1;
    size_t row_bytes = src->width_px * 3;
    uint8_t *strip = NULL;
    VipsRegion *region = vips_region_new(src->image);
    if (region == NULL || (!is_upright && (strip = cir__new_unset(2 * row_bytes, STRIP_ROWS)) == NULL)) {
        status = cir__fail_memory(err, src->name);
        goto done;
    }
    for (size_t top = 0; top < src->height_px; top += STRIP_ROWS) {
        size_t n_rows = smaller(src->height_px - top, STRIP_ROWS);
        uint8_t *rows = is_upright ? rgb + top * row_bytes : strip;
        uint8_t *last_rows = last == NULL ? NULL
                             : is_upright ? last + top * row_bytes
                                          : strip + STRIP_ROWS * row_bytes;
        status = read_strip(src, region, top, n_rows, rows, last_rows, err);
        if (status != CIR_OK)
            goto done;
        if (!is_upright)
            cir__orient_rows(rows, top, n_rows, src->width_px, src->height_px, src->orientation, rgb);
        if (!is_upright && last != NULL)
            cir__orient_rows(last_rows, top, n_rows, src->width_px, src->height_px, src->orientation, last);
    }
    if (src->kind == CIR__KIND_JPEG && cir__kind_is_padded_jpeg(src->bytes, src->size))
        status = fail_at_row(src, src->height_px, err);
done:
    free(strip);
    if (region != NULL)
        g_object_unref(region);
    return status;
}

static void find_facts(const source *src, cir_image_facts *facts)
{
    bool swaps = cir__orient_swaps(src->orientation);
    facts->width_px = swaps ? src->height_px : src->width_px;
    facts->height_px = swaps ? src->width_px : src->height_px;
    (void)snprintf(facts->kind, sizeof facts->kind, "%s", src->kind_name);
    cir__exif_find(src->image, facts);
    if (src->raw.kind != NULL)
        cir__exif_take(src->raw.maker, src->raw.model, src->raw.taken, facts);
}

/* By how much a JPEG may be reduced: 1, 2, 4 or 8. */
static size_t find_shrink(const source *src, const cir_image_options *options)
{
    size_t longer = src->width_px > src->height_px ? src->width_px : src->height_px;
    size_t shorter = src->width_px > src->height_px ? src->height_px : src->width_px;
    /* libvips ends the process over a picture of no row or no column. */
    size_t least = options != NULL && options->enough_shorter_px > 0 ? options->enough_shorter_px : 1;
    size_t shrink = 1;
    if (options == NULL || (options->enough_px == 0 && options->enough_shorter_px == 0) ||
        src->kind != CIR__KIND_JPEG)
        return 1;
    while (shrink < 8 && longer / (2 * shrink) >= options->enough_px && shorter / (2 * shrink) >= least)
        shrink *= 2;
    return shrink;
}

/* Opens a JPEG again, at a fraction of its size, where that is enough. */
static cir_status reopen_smaller(source *src, const cir_image_options *options, cir_error *err)
{
    const size_t shrink = find_shrink(src, options);
    if (shrink == 1)
        return CIR_OK;
    cir_status status = load(src, shrink, err);
    src->width_px = src->decoded_width_px;
    src->height_px = src->decoded_height_px;
    return status;
}

cir_status cir_decoder_decode_here(void *context, const void *bytes, size_t size_bytes, const char *name,
                                   const cir_image_options *options, cir_decode_admit_fn *admit,
                                   void *admit_context, cir_image *image_out, cir_image_facts *facts_out,
                                   cir_error *err)
{
    (void)context;
    if (image_out != NULL)
        *image_out = (cir_image){0};
    *facts_out = (cir_image_facts){.taken_at = INT64_MIN};
    cir_image_facts facts = *facts_out;
    uint8_t *rgb = NULL, *last = NULL;
    source src = {.bytes = bytes, .size = size_bytes, .name = name};
    const asking asked = {admit, admit_context};
    cir_image_options own;
    cir_status status = cir__options_read(options, &own, sizeof own, "cir_image_options", err);
    if (status == CIR_OK)
        status = cir__vips_start(err);
    if (status != CIR_OK)
        return status;
    status = open_source(&src, &own, &asked, err);
    if (status != CIR_OK)
        goto done;
    find_facts(&src, &facts);
    if (image_out == NULL) {
        *facts_out = facts;
        goto done;
    }
    if (src.kind != CIR__KIND_WEBP)
        status = ask(&src, find_shrink(&src, &own), &asked, err);
    if (status == CIR_OK)
        status = reopen_smaller(&src, &own, err);
    if (status == CIR_OK && !own.follow_pillow)
        status = find_gain(&src, err);
    if (status != CIR_OK)
        goto done;
    size_t n_bytes;
    const bool has_last = src.mode == CIR__OWN_ALPHA || src.mode == CIR__OWN_INK;
    if (!cir__size_mul(src.width_px * src.height_px, 3, &n_bytes) ||
        (rgb = cir__new_unset(n_bytes, 1)) == NULL ||
        (has_last && (last = cir__new_unset(n_bytes, 1)) == NULL)) {
        status = cir__fail_memory(err, name);
        goto done;
    }
    status = read_pixels(&src, rgb, last, err);
    if (status != CIR_OK)
        goto done;
    bool swaps = cir__orient_swaps(src.orientation);
    *image_out = (cir_image){.width_px = swaps ? src.height_px : src.width_px,
                             .height_px = swaps ? src.width_px : src.height_px,
                             .rgb = rgb};
    rgb = NULL;
    if (src.mode != CIR__OWN_RGB) {
        cir_image whole = *image_out;
        status = cir__own_mode_fit(src.mode, &own.fitting, &whole, last, image_out, err);
        free(whole.rgb);
    }
    if (status == CIR_OK)
        *facts_out = facts;
done:
    free(rgb);
    free(last);
    if (src.image != NULL)
        g_object_unref(src.image);
    cir__vips_leave();
    return status;
}

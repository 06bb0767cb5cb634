/* Photos as pixels: decoding, orientation, conversion to RGB, resampling.
 *
 * All functions are thread-safe; each call owns its scratch.
 *
 * Pictures are decoded and written by libvips, of which a process has one. It is started by the first call
 * that needs it, unless the host has; a host that uses it from several threads starts it itself, before. Its
 * settings stay as the host has them: concurrency (more of it takes more memory a picture, which is counted),
 * cache, errors, blocked loaders (a blocked kind is not read).
 *
 * For some things libvips knows no smaller scope than the process. While a picture is decoded or written, it
 * keeps no text of errors, and no crops, casts and loaded buffers in its cache, whosever they are. And unless
 * the host has started libvips before, a handler of GLib's log for the domain "VIPS" stays: it drops what
 * codecs say about pictures of the library's, and hands everything else on to GLib's default handler; a
 * handler that the host sets later goes before it. If the host has started libvips before, what codecs say is
 * in the host's log.
 *
 * A host that wants none of this decodes in another process: decoder.h. */
#ifndef CIR_IMAGE_H
#define CIR_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An 8-bit RGB picture. rgb: [height_px, width_px, 3], rows without gaps, owned; end with cir_image_done. */
typedef struct cir_image {
    size_t width_px;
    size_t height_px;
    uint8_t *rgb;
    void *place; /* the library's: what it counts as in the decoder's memory; NULL in a picture of your own */
} cir_image;

/* By whom pictures are decoded, and with how much memory: decoder.h. */
typedef struct cir_decoder cir_decoder;

/* The antialiased filters of Pillow's Image.resize. */
typedef enum cir_filter { CIR_FILTER_BILINEAR, CIR_FILTER_BICUBIC } cir_filter;

/* A size that pictures are resized to: with keep_proportions the shorter side to width_px, equal to
 * height_px, and the middle cut out. Zeroed: none. */
typedef struct cir_fitting {
    size_t width_px, height_px;
    bool keep_proportions;
    cir_filter filter;
} cir_fitting;

/* How to read a picture. Zeroed fields mean the defaults. */
typedef struct cir_image_options {
    size_t size;
    size_t max_megapixels;     /* refuse larger pictures before taking memory; 0 means 512 */
    bool ignore_exif_rotation; /* leave EXIF orientations unapplied, as the reference does (TIFF's own is
                                   always applied: Pillow does so) */
    bool follow_pillow;        /* for published data sets: clip grey of 16 or 32 bits or in floating point to
                                   0–255, as Pillow's convert("RGB") does, by which most such pictures come out
                                   white, instead of scaling it; and refuse what Pillow has no rule for */
    size_t enough_px; /* for thumbnails: a JPEG may come at a half, a quarter or an eighth of its size,
                         decoded in a fraction of the time, as long as its longer side has so many pixels; 0:
                         as it is. Its facts stay those of the whole */
    size_t enough_shorter_px; /* the same of the shorter side; where both are given, both must hold */
    bool allow_shrinking; /* for cir_index_update and cir_model_encode_files, which know how large a picture
                               their models take: the same, and the shorter side stays at least four times
                               that. Features of photographs change by a cosine of less than 0.001; without
                               it pixels are bit-exact with Pillow's. cir_image_read takes no notice of it */
    cir_fitting
        fitting; /* for models in open_clip's layout (cir_model_get_image_options): pictures with alpha,
                               of inks, palettes or bits come resized and cropped to this, which is done
                               before they are made RGB; others come whole. Zeroed: all are made RGB first */
    cir_decoder *decoder;  /* NULL: the library's own; lent for the time of the call, and until
                               cir_image_done where the next is set */
    bool count_until_done; /* the picture counts as memory in use until cir_image_done, and not only while it
                               is decoded. Who holds one must not wait for another picture: they might wait
                               for each other */
} cir_image_options;
CIR_OPTIONS_INIT(cir_image_options)

/* What a picture's file says about it beside its pixels. */
typedef struct cir_image_facts {
    size_t width_px; /* after orientation */
    size_t height_px;
    int64_t taken_at; /* EXIF DateTimeOriginal as seconds since 1970 of the camera's local clock; INT64_MIN
                         unknown */
    char kind[8];     /* "jpeg", "png", "webp", "tiff", "gif", "heif", … recognised from the bytes */
    char camera[96];  /* EXIF's maker and model, "Canon EOS R5"; "" unknown */
} cir_image_facts;

/* What a file says about its picture, from its first 64 KiB and without decoding a pixel: a fraction of a
 * millisecond (of a raw photo, from all of it). Kinds that keep it elsewhere in the file are an error here,
 * CIR_FORMAT. options: may be NULL.
 * Errors: those of cir_image_read. */
CIR_MUST_CHECK CIR_API cir_status cir_image_read_facts(const char *path, const cir_image_options *options,
                                                       cir_image_facts *facts_out, cir_error *err);

/* Decodes a file's first picture to RGB, once there is memory for it (decoder.h): JPEG, PNG, WebP, TIFF, GIF,
 * and HEIC and AVIF where libvips has them; of a raw photo (CR2, CR3, NEF, ARW, DNG) the largest JPEG that lies
 * beside its raw pixels, which are never read. The kind is recognised from the bytes, never from the name; grey,
 * palette, CMYK, 16-bit colour and alpha become RGB exactly as Pillow's convert("RGB") makes them; deep grey
 * is scaled (see follow_pillow); all eight EXIF orientations are applied, wherever the file names one (EXIF,
 * a PNG's text chunks, XMP). options, facts_out: may be NULL. Errors: CIR_NOT_FOUND, CIR_PERMISSION, CIR_IO,
 * CIR_FORMAT (damaged, cut short), CIR_UNSUPPORTED (whole, but of a kind or sort that is not read), CIR_LIMIT
 * (pixels, or memory), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_image_read(const char *path, const cir_image_options *options,
                                                 cir_image *image_out, cir_image_facts *facts_out,
                                                 cir_error *err);

/* The same from memory; name stands in messages for the path. Bytes are only read. */
CIR_MUST_CHECK CIR_API cir_status cir_image_parse(const void *bytes, size_t size_bytes, const char *name,
                                                  const cir_image_options *options, cir_image *image_out,
                                                  cir_image_facts *facts_out, cir_error *err);

/* Reads a small picture of a file's: at most max_width_px × max_height_px (both ≥ 1) with its aspect kept;
 * one that is smaller comes as it is. JPEGs are decoded at a fraction of their size, at least twice what is
 * asked for. options' enough_px is set here. facts_out: those of the whole, may be NULL. Errors: those of
 * cir_image_read. */
CIR_MUST_CHECK CIR_API cir_status cir_image_read_thumbnail(const char *path, size_t max_width_px,
                                                           size_t max_height_px,
                                                           const cir_image_options *options,
                                                           cir_image *image_out, cir_image_facts *facts_out,
                                                           cir_error *err);

/* The same from memory, as cir_image_parse. */
CIR_MUST_CHECK CIR_API cir_status cir_image_parse_thumbnail(
    const void *bytes, size_t size_bytes, const char *name, size_t max_width_px, size_t max_height_px,
    const cir_image_options *options, cir_image *image_out, cir_image_facts *facts_out, cir_error *err);

/* Frees the pixels and zeroes the struct; a zeroed struct is allowed. */
CIR_API void cir_image_done(cir_image *image);

/* Resamples to width_px × height_px (both ≥ 1), bit-exact with Pillow's Image.resize on 8-bit RGB.
 * Errors: CIR_ARGUMENT, CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_image_resize(const cir_image *image, size_t width_px, size_t height_px,
                                                   cir_filter filter, cir_image *image_out, cir_error *err);

/* Writes a picture as baseline JPEG into memory; quality 1–100. Free *bytes_out with cir_bytes_free.
 * Errors: CIR_ARGUMENT, CIR_LIMIT, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_image_format_jpeg(const cir_image *image, int quality,
                                                        uint8_t **bytes_out, size_t *size_bytes_out,
                                                        cir_error *err);

/* Frees bytes that a function of the library handed over; NULL is allowed. */
CIR_API void cir_bytes_free(void *bytes);

#ifdef __cplusplus
}
#endif

#endif

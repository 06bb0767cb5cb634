/* Who decodes pictures, and with how much memory. Pictures that are decoded at once take a bounded amount of
 * memory together: each is weighed by its header, waits until the others leave room, and is refused where it
 * alone takes too much. Every function of the library that reads pictures does so with the decoder in its
 * cir_image_options; without one it uses one of the library's own, which all in the process share, with the
 * default limits.
 *
 * By default the calling process decodes. A program that reads pictures of strangers may hand them to another
 * process: it gives a cir_decode_fn of its own, and calls cir_decoder_decode_here over there. The library
 * itself starts no process. */
#ifndef CIR_DECODER_H
#define CIR_DECODER_H

#include <stddef.h>

#include "cir/image.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Asks for room for a picture that takes n_bytes of memory to decode; returns when there is. Called before
 * the memory is taken, from the thread that the cir_decode_fn was called on; a second call replaces the
 * first. Anything but CIR_OK (CIR_LIMIT: it takes too much), with err set, refuses the picture. */
typedef cir_status cir_decode_admit_fn(void *context, size_t n_bytes, cir_error *err);

/* Decodes as cir_image_parse does, of which options' decoder and count_until_done are none of its business,
 * and calls admit once at least before it takes memory for pixels. image_out: NULL asks for the facts alone,
 * and admit need not be called; its rgb comes from malloc. facts_out: never NULL. Called from many threads at
 * once. */
typedef cir_status cir_decode_fn(void *context, const void *bytes, size_t size_bytes, const char *name,
                                 const cir_image_options *options, cir_decode_admit_fn *admit,
                                 void *admit_context, cir_image *image_out, cir_image_facts *facts_out,
                                 cir_error *err);

/* The library's own, in the calling process and thread; context is not used. */
CIR_MUST_CHECK CIR_API cir_status cir_decoder_decode_here(void *context, const void *bytes, size_t size_bytes,
                                                          const char *name, const cir_image_options *options,
                                                          cir_decode_admit_fn *admit, void *admit_context,
                                                          cir_image *image_out, cir_image_facts *facts_out,
                                                          cir_error *err);

/* How to decode. Zeroed fields mean the defaults. */
typedef struct cir_decoder_options {
    size_t size;
    size_t memory_bytes;      /* that pictures decoded at once take together; 0 means 512 MiB. One that takes
                                 more is decoded while there is no other */
    size_t max_picture_bytes; /* refuse a picture that takes more alone; 0 means 2 GiB */
    cir_decode_fn *decode;    /* NULL means cir_decoder_decode_here */
    void *context;            /* decode's */
} cir_decoder_options;
CIR_OPTIONS_INIT(cir_decoder_options)

/* Makes a decoder, to be shared by all threads. options may be NULL. Free with cir_decoder_free. Errors:
 * CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_decoder_new(const cir_decoder_options *options,
                                                  cir_decoder **decoder_out, cir_error *err);

/* Frees it; no call may be using it, and no picture count (count_until_done). NULL is allowed. */
CIR_API void cir_decoder_free(cir_decoder *decoder);

#ifdef __cplusplus
}
#endif

#endif

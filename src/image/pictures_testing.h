/* Pictures of test/data and what Pillow made of them. */
#ifndef CIR_IMAGE_PICTURES_TESTING_H
#define CIR_IMAGE_PICTURES_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "image/resample.h"

const char *data_path(const char *name);

/* A PPM as Pillow writes it. */
cir_image read_ppm(const char *name);

void assert_same(const cir_image *image, const cir_image *expected, const char *name);

/* The golden of a picture's file name: a.jpg → a-jpg.ppm. */
void find_golden(const char *name, char golden[300]);

/* Copies bytes to a block of just that size, so that a sanitizer sees reads beyond it, and parses them. */
cir_status parse_copy(const void *bytes, size_t size, const cir_image_options *options, cir_error *err);

#endif

/* What the page of `cir search --html` shows, as one JSON document. */
#ifndef CIR_CLI_PAGE_DATA_H
#define CIR_CLI_PAGE_DATA_H

#include <jansson.h>

#include "cli/answer/answer.h"

/* A new reference, or NULL when out of memory. Every string is UTF-8 whatever the bytes it came
 * from; thumbnails are data: addresses.
 *
 *   index, model, fingerprint, method, method_meaning, settings {key: text}, n_images, ms, cir (version)
 *   query    {image: null | photo, text: null | string, n_cut}
 *   fusion   {kind: "image|text|sum|product|harris|gauss", clamps, lambda, weight}
 *   hits     [photo and rank, id, score, image_score, text_score, photo_width, photo_height, taken,
 *             with has_ranks: image_rank, text_rank]
 *   scatter  null, or by kind
 *            "points":  ids, image, text and image_range, text_range: every searched photo
 *            "density": columns, rows, cells (cell, count, …; cell = row·columns + column), most, both ranges
 *            "bars":    side, range, counts: the histogram of a query with one side
 *   photo    {path, href, and thumb, width, height (of the thumbnail) or error}
 *
 * ids, cells and counts are uint32, image and text float32, little-endian, in base64. */
json_t *cir__page_data_new(const cir__answer *answer, const cir_pool *pool);

#endif

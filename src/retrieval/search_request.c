/* What a search is asked for: set up, taken over, checked. */
#include <string.h>

#include "base/error.h"
#include "base/growable.h"
#include "retrieval/query_image.h"
#include "retrieval/search_request.h"

void cir_search_request_init(cir_search_request *request, size_t size)
{
    const cir_search_request usual = {.image_id = CIR_NO_ID, .method = CIR_METHOD_DEFAULT, .k = 20};
    cir__growable_init(request, size, &usual, sizeof usual);
}

static cir_lack find_lack(const cir_search_request *request)
{
    const cir_method_info *method = cir_method_get_info(request->method);
    const bool has_image = cir__query_image_is_there(request);

    if (!has_image && request->text == NULL)
        return CIR_LACKS_BOTH;
    if (cir__query_image_is_part(request) && !has_image)
        return CIR_LACKS_REGION_PHOTO;
    if (method->photo == CIR_INPUT_NEEDED && !has_image)
        return CIR_LACKS_PHOTO;
    if (method->words == CIR_INPUT_NEEDED && request->text == NULL)
        return CIR_LACKS_WORDS;
    return CIR_LACKS_NOTHING;
}

static cir_status refuse_lack(const cir_search_request *request, cir_lack lack, cir_error *err)
{
    const char *method = cir_method_name(request->method);

    switch (lack) {
    case CIR_LACKS_BOTH:
        return cir__fail(err, CIR_ARGUMENT,
                         "query: has neither a photo nor words; give at least one of them");
    case CIR_LACKS_PHOTO:
        return cir__fail(err, CIR_ARGUMENT, "method %s: needs a photo; give one or choose another method",
                         method);
    case CIR_LACKS_WORDS:
        return cir__fail(err, CIR_ARGUMENT, "method %s: needs words; give some or choose another method",
                         method);
    case CIR_LACKS_REGION_PHOTO:
        return cir__fail(err, CIR_ARGUMENT, "region: there is no photo that it is a part of");
    default:
        return CIR_OK;
    }
}

/* Rounding may carry an edge a little over the picture's. */
static bool is_within(const cir_region *part)
{
    enum { PER_MILLE = 1000 };
    const double most = 1.0 + 1.0 / PER_MILLE;
    if (part->width == 0 && part->height == 0)
        return true;
    return part->x >= 0 && part->x <= 1 && part->y >= 0 && part->y <= 1 && part->width > 0 &&
           part->height > 0 && part->x + part->width <= most && part->y + part->height <= most;
}

static cir_status check_values(const cir_search_request *request, cir_error *err)
{
    const int n_images = (request->image_path != NULL) + (request->image_bytes != NULL) +
                         (request->image_id != CIR_NO_ID) + (request->image_feature != NULL);

    if (cir_method_get_info(request->method) == NULL)
        return cir__fail(err, CIR_ARGUMENT, "method: %d is none", (int)request->method);
    if (n_images > 1)
        return cir__fail(err, CIR_ARGUMENT, "query: has more than one photo; give one");
    if (!is_within(&request->image_region))
        return cir__fail(err, CIR_ARGUMENT,
                         "region: is not x, y, width and height in fractions of the picture, within it");
    if (request->k < 1 || request->k > SIZE_MAX / 4 || request->offset > SIZE_MAX / 4)
        return cir__fail(err, CIR_ARGUMENT, "k: is %zu behind %zu others; ask for at least one hit",
                         request->k, request->offset);
    return CIR_OK;
}

cir_status cir__request_read(const cir_search_request *given, cir_search_request *own, cir_lack *lack_out,
                             cir_error *err)
{
    *lack_out = CIR_LACKS_NOTHING;
    cir_status status = cir__growable_read(given, own, sizeof *own, "cir_search_request", err);
    if (status == CIR_OK)
        status = check_values(own, err);
    if (status != CIR_OK)
        return status;
    if (cir_text_is_blank(own->text))
        own->text = NULL;
    *lack_out = find_lack(own);
    return refuse_lack(own, *lack_out, err);
}

cir_status cir_search_request_check(const cir_search_request *request, cir_lack *lack_out, cir_error *err)
{
    cir_search_request own;
    cir_lack lack;

    cir__error_clear(err);
    const cir_status status = cir__request_read(request, &own, &lack, err);
    if (lack_out != NULL)
        *lack_out = lack;
    return status;
}

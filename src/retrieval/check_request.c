/* What a search is asked for: set up, taken over, checked. */
#include "retrieval/check_request.h"
#include "base/error.h"
#include "base/growable.h"
#include "retrieval/query_image.h"

void cir_search_request_init(cir_search_request *request, size_t size)
{
    const cir_search_request usual = {.image_id = CIR_NO_ID, .method = CIR_METHOD_DEFAULT, .k = 20};
    cir__growable_init(request, size, &usual, sizeof usual);
}

/* Rounding may carry an edge a little over the picture's. */
static bool is_within(const cir_region *part)
{
    const double most = 1.001;
    if (part->width == 0 && part->height == 0)
        return true;
    return part->x >= 0 && part->x <= 1 && part->y >= 0 && part->y <= 1 && part->width > 0 &&
           part->height > 0 && part->x + part->width <= most && part->y + part->height <= most;
}

static cir_request_fault check(const cir_search_request *request, cir_error *err)
{
    const cir_method_info *method = cir_method_get_info(request->method);
    const bool has_image = cir__query_image_is_there(request);
    const int n_images =
        (request->image_path != NULL) + (request->image_bytes != NULL) + (request->image_id != CIR_NO_ID);

    if (method == NULL) {
        (void)cir__fail(err, CIR_ARGUMENT, "method: %d is invalid", (int)request->method);
        return CIR_REQUEST_FAULT_OTHER;
    }
    if (request->k < 1 || request->k > SIZE_MAX / 4 || request->offset > SIZE_MAX / 4) {
        (void)cir__fail(err, CIR_ARGUMENT, "k: is %zu behind %zu others; ask for at least one hit",
                        request->k, request->offset);
        return CIR_REQUEST_FAULT_OTHER;
    }
    if (n_images > 1) {
        (void)cir__fail(err, CIR_ARGUMENT, "query: has more than one photo; give one");
        return CIR_REQUEST_FAULT_QUERY;
    }
    if (!is_within(&request->image_region)) {
        (void)cir__fail(err, CIR_ARGUMENT,
                        "the part of the picture is not x, y, width, height in fractions of it, within it");
        return CIR_REQUEST_FAULT_REGION;
    }
    if (!has_image && request->text == NULL) {
        (void)cir__fail(err, CIR_ARGUMENT, "query: has neither a photo nor words; give at least one of them");
        return CIR_REQUEST_FAULT_QUERY;
    }
    if (!has_image && cir__query_image_is_part(request)) {
        (void)cir__fail(err, CIR_ARGUMENT, "there is no photo that this is a part of");
        return CIR_REQUEST_FAULT_REGION;
    }
    if (!has_image && method->photo == CIR_INPUT_NEEDED) {
        (void)cir__fail(err, CIR_ARGUMENT, "method %s needs a photo; give one or choose another method",
                        method->name);
        return CIR_REQUEST_FAULT_PHOTO;
    }
    if (request->text == NULL && method->words == CIR_INPUT_NEEDED) {
        (void)cir__fail(err, CIR_ARGUMENT, "method %s needs words; give some or choose another method",
                        method->name);
        return CIR_REQUEST_FAULT_WORDS;
    }
    return CIR_REQUEST_FAULT_NONE;
}

cir_status cir__request_read(const cir_search_request *given, cir_search_request *own,
                             cir_request_fault *fault_out, cir_error *err)
{
    *fault_out = CIR_REQUEST_FAULT_OTHER;
    const cir_status status = cir__growable_read(given, own, sizeof *own, "cir_search_request", err);
    if (status != CIR_OK)
        return status;
    if (cir_text_is_blank(own->text))
        own->text = NULL;
    *fault_out = check(own, err);
    return *fault_out == CIR_REQUEST_FAULT_NONE ? CIR_OK : CIR_ARGUMENT;
}

cir_status cir_search_request_check(const cir_search_request *request, cir_request_fault *fault_out,
                                    cir_error *err)
{
    cir_search_request own;
    cir_request_fault fault;

    cir__error_clear(err);
    const cir_status status = cir__request_read(request, &own, &fault, err);
    if (fault_out != NULL)
        *fault_out = fault;
    return status;
}

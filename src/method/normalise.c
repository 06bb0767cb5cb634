#include "method/normalise.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "method/pairs.h"

cir_status cir__minima_fit(const float *images, size_t n_images, const float *texts, size_t n_texts,
                           size_t dim, const float *image_mean, const float *text_mean, cir_pool *pool,
                           cir__minima *minima_out, cir_error *err)
{
    float *const centred_images = cir__pairs_centre(images, n_images, dim, image_mean);
    float *const centred_texts = cir__pairs_centre(texts, n_texts, dim, text_mean);
    cir_status status;

    *minima_out = (cir__minima){.source = CIR_MINIMA_SYNTHETIC};
    if (centred_images == NULL || centred_texts == NULL) {
        status = cir__fail_memory(err, "similarities of a sample");
        goto exit;
    }
    status = cir__pairs_minimum(centred_images, n_images, centred_images, n_images, dim, pool,
                                &minima_out->image, err);
    if (status == CIR_OK)
        status = cir__pairs_minimum(centred_texts, n_texts, centred_images, n_images, dim, pool,
                                    &minima_out->text, err);
exit:
    free(centred_images);
    free(centred_texts);
    return status;
}

void cir__normalise(cir__linear_form *form, double minimum, double scale)
{
    const double factor = 1.0 / fabs(scale);

    for (size_t i = 0; i < form->dim; i++)
        form->weights[i] *= factor;
    form->offset = (form->offset - minimum) * factor;
}

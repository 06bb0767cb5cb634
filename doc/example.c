/* Searches an index by a photo and words, in C or C++ (pkg-config --cflags --libs cir):
 *   example photos.cir temple.jpg "at night" */
#include <cir/cir.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    cir_error err;
    cir_collection *photos = NULL;
    cir_answer *answer = NULL;
    cir_search_request request;
    cir_search_request_init(&request, sizeof request);
    request.image_path = argc > 2 ? argv[2] : NULL;
    request.text = argc > 3 ? argv[3] : NULL;
    if (cir_collection_open(argc > 1 ? argv[1] : "photos.cir", NULL, &photos, &err) != CIR_OK ||
        cir_collection_search(photos, &request, &answer, &err) != CIR_OK)
        fprintf(stderr, "%s\n", err.message);
    for (size_t i = 0; i < cir_answer_get_n_hits(answer); i++)
        printf("%.4f  %s\n", (double)cir_answer_get_hit(answer, i)->score,
               cir_answer_get_hit(answer, i)->path);
    const int status = answer != NULL ? 0 : 1;
    cir_answer_free(answer);
    cir_collection_close(photos);
    return status;
}

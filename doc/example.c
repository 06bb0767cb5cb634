/* libcir in fifty lines, in C or C++: index a folder, then search it by a photo and words.
 *   example FOLDER PHOTO TEXT        (built with: pkg-config --cflags --libs cir) */
#include <stdio.h>
#include <stdlib.h>

#include <cir/cir.h>

static void say(const cir_error *err)
{
    fprintf(stderr, "%s\n", err->message);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: example FOLDER PHOTO TEXT\n");
        return 2;
    }
    const char *folder = argv[1];
    const char *photo = argv[2];
    cir_error err;
    cir_pool *pool = NULL;
    cir_model *model = NULL;
    cir_index *index = NULL;
    cir_composer *composer = NULL;
    cir_composed query = {0};
    cir_rows rows;
    cir_hit hits[10];
    size_t n_hits;
    float *feature = NULL;
    cir_settings settings;
    cir_settings_init(&settings, CIR_METHOD_BASIC_MINUS);
    int status = EXIT_FAILURE;

    if (cir_pool_new(0, &pool, &err) != CIR_OK || cir_model_open(CIR_MODEL_DEMO, &model, &err) != CIR_OK ||
        cir_index_update("example.cir", &folder, 1, model, pool, NULL, NULL, &err) != CIR_OK ||
        cir_index_open("example.cir", NULL, &index, &err) != CIR_OK)
        goto failed;

    feature = (float *)calloc(cir_model_get_info(model)->dim, sizeof *feature);
    if (feature == NULL ||
        cir_model_encode_files(model, pool, &photo, 1, NULL, feature, NULL, NULL, &err) != CIR_OK ||
        cir_composer_new(index, model, pool, CIR_METHOD_BASIC_MINUS, &settings, &composer, &err) != CIR_OK ||
        cir_composer_compose(composer, pool, feature, argv[3], &query, &err) != CIR_OK)
        goto failed;

    rows = cir_rows_of_index(index);
    if (cir_search_top(&rows, &query.query, 10, pool, hits, &n_hits, &err) != CIR_OK)
        goto failed;
    for (size_t i = 0; i < n_hits; i++) {
        cir_image_record record;
        if (cir_index_get_image(index, hits[i].id, &record, &err) != CIR_OK)
            goto failed;
        printf("%.4f  %s\n", (double)hits[i].score, record.path);
        cir_image_record_done(&record);
    }
    status = EXIT_SUCCESS;
failed:
    if (status != EXIT_SUCCESS)
        say(&err);
    cir_composed_done(&query);
    cir_composer_free(composer);
    free(feature);
    cir_index_close(index);
    cir_model_close(model);
    cir_pool_free(pool);
    return status;
}

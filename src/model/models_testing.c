#include "model/models_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void path_of(char path[CIR__MADE_PATH_SIZE], const char *shape, const char *name)
{
    (void)snprintf(path, CIR__MADE_PATH_SIZE, "%s/model/%s/%s", getenv("CIR_TEST_DATA"), shape, name);
}

void copy(const char *folder, const char *shape, const char *name, const char *to)
{
    char path[CIR__MADE_PATH_SIZE];
    path_of(path, shape, name);
    assert_true(cir__made_copy(folder, path, to));
}

void make_folder(char folder[CIR__MADE_PATH_SIZE])
{
    assert_true(cir__made_folder_new(folder));
    copy(folder, "quick", "config.json", "config.json");
    copy(folder, "quick", "vocab.json", "vocab.json");
    copy(folder, "quick", "merges.txt", "merges.txt");
    copy(folder, "quick", "preprocessor_config.json", "preprocessor_config.json");
    copy(folder, "quick", "weights_f16.safetensors", "model.safetensors");
}

cir_model *open_model(const char *folder)
{
    cir_model *model;
    cir_error err = {0};
    if (cir_model_open(
            folder, &(cir_model_options){.size = sizeof(cir_model_options), .precision = CIR_PRECISION_F32},
            &model, &err) != CIR_OK)
        fail_msg("%s", err.message);
    return model;
}

cir_model *open_tiny(void)
{
    char folder[CIR__MADE_PATH_SIZE];
    make_folder(folder);
    cir_model *model = open_model(folder);
    cir__made_folder_remove(folder);
    return model;
}

double largest_difference(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++)
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    return worst;
}

void make_siglip_folder(char folder[CIR__MADE_PATH_SIZE], const char *shape)
{
    assert_true(cir__made_folder_new(folder));
    copy(folder, shape, "config.json", "config.json");
    copy(folder, shape, "weights_f16.safetensors", "model.safetensors");
    copy(folder, shape, "preprocessor_config.json", "preprocessor_config.json");
    copy(folder, "../text/siglip", "spiece.model", "spiece.model");
    copy(folder, "quick", "vocab.json", "vocab.json");
    copy(folder, "quick", "merges.txt", "merges.txt");
}

void check_refused(const char *folder, cir_status status, const char *says)
{
    cir_model *model;
    cir_error err = {0};
    cir_status found = cir_model_open(folder, NULL, &model, &err);
    if (found != status || strstr(err.message, says) == NULL)
        fail_msg("%s instead of %s with \"%s\": %s", cir_status_name(found), cir_status_name(status), says,
                 err.message);
    assert_null(model);
}

void remove_file(const char *folder, const char *name)
{
    char *path = cir__path_join(folder, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

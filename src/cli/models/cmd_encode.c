/* cir encode: features of pictures or texts as a .npy file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/commands.h"
#include "cli/common/session.h"
#include "shared/destination.h"

static const cir__flag flags[] = {
    {"model", 0, "MODEL", "a model folder, or \"demo\" (default)"},
    {"precision", 0, "auto|fast|f32|bf16|int8",
     "of the encoder's matrix products (default auto: the fastest that keeps the features; cir info MODEL "
     "says which)"},
    {"images", 0, NULL, "what follows are pictures and folders of pictures"},
    {"texts", 0, "FILE", "a file with one text a line; - is standard input"},
    {"output", 'o', "OUT.npy", "where the features go: float32, one unit row an item"},
    {"no-exif-rotation", 0, NULL, "ignore EXIF orientations, as the reference code does"},
    {0},
};

static int read_lines(const cir__arguments *arguments, const char *path, cir_texts *texts)
{
    const bool is_input = strcmp(path, "-") == 0;
    const int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    const char *const name = is_input ? "standard input" : path;
    cir_error err;
    if (fd < 0) {
        fprintf(stderr, "cir: %s: cannot be opened: %s; name a file with one text a line\n", path,
                strerror(errno));
        return CIR__FAILED;
    }
    const cir_status status = cir_texts_read(fd, name, texts, &err);
    if (!is_input)
        close(fd);
    if (status != CIR_OK)
        return cir__session_fail(&err);
    if (texts->n_empty > 0 && !cir__arguments_has(arguments, "quiet"))
        fprintf(stderr,
                "cir: %s: %zu of %zu lines are empty, the first is line %zu; their rows hold the feature "
                "of the empty text\n",
                name, texts->n_empty, texts->n, texts->first_empty);
    return CIR__DONE;
}

static bool watch(void *context, size_t n_done, size_t n_total)
{
    cir__progress_draw(context, n_done, n_total, n_done, NULL);
    return !cir__session_is_interrupted();
}

static cir_status encode_texts(const cir__arguments *arguments, const cir_model *model, cir_pool *pool,
                               const cir_texts *texts, float *features, cir_error *err)
{
    size_t n_cut = 0;
    cir_status status = cir_model_encode_texts(model, pool, texts->items, texts->n, features, &n_cut, err);
    if (status == CIR_OK && n_cut > 0 && !cir__arguments_has(arguments, "quiet"))
        fprintf(stderr,
                "cir: %zu texts are longer than the %zu tokens the model reads; their ends were cut off\n",
                n_cut, cir_model_get_info(model)->context_length);
    return status;
}

static int encode(const cir__arguments *arguments, const cir_model *model, cir_pool *pool,
                  const cir_texts *texts, const char *output)
{
    bool is_text = cir__arguments_has(arguments, "texts");
    cir_error err;
    char **files = NULL;
    size_t n = texts->n;
    size_t dim = cir_model_get_info(model)->dim;
    float *features = NULL;
    cir_status status = CIR_OK;
    if (!is_text)
        status = cir_image_list_files(cir__arguments_operands(arguments),
                                      cir__arguments_n_operands(arguments), &files, &n, &err);
    if (status == CIR_OK && (features = calloc(n + 1, dim * sizeof *features)) == NULL) {
        fprintf(stderr, "cir: out of memory for %zu features\n", n);
        cir_paths_free(files, n);
        return CIR__FAILED;
    }
    if (status == CIR_OK && is_text)
        status = encode_texts(arguments, model, pool, texts, features, &err);
    else if (status == CIR_OK) {
        cir__progress progress;
        cir__progress_init(&progress, arguments, "encoding");
        cir__session_catch_interrupts();
        cir_image_options options = {.size = sizeof options,
                                     .ignore_exif_rotation =
                                         cir__arguments_has(arguments, "no-exif-rotation")};
        status = cir_model_encode_files(model, pool, (const char *const *)files, n, &options, features, watch,
                                        &progress, &err);
        cir__progress_clear(&progress);
    }
    if (status == CIR_OK)
        status = cir_features_write(output, features, n, dim, &err);
    if (!is_text)
        cir_paths_free(files, n);
    free(features);
    if (status != CIR_OK)
        return cir__session_fail(&err);
    printf("%s: %zu features of dimension %zu\n", output, n, dim);
    return CIR__DONE;
}

static int run(const cir__arguments *arguments)
{
    const char *output = cir__arguments_get(arguments, "output");
    const char *text_file = cir__arguments_get(arguments, "texts");
    bool has_images = cir__arguments_has(arguments, "images");
    size_t n_operands = cir__arguments_n_operands(arguments);
    if (output == NULL)
        return cir__arguments_refuse(arguments, "-o OUT.npy is missing");
    if (has_images == (text_file != NULL))
        return cir__arguments_refuse(arguments, "give either --images PATH... or --texts FILE");
    if (has_images == (n_operands == 0))
        return cir__arguments_refuse(arguments, has_images ? "name pictures or folders behind --images"
                                                           : "pictures are named behind --images only");
    cir_error err;
    if (cir__destination_check(output, "the features", &err) != CIR_OK)
        return cir__session_fail(&err);
    cir_texts texts = {0};
    cir_pool *pool = NULL;
    cir_model *model = NULL;
    int status = text_file != NULL ? read_lines(arguments, text_file, &texts) : CIR__DONE;
    if (status == CIR__DONE)
        status = cir__session_open_pool(arguments, &pool);
    if (status == CIR__DONE)
        status = cir__session_open_model(arguments, NULL, CIR_PRECISION_AUTO, &model);
    if (status == CIR__DONE)
        status = encode(arguments, model, pool, &texts, output);
    cir_model_close(model);
    cir_pool_free(pool);
    cir_texts_done(&texts);
    return status;
}

const cir__command cir__command_encode = {
    .name = "encode",
    .synopsis = "--model MODEL (--images PATH... | --texts FILE) -o OUT.npy",
    .summary = "write features of pictures or texts as .npy",
    .flags = flags,
    .notes =
        "Pictures come in the order in which they are named; those of a folder sorted by path.\n"
        "Texts are UTF-8, one a line; an empty line is the empty text, so that rows stay those of the lines.\n"
        "\n"
        "Examples:\n"
        "  cir encode --model ~/models/clip --images photos/ -o images.npy\n"
        "  echo \"a photo of a cat\" | cir encode --texts - -o texts.npy\n",
    .run = run,
};

#include "server/common/known_models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "shared/failure.h"

#define PATH_SIZE 4096
#define MAX_NAME 63
#define MAX_EDITS 3
#define LEAST_PREFIX 6

/* Files that several models share to the byte. */
#define CLIP_PREPROCESSING                                                                                   \
    {                                                                                                        \
        "preprocessor_config.json", 316, "910e70b3956ac9879ebc90b22fb3bc8a75b6a0677814500101a4c072bd7857bd"  \
    }
#define SIGLIP_TOKENIZER                                                                                     \
    {"tokenizer_config.json", 711, "d6423dae508cc3a129d22ea443841c111832a1a73125b8f25ea8736951698bcb"},      \
    {                                                                                                        \
        "spiece.model", 798330, "1e5036bed065526c3c212dfbe288752391797c4bb1a284aa18c9a0b23fcaf8ec"           \
    }

/* Left out: MobileCLIP and PE-Core, whose towers are not read.
 *
 * LAION's and DFN's in open_clip's layout, as the hub has them: LAION's larger one has its safetensors under
 * a name of its own, DFN's only PyTorch checkpoints. SigLIP 2's tokenizers are what makes them larger than
 * they seem. The main branches of the two small CLIP models have only pytorch_model.bin: their commits here
 * are those of the hub's own conversion to safetensors. */
const cir__known_model cir__known_models[] = {
    {.name = "clip-vit-base-patch32",
     .repository = "openai/clip-vit-base-patch32",
     .revision = "b33cedfd0df4e43b8238760678fcc89e1a0d38b3",
     .licence = "MIT",
     .dim = 512,
     .image_px = 224,
     .approximate_bytes = 607000000,
     .relative_work = 1,
     .files = {{"config.json", 4186, "b575ef3c36f2a057fa19e221650105052d61cc9c1a972ec15019c6261ec98770"},
               CLIP_PREPROCESSING,
               {"tokenizer.json", 2224041,
                "b556ac8c99757ffb677208af34bc8c6721572114111a6e0aaf5fa69ff0b8d842"},
               {"model.safetensors", 605157884,
                "99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d"}}},
    {.name = "clip-vit-base-patch16",
     .repository = "openai/clip-vit-base-patch16",
     .revision = "5ef227a78de3f75873f373246dac80def63b0003",
     .licence = "MIT",
     .dim = 512,
     .image_px = 224,
     .approximate_bytes = 601000000,
     .relative_work = 4,
     .files = {{.name = "config.json"},
               {.name = "preprocessor_config.json"},
               {.name = "tokenizer.json"},
               {.name = "model.safetensors"}}},
    {.name = "DFN2B-CLIP-ViT-B-16",
     .repository = "apple/DFN2B-CLIP-ViT-B-16",
     .licence = "Apple's",
     .dim = 512,
     .image_px = 224,
     .approximate_bytes = 602000000,
     .relative_work = 4,
     .files = {{.name = "open_clip_config.json"},
               {.name = "tokenizer.json"},
               {.name = "open_clip_pytorch_model.bin"}}},
    {.name = "CLIP-ViT-B-32-laion2B-s34B-b79K",
     .repository = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
     .revision = "1a25a446712ba5ee05982a381eed697ef9b435cf",
     .licence = "MIT",
     .dim = 512,
     .image_px = 224,
     .approximate_bytes = 608000000,
     .relative_work = 1,
     .files = {{.name = "open_clip_config.json"},
               {.name = "tokenizer.json"},
               {"open_clip_model.safetensors", 605143316,
                "ac4f8c4b88af6d963118cbf40ad93176d092abbedfcb752601ae1866352656e6"}}},
    {.name = "siglip-base-patch16-224",
     .repository = "google/siglip-base-patch16-224",
     .revision = "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed",
     .licence = "Apache-2.0",
     .dim = 768,
     .image_px = 224,
     .approximate_bytes = 813000000,
     .relative_work = 4,
     .files = {{"config.json", 432, "cd85b3d28829722820bcb89a2cfbb4160e55fd359249a3044da724166a8d9688"},
               {"preprocessor_config.json", 368,
                "d11ccb80f15d358a11bdb070e92e2d889005874b7db15823d5f10d9b2533b14a"},
               SIGLIP_TOKENIZER,
               {"model.safetensors", 812672320,
                "2c63cb7d1f2e95ba501893cbb8faeb4ea9a3af295498d35097126228659c2af8"}}},
    {.name = "siglip2-base-patch16-224",
     .repository = "google/siglip2-base-patch16-224",
     .revision = "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
     .licence = "Apache-2.0",
     .dim = 768,
     .image_px = 224,
     .approximate_bytes = 1535000000,
     .relative_work = 4,
     .files = {{.name = "config.json"},
               {.name = "preprocessor_config.json"},
               {.name = "tokenizer_config.json"},
               {"tokenizer.json", 34363039,
                "cb9140fae3ac5122c972d37adf83e1248471a38147ad76f8215c8872c6fd8322"},
               {"model.safetensors", 1500800904,
                "612923381c76ec5a9bed335d1c48827e3f2e506ac31b044b63b2031fadee6a0b"}}},
    {.name = "clip-vit-large-patch14",
     .repository = "openai/clip-vit-large-patch14",
     .revision = "32bd64288804d66eefd0ccbe215aa642df71cc41",
     .licence = "MIT",
     .dim = 768,
     .image_px = 224,
     .approximate_bytes = 1713000000,
     .relative_work = 18,
     .files = {{"config.json", 4519, "8a09b467700c58138c29d53c605b34ebc69beaadd13274a8a2af8ad2c2f4032a"},
               CLIP_PREPROCESSING,
               {"tokenizer.json", 2224003,
                "a83e0809aa4c3af7208b2df632a7a69668c6d48775b3c3fe4e1b1199d1f8b8f4"},
               {"model.safetensors", 1710540580,
                "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb"}}},
    {.name = "CLIP-ViT-L-14-laion2B-s32B-b82K",
     .repository = "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
     .revision = "1627032197142fbe2a7cfec626f4ced3ae60d07a",
     .licence = "MIT",
     .dim = 768,
     .image_px = 224,
     .approximate_bytes = 1713000000,
     .relative_work = 18,
     .files = {{.name = "open_clip_config.json"},
               {.name = "tokenizer.json"},
               {"open_clip_pytorch_model.safetensors", 1710517748,
                "7d129ed747e0ed53e82dfcc140382b51be66b56e6a9bdc3258afd2846e3bb019"}}},
    {.name = "DFN2B-CLIP-ViT-L-14",
     .repository = "apple/DFN2B-CLIP-ViT-L-14",
     .licence = "Apple's",
     .dim = 768,
     .image_px = 224,
     .approximate_bytes = 1713000000,
     .relative_work = 18,
     .files = {{.name = "open_clip_config.json"},
               {.name = "tokenizer.json"},
               {.name = "open_clip_pytorch_model.bin"}}},
    {.name = "siglip-large-patch16-256",
     .repository = "google/siglip-large-patch16-256",
     .licence = "Apache-2.0",
     .dim = 1024,
     .image_px = 256,
     .approximate_bytes = 2610000000,
     .relative_work = 18,
     .files = {{.name = "config.json"},
               {.name = "preprocessor_config.json"},
               {.name = "tokenizer_config.json"},
               {.name = "spiece.model"},
               {.name = "model.safetensors"}}},
    {.name = "siglip-so400m-patch14-384",
     .repository = "google/siglip-so400m-patch14-384",
     .revision = "9fdffc58afc957d1a03a25b10dba0329ab15c2a3",
     .licence = "Apache-2.0",
     .dim = 1152,
     .image_px = 384,
     .approximate_bytes = 3513000000,
     .relative_work = 76,
     .files = {{"config.json", 576, "adc04928d8fd19a61822584fe0cf2e813e5ebac17f3e49fb1ea096860ae6457b"},
               {"preprocessor_config.json", 368,
                "f59da2f87c3cd079bd4f8f3037e81b277c60c498e279a8020331f67a5a3157e8"},
               SIGLIP_TOKENIZER,
               {"model.safetensors", 3511950624,
                "ea2abad2b7f8a9c1aa5e49a244d5d57ffa71c56f720c94bc5d240ef4d6e1d94a"}}},
    {.name = "DFN5B-CLIP-ViT-H-14-378",
     .repository = "apple/DFN5B-CLIP-ViT-H-14-378",
     .licence = "Apple's",
     .dim = 1024,
     .image_px = 378,
     .approximate_bytes = 3950000000,
     .relative_work = 114,
     .files = {{.name = "open_clip_config.json"},
               {.name = "tokenizer.json"},
               {.name = "open_clip_pytorch_model.bin"}}},
    {.name = "siglip2-so400m-patch14-384",
     .repository = "google/siglip2-so400m-patch14-384",
     .revision = "e8e487298228002f3d8a82e0cd5c8ea9c567f57f",
     .licence = "Apache-2.0",
     .dim = 1152,
     .image_px = 384,
     .approximate_bytes = 4579000000,
     .relative_work = 76,
     .files = {{.name = "config.json"},
               {.name = "preprocessor_config.json"},
               {.name = "tokenizer_config.json"},
               {.name = "tokenizer.json", .n_bytes = 34363039},
               {"model.safetensors", 4544143072,
                "9f4f4a49f908ef0c979bce8ff5a5c0e88882dc6c5dc4304387cbbd152558e2c2"}}},
    {0},
};

const cir__known_model *cir__known_model_find(const char *name)
{
    for (const cir__known_model *known = cir__known_models; known->name != NULL; known++)
        if (strcmp(known->name, name) == 0 || strcmp(known->repository, name) == 0)
            return known;
    return NULL;
}

const cir__known_file *cir__known_model_weights(const cir__known_model *known)
{
    const cir__known_file *file = known->files;
    while (file[1].name != NULL)
        file++;
    return file;
}

bool cir__known_model_is_pinned(const cir__known_model *known)
{
    return cir__known_model_weights(known)->sha256 != NULL;
}

const char *cir__known_model_speed(const cir__known_model *known)
{
    return known->relative_work <= 2    ? "fast"
           : known->relative_work <= 8  ? "medium"
           : known->relative_work <= 30 ? "slow"
                                        : "very slow";
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to change, add or drop to make one of the other; case does not count. */
static size_t count_edits(const char *a, const char *b)
{
    size_t row[MAX_NAME + 1];
    size_t n = strlen(b);
    if (n > MAX_NAME || strlen(a) > MAX_NAME)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            char pair[2][2] = {{a[i - 1], '\0'}, {b[j - 1], '\0'}};
            size_t changed = diagonal + (strcasecmp(pair[0], pair[1]) != 0);
            diagonal = row[j];
            row[j] = least(changed, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

const cir__known_model *cir__known_model_guess(const char *name)
{
    const cir__known_model *nearest = NULL;
    size_t n_least = MAX_EDITS + 1;
    const char *slash = strrchr(name, '/');
    if (slash != NULL)
        name = slash + 1;
    for (const cir__known_model *known = cir__known_models; known->name != NULL; known++) {
        size_t n_edits = count_edits(name, known->name);
        bool begins_so = strlen(name) >= LEAST_PREFIX && strncasecmp(known->name, name, strlen(name)) == 0;
        n_edits = begins_so ? least(n_edits, MAX_EDITS) : n_edits;
        if (n_edits < n_least) {
            n_least = n_edits;
            nearest = known;
        }
    }
    return nearest;
}

/* Whether a fetching of it was begun. */
static bool is_begun(const cir__known_model *known)
{
    char path[PATH_SIZE];
    char *folder;
    struct stat facts;
    if (cir_model_get_folder(&folder, NULL) != CIR_OK)
        return false;
    bool fits = snprintf(path, sizeof path, "%s/%s.partial", folder, known->name) < (int)sizeof path;
    cir_bytes_free(folder);
    return fits && stat(path, &facts) == 0;
}

cir_status cir__known_model_open(const char *path, const cir_model_options *options, cir_model **model_out,
                                 cir_error *err)
{
    struct stat facts;
    cir_error why;
    cir_status status = cir_model_open(path, options, model_out, &why);
    if (status != CIR_NOT_FOUND || stat(path, &facts) == 0) {
        if (status != CIR_OK && err != NULL)
            *err = why;
        return status;
    }
    const char *slash = strrchr(path, '/');
    const cir__known_model *known = cir__known_model_find(path);
    /* A repository's name stands for the model that was fetched from it. */
    if (known != NULL && slash != NULL && cir_model_open(known->name, options, model_out, &why) == CIR_OK)
        return CIR_OK;
    /* An index remembers where its model lay. */
    if (known == NULL && slash != NULL)
        known = cir__known_model_find(slash + 1);
    if (known != NULL && is_begun(known))
        return cir__fail(err, status, "%s: is not wholly fetched; continue with: cir model pull %s", path,
                         known->name);
    if (known != NULL)
        return cir__fail(err, status, "%s: is not installed yet; fetch it (%.1f GB) with: cir model pull %s",
                         path, (double)known->approximate_bytes / 1e9, known->name);
    known = cir__known_model_guess(path);
    if (known != NULL)
        return cir__fail(err, status,
                         "%s: no such folder or installed model; did you mean %s? (cir model list)", path,
                         known->name);
    if (err != NULL)
        *err = why;
    return status;
}

cir_status cir__known_model_open_for_index(void *is_named, const char *path, const cir_model_options *options,
                                           cir_model **model_out, cir_error *err)
{
    cir_error why;
    const cir_status status = cir__known_model_open(path, options, model_out, &why);
    if (status == CIR_OK)
        return CIR_OK;
    return cir__fail(err, status, "%.900s%s", why.message,
                     *(const bool *)is_named
                         ? ""
                         : "; the index was made with that model: give its folder with --model DIR");
}

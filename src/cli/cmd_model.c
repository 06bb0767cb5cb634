/* cir model list | pull NAME | check DIR: the models that are known by name, fetching one, proving one.
 * Nothing but pull ever reaches for the network. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/commands.h"
#include "cli/download.h"
#include "cli/known_models.h"
#include "cli/output.h"
#include "cli/session.h"

#define DEFAULT_URL "https://huggingface.co"
#define PATH_SIZE 4096
#define MAX_FILES 8
#define SUMS "SHA256SUMS"

/* Says what went wrong, as every message: "cir: WHAT: WHY; NEXT STEP". */
static int say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("cir: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return CIR__FAILED;
}

static int get_folder(char folder_out[PATH_SIZE])
{
    cir_error err;
    char *folder;
    if (cir_model_get_folder(&folder, &err) != CIR_OK)
        return cir__session_fail(&err);
    bool fits = snprintf(folder_out, PATH_SIZE, "%s", folder) < PATH_SIZE / 2;
    cir_bytes_free(folder);
    return fits ? CIR__DONE
                : say("models: the path of their folder is too long; set CIR_MODELS to a shorter one");
}

static bool is_folder(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    struct stat facts;
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && stat(path, &facts) == 0 &&
           S_ISDIR(facts.st_mode);
}

/* -- list -- */

static const cir__flag list_flags[] = {{"json", 0, NULL, "print one JSON document"}, {0}};

static int run_list(const cir__arguments *arguments)
{
    char folder[PATH_SIZE];
    if (cir__arguments_n_operands(arguments) != 0)
        return cir__arguments_refuse(arguments, "takes no names");
    int status = get_folder(folder);
    if (status != CIR__DONE)
        return status;
    json_t *models = json_array();
    if (!cir__arguments_has(arguments, "json"))
        printf("%-28s %9s %10s %12s  %-12s %s\n", "name", "dimension", "picture", "download", "licence",
               "installed");
    for (const cir__known_model *known = cir__known_models; known->name != NULL; known++) {
        bool is_installed = is_folder(folder, known->name);
        json_array_append_new(
            models, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b}", "name", known->name, "repository",
                              known->repository, "licence", known->licence, "dim", (json_int_t)known->dim,
                              "image_px", (json_int_t)known->image_px, "approximate_bytes",
                              (json_int_t)known->approximate_bytes, "installed", is_installed));
        if (!cir__arguments_has(arguments, "json"))
            printf("%-28s %9zu %4zu × %-4zu %9.1f GB  %-12s %s\n", known->name, known->dim, known->image_px,
                   known->image_px, (double)known->approximate_bytes / 1e9, known->licence,
                   is_installed ? "yes" : "no");
    }
    if (cir__arguments_has(arguments, "json"))
        cir__json_print(json_pack("{s:o, s:o}", "folder", cir__json_text(folder), "models", models));
    else {
        json_decref(models);
        printf("\nfolder: %s\n", folder);
    }
    return CIR__DONE;
}

const cir__command cir__command_model_list = {
    .name = "model list",
    .synopsis = "[options]",
    .summary = "list the models that are known by name, and which are installed",
    .flags = list_flags,
    .notes = "Sizes are about what the files have. Models lie in $CIR_MODELS, else in "
             "$XDG_CACHE_HOME/cir/models, else in\n"
             "~/.cache/cir/models. --model takes the name of an installed one everywhere.\n",
    .run = run_list,
};

/* -- pull -- */

static const cir__flag pull_flags[] = {
    {"from", 0, "URL", "a hub or a mirror of one (default: $CIR_MODEL_URL, else " DEFAULT_URL ")"},
    {0},
};

/* A pull under way. */
typedef struct pull {
    const cir__arguments *arguments;
    const cir__known_model *known;
    char final[PATH_SIZE];   /* the model's folder */
    char partial[PATH_SIZE]; /* what it is called until all is there */
    char sums[MAX_FILES][CIR__DIGEST_TEXT_SIZE];
    cir__progress progress;
    size_t n_before; /* bytes of this file that were there */
    bool has_begun;
} pull;

static bool watch(void *context, size_t n_bytes, size_t total_bytes)
{
    pull *self = context;
    if (!self->has_begun)
        self->n_before = n_bytes;
    self->has_begun = true;
    if (total_bytes > 0)
        cir__progress_draw(&self->progress, n_bytes >> 20, total_bytes >> 20,
                           (n_bytes - self->n_before) >> 20, "MB");
    return !cir__session_is_interrupted();
}

static int make_folders(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return say("%s: cannot be made: %s", path, strerror(errno));
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return say("%s: cannot be made: %s", path, strerror(errno));
    return CIR__DONE;
}

static int fetch_files(pull *self, const char *url)
{
    char folder_url[PATH_SIZE];
    (void)snprintf(folder_url, sizeof folder_url, "%.1024s/%s/resolve/main", url, self->known->repository);
    for (size_t i = 0; self->known->files[i] != NULL; i++) {
        char verb[128];
        (void)snprintf(verb, sizeof verb, "fetching %s", self->known->files[i]);
        cir__progress_init(&self->progress, self->arguments, verb);
        self->has_begun = false;
        cir__download download = {.folder_url = folder_url,
                                  .name = self->known->files[i],
                                  .folder = self->partial,
                                  .watch = watch,
                                  .context = self};
        bool is_fetched = cir__download_run(&download);
        cir__progress_clear(&self->progress);
        if (!is_fetched)
            return say("%s", download.error);
        memcpy(self->sums[i], download.sha256, sizeof self->sums[i]);
    }
    return CIR__DONE;
}

/* Notes the checksums, so that cir model check can prove the files again. */
static int write_sums(const pull *self)
{
    char path[PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/" SUMS, self->partial);
    FILE *file = fopen(path, "w");
    bool is_written = file != NULL;
    for (size_t i = 0; self->known->files[i] != NULL && is_written; i++)
        is_written = fprintf(file, "%s  %s\n", self->sums[i], self->known->files[i]) > 0;
    is_written = is_written && fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (file != NULL)
        is_written = fclose(file) == 0 && is_written;
    return is_written ? CIR__DONE : say("%s: cannot be written: %s", path, strerror(errno));
}

/* Opens what was fetched, and only then gives it its name. */
static int install(const pull *self)
{
    cir_error err;
    cir_model *model;
    if (cir_model_open(self->partial, &model, &err) != CIR_OK)
        return cir__session_fail(&err);
    cir_model_close(model);
    int status = write_sums(self);
    if (status == CIR__DONE && rename(self->partial, self->final) != 0)
        status = say("%s: cannot be named: %s", self->final, strerror(errno));
    if (status == CIR__DONE)
        printf("%s\n", self->final);
    return status;
}

static int run_pull(const cir__arguments *arguments)
{
    static pull self; /* large, and there is one */
    char folder[PATH_SIZE];
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one model");
    const char *name = cir__arguments_operands(arguments)[0];
    const char *url = cir__arguments_get(arguments, "from");
    const char *set = getenv("CIR_MODEL_URL");
    if (url == NULL)
        url = set != NULL && *set != '\0' ? set : DEFAULT_URL;
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        return cir__arguments_refuse(arguments, "%s: is no http:// or https:// address", url);
    self = (pull){.arguments = arguments, .known = cir__known_model_find(name)};
    if (self.known == NULL)
        return cir__arguments_refuse(arguments, "%s: no such model; cir model list has those that are known",
                                     name);
    int status = get_folder(folder);
    if (status == CIR__DONE)
        status = make_folders(folder);
    if (status != CIR__DONE)
        return status;
    (void)snprintf(self.final, sizeof self.final, "%.3800s/%s", folder, name);
    (void)snprintf(self.partial, sizeof self.partial, "%.3800s/%s.partial", folder, name);
    if (is_folder(folder, name)) {
        printf("%s\n", self.final);
        return CIR__DONE;
    }
    status = make_folders(self.partial);
    int lock = status == CIR__DONE ? open(self.partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (status == CIR__DONE && (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0))
        status = say("%s: is being fetched by another process; wait for it", self.partial);
    cir__session_catch_interrupts();
    if (status == CIR__DONE)
        status = fetch_files(&self, url);
    if (status == CIR__DONE)
        status = install(&self);
    if (lock >= 0)
        close(lock);
    return status;
}

const cir__command cir__command_model_pull = {
    .name = "model pull",
    .synopsis = "NAME [options]",
    .summary = "fetch a model by its name",
    .flags = pull_flags,
    .notes = "Files come from URL/REPOSITORY/resolve/main/FILE. Each is proved by the checksum that the hub "
             "tells in its\n"
             "headers, or that a mirror has in SHA256SUMS beside it; without one it is refused. Interrupt it "
             "as you like, it\n"
             "continues. The model gets its name when all of it is there and opens. Prints its folder.\n",
    .run = run_pull,
};

/* -- check -- */

static const cir__flag check_flags[] = {{0}};

/* Compares the files with SHA256SUMS, where there is one. */
static int check_sums(const char *folder)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    char found[CIR__DIGEST_TEXT_SIZE];
    size_t n = 0;
    if (snprintf(path, sizeof path, "%s/" SUMS, folder) >= (int)sizeof path)
        return say("%s: the path is too long", folder);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        printf("%s: has no " SUMS ", so that its bytes cannot be proved\n", folder);
        return CIR__DONE;
    }
    int status = CIR__DONE;
    for (; status == CIR__DONE && fgets(line, sizeof line, file) != NULL; n++) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!cir__digest_is(line, 64) || line[64] != ' ' || strlen(line) < 67 ||
            strchr(line + 66, '/') != NULL)
            status = say("%s: line %zu is no checksum and name", path, n + 1);
        else if (snprintf(path, sizeof path, "%.2000s/%.1000s", folder, line + 66) >= (int)sizeof path ||
                 !cir__digest_file(path, false, found))
            status = say("%s: cannot be read: %s", path, strerror(errno));
        else if (strncmp(found, line, 64) != 0)
            status = say("%s: its checksum is %s, it was %.64s when it was fetched; fetch the model again",
                         path, found, line);
    }
    fclose(file);
    if (status == CIR__DONE)
        printf("%s: %zu files have the checksums that they were fetched with\n", folder, n);
    return status;
}

/* Encodes a grey picture and a word: weights that are no numbers show. */
static int check_features(const cir_model *model)
{
    const cir_model_info *info = cir_model_get_info(model);
    size_t n_items = 3 * info->image_px * info->image_px;
    float *tensor = calloc(n_items, sizeof *tensor);
    float *feature = calloc(info->dim, sizeof *feature);
    const char *text = "a photo";
    cir_error err;
    int status = CIR__DONE;
    if (tensor == NULL || feature == NULL)
        status = say("memory could not be had");
    else if (cir_model_encode_tensors(model, NULL, tensor, 1, feature, &err) != CIR_OK ||
             cir_model_encode_texts(model, NULL, &text, 1, feature, NULL, &err) != CIR_OK)
        status = cir__session_fail(&err);
    free(tensor);
    free(feature);
    return status;
}

static int run_check(const cir__arguments *arguments)
{
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one model");
    cir_error err;
    cir_model *model;
    if (cir_model_open(cir__arguments_operands(arguments)[0], &model, &err) != CIR_OK)
        return cir__session_fail(&err);
    int status = check_sums(cir_model_get_info(model)->path);
    if (status == CIR__DONE)
        status = check_features(model);
    if (status == CIR__DONE)
        printf("%s: all tensors are there, and it encodes pictures and texts\n",
               cir_model_get_info(model)->name);
    cir_model_close(model);
    return status;
}

const cir__command cir__command_model_check = {
    .name = "model check",
    .synopsis = "DIR | NAME [options]",
    .summary = "prove a model's files, and that it encodes",
    .flags = check_flags,
    .notes = "Compares the files with the checksums in SHA256SUMS, where the folder has them (cir model pull "
             "notes them).\n",
    .run = run_check,
};

/* -- model alone -- */

static int run_model(const cir__arguments *arguments)
{
    return cir__arguments_refuse(arguments, "say what to do: list, pull NAME or check DIR");
}

const cir__command cir__command_model = {
    .name = "model",
    .synopsis = "list | pull NAME | check DIR",
    .summary = "models: list those known by name, fetch one, check one",
    .flags = check_flags,
    .notes = "More: cir model list --help, cir model pull --help, cir model check --help\n",
    .run = run_model,
};

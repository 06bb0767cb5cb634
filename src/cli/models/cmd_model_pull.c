/* cir model pull NAME: fetches a model from a hub. Nothing else of the program ever reaches for the
 * network. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/common/commands.h"
#include "cli/common/session.h"
#include "cli/models/download.h"
#include "cli/models/model_folder.h"
#include "server/common/known_models.h"

#define PATH_SIZE CIR__MODEL_PATH_SIZE
#define MAX_REVISION 128
#define MAX_FILE_NAME 256
#define MAX_SHARDS 1024
#define MAX_INDEX_BYTES ((size_t)16 << 20)
#define MAX_SMALL_BYTES ((size_t)4 << 20)
#define MAX_TOKENIZER_BYTES ((size_t)64 << 20)

static const cir__flag flags[] = {
    {"from", 0, "URL",
     "a hub or a mirror of one (default: $CIR_MODEL_URL, else $HF_ENDPOINT, else " CIR__HUB_DEFAULT_URL ")"},
    {"revision", 0, "REV",
     "a branch, tag or commit in place of the known one; its checksums are the hub's word alone"},
    {0},
};

/* A file that was fetched. */
typedef struct cir__model_sum {
    char name[MAX_FILE_NAME];
    char sha256[CIR__DIGEST_TEXT_SIZE];
} cir__model_sum;

/* A pull under way. */
typedef struct pull {
    const cir__arguments *arguments;
    const cir__known_model *known;
    cir__hub *hub;
    const char *asked;           /* by --revision; NULL */
    char revision[MAX_REVISION]; /* as it stands in addresses */
    bool is_pinned;              /* the known checksums count */
    char final[PATH_SIZE];       /* the model's folder */
    char partial[PATH_SIZE];     /* what it is called until all is there */
    char folder_url[PATH_SIZE];
    cir__model_sum *sums; /* [n_sums] */
    size_t n_sums;
    size_t n_left; /* bytes that weights may still have */
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
    if (total_bytes > 0 && n_bytes >= self->n_before)
        cir__progress_draw(&self->progress, n_bytes >> 20, total_bytes >> 20,
                           (n_bytes - self->n_before) >> 20, "MB");
    return !cir__session_is_interrupted();
}

static void note(void *context, const char *text)
{
    pull *self = context;
    cir__progress_clear(&self->progress);
    if (!cir__arguments_has(self->arguments, "quiet"))
        fprintf(stderr, "cir: %s\n", text);
}

static int make_folders(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return cir__model_say("%s: cannot be created: %s", path, strerror(errno));
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return cir__model_say("%s: cannot be created: %s", path, strerror(errno));
    return CIR__DONE;
}

/* -- what to ask for -- */

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    return n > strlen(suffix) && strcmp(name + n - strlen(suffix), suffix) == 0;
}

static bool is_weights(const char *name)
{
    return ends_with(name, ".safetensors") || ends_with(name, ".bin");
}

/* The most bytes that a file of that name has. */
static size_t bound_of(const pull *self, const cir__known_file *file)
{
    if (is_weights(file->name))
        return self->is_pinned && file->n_bytes > 0 ? file->n_bytes : self->n_left;
    if (ends_with(file->name, ".index.json"))
        return MAX_INDEX_BYTES;
    return strcmp(file->name, "tokenizer.json") == 0 || strcmp(file->name, "spiece.model") == 0
               ? MAX_TOKENIZER_BYTES
               : MAX_SMALL_BYTES;
}

/* Into an address: a slash within a revision is no separator. False: no revision has such characters. */
static bool set_revision(pull *self, const char *revision)
{
    size_t n = 0;
    for (; *revision != '\0'; revision++) {
        bool is_plain = (*revision >= 'a' && *revision <= 'z') || (*revision >= 'A' && *revision <= 'Z') ||
                        (*revision >= '0' && *revision <= '9') || strchr("-_.", *revision) != NULL;
        const char *text = *revision == '/' ? "%2F" : (char[2]){*revision, '\0'};
        if ((!is_plain && *revision != '/') || n + strlen(text) >= sizeof self->revision ||
            strncmp(revision, "..", 2) == 0)
            return false;
        memcpy(self->revision + n, text, strlen(text) + 1);
        n += strlen(text);
    }
    return n > 0;
}

static void set_folder_url(pull *self)
{
    (void)snprintf(self->folder_url, sizeof self->folder_url, "%.1024s/%s/resolve/%s",
                   cir__hub_url(self->hub), self->known->repository, self->revision);
}

/* All files from one commit, whatever is pushed meanwhile. False: the hub has another commit than asked
 * for. */
static bool hold_commit(pull *self, const char *commit)
{
    bool is_commit = cir__digest_is(self->revision, 40) && strlen(self->revision) == 40;
    if (*commit == '\0' || strcmp(commit, self->revision) == 0)
        return true;
    if (is_commit)
        return false;
    (void)snprintf(self->revision, sizeof self->revision, "%s", commit);
    set_folder_url(self);
    return true;
}

/* -- fetching -- */

static bool fetch_file(pull *self, const cir__known_file *file, cir__download *download)
{
    char verb[128];
    (void)snprintf(verb, sizeof verb, "fetching %s", file->name);
    cir__progress_init(&self->progress, self->arguments, verb);
    self->has_begun = false;
    *download = (cir__download){.hub = self->hub,
                                .folder_url = self->folder_url,
                                .name = file->name,
                                .folder = self->partial,
                                .n_bytes = self->is_pinned ? file->n_bytes : 0,
                                .wanted = self->is_pinned ? file->sha256 : NULL,
                                .max_bytes = bound_of(self, file),
                                .watch = watch,
                                .note = note,
                                .context = self};
    bool is_fetched = cir__download_run(download);
    cir__progress_clear(&self->progress);
    return is_fetched;
}

static int note_sum(pull *self, const char *name, const char *sha256)
{
    cir__model_sum *grown = realloc(self->sums, (self->n_sums + 1) * sizeof *grown);
    if (grown == NULL)
        return cir__model_say("%s: out of memory", name);
    self->sums = grown;
    (void)snprintf(grown[self->n_sums].name, MAX_FILE_NAME, "%s", name);
    (void)snprintf(grown[self->n_sums].sha256, CIR__DIGEST_TEXT_SIZE, "%s", sha256);
    self->n_sums++;
    return CIR__DONE;
}

static size_t size_in(const char *folder, const char *name)
{
    char path[PATH_SIZE + MAX_FILE_NAME];
    struct stat facts;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &facts) == 0 ? (size_t)facts.st_size : 0;
}

/* One file. *is_absent_out, where it is not NULL: the hub has none of that name, error says so. */
static int fetch_one(pull *self, const cir__known_file *file, bool *is_absent_out,
                     char error[CIR__HUB_ERROR_SIZE])
{
    cir__download download;
    bool is_fetched = fetch_file(self, file, &download);
    if (!is_fetched && download.status == 404 && self->is_pinned && file->sha256 != NULL &&
        self->asked == NULL && strcmp(self->revision, "main") != 0) {
        /* Mirrors have few revisions. The checksum is known: where the bytes come from does not matter. */
        (void)set_revision(self, "main");
        set_folder_url(self);
        is_fetched = fetch_file(self, file, &download);
    }
    if (!is_fetched && download.status == 404 && is_absent_out != NULL) {
        *is_absent_out = true;
        (void)snprintf(error, CIR__HUB_ERROR_SIZE, "%s", download.error);
        return CIR__DONE;
    }
    if (!is_fetched)
        return cir__model_say("%s", download.error);
    if (!hold_commit(self, download.commit))
        return cir__model_say("%s: the hub has commit %s, not the one asked for; take another hub, or "
                              "--revision main",
                              self->folder_url, download.commit);
    if (is_weights(file->name)) {
        size_t size = size_in(self->partial, file->name);
        self->n_left -= size < self->n_left ? size : self->n_left;
    }
    return note_sum(self, file->name, download.sha256);
}

/* Plain names alone: they become part of an address and of a path. */
static bool is_plain_name(const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    return is_weights(name) && name[0] != '.' && strlen(name) < MAX_FILE_NAME &&
           name[strspn(name, plain)] == '\0';
}

static bool has_sum(const pull *self, const char *name)
{
    for (size_t i = 0; i < self->n_sums; i++)
        if (strcmp(self->sums[i].name, name) == 0)
            return true;
    return false;
}

/* The files that an index names, each once. */
static int fetch_shards(pull *self, const char *index)
{
    char path[PATH_SIZE + MAX_FILE_NAME];
    const char *tensor;
    json_t *value;
    size_t n = 0;
    int status = CIR__DONE;
    (void)snprintf(path, sizeof path, "%s/%s", self->partial, index);
    json_t *top = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    json_t *map = json_object_get(top, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0)
        status = cir__model_say("%s/%s: names no files (weight_map); take another revision", self->folder_url,
                                index);
    json_object_foreach(map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (status != CIR__DONE || (name != NULL && is_plain_name(name) && has_sum(self, name)))
            continue;
        if (name == NULL || !is_plain_name(name) || ++n > MAX_SHARDS)
            status =
                cir__model_say("%s/%s: \"%.80s\" is said to be in \"%.80s\", which is not a file of a model, "
                               "or the thousandth; take another revision",
                               self->folder_url, index, tensor, name != NULL ? name : "");
        else
            status = fetch_one(self, &(cir__known_file){.name = name}, NULL, NULL);
    }
    json_decref(top);
    return status;
}

/* What hubs have in a file's place, in the order in which it is asked for. */
static const struct {
    const char *name, *first, *second;
} alternatives[] = {
    {"tokenizer.json", "vocab.json", "merges.txt"},
    {"preprocessor_config.json", "processor_config.json", NULL},
    {"model.safetensors", "model.safetensors.index.json", NULL},
    {"model.safetensors", "pytorch_model.bin", NULL},
    {"model.safetensors", "pytorch_model.bin.index.json", NULL},
    {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", NULL},
    {"open_clip_model.safetensors", "open_clip_pytorch_model.bin", NULL},
    {"open_clip_pytorch_model.bin", "open_clip_model.safetensors", NULL},
};

/* A file, or what stands for it; nothing stands for one whose checksum is known. */
static int fetch_any(pull *self, const cir__known_file *file)
{
    char error[CIR__HUB_ERROR_SIZE];
    char ignored[CIR__HUB_ERROR_SIZE];
    bool may_differ = !(self->is_pinned && file->sha256 != NULL);
    bool is_absent = false;
    int status = fetch_one(self, file, may_differ ? &is_absent : NULL, error);
    const char *found = file->name;
    for (size_t i = 0; i < sizeof alternatives / sizeof *alternatives && is_absent; i++) {
        if (strcmp(alternatives[i].name, file->name) != 0)
            continue;
        bool is_other_absent = false;
        status =
            fetch_one(self, &(cir__known_file){.name = alternatives[i].first}, &is_other_absent, ignored);
        is_absent = status == CIR__DONE && is_other_absent;
        found = alternatives[i].first;
        if (status == CIR__DONE && !is_absent && alternatives[i].second != NULL)
            status = fetch_one(self, &(cir__known_file){.name = alternatives[i].second}, NULL, NULL);
    }
    if (is_absent)
        return cir__model_say("%s", error);
    return status == CIR__DONE && ends_with(found, ".index.json") ? fetch_shards(self, found) : status;
}

static int fetch_files(pull *self)
{
    const cir__known_file *files = self->known->files;
    int status = CIR__DONE;
    self->n_left = 2 * self->known->approximate_bytes;
    for (size_t i = 0; files[i].name != NULL && status == CIR__DONE; i++)
        status = fetch_any(self, &files[i]);
    return status;
}

/* Notes the checksums, so that cir model check can prove the files again. */
static int write_sums(const pull *self)
{
    char path[PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/" CIR__MODEL_SUMS, self->partial);
    /* Anew: what lies there may be a link to something else. */
    (void)unlink(path);
    FILE *file = fopen(path, "wx");
    bool is_written = file != NULL;
    for (size_t i = 0; i < self->n_sums && is_written; i++)
        is_written = fprintf(file, "%s  %s\n", self->sums[i].sha256, self->sums[i].name) > 0;
    is_written = is_written && fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (file != NULL)
        is_written = fclose(file) == 0 && is_written;
    return is_written ? CIR__DONE
                      : cir__model_say("%s: cannot be written: %s; make room and run it again", path,
                                       strerror(errno));
}

/* Opens what was fetched, and only then gives it its name. */
static int install(const pull *self)
{
    cir_error err;
    cir_model *model;
    if (cir_model_open(self->partial, NULL, &model, &err) != CIR_OK)
        return cir__session_fail(&err);
    cir_model_close(model);
    int status = write_sums(self);
    if (status == CIR__DONE && rename(self->partial, self->final) != 0)
        status = cir__model_say("%s: cannot be named: %s", self->final, strerror(errno));
    return status;
}

/* Holds the folder against other pulls; -1 after a message. *is_done_out: another one has finished
 * meanwhile. */
static int hold_folder(pull *self, const char *folder, bool *is_done_out)
{
    struct stat held;
    struct stat named;
    *is_done_out = false;
    if (make_folders(self->partial) != CIR__DONE)
        return -1;
    int lock = open(self->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0) {
        (void)cir__model_say("%s: cannot be opened: %s", self->partial, strerror(errno));
        return -1;
    }
    bool is_held = flock(lock, LOCK_EX | LOCK_NB) == 0;
    *is_done_out = is_held && cir__model_is_folder(folder, self->known->name);
    /* Another one may have given it its name meanwhile, and a third have begun anew. */
    bool is_same = is_held && fstat(lock, &held) == 0 && stat(self->partial, &named) == 0 &&
                   held.st_ino == named.st_ino && held.st_dev == named.st_dev;
    if (*is_done_out || is_same)
        return lock;
    (void)cir__model_say("%s: is being fetched by another process; wait for it", self->partial);
    close(lock);
    return -1;
}

static int pull_it(pull *self, const char *folder)
{
    bool is_done;
    int lock = hold_folder(self, folder, &is_done);
    if (lock < 0)
        return CIR__FAILED;
    cir__session_catch_interrupts();
    if (is_done)
        (void)rmdir(self->partial);
    int status = is_done ? CIR__DONE : fetch_files(self);
    if (status == CIR__DONE && !is_done)
        status = install(self);
    close(lock);
    if (status == CIR__DONE)
        printf("%s\n", self->final);
    return status;
}

static int refuse_name(const cir__arguments *arguments, const char *name)
{
    const cir__known_model *near = cir__known_model_guess(name);
    if (near != NULL)
        return cir__arguments_refuse(arguments, "%s: no such model; did you mean %s? (cir model list)", name,
                                     near->name);
    return cir__arguments_refuse(arguments, "%s: no such model; cir model list has those that are known",
                                 name);
}

static int run(const cir__arguments *arguments)
{
    static pull self; /* large, and there is one */
    char folder[PATH_SIZE];
    char error[CIR__HUB_ERROR_SIZE];
    if (cir__arguments_n_operands(arguments) != 1)
        return cir__arguments_refuse(arguments, "name one model");
    const char *name = cir__arguments_operands(arguments)[0];
    self = (pull){.arguments = arguments,
                  .known = cir__known_model_find(name),
                  .asked = cir__arguments_get(arguments, "revision")};
    if (self.known == NULL)
        return refuse_name(arguments, name);
    const char *known_revision = self.known->revision != NULL ? self.known->revision : "main";
    self.is_pinned = cir__known_model_is_pinned(self.known) &&
                     (self.asked == NULL || strcmp(self.asked, known_revision) == 0);
    if (!set_revision(&self, self.asked != NULL ? self.asked : known_revision))
        return cir__arguments_refuse(arguments, "--revision: name a branch, a tag or a commit");
    self.hub = cir__hub_new(cir__arguments_get(arguments, "from"), error);
    if (self.hub == NULL)
        return cir__arguments_refuse(arguments, "%s", error);
    set_folder_url(&self);
    int status = cir__model_get_folder(folder);
    if (status == CIR__DONE)
        status = make_folders(folder);
    (void)snprintf(self.final, sizeof self.final, "%.3800s/%s", folder, self.known->name);
    (void)snprintf(self.partial, sizeof self.partial, "%.3800s/%s.partial", folder, self.known->name);
    if (status == CIR__DONE && cir__model_is_folder(folder, self.known->name))
        printf("%s\n", self.final);
    else if (status == CIR__DONE)
        status = pull_it(&self, folder);
    cir__hub_free(self.hub);
    free(self.sums);
    return status;
}

const cir__command cir__command_model_pull = {
    .name = "model pull",
    .synopsis = "NAME [options]",
    .summary = "fetch a model by its name",
    .flags = flags,
    .notes =
        "Files come from URL/REPOSITORY/resolve/REVISION/FILE. Each download is verified against the "
        "checksum that is known\n"
        "for it (cir model list), else against the hub's, from its headers or from SHA256SUMS beside the "
        "file; servers that\n"
        "publish no checksum are refused. The hub's checksum detects damage, not a dishonest hub. HF_TOKEN is sent to the\n"
        "hub's host alone. Weights come as one safetensors file where the hub has it, else as several, else as PyTorch\n"
        "checkpoints, of which nothing is run. Interrupt it as you like, it continues. The model gets its "
        "name when all of it is there and\n"
        "opens. Prints its folder.\n"
        "\n"
        "This program was made and tested without reach of a real hub, against an emulation of one: the "
        "first pull of each\n"
        "name is its first test. Should an address be wrong, put the files into a folder and name that.\n",
    .run = run,
};

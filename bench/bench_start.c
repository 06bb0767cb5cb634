/* Where the time of one cir search goes, from the start of its process to its end.
 *
 * The program is started anew for every search, against a synthetic index of 100 thousand photos × 768 and a
 * ViT-L/14 with random weights (0.9 GB in float16, in the page cache), and told to answer as JSON, whose "ms"
 * has the stages. Outside of them are "start", mostly linking the program with its libraries, and "end", from
 * the answer's last byte until the process is gone, which a reader of the answer need not wait for. Medians
 * of the repeats, after one search of each kind that is not counted; the very first search of an index, which
 * encodes the corpora, is told by itself.
 *
 * The synthetic vocabulary has CLIP's size, but pieces of four letters at most: words of two or three tokens,
 * where CLIP's own has one or two. --model DIR takes another model, such as test/make_model.py makes.
 *
 *   bench_start [--model DIR] [--precision NAME] [--rows N] [--repeats R] [--photo FILE] [--program PATH]
 * [--json FILE] */
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_measure.h"
#include "model/synthetic_model.h"
#include "serve_index.h"
#include "shared/clock.h"

extern char **environ;

enum { PATH_SIZE = 1024, MAX_REPEATS = 100, MAX_STAGES = 24, ANSWER_BYTES = 1 << 20 };

static const char config[] =
    "{\"model_type\": \"clip\", \"projection_dim\": 768,"
    "\"text_config\": {\"eos_token_id\": 2, \"hidden_size\": 768, \"intermediate_size\": 3072, "
    "\"num_attention_heads\": 12},"
    "\"vision_config\": {\"hidden_size\": 1024, \"intermediate_size\": 4096, \"num_hidden_layers\": 24,"
    "\"num_attention_heads\": 16, \"patch_size\": 14}}";

typedef struct setting {
    const char *model, *precision, *photo, *program, *json_path;
    size_t n_rows, n_repeats;
} setting;

/* Medians of one kind of search. */
typedef struct account {
    size_t n_stages, n_runs;
    const char *names[MAX_STAGES]; /* lent by a document that is kept */
    double times[MAX_STAGES][MAX_REPEATS];
    json_t *kept;
} account;

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_start: %s\n", what);
    exit(1);
}

/* A vocabulary of CLIP's size: visible ASCII, alone and at a word's end, then pieces of two, three and four
 * letters in the order of the alphabet. */
static void write_vocabulary(const char *folder)
{
    enum { N_VOCABULARY = 49408, N_LETTERS = 26 };
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/vocab.json", folder);
    FILE *vocabulary = fopen(path, "w");
    (void)snprintf(path, sizeof path, "%s/merges.txt", folder);
    FILE *merges = fopen(path, "w");
    if (vocabulary == NULL || merges == NULL)
        stop("the vocabulary cannot be written");
    size_t n = 0;
    for (int is_end = 0; is_end < 2; is_end++)
        for (char c = '!'; c <= '~'; c++)
            (void)fprintf(vocabulary, "%s\"%s%c%s\": %zu", n == 0 ? "{" : ", ",
                          c == '"' || c == '\\' ? "\\" : "", c, is_end ? "</w>" : "", n),
                n++;
    (void)fputs("#version: 0.2\n", merges);
    const size_t n_pairs = (size_t)N_LETTERS * N_LETTERS;
    for (size_t i = 0; n < N_VOCABULARY - 2; i++) {
        /* pairs, pairs at an end, then a pair and another one at an end */
        const char a = (char)('a' + i / N_LETTERS % N_LETTERS), b = (char)('a' + i % N_LETTERS);
        const char *const end = i < n_pairs ? "" : "</w>";
        const size_t i_first = i / n_pairs;
        if (i_first < 2) {
            (void)fprintf(vocabulary, ", \"%c%c%s\": %zu", a, b, end, n);
            (void)fprintf(merges, "%c %c%s\n", a, b, end);
        } else {
            const char c = (char)('a' + (i_first - 2) / N_LETTERS),
                       d = (char)('a' + (i_first - 2) % N_LETTERS);
            (void)fprintf(vocabulary, ", \"%c%c%c%c</w>\": %zu", c, d, a, b, n);
            (void)fprintf(merges, "%c%c %c%c</w>\n", c, d, a, b);
        }
        n++;
    }
    (void)fprintf(vocabulary, ", \"<|startoftext|>\": %zu, \"<|endoftext|>\": %zu}", n, n + 1);
    if (fclose(vocabulary) != 0 || fclose(merges) != 0)
        stop("the vocabulary cannot be written");
}

/* A photo of 12 megapixels with as much detail as a JPEG of 3 MB holds. */
static void write_photo(const char *path)
{
    enum { WIDTH = 4000, HEIGHT = 3000 };
    uint8_t *rgb = malloc((size_t)WIDTH * HEIGHT * 3);
    uint64_t state = cir__random_state(1);
    uint8_t *bytes = NULL;
    size_t size = 0;
    cir_error err;
    if (rgb == NULL)
        stop("memory is short");
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++)
            for (size_t c = 0; c < 3; c++)
                rgb[(y * WIDTH + x) * 3 + c] =
                    (uint8_t)((x * (c + 1) + y * 3) / 32 + (cir__random_bits(&state) >> 60));
    const cir_image image = {.width_px = WIDTH, .height_px = HEIGHT, .rgb = rgb};
    FILE *file = fopen(path, "wb");
    if (file == NULL || cir_image_format_jpeg(&image, 85, &bytes, &size, &err) != CIR_OK ||
        fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        stop("the photo cannot be written");
    cir_bytes_free(bytes);
    free(rgb);
}

/* Runs the program and takes its answer: the milliseconds until the answer was there, and until the end. */
static json_t *run(char *const *words, double *answered_ms_out, double *all_ms_out)
{
    static char answer[ANSWER_BYTES];
    int ends[2];
    pid_t child;
    posix_spawn_file_actions_t actions;
    if (pipe(ends) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) != 0 ||
        posix_spawn_file_actions_addclose(&actions, ends[0]) != 0)
        stop("a pipe cannot be created");
    const double begin = cir__clock_ms();
    if (posix_spawn(&child, words[0], &actions, NULL, words, environ) != 0)
        stop("the program cannot be started; build it, or name it with --program");
    (void)close(ends[1]);
    size_t n = 0;
    for (ssize_t got; n < sizeof answer && (got = read(ends[0], answer + n, sizeof answer - n)) > 0;) {
        n += (size_t)got;
        *answered_ms_out = cir__clock_ms() - begin;
    }
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        stop("the search fails");
    *all_ms_out = cir__clock_ms() - begin;
    (void)close(ends[0]);
    (void)posix_spawn_file_actions_destroy(&actions);
    json_t *document = json_loadb(answer, n, 0, NULL);
    if (document == NULL)
        stop("the answer is not a JSON");
    return document;
}

static void note(account *all, const char *name, double ms)
{
    size_t i = 0;
    while (i < all->n_stages && strcmp(all->names[i], name) != 0)
        i++;
    if (i == MAX_STAGES)
        stop("too many stages");
    if (i == all->n_stages)
        all->names[all->n_stages++] = name;
    all->times[i][all->n_runs] = ms;
}

/* One search. "total" and "encode" are sums of the others; the rest of the total is printing. */
static void search(char *const *words, account *all)
{
    json_t *value;
    const char *name;
    double answered_ms = 0, all_ms = 0;
    json_t *answer = run(words, &answered_ms, &all_ms);
    json_t *ms = json_object_get(answer, "ms");
    double rest = json_number_value(json_object_get(ms, "total"));
    note(all, "start", answered_ms - rest);
    json_object_foreach(ms, name, value)
    {
        if (strcmp(name, "total") == 0 || strcmp(name, "encode") == 0)
            continue;
        note(all, name, json_number_value(value));
        rest -= json_number_value(value);
    }
    note(all, "other", rest);
    note(all, "until the answer", answered_ms);
    note(all, "end", all_ms - answered_ms);
    all->n_runs++;
    if (all->kept == NULL)
        all->kept = answer;
    else
        json_decref(answer);
}

static void tell(const setting *set, const char *what, account *all)
{
    FILE *json = set->json_path != NULL ? fopen(set->json_path, "a") : NULL;
    if (set->json_path != NULL && json == NULL)
        stop("the file of --json cannot be opened");
    (void)printf("%s\n", what);
    if (json != NULL)
        (void)fprintf(
            json, "{\"bench\": \"start\", \"what\": \"%s\", \"precision\": \"%s\", \"rows\": %zu, \"ms\": {",
            what, set->precision, set->n_rows);
    for (size_t i = 0; i < all->n_stages; i++) {
        const double ms = cir__median(all->times[i], all->n_runs);
        (void)printf("  %-16s %9.1f ms\n", all->names[i], ms);
        if (json != NULL)
            (void)fprintf(json, "%s\"%s\": %.2f", i == 0 ? "" : ", ", all->names[i], ms);
    }
    if (json != NULL && (fputs("}}\n", json) < 0 || fclose(json) != 0))
        stop("the file of --json cannot be written");
    json_decref(all->kept);
    free(all);
}

static account *account_new(void)
{
    account *all = calloc(1, sizeof *all);
    if (all == NULL)
        stop("memory is short");
    return all;
}

static void measure(const setting *set, const char *folder, const char *photo)
{
    char index[PATH_SIZE], text[64];
    (void)snprintf(index, sizeof index, "%s/photos.cir", folder);
    const struct {
        const char *what, *image, *text;
    } kinds[] = {{"photo and words", photo, "at night, seen from far away"},
                 {"an indexed photo and words", "17", "in the snow, people around it"},
                 {"an indexed photo alone", "17", NULL},
                 {"words alone", NULL, "an old wooden boat on a lake"}};
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        account *all = account_new();
        for (size_t i = 0; i <= set->n_repeats; i++) {
            char *words[16] = {(char *)set->program,  "search", index, "--json", "--precision",
                               (char *)set->precision};
            size_t n = 6;
            if (kinds[kind].image != NULL) {
                words[n++] = "--image";
                words[n++] = (char *)kinds[kind].image;
            }
            if (kinds[kind].text != NULL) { /* other words every time, so that none were met before */
                (void)snprintf(text, sizeof text, "%s %c%c", kinds[kind].text, (char)('a' + i / 26),
                               (char)('a' + i % 26));
                words[n++] = "--text";
                words[n++] = text;
            }
            search(words, all);
            if (i == 0) {
                if (kind == 0)
                    tell(set, "the first search of the index: photo and words", all);
                else {
                    json_decref(all->kept);
                    free(all);
                }
                all = account_new();
            }
        }
        tell(set, kinds[kind].what, all);
    }
}

static size_t read_number(const char *text, size_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > most)
        stop("a number is wanted, or a smaller one");
    return (size_t)value;
}

static void read_option(setting *set, const char *name, const char *value)
{
    if (strcmp(name, "--model") == 0)
        set->model = value;
    else if (strcmp(name, "--precision") == 0)
        set->precision = value;
    else if (strcmp(name, "--rows") == 0)
        set->n_rows = read_number(value, 100000000);
    else if (strcmp(name, "--repeats") == 0)
        set->n_repeats = read_number(value, MAX_REPEATS);
    else if (strcmp(name, "--photo") == 0)
        set->photo = value;
    else if (strcmp(name, "--program") == 0)
        set->program = value;
    else if (strcmp(name, "--json") == 0)
        set->json_path = value;
    else
        stop("unknown option");
}

int main(int argc, char **argv)
{
    setting set = {.precision = "f32", .program = "build/cir", .n_rows = 100000, .n_repeats = 7};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            stop(
                "usage: bench_start [--model DIR] [--precision NAME] [--rows N] [--repeats R] [--photo FILE] "
                "[--program PATH] [--json FILE]");
        read_option(&set, argv[i], argv[i + 1]);
    }
    char made[CIR__MADE_PATH_SIZE] = "", folder[] = "/tmp/cir-start-XXXXXX", photo[PATH_SIZE],
         command[PATH_SIZE];
    if (set.model == NULL) {
        if (!cir__made_folder_new(made) || !cir__made_write(made, "config.json", config) ||
            !cir__made_weights_write(made, false))
            stop("/tmp: the model cannot be written");
        write_vocabulary(made);
        set.model = made;
    }
    if (mkdtemp(folder) == NULL)
        stop("/tmp: a folder cannot be created");
    cir_model *model;
    cir_error err;
    if (cir_model_open(set.model, NULL, &model, &err) != CIR_OK)
        stop(err.message);
    if (!bench__rows_make(folder, model, set.n_rows))
        stop("the index cannot be created");
    (void)snprintf(photo, sizeof photo, "%s/photo.jpg", folder);
    if (set.photo == NULL)
        write_photo(photo);
    (void)printf("ViT-L/14 or the model named, %s, %zu photos x %zu; medians of %zu processes\n",
                 set.precision, set.n_rows, cir_model_get_info(model)->dim, set.n_repeats);
    cir_model_close(model);
    measure(&set, folder, set.photo != NULL ? set.photo : photo);
    (void)snprintf(command, sizeof command, "rm -r -- %s", folder);
    if (system(command) != 0)
        stop("its folder in /tmp cannot be removed");
    if (made[0] != '\0')
        cir__made_folder_remove(made);
    return 0;
}

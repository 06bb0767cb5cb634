/* The program: finds the command and runs it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cir/cir.h"
#include "cli/common/arguments.h"
#include "cli/common/bus_error.h"
#include "cli/common/commands.h"
#include "cli/common/shortage.h"
#include "cli/decode/decode_message.h"
#include "cli/decode/decode_worker.h"
#include "shared/json_encode.h"

static const cir__command *const commands[] = {
    &cir__command_index,         &cir__command_search,        &cir__command_info,
    &cir__command_check,         &cir__command_encode,        &cir__command_eval,
    &cir__command_compare,       &cir__command_serve,         &cir__command_model,
    &cir__command_model_list,    &cir__command_model_pull,    &cir__command_model_check,
    &cir__command_bench,         &cir__command_make_index,    &cir__command_curate,
    &cir__command_curate_new,    &cir__command_curate_plan,   &cir__command_curate_mine,
    &cir__command_curate_decide, &cir__command_curate_status, &cir__command_curate_check,
    &cir__command_curate_export,
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    printf(
        "cir %s: composed image retrieval\n"
        "\n"
        "Give a photo of an object and say how it should differ; get photos of the same object, changed so.\n"
        "\n"
        "Usage: cir COMMAND ...\n"
        "\n"
        "Commands:\n",
        cir_version());
    for (int i = 0; i < N_COMMANDS; i++)
        printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n"
           "Examples:\n"
           "  cir index ~/Pictures -o photos.cir --model clip-vit-large-patch14\n"
           "  cir search photos.cir --image temple.jpg --text \"at night\" --html answer.html\n"
           "\n"
           "More: cir COMMAND --help, cir --version\n");
}

/* words: NULL at their end. *n_words_out: how many of them are the command's name; one of two words goes
 * before one of its first alone. */
static const cir__command *find_command(char **words, int *n_words_out)
{
    const cir__command *found = NULL;
    for (int i = 0; i < N_COMMANDS; i++) {
        size_t size = strlen(words[0]);
        const char *name = commands[i]->name;
        bool has_second = strncmp(name, words[0], size) == 0 && name[size] == ' ' && words[1] != NULL &&
                          strcmp(name + size + 1, words[1]) == 0;
        if (has_second || (found == NULL && strcmp(name, words[0]) == 0)) {
            found = commands[i];
            *n_words_out = has_second ? 2 : 1;
        }
    }
    return found;
}

static int run_command(const cir__command *command, int argc, char **argv)
{
    int status;
    cir__arguments *arguments = cir__arguments_parse(command, argc, argv, &status);
    if (arguments == NULL)
        return status;
    status = CIR__DONE;
    if (cir__arguments_has(arguments, "help"))
        cir__command_print_help(command);
    else
        status = command->run(arguments);
    cir__arguments_free(arguments);
    return status;
}

/* Answers that could not be written (a full disk, a closed pipe) or made whole must not pass for success. */
static int flush_answers(int status)
{
    if (cir__json_n_refused() > 0 && status == CIR__DONE) {
        fprintf(stderr, "cir: out of memory, so that results may lack something; close other programs\n");
        return CIR__FAILED;
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CIR__DONE) {
        perror("cir: standard output: cannot be written");
        return CIR__FAILED;
    }
    return status;
}

/* libvips' settings are the process', so the library leaves them alone and the program makes them. */
static void set_up_libraries(void)
{
    (void)setenv("VIPS_CONCURRENCY", "1", 1); /* every core is busy with pictures of its own */
    (void)setenv("VIPS_BLOCK_UNTRUSTED", "1", 1);
}

/* Standard streams that are closed are opened on nothing, the wrong way round, so that their use still fails:
 * else the next file, of an index for example, took their number, and messages were written into it. */
static void occupy_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, CIR__DECODE_WORKER) == 0)
        return cir__decode_worker_run(argc - 1, argv + 1);
    set_up_libraries();
    cir__shortage_prepare();
    cir__bus_error_catch();
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on files is a write that fails */
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("cir %s\n", cir_version());
        return flush_answers(CIR__DONE);
    }
    bool asks_help = strcmp(name, "help") == 0;
    if ((asks_help && argc == 2) || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help();
        return flush_answers(argc > 1 ? CIR__DONE : CIR__USAGE);
    }
    int n_words = 1;
    const cir__command *command = find_command(argv + (asks_help ? 2 : 1), &n_words);
    if (command == NULL) {
        fprintf(stderr, "cir: %s: no such command; see: cir --help\n", asks_help ? argv[2] : name);
        return CIR__USAGE;
    }
    if (asks_help) {
        cir__command_print_help(command);
        return flush_answers(CIR__DONE);
    }
    return flush_answers(run_command(command, argc - n_words, argv + n_words));
}

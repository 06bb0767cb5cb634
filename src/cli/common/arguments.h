/* Command lines: what each command takes, read once, with help made from the same table. */
#ifndef CIR_CLI_ARGUMENTS_H
#define CIR_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of the program. */
enum { CIR__DONE = 0, CIR__FAILED = 1, CIR__USAGE = 2 };

/* One option. value: the placeholder of what it takes, NULL for a switch; one that ends in " ..." may be
 * given more than once, any other value given twice is refused. */
typedef struct cir__flag {
    const char *name;
    char letter; /* 0: only the long form */
    const char *value;
    const char *help;
} cir__flag;

typedef struct cir__arguments cir__arguments;

/* One command of the program. flags end with a zeroed entry; --help, --quiet and --threads are
 * everybody's. */
typedef struct cir__command {
    const char *name;
    const char *synopsis; /* behind "cir NAME " */
    const char *summary;  /* one line */
    const cir__flag *flags;
    void (*print_tables)(void); /* what help lists behind the flags; NULL: nothing */
    const char *notes;          /* examples and what else help says */
    int (*run)(const cir__arguments *arguments);
} cir__command;

/* Reads argv (the command's name first). NULL, after a message on standard error, when it is not understood
 * or out of memory; *status_out is then the program's exit status. Free with cir__arguments_free. */
cir__arguments *cir__arguments_parse(const cir__command *command, int argc, char **argv, int *status_out);
void cir__arguments_free(cir__arguments *arguments);

/* Was it given? */
bool cir__arguments_has(const cir__arguments *arguments, const char *flag);

/* The value given for a flag, or NULL; of one that repeats, the last. */
const char *cir__arguments_get(const cir__arguments *arguments, const char *flag);

/* Walks through all values given for a flag in their order: *i starts at 0; NULL at the end. */
const char *cir__arguments_next(const cir__arguments *arguments, const char *flag, size_t *i);

/* A whole number in [least, most]; false, after a message, when it is none. Untouched when the flag was not
 * given. */
bool cir__arguments_count(const cir__arguments *arguments, const char *flag, size_t least, size_t most,
                          size_t *count);

/* What stands outside the options. */
size_t cir__arguments_n_operands(const cir__arguments *arguments);
const char *const *cir__arguments_operands(const cir__arguments *arguments);

/* Prints the command's help on standard output. */
void cir__command_print_help(const cir__command *command);

/* Says on standard error what is wrong with the command line and where help is; returns CIR__USAGE. */
int cir__arguments_refuse(const cir__arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

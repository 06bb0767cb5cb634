#include "cli/common/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct given {
    const char *flag;
    const char *value; /* "" for a switch */
} given;

struct cir__arguments {
    const cir__command *command;
    given *given;
    size_t n_given;
    const char *const *operands;
    size_t n_operands;
};

static const cir__flag common_flags[] = {
    {"threads", 0, "N", "how many threads to use (default: all processors)"},
    {"quiet", 'q', NULL, "no progress on standard error"},
    {"help", 'h', NULL, "print this and exit"},
    {0},
};

static size_t count_flags(const cir__flag *flags)
{
    size_t n = 0;
    while (flags[n].name != NULL)
        n++;
    return n;
}

static const cir__flag *flag_at(const cir__command *command, size_t i)
{
    size_t n_own = count_flags(command->flags);
    return i < n_own ? &command->flags[i] : &common_flags[i - n_own];
}

static void say_usage(const cir__command *command, const char *format, va_list arguments)
{
    fprintf(stderr, "cir %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "; see: cir %s --help\n", command->name);
}

int cir__arguments_refuse(const cir__arguments *arguments, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say_usage(arguments->command, format, list);
    va_end(list);
    return CIR__USAGE;
}

/* The flags as getopt_long wants them; an option's value is its place in the table, beyond any letter. */
enum { FIRST_LONG = 1000 };

static void fill_getopt(const cir__command *command, size_t n, struct option *longs, char *letters)
{
    *letters++ = ':'; /* tells a missing value from an unknown option */
    for (size_t i = 0; i < n; i++) {
        const cir__flag *flag = flag_at(command, i);
        longs[i] = (struct option){flag->name, flag->value != NULL ? required_argument : no_argument, NULL,
                                   FIRST_LONG + (int)i};
        if (flag->letter != 0) {
            *letters++ = flag->letter;
            if (flag->value != NULL)
                *letters++ = ':';
        }
    }
    *letters = '\0';
}

static const cir__flag *find_letter(const cir__command *command, size_t n, int letter)
{
    for (size_t i = 0; i < n; i++)
        if (flag_at(command, i)->letter == letter)
            return flag_at(command, i);
    return NULL;
}

static bool may_repeat(const cir__flag *flag)
{
    static const char mark[] = " ...";
    size_t length = flag->value != NULL ? strlen(flag->value) : 0;
    return length >= sizeof mark && strcmp(flag->value + length - (sizeof mark - 1), mark) == 0;
}

cir__arguments *cir__arguments_parse(const cir__command *command, int argc, char **argv, int *status_out)
{
    *status_out = CIR__USAGE;
    size_t n = count_flags(command->flags) + count_flags(common_flags);
    struct option *longs = calloc(n + 1, sizeof *longs);
    char *letters = calloc(2 * n + 2, 1);
    cir__arguments *arguments = calloc(1, sizeof *arguments);
    if (arguments != NULL)
        arguments->given = calloc((size_t)argc + 1, sizeof *arguments->given);
    bool is_understood = longs != NULL && letters != NULL && arguments != NULL && arguments->given != NULL;
    if (!is_understood) {
        fprintf(stderr, "cir: out of memory; close other programs\n");
        *status_out = CIR__FAILED;
        goto done;
    }
    arguments->command = command;
    fill_getopt(command, n, longs, letters);
    opterr = 0;
    optind = 1;
    int option;
    while ((option = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (option == '?' || option == ':') {
            const char *word = argv[optind - 1];
            is_understood = false;
            (void)cir__arguments_refuse(
                arguments, option == ':' ? "%s: a value is missing" : "%s: no such option", word);
            goto done;
        }
        const cir__flag *flag = option >= FIRST_LONG ? flag_at(command, (size_t)(option - FIRST_LONG))
                                                     : find_letter(command, n, option);
        if (flag->value != NULL && !may_repeat(flag) && cir__arguments_has(arguments, flag->name)) {
            is_understood = false;
            (void)cir__arguments_refuse(arguments, "--%s is given twice, as \"%s\" and \"%s\"; give it once",
                                        flag->name, cir__arguments_get(arguments, flag->name), optarg);
            goto done;
        }
        arguments->given[arguments->n_given++] = (given){flag->name, flag->value != NULL ? optarg : ""};
    }
    arguments->operands = (const char *const *)(argv + optind);
    arguments->n_operands = (size_t)(argc - optind);
done:
    free(letters);
    free(longs);
    if (!is_understood) {
        cir__arguments_free(arguments);
        arguments = NULL;
    }
    return arguments;
}

void cir__arguments_free(cir__arguments *arguments)
{
    if (arguments != NULL)
        free(arguments->given);
    free(arguments);
}

const char *cir__arguments_next(const cir__arguments *arguments, const char *flag, size_t *i)
{
    while (*i < arguments->n_given) {
        const given *one = &arguments->given[(*i)++];
        if (strcmp(one->flag, flag) == 0)
            return one->value;
    }
    return NULL;
}

const char *cir__arguments_get(const cir__arguments *arguments, const char *flag)
{
    const char *last = NULL;
    const char *value;
    for (size_t i = 0; (value = cir__arguments_next(arguments, flag, &i)) != NULL;)
        last = value;
    return last;
}

bool cir__arguments_has(const cir__arguments *arguments, const char *flag)
{
    return cir__arguments_get(arguments, flag) != NULL;
}

bool cir__arguments_count(const cir__arguments *arguments, const char *flag, size_t least, size_t most,
                          size_t *count)
{
    const char *text = cir__arguments_get(arguments, flag);
    if (text == NULL)
        return true;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < least || value > most) {
        (void)cir__arguments_refuse(arguments, "--%s: \"%s\" is not a whole number from %zu to %zu", flag,
                                    text, least, most);
        return false;
    }
    *count = (size_t)value;
    return true;
}

size_t cir__arguments_n_operands(const cir__arguments *arguments)
{
    return arguments->n_operands;
}

const char *const *cir__arguments_operands(const cir__arguments *arguments)
{
    return arguments->operands;
}

void cir__command_print_help(const cir__command *command)
{
    printf("cir %s: %s\n\nUsage: cir %s %s\n\nOptions:\n", command->name, command->summary, command->name,
           command->synopsis);
    size_t n = count_flags(command->flags) + count_flags(common_flags);
    for (size_t i = 0; i < n; i++) {
        const cir__flag *flag = flag_at(command, i);
        char names[64];
        char letter[8] = "    ";
        if (flag->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", flag->letter);
        snprintf(names, sizeof names, "%s--%s%s%s", letter, flag->name, flag->value != NULL ? " " : "",
                 flag->value != NULL ? flag->value : "");
        printf("  %-28s %s%s\n", names, flag->help, may_repeat(flag) ? "; may be repeated" : "");
    }
    if (command->print_tables != NULL)
        command->print_tables();
    if (command->notes != NULL)
        printf("\n%s", command->notes);
}

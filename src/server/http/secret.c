#include "server/http/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/failure.h"

/* A pipe, as of a password store, has no other readers. */
static cir_status check_mode(const char *path, int fd, cir_error *err)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        return CIR_OK;
    mode_t forbidden = facts.st_uid == geteuid() ? 077 : 007; /* another owner's group may be us */
    if ((facts.st_mode & forbidden) == 0)
        return CIR_OK;
    return cir__fail(err, CIR_PERMISSION,
                     "%s: others can read this secret (mode %04o); make it yours alone: chmod 600 %s", path,
                     (unsigned)(facts.st_mode & 07777), path);
}

char *cir__secret_read(const char *path, size_t max, bool is_secret, cir_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        (void)cir__fail(err, errno == ENOENT ? CIR_NOT_FOUND : CIR_IO, "%s: cannot be opened: %s", path,
                        strerror(errno));
        return NULL;
    }
    char *text = NULL;
    if (!is_secret || check_mode(path, fd, err) == CIR_OK) {
        text = calloc(max + 2, 1);
        size_t n = 0;
        ssize_t more = text != NULL ? 1 : -1;
        while (more > 0 && n <= max) {
            more = read(fd, text + n, max + 1 - n);
            n += more > 0 ? (size_t)more : 0;
        }
        if (text == NULL || more < 0 || n == 0 || n > max || strlen(text) != n) {
            (void)cir__fail(err, text == NULL ? CIR_NO_MEMORY : CIR_IO,
                            "%s: cannot be read, is empty, larger than %zu bytes or no text", path, max);
            cir__secret_free(text);
            text = NULL;
        }
    }
    close(fd);
    return text;
}

void cir__secret_free(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

static size_t count_distinct(const char *text, size_t n)
{
    bool is_there[256] = {false};
    size_t n_distinct = 0;
    for (size_t i = 0; i < n; i++) {
        n_distinct += !is_there[(uint8_t)text[i]];
        is_there[(uint8_t)text[i]] = true;
    }
    return n_distinct;
}

static cir_status check_token(const char *path, const char *text, size_t n, cir_error *err)
{
    enum { MIN_SIZE = 16, MIN_DISTINCT = 8 };
    size_t n_distinct = count_distinct(text, n);
    if (n < MIN_SIZE || n >= CIR__TOKEN_SIZE)
        return cir__fail(err, CIR_ARGUMENT,
                         "%s: its token has %zu bytes; a token has %d to %d: openssl rand -hex 32", path, n,
                         MIN_SIZE, CIR__TOKEN_SIZE - 1);
    if (n_distinct < MIN_DISTINCT)
        return cir__fail(
            err, CIR_ARGUMENT,
            "%s: its token has %zu different characters and is soon guessed; it needs %d: openssl "
            "rand -hex 32",
            path, n_distinct, MIN_DISTINCT);
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return cir__fail(
                err, CIR_ARGUMENT,
                "%s: its token holds a character that no header can; use letters and digits: openssl "
                "rand -hex 32",
                path);
    return CIR_OK;
}

cir_status cir__secret_read_token(const char *path, char token_out[CIR__TOKEN_SIZE], cir_error *err)
{
    enum { MAX_FILE = 4096 };
    static const char blanks[] = " \t\r\n";
    cir_status status = CIR_OK;
    char *text = cir__secret_read(path, MAX_FILE, true, err);
    if (text == NULL)
        return err->status;
    const char *word = text + strspn(text, blanks);
    size_t n = strcspn(word, blanks);
    if (word[n + strspn(word + n, blanks)] != '\0')
        status =
            cir__fail(err, CIR_ARGUMENT,
                      "%s: holds more than one token; a token has no blanks: openssl rand -hex 32", path);
    if (status == CIR_OK)
        status = check_token(path, word, n, err);
    if (status == CIR_OK) {
        memcpy(token_out, word, n);
        token_out[n] = '\0';
    }
    cir__secret_free(text);
    return status;
}

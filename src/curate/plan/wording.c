#include "curate/plan/wording.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

static bool is_word_character(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return false;
    }
}

static bool is_in(const char *word, size_t size, const char *list)
{
    for (const char *at = list; (at = strchr(at, ' ')) != NULL && at[1] != '\0'; at++)
        if (strncmp(at + 1, word, size) == 0 && at[1 + size] == ' ')
            return true;
    return false;
}

char *cir__wording_fold(const char *text)
{
    utf8proc_uint8_t *folded = NULL;
    const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, 0, &folded,
                                            UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPAT |
                                                UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    if (n < 0)
        return NULL;
    /* A word is no longer than its characters, and each has a blank behind it where another character was. */
    char *words = malloc((size_t)n + 3);
    size_t at = 0;
    size_t begin = 1;
    for (utf8proc_ssize_t i = 0; words != NULL && i <= n;) {
        utf8proc_int32_t c = -1;
        utf8proc_ssize_t size = i < n ? utf8proc_iterate(folded + i, n - i, &c) : 1;
        if (size < 1)
            size = 1;
        if (at == 0)
            words[at++] = ' ';
        if (c >= 0 && is_word_character(c)) {
            memcpy(words + at, folded + i, (size_t)size);
            at += (size_t)size;
        } else if (at > begin) {
            if (is_in(words + begin, at - begin, " a an the "))
                at = begin;
            else
                words[at++] = ' ';
            begin = at;
        }
        i += size;
    }
    if (words != NULL)
        words[at] = '\0';
    free(folded);
    return words;
}

bool cir__wording_is_plain(const char *text)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t n = (utf8proc_ssize_t)strlen(text);
    for (utf8proc_ssize_t i = 0; i < n;) {
        utf8proc_int32_t c;
        const utf8proc_ssize_t size = utf8proc_iterate(bytes + i, n - i, &c);
        if (size < 1 || utf8proc_category(c) == UTF8PROC_CATEGORY_CC)
            return false;
        i += size;
    }
    return true;
}

bool cir__wording_is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool cir__wording_contains(const char *whole, const char *part)
{
    return strlen(part) > 1 && strstr(whole, part) != NULL;
}

bool cir__wording_shares_word(const char *a, const char *b, char word_out[64])
{
    static const char no_content[] =
        " and with without from into onto under over above below behind before after near for its his her this that "
        "these those there are was were has have had not but out off one two some any all made being seen photo image "
        "picture ";
    for (const char *word = a + (*a == ' '); *word != '\0';) {
        const size_t size = strcspn(word, " ");
        if (size >= 3 && size < 62 && !is_in(word, size, no_content)) {
            char between[64] = " ";
            memcpy(between + 1, word, size);
            memcpy(between + 1 + size, " ", 2);
            if (strstr(b, between) != NULL) {
                if (word_out != NULL) {
                    memcpy(word_out, word, size);
                    word_out[size] = '\0';
                }
                return true;
            }
        }
        word += size + (word[size] == ' ');
    }
    return false;
}

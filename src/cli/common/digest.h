/* Checksums of files: SHA-256, and SHA-1 as git names a file's content by it (over nettle). */
#ifndef CIR_CLI_DIGEST_H
#define CIR_CLI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define CIR__DIGEST_TEXT_SIZE 65 /* 64 hexadecimal digits and the final zero */

/* Whether text begins with n_digits lower-case hexadecimal digits and no more of them. */
bool cir__digest_is(const char *text, size_t n_digits);

/* The file's SHA-256, or with is_git the SHA-1 of git's "blob SIZE\0" and the content, in hexadecimal digits.
 * False, with errno, where the file cannot be read or out of memory. */
bool cir__digest_file(const char *path, bool is_git, char text_out[CIR__DIGEST_TEXT_SIZE]);

#endif

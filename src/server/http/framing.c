#include "server/http/framing.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "shared/failure.h"

/* A token of RFC 9110. */
static bool is_name(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    size_t n = 0;
    for (; name[n] != '\0'; n++) {
        char c = name[n];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && strchr(others, c) == NULL)
            return false;
    }
    return n > 0;
}

static bool is_value(const char *value)
{
    for (; *value != '\0'; value++)
        if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
            return false;
    return true;
}

static bool is_length(const char *value)
{
    enum { MAX_DIGITS = 18 }; /* what fits a signed number of 64 bits everywhere */
    size_t n = strspn(value, "0123456789");
    return n >= 1 && n <= MAX_DIGITS && value[n] == '\0';
}

void cir__framing_add(cir__framing *framing, const char *name, const char *value)
{
    framing->has_bad_name |= !is_name(name);
    framing->has_bad_value |= !is_value(value);
    if (strcasecmp(name, "Content-Length") == 0) {
        framing->n_lengths++;
        framing->has_bad_length |= !is_length(value);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        static const char chunked[] = "chunked";
        size_t n = strlen(value);
        size_t n_chunked = sizeof chunked - 1;
        framing->n_codings++;
        framing->is_chunked = strcasecmp(value, chunked) == 0;
        framing->ends_chunked = n > n_chunked && strcasecmp(value + n - n_chunked, chunked) == 0 &&
                                strchr(", \t", value[n - n_chunked - 1]) != NULL;
    } else if (strcasecmp(name, "Host") == 0) {
        framing->n_hosts++;
    }
}

unsigned cir__framing_check(const cir__framing *framing, cir_error *err)
{
    const char *why = NULL;
    if (framing->has_bad_name)
        why = "a field's name is empty or holds what no name may, such as a space before its colon";
    else if (framing->has_bad_value)
        why = "a field's value holds a control character";
    else if (framing->n_hosts > 1)
        why = "Host is there twice; send one";
    else if (framing->n_lengths > 1)
        why = "Content-Length is there twice; send one";
    else if (framing->has_bad_length)
        why = "Content-Length is not a number of bytes";
    else if (framing->n_lengths > 0 && framing->n_codings > 0)
        why = "Content-Length and Transfer-Encoding are there together; send one of them";
    else if (framing->n_codings > 1)
        why = "Transfer-Encoding is there twice; send one";
    else if (framing->n_codings > 0 && framing->is_http_1_0)
        why = "Transfer-Encoding is not for HTTP/1.0; send a Content-Length";
    else if (framing->n_codings > 0 && !framing->is_chunked && !framing->ends_chunked)
        why = "Transfer-Encoding does not end with chunked; send a Content-Length";
    if (why != NULL) {
        (void)cir__fail(err, CIR_ARGUMENT, "request: %s", why);
        return 400;
    }
    if (framing->n_codings > 0 && !framing->is_chunked) {
        (void)cir__fail(err, CIR_UNSUPPORTED,
                        "request: Transfer-Encoding: no coding but chunked is taken; send a Content-Length");
        return 501;
    }
    return 0;
}

/* ---- places ---- */

/* Differences of addresses: parts that lie elsewhere are told without being looked at. */
static uintptr_t distance(const char *from, const char *to)
{
    return (uintptr_t)to - (uintptr_t)from;
}

void cir__layout_begin(cir__layout *layout, const char *method, const char *target, size_t n_target,
                       const char *version)
{
    layout->is_broken =
        distance(method, target) != strlen(method) + 1 || distance(target, version) != n_target + 1;
    layout->at = version + strlen(version) + 2;
}

void cir__layout_add(cir__layout *layout, const char *name, const char *value)
{
    enum { MAX_BLANKS = 1 << 16 };
    uintptr_t gap =
        distance(name, value) - strlen(name) - 1; /* blanks after the colon; huge: it lies before */
    layout->is_broken |= name != layout->at || gap > MAX_BLANKS;
    layout->at = value + strlen(value) + 2;
}

bool cir__layout_is_plain(const cir__layout *layout, const char *method, size_t n_head)
{
    return !layout->is_broken && distance(method, layout->at) + 2 == n_head;
}

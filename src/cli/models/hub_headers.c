#include "cli/models/hub_headers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINE_SIZE 512

void cir__hub_headers_init(cir__hub_headers *self)
{
    *self = (cir__hub_headers){.length = -1, .range_begin = -1, .range_total = -1, .linked_size = -1};
}

void cir__hub_copy_text(const char *bytes, size_t size, char out[CIR__HUB_TEXT_SIZE])
{
    size_t n = 0;
    while (size > 0 && (*bytes == ' ' || *bytes == '\t' || *bytes == '\r' || *bytes == '\n'))
        bytes++, size--;
    for (; n < size && n < CIR__HUB_TEXT_SIZE - 1 && bytes[n] != '\0'; n++)
        out[n] = bytes[n] >= ' ' && bytes[n] <= '~' ? bytes[n] : '?';
    while (n > 0 && (out[n - 1] == ' ' || (out[n - 1] == '?' && bytes[n - 1] != '?' && bytes[n - 1] < ' ')))
        n--;
    out[n] = '\0';
}

/* A whole number that takes all of the text up to end; -1: it is none. */
static long long read_number(const char *text, const char *end)
{
    long long number = 0;
    if (text == end || end - text > 18)
        return -1;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        number = number * 10 + (*text - '0');
    }
    return number;
}

/* A value without quotes and weakness mark, where it is 64 or 40 hexadecimal digits. */
static void copy_etag(const char *value, char out[CIR__DIGEST_TEXT_SIZE])
{
    if (strncmp(value, "W/", 2) == 0)
        value += 2;
    value += *value == '"';
    for (size_t n_digits = 64; n_digits >= 40; n_digits -= 24)
        if (cir__digest_is(value, n_digits))
            (void)snprintf(out, CIR__DIGEST_TEXT_SIZE, "%.*s", (int)n_digits, value);
}

/* bytes BEGIN-END/TOTAL, or /<star>. */
static void read_range(cir__hub_headers *self, const char *value)
{
    const char *dash = strchr(value, '-');
    const char *slash = strchr(value, '/');
    if (strncasecmp(value, "bytes ", 6) != 0 || dash == NULL || slash == NULL || slash < dash)
        return;
    self->range_begin = read_number(value + 6, dash);
    self->range_total = read_number(slash + 1, slash + strlen(slash));
}

static void take_value(cir__hub_headers *self, const char *name, const char *value)
{
    const char *end = value + strlen(value);
    if (strcasecmp(name, "Content-Length") == 0) {
        self->length = read_number(value, end);
    } else if (strcasecmp(name, "Content-Range") == 0) {
        read_range(self, value);
    } else if (strcasecmp(name, "Content-Encoding") == 0) {
        self->is_encoded = *value != '\0' && strcasecmp(value, "identity") != 0;
    } else if (strcasecmp(name, "Content-Type") == 0) {
        cir__hub_copy_text(value, strlen(value), self->content_type);
    } else if (strcasecmp(name, "X-Linked-Size") == 0) {
        self->linked_size = read_number(value, end);
    } else if (strcasecmp(name, "X-Linked-ETag") == 0) {
        copy_etag(value, self->linked_etag);
        if (strlen(self->linked_etag) != 64)
            self->linked_etag[0] = '\0';
    } else if (strcasecmp(name, "ETag") == 0) {
        copy_etag(value, self->etag);
    } else if (strcasecmp(name, "X-Repo-Commit") == 0) {
        if (cir__digest_is(value, 40) && strlen(value) == 40)
            (void)snprintf(self->commit, sizeof self->commit, "%s", value);
    } else if (strcasecmp(name, "Retry-After") == 0) {
        cir__hub_copy_text(value, strlen(value), self->retry_after);
    } else if (strcasecmp(name, "RateLimit") == 0 && self->retry_after[0] == '\0') {
        const char *seconds = strstr(value, ";t="); /* "resolvers";r=0;t=55 */
        if (seconds != NULL)
            cir__hub_copy_text(seconds + 3, strspn(seconds + 3, "0123456789"), self->retry_after);
    } else if (strcasecmp(name, "X-Error-Code") == 0) {
        cir__hub_copy_text(value, strlen(value), self->error_code);
    } else if (strcasecmp(name, "X-Error-Message") == 0) {
        cir__hub_copy_text(value, strlen(value), self->error_message);
    }
}

void cir__hub_headers_take(cir__hub_headers *self, const char *line, size_t size)
{
    char text[LINE_SIZE];
    size_t n = size < sizeof text ? size : sizeof text - 1;
    memcpy(text, line, n);
    text[n] = '\0';
    n = strlen(text);
    while (n > 0 && (text[n - 1] == '\r' || text[n - 1] == '\n' || text[n - 1] == ' ' || text[n - 1] == '\t'))
        text[--n] = '\0';
    if (strncasecmp(text, "HTTP/", 5) == 0) {
        const char *space = strchr(text, ' ');
        cir__hub_headers_init(self);
        self->status =
            space != NULL ? (long)read_number(space + 1, space + 1 + strspn(space + 1, "0123456789")) : 0;
        return;
    }
    char *colon = strchr(text, ':');
    if (colon == NULL)
        return;
    *colon++ = '\0';
    take_value(self, text, colon + strspn(colon, " \t"));
}

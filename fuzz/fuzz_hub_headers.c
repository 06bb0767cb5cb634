/* Bytes → lines of a model hub's answer, and what they tell. */
#include <stdint.h>
#include <string.h>

#include "cli/models/hub_headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
    if (memchr(text, '\0', size) == NULL)
        __builtin_trap();
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__hub_headers headers;
    cir__hub_headers_init(&headers);
    for (const char *at = (const char *)data, *end = at + size; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t n = line_end != NULL ? (size_t)(line_end + 1 - at) : (size_t)(end - at);
        cir__hub_headers_take(&headers, at, n);
        at += n;
    }
    check_text(headers.content_type, sizeof headers.content_type);
    check_text(headers.retry_after, sizeof headers.retry_after);
    check_text(headers.error_code, sizeof headers.error_code);
    check_text(headers.error_message, sizeof headers.error_message);
    size_t n_linked = strlen(headers.linked_etag);
    size_t n_etag = strlen(headers.etag);
    if ((n_linked != 0 && n_linked != 64) || (n_etag != 0 && n_etag != 40 && n_etag != 64) ||
        (headers.commit[0] != '\0' && strlen(headers.commit) != 40) || headers.length < -1 ||
        headers.linked_size < -1 || headers.range_begin < -1 || headers.range_total < -1)
        __builtin_trap();
    return 0;
}

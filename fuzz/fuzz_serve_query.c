/* Bytes → the document of a search. */
#include <stdint.h>
#include <stdlib.h>

#include "server/api/query_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__search_request *request;
    cir_error err;
    if (cir__search_request_parse((const char *)data, size, &request, &err) != CIR_OK)
        return 0;
    const cir_settings *settings = &request->settings;
    if (settings->corpus_objects[0] != '\0' || settings->corpus_styles[0] != '\0' ||
        settings->context > CIR__MAX_CONTEXT || request->asked.k < 1 || request->asked.k > CIR__MAX_K ||
        request->asked.offset > CIR__MAX_OFFSET || request->scatter > CIR__MAX_SCATTER)
        __builtin_trap();
    char *key = cir__search_request_key(request);
    if (key == NULL)
        __builtin_trap();
    free(key);
    (void)cir__search_request_check(request, &err);
    cir__search_request_free(request);
    return 0;
}

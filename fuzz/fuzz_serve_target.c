/* Lines → a request's target and the headers that the guard looks at. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/guard.h"
#include "server/http/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_params(const char *target)
{
    cir__params params;
    size_t value = 5;
    if (cir__params_parse(target, &params, NULL) == CIR_OK)
        for (size_t i = 0; i < params.n; i++) {
            if (cir__params_count(&params, params.pairs[i].name, 1, 9, &value, NULL) == CIR_OK &&
                (value < 1 || value > 9))
                __builtin_trap();
        }
    cir__params_done(&params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { N = 7 };
    static const cir__guard guards[] = {{.is_loopback = true},
                                        {.token = "0123456789abcdef", .session = "fedc"}};
    char *text = malloc(size + 1);
    char *lines[N] = {0};
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *rest = text;
    for (size_t i = 0; i < N && rest != NULL; i++)
        lines[i] = strsep(&rest, "\n");
    check_params(lines[0]);
    const cir__visitor visitor = {.method = "GET",
                                  .host = lines[1],
                                  .origin = lines[2],
                                  .fetch_site = lines[3],
                                  .fetch_mode = lines[4],
                                  .authorization = lines[5],
                                  .cookie = lines[6]};
    for (size_t i = 0; i < 2; i++)
        (void)cir__guard_check(&guards[i], &visitor, NULL);
    free(text);
    return 0;
}

#include "cli/eval/tie_text.h"

#include <stdio.h>

void cir__tie_text_print(const char *name, double value, double low, double high, size_t n_tied,
                         size_t n_queries)
{
    printf("%s %.2f (ties %.2f–%.2f, %zu of %zu queries)", name, value, low, high, n_tied, n_queries);
}

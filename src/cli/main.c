#include <stdio.h>

#include "cir/cir.h"

int main(void)
{
    printf("cir %s\n", cir_version());
    return 0;
}

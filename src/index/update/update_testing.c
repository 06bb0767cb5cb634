#include "index/update/update_testing.h"

#include <stdio.h>

void write_many(testing *t, int n)
{
    for (int i = 0; i < n; i++) {
        char name[64];
        char text[64];
        snprintf(name, sizeof name, "photos/%c/p%03d.jpg", 'a' + i % 3, i);
        snprintf(text, sizeof text, "PIC number %d", i);
        testing_write(t, name, text);
    }
}

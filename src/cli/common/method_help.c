#include "cli/common/method_help.h"

#include <stdbool.h>
#include <stdio.h>

#include "cir/method.h"

static void print_setting(void *context, const cir_setting_info *setting, const char *value)
{
    char pair[64];
    (void)context;
    snprintf(pair, sizeof pair, "%s=%s", setting->key, value);
    printf("  %-28s %s\n", pair, setting->description);
}

static void print_tables(bool has_composed)
{
    cir_settings settings;
    printf("\nMethods:\n");
    for (int i = 0; i < CIR_N_METHODS; i++) {
        const cir_method_info *info = cir_method_get_info((cir_method)i);
        if (has_composed || !info->needs_composed)
            printf("  %-28s %s%s\n", info->name, info->meaning, i == CIR_METHOD_DEFAULT ? " (default)" : "");
    }
    cir_settings_init(&settings, sizeof settings, CIR_METHOD_DEFAULT);
    printf("\nSettings and their defaults:\n");
    cir_settings_list(&settings, print_setting, NULL);
}

void cir__method_help_search(void)
{
    print_tables(false);
}

void cir__method_help_eval(void)
{
    print_tables(true);
}

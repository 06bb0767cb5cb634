#include "index/check/findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

void cir__findings_add(cir__findings *findings, bool was_repaired, const char *format, ...)
{
    findings->result.n_findings++;
    findings->result.n_repaired += was_repaired ? 1 : 0;
    if (findings->report == NULL)
        return;
    char text[CIR_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cir_error visible; /* makes control characters of file names harmless */
    cir__fail(&visible, CIR_DAMAGED, "%s", text);
    findings->report(findings->context, visible.message, was_repaired);
}

#include "cir/status.h"

static const struct {
    const char *name;
    const char *meaning;
} statuses[] = {
#define CIR_STATUS_TEXT(symbol, name, meaning) [symbol] = {name, meaning},
    CIR_STATUS_LIST(CIR_STATUS_TEXT)
#undef CIR_STATUS_TEXT
};

const char *cir_status_name(cir_status status)
{
    return (unsigned)status < CIR_N_STATUSES ? statuses[status].name : "unknown";
}

const char *cir_status_meaning(cir_status status)
{
    return (unsigned)status < CIR_N_STATUSES ? statuses[status].meaning : "a status of another version";
}

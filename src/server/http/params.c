#include "server/http/params.h"

#include <stdlib.h>
#include <string.h>

#include "server/common/fail.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; "+" is a space. false: a bad escape, or a zero. */
static bool decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        int c = (unsigned char)*in;
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = hex_value(in[1]);
            int low = high >= 0 ? hex_value(in[2]) : -1;
            if (low < 0)
                return false;
            c = high << 4 | low;
            in += 2;
        }
        if (c == '\0')
            return false;
        *out++ = (char)c;
    }
    *out = '\0';
    return true;
}

static cir_status add_pair(cir__params *params, char *pair, cir_error *err)
{
    if (params->n == CIR__MAX_PARAMS)
        return cir__fail(err, CIR_ARGUMENT, "request: has more than %d parameters; leave some out",
                         CIR__MAX_PARAMS);
    char *equals = strchr(pair, '=');
    char *value = equals != NULL ? equals + 1 : pair + strlen(pair);
    if (equals != NULL)
        *equals = '\0';
    if (!decode(pair) || !decode(value))
        return cir__fail(err, CIR_ARGUMENT,
                         "request: a parameter has a bad escape or a zero; encode it as %%XX");
    if (cir__params_get(params, pair) != NULL)
        return cir__fail(err, CIR_ARGUMENT, "request: parameter %.100s comes twice; give it once", pair);
    params->pairs[params->n].name = pair;
    params->pairs[params->n++].value = value;
    return CIR_OK;
}

cir_status cir__params_parse(const char *target, cir__params *params_out, cir_error *err)
{
    *params_out = (cir__params){.path = ""};
    char *memory = strdup(target);
    if (memory == NULL)
        return cir__refuse_memory(err);
    params_out->memory = memory;
    params_out->path = memory;
    for (const char *c = memory; *c != '\0'; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            return cir__fail(err, CIR_ARGUMENT, "request: its target holds a space or a control character");
    char *at = strchr(memory, '?');
    cir_status status = CIR_OK;
    while (at != NULL && status == CIR_OK) {
        *at++ = '\0';
        char *pair = at;
        at = strchr(pair, '&');
        if (at != NULL)
            *at = '\0';
        if (*pair != '\0')
            status = add_pair(params_out, pair, err);
    }
    return status;
}

void cir__params_done(cir__params *params)
{
    free(params->memory);
    *params = (cir__params){0};
}

const char *cir__params_get(const cir__params *params, const char *name)
{
    for (size_t i = 0; i < params->n; i++)
        if (strcmp(params->pairs[i].name, name) == 0)
            return params->pairs[i].value;
    return NULL;
}

bool cir__digits_parse(const char *text, size_t n, size_t *value_out)
{
    *value_out = 0;
    if (n == 0 || n > 15)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value_out = 10 * *value_out + (size_t)(text[i] - '0');
    }
    return true;
}

cir_status cir__params_count(const cir__params *params, const char *name, size_t least, size_t most,
                             size_t *value, cir_error *err)
{
    const char *text = cir__params_get(params, name);
    size_t number;
    if (text == NULL)
        return CIR_OK;
    if (!cir__digits_parse(text, strlen(text), &number) || number < least || number > most)
        return cir__fail(err, CIR_ARGUMENT, "%s: \"%.100s\" is not a whole number from %zu to %zu", name,
                         text, least, most);
    *value = number;
    return CIR_OK;
}

cir_status cir__params_check(const cir__params *params, const char *const *known, cir_error *err)
{
    for (size_t i = 0; i < params->n; i++) {
        size_t j = 0;
        while (known[j] != NULL && strcmp(known[j], params->pairs[i].name) != 0)
            j++;
        if (known[j] == NULL)
            return cir__fail(err, CIR_ARGUMENT,
                             "request: parameter \"%.100s\" is not known here; see /v1/openapi.json",
                             params->pairs[i].name);
    }
    return CIR_OK;
}

#include "eval/run/results.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/json.h"

#define MAX_BYTES ((size_t)1 << 30)

static cir_status fail_format(const cir_results *results, const char *what, cir_error *err)
{
    return cir__fail(err, CIR_FORMAT, "%s: %s; write it with: cir eval ... --json FILE", results->name, what);
}

static cir_status check_queries(const cir_results *results, cir_error *err)
{
    if (json_array_size(results->queries) == 0)
        return fail_format(results, "has no list of queries", err);
    for (size_t q = 0; q < json_array_size(results->queries); q++) {
        const json_t *const query = json_array_get(results->queries, q);
        bool is_good = json_array_size(query) == 3;
        for (size_t i = 0; is_good && i < 3; i++)
            is_good = json_is_string(json_array_get(query, i));
        if (!is_good)
            return cir__fail(err, CIR_FORMAT,
                             "%s: query %zu is not [path, text, instance]; write the file again",
                             results->name, q);
    }
    return CIR_OK;
}

static cir_status check_method(const cir_results *results, size_t i, cir_error *err)
{
    const json_t *const method = json_array_get(results->methods, i),
                        *const AP = json_object_get(method, "AP"),
                        *const label = json_object_get(method, "label");
    const size_t n_queries = json_array_size(results->queries);

    if (!json_is_string(json_object_get(method, "method")) || (label != NULL && !json_is_string(label)))
        return cir__fail(err, CIR_FORMAT, "%s: method %zu has no name; write the file again", results->name,
                         i);
    if (json_array_size(AP) != n_queries)
        return cir__fail(err, CIR_FORMAT,
                         "%s: %s has an AP for %zu queries, there are %zu; write the file again",
                         results->name, cir_results_get_method(results, i), json_array_size(AP), n_queries);
    for (size_t q = 0; q < n_queries; q++) {
        const json_t *const value = json_array_get(AP, q);
        const double number = json_number_value(value);
        if (!json_is_number(value) || !(number >= 0 && number <= 1))
            return cir__fail(err, CIR_FORMAT,
                             "%s: %s: the AP of query %zu is not a number from 0 to 1; write the file again",
                             results->name, cir_results_get_method(results, i), q);
    }
    return CIR_OK;
}

static cir_status check(cir_results *results, cir_error *err)
{
    cir_status status;

    results->methods = json_object_get(results->document, "methods");
    results->queries = json_object_get(results->document, "queries");
    results->protocol = json_object_get(results->document, "protocol");
    if (results->protocol != NULL && !json_is_object(results->protocol))
        return fail_format(results, "\"protocol\" is not an object", err);
    if (json_array_size(results->methods) == 0)
        return fail_format(results, "holds no methods' results", err);
    if ((status = check_queries(results, err)) != CIR_OK)
        return status;
    for (size_t i = 0; i < json_array_size(results->methods); i++)
        if ((status = check_method(results, i, err)) != CIR_OK)
            return status;
    return CIR_OK;
}

cir_status cir__results_parse(cir__bytes_view bytes, cir_results **results_out, cir_error *err)
{
    cir_results *results = cir__new(1, sizeof *results);
    cir_status status;

    *results_out = NULL;
    if (results == NULL || (results->name = cir__copy_text(bytes.name)) == NULL)
        status = cir__fail_memory(err, bytes.name);
    else if ((status = cir__json_parse(bytes, MAX_BYTES, &results->document, err)) == CIR_OK)
        status = check(results, err);
    if (status == CIR_OK)
        *results_out = results;
    else
        cir_results_close(results);
    return status;
}

cir_status cir_results_open(const char *path, cir_results **results_out, cir_error *err)
{
    cir__mapping mapping = {0};

    cir__error_clear(err);
    *results_out = NULL;
    cir_status status = cir__mapping_open(path, &mapping, err);
    if (status == CIR_OK)
        status = cir__results_parse((cir__bytes_view){mapping.data, mapping.size, path}, results_out, err);
    cir__mapping_close(&mapping);
    return status;
}

void cir_results_close(cir_results *results)
{
    if (results == NULL)
        return;
    json_decref(results->document);
    free(results->name);
    free(results);
}

size_t cir_results_get_n_methods(const cir_results *results)
{
    return json_array_size(results->methods);
}

const char *cir_results_get_method(const cir_results *results, size_t i)
{
    const json_t *const method = json_array_get(results->methods, i),
                        *label = json_object_get(method, "label");
    return json_string_value(label != NULL ? label : json_object_get(method, "method"));
}

bool cir_results_find(const cir_results *results, const char *method, size_t *i_out)
{
    for (*i_out = 0; *i_out < cir_results_get_n_methods(results); (*i_out)++)
        if (strcmp(cir_results_get_method(results, *i_out), method) == 0)
            return true;
    *i_out = 0;
    return false;
}

/* Results as tables for other programs: CSV by RFC 4180, one row a query or an instance. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "eval/data/csv_field.h"
#include "eval/data/dataset.h"
#include "shared/destination.h"

void cir__csv_field_put(FILE *file, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

static void put_queries(FILE *file, const cir_dataset *dataset, const cir_eval_result *result)
{
    fputs("path,text,instance,AP", file);
    for (size_t k = 0; k < CIR_N_RECALLS; k++)
        fprintf(file, ",R@%zu", cir_recall_at(k));
    for (size_t k = 0; k < CIR_N_RECALLS; k++)
        fprintf(file, ",P@%zu", cir_recall_at(k));
    fprintf(file, ",n_relevant,n_gallery%s\r\n", result->n_tied > 0 ? ",AP_low,AP_high" : "");
    for (size_t q = 0; q < result->n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        cir__csv_field_put(file, query.path);
        fputc(',', file);
        cir__csv_field_put(file, query.text);
        fputc(',', file);
        cir__csv_field_put(file, query.instance);
        fprintf(file, ",%.10g", result->AP[q]);
        for (size_t k = 0; k < CIR_N_RECALLS; k++)
            fprintf(file, ",%.10g", result->query_recalls[q * CIR_N_RECALLS + k]);
        for (size_t k = 0; k < CIR_N_RECALLS; k++)
            fprintf(file, ",%.10g", result->query_precisions[q * CIR_N_RECALLS + k]);
        fprintf(file, ",%zu,%zu", result->n_relevant[q], query.n_database);
        if (result->n_tied > 0)
            fprintf(file, ",%.10g,%.10g", result->AP_low[q], result->AP_high[q]);
        fputs("\r\n", file);
    }
}

/* One instance's queries. */
typedef struct instance_sum {
    const char *name;
    size_t n, n_database;
    double sums[3], smallest[3]; /* of AP, and of AP by the worst and the best order of equal scores */
} instance_sum;

static size_t count_instances(const cir_dataset *dataset)
{
    size_t n = 0;
    for (size_t q = 0; q < dataset->info.n_queries; q++) {
        const size_t number = cir_dataset_get_query(dataset, q).instance_number;
        n = number >= n ? number + 1 : n;
    }
    return n;
}

static void put_instances(FILE *file, const cir_dataset *dataset, const cir_eval_result *result,
                          instance_sum *sums, size_t n_instances)
{
    for (size_t q = 0; q < result->n_queries; q++) {
        const cir_query_view query = cir_dataset_get_query(dataset, q);
        instance_sum *const sum = &sums[query.instance_number];
        sum->name = query.instance;
        sum->n_database = query.n_database;
        for (size_t i = 0; i < 3; i++) {
            const double AP = i == 0 ? result->AP[q] : i == 1 ? result->AP_low[q] : result->AP_high[q];
            sum->smallest[i] = sum->n == 0 ? AP : fmin(sum->smallest[i], AP);
            sum->sums[i] += AP;
        }
        sum->n++;
    }
    fprintf(file, "instance,n_queries,mean_AP,smallest_AP,n_gallery%s\r\n",
            result->n_tied > 0 ? ",mean_AP_low,mean_AP_high,smallest_AP_low,smallest_AP_high" : "");
    for (size_t i = 0; i < n_instances; i++) {
        if (sums[i].n == 0)
            continue;
        cir__csv_field_put(file, sums[i].name);
        const double n = (double)sums[i].n, *const means = sums[i].sums, *const smallest = sums[i].smallest;
        fprintf(file, ",%zu,%.10g,%.10g,%zu", sums[i].n, means[0] / n, smallest[0], sums[i].n_database);
        if (result->n_tied > 0)
            fprintf(file, ",%.10g,%.10g,%.10g,%.10g", means[1] / n, means[2] / n, smallest[1], smallest[2]);
        fputs("\r\n", file);
    }
}

/* One table into folder/NAME.KIND.csv; sums NULL: that of queries. */
static cir_status write_table(const cir_dataset *dataset, const cir_eval_result *result, const char *folder,
                              const char *name, instance_sum *sums, size_t n_instances, cir_error *err)
{
    char *text = NULL, *path = NULL, *file_name = NULL;
    size_t size = 0;
    cir_status status;

    if (asprintf(&file_name, "%s.%s.csv", name, sums == NULL ? "queries" : "instances") < 0)
        file_name = NULL;
    path = file_name == NULL ? NULL : cir__path_join(folder, file_name);
    FILE *file = path == NULL ? NULL : open_memstream(&text, &size);
    if (file == NULL) {
        status = cir__fail_memory(err, "a table");
        goto exit;
    }
    if (sums == NULL)
        put_queries(file, dataset, result);
    else
        put_instances(file, dataset, result, sums, n_instances);
    const bool is_whole = !ferror(file);
    status = fclose(file) == 0 && is_whole ? cir__destination_write_bytes(path, "the table", text, size, err)
                                           : cir__fail_memory(err, path);
exit:
    free(text);
    free(path);
    free(file_name);
    return status;
}

cir_status cir_eval_write_csv(const cir_dataset *dataset, const cir_eval_result *result, const char *folder,
                              const char *name, cir_error *err)
{
    cir_status status;

    cir__error_clear(err);
    if (*name == '\0' || strchr(name, '/') != NULL)
        return cir__fail(err, CIR_ARGUMENT, "\"%s\": is not a name of a file; give one without a slash",
                         name);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return cir__fail_errno(err, errno, "%s: cannot be created", folder);
    const size_t n_instances = count_instances(dataset);
    instance_sum *sums = cir__new(n_instances, sizeof *sums);
    if (sums == NULL)
        return cir__fail_memory(err, "a table");
    if ((status = write_table(dataset, result, folder, name, NULL, 0, err)) == CIR_OK)
        status = write_table(dataset, result, folder, name, sums, n_instances, err);
    free(sums);
    return status;
}

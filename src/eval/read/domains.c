#include "eval/read/domains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/csv.h"

#define MAX_DOMAINS 6

/* What doc/method.md says of one benchmark. */
typedef struct benchmark {
    const char *name;
    size_t n_domains;
    const char *listed[MAX_DOMAINS]; /* as the lists have it */
    const char *texts[MAX_DOMAINS];  /* as the query says it */
    bool has_one_list;               /* the queries are the database itself */
} benchmark;

static const benchmark benchmarks[] = {
    {"imagenet_r",
     5,
     {"real", "cartoon", "origami", "toy", "sculpture"},
     {"photo", "cartoon", "origami", "toy", "sculpture"},
     true},
    {"nico",
     6,
     {"autumn", "dim", "grass", "outdoor", "rock", "water"},
     {"autumn", "dimlight", "grass", "outdoor", "rock", "water"},
     false},
    {"minidn",
     4,
     {"clipart", "painting", "real", "sketch"},
     {"clipart", "painting", "photo", "sketch"},
     false},
    {"ltll", 2, {"New", "Old"}, {"Today", "Archive"}, true},
};

/* A row of a list. */
typedef struct entry {
    size_t path;
    size_t class;
    size_t domain;
} entry;

typedef struct entry_list {
    entry *entries;
    size_t n;
    size_t capacity;
} entry_list;

/* A benchmark being read. */
typedef struct reader {
    const benchmark *set;
    cir_dataset *dataset;
    cir_error *err;
} reader;

static cir_status benchmark_find(const char *name, const benchmark **set_out, cir_error *err)
{
    for (size_t i = 0; i < sizeof benchmarks / sizeof benchmarks[0]; i++)
        if (strcmp(benchmarks[i].name, name) == 0) {
            *set_out = &benchmarks[i];
            return CIR_OK;
        }
    return cir__fail(err, CIR_ARGUMENT,
                     "%s: no such benchmark; give imagenet_r, nico, minidn, ltll, cirr, circo or fashioniq",
                     name);
}

static cir_status domain_find(const reader *from, const char *name, const char *path, size_t line,
                              size_t *domain_out)
{
    const benchmark *const set = from->set;
    char known[128] = "";

    for (size_t d = 0; d < set->n_domains; d++) {
        if (strcmp(set->listed[d], name) == 0) {
            *domain_out = d;
            return CIR_OK;
        }
        const size_t end = strlen(known);
        snprintf(known + end, sizeof known - end, "%s%s", d > 0 ? ", " : "", set->listed[d]);
    }
    return cir__fail(from->err, CIR_FORMAT,
                     "%s: line %zu has the domain %.64s, which %s lacks; write one of %s", path, line, name,
                     set->name, known);
}

/* ImageNet-R as its list of targets has it: the thousands of a number are the domain, and the rest is the
 * class. FREEDOM takes everything from 4000 on as real. */
static cir_status number_split(const reader *from, const char *text, const char *path, size_t line,
                               const char **domain_out, char class_out[32])
{
    static const char *const by_thousands[] = {"cartoon", "origami", "toy", "sculpture"};
    char *end = NULL;

    errno = 0;
    const unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
        return cir__fail(from->err, CIR_FORMAT,
                         "%s: line %zu has %.64s behind the path, not the number of domain and class", path,
                         line, text);
    *domain_out = number < 4000 ? by_thousands[number / 1000] : "real";
    snprintf(class_out, 32, "%lu", number % 1000);
    return CIR_OK;
}

static cir_status entry_push(reader *from, const cir__csv *csv, const char *path, bool has_numbers,
                             entry_list *list)
{
    const size_t n_wanted = has_numbers ? 2 : 3;
    size_t n_fields = csv->n_fields;
    const char *domain = "", *class = "";
    char class_number[32];
    entry row;
    cir_status status;

    while (n_fields > 1 && csv->fields[n_fields - 1].size_bytes == 0)
        n_fields--; /* published lines end with a space */
    if (n_fields != n_wanted)
        return cir__fail(from->err, CIR_FORMAT,
                         "%s: line %zu has %zu fields, not the %zu of \"path %s\"; put one space between two",
                         path, csv->line, n_fields, n_wanted, has_numbers ? "number" : "domain class");
    for (size_t f = 0; f < n_fields; f++)
        if (csv->fields[f].size_bytes == 0)
            return cir__fail(from->err, CIR_FORMAT,
                             "%s: line %zu has an empty field; put one space between two fields, and none "
                             "before the first",
                             path, csv->line);
    if (has_numbers) {
        status = number_split(from, csv->fields[1].text, path, csv->line, &domain, class_number);
        if (status != CIR_OK)
            return status;
        class = class_number;
    } else {
        domain = csv->fields[1].text;
        class = csv->fields[2].text;
    }
    void *entries = list->entries;
    const bool has_room = cir__grow(&entries, &list->capacity, list->n + 1, sizeof *list->entries);
    list->entries = entries;
    if (!has_room)
        return cir__fail_memory(from->err, path);
    if ((status = domain_find(from, domain, path, csv->line, &row.domain)) != CIR_OK ||
        (status = cir__intern_put(&from->dataset->classes, class, &row.class, from->err)) != CIR_OK ||
        (status = cir__intern_put(&from->dataset->paths, csv->fields[0].text, &row.path, from->err)) !=
            CIR_OK)
        return status;
    list->entries[list->n++] = row;
    return CIR_OK;
}

/* list_out->entries is to be freed whatever comes back. */
static cir_status list_read(reader *from, const char *path, bool has_numbers, entry_list *list_out)
{
    cir__mapping mapping = {0};
    cir__csv csv = {0};
    bool has_row = true;

    cir_status status = cir__mapping_open(path, &mapping, from->err);
    if (status != CIR_OK)
        return status;
    cir__csv_init(&csv, (cir__bytes_view){mapping.data, mapping.size, path}, ' ');
    while ((status = cir__csv_read_row(&csv, &has_row, from->err)) == CIR_OK && has_row)
        if ((status = entry_push(from, &csv, path, has_numbers, list_out)) != CIR_OK)
            break;
    if (status == CIR_OK && list_out->n == 0)
        status = cir__fail(from->err, CIR_FORMAT,
                           "%s: holds no rows; write \"path domain class\", one row a line", path);
    cir__csv_done(&csv);
    cir__mapping_close(&mapping);
    return status;
}

static cir_status file_read(reader *from, const char *folder, const char *name, entry_list *list_out)
{
    const bool has_numbers = strcmp(name, "imgnet_targets.txt") == 0;
    char *path = cir__path_join(folder, name);
    if (path == NULL)
        return cir__fail_memory(from->err, name);
    const cir_status status = list_read(from, path, has_numbers, list_out);
    free(path);
    return status;
}

/* The one list: full_files.csv. ImageNet-R is published without it, as a list of targets that it is made
 * of. */
static const char *full_list(const benchmark *set, const char *folder)
{
    const char *name = "full_files.csv";
    char *path = cir__path_join(folder, name);

    if (strcmp(set->name, "imagenet_r") == 0 && path != NULL && access(path, F_OK) != 0 && errno == ENOENT) {
        char *targets = cir__path_join(folder, "imgnet_targets.txt");
        if (targets != NULL && access(targets, F_OK) == 0)
            name = "imgnet_targets.txt";
        free(targets);
    }
    free(path);
    return name;
}

static cir_status database_fill(reader *from, const entry_list *database)
{
    cir_dataset *const dataset = from->dataset;
    const size_t n = database->n, n_domains = from->set->n_domains;

    dataset->info.n_database = n;
    dataset->items = cir__new(n, sizeof *dataset->items);
    dataset->item_rows = cir__new(n, sizeof *dataset->item_rows);
    dataset->instance_begin = cir__new(2, sizeof *dataset->instance_begin);
    if (dataset->items == NULL || dataset->item_rows == NULL || dataset->instance_begin == NULL)
        return cir__fail_memory(from->err, "a data set");
    dataset->instance_begin[1] = n;
    for (size_t r = 0; r < n; r++) {
        const entry *const row = &database->entries[r];
        dataset->items[r] = (cir__item){
            .path = row->path, .text = row->domain, .label = row->class * n_domains + row->domain};
        dataset->item_rows[r] = r;
    }
    return CIR_OK;
}

static cir_status queries_fill(reader *from, const entry_list *images)
{
    cir_dataset *const dataset = from->dataset;
    const size_t n = images->n, n_domains = from->set->n_domains;
    size_t n_queries, q = 0;

    if (!cir__size_mul(n, n_domains - 1, &n_queries))
        return cir__fail_memory(from->err, "a data set");
    dataset->info.n_queries = n_queries;
    dataset->n_image_rows = n;
    dataset->n_text_rows = dataset->n_domains = n_domains;
    dataset->queries = cir__new(n_queries, sizeof *dataset->queries);
    dataset->image_rows = cir__new(n_queries, sizeof *dataset->image_rows);
    dataset->text_rows = cir__new(n_queries, sizeof *dataset->text_rows);
    dataset->image_domains = cir__new(n, sizeof *dataset->image_domains);
    if (dataset->queries == NULL || dataset->image_rows == NULL || dataset->text_rows == NULL ||
        dataset->image_domains == NULL)
        return cir__fail_memory(from->err, "a data set");
    for (size_t i = 0; i < n; i++) {
        const entry *const image = &images->entries[i];
        dataset->image_domains[i] = image->domain;
        for (size_t target = 0; target < n_domains; target++) {
            if (target == image->domain)
                continue;
            dataset->queries[q] =
                (cir__item){.path = image->path, .text = target, .label = image->class * n_domains + target};
            dataset->image_rows[q] = i;
            dataset->text_rows[q++] = target;
        }
    }
    return CIR_OK;
}

/* The names that everything has: texts are the domains', in the benchmark's order. */
static cir_status names_fill(reader *from, const char *folder)
{
    cir_dataset *const dataset = from->dataset;
    size_t number;
    cir_status status = CIR_OK;

    for (size_t d = 0; d < from->set->n_domains && status == CIR_OK; d++)
        status = cir__intern_put(&dataset->texts, from->set->texts[d], &number, from->err);
    if (status == CIR_OK)
        status = cir__intern_put(&dataset->instances, from->set->name, &number, from->err);
    if (status != CIR_OK)
        return status;
    dataset->n_query_texts = dataset->texts.n;
    dataset->info.n_instances = 1;
    dataset->info.n_domains = from->set->n_domains;
    dataset->info.domains = from->set->texts;
    return cir__dataset_set_name(dataset, folder, from->err);
}

cir_status cir__domains_read(cir_dataset *dataset, const char *folder, const char *benchmark_name,
                             cir_error *err)
{
    reader from = {.dataset = dataset, .err = err};
    entry_list images = {0}, database = {0};

    cir_status status = benchmark_find(benchmark_name, &from.set, err);
    if (status != CIR_OK || (status = names_fill(&from, folder)) != CIR_OK)
        goto exit;
    const bool has_one_list = from.set->has_one_list;
    dataset->text_list = "the list of domains";
    dataset->query_list = has_one_list ? full_list(from.set, folder) : "query_files.csv";
    dataset->database_list = has_one_list ? dataset->query_list : "database_files.csv";
    status = file_read(&from, folder, dataset->query_list, &images);
    if (status == CIR_OK && !has_one_list)
        status = file_read(&from, folder, "database_files.csv", &database);
    if (status != CIR_OK || (status = queries_fill(&from, &images)) != CIR_OK)
        goto exit;
    dataset->shares_images = has_one_list;
    status = database_fill(&from, has_one_list ? &images : &database);
exit:
    free(images.entries);
    free(database.entries);
    return status;
}

void cir__domains_average(const cir_dataset *dataset, const double *AP, double *pairs, double *sources,
                          double *average_out)
{
    const size_t n = dataset->n_domains;
    size_t counts[MAX_DOMAINS] = {0};

    for (size_t i = 0; i < dataset->n_image_rows; i++)
        counts[dataset->image_domains[i]]++;
    memset(pairs, 0, n * n * sizeof *pairs);
    for (size_t q = 0; q < dataset->info.n_queries; q++)
        pairs[dataset->image_domains[dataset->image_rows[q]] * n + dataset->text_rows[q]] += AP[q];
    *average_out = 0.0;
    for (size_t s = 0; s < n; s++) {
        sources[s] = 0.0;
        for (size_t t = 0; t < n; t++) {
            if (counts[s] > 0)
                pairs[s * n + t] *= 100.0 / (double)counts[s];
            sources[s] += pairs[s * n + t] / (double)(n - 1);
        }
        *average_out += sources[s] / (double)n;
    }
}

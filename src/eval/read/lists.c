#include "eval/read/lists.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "eval/data/remarks.h"
#include "eval/read/circo.h"
#include "eval/read/cirr.h"
#include "eval/read/domains.h"
#include "eval/read/fashioniq.h"
#include "eval/read/shards.h"

static cir_status triplets_read(cir_dataset *dataset, const char *folder,
                                const cir_dataset_triplets_options *options, cir_error *err)
{
    const char *const split = options->split == NULL ? "val" : options->split;
    size_t no_text;
    cir_status status;

    if (strcmp(split, "val") != 0 && strcmp(split, "test") != 0)
        return cir__fail(err, CIR_ARGUMENT, "%s: no such split; give \"val\" or \"test\"", split);
    dataset->info.has_answers = strcmp(split, "val") == 0;
    dataset->info.split = dataset->info.has_answers ? "val" : "test";
    if (strcmp(options->benchmark, cir__fashioniq.name) == 0)
        status = cir__fashioniq_read(dataset, folder, options->ranks_used_images, err);
    else if (options->ranks_used_images)
        return cir__fail(err, CIR_ARGUMENT, "%s: only fashioniq is ranked among used images alone",
                         options->benchmark);
    else if (strcmp(options->benchmark, cir__cirr.name) == 0)
        status = cir__cirr_read(dataset, folder, err);
    else if (strcmp(options->benchmark, cir__circo.name) == 0)
        status = cir__circo_read(dataset, folder, err);
    else
        return cir__fail(err, CIR_ARGUMENT, "%s: no such benchmark; give one of cirr, circo and fashioniq",
                         options->benchmark);
    if (status != CIR_OK)
        return status;
    dataset->info.benchmark = dataset->triplets->set->name;
    dataset->n_query_texts = dataset->texts.n;
    if ((status = cir__intern_put(&dataset->texts, "", &no_text, err)) != CIR_OK)
        return status;
    for (size_t i = 0; i < dataset->info.n_database; i++)
        dataset->items[i].text = no_text; /* rows have none of their own */
    return cir__dataset_set_name(dataset, folder, err);
}

/* i-CIR's lists, or its shards where the former are not there. */
static cir_status instances_read(cir_dataset *dataset, const char *folder, const cir__lists *lists,
                                 cir_error *err)
{
    char *const list = cir__path_join(folder, lists->queries_file);
    char *shards = NULL;
    cir_status status;

    if (list == NULL)
        return cir__fail_memory(err, folder);
    if (lists->finds_shards && access(list, F_OK) != 0)
        shards = cir__shards_find(folder);
    free(list);
    if (shards == NULL)
        status = cir__dataset_read_lists(dataset, folder, lists->queries_file, lists->database_file, err);
    else
        status = cir__shards_read(dataset, shards, err);
    if (status == CIR_OK && shards != NULL)
        status = cir__dataset_set_name(dataset, folder, err);
    free(shards);
    return status == CIR_OK ? cir__remarks_make(dataset, err) : status;
}

cir_status cir__lists_read(cir_dataset *dataset, const char *folder, const cir__lists *lists, cir_error *err)
{
    if (lists->triplets != NULL)
        return triplets_read(dataset, folder, lists->triplets, err);
    dataset->info.has_answers = true;
    if (lists->domains != NULL)
        return cir__domains_read(dataset, folder, lists->domains, err);
    return instances_read(dataset, folder, lists, err);
}

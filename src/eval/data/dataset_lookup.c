/* What a query's answers are, for those who show them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "eval/data/dataset.h"

cir_answer_view cir_dataset_get_answer(const cir_dataset *dataset, size_t i_query, size_t row)
{
    const cir__item *const query = &dataset->queries[i_query];
    size_t low = dataset->instance_begin[query->instance],
           high = dataset->instance_begin[query->instance + 1];

    while (high - low > 1) { /* a gallery's rows ascend */
        const size_t middle = low + (high - low) / 2;
        if (dataset->item_rows[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    const cir__item *const item = &dataset->items[low];
    return (cir_answer_view){.path = dataset->paths.names[item->path],
                             .text = dataset->texts.names[item->text],
                             .is_relevant = cir__dataset_is_relevant(dataset, i_query, low)};
}

/* The folder may have been renamed since the list was written, so its name at the front counts for nothing;
 * where that leads nowhere, the path is taken as relative to the folder. */
static char *picture_path(const char *folder, const char *listed)
{
    const char *const slash = strchr(listed, '/');
    char *const path = slash != NULL ? cir__path_join(folder, slash + 1) : NULL;

    if (path != NULL && access(path, F_OK) == 0)
        return path;
    char *const whole = cir__path_join(folder, listed);
    if (whole == NULL || path == NULL || access(whole, F_OK) == 0) {
        free(path);
        return whole;
    }
    free(whole);
    return path;
}

/* The same of a data set that says where its pictures may lie: the first place where it is, or the first at
 * all. */
static char *picture_path_in(const char *folder, const char *const *places, const char *listed)
{
    char *first = NULL;

    for (; *places != NULL; places++) {
        char *const place = cir__path_join(folder, *places);
        char *const path = place != NULL ? cir__path_join(place, listed) : NULL;
        free(place);
        if (path == NULL || access(path, F_OK) == 0) {
            free(first);
            return path;
        }
        if (first == NULL)
            first = path;
        else
            free(path);
    }
    return first;
}

char *cir_dataset_find_picture(const cir_dataset *dataset, const char *folder, const char *listed)
{
    return dataset->picture_folders != NULL ? picture_path_in(folder, dataset->picture_folders, listed)
                                            : picture_path(folder, listed);
}

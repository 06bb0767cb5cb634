#include "cli/common/thumbnails.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "shared/photo_thumbnail.h"

typedef struct work {
    const cir__thumbnail_photo *photos;
    size_t n;
    size_t max_width_px, max_height_px;
    cir__thumbnail_take *take;
    void *context;
    atomic_size_t next;
} work;

static cir_status read_photo(const work *all, size_t i, cir_image *image_out, cir_image_facts *facts_out,
                             cir_error *err)
{
    const cir__thumbnail_photo *photo = &all->photos[i];
    if (photo->record == NULL || photo->index == NULL)
        return cir_image_read_thumbnail(photo->path, all->max_width_px, all->max_height_px, NULL, image_out,
                                        facts_out, err);
    return cir__photo_thumbnail_read(photo->index, photo->record, all->max_width_px, all->max_height_px, NULL,
                                     image_out, facts_out, err);
}

static void make_one(const work *all, size_t i)
{
    cir_error err;
    cir_image image = {0};
    cir__thumbnail thumbnail = {0};
    cir_image_facts facts;
    if (read_photo(all, i, &image, &facts, &err) == CIR_OK) {
        thumbnail.image = &image;
        thumbnail.photo_width_px = facts.width_px;
        thumbnail.photo_height_px = facts.height_px;
    } else {
        thumbnail.reason = err.message;
    }
    all->take(all->context, i, &thumbnail);
    cir_image_done(&image);
}

static void *run(void *context)
{
    work *all = context;
    for (size_t i; (i = atomic_fetch_add(&all->next, 1)) < all->n;)
        make_one(all, i);
    return NULL;
}

void cir__thumbnails_make(const cir__thumbnail_photo *photos, size_t n, size_t max_width_px,
                          size_t max_height_px, const cir_pool *pool, cir__thumbnail_take *take,
                          void *context)
{
    work all = {.photos = photos,
                .n = n,
                .max_width_px = max_width_px,
                .max_height_px = max_height_px,
                .take = take,
                .context = context};
    enum { MAX_HELPERS = 63 };
    pthread_t helpers[MAX_HELPERS];
    size_t n_helpers = 0;
    size_t n_threads = cir_pool_get_n_threads(pool);
    while (n_helpers + 1 < n_threads && n_helpers + 1 < n && n_helpers < MAX_HELPERS &&
           pthread_create(&helpers[n_helpers], NULL, run, &all) == 0)
        n_helpers++;
    run(&all);
    for (size_t i = 0; i < n_helpers; i++)
        pthread_join(helpers[i], NULL);
}

#include "server/cameras.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

enum { MAX_CAMERAS = 10000 };

struct cir__cameras {
    pthread_mutex_t lock;
    cir__pictures *pictures;
    GPtrArray *names; /* by number − 1 */
    GHashTable *numbers;
};

cir__cameras *cir__cameras_new(cir__pictures *pictures)
{
    cir__cameras *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    self->pictures = pictures;
    self->names = g_ptr_array_new();
    self->numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return self;
}

void cir__cameras_free(cir__cameras *self)
{
    if (self == NULL)
        return;
    g_hash_table_destroy(self->numbers);
    g_ptr_array_free(self->names, TRUE);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* The number of a name, a new one where it has none; 0 where there are too many. */
static uint16_t number_of(cir__cameras *self, const char *name)
{
    if (name[0] == '\0')
        return 0;
    pthread_mutex_lock(&self->lock);
    unsigned number = GPOINTER_TO_UINT(g_hash_table_lookup(self->numbers, name));
    if (number == 0 && self->names->len < MAX_CAMERAS) {
        char *copy = g_strdup(name);
        g_ptr_array_add(self->names, copy);
        number = self->names->len;
        g_hash_table_insert(self->numbers, copy, GUINT_TO_POINTER(number));
    }
    pthread_mutex_unlock(&self->lock);
    return (uint16_t)number;
}

uint16_t cir__cameras_look(cir__cameras *self, cir_decoder *decoder, const cir_index *index,
                           const cir_image_record *record)
{
    char name[CIR__CAMERA_SIZE];
    if (cir__pictures_find_camera(self->pictures, record->id, record->modified_ns, name))
        return number_of(self, name);
    const cir_image_options options = {.decoder = decoder};
    cir_image_facts facts;
    /* A file that cannot be read has no camera, until it changes; one that may not be shown is not looked at.
     */
    int fd;
    if (cir_index_open_photo(index, record, &fd, NULL) != CIR_OK)
        return 0;
    (void)close(fd);
    if (cir_image_read_facts(record->path, &options, &facts, NULL) != CIR_OK)
        facts.camera[0] = '\0';
    cir__pictures_put_camera(self->pictures, record->id, record->modified_ns, facts.camera);
    return number_of(self, facts.camera);
}

void cir__cameras_save(cir__cameras *self)
{
    cir__pictures_commit(self->pictures);
}

const char *cir__cameras_name(cir__cameras *self, uint16_t number)
{
    pthread_mutex_lock(&self->lock);
    const char *name = number > 0 && number <= self->names->len ? self->names->pdata[number - 1] : NULL;
    pthread_mutex_unlock(&self->lock);
    return name;
}

uint16_t cir__cameras_number(cir__cameras *self, const char *name)
{
    if (name == NULL)
        return 0;
    pthread_mutex_lock(&self->lock);
    unsigned number = GPOINTER_TO_UINT(g_hash_table_lookup(self->numbers, name));
    pthread_mutex_unlock(&self->lock);
    return (uint16_t)number;
}

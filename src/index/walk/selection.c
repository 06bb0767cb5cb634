#include "index/walk/selection.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "index/store/place.h"

/* Made by network drives and systems: small copies of photos, and what was thrown away. */
static const char *const system_names[] = {
    "@eaDir",    "@Recycle",     "@Recently-Snapshot",        "@tmp",      "#recycle",
    "#snapshot", "$RECYCLE.BIN", "System Volume Information", "lost+found"};

static bool is_hidden(const char *name)
{
    if (name[0] == '.')
        return true;
    for (size_t i = 0; i < sizeof system_names / sizeof system_names[0]; i++)
        if (strcmp(name, system_names[i]) == 0)
            return true;
    return false;
}

static bool matches(const char *pattern, const char *root, const char *path, const char *name)
{
    if (strchr(pattern, '/') == NULL)
        return fnmatch(pattern, name, 0) == 0;
    if (pattern[0] == '/')
        return fnmatch(pattern, path, FNM_PATHNAME) == 0;
    const char *below = path + strlen(root);
    return fnmatch(pattern, below + (*below == '/'), FNM_PATHNAME) == 0;
}

cir__verdict cir__selection_judge(const cir__selection *self, const char *root, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; i < self->n_forgotten; i++)
        if (strcmp(self->forgotten[i], path) == 0)
            return CIR__EXCLUDED;
    for (size_t i = 0; i < self->n_patterns; i++)
        if (matches(self->patterns[i], root, path, name))
            return CIR__EXCLUDED;
    return !self->takes_hidden && is_hidden(name) ? CIR__HIDDEN : CIR__TAKEN;
}

bool cir__selection_is_mark(const char *name)
{
    return strcmp(name, ".nomedia") == 0;
}

bool cir__selection_is_inside(const cir__selection *self, const char *link)
{
    char *real = realpath(link, NULL);
    bool is_inside = real == NULL;
    for (size_t i = 0; !is_inside && i < self->n_inside; i++)
        is_inside = cir__place_is_below(real, self->inside[i]);
    free(real);
    return is_inside;
}

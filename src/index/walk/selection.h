/* What an update leaves out of the folders it walks unless it is asked for: hidden things and what programs
 * put beside photos, patterns and paths that the user named, links that lead elsewhere. */
#ifndef CIR_INDEX_SELECTION_H
#define CIR_INDEX_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

typedef enum cir__verdict {
    CIR__TAKEN,
    CIR__HIDDEN,   /* ".x", "._x.jpg", "@eaDir", trash, a folder that holds ".nomedia" */
    CIR__EXCLUDED, /* by a pattern, or forgotten */
    CIR__OUTSIDE,  /* a link to what lies below none of the folders */
    CIR__N_VERDICTS
} cir__verdict;

/* Zeroed: only what is hidden is left out. All strings are lent. */
typedef struct cir__selection {
    bool takes_hidden;
    const char *const
        *patterns; /* [n_patterns]: of names, or of paths below the root where they hold a slash */
    size_t n_patterns;
    const char *const *forgotten; /* [n_forgotten] absolute paths */
    size_t n_forgotten;
    const char *const *inside; /* [n_inside] canonical folders and files that links may lead to */
    size_t n_inside;
} cir__selection;

/* Whether something met in a folder below root is taken; path ends with its name. root itself always is:
 * naming it was asking for it. */
cir__verdict cir__selection_judge(const cir__selection *self, const char *root, const char *path);

/* Whether a file's name is one that means "no photos here" to other programs. */
bool cir__selection_is_mark(const char *name);

/* Whether a link leads to what may be taken; one that leads nowhere does not count as leading outside. */
bool cir__selection_is_inside(const cir__selection *self, const char *link);

#endif

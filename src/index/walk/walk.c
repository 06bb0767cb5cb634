/* No recursion: folders to come lie on a stack, so that neither depth nor width of a tree matters, and one
 * folder at a time is open. */
#include "index/walk/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/media.h"

/* A folder to be listed, or a link to one. */
typedef struct pending {
    char *path;
    const char *root;
    unsigned readers; /* of what holds it */
    bool is_root;
} pending;

typedef struct path_list {
    pending *items;
    size_t n;
    size_t capacity;
} path_list;

/* Folders that were listed: open addressing, a power of two slots, inode 0 means free. */
typedef struct folder_set {
    struct {
        dev_t device;
        ino_t inode;
    } * slots;
    size_t n_slots;
    size_t n_used;
} folder_set;

typedef struct name {
    char *text;
    unsigned char kind; /* d_type */
} name;

typedef struct root {
    const char *path;
    size_t i;
} root;

typedef struct walk {
    const cir__walk_options *options;
    cir__walk_counts *counts;
    cir__walk_visit *visit;
    void *context;
    path_list stack; /* folders to list, the next one last */
    path_list links; /* links to folders: after all real folders */
    folder_set seen;
    struct root *files; /* the roots that are files, sorted: visited in their turn, not from their folder */
    size_t n_files;
    name *names; /* of the folder being listed */
    size_t n_names;
    size_t names_capacity;
    bool is_marked; /* that folder holds a mark against photos */
    bool is_stopped;
} walk;

static bool push(path_list *list, pending item)
{
    if (item.path == NULL ||
        !cir__grow((void **)&list->items, &list->capacity, list->n + 1, sizeof *list->items)) {
        free(item.path);
        return false;
    }
    list->items[list->n++] = item;
    return true;
}

static void free_list(path_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].path);
    free(list->items);
    *list = (path_list){0};
}

static size_t find_slot(const folder_set *set, dev_t device, ino_t inode)
{
    uint64_t mixed = ((uint64_t)inode ^ (uint64_t)device << 32) * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(mixed >> 20) & (set->n_slots - 1);
    while (set->slots[i].inode != 0 && (set->slots[i].inode != inode || set->slots[i].device != device))
        i = (i + 1) & (set->n_slots - 1);
    return i;
}

/* Puts a folder in; *is_new_out tells whether it was not there. false: memory. */
static bool put_folder(folder_set *set, dev_t device, ino_t inode, bool *is_new_out)
{
    if (2 * (set->n_used + 1) > set->n_slots) {
        folder_set wider = {.n_slots = set->n_slots > 0 ? 2 * set->n_slots : 64, .n_used = set->n_used};
        wider.slots = calloc(wider.n_slots, sizeof *wider.slots);
        if (wider.slots == NULL)
            return false;
        for (size_t i = 0; i < set->n_slots; i++)
            if (set->slots[i].inode != 0)
                wider.slots[find_slot(&wider, set->slots[i].device, set->slots[i].inode)] = set->slots[i];
        free(set->slots);
        *set = wider;
    }
    size_t i = find_slot(set, device, inode);
    *is_new_out = set->slots[i].inode == 0;
    set->n_used += *is_new_out ? 1 : 0;
    set->slots[i].device = device;
    set->slots[i].inode = inode;
    return true;
}

static bool is_index_name(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".cir") == 0;
}

static void visit(walk *w, const cir__walk_entry *entry)
{
    if (!w->is_stopped && !w->visit(w->context, entry))
        w->is_stopped = true;
}

static void visit_failure(walk *w, const char *path, int errno_value, bool is_folder)
{
    /* Gone since it was listed, or a link that leads nowhere: not there. */
    if (errno_value == ENOENT || (errno_value == ENOTDIR && is_folder))
        return;
    visit(w, &(cir__walk_entry){.path = path, .errno_value = errno_value, .is_folder = is_folder});
}

/* Of those who may pass what holds it, the ones whom the rights of a file or folder let in. */
static unsigned find_readers(gid_t group_id, unsigned readers, const struct stat *facts)
{
    const bool is_folder = S_ISDIR(facts->st_mode);
    const mode_t others = is_folder ? S_IROTH | S_IXOTH : S_IROTH;
    const mode_t group = is_folder ? S_IRGRP | S_IXGRP : S_IRGRP;
    unsigned let_in = 0;
    if ((facts->st_mode & others) == others)
        let_in = CIR__READABLE_BY_ALL;
    else if (facts->st_gid == group_id && (facts->st_mode & group) == group)
        let_in = CIR__READABLE_BY_GROUP;
    return readers & let_in;
}

/* The same of all folders above a path, which is canonical or a link. To pass through them is enough. */
static unsigned find_readers_above(const char *path, gid_t group)
{
    unsigned readers = CIR__READABLE_BY_ALL;
    char *above = realpath(path, NULL);
    for (char *slash = above != NULL ? strrchr(above, '/') : NULL; slash != NULL;
         slash = slash != above ? strrchr(above, '/') : NULL) {
        slash[slash == above ? 1 : 0] = '\0';
        struct stat facts;
        if (stat(above, &facts) != 0)
            continue;
        if ((facts.st_mode & S_IXOTH) == 0)
            readers &= facts.st_gid == group && (facts.st_mode & S_IXGRP) != 0
                           ? (unsigned)CIR__READABLE_BY_GROUP
                           : 0;
    }
    free(above);
    return readers;
}

unsigned cir__walk_find_readers(const char *path, gid_t group)
{
    struct stat facts;
    return stat(path, &facts) == 0 ? find_readers(group, find_readers_above(path, group), &facts)
                                   : (unsigned)CIR__READABLE_BY_ALL;
}

static void visit_file(walk *w, const char *path, const struct stat *facts, unsigned readers)
{
    visit(w, &(cir__walk_entry){
                 .path = path,
                 .size_bytes = (uint64_t)facts->st_size,
                 .modified_ns = (int64_t)facts->st_mtim.tv_sec * 1000000000 + (int64_t)facts->st_mtim.tv_nsec,
                 .inode = (uint64_t)facts->st_ino,
                 .changed_ns = (int64_t)facts->st_ctim.tv_sec * 1000000000 + (int64_t)facts->st_ctim.tv_nsec,
                 .readers =
                     w->options->selection != NULL ? find_readers(w->options->group, readers, facts) : 0});
}

/* ---- what is not visited ---- */

static void count_skipped(walk *w, const char *kind)
{
    cir__walk_counts *counts = w->counts;
    size_t i = 0;
    while (i < counts->n_kinds && strcmp(counts->skipped[i].kind, kind) != 0)
        i++;
    if (i == CIR_MAX_SKIPPED)
        i--; /* the last one stands for all that are left */
    if (i == counts->n_kinds)
        counts->n_kinds++;
    memcpy(counts->skipped[i].kind, i == CIR_MAX_SKIPPED - 1 ? "others" : kind,
           i == CIR_MAX_SKIPPED - 1 ? sizeof "others" : strlen(kind) + 1);
    counts->skipped[i].n++;
    counts->n_skipped++;
}

static int compare_skipped(const void *a, const void *b)
{
    const cir_skipped *left = a;
    const cir_skipped *right = b;
    return left->n != right->n ? (left->n < right->n ? 1 : -1) : strcmp(left->kind, right->kind);
}

void cir__walk_sort_skipped(cir_skipped *kinds, size_t n)
{
    if (n > 1)
        qsort(kinds, n, sizeof *kinds, compare_skipped);
}

/* Whether a regular file of a folder is to be visited. */
static bool is_picture(walk *w, int fd, const char *text)
{
    char kind[CIR__MEDIA_KIND_SIZE];
    cir__media media = cir__media_by_name(text, kind);
    /* What another system keeps beside a photo bears the photo's name. */
    if (w->options->selection != NULL && text[0] == '.' && text[1] == '_')
        media = CIR__MEDIA_UNKNOWN;
    if (w->options->selection == NULL)
        return media == CIR__MEDIA_PICTURE;
    if (media == CIR__MEDIA_UNKNOWN) {
        uint8_t head[CIR__MEDIA_HEAD_SIZE];
        int file = openat(fd, text, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ssize_t n = file >= 0 ? pread(file, head, sizeof head, 0) : 0;
        if (file >= 0)
            close(file);
        media = cir__media_by_bytes(text, head, n > 0 ? (size_t)n : 0, kind);
    }
    if (media == CIR__MEDIA_SKIPPED)
        count_skipped(w, kind);
    return media == CIR__MEDIA_PICTURE;
}

/* Whether something in a folder is taken; what is not is counted where it may be missed. */
static bool is_taken(walk *w, const pending *folder, const char *path, const char *text, bool is_folder,
                     bool is_link)
{
    const cir__selection *selection = w->options->selection;
    char kind[CIR__MEDIA_KIND_SIZE];
    if (selection == NULL)
        return true;
    cir__verdict verdict = cir__selection_judge(selection, folder->root, path);
    if (verdict == CIR__TAKEN && is_link && !cir__selection_is_inside(selection, path))
        verdict = CIR__OUTSIDE;
    if (verdict != CIR__TAKEN &&
        (is_folder || (strncmp(text, "._", 2) != 0 && cir__media_by_name(text, kind) == CIR__MEDIA_PICTURE)))
        w->counts->left_out[verdict]++;
    return verdict == CIR__TAKEN;
}

static int compare_roots(const void *a, const void *b)
{
    const root *left = a;
    const root *right = b;
    int order = strcmp(left->path, right->path);
    return order != 0 ? order : (left->i > right->i) - (left->i < right->i);
}

static int compare_path(const void *path, const void *item)
{
    return strcmp(path, ((const root *)item)->path);
}

static bool is_root(const walk *w, const char *path)
{
    return w->n_files > 0 && bsearch(path, w->files, w->n_files, sizeof *w->files, compare_path) != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const name *)a)->text, ((const name *)b)->text);
}

/* Reads the names of a folder that may matter, sorted. Returns an errno value, ENOMEM included. */
static int read_names(walk *w, DIR *folder)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL)
            break;
        const char *text = entry->d_name;
        if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
            continue;
        char kind[CIR__MEDIA_KIND_SIZE];
        if (w->options->selection != NULL && cir__selection_is_mark(text))
            w->is_marked = true;
        if (entry->d_type == DT_REG && w->options->selection == NULL &&
            cir__media_by_name(text, kind) != CIR__MEDIA_PICTURE)
            continue;
        if (entry->d_type == DT_DIR && is_index_name(text))
            continue;
        if (!cir__grow((void **)&w->names, &w->names_capacity, w->n_names + 1, sizeof *w->names))
            return ENOMEM;
        char *copy = cir__copy_text(text);
        if (copy == NULL)
            return ENOMEM;
        w->names[w->n_names++] = (name){copy, entry->d_type};
    }
    if (errno != 0)
        return errno;
    if (w->n_names > 1)
        qsort(w->names, w->n_names, sizeof *w->names, compare_names);
    return 0;
}

static void free_names(walk *w)
{
    for (size_t i = 0; i < w->n_names; i++)
        free(w->names[i].text);
    w->n_names = 0;
    w->is_marked = false;
}

/* Looks at one name of a folder; folders among them go onto the lists. false: memory. */
static bool look_at(walk *w, int fd, const pending *folder, unsigned readers, const name *item,
                    path_list *subfolders)
{
    char *full = cir__path_join(folder->path, item->text);
    if (full == NULL)
        return false;
    pending below = {full, folder->root, readers, false};
    if (item->kind == DT_DIR) {
        if (is_taken(w, folder, full, item->text, true, false))
            return push(subfolders, below);
        free(full);
        return true;
    }
    struct stat facts;
    char kind[CIR__MEDIA_KIND_SIZE];
    bool is_link = item->kind == DT_LNK;
    bool is_fine = true;
    if (item->kind == DT_UNKNOWN && fstatat(fd, item->text, &facts, AT_SYMLINK_NOFOLLOW) == 0)
        is_link = S_ISLNK(facts.st_mode);
    if (fstatat(fd, item->text, &facts, 0) != 0) {
        if (cir__media_by_name(item->text, kind) == CIR__MEDIA_PICTURE &&
            is_taken(w, folder, full, item->text, false, false))
            visit_failure(w, full, errno, false);
    } else if (S_ISDIR(facts.st_mode)) {
        if (!is_index_name(item->text) && is_taken(w, folder, full, item->text, true, is_link)) {
            is_fine = push(is_link ? &w->links : subfolders, below);
            full = NULL;
        }
    } else if (S_ISREG(facts.st_mode) && !is_root(w, full) &&
               is_taken(w, folder, full, item->text, false, is_link) && is_picture(w, fd, item->text)) {
        visit_file(w, full, &facts, readers);
    }
    free(full);
    return is_fine;
}

/* false: memory. */
static bool list_folder(walk *w, const pending *item)
{
    const char *path = item->path;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        visit_failure(w, path, errno, true);
        return true;
    }
    struct stat facts;
    bool is_new = false;
    bool is_fine = true;
    DIR *folder = NULL;
    path_list subfolders = {0};
    if (fstat(fd, &facts) != 0) {
        visit_failure(w, path, errno, true);
        goto done;
    }
    is_fine = put_folder(&w->seen, facts.st_dev, facts.st_ino, &is_new);
    if (!is_fine || !is_new)
        goto done;
    folder = fdopendir(fd);
    int why = folder != NULL ? read_names(w, folder) : errno;
    if (why == ENOMEM)
        is_fine = false;
    else if (why != 0)
        visit_failure(w, path, why, true);
    if (w->is_marked && !item->is_root && !w->options->selection->takes_hidden) {
        w->counts->left_out[CIR__HIDDEN]++;
        goto done;
    }
    const unsigned readers = find_readers(w->options->group, item->readers, &facts);
    for (size_t i = 0; is_fine && !w->is_stopped && i < w->n_names; i++)
        is_fine = look_at(w, fd, item, readers, &w->names[i], &subfolders);
    while (is_fine && subfolders.n > 0)
        is_fine = push(&w->stack, subfolders.items[--subfolders.n]);
done:
    free_names(w);
    free_list(&subfolders);
    if (folder != NULL)
        closedir(folder);
    else
        close(fd);
    return is_fine;
}

static bool drain(walk *w)
{
    while (w->stack.n > 0 && !w->is_stopped) {
        pending item = w->stack.items[--w->stack.n];
        bool is_fine = list_folder(w, &item);
        free(item.path);
        if (!is_fine)
            return false;
    }
    return true;
}

/* Finds the roots that are files. is_file_out: [n_roots]; is_twin_out: [n_roots], set for files named before.
 * false: memory. */
static bool find_files(walk *w, const char *const *roots, size_t n_roots, bool *is_file_out,
                       bool *is_twin_out)
{
    w->files = cir__new(n_roots, sizeof *w->files);
    if (w->files == NULL)
        return false;
    for (size_t i = 0; i < n_roots; i++) {
        struct stat facts;
        is_file_out[i] = stat(roots[i], &facts) != 0 || !S_ISDIR(facts.st_mode);
        if (is_file_out[i])
            w->files[w->n_files++] = (root){roots[i], i};
    }
    qsort(w->files, w->n_files, sizeof *w->files, compare_roots);
    for (size_t k = 1; k < w->n_files; k++)
        is_twin_out[w->files[k].i] = strcmp(w->files[k].path, w->files[k - 1].path) == 0;
    return true;
}

static unsigned find_above(const walk *w, const char *path)
{
    return w->options->selection != NULL ? find_readers_above(path, w->options->group) : 0;
}

static void visit_root(walk *w, const char *path)
{
    struct stat facts;
    if (stat(path, &facts) == 0)
        visit_file(w, path, &facts, find_above(w, path));
    else
        visit_failure(w, path, errno, false);
}

cir_status cir__walk_run(const char *const *roots, size_t n_roots, const cir__walk_options *options,
                         cir__walk_visit *visit_entry, void *context, cir_error *err)
{
    static const cir__walk_options no_options = {0};
    cir__walk_counts unread = {0};
    walk w = {.options = options != NULL ? options : &no_options, .visit = visit_entry, .context = context};
    w.counts = w.options->counts != NULL ? w.options->counts : &unread;
    bool *is_file = cir__new(n_roots, sizeof *is_file);
    bool *is_twin = cir__new(n_roots, sizeof *is_twin);
    bool is_fine = is_file != NULL && is_twin != NULL && find_files(&w, roots, n_roots, is_file, is_twin);
    struct stat facts;
    bool is_new;
    if (is_fine && w.options->skipped != NULL && stat(w.options->skipped, &facts) == 0)
        is_fine = put_folder(&w.seen, facts.st_dev, facts.st_ino, &is_new);
    for (size_t i = 0; is_fine && !w.is_stopped && i < n_roots; i++) {
        const pending folder = {cir__copy_text(roots[i]), roots[i], find_above(&w, roots[i]), true};
        if (is_file[i])
            free(folder.path);
        else
            is_fine = push(&w.stack, folder) && drain(&w);
        if (is_file[i] && !is_twin[i])
            visit_root(&w, roots[i]);
    }
    /* A followed link may bring further links: they join the end of the list. */
    for (size_t i = 0; is_fine && !w.is_stopped && i < w.links.n; i++) {
        pending link = w.links.items[i];
        link.path = cir__copy_text(link.path);
        link.readers &= find_above(&w, w.links.items[i].path);
        is_fine = push(&w.stack, link) && drain(&w);
    }
    free_list(&w.stack);
    free_list(&w.links);
    free(w.names);
    free(w.seen.slots);
    free(w.files);
    free(is_file);
    free(is_twin);
    if (!is_fine)
        return cir__fail_memory(err, "list of folders");
    return w.is_stopped ? CIR_INTERRUPTED : CIR_OK;
}

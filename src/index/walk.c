/* No recursion: folders to come lie on a stack, so that neither depth nor width of a tree matters, and one
 * folder at a time is open. */
#include "index/walk.h"

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

typedef struct path_list {
    char **paths;
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
    bool is_stopped;
} walk;

static bool push_path(path_list *list, char *path)
{
    if (path == NULL ||
        !cir__grow((void **)&list->paths, &list->capacity, list->n + 1, sizeof *list->paths)) {
        free(path);
        return false;
    }
    list->paths[list->n++] = path;
    return true;
}

static void free_paths(path_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->paths[i]);
    free(list->paths);
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

bool cir__walk_is_picture(const char *path)
{
    static const char *const endings[] = {"jpg",  "jpeg", "jpe",  "jfif", "png", "webp", "tif",
                                          "tiff", "gif",  "heic", "heif", "hif", "avif"};
    const char *dot = strrchr(path, '.');
    if (dot == NULL || strchr(dot, '/') != NULL)
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot + 1, endings[i]) == 0)
            return true;
    return false;
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

static void visit_file(walk *w, const char *path, const struct stat *facts)
{
    visit(w, &(cir__walk_entry){.path = path,
                                .size_bytes = (uint64_t)facts->st_size,
                                .modified_ns = (int64_t)facts->st_mtim.tv_sec * 1000000000 +
                                               (int64_t)facts->st_mtim.tv_nsec});
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
        if (entry->d_type == DT_REG && !cir__walk_is_picture(text))
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
}

/* Looks at one name of a folder; folders among them go onto the lists. false: memory. */
static bool look_at(walk *w, int fd, const char *path, const name *item, path_list *subfolders)
{
    char *full = cir__path_join(path, item->text);
    if (full == NULL)
        return false;
    if (item->kind == DT_DIR)
        return push_path(subfolders, full);
    struct stat facts;
    bool is_link = item->kind == DT_LNK;
    bool is_fine = true;
    if (item->kind == DT_UNKNOWN && fstatat(fd, item->text, &facts, AT_SYMLINK_NOFOLLOW) == 0)
        is_link = S_ISLNK(facts.st_mode);
    if (fstatat(fd, item->text, &facts, 0) != 0) {
        if (cir__walk_is_picture(item->text))
            visit_failure(w, full, errno, false);
    } else if (S_ISDIR(facts.st_mode)) {
        if (!is_index_name(item->text)) {
            is_fine = push_path(is_link ? &w->links : subfolders, full);
            full = NULL;
        }
    } else if (S_ISREG(facts.st_mode) && cir__walk_is_picture(item->text) && !is_root(w, full)) {
        visit_file(w, full, &facts);
    }
    free(full);
    return is_fine;
}

/* false: memory. */
static bool list_folder(walk *w, const char *path)
{
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
    for (size_t i = 0; is_fine && !w->is_stopped && i < w->n_names; i++)
        is_fine = look_at(w, fd, path, &w->names[i], &subfolders);
    while (is_fine && subfolders.n > 0)
        is_fine = push_path(&w->stack, subfolders.paths[--subfolders.n]);
done:
    free_names(w);
    free_paths(&subfolders);
    if (folder != NULL)
        closedir(folder);
    else
        close(fd);
    return is_fine;
}

static bool drain(walk *w)
{
    while (w->stack.n > 0 && !w->is_stopped) {
        char *path = w->stack.paths[--w->stack.n];
        bool is_fine = list_folder(w, path);
        free(path);
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

static void visit_root(walk *w, const char *path)
{
    struct stat facts;
    if (stat(path, &facts) == 0)
        visit_file(w, path, &facts);
    else
        visit_failure(w, path, errno, false);
}

cir_status cir__walk_run(const char *const *roots, size_t n_roots, const char *skipped,
                         cir__walk_visit *visit_entry, void *context, cir_error *err)
{
    walk w = {.visit = visit_entry, .context = context};
    bool *is_file = cir__new(n_roots, sizeof *is_file);
    bool *is_twin = cir__new(n_roots, sizeof *is_twin);
    bool is_fine = is_file != NULL && is_twin != NULL && find_files(&w, roots, n_roots, is_file, is_twin);
    struct stat facts;
    bool is_new;
    if (is_fine && skipped != NULL && stat(skipped, &facts) == 0)
        is_fine = put_folder(&w.seen, facts.st_dev, facts.st_ino, &is_new);
    for (size_t i = 0; is_fine && !w.is_stopped && i < n_roots; i++) {
        if (!is_file[i])
            is_fine = push_path(&w.stack, cir__copy_text(roots[i])) && drain(&w);
        else if (!is_twin[i])
            visit_root(&w, roots[i]);
    }
    /* A followed link may bring further links: they join the end of the list. */
    for (size_t i = 0; is_fine && !w.is_stopped && i < w.links.n; i++)
        is_fine = push_path(&w.stack, cir__copy_text(w.links.paths[i])) && drain(&w);
    free_paths(&w.stack);
    free_paths(&w.links);
    free(w.names);
    free(w.seen.slots);
    free(w.files);
    free(is_file);
    free(is_twin);
    if (!is_fine)
        return cir__fail_memory(err, "list of folders");
    return w.is_stopped ? CIR_INTERRUPTED : CIR_OK;
}

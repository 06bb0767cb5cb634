/* An index: a directory NAME.cir that holds, for every photo, a catalogue row and one unit feature a model.
 *
 *   NAME.cir/catalogue.sqlite           one row an image, the models, the settings
 *   NAME.cir/features/KEY/vectors.npy   float16 [n_rows, dim], unit rows, row i ↔ image id i; KEY: a model's
 *   NAME.cir/features/KEY/…             derived files, which can always be rebuilt
 *
 * Ids count from 0, are never reused, and stay for the life of the index. An open index is a view of what was
 * committed when it was opened: any number of threads and processes may read it while one process updates it.
 * Two things follow an update at once: an image's record (its path, when it has moved), and the feature of a
 * photo whose file was replaced.
 *
 * An open index is the folder that was opened, wherever it is moved to: its files are opened within it, and
 * links, pipes and the like in it are refused. Whatever reads the catalogue or commits looks first whether
 * the path still leads there, and says CIR_GONE where it does not. Readers write nothing, except to undo what
 * a killed update left in the catalogue, while they hold the index' lock.
 *
 * SQLite is given a VFS of a name of its own ("cir-…") for the time of opening; no default is changed. */
#ifndef CIR_INDEX_H
#define CIR_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cir/model.h"
#include "cir/pool.h"
#include "cir/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cir_index cir_index;

/* What an image's row says of it. */
typedef enum cir_image_state {
    CIR_IMAGE_READY,  /* has a feature: searchable */
    CIR_IMAGE_FAILED, /* could not be read; error says why; tried again when the file changes or on request */
    CIR_IMAGE_VANISHED, /* its file is gone; not searched; comes back under the same id when the file does */
    CIR_IMAGE_PENDING,  /* without a feature of the shown model as yet; the next run encodes it */
    CIR_IMAGE_FORGOTTEN /* its photo was forgotten: an id that names nothing any more */
} cir_image_state;

/* One model's features in an index. Strings live as long as the index. */
typedef struct cir_index_model {
    const char *key;         /* the folder's name under features/ */
    const char *name;        /* the model's name when it was added */
    const char *path;        /* where it was found then, or "demo" */
    const char *fingerprint; /* 32 hexadecimal digits */
    size_t dim;
    bool is_synthetic; /* by cir_index_make_synthetic: no model encodes like it */
} cir_index_model;

typedef struct cir_index_info {
    const char *path;
    size_t n_rows; /* ids lie in [0, n_rows) */
    size_t n_ready;
    size_t n_failed;
    size_t n_vanished;
    size_t n_pending;
    size_t n_forgotten;
    size_t n_coded;            /* of the ready ones: those that searches have a compact code of */
    const char *codes_problem; /* why there are codes that are not used, for people; else NULL */
    uint64_t revision;         /* grows with every commit */
    uint64_t state;      /* random with every commit: names what derived files belong to, also among copies
                            of an index that went separate ways */
    uint64_t size_bytes; /* of all files in the directory that can be looked at */
    size_t n_models;
    const cir_index_model *models;
    const cir_index_model *model; /* whose features this view shows */
    const char *folder;           /* features/KEY of that model, where derived files lie */
} cir_index_info;

/* How to open an index. */
typedef struct cir_index_options {
    size_t size;
    const char *model_fingerprint; /* whose features to show; NULL: the first model's that was added */
    bool is_trusted; /* take an index of another user, and open photos wherever it says that they lie. Else it
                        has to belong to this user or to root, and photos elsewhere than beside the index are
                        opened only where this user gave their folder to an update of it, which is noted in
                        $XDG_CONFIG_HOME/cir/roots, else ~/.config/cir/roots */
} cir_index_options;
CIR_OPTIONS_INIT(cir_index_options)

/* Opens an index for reading; options may be NULL. Works on read-only media. Close with cir_index_close. Errors:
 * CIR_NOT_FOUND, CIR_PERMISSION, CIR_IO, CIR_FORMAT (not an index), CIR_OTHER_VERSION, CIR_DAMAGED, CIR_MISMATCH (that
 * model never encoded these photos; the message names the command that would add it), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_open(const char *path, const cir_index_options *options,
                                                 cir_index **index_out, cir_error *err);

/* Refuses an index that belongs neither to this user nor to root (CIR_PERMISSION), for functions that take no
 * options. Errors: also CIR_NOT_FOUND, CIR_IO. */
CIR_MUST_CHECK CIR_API cir_status cir_index_check_owner(const char *path, cir_error *err);

CIR_API void cir_index_close(cir_index *index); /* NULL is allowed */

/* Lives as long as the index. */
CIR_API const cir_index_info *cir_index_get_info(const cir_index *index);

/* Compact codes of features, which searches estimate similarities from. */
typedef struct cir_codes cir_codes;

/* Rows to search; lends everything. Frozen. Exactly one of f16 and f32 is set. */
typedef struct cir_rows {
    size_t n_rows;
    size_t dim;
    const uint16_t *f16;    /* [n_rows, dim] IEEE half bits */
    const float *f32;       /* [n_rows, dim] */
    const float *scales;    /* [n_rows], row r stands for itself times scales[r]; NULL: for itself */
    const uint8_t *ready;   /* [n_rows], rows with 0 are skipped; NULL: all count */
    const cir_codes *codes; /* compact codes of f16's rows; NULL: none */
} cir_rows;

/* An index' rows as searches take them, lent as long as the index is open: its features, mapped; ready is 1 where the
 * image is ready, else 0, and what stands in the others' rows means nothing; codes is NULL where the index has none, as
 * small ones have, or none that can be trusted: searches then read all features. Thread-safe. */
CIR_API cir_rows cir_index_get_rows(const cir_index *index);

/* One image's catalogue row; end with cir_image_record_done. */
typedef struct cir_image_record {
    size_t id;
    char *path;     /* as bytes, absolute or relative to the working directory: ready to be opened */
    bool is_within; /* beside the index, or in a folder that this user gave to it: cir_index_options */
    cir_image_state state;
    char *error; /* why it failed, or NULL */
    uint64_t size_bytes;
    int64_t modified_ns;
    size_t width_px;
    size_t height_px;
    int64_t taken_at; /* INT64_MIN: unknown */
} cir_image_record;

/* Errors: CIR_NOT_FOUND (no such id), CIR_GONE, CIR_DAMAGED, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_get_record(const cir_index *index, size_t id,
                                                       cir_image_record *record_out, cir_error *err);
CIR_API void cir_image_record_done(cir_image_record *record); /* a zeroed record is allowed */

/* Opens an image's file to show it or hand it out: *fd_out, to be closed, is a regular file with the size and
 * modification time of the record, and lies, links followed, where the index may look (cir_index_options).
 * Never waits for a pipe. cir_index_read_photo reads it whole: *bytes_out, to be freed with cir_bytes_free.
 * record: of this index. Errors: CIR_PERMISSION (also: it lies elsewhere), CIR_MISMATCH (changed since),
 * CIR_FORMAT (no regular file), CIR_NOT_FOUND, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_open_photo(const cir_index *index, const cir_image_record *record,
                                                       int *fd_out, cir_error *err);
CIR_MUST_CHECK CIR_API cir_status cir_index_read_photo(const cir_index *index, const cir_image_record *record,
                                                       uint8_t **bytes_out, size_t *size_out, cir_error *err);

/* One image's unit feature as float32: feature_out [dim]. Errors: CIR_NOT_FOUND (no such id, or the image is
 * not ready), CIR_DAMAGED (its file was cut short). */
CIR_MUST_CHECK CIR_API cir_status cir_index_get_feature(const cir_index *index, size_t id, float *feature_out,
                                                        cir_error *err);

/* Finds the id of a path given as the user names it. CIR_NOT_FOUND, without an alarming message, when it is
 * not in. */
CIR_MUST_CHECK CIR_API cir_status cir_index_find_path(const cir_index *index, const char *path,
                                                      size_t *id_out, cir_error *err);

/* Calls visit(context, record) for every image in the given state, by id; stops early when visit returns
 * false. */
typedef bool cir_image_visit_fn(void *context, const cir_image_record *record);
CIR_MUST_CHECK CIR_API cir_status cir_index_list_images(const cir_index *index, cir_image_state state,
                                                        cir_image_visit_fn *visit, void *context,
                                                        cir_error *err);

/* The same for the images of all states in one pass over the catalogue: for callers that keep something about
 * every image. record is lent until visit returns, its error is NULL, and visit must not use the index. */
CIR_MUST_CHECK CIR_API cir_status cir_index_list_all_images(const cir_index *index, cir_image_visit_fn *visit,
                                                            void *context, cir_error *err);

/* Whether nothing was committed since the index was opened. Errors: CIR_GONE, CIR_BUSY, CIR_DAMAGED (also
 * where its vectors were cut short meanwhile, see mapping.h), CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_is_current(const cir_index *index, bool *is_current_out,
                                                       cir_error *err);

/* Whether the path that the index was opened by still leads to it: a look at two names, of no file's
 * contents. Errors: CIR_GONE. */
CIR_MUST_CHECK CIR_API cir_status cir_index_check_place(const cir_index *index, cir_error *err);

/* The folders and files that the index' updates were given, ready to be given again: *paths_out [*n_out];
 * free with cir_paths_free. None for an index that an older version made. Errors: CIR_BUSY,
 * CIR_DAMAGED, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_list_roots(const cir_index *index, char ***paths_out,
                                                       size_t *n_out, cir_error *err);

/* Whether the index may look at a path: always beside the index; elsewhere where this user gave it, or what
 * it lies below, to an update. Of the index' roots, updates that nobody named folders for walk these
 * alone. */
CIR_API bool cir_index_is_path_confirmed(const cir_index *index, const char *path);

/* Folders that the last update could not list, by path, with the reason, for people ("PATH: WHY"); stops
 * early when visit returns false. Errors: as cir_index_list_roots. */
typedef bool cir_folder_visit_fn(void *context, const char *path, const char *error);
CIR_MUST_CHECK CIR_API cir_status cir_index_list_unlisted(const cir_index *index, cir_folder_visit_fn *visit,
                                                          void *context, cir_error *err);

/* Files of kinds that are not read: pictures and films that an update met, by kind. The last of the most
 * kinds stands for all that are left, and is called "others". */
#define CIR_MAX_SKIPPED 32
typedef struct cir_skipped {
    char kind[8]; /* "cr2", "bmp", "mp4": told by the bytes, raw photos and films by their names */
    size_t n;
} cir_skipped;

/* Those that the last update met: kinds_out [CIR_MAX_SKIPPED], *n_out of them. Errors: as
 * cir_index_list_roots. */
CIR_MUST_CHECK CIR_API cir_status cir_index_list_skipped(const cir_index *index, cir_skipped *kinds_out,
                                                         size_t *n_out, cir_error *err);

/* The picture files at or below paths, by their names: files in the order given, folders recursively and
 * sorted, hidden ones and links too. *files_out: [*n_out] paths; free both with cir_paths_free. Errors:
 * CIR_NOT_FOUND, CIR_PERMISSION, CIR_IO, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_image_list_files(const char *const *paths, size_t n_paths,
                                                       char ***files_out, size_t *n_out, cir_error *err);
CIR_API void cir_paths_free(char **files, size_t n);

/* How an update goes. */
typedef struct cir_update_progress {
    bool is_walking;    /* folders are still being listed: n_found still grows */
    size_t n_found;     /* files that look like pictures */
    size_t n_done;      /* of them: looked at */
    size_t n_unchanged; /* of those done: needed no encoding (a moved file, a copy, one that failed before) */
    size_t n_encoded;
    size_t n_failed; /* of them, and folders that could not be listed */
    size_t n_vanished;

    /* The same by what became of the photos. */
    size_t n_new;           /* came in, encoded or as a copy of a known one */
    size_t n_changed;       /* their files' contents are others */
    size_t n_moved;         /* known ones under another path */
    size_t n_kept;          /* as they were */
    size_t n_failed_before; /* failed in an earlier update, and are as they were */

    /* Known once all folders are listed. */
    size_t n_skipped; /* files of kinds that are not read */
    cir_skipped skipped[CIR_MAX_SKIPPED];
    size_t n_kinds;       /* of them */
    size_t n_hidden;      /* folders and pictures left out: hidden, or put there by programs */
    size_t n_excluded;    /* left out by a pattern, or forgotten */
    size_t n_outside;     /* links left out that lead out of the given folders */
    size_t n_unconfirmed; /* given paths of which it could not be noted that this user gave them */
    size_t n_left_out;    /* photos that were in and are left out now; counted in n_vanished, too */

    size_t n_to_code;          /* compact codes to be made, once all else is done; 0 before */
    size_t n_coded;            /* of them */
    const char *failed_path;   /* non-NULL when this call reports a failure */
    const char *failed_reason; /* then */
} cir_update_progress;

/* Called from the updating thread several times a second, and for every failure; false asks the update to
 * stop. */
typedef bool cir_update_watch_fn(void *context, const cir_update_progress *progress);

/* Hidden folders and files (".x"), those of systems and network drives ("@eaDir", "#recycle", "$RECYCLE.BIN"
 * …) and folders that hold a file ".nomedia" are left out, unless given themselves. */
typedef enum cir_hidden {
    CIR_HIDDEN_AS_BEFORE, /* as the last update had it that said one of these */
    CIR_HIDDEN_TAKEN,
    CIR_HIDDEN_LEFT_OUT
} cir_hidden;

/* Below, reading all features takes a few milliseconds anyway. */
#define CIR_INDEX_MIN_CODED 100000

typedef struct cir_update_options {
    size_t size;
    const cir_image_options *image; /* how pictures are read; NULL: as usual */
    size_t batch;                   /* pictures encoded together; 0 means 16 */
    bool retry_failed;              /* try again what failed although its file has not changed */
    bool reread;       /* read every file and compare its content, whatever its size and times say */
    bool is_trusted;   /* as in cir_index_options; that paths were given is not noted then */
    cir_hidden hidden; /* kept in the index for later updates */
    const char *const
        *excluded; /* [n_excluded] patterns (fnmatch) of files and folders to leave out: of names,
                      or of paths below the given folder, or absolute ones, where they hold a slash;
                      kept in the index in place of those before. NULL: those before */
    size_t n_excluded;
    size_t min_coded;      /* photos from which on compact codes are made; 0: CIR_INDEX_MIN_CODED */
    const cir_index *only; /* update this open index alone: CIR_GONE where its path leads to another, or to
                            * none; NULL: what lies at the path, or a new one */
    cir_update_watch_fn *watch;
    void *watch_context;
} cir_update_options;
CIR_OPTIONS_INIT(cir_update_options)

/* Creates or updates an index: walks paths (folders, recursively and in a stable order, and single files),
 * encodes what is new or changed, keeps what is unchanged (by size, time of modification, time of change and
 * inode, else by content hash, so a file that was moved, copied or touched is not encoded again), marks what
 * has vanished below the given paths. Links are followed as long as they lead to what lies below the given
 * folders or others that the index was made of. That this user gave a folder elsewhere than beside the index
 * is noted (cir_index_options). A picture that cannot be read is recorded with its reason and never stops the
 * run. Commits every few seconds: whatever stops the process, what was committed is kept and the next run
 * continues. At the end compact codes are brought up to date (cir_index_update_codes); a failure of that
 * comes when all else is committed. progress_out may be NULL.
 *
 * models: [n_models], 1 … 16: each photo is decoded once, and what is missing of each model's features is encoded; they
 * are committed together, so that whatever stops it, the next run continues with all of them. A model that fails on a
 * picture leaves it without its feature alone: it stays searchable by the others'.
 *
 * Errors: CIR_ARGUMENT (no model, or one twice), CIR_BUSY (another process updates this
 * index), CIR_FULL, CIR_PERMISSION, CIR_IO, CIR_NOT_FOUND (a given path), CIR_MISMATCH, CIR_OTHER_VERSION,
 * CIR_DAMAGED, CIR_INTERRUPTED, CIR_NO_MEMORY, CIR_GONE (the index was moved or replaced meanwhile; what was
 * committed is in it), CIR_UNSUPPORTED (its file system has no locks). */
CIR_MUST_CHECK CIR_API cir_status cir_index_update(const char *index_path, const char *const *paths,
                                                   size_t n_paths, const cir_model *const *models,
                                                   size_t n_models, cir_pool *pool,
                                                   const cir_update_options *options,
                                                   cir_update_progress *progress_out, cir_error *err);

/* Makes the compact codes of every model's features, or brings them up to date: what an update does at its
 * end, for an index that was made or interrupted otherwise. Of options, which may be NULL, min_coded and
 * watch count; the watch hears of n_to_code and n_coded. A stopped run keeps what it coded. Errors: CIR_BUSY
 * (another process updates this index), CIR_NOT_FOUND, CIR_FORMAT, CIR_OTHER_VERSION, CIR_FULL,
 * CIR_PERMISSION, CIR_IO, CIR_DAMAGED, CIR_INTERRUPTED, CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_update_codes(const char *path, cir_pool *pool,
                                                         const cir_update_options *options, cir_error *err);

/* Takes a folder, or a photo, and all that was derived from it out of an index: rows, features of all models,
 * and the compact codes, which cir_index_update_codes makes again. Their ids stay, and name nothing any more.
 * Later updates leave it out, also as a part of a folder that they are given, until it, or something below
 * it, is given itself; its path is kept for that. It need not exist any more. is_trusted: as in
 * cir_index_options. *n_out, which may be NULL: how many photos. Stopped by whatever, it is to be repeated.
 * Errors: CIR_NOT_FOUND (no index; nothing of it is in), CIR_BUSY, CIR_PERMISSION, CIR_FULL, CIR_FORMAT,
 * CIR_OTHER_VERSION, CIR_IO, CIR_DAMAGED, CIR_UNSUPPORTED (no locks), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_forget(const char *index_path, const char *path, bool is_trusted,
                                                   size_t *n_out, cir_error *err);

/* One finding of a check, for people; was_repaired tells whether it is mended now. */
typedef void cir_check_report_fn(void *context, const char *finding, bool was_repaired);

typedef struct cir_check_result {
    size_t n_rows;
    size_t n_findings;
    size_t n_repaired;
} cir_check_result;

/* Checks every file, row and checksum of an index. With repair, mends what can be mended without losing a
 * committed feature (headers, left-overs, derived files) and sets damaged rows to be encoded again by the
 * next update. Findings are no error: the call returns CIR_OK and counts them. Errors: CIR_NOT_FOUND,
 * CIR_FORMAT, CIR_OTHER_VERSION, CIR_BUSY (repair while another process updates), CIR_IO, CIR_FULL,
 * CIR_PERMISSION, CIR_DAMAGED (the catalogue cannot be opened at all), CIR_NO_MEMORY. */
CIR_MUST_CHECK CIR_API cir_status cir_index_check(const char *path, bool repair, cir_pool *pool,
                                                  cir_check_report_fn *report, void *context,
                                                  cir_check_result *result_out, cir_error *err);

#ifdef __cplusplus
}
#endif

#endif

/* What every command does the same way: threads, models, interruption, progress, and saying what went
 * wrong. */
#ifndef CIR_CLI_SESSION_H
#define CIR_CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "cir/cir.h"
#include "cli/common/arguments.h"

/* Says a library's error on standard error as "cir: WHAT: WHY; NEXT STEP" and returns CIR__FAILED. */
int cir__session_fail(const cir_error *err);

/* The pool that --threads asks for. CIR__DONE, or the exit status after a message. */
int cir__session_open_pool(const cir__arguments *arguments, cir_pool **pool_out);

/* What --precision says, or the default. */
int cir__session_read_precision(const cir__arguments *arguments, cir_precision default_precision,
                                cir_precision *precision_out);

/* Refuses an index that holds nothing but synthetic features, for what needs a model. CIR__DONE, or
 * CIR__FAILED after a message. */
int cir__session_check_encodable(const cir_index_info *info);

/* Opens an index, whoever's it is where --trust is given: for commands that have that flag. */
CIR_MUST_CHECK cir_status cir__session_open_index(const cir__arguments *arguments, const char *path,
                                                  const char *model_fingerprint, cir_index **index_out,
                                                  cir_error *err);

/* Opens the model that --model names, else fallback_path, else the embedded one with a notice of one line. */
int cir__session_open_model(const cir__arguments *arguments, const char *fallback_path,
                            cir_precision default_precision, cir_model **model_out);

/* cir_collection_options.open_model: cir__known_model_open_for_index, which says where it takes its time. */
CIR_MUST_CHECK cir_status cir__session_open_model_of_index(void *is_named, const char *path,
                                                           const cir_model_options *options,
                                                           cir_model **model_out, cir_error *err);

/* The same for the model at path, or the embedded one for NULL, whatever --model says. */
int cir__session_open_model_at(const cir__arguments *arguments, const char *path,
                               cir_precision default_precision, cir_model **model_out);

/* Reads --method (default) and every --set into settings. */
int cir__session_read_settings(const cir__arguments *arguments, cir_method default_method,
                               cir_method *method_out, cir_settings *settings_out);

/* A method's defaults, changed by own, which NULL ends and which may be NULL, and then by every --set: a
 * person's word is the last. */
int cir__session_init_settings(const cir__arguments *arguments, cir_method method, const char *const *own,
                               cir_settings *settings_out);

/* From now on Ctrl-C and a polite kill ask the running work to end; should it not within 20 seconds, wherever
 * it is stuck, or at a second one, the process ends by the signal. */
void cir__session_catch_interrupts(void);
bool cir__session_is_interrupted(void);

/* A line that shows how far the work is: redrawn in place on a terminal, now and then when piped, silent with
 * --quiet. */
typedef struct cir__progress {
    const char *verb; /* "indexing" */
    bool is_quiet;
    bool is_terminal;
    bool is_shown;
    double started;
    double drawn;
} cir__progress;

void cir__progress_init(cir__progress *progress, const cir__arguments *arguments, const char *verb);
/* rate is counted over n_worked (what really took time) in the seconds since init; note may be NULL. */
void cir__progress_draw(cir__progress *progress, size_t n_done, size_t n_total, size_t n_worked,
                        const char *note);
/* Takes the line away, so that something else can be printed. */
void cir__progress_clear(cir__progress *progress);

/* "12,345" into a buffer of at least 32 bytes, which it returns. */
char *cir__count_text(size_t count, char text[32]);

#endif

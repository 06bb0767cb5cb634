#include "cli/common/session.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>

#include "server/common/known_models.h"
#include "shared/clock.h"

int cir__session_fail(const cir_error *err)
{
    fprintf(stderr, "cir: %s\n", err->message[0] != '\0' ? err->message : cir_status_meaning(err->status));
    return CIR__FAILED;
}

int cir__session_open_pool(const cir__arguments *arguments, cir_pool **pool_out)
{
    *pool_out = NULL;
    size_t n_threads = 0;
    if (!cir__arguments_count(arguments, "threads", 1, 1024, &n_threads))
        return CIR__USAGE;
    cir_error err;
    return cir_pool_new(n_threads, pool_out, &err) == CIR_OK ? CIR__DONE : cir__session_fail(&err);
}

int cir__session_check_encodable(const cir_index_info *info)
{
    for (size_t i = 0; i < info->n_models; i++)
        if (!info->models[i].is_synthetic)
            return CIR__DONE;
    fprintf(
        stderr,
        "cir: %s: its features are synthetic (cir bench make-index), and no model encodes like them; cir info "
        "and cir check work on it, and script/bench scale measures searches\n",
        info->path);
    return CIR__FAILED;
}

cir_status cir__session_open_index(const cir__arguments *arguments, const char *path,
                                   const char *model_fingerprint, cir_index **index_out, cir_error *err)
{
    const cir_index_options options = {.size = sizeof options,
                                       .model_fingerprint = model_fingerprint,
                                       .is_trusted = cir__arguments_has(arguments, "trust")};
    return cir_index_open(path, &options, index_out, err);
}

int cir__session_read_precision(const cir__arguments *arguments, cir_precision default_precision,
                                cir_precision *precision_out)
{
    const char *name = cir__arguments_get(arguments, "precision");
    cir_error err;
    *precision_out = default_precision;
    if (name != NULL && cir_precision_parse(name, precision_out, &err) != CIR_OK)
        return cir__arguments_refuse(arguments, "--precision: %s", err.message);
    return CIR__DONE;
}

int cir__session_open_model(const cir__arguments *arguments, const char *fallback_path,
                            cir_precision default_precision, cir_model **model_out)
{
    const char *path = cir__arguments_get(arguments, "model");
    return cir__session_open_model_at(arguments, path != NULL ? path : fallback_path, default_precision,
                                      model_out);
}

/* Of a large model this takes some ten seconds of both towers, in silence. */
static void say_comparing(void *nobody, const char *model_name)
{
    (void)nobody;
    fprintf(stderr, "cir: %s: finding the fastest precision that keeps its features; once on this machine\n",
            model_name);
}

cir_status cir__session_open_model_of_index(void *is_named, const char *path,
                                            const cir_model_options *options, cir_model **model_out,
                                            cir_error *err)
{
    cir_model_options telling = *options;
    telling.on_compare = say_comparing;
    return cir__known_model_open_for_index(is_named, path, &telling, model_out, err);
}

int cir__session_open_model_at(const cir__arguments *arguments, const char *path,
                               cir_precision default_precision, cir_model **model_out)
{
    cir_model_options options = {.size = sizeof options};
    if (!cir__arguments_has(arguments, "quiet"))
        options.on_compare = say_comparing;
    int status = cir__session_read_precision(arguments, default_precision, &options.precision);
    if (status != CIR__DONE)
        return status;
    if (path == NULL) {
        path = CIR_MODEL_DEMO;
        if (!cir__arguments_has(arguments, "quiet"))
            fprintf(
                stderr,
                "cir: using the small demo encoder, which was trained on drawings and does not understand "
                "photographs; for real photos fetch a model (cir model pull clip-vit-base-patch32) and name "
                "it "
                "with --model\n");
    }
    cir_error err;
    return cir__known_model_open(path, &options, model_out, &err) == CIR_OK ? CIR__DONE
                                                                            : cir__session_fail(&err);
}

int cir__session_read_settings(const cir__arguments *arguments, cir_method default_method,
                               cir_method *method_out, cir_settings *settings_out)
{
    cir_error err;
    *method_out = default_method;
    const char *name = cir__arguments_get(arguments, "method");
    if (name != NULL && cir_method_parse_for_search(name, method_out, &err) != CIR_OK)
        return cir__arguments_refuse(arguments, "--method: %s", err.message);
    return cir__session_init_settings(arguments, *method_out, NULL, settings_out);
}

int cir__session_init_settings(const cir__arguments *arguments, cir_method method, const char *const *own,
                               cir_settings *settings_out)
{
    cir_error err;
    cir_settings_init(settings_out, sizeof *settings_out, method);
    for (; own != NULL && *own != NULL; own++)
        if (cir_settings_set(settings_out, *own, &err) != CIR_OK)
            return cir__session_fail(&err);
    const char *key_value;
    for (size_t i = 0; (key_value = cir__arguments_next(arguments, "set", &i)) != NULL;)
        if (cir_settings_set(settings_out, key_value, &err) != CIR_OK)
            return cir__arguments_refuse(arguments, "--set: %s", err.message);
    return CIR__DONE;
}

static volatile sig_atomic_t is_interrupted;

/* How long a command may take to end by itself: what is committed is safe at any moment. */
#define SECONDS_TO_END 20

static void note_interrupt(int signal_number)
{
    is_interrupted = signal_number;
    signal(signal_number, SIG_DFL);
    (void)alarm(SECONDS_TO_END);
}

/* One signal is enough, wherever the command is stuck: it ends as if that had not been caught. */
static void end_by_interrupt(int signal_number)
{
    (void)signal_number;
    (void)raise(is_interrupted);
}

void cir__session_catch_interrupts(void)
{
    signal(SIGALRM, end_by_interrupt);
    signal(SIGINT, note_interrupt);
    signal(SIGTERM, note_interrupt);
    signal(SIGHUP, note_interrupt);
}

bool cir__session_is_interrupted(void)
{
    return is_interrupted != 0;
}

void cir__progress_init(cir__progress *progress, const cir__arguments *arguments, const char *verb)
{
    *progress = (cir__progress){
        .verb = verb,
        .is_quiet = cir__arguments_has(arguments, "quiet"),
        .is_terminal = isatty(STDERR_FILENO) == 1,
        .started = cir__clock_seconds(),
    };
    progress->drawn = progress->is_terminal ? 0 : progress->started;
}

char *cir__count_text(size_t count, char text[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%zu", count);
    char *out = text;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

static void format_time_left(double seconds, char text[32])
{
    if (seconds >= 3600)
        snprintf(text, 32, "%.0f h %02d min", seconds / 3600 - 0.5, (int)(seconds / 60) % 60);
    else
        snprintf(text, 32, "%d:%02d", (int)seconds / 60, (int)seconds % 60);
}

static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Terminals redraw ten times a second; a log gets a line every ten seconds. */
static bool is_due(const cir__progress *progress, double now)
{
    return !progress->is_quiet && now - progress->drawn >= (progress->is_terminal ? 0.1 : 10.0);
}

static void draw_bar(double share)
{
    enum { WIDTH = 20 };
    static const char *const parts[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int eighths = (int)(share * (double)(WIDTH * 8));
    for (int i = 0; i < WIDTH; i++, eighths -= 8)
        fputs(eighths >= 8 ? "█" : parts[eighths > 0 ? eighths : 0], stderr);
}

void cir__progress_draw(cir__progress *progress, size_t n_done, size_t n_total, size_t n_worked,
                        const char *note)
{
    double now = cir__clock_seconds();
    if (!is_due(progress, now))
        return;
    progress->drawn = now;
    double seconds = now - progress->started;
    double rate = seconds > 0 ? (double)n_worked / seconds : 0;
    char done[32];
    char total[32];
    char left[32] = "";
    if (n_worked > 0 && seconds > 1 && n_total > n_done)
        format_time_left(seconds / (double)n_done * (double)(n_total - n_done), left);
    bool has_bar = progress->is_terminal && terminal_columns() >= 70;
    fputs(progress->is_terminal ? "\r\x1b[K" : "cir: ", stderr);
    fprintf(stderr, "%s ", progress->verb);
    if (has_bar && n_total > 0) {
        fputs("│", stderr);
        draw_bar((double)n_done / (double)n_total);
        fputs("│ ", stderr);
    }
    fprintf(stderr, "%s of %s, %.1f/s%s%s%s", cir__count_text(n_done, done), cir__count_text(n_total, total),
            rate, left[0] != '\0' ? ", " : "", left, left[0] != '\0' ? " left" : "");
    if (note != NULL)
        fprintf(stderr, ", %s", note);
    fputs(progress->is_terminal ? "" : "\n", stderr);
    fflush(stderr);
    progress->is_shown = true;
}

void cir__progress_clear(cir__progress *progress)
{
    if (progress->is_shown && progress->is_terminal)
        fputs("\r\x1b[K", stderr);
    progress->is_shown = false;
}

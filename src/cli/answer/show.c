/* Shows the query and the hits as pictures in the terminal (`cir search --show`).
 *
 * The hits stand in rows of as many columns as fit. Each row is painted as one picture with transparent gaps
 * and printed through libchafa in one go, so that sixels, kitty's and iTerm's protocols and plain symbols are
 * all laid out the same way; its captions follow below it. */
#include <chafa.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/answer/answer.h"
#include "cli/common/terminal_text.h"
#include "cli/common/thumbnails.h"
#include "shared/failure.h"

enum {
    GAP = 2,          /* columns between pictures */
    MIN_COLUMNS = 20, /* of one picture, where the terminal is as wide */
    MAX_COLUMNS = 26,
    N_CAPTIONS = 3
};

/* What the terminal can do and how large it is. */
typedef struct screen {
    ChafaTermInfo *abilities;
    ChafaPixelMode pixels;
    ChafaCanvasMode colours;
    bool is_ascii;
    size_t n_columns;
    size_t cell_width_px, cell_height_px;
} screen;

/* One picture of a row. */
typedef struct tile {
    cir_image image; /* zeroed: could not be read */
    char *reason;    /* then, fit for the terminal */
    bool failed;     /* memory ran out while taking it */
} tile;

typedef struct row {
    const screen *on;
    size_t n;
    size_t tile_columns;
    cir__thumbnail_photo *photos;  /* [n] */
    tile *tiles;                   /* [n] */
    char *(*captions)[N_CAPTIONS]; /* [n], owned, NULL: none */
} row;

/* ---- the terminal ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0';
}

/* A locale that says nothing ("C", as in a bare container) is taken for UTF-8, as terminals are nowadays. */
static bool is_ascii_only(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (locale == (locale_t)0)
        return false;
    const char *codes = nl_langinfo_l(CODESET, locale);
    bool is_other = strcmp(codes, "UTF-8") != 0 && strcmp(codes, "ANSI_X3.4-1968") != 0;
    freelocale(locale);
    return is_other;
}

static bool can(const screen *on, ChafaTermSeq sequence)
{
    return chafa_term_info_have_seq(on->abilities, sequence) != 0;
}

static void choose_modes(screen *on, bool has_pixels)
{
    on->pixels = CHAFA_PIXEL_MODE_SYMBOLS;
    if (has_pixels && can(on, CHAFA_TERM_SEQ_BEGIN_KITTY_IMMEDIATE_IMAGE_V1))
        on->pixels = CHAFA_PIXEL_MODE_KITTY;
    else if (has_pixels && can(on, CHAFA_TERM_SEQ_BEGIN_SIXELS))
        on->pixels = CHAFA_PIXEL_MODE_SIXELS;
    else if (has_pixels && can(on, CHAFA_TERM_SEQ_BEGIN_ITERM2_IMAGE))
        on->pixels = CHAFA_PIXEL_MODE_ITERM2;
    on->colours = CHAFA_CANVAS_MODE_FGBG;
    if (can(on, CHAFA_TERM_SEQ_SET_COLOR_FGBG_DIRECT))
        on->colours = CHAFA_CANVAS_MODE_TRUECOLOR;
    else if (can(on, CHAFA_TERM_SEQ_SET_COLOR_FGBG_256))
        on->colours = CHAFA_CANVAS_MODE_INDEXED_240;
    else if (can(on, CHAFA_TERM_SEQ_SET_COLOR_FGBG_16))
        on->colours = CHAFA_CANVAS_MODE_INDEXED_16;
}

static void screen_init(screen *on)
{
    *on = (screen){.n_columns = 80, .cell_width_px = 10, .cell_height_px = 20};
    bool is_terminal = isatty(STDOUT_FILENO) != 0;
    struct winsize size = {0};
    if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        on->n_columns = size.ws_col;
        if (size.ws_xpixel / size.ws_col >= 4 && size.ws_row > 0 && size.ws_ypixel / size.ws_row >= 8) {
            on->cell_width_px = size.ws_xpixel / size.ws_col;
            on->cell_height_px = size.ws_ypixel / size.ws_row;
        }
    }
    const char *kind = getenv("TERM");
    bool is_dumb = kind != NULL && strcmp(kind, "dumb") == 0;
    bool has_colours = !is_dumb && !is_set("NO_COLOR") && (is_terminal || is_set("CLICOLOR_FORCE"));
    if (has_colours) {
        gchar **environment = g_get_environ();
        on->abilities = chafa_term_db_detect(chafa_term_db_get_default(), environment);
        g_strfreev(environment);
    } else {
        on->abilities = chafa_term_info_new(); /* no sequences at all */
    }
    choose_modes(on, is_terminal);
    on->is_ascii = is_dumb || is_ascii_only();
    if (on->pixels == CHAFA_PIXEL_MODE_SYMBOLS) {
        on->cell_width_px = 8; /* what symbols are matched at; fonts are about twice as high as wide */
        on->cell_height_px = 16;
    }
}

static void screen_done(screen *on)
{
    chafa_term_info_unref(on->abilities);
}

static ChafaCanvas *canvas_new(const screen *on, size_t n_columns, size_t n_lines)
{
    ChafaSymbolMap *symbols = chafa_symbol_map_new();
    /* Half blocks, quadrants and eighths: every font has them, unlike sextants and wedges. */
    chafa_symbol_map_add_by_tags(symbols, on->is_ascii ? CHAFA_SYMBOL_TAG_ASCII
                                                       : CHAFA_SYMBOL_TAG_BLOCK | CHAFA_SYMBOL_TAG_SPACE);
    ChafaCanvasConfig *config = chafa_canvas_config_new();
    chafa_canvas_config_set_geometry(config, (gint)n_columns, (gint)n_lines);
    chafa_canvas_config_set_cell_geometry(config, (gint)on->cell_width_px, (gint)on->cell_height_px);
    chafa_canvas_config_set_canvas_mode(config, on->colours);
    chafa_canvas_config_set_pixel_mode(config, on->pixels);
    chafa_canvas_config_set_symbol_map(config, symbols);
    chafa_canvas_config_set_work_factor(config, 0.8f);
    if (on->colours != CHAFA_CANVAS_MODE_TRUECOLOR)
        chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_DIFFUSION);
    ChafaCanvas *canvas = chafa_canvas_new(config);
    chafa_canvas_config_unref(config);
    chafa_symbol_map_unref(symbols);
    return canvas;
}

/* ---- a row of pictures ---- */

static void take_tile(void *context, size_t i, const cir__thumbnail *thumbnail)
{
    row *of = context;
    tile *to = &of->tiles[i];
    if (thumbnail->image == NULL) {
        to->reason = cir__terminal_text_new(thumbnail->reason);
        to->failed = to->reason == NULL;
        return;
    }
    size_t size = thumbnail->image->width_px * thumbnail->image->height_px * 3;
    to->image = *thumbnail->image;
    to->image.rgb = malloc(size);
    if (to->image.rgb != NULL)
        memcpy(to->image.rgb, thumbnail->image->rgb, size);
    to->failed = to->image.rgb == NULL;
}

/* Lines of text that the highest picture of the row takes; an empty frame takes as many as a 3:2 photo. */
static size_t count_lines(const row *of)
{
    size_t line_px = of->on->cell_height_px;
    size_t highest_px = line_px;
    for (size_t i = 0; i < of->n; i++) {
        size_t height_px = of->tiles[i].image.rgb != NULL ? of->tiles[i].image.height_px
                                                          : of->tile_columns * of->on->cell_width_px * 2 / 3;
        highest_px = height_px > highest_px ? height_px : highest_px;
    }
    return (highest_px + line_px - 1) / line_px;
}

static void paint_image(const cir_image *image, uint8_t *rgba, size_t stride_px)
{
    for (size_t y = 0; y < image->height_px; y++)
        for (size_t x = 0; x < image->width_px; x++) {
            uint8_t *to = rgba + 4 * (y * stride_px + x);
            memcpy(to, image->rgb + 3 * (y * image->width_px + x), 3);
            to[3] = 255;
        }
}

static void paint_frame(size_t width_px, size_t height_px, size_t line_px, uint8_t grey, uint8_t *rgba,
                        size_t stride_px)
{
    const uint8_t colour[] = {grey, grey, grey, 255};
    for (size_t y = 0; y < height_px; y++)
        for (size_t x = 0; x < width_px; x++)
            if (x < line_px || y < line_px || x + line_px >= width_px || y + line_px >= height_px)
                memcpy(rgba + 4 * (y * stride_px + x), colour, sizeof colour);
}

/* Pictures stand on the row's lower edge, above their captions, in the middle of their columns. */
static void paint(const row *of, uint8_t *rgba, size_t width_px, size_t height_px)
{
    size_t tile_px = of->tile_columns * of->on->cell_width_px;
    uint8_t grey = of->on->colours == CHAFA_CANVAS_MODE_FGBG ? 255 : 128; /* without colours grey is dots */
    for (size_t i = 0; i < of->n; i++) {
        const cir_image *image = &of->tiles[i].image;
        uint8_t *corner = rgba + 4 * i * (of->tile_columns + GAP) * of->on->cell_width_px;
        if (image->rgb == NULL)
            paint_frame(tile_px, height_px, of->on->cell_width_px / 2, grey, corner, width_px);
        else
            paint_image(image,
                        corner +
                            4 * ((height_px - image->height_px) * width_px + (tile_px - image->width_px) / 2),
                        width_px);
    }
}

static cir_status no_memory(cir_error *err)
{
    return cir__fail(err, CIR_NO_MEMORY,
                     "pictures for the terminal: out of memory for a row of them; ask for fewer results");
}

static cir_status print_pictures(const row *of, cir_error *err)
{
    size_t n_columns = of->n * (of->tile_columns + GAP) - GAP;
    size_t n_lines = count_lines(of);
    size_t width_px = n_columns * of->on->cell_width_px;
    size_t height_px = n_lines * of->on->cell_height_px;
    uint8_t *rgba = calloc(width_px * height_px, 4);
    if (rgba == NULL)
        return no_memory(err);
    paint(of, rgba, width_px, height_px);
    ChafaCanvas *canvas = canvas_new(of->on, n_columns, n_lines);
    chafa_canvas_draw_all_pixels(canvas, CHAFA_PIXEL_RGBA8_UNASSOCIATED, rgba, (gint)width_px,
                                 (gint)height_px, (gint)(4 * width_px));
    GString *printed = chafa_canvas_print(canvas, of->on->abilities);
    (void)fwrite(printed->str, 1, printed->len, stdout);
    (void)fputc('\n', stdout);
    g_string_free(printed, TRUE);
    chafa_canvas_unref(canvas);
    free(rgba);
    return CIR_OK;
}

static void print_captions(const row *of)
{
    for (size_t line = 0; line < N_CAPTIONS; line++) {
        bool is_used = false;
        for (size_t i = 0; i < of->n; i++)
            is_used = is_used || of->captions[i][line] != NULL;
        size_t owed = 0; /* blanks before the next text, so that no line ends in any */
        for (size_t i = 0; i < of->n && is_used; i++) {
            char *caption = of->captions[i][line];
            size_t width = caption != NULL ? cir__terminal_text_cut(caption, of->tile_columns) : 0;
            if (width > 0) {
                printf("%*s%s", (int)owed, "", caption);
                owed = 0;
            }
            owed += of->tile_columns + GAP - width;
        }
        if (is_used)
            (void)fputc('\n', stdout);
    }
    for (size_t i = 0; i < of->n; i++)
        if (of->tiles[i].reason != NULL)
            printf("%s\n", of->tiles[i].reason);
    (void)fputc('\n', stdout);
}

static void row_done(row *of)
{
    for (size_t i = 0; i < of->n; i++) {
        free(of->tiles[i].image.rgb);
        free(of->tiles[i].reason);
        for (size_t line = 0; line < N_CAPTIONS; line++)
            free(of->captions[i][line]);
        memset(&of->tiles[i], 0, sizeof of->tiles[i]);
        memset(of->captions[i], 0, sizeof of->captions[i]);
    }
}

static cir_status print_row(row *of, const cir_pool *pool, cir_error *err)
{
    size_t tile_px = of->tile_columns * of->on->cell_width_px;
    cir__thumbnails_make(of->photos, of->n, tile_px, tile_px, pool, take_tile, of);
    cir_status status = CIR_OK;
    for (size_t i = 0; i < of->n; i++)
        if (of->tiles[i].failed)
            status = no_memory(err);
    if (status == CIR_OK)
        status = print_pictures(of, err);
    if (status == CIR_OK)
        print_captions(of);
    row_done(of);
    return status;
}

/* ---- the answer ---- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static char *printed_new(const char *format, ...) CIR_PRINTF(1, 2);
static char *printed_new(const char *format, ...)
{
    char line[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return cir__terminal_text_new(line);
}

static bool caption_hit(const cir__answer *answer, size_t i, char **captions)
{
    const cir_answer_hit *hit = &answer->hits[i];
    captions[0] = printed_new("%zu  %.3f", i + 1, (double)hit->score);
    captions[1] = cir__terminal_text_new(base_of(hit->record->path));
    if (answer->has_ranks)
        captions[2] = printed_new("image #%zu, text #%zu", hit->image_rank, hit->text_rank);
    return captions[0] != NULL && captions[1] != NULL && (captions[2] != NULL || !answer->has_ranks);
}

static cir_status show_query(const cir__answer *answer, row *of, const cir_pool *pool, cir_error *err)
{
    if (answer->query_text != NULL) {
        char *text = cir__terminal_text_new(answer->query_text);
        if (text == NULL)
            return no_memory(err);
        printf("%s“%s”\n\n", answer->query_image_path != NULL ? "this + " : "", text);
        free(text);
    }
    if (answer->query_image_path == NULL)
        return CIR_OK;
    of->n = 1;
    of->photos[0] = (cir__thumbnail_photo){answer->query_image_path, answer->index, answer->query_record};
    of->captions[0][0] = printed_new("the query");
    of->captions[0][1] = cir__terminal_text_new(base_of(answer->query_image_path));
    return print_row(of, pool, err);
}

static cir_status show_hits(const cir__answer *answer, row *of, size_t per_row, const cir_pool *pool,
                            cir_error *err)
{
    cir_status status = CIR_OK;
    for (size_t first = 0; first < answer->n_hits && status == CIR_OK; first += of->n) {
        of->n = answer->n_hits - first < per_row ? answer->n_hits - first : per_row;
        bool is_whole = true;
        for (size_t i = 0; i < of->n; i++) {
            const cir_image_record *record = answer->hits[first + i].record;
            of->photos[i] = (cir__thumbnail_photo){record->path, answer->index, record};
            is_whole = caption_hit(answer, first + i, of->captions[i]) && is_whole;
        }
        if (!is_whole) {
            row_done(of);
            return no_memory(err);
        }
        status = print_row(of, pool, err);
    }
    return status;
}

cir_status cir__answer_show(const cir__answer *answer, cir_pool *pool, cir_error *err)
{
    screen on;
    screen_init(&on);
    size_t per_row = (on.n_columns + GAP) / (MIN_COLUMNS + GAP);
    per_row = per_row > 0 ? per_row : 1;
    size_t tile_columns = (on.n_columns + GAP) / per_row;
    tile_columns = tile_columns > GAP + 1 ? tile_columns - GAP : 1;
    row of = {.on = &on, .tile_columns = tile_columns < MAX_COLUMNS ? tile_columns : MAX_COLUMNS};
    of.photos = calloc(per_row, sizeof *of.photos);
    of.tiles = calloc(per_row, sizeof *of.tiles);
    of.captions = calloc(per_row, sizeof *of.captions);
    cir_status status = CIR_OK;
    if (of.photos == NULL || of.tiles == NULL || of.captions == NULL)
        status = no_memory(err);
    if (status == CIR_OK)
        status = show_query(answer, &of, pool, err);
    if (status == CIR_OK)
        status = show_hits(answer, &of, per_row, pool, err);
    free(of.captions);
    free(of.tiles);
    free(of.photos);
    screen_done(&on);
    return status;
}

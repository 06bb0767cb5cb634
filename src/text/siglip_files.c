#include "text/siglip_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/spiece.h"
#include "text/siglip_json.h"

#define END "</s>"
#define UNKNOWN "<unk>"

static cir__step replace_punctuation(void)
{
    cir__step step = {.kind = CIR__STEP_REPLACE};
    cir__step_add_punctuation(step.set);
    return step;
}

static cir_status copy_steps(const cir__step *steps, size_t n, cir__step **out, size_t *n_out, cir_error *err)
{
    *out = cir__new(n, sizeof **out);
    if (*out == NULL)
        return cir__fail_memory(err, "tokenizer");
    memcpy(*out, steps, n * sizeof *steps);
    *n_out = n;
    return CIR_OK;
}

/* SiglipTokenizer: lower case everywhere; between literals no punctuation and single spaces, then
 * SentencePiece. */
static cir_status add_transformers_steps(bool joins_spaces, cir__siglip *self, cir_error *err)
{
    const cir__step first = {.kind = CIR__STEP_LOWER};
    const cir__step steps[] = {
        replace_punctuation(),
        {.kind = CIR__STEP_REPLACE_RUNS, .spaces = CIR__SPACES_PYTHON, .n_least = 1, .content = " "},
        {.kind = CIR__STEP_STRIP, .spaces = CIR__SPACES_PYTHON, .strips_left = true, .strips_right = true},
        {.kind = CIR__STEP_SENTENCEPIECE, .strips_left = joins_spaces, .strips_right = joins_spaces},
    };
    cir_status status = copy_steps(&first, 1, &self->first_steps, &self->n_first_steps, err);
    if (status == CIR_OK)
        status = copy_steps(steps, sizeof steps / sizeof *steps, &self->steps, &self->n_steps, err);
    self->is_sentencepiece = true;
    return status;
}

/* open_clip's canonicalize_text. Not its basic_clean, which repairs mojibake and resolves HTML entities: see
 * text/tokenizer.h. */
static cir_status add_open_clip_steps(cir__siglip *self, cir_error *err)
{
    cir__step underline = {.kind = CIR__STEP_REPLACE, .content = " "};
    underline.set['_' / 64] |= UINT64_C(1) << ('_' % 64);
    const cir__step steps[] = {
        underline,
        replace_punctuation(),
        {.kind = CIR__STEP_LOWER_WORDS},
        {.kind = CIR__STEP_REPLACE_RUNS, .spaces = CIR__SPACES_PYTHON, .n_least = 1, .content = " "},
        {.kind = CIR__STEP_STRIP, .spaces = CIR__SPACES_PYTHON, .strips_left = true, .strips_right = true},
    };
    return copy_steps(steps, sizeof steps / sizeof *steps, &self->first_steps, &self->n_first_steps, err);
}

/* What transformers' conversion of a T5 tokenizer writes into tokenizer.json. */
static cir_status add_converted_steps(cir__siglip *self, cir_error *err)
{
    const cir__step steps[] = {
        {.kind = CIR__STEP_MAP},
        {.kind = CIR__STEP_STRIP, .spaces = CIR__SPACES_UNICODE, .strips_right = true},
        {.kind = CIR__STEP_REPLACE_RUNS,
         .spaces = CIR__SPACES_BLANK,
         .n_least = 2,
         .content = "\xe2\x96\x81"},
    };
    self->has_prefix = true;
    self->splits_at_marks = true;
    return copy_steps(steps, sizeof steps / sizeof *steps, &self->steps, &self->n_steps, err);
}

/* SigLIP 2 was trained on lower case, whether its file says so or not (older ones do not, and transformers 5
 * sees to it). */
static cir_status add_lower_case(cir__siglip *self, cir_error *err)
{
    for (size_t i = 0; i < self->n_steps; i++)
        if (self->steps[i].kind == CIR__STEP_LOWER)
            return CIR_OK;
    cir__step *steps = cir__new(self->n_steps + 1, sizeof *steps);
    if (steps == NULL)
        return cir__fail_memory(err, "tokenizer");
    steps[0] = (cir__step){.kind = CIR__STEP_LOWER};
    memcpy(steps + 1, self->steps, self->n_steps * sizeof *steps);
    free(self->steps);
    self->steps = steps;
    self->n_steps++;
    return CIR_OK;
}

static cir_status check_spiece(const cir__spiece_model *model, const char *name, cir_error *err)
{
    if (model->algorithm != CIR__SPIECE_UNIGRAM)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: a SentencePiece model of kind %llu, SigLIP's is 1 (unigram); take the file of the model "
            "itself",
            name, (unsigned long long)model->algorithm);
    if (model->has_suffix_spaces || !model->escapes_spaces)
        return cir__fail(
            err, CIR_UNSUPPORTED,
            "%s: does not put white space in front of words as \"\xe2\x96\x81\", which SigLIP's does; take "
            "the file of the model itself",
            name);
    return CIR_OK;
}

/* Pieces by id, as SentencePiece reads them (is_sentencepiece), or as tokenizers would from the converted
 * file. */
static cir_status add_pieces(const cir__spiece_model *model, const char *name, cir__siglip *self,
                             cir_error *err)
{
    size_t n_texts_bytes = 0;
    int32_t byte_ids[256];
    int32_t unknown_id = -1;
    int32_t end_id = -1;
    double min_score = HUGE_VAL;
    for (size_t i = 0; i < 256; i++)
        byte_ids[i] = -1;
    for (size_t i = 0; i < model->n_pieces; i++)
        n_texts_bytes += model->pieces[i].n_bytes;
    cir_status status =
        cir__unigram_init(&self->unigram, model->n_pieces, n_texts_bytes, self->is_sentencepiece, name, err);
    for (size_t i = 0; i < model->n_pieces && status == CIR_OK; i++) {
        const cir__spiece *piece = &model->pieces[i];
        int byte = cir__unigram_byte_of(piece->text, piece->n_bytes);
        if (piece->kind == CIR__SPIECE_USER_DEFINED)
            return cir__fail(
                err, CIR_UNSUPPORTED,
                "%s: piece %zu is a user-defined symbol, which SigLIP's has none of; take the file of the "
                "model itself",
                name, i);
        bool is_normal = piece->kind == CIR__SPIECE_NORMAL;
        if ((is_normal || !self->is_sentencepiece) && (double)piece->score < min_score)
            min_score = (double)piece->score;
        if (piece->kind == CIR__SPIECE_UNKNOWN)
            unknown_id = (int32_t)i;
        if (piece->n_bytes == strlen(END) && memcmp(piece->text, END, strlen(END)) == 0)
            end_id = (int32_t)i;
        if (byte >= 0 && (piece->kind == CIR__SPIECE_BYTE || !self->is_sentencepiece))
            byte_ids[byte] = (int32_t)i;
        status = cir__unigram_push(&self->unigram, piece->text, piece->n_bytes, (double)piece->score,
                                   is_normal || !self->is_sentencepiece, name, err);
    }
    if (status != CIR_OK)
        return status;
    if (unknown_id < 0 || end_id < 0 || !isfinite(min_score))
        return cir__fail(err, CIR_FORMAT,
                         "%s: lacks an unknown piece, \"" END "\", or ordinary pieces; fetch the file again",
                         name);
    cir__unigram_seal(&self->unigram, min_score, unknown_id, model->has_byte_fallback ? byte_ids : NULL);
    self->end_id = end_id;
    self->n_vocabulary = model->n_pieces;
    return CIR_OK;
}

/* The two special tokens, which may stand in a text literally. */
static cir_status add_literals(cir__siglip *self, cir_error *err)
{
    static const char *const texts[] = {END, UNKNOWN};
    const int32_t ids[] = {self->end_id, self->unigram.unknown_id};
    self->literals = cir__new(2, sizeof *self->literals);
    if (self->literals == NULL)
        return cir__fail_memory(err, "tokenizer");
    for (size_t i = 0; i < 2; i++) {
        char *copy = cir__copy_text(texts[i]);
        if (copy == NULL)
            return cir__fail_memory(err, "tokenizer");
        self->literals[self->n_literals++] = (cir__literal){copy, strlen(copy), ids[i], true, true};
    }
    return CIR_OK;
}

static cir_status parse_spiece(const cir__bytes_view *file, bool is_sentencepiece, cir__siglip *self,
                               cir_error *err)
{
    cir__spiece_model model;
    cir_status status = cir__spiece_parse(*file, &model, err);
    if (status != CIR_OK)
        return status;
    status = check_spiece(&model, file->name, err);
    if (status == CIR_OK)
        status = cir__charsmap_parse(model.charsmap, &self->charsmap, err);
    if (status == CIR_OK)
        status = is_sentencepiece ? add_transformers_steps(model.removes_extra_spaces, self, err)
                                  : add_converted_steps(self, err);
    if (status == CIR_OK)
        status = add_pieces(&model, file->name, self, err);
    if (status == CIR_OK)
        status = add_literals(self, err);
    cir__spiece_done(&model);
    return status;
}

cir_status cir__siglip_files_parse(const cir__bytes_view *spiece_model, const cir__bytes_view *tokenizer_json,
                                   const cir__bytes_view *config_json, cir__canonical canonical,
                                   cir__siglip *out, cir_error *err)
{
    *out = (cir__siglip){0};
    cir_status status = CIR_OK;
    bool is_transformers = canonical == CIR__CANONICAL_TRANSFORMERS;
    if (spiece_model != NULL && (is_transformers || tokenizer_json == NULL))
        status = parse_spiece(spiece_model, is_transformers, out, err);
    else if (tokenizer_json != NULL)
        status = cir__siglip_json_parse(tokenizer_json, out, err);
    else
        status = cir__fail(
            err, CIR_NOT_FOUND,
            "tokenizer: there is neither spiece.model nor tokenizer.json; copy the model's tokenizer "
            "files into its directory");
    if (status == CIR_OK && out->bpe != NULL)
        status = add_lower_case(out, err);
    if (status == CIR_OK && !is_transformers)
        status = add_open_clip_steps(out, err);
    out->pad_id = out->end_id;
    if (status == CIR_OK && config_json != NULL)
        status = cir__siglip_json_read_padding(config_json, out, err);
    if (status != CIR_OK)
        cir__siglip_done(out);
    return status;
}

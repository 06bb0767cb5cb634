#include "text/clip.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/normalise_text.h"
#include "text/steps.h"

/* PCRE2's \s has U+180E, which is no white space since Unicode 6.3 and not for the reference: so its own
 * class. */
#define SPACE                                                                                                \
    "\\x{09}-\\x{0d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"   \
    "\\x{3000}"
#define SPECIAL_WORDS "<\\|startoftext\\|>|<\\|endoftext\\|>|"
#define WORDS "'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^" SPACE "\\p{L}\\p{N}]+"

/* No alternative can be retried more than once a position, so honest work stays far below. */
#define MATCH_LIMIT 100000

typedef struct cir__clip_pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
} cir__clip_pattern;

/* What one call works with. */
typedef struct encoding {
    const cir__clip *clip;
    pcre2_match_data *match;
    cir__bpe_scratch bpe;
    cir__ids *ids;
} encoding;

static cir_status compile(cir__clip *clip, const char *text, uint32_t more_options, cir_error *err)
{
    cir__clip_pattern *pattern = cir__new(1, sizeof *pattern);
    if (pattern == NULL)
        return cir__fail_memory(err, "tokenizer");
    clip->pattern = pattern;
    int code_error = 0;
    PCRE2_SIZE offset = 0;
    pattern->code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | more_options, &code_error, &offset, NULL);
    if (pattern->code == NULL)
        return cir__fail(err, CIR_UNSUPPORTED,
                         "tokenizer: PCRE2 refuses the pattern of words (error %d at %zu); install a PCRE2 "
                         "with Unicode support",
                         code_error, (size_t)offset);
    /* Where there is no JIT the interpreter gives the same answers. */
    (void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
    pattern->limits = pcre2_match_context_create(NULL);
    if (pattern->limits == NULL)
        return cir__fail_memory(err, "tokenizer");
    (void)pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
    return CIR_OK;
}

cir_status cir__clip_compile(cir__clip *clip, bool with_special_words, cir_error *err)
{
    clip->has_special_words = with_special_words;
    return compile(clip, with_special_words ? SPECIAL_WORDS WORDS : WORDS, 0, err);
}

static void pattern_free(cir__clip *clip)
{
    if (clip->pattern != NULL) {
        pcre2_match_context_free(clip->pattern->limits);
        pcre2_code_free(clip->pattern->code);
        free(clip->pattern);
    }
    clip->pattern = NULL;
}

static void added_free(cir__clip *clip)
{
    for (size_t i = 0; i < clip->n_added; i++)
        free(clip->added[i].text);
    free(clip->added);
    clip->added = NULL;
    clip->n_added = 0;
}

cir_status cir__clip_follow_open_clip(cir__clip *clip, cir_error *err)
{
    static const char *const names[2] = {"<start_of_text>", "<end_of_text>"};
    pattern_free(clip);
    added_free(clip);
    clip->is_open_clip = true;
    clip->added = cir__new(2, sizeof *clip->added);
    for (size_t i = 0; clip->added != NULL && i < 2; i++) {
        clip->added[i] = (cir__added_token){.text = strdup(names[i]),
                                            .n_bytes = strlen(names[i]),
                                            .id = i == 0 ? clip->start_id : clip->end_id,
                                            .is_normalised = true};
        clip->n_added += clip->added[i].text != NULL;
    }
    if (clip->n_added < 2)
        return cir__fail_memory(err, "tokenizer");
    return compile(clip, WORDS, PCRE2_CASELESS, err);
}

void cir__clip_done(cir__clip *clip)
{
    pattern_free(clip);
    added_free(clip);
    cir__bpe_free(clip->bpe);
    cir__user_cached_done(&clip->compiled);
    *clip = (cir__clip){0};
}

/* Pre-tokenizing happens twice in the reference, and its second pattern has no special words: it takes them
 * apart at their bars. Everything else it leaves as the first pattern made it. */
static size_t measure_first_part(const char *word, size_t n_bytes)
{
    bool is_special = n_bytes > 4 && memcmp(word, "<|", 2) == 0 && word[2] >= 'a' && word[2] <= 'z';
    return is_special ? 2 : n_bytes;
}

static cir_status encode_word(encoding *call, const char *word, size_t n_bytes, cir_error *err)
{
    cir_status status = CIR_OK;
    size_t n_first = measure_first_part(word, n_bytes);
    size_t ends[3] = {n_first, n_bytes - 2, n_bytes};
    size_t n_parts = n_first < n_bytes ? 3 : 1;
    size_t begin = 0;
    for (size_t i = 0; i < n_parts && status == CIR_OK && !call->ids->is_over; i++) {
        status = cir__bpe_encode(call->clip->bpe, (const uint8_t *)word + begin, ends[i] - begin, &call->bpe,
                                 call->ids, err);
        begin = ends[i];
    }
    return status;
}

static cir_status encode_words(encoding *call, const char *text, size_t n_bytes, cir_error *err)
{
    const cir__clip_pattern *pattern = call->clip->pattern;
    cir_status status = CIR_OK;
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(call->match);
    for (size_t at = 0; at < n_bytes && status == CIR_OK && !call->ids->is_over; at = bounds[1]) {
        int n = pcre2_match(pattern->code, (PCRE2_SPTR)text, n_bytes, at, PCRE2_NO_UTF_CHECK, call->match,
                            pattern->limits);
        if (n == PCRE2_ERROR_NOMATCH)
            break;
        if (n < 0)
            return cir__fail(
                err, CIR_LIMIT,
                "text: cannot be split into words (PCRE2 error %d at byte %zu); shorten the text", n, at);
        status = encode_word(call, text + bounds[0], bounds[1] - bounds[0], err);
    }
    return status;
}

/* The longest added token of that kind that begins at text, or NULL. */
static const cir__added_token *find_added(const cir__clip *clip, bool is_normalised, const char *text,
                                          size_t n_bytes)
{
    const cir__added_token *best = NULL;
    for (size_t i = 0; i < clip->n_added; i++) {
        const cir__added_token *token = &clip->added[i];
        if (token->is_normalised == is_normalised && token->text[0] == text[0] && token->n_bytes <= n_bytes &&
            memcmp(token->text, text, token->n_bytes) == 0 &&
            (best == NULL || token->n_bytes > best->n_bytes))
            best = token;
    }
    return best;
}

static cir_status encode_between(encoding *call, bool is_normalised, const char *text, size_t n_bytes,
                                 cir_error *err);

/* Pushes added tokens of one kind as they are found, and what lies between them. */
static cir_status encode_around(encoding *call, bool is_normalised, const char *text, size_t n_bytes,
                                cir_error *err)
{
    cir_status status = CIR_OK;
    size_t begin = 0;
    for (size_t i = 0; i < n_bytes && status == CIR_OK && !call->ids->is_over;) {
        const cir__added_token *token = find_added(call->clip, is_normalised, text + i, n_bytes - i);
        if (token == NULL) {
            i++;
            continue;
        }
        status = encode_between(call, is_normalised, text + begin, i - begin, err);
        if (status == CIR_OK && !call->ids->is_over)
            cir__ids_push(call->ids, token->id);
        i += token->n_bytes;
        begin = i;
    }
    if (status == CIR_OK && !call->ids->is_over)
        status = encode_between(call, is_normalised, text + begin, n_bytes - begin, err);
    return status;
}

static cir_status encode_between(encoding *call, bool is_normalised, const char *text, size_t n_bytes,
                                 cir_error *err)
{
    if (n_bytes == 0)
        return CIR_OK;
    if (is_normalised)
        return encode_words(call, text, n_bytes, err);
    cir__text folded;
    cir_status status = cir__normalise_fold(text, n_bytes, &folded, err);
    if (status == CIR_OK)
        status = encode_around(call, true, folded.text, folded.n_bytes, err);
    free(folded.text);
    return status;
}

cir_status cir__clip_encode(const cir__clip *clip, const char *text, size_t n_bytes, cir__ids *ids,
                            cir_error *err)
{
    encoding call = {.clip = clip, .match = pcre2_match_data_create(1, NULL), .ids = ids};
    if (call.match == NULL)
        return cir__fail_memory(err, "splitting a text into words");
    cir_status status;
    if (clip->is_open_clip) {
        static const cir__step lower = {.kind = CIR__STEP_LOWER_WORDS};
        cir__text folded;
        status = cir__steps_run(&lower, 1, NULL, text, n_bytes, &folded, err);
        if (status == CIR_OK)
            status = encode_around(&call, true, folded.text, folded.n_bytes, err);
        free(folded.text);
    } else {
        status = encode_around(&call, false, text, n_bytes, err);
    }
    cir__bpe_scratch_done(&call.bpe);
    pcre2_match_data_free(call.match);
    return status;
}

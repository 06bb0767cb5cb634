/* Steps that make a text canonical before it is cut into pieces, as a tokenizer.json lists them or SigLIP's
 * own code has them: lower case, characters taken out or replaced, white space, SentencePiece's map.
 *
 * What it must not know: pieces, files. */
#ifndef CIR_TEXT_STEPS_H
#define CIR_TEXT_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/charsmap.h"
#include "text/normalise_text.h"

/* What counts as white space: U+0020 alone; Unicode's property; Python's, which adds U+001C to U+001F. */
typedef enum cir__spaces { CIR__SPACES_BLANK, CIR__SPACES_UNICODE, CIR__SPACES_PYTHON } cir__spaces;

bool cir__spaces_have(cir__spaces spaces, int32_t character);

typedef enum cir__step_kind {
    CIR__STEP_LOWER,         /* every character by itself */
    CIR__STEP_LOWER_WORDS,   /* as Python's str.lower: Σ at a word's end becomes ς */
    CIR__STEP_REPLACE,       /* every ASCII character of a set becomes content */
    CIR__STEP_REPLACE_RUNS,  /* every run of at least n_least white-space characters becomes content */
    CIR__STEP_STRIP,         /* white space at the left, at the right */
    CIR__STEP_MAP,           /* the map, as the tokenizers library goes by it: grapheme by grapheme */
    CIR__STEP_SENTENCEPIECE, /* the map and white space, as SentencePiece itself has them; no dummy prefix */
} cir__step_kind;

#define CIR__STEP_CONTENT_BYTES 16

typedef struct cir__step {
    cir__step_kind kind;
    uint64_t set[2]; /* of CIR__STEP_REPLACE: a bit a character */
    cir__spaces spaces;
    size_t n_least;
    char content[CIR__STEP_CONTENT_BYTES];
    bool strips_left, strips_right; /* CIR__STEP_STRIP; both: white space in runs, CIR__STEP_SENTENCEPIECE */
} cir__step;

/* string.punctuation of Python: all of ASCII that is neither letter nor digit nor space nor control. */
void cir__step_add_punctuation(uint64_t set[2]);

/* Runs a list of steps; text must be well-formed. Free text_out->text with free(). Errors: CIR_LIMIT (the map
 * makes it absurdly long), CIR_NO_MEMORY. Thread-safe. */
CIR_MUST_CHECK cir_status cir__steps_run(const cir__step *steps, size_t n_steps, const cir__charsmap *map,
                                         const char *text, size_t n_bytes, cir__text *text_out,
                                         cir_error *err);

#endif

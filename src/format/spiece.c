#include "format/spiece.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define MAX_PIECES ((size_t)1 << 20)

/* How a field's value is stored. */
enum { WIRE_VARINT, WIRE_64_BITS, WIRE_BYTES, WIRE_32_BITS = 5 };

/* A message being read; has_failed stays once it is set. */
typedef struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool has_failed;
} reader;

/* One field: its value is number, or the bytes, by its wire. */
typedef struct field {
    uint64_t number;
    unsigned wire;
    uint64_t value; /* WIRE_VARINT, WIRE_32_BITS */
    const uint8_t *bytes;
    size_t size; /* WIRE_BYTES */
} field;

static uint64_t read_varint(reader *self)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && self->at < self->end; shift += 7) {
        uint8_t byte = *self->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    self->has_failed = true;
    return 0;
}

static const uint8_t *take(reader *self, uint64_t size)
{
    const uint8_t *bytes = self->at;
    if (size > (uint64_t)(self->end - self->at)) {
        self->has_failed = true;
        return NULL;
    }
    self->at += size;
    return bytes;
}

/* The next field; false at the end and after a failure. */
static bool next(reader *self, field *out)
{
    if (self->has_failed || self->at == self->end)
        return false;
    uint64_t key = read_varint(self);
    *out = (field){.number = key >> 3, .wire = (unsigned)(key & 7)};
    if (out->wire == WIRE_VARINT) {
        out->value = read_varint(self);
    } else if (out->wire == WIRE_BYTES) {
        uint64_t size = read_varint(self);
        out->bytes = take(self, size);
        out->size = (size_t)size;
    } else if (out->wire == WIRE_32_BITS) {
        const uint8_t *bytes = take(self, 4);
        for (int i = 4; bytes != NULL && i-- > 0;)
            out->value = out->value << 8 | bytes[i];
    } else if (out->wire == WIRE_64_BITS) {
        (void)take(self, 8);
    } else {
        self->has_failed = true;
    }
    if (out->number == 0)
        self->has_failed = true;
    return !self->has_failed;
}

static reader message_of(const field *from)
{
    return (reader){from->bytes, from->bytes + from->size, false};
}

static bool read_piece(const field *from, cir__spiece *piece)
{
    reader message = message_of(from);
    *piece = (cir__spiece){.text = "", .kind = CIR__SPIECE_NORMAL};
    for (field part; next(&message, &part);) {
        if (part.number == 1 && part.wire == WIRE_BYTES) {
            piece->text = (const char *)part.bytes;
            piece->n_bytes = part.size;
        } else if (part.number == 2 && part.wire == WIRE_32_BITS) {
            uint32_t bits = (uint32_t)part.value;
            memcpy(&piece->score, &bits, sizeof bits);
        } else if (part.number == 3 && part.wire == WIRE_VARINT) {
            if (part.value < CIR__SPIECE_NORMAL || part.value > CIR__SPIECE_BYTE)
                return false;
            piece->kind = (cir__spiece_kind)part.value;
        }
    }
    return !message.has_failed && isfinite(piece->score);
}

static bool read_training(const field *from, cir__spiece_model *model)
{
    reader message = message_of(from);
    for (field part; next(&message, &part);) {
        if (part.wire != WIRE_VARINT)
            continue;
        if (part.number == 3)
            model->algorithm = part.value;
        else if (part.number == 24)
            model->has_suffix_spaces = part.value != 0;
        else if (part.number == 35)
            model->has_byte_fallback = part.value != 0;
    }
    return !message.has_failed;
}

static bool read_normaliser(const field *from, const char *name, cir__spiece_model *model)
{
    reader message = message_of(from);
    for (field part; next(&message, &part);) {
        if (part.number == 2 && part.wire == WIRE_BYTES)
            model->charsmap = (cir__bytes_view){part.bytes, part.size, name};
        else if (part.number == 3 && part.wire == WIRE_VARINT)
            model->has_dummy_prefix = part.value != 0;
        else if (part.number == 4 && part.wire == WIRE_VARINT)
            model->removes_extra_spaces = part.value != 0;
        else if (part.number == 5 && part.wire == WIRE_VARINT)
            model->escapes_spaces = part.value != 0;
    }
    return !message.has_failed;
}

static cir_status fail_damaged(const char *name, cir_error *err)
{
    return cir__fail(err, CIR_FORMAT, "%s: is not a SentencePiece model, or damaged; fetch the file again",
                     name);
}

/* Counts pieces, so that their list is made once. */
static cir_status count_pieces(cir__bytes_view bytes, size_t *n_out, cir_error *err)
{
    reader whole = {bytes.data, bytes.data + bytes.size, false};
    *n_out = 0;
    for (field part; next(&whole, &part);)
        *n_out += part.number == 1 && part.wire == WIRE_BYTES;
    if (whole.has_failed || *n_out == 0)
        return fail_damaged(bytes.name, err);
    if (*n_out > MAX_PIECES)
        return cir__fail(err, CIR_LIMIT, "%s: %zu pieces, at most %zu are handled; take the model's own file",
                         bytes.name, *n_out, MAX_PIECES);
    return CIR_OK;
}

cir_status cir__spiece_parse(cir__bytes_view bytes, cir__spiece_model *model_out, cir_error *err)
{
    *model_out = (cir__spiece_model){0};
    /* What the format takes for granted where a file is silent. */
    cir__spiece_model model = {.algorithm = CIR__SPIECE_UNIGRAM,
                               .has_dummy_prefix = true,
                               .removes_extra_spaces = true,
                               .escapes_spaces = true};
    size_t n_pieces;
    cir_status status = count_pieces(bytes, &n_pieces, err);
    if (status != CIR_OK)
        return status;
    model.pieces = cir__new(n_pieces, sizeof *model.pieces);
    if (model.pieces == NULL)
        return cir__fail_memory(err, bytes.name);
    reader whole = {bytes.data, bytes.data + bytes.size, false};
    bool is_good = true;
    for (field part; is_good && next(&whole, &part);) {
        if (part.wire != WIRE_BYTES)
            continue;
        if (part.number == 1)
            is_good = read_piece(&part, &model.pieces[model.n_pieces++]);
        else if (part.number == 2)
            is_good = read_training(&part, &model);
        else if (part.number == 3)
            is_good = read_normaliser(&part, bytes.name, &model);
    }
    if (!is_good) {
        cir__spiece_done(&model);
        return fail_damaged(bytes.name, err);
    }
    *model_out = model;
    return CIR_OK;
}

void cir__spiece_done(cir__spiece_model *model)
{
    free(model->pieces);
    *model = (cir__spiece_model){0};
}

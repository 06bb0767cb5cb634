#include "index/codes/codes_file.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"

#define MAGIC "CIRCODES"
#define SUMS_MAGIC "CIRCSUMS"
#define PAGE 4096
#define CENTRE 128 /* where it begins */

static void put32(uint8_t *bytes, size_t value)
{
    uint32_t number = (uint32_t)value;
    memcpy(bytes, &number, sizeof number);
}

static void put64(uint8_t *bytes, uint64_t value)
{
    memcpy(bytes, &value, sizeof value);
}

static size_t get32(const uint8_t *bytes)
{
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return number;
}

static uint64_t get64(const uint8_t *bytes)
{
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return number;
}

size_t cir__codes_header_bytes(size_t dim)
{
    size_t size = CENTRE + dim * sizeof(float) + sizeof(uint64_t);
    return (size + PAGE - 1) / PAGE * PAGE;
}

size_t cir__codes_start(size_t dim)
{
    return 2 * cir__codes_header_bytes(dim);
}

uint64_t cir__codes_make_id(const cir__codes_header *header)
{
    uint8_t bytes[CIR__CODES_FINGERPRINT_SIZE + 24];
    memcpy(bytes, header->fingerprint, CIR__CODES_FINGERPRINT_SIZE);
    put64(bytes + CIR__CODES_FINGERPRINT_SIZE, header->seed);
    put64(bytes + CIR__CODES_FINGERPRINT_SIZE + 8, header->n_fitted);
    put64(bytes + CIR__CODES_FINGERPRINT_SIZE + 16,
          cir__hash64(header->centre, header->dim * sizeof *header->centre));
    return cir__hash64(bytes, sizeof bytes);
}

void cir__codes_format_header(const cir__codes_header *header, uint8_t *bytes_out)
{
    size_t n_centre = header->dim * sizeof *header->centre;
    memset(bytes_out, 0, cir__codes_header_bytes(header->dim));
    memcpy(bytes_out, MAGIC, 8);
    put32(bytes_out + 8, CIR__CODES_VERSION);
    put32(bytes_out + 12, header->dim);
    put64(bytes_out + 16, header->seed);
    put64(bytes_out + 24, header->id);
    memcpy(bytes_out + 32, header->fingerprint, CIR__CODES_FINGERPRINT_SIZE);
    put64(bytes_out + 64, header->sequence);
    put64(bytes_out + 72, header->serial);
    put64(bytes_out + 80, header->n_rows);
    put64(bytes_out + 88, header->n_fitted);
    put64(bytes_out + 96, header->digest);
    put32(bytes_out + 104, header->code_dim);
    put32(bytes_out + 108, header->block_bytes);
    memcpy(bytes_out + CENTRE, header->centre, n_centre);
    put64(bytes_out + CENTRE + n_centre, cir__hash64(bytes_out, CENTRE + n_centre));
}

/* One of the two; bytes: [cir__codes_header_bytes(dim)]. */
static cir_status parse_one(const uint8_t *bytes, size_t dim, const char *fingerprint, const char *name,
                            cir__codes_header *header_out, cir_error *err)
{
    size_t n_centre = dim * sizeof *header_out->centre;
    if (memcmp(bytes, MAGIC, 8) != 0)
        return cir__fail(err, CIR_FORMAT, "%s: holds no compact codes", name);
    if (get32(bytes + 8) != CIR__CODES_VERSION)
        return cir__fail(err, CIR_OTHER_VERSION,
                         "%s: is of version %zu, this version of cir makes version %d", name,
                         get32(bytes + 8), CIR__CODES_VERSION);
    if (get32(bytes + 12) != dim)
        return cir__fail(err, CIR_SHAPE, "%s: is of dimension %zu, the features have %zu", name,
                         get32(bytes + 12), dim);
    if (get64(bytes + CENTRE + n_centre) != cir__hash64(bytes, CENTRE + n_centre))
        return cir__fail(err, CIR_DAMAGED, "%s: its header does not match its checksum", name);
    *header_out = (cir__codes_header){.dim = dim,
                                      .seed = get64(bytes + 16),
                                      .id = get64(bytes + 24),
                                      .sequence = get64(bytes + 64),
                                      .serial = get64(bytes + 72),
                                      .n_rows = get64(bytes + 80),
                                      .n_fitted = get64(bytes + 88),
                                      .digest = get64(bytes + 96),
                                      .code_dim = get32(bytes + 104),
                                      .block_bytes = get32(bytes + 108)};
    memcpy(header_out->fingerprint, bytes + 32, CIR__CODES_FINGERPRINT_SIZE);
    memcpy(header_out->centre, bytes + CENTRE, n_centre);
    if (strcmp(header_out->fingerprint, fingerprint) != 0)
        return cir__fail(err, CIR_MISMATCH, "%s: is of another model (fingerprint %.8s, not %.8s)", name,
                         header_out->fingerprint, fingerprint);
    /* Numbers that count on must have where to. */
    if (header_out->id != cir__codes_make_id(header_out) || header_out->sequence > INT64_MAX ||
        header_out->serial > INT64_MAX)
        return cir__fail(err, CIR_DAMAGED, "%s: its header contradicts itself", name);
    return CIR_OK;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

cir_status cir__codes_parse_header(const uint8_t *bytes, size_t size, size_t dim, const char *fingerprint,
                                   const char *name, cir__codes_header *header_out, bool *has_damage_out,
                                   cir_error *err)
{
    *header_out = (cir__codes_header){0};
    *has_damage_out = false;
    if (dim > CIR__CODE_MAX_DIM)
        return cir__fail(err, CIR_SHAPE, "%s: features have dimension %zu, codes at most %d", name, dim,
                         CIR__CODE_MAX_DIM);
    size_t header_bytes = cir__codes_header_bytes(dim);
    if (size < 2 * header_bytes)
        return cir__fail(err, CIR_FORMAT, "%s: has %zu bytes, its headers alone take %zu", name, size,
                         2 * header_bytes);
    cir_error why[2];
    cir__codes_header second;
    cir_status first_status = parse_one(bytes, dim, fingerprint, name, header_out, &why[0]);
    cir_status second_status = parse_one(bytes + header_bytes, dim, fingerprint, name, &second, &why[1]);
    *has_damage_out = (first_status != CIR_OK && !is_zero(bytes, header_bytes)) ||
                      (second_status != CIR_OK && !is_zero(bytes + header_bytes, header_bytes));
    if (second_status == CIR_OK && (first_status != CIR_OK || second.sequence > header_out->sequence))
        *header_out = second;
    if (first_status == CIR_OK || second_status == CIR_OK)
        return CIR_OK;
    *header_out = (cir__codes_header){0};
    /* The second of a file of another dimension lies elsewhere: the first knows better. */
    int told = first_status == CIR_FORMAT && second_status != CIR_FORMAT ? 1 : 0;
    return cir__fail(err, why[told].status, "%s", why[told].message);
}

void cir__codes_format_sums(uint64_t id, uint64_t serial, uint8_t bytes_out[CIR__CODES_SUMS_START])
{
    memset(bytes_out, 0, CIR__CODES_SUMS_START);
    memcpy(bytes_out, SUMS_MAGIC, 8);
    put64(bytes_out + 8, CIR__CODES_VERSION);
    put64(bytes_out + 16, id);
    put64(bytes_out + 24, serial);
    put64(bytes_out + 32, cir__hash64(bytes_out, 32));
}

cir_status cir__codes_parse_sums(const uint8_t *bytes, size_t size, const cir__codes_header *header,
                                 const char *name, uint64_t *serial_out, cir_error *err)
{
    *serial_out = 0;
    if (size < CIR__CODES_SUMS_START || memcmp(bytes, SUMS_MAGIC, 8) != 0)
        return cir__fail(err, CIR_FORMAT, "%s: holds no checksums of compact codes", name);
    if (get64(bytes + 8) != CIR__CODES_VERSION)
        return cir__fail(err, CIR_OTHER_VERSION,
                         "%s: is of version %llu, this version of cir makes version %d", name,
                         (unsigned long long)get64(bytes + 8), CIR__CODES_VERSION);
    if (get64(bytes + 32) != cir__hash64(bytes, 32))
        return cir__fail(err, CIR_DAMAGED, "%s: its header does not match its checksum", name);
    uint64_t serial = get64(bytes + 24);
    if (get64(bytes + 16) != header->id || (serial != header->serial && serial + 1 != header->serial))
        return cir__fail(err, CIR_MISMATCH, "%s: belongs to other codes than " CIR__CODES_NAME " beside it",
                         name);
    *serial_out = serial;
    return CIR_OK;
}

bool cir__codes_sizes(const cir__codes_header *header, size_t n_rows, size_t *bin_out, size_t *sums_out)
{
    size_t n_blocks = n_rows / CIR__CODE_ROWS + (n_rows % CIR__CODE_ROWS != 0 ? 1 : 0);
    return cir__size_mul(n_blocks, header->block_bytes, bin_out) &&
           cir__size_add(*bin_out, cir__codes_start(header->dim), bin_out) &&
           cir__size_mul(n_rows, sizeof(uint64_t), sums_out) &&
           cir__size_add(*sums_out, CIR__CODES_SUMS_START, sums_out) && *bin_out < PTRDIFF_MAX / 2 &&
           *sums_out < PTRDIFF_MAX / 2;
}

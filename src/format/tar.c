#include "format/tar.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define BLOCK 512
#define MAX_NAME 65536

/* Fields of a header block (POSIX.1-2017, pax interchange format). */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    SIZE = 124,
    SIZE_SIZE = 12,
    CHECKSUM = 148,
    CHECKSUM_SIZE = 8,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_SIZE = 155
};

/* What a pax header or a GNU long name says of the member behind it. */
typedef struct overrides {
    bool has_name, has_size;
    size_t size;
} overrides;

static cir_status refuse(const cir__tar *tar, size_t offset, const char *why, cir_error *err)
{
    return cir__fail(err, CIR_FORMAT, "%s: at byte %zu: %s; the archive is damaged, fetch it again",
                     tar->bytes.name, offset, why);
}

/* A field of octal digits, or of big-endian bytes where the first bit is set (GNU). false: no number. */
static bool number_read(const uint8_t *field, size_t size, size_t *number_out)
{
    size_t number = 0, i = 0;

    if (field[0] & 0x80) {
        number = field[0] & 0x7f;
        for (i = 1; i < size; i++) {
            if (number >> (8 * sizeof number - 8) != 0)
                return false;
            number = number << 8 | field[i];
        }
        *number_out = number;
        return true;
    }
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        number = number << 3 | (size_t)(field[i] - '0');
    for (; i < size; i++)
        if (field[i] != ' ' && field[i] != '\0')
            return false;
    *number_out = number;
    return true;
}

/* The sum of all bytes, those of the checksum counting as blanks; some old archives have it of signed
 * bytes. */
static bool has_checksum(const uint8_t *block)
{
    size_t wanted;
    long sum = 0, signed_sum = 0;

    if (!number_read(block + CHECKSUM, CHECKSUM_SIZE, &wanted))
        return false;
    for (size_t i = 0; i < BLOCK; i++) {
        const uint8_t byte = i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE ? ' ' : block[i];
        sum += byte;
        signed_sum += (int8_t)byte;
    }
    return (long)wanted == sum || (long)wanted == signed_sum;
}

static cir_status name_set(cir__tar *tar, const char *prefix, size_t prefix_size, const char *name,
                           size_t name_size, cir_error *err)
{
    const size_t slash = prefix_size > 0, size = prefix_size + slash + name_size;
    void *memory = tar->name_memory;

    if (size > MAX_NAME)
        return refuse(tar, tar->position, "a name is longer than 65,536 bytes", err);
    const bool has_room = cir__grow(&memory, &tar->name_capacity, size + 1, 1);
    tar->name_memory = memory;
    if (!has_room)
        return cir__fail_memory(err, tar->bytes.name);
    memcpy(tar->name_memory, prefix, prefix_size);
    if (slash)
        tar->name_memory[prefix_size] = '/';
    memcpy(tar->name_memory + prefix_size + slash, name, name_size);
    tar->name_memory[size] = '\0';
    tar->name = tar->name_memory;
    return CIR_OK;
}

static size_t text_size(const uint8_t *field, size_t size)
{
    return strnlen((const char *)field, size);
}

/* Records "LENGTH KEY=VALUE\n", of which path and size matter. */
static cir_status pax_read(cir__tar *tar, size_t offset, const uint8_t *data, size_t size, overrides *over,
                           cir_error *err)
{
    const char *record = (const char *)data;
    size_t n_left = size;

    while (n_left > 0 && *record != '\0') {
        size_t length = 0, digits = 0;
        while (digits < n_left && digits < 9 && record[digits] >= '0' && record[digits] <= '9')
            length = 10 * length + (size_t)(record[digits++] - '0');
        if (digits == 0 || digits == n_left || record[digits] != ' ' || length <= digits + 1 ||
            length > n_left || record[length - 1] != '\n')
            return refuse(tar, offset, "an extended header has a malformed record", err);
        const char *const key = record + digits + 1;
        const char *const equals = memchr(key, '=', length - digits - 2);
        if (equals == NULL)
            return refuse(tar, offset, "an extended header has a record without a value", err);
        const char *const value = equals + 1;
        const size_t key_size = (size_t)(equals - key), value_size = (size_t)(record + length - 1 - value);
        if (key_size == 4 && memcmp(key, "path", 4) == 0) {
            const cir_status status = name_set(tar, "", 0, value, value_size, err);
            if (status != CIR_OK)
                return status;
            over->has_name = true;
        } else if (key_size == 4 && memcmp(key, "size", 4) == 0) {
            over->size = 0;
            for (size_t i = 0; i < value_size; i++) {
                if (value[i] < '0' || value[i] > '9' || over->size > SIZE_MAX / 10 - 1)
                    return refuse(tar, offset, "an extended header has an invalid size", err);
                over->size = 10 * over->size + (size_t)(value[i] - '0');
            }
            over->has_size = true;
        } else if (key_size > 11 && memcmp(key, "GNU.sparse.", 11) == 0) {
            return cir__fail(err, CIR_UNSUPPORTED,
                             "%s: at byte %zu: holds a sparse file; make the archive without",
                             tar->bytes.name, offset);
        }
        record += length;
        n_left -= length;
    }
    return CIR_OK;
}

static bool is_empty(const uint8_t *block)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (block[i] != 0)
            return false;
    return true;
}

/* The name in the block itself, in two parts where the magic says that there may be. */
static cir_status plain_name_set(cir__tar *tar, const uint8_t *block, cir_error *err)
{
    const bool has_prefix =
        memcmp(block + MAGIC, "ustar\0", 6) == 0; /* GNU has blanks there, and other fields */
    return name_set(tar, (const char *)block + PREFIX,
                    has_prefix ? text_size(block + PREFIX, PREFIX_SIZE) : 0, (const char *)block + NAME,
                    text_size(block + NAME, NAME_SIZE), err);
}

/* What one block and its data are: sets *is_member where they are a regular file, or notes what they say of
 * the next member. */
static cir_status entry_take(cir__tar *tar, size_t offset, const uint8_t *data, size_t size, overrides *over,
                             bool *is_member, cir_error *err)
{
    const uint8_t *const block = tar->bytes.data + offset;
    cir_status status = CIR_OK;

    *is_member = false;
    switch (block[TYPE]) {
    case 'x':
        return pax_read(tar, offset, data, size, over, err);
    case 'L':
        over->has_name = true;
        return name_set(tar, "", 0, (const char *)data, text_size(data, size), err);
    case 'g':
    case 'K': /* of all members, none of which needs it; a link's target */
        return CIR_OK;
    case 'S':
        return cir__fail(err, CIR_UNSUPPORTED,
                         "%s: at byte %zu: holds a sparse file; make the archive without", tar->bytes.name,
                         offset);
    case '0':
    case '\0':
    case '7':
        if (!over->has_name)
            status = plain_name_set(tar, block, err);
        tar->data = data;
        tar->size = size;
        /* In the oldest archives a folder is a file whose name ends with a slash. */
        *is_member = status == CIR_OK && *tar->name != '\0' && tar->name[strlen(tar->name) - 1] != '/';
        break;
    default:
        break;
    }
    *over = (overrides){0};
    return status;
}

cir_status cir__tar_read_member(cir__tar *tar, bool *has_member_out, cir_error *err)
{
    const cir__bytes_view bytes = tar->bytes;
    overrides over = {0};

    *has_member_out = false;
    while (tar->position < bytes.size) {
        const size_t offset = tar->position;
        size_t size;
        if (bytes.size - offset < BLOCK)
            return refuse(tar, offset, "ends within a header", err);
        const uint8_t *const block = bytes.data + offset;
        if (is_empty(block)) {
            tar->position = bytes.size;
            break;
        }
        if (!has_checksum(block))
            return refuse(tar, offset, "has no header", err);
        if (!number_read(block + SIZE, SIZE_SIZE, &size))
            return refuse(tar, offset, "a size is not a number", err);
        if (block[TYPE] >= '1' && block[TYPE] <= '6')
            size = 0; /* links, devices and folders have no data, whatever the field says */
        else if (over.has_size && (block[TYPE] == '0' || block[TYPE] == '\0' || block[TYPE] == '7'))
            size = over.size;
        if (size > bytes.size - offset - BLOCK)
            return refuse(tar, offset, "a member ends behind the archive's last byte", err);
        const size_t n_blocks = size / BLOCK + (size % BLOCK != 0);
        const size_t n_left = bytes.size - offset - BLOCK;
        tar->position = n_blocks * BLOCK < n_left ? offset + BLOCK + n_blocks * BLOCK : bytes.size;
        const cir_status status = entry_take(tar, offset, block + BLOCK, size, &over, has_member_out, err);
        if (status != CIR_OK || *has_member_out)
            return status;
    }
    return CIR_OK;
}

void cir__tar_done(cir__tar *tar)
{
    free(tar->name_memory);
    *tar = (cir__tar){0};
}

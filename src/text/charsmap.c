#include "text/charsmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

cir_status cir__charsmap_parse(cir__bytes_view bytes, cir__charsmap *map_out, cir_error *err)
{
    *map_out = (cir__charsmap){0};
    if (bytes.size == 0)
        return CIR_OK;
    size_t trie_bytes = bytes.size >= 4 ? read_u32(bytes.data) : 0;
    if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes > bytes.size - 4)
        return cir__fail(err, CIR_FORMAT, "%s: its map of characters is damaged; fetch the file again",
                         bytes.name);
    size_t n_texts_bytes = bytes.size - 4 - trie_bytes;
    cir__charsmap map = {.n_units = trie_bytes / 4, .n_texts_bytes = n_texts_bytes + 1};
    map.units = cir__new_unset(map.n_units, sizeof *map.units);
    map.texts = cir__new(map.n_texts_bytes, 1);
    if (map.units == NULL || map.texts == NULL) {
        cir__charsmap_done(&map);
        return cir__fail_memory(err, bytes.name);
    }
    for (size_t i = 0; i < map.n_units; i++)
        map.units[i] = read_u32(bytes.data + 4 + 4 * i);
    if (n_texts_bytes > 0)
        memcpy(map.texts, bytes.data + 4 + trie_bytes, n_texts_bytes);
    *map_out = map;
    return CIR_OK;
}

void cir__charsmap_done(cir__charsmap *map)
{
    free(map->units);
    free(map->texts);
    *map = (cir__charsmap){0};
}

/* A unit's parts: the byte that leads to it with a mark for values, how far its children are, whether a value
 * hangs below it. */
static uint32_t label_of(uint32_t unit)
{
    return unit & 0x800000ffU;
}

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 0x200U) >> 6);
}

bool cir__charsmap_find(const cir__charsmap *map, const char *text, size_t n_bytes, bool wants_longest,
                        const char **to_out, size_t *n_from_out)
{
    bool is_found = false;
    if (map->n_units == 0)
        return false;
    size_t at = offset_of(map->units[0]);
    for (size_t i = 0; i < n_bytes; i++) {
        at ^= (uint8_t)text[i];
        if (at >= map->n_units || label_of(map->units[at]) != (uint8_t)text[i])
            break;
        bool has_value = (map->units[at] >> 8 & 1) != 0;
        at ^= offset_of(map->units[at]);
        if (!has_value)
            continue;
        if (at >= map->n_units)
            break;
        size_t value = map->units[at] & 0x7fffffffU;
        if (value >= map->n_texts_bytes)
            break;
        *to_out = map->texts + value;
        *n_from_out = i + 1;
        is_found = true;
        if (!wants_longest)
            break;
    }
    return is_found;
}

/* What an exported set is made of, a file each, whatever layout it is written in. */
#ifndef CIR_CURATE_EXPORT_ENTRY_H
#define CIR_CURATE_EXPORT_ENTRY_H

#include "base/sha256.h"
#include "curate/judge/curated_set.h"

typedef enum cir__entry_kind { CIR__ENTRY_QUERY, CIR__ENTRY_POSITIVE, CIR__ENTRY_NEGATIVE } cir__entry_kind;

typedef struct cir__export_entry {
    const cir__set_instance *instance;
    const cir__candidate *candidate;
    const cir__label *label;
    cir__entry_kind kind;
    size_t i_change; /* of a positive */
    char *path;      /* in the set, without its ending until it is written */
    uint8_t sha256[CIR__SHA256_SIZE];
} cir__export_entry;

typedef struct cir__export_entries {
    cir__export_entry *items; /* by instance; queries first, then the database's, shuffled by their hashes */
    size_t n;
} cir__export_entries;

/* All of a set; lends it. free with cir__export_entries_done. */
CIR_MUST_CHECK cir_status cir__export_entries_make(const cir__curated_set *set,
                                                   cir__export_entries *entries_out, cir_error *err);
void cir__export_entries_done(cir__export_entries *entries);

/* What a row is by source, for each text of its instance ("composed;visual"), by what people said, and the kinds of seeds
 * that found it ("VTC", "-": none). size bytes each. */
void cir__export_entry_describe(const cir__export_entry *entry, char *sources_out, char *types_out,
                                char *kinds_out, size_t size);

#endif

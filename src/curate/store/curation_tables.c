#include "curate/store/curation_tables.h"

#include <stdio.h>

#include "base/error.h"
#include "curate/store/sql.h"

#define APPLICATION_ID 0x63697243 /* "cirC" */

/* Ids are the database's own; what leaves it are keys, texts and hashes. change 0: none.
 * seed: text, or the hash of a photo with the file in seeds/ or its id in the index as a hint.
 * picture: hash is XXH3-128 of the file's bytes, by which it is known; index_id and path are hints. same_as: the
 * picture that stands for it; looks: cir__looks, NULL until measured; state: "kept", "dropped", "gone" (its file is not
 * there, or has other bytes), flags: names of filters that people should look at, separated by commas.
 * judgement and page are only ever added to. value in force: the last by (clock, uuid) for a person, instance, picture,
 * change and aspect. page: pictures that were shown and left unmarked, 8 bytes each, little endian: "no" to all
 * changes. */
static const struct {
    const char *name;
    const char *sql;
} tables[] = {
    {"setting", "CREATE TABLE setting(key TEXT PRIMARY KEY, value ANY) STRICT"},
    {"person", "CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, "
               "token_sha256 BLOB) STRICT"},
    {"instance",
     "CREATE TABLE instance(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, "
     "category TEXT NOT NULL, kind TEXT NOT NULL) STRICT"},
    {"change", "CREATE TABLE change(id INTEGER PRIMARY KEY, instance INTEGER NOT NULL, text TEXT NOT NULL, "
               "kind TEXT NOT NULL, position INTEGER NOT NULL, UNIQUE(instance, text)) STRICT"},
    {"seed", "CREATE TABLE seed(id INTEGER PRIMARY KEY, instance INTEGER NOT NULL, change INTEGER NOT NULL, "
             "role TEXT NOT NULL, text TEXT NOT NULL, hash BLOB, sha256 BLOB, index_id INTEGER, looks BLOB, "
             "UNIQUE(instance, change, role, text, hash)) STRICT"},
    {"run",
     "CREATE TABLE run(id INTEGER PRIMARY KEY, model TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE) STRICT"},
    {"depth", "CREATE TABLE depth(seed INTEGER NOT NULL, run INTEGER NOT NULL, per_seed INTEGER NOT NULL, "
              "index_state INTEGER NOT NULL, PRIMARY KEY(seed, run)) STRICT, WITHOUT ROWID"},
    {"picture",
     "CREATE TABLE picture(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, index_id INTEGER, "
     "path BLOB, width INTEGER NOT NULL, height INTEGER NOT NULL, size INTEGER NOT NULL, looks BLOB, "
     "same_as INTEGER, state TEXT NOT NULL, reason TEXT NOT NULL, flags TEXT NOT NULL) STRICT"},
    {"found",
     "CREATE TABLE found(seed INTEGER NOT NULL, picture INTEGER NOT NULL, run INTEGER NOT NULL, "
     "rank INTEGER NOT NULL, similarity REAL NOT NULL, PRIMARY KEY(seed, run, rank)) STRICT, WITHOUT ROWID"},
    {"found_picture", "CREATE INDEX found_picture ON found(picture)"},
    {"link", "CREATE TABLE link(a INTEGER NOT NULL, b INTEGER NOT NULL, likeness TEXT NOT NULL, "
             "PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID"},
    {"pool", "CREATE TABLE pool(instance INTEGER NOT NULL, picture INTEGER NOT NULL, "
             "PRIMARY KEY(instance, picture)) STRICT, WITHOUT ROWID"},
    {"judgement",
     "CREATE TABLE judgement(uuid BLOB PRIMARY KEY, clock INTEGER NOT NULL, person INTEGER NOT NULL, "
     "instance INTEGER NOT NULL, picture INTEGER NOT NULL, change INTEGER NOT NULL, aspect TEXT NOT NULL, "
     "value TEXT NOT NULL, view TEXT NOT NULL, ms INTEGER NOT NULL) STRICT"},
    {"judgement_of", "CREATE INDEX judgement_of ON judgement(instance, picture)"},
    {"page", "CREATE TABLE page(uuid BLOB PRIMARY KEY, clock INTEGER NOT NULL, person INTEGER NOT NULL, "
             "instance INTEGER NOT NULL, pictures BLOB NOT NULL, ms INTEGER NOT NULL) STRICT"},
    {"lease",
     "CREATE TABLE lease(instance INTEGER NOT NULL, block INTEGER NOT NULL, person INTEGER NOT NULL, "
     "until INTEGER NOT NULL, PRIMARY KEY(instance, block, person)) STRICT"},
    {"region",
     "CREATE TABLE region(uuid BLOB PRIMARY KEY, clock INTEGER NOT NULL, person INTEGER NOT NULL, "
     "picture INTEGER NOT NULL, x REAL NOT NULL, y REAL NOT NULL, width REAL NOT NULL, height REAL NOT NULL, "
     "kind TEXT NOT NULL) STRICT"},
    {"provenance",
     "CREATE TABLE provenance(picture INTEGER PRIMARY KEY, licence TEXT NOT NULL, author TEXT NOT NULL, "
     "url TEXT NOT NULL, note TEXT NOT NULL) STRICT"},
    {"waiver", "CREATE TABLE waiver(rule TEXT NOT NULL, subject TEXT NOT NULL, person INTEGER NOT NULL, "
               "why TEXT NOT NULL, clock INTEGER NOT NULL, PRIMARY KEY(rule, subject)) STRICT"},
    {"release", "CREATE TABLE release(version TEXT PRIMARY KEY, clock INTEGER NOT NULL, "
                "sha256 BLOB NOT NULL) STRICT"},
};
enum { N_TABLES = sizeof tables / sizeof tables[0] };

cir_status cir__curation_tables_make(cir__store *store, cir_error *err)
{
    cir_status status = cir__store_begin(store, true, err);
    if (status != CIR_OK)
        return status;
    for (size_t i = 0; status == CIR_OK && i < N_TABLES; i++)
        status = cir__store_run(store, tables[i].sql, err);
    char pragmas[96];
    (void)snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   APPLICATION_ID, CIR__CURATION_FORMAT);
    if (status == CIR_OK)
        status = cir__store_run(store, pragmas, err);
    if (status == CIR_OK)
        status =
            cir__store_run(store,
                           "INSERT INTO setting(key, value) VALUES('identity', lower(hex(randomblob(16)))), "
                           "('clock', 0)",
                           err);
    return cir__sql_end(store, status, err);
}

cir_status cir__curation_tables_check(cir__store *store, cir_error *err)
{
    int64_t application;
    int64_t format = 0;
    cir_status status = cir__store_get_number(store, "PRAGMA application_id", 0, &application, err);
    if (status == CIR_OK)
        status = cir__store_get_number(store, "PRAGMA user_version", 0, &format, err);
    if (status != CIR_OK)
        return status;
    if (application != APPLICATION_ID)
        return cir__fail(err, CIR_FORMAT, "%s: is not a project: its database was made by another program",
                         store->name);
    if (format > CIR__CURATION_FORMAT)
        return cir__fail(err, CIR_OTHER_VERSION,
                         "%s: is of format %lld, this version of cir knows format %d; install a newer cir",
                         store->name, (long long)format, CIR__CURATION_FORMAT);
    for (size_t i = 0; i < N_TABLES; i++) {
        int64_t n;
        status =
            cir__sql_get(store, 0, &n, err, "SELECT count(*) FROM sqlite_schema WHERE name = ?1 AND sql = ?2",
                         "tt", tables[i].name, tables[i].sql);
        if (status != CIR_OK)
            return status;
        if (n != 1) {
            char finding[64];
            (void)snprintf(finding, sizeof finding, "the table or index \"%s\" is not as it was made",
                           tables[i].name);
            return cir__store_fail_damaged(store, finding, err);
        }
    }
    return CIR_OK;
}

/* The tables of a project's database. */
#ifndef CIR_CURATE_CURATION_TABLES_H
#define CIR_CURATE_CURATION_TABLES_H

#include "index/store/store.h"

#define CIR__CURATION_FORMAT 1

/* Makes all tables in an empty database, or checks that it has exactly these. Errors: CIR_FORMAT (no project),
 * CIR_OTHER_VERSION, CIR_DAMAGED, those of store.h. */
CIR_MUST_CHECK cir_status cir__curation_tables_make(cir__store *store, cir_error *err);
CIR_MUST_CHECK cir_status cir__curation_tables_check(cir__store *store, cir_error *err);

#endif

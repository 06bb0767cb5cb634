/* What lies beside an exported set's pictures: for people, for search engines of data sets, and for tools. */
#ifndef CIR_CURATE_SET_PAPERS_H
#define CIR_CURATE_SET_PAPERS_H

#include "curate/export/export_entry.h"

typedef struct cir__papers {
    const char *name; /* of the set */
    const cir_export_options *options;
    const cir_export_report *report;
    const cir__export_entries *entries;
} cir__papers;

/* Whole files; NULL where memory is short. free(). */
char *cir__papers_make_database(const cir__papers *papers);  /* database_files.csv */
char *cir__papers_make_queries(const cir__papers *papers);   /* query_files.csv */
char *cir__papers_make_pictures(const cir__papers *papers);  /* pictures.csv */
char *cir__papers_make_visual(const cir__papers *papers);    /* visual.csv */
char *cir__papers_make_textual(const cir__papers *papers);   /* textual.csv */
char *cir__papers_make_datasheet(const cir__papers *papers); /* DATASHEET.md */
char *cir__papers_make_croissant(const cir__papers *papers); /* croissant.json */
char *cir__papers_make_manifest(const cir__papers *papers);  /* of a release */

#endif

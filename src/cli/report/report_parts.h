/* What a report is made of, and its parts, each written where the file stands. */
#ifndef CIR_CLI_REPORT_PARTS_H
#define CIR_CLI_REPORT_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cir/cir.h"
#include "cir/experiment.h"

/* What a report is made of; lends everything. */
typedef struct cir__report {
    const json_t *document; /* as cir_results_format makes it: every metric of the page is taken from there */
    const cir_dataset *dataset;
    const char *folder; /* where its pictures are; NULL: there are none */
    const cir_pool *pool;
} cir__report;

/* Tables: methods with their intervals, the ablation, pairs of domains, categories, and at the end protocol
 * and settings. */
void cir__report_tables(FILE *file, const cir__report *report);
void cir__report_protocol(FILE *file, const cir__report *report);

/* Charts, and behind each of them its metrics: precision against recall, AP per instance, sweeps,
 * distractors. */
void cir__report_charts(FILE *file, const cir__report *report);

/* The queries that the best method answers best and worst, with their answers. false: memory was short. */
bool cir__report_queries(FILE *file, const cir__report *report);

/* What the parts share: members of JSON objects, "" and NaN where they are missing. */
const char *cir__report_text(const json_t *object, const char *key);
double cir__report_number(const json_t *object, const char *key);

/* A method's name, or its label; whether it is a row of the ablation; its line's style, the same in all
 * charts. */
const char *cir__report_name(const json_t *method);
bool cir__report_is_step(const json_t *method);
size_t cir__report_style(const json_t *method);

/* The metric by which methods are told better: AVG of domains, else mmAP. */
const char *cir__report_key(const json_t *document);

/* The best method, the ablation aside unless there is nothing else. */
const json_t *cir__report_best(const json_t *document);

/* <th scope="row">text</th> and <td>1.23</td>; "–" for a NaN. */
void cir__report_head(FILE *file, const char *text);
void cir__report_cell(FILE *file, double value);

#endif

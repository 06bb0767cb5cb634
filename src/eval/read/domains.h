/* The lists of the four domain-conversion benchmarks (doc/method.md, Metrics), as FREEDOM publishes them, and the queries
 * that they make: every listed image with the name of every domain but its own. Knows no features. */
#ifndef CIR_EVAL_DOMAINS_H
#define CIR_EVAL_DOMAINS_H

#include "eval/data/dataset.h"

/* Reads the lists of a benchmark, and fills in name, names, queries, items, their rows and domains, and the
 * numbers of info. All queries rank one gallery, the database in its list's order; queries go by the query
 * list, and for one image by the benchmark's order of domains. Errors: CIR_ARGUMENT (no such benchmark),
 * CIR_FORMAT with file and line, those of reading. */
CIR_MUST_CHECK cir_status cir__domains_read(cir_dataset *dataset, const char *folder, const char *benchmark,
                                            cir_error *err);

/* AP [n_queries], 0–1, into means in percent: pairs [n_domains, n_domains] over the queries from a source
 * (row) to a target (column), 0 where there are none and where both are the same; sources [n_domains] over
 * the targets; and over the sources. */
void cir__domains_average(const cir_dataset *dataset, const double *AP, double *pairs, double *sources,
                          double *average_out);

#endif

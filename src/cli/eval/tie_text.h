/* How a metric that equal scores leave open is printed, the same in every table. */
#ifndef CIR_CLI_TIE_TEXT_H
#define CIR_CLI_TIE_TEXT_H

#include <stddef.h>

/* Prints "NAME 27.61 (ties 26.28–36.07, 32 of 36 queries)": the expected value, those of the worst and the
 * best order of equal scores, and how many queries it matters to. No end of line. */
void cir__tie_text_print(const char *name, double value, double low, double high, size_t n_tied,
                         size_t n_queries);

#endif

/* The ways the program shows an answer. */
#ifndef CIR_CLI_ANSWER_H
#define CIR_CLI_ANSWER_H

#include "cir/cir.h"
#include "server/common/answer_json.h"

/* The answer as text for people, on standard output. */
void cir__answer_print_table(const cir__answer *answer);

/* The answer as one JSON document, on standard output. */
void cir__answer_print_json(const cir__answer *answer);

/* The answer as one self-contained page. Errors: those of writing; a photo that cannot be read any more is
 * shown as an empty frame with the reason. */
CIR_MUST_CHECK cir_status cir__answer_write_page(const cir__answer *answer, cir_pool *pool, const char *path,
                                                 cir_error *err);

/* The query and the hits as pictures in the terminal. Errors: CIR_NO_MEMORY. */
CIR_MUST_CHECK cir_status cir__answer_show(const cir__answer *answer, cir_pool *pool, cir_error *err);

#endif

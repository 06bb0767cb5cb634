/* What the program, which owns its process, does against a shortage of memory beyond what the library can:
 *   - C++ code (oneDNN) that is refused memory would end the process; here it gets a reserve first;
 *   - documents of JSON that lack what there was no memory for are noticed, whoever made them. */
#ifndef CIR_CLI_SHORTAGE_H
#define CIR_CLI_SHORTAGE_H

/* To be called once, before anything else of the program. */
void cir__shortage_prepare(void);

#endif

/* What the program does where a file is cut short while it is mapped (cir/mapping.h): the command that used
 * it fails with a message, the server goes on. */
#ifndef CIR_CLI_BUS_ERROR_H
#define CIR_CLI_BUS_ERROR_H

/* From now on, in all threads. */
void cir__bus_error_catch(void);

#endif

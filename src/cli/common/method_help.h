/* Methods and settings in a command's help, as the library's tables have them. */
#ifndef CIR_CLI_METHOD_HELP_H
#define CIR_CLI_METHOD_HELP_H

/* Prints the methods that an index can be searched with, or all, and the settings with their defaults. */
void cir__method_help_search(void);
void cir__method_help_eval(void);

#endif

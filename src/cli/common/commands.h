/* Every command of the program, each in its own cmd_*.c. */
#ifndef CIR_CLI_COMMANDS_H
#define CIR_CLI_COMMANDS_H

#include "cli/common/arguments.h"

extern const cir__command cir__command_index;
extern const cir__command cir__command_search;
extern const cir__command cir__command_serve;
extern const cir__command cir__command_info;
extern const cir__command cir__command_check;
extern const cir__command cir__command_encode;
extern const cir__command cir__command_eval;
extern const cir__command cir__command_compare; /* eval compare */
extern const cir__command cir__command_model;
extern const cir__command cir__command_model_list; /* these three in cmd_model.c, too */
extern const cir__command cir__command_model_pull;
extern const cir__command cir__command_model_check;
extern const cir__command cir__command_bench;
extern const cir__command cir__command_make_index; /* bench make-index */
extern const cir__command cir__command_curate;
extern const cir__command cir__command_curate_new; /* these two in cmd_curate.c, too */
extern const cir__command cir__command_curate_plan;
extern const cir__command cir__command_curate_mine;
extern const cir__command cir__command_curate_decide; /* this and the next in cmd_curate_decide.c */
extern const cir__command cir__command_curate_status;
extern const cir__command cir__command_curate_check;
extern const cir__command cir__command_curate_export;

#endif

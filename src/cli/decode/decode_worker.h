/* The process that decodes pictures for another: started by decode_workers.h, never by hand. */
#ifndef CIR_CLI_DECODE_WORKER_H
#define CIR_CLI_DECODE_WORKER_H

/* What main runs for "cir decode-worker PARENT SECONDS BYTES": serves until the socket ends; the exit
 * status. */
int cir__decode_worker_run(int argc, char **argv);

#endif

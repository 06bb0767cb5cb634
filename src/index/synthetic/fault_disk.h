/* For tests: a disk that fails at any write, and a power cut at any write. The system's calls for writing are
 * replaced, for the library and for SQLite alike: the linker finds these first. */
#ifndef CIR_INDEX_FAULT_DISK_H
#define CIR_INDEX_FAULT_DISK_H

#include <stdbool.h>
#include <stddef.h>

/* The exit status of a process whose power is cut. */
#define FAULT_DISK_IS_CUT 77

typedef struct fault_disk {
    bool is_armed;
    size_t n_calls;
    size_t fails_at;    /* this call fails */
    bool fails_onwards; /* and all behind it */
    bool cuts_power;    /* the process ends instead, and what was not synced is undone */
    bool drops_syncs;   /* nothing is ever synced, though it is said to be: what a control must find out */
    unsigned seed;      /* 0: all of it, 1: none of it, else a part */
} fault_disk;

extern fault_disk disk;

/* From now on, until disk.is_armed is false. */
void fault_disk_arm(size_t fails_at, bool fails_onwards, bool cuts_power, unsigned seed);

/* Undoes what was not synced, as seed says, and ends the process. */
void fault_disk_cut_power(void);

#endif

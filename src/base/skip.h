/* For unit tests alone, after cmocka.h: skips the running test and says why, in the form that script/test
 * collects. */
#ifndef CIR_BASE_SKIP_H
#define CIR_BASE_SKIP_H

#define SKIP(...) (print_message("skipped: " __VA_ARGS__), print_message("\n"), skip())

#endif

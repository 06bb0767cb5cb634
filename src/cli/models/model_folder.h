/* What cir model's three commands share. */
#ifndef CIR_CLI_MODEL_FOLDER_H
#define CIR_CLI_MODEL_FOLDER_H

#include <stdbool.h>

#define CIR__MODEL_PATH_SIZE 4096
#define CIR__MODEL_SUMS "SHA256SUMS"

/* Says what went wrong, as every message: "cir: WHAT: WHY; NEXT STEP". Returns CIR__FAILED. */
int cir__model_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The folder of installed models. CIR__DONE, or CIR__FAILED after a message. */
int cir__model_get_folder(char folder_out[CIR__MODEL_PATH_SIZE]);

/* Whether it has a folder of that name. */
bool cir__model_is_folder(const char *folder, const char *name);

#endif

/* Errors, in the library by this name. */
#ifndef CIR_BASE_ERROR_H
#define CIR_BASE_ERROR_H

#include "shared/failure.h"

#endif

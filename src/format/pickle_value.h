/* What a pickle consists of when it is read as data: values, and the functions and classes that it names. */
#ifndef CIR_FORMAT_PICKLE_VALUE_H
#define CIR_FORMAT_PICKLE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cir__pickle_global {
    const char *module, *name;
    bool makes_dict; /* called without arguments it is a dictionary; what it is given besides is dropped */
} cir__pickle_global;

typedef enum cir__pickle_kind {
    CIR__PICKLE_NONE,
    CIR__PICKLE_BOOL,
    CIR__PICKLE_INT,
    CIR__PICKLE_TEXT,
    CIR__PICKLE_TUPLE,
    CIR__PICKLE_LIST,
    CIR__PICKLE_DICT,
    CIR__PICKLE_GLOBAL,
    CIR__PICKLE_CALL,      /* of a global with a tuple */
    CIR__PICKLE_PERSISTENT /* something that lies elsewhere, named by a tuple */
} cir__pickle_kind;

typedef uint32_t cir__pickle_ref; /* of a value */

typedef struct cir__pickle_value {
    cir__pickle_kind kind;
    uint32_t n;            /* items of a tuple or list; of a dictionary: keys and values, in turn */
    uint32_t first, last;  /* cells; for the machine */
    cir__pickle_ref tuple; /* of a call or a persistent */
    uint32_t i_global;     /* of a global or a call: in the caller's list */
    int64_t number;        /* of an int or bool */
    const char *text;      /* without zero bytes inside */
} cir__pickle_value;

#endif

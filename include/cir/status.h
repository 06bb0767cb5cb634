/* Statuses and errors: how every function of libcir that can fail says so.
 *
 * Such a function returns a cir_status and takes a caller-owned cir_error as its last argument, which may be
 * NULL. On failure the outputs are NULL or 0 and the error says what failed, where, and what to do next. The
 * library never prints and never exits. */
#ifndef CIR_STATUS_H
#define CIR_STATUS_H

#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CIR_API __attribute__((visibility("default")))
#define CIR_MUST_CHECK __attribute__((warn_unused_result))
#define CIR_PRINTF(i_format, i_first) __attribute__((format(printf, i_format, i_first)))
#else
#define CIR_API
#define CIR_MUST_CHECK
#define CIR_PRINTF(i_format, i_first)
#endif

/* Every status, its name for programs, and its meaning for people: the only list of them. */
#define CIR_STATUS_LIST(X)                                                                                   \
    X(CIR_OK, "ok", "done")                                                                                  \
    X(CIR_NO_MEMORY, "no_memory", "memory could not be had")                                                 \
    X(CIR_ARGUMENT, "argument", "a value is out of its range or unknown")                                    \
    X(CIR_NOT_FOUND, "not_found", "a file or an item does not exist")                                        \
    X(CIR_PERMISSION, "permission", "the system does not allow it")                                          \
    X(CIR_IO, "io", "reading or writing failed")                                                             \
    X(CIR_FULL, "full", "the disk is full")                                                                  \
    X(CIR_FORMAT, "format", "the bytes are not what the file's kind demands")                                \
    X(CIR_SHAPE, "shape", "dimensions do not fit together")                                                  \
    X(CIR_UNSUPPORTED, "unsupported", "a kind of file or model that is not handled")                         \
    X(CIR_LIMIT, "limit", "larger than a limit set for safety")                                              \
    X(CIR_MISMATCH, "mismatch", "made by another model than the one in use")                                 \
    X(CIR_OTHER_VERSION, "version", "written by a newer version of cir")                                     \
    X(CIR_DAMAGED, "damaged", "a stored file contradicts its checksum or its catalogue")                     \
    X(CIR_BUSY, "busy", "another process holds it")                                                          \
    X(CIR_INTERRUPTED, "interrupted", "stopped on request; what was committed is kept")                      \
    X(CIR_GONE, "gone", "what was opened is no longer at its place: moved, replaced or deleted")

typedef enum cir_status {
#define CIR_STATUS_ENUM(symbol, name, meaning) symbol,
    CIR_STATUS_LIST(CIR_STATUS_ENUM)
#undef CIR_STATUS_ENUM
        CIR_N_STATUSES
} cir_status;

/* Bytes of an error's message, its final zero included; longer messages are cut. */
#define CIR_ERROR_MESSAGE_SIZE 1024

/* What failed. Owned by the caller, no resources inside, reused freely; one a thread. */
typedef struct cir_error {
    cir_status status;
    char message[CIR_ERROR_MESSAGE_SIZE]; /* UTF-8, one line, "WHAT: WHY; NEXT STEP" */
} cir_error;

/* The status' name for programs ("no_memory"), static storage. Thread-safe. */
CIR_API const char *cir_status_name(cir_status status);

/* What the status means, for people, static storage. Thread-safe. */
CIR_API const char *cir_status_meaning(cir_status status);

/* Structs that callers fill, to tell a function how to go about it, begin with their size, as the caller was compiled:
 * later versions add members at the end, and zero means what was done before there was such a member. TYPE_init sets the
 * size, with sizeof, and all else to what is usual, which is zero where nothing else is said. A library that is older
 * than its caller refuses a member that it does not know with CIR_UNSUPPORTED, any refuses a struct without a size with
 * CIR_ARGUMENT. Structs that the library fills are lent by it as pointers, and may grow at the end, or are said to be
 * frozen: they do not change before the next major version. */
#define CIR_OPTIONS_INIT(type)                                                                               \
    static inline void type##_init(type *options, size_t size)                                               \
    {                                                                                                        \
        memset(options, 0, size);                                                                            \
        options->size = size;                                                                                \
    }

#ifdef __cplusplus
}
#endif

#endif

/* Overflow-checked sizes and aligned memory. */
#ifndef CIR_BASE_MEMORY_H
#define CIR_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Alignment of everything that cir__new returns: a cache line, and the widest vector register. */
#define CIR__ALIGNMENT 64

/* *out = a·b or a+b; false, and *out = SIZE_MAX, where that overflows. */
bool cir__size_mul(size_t a, size_t b, size_t *out);
bool cir__size_add(size_t a, size_t b, size_t *out);

/* n_items zeroed items of item_bytes each, aligned to CIR__ALIGNMENT; n_items 0 gives a valid pointer. NULL
 * where the size overflows or out of memory. Free with free(). */
void *cir__new(size_t n_items, size_t item_bytes);

/* The same without zeroing, for buffers that are filled at once. */
void *cir__new_unset(size_t n_items, size_t item_bytes);

/* Grows *items (from malloc or NULL, holding capacity items) so that it holds at least n_needed; capacity at
 * least doubles. false, with everything as it was, when out of memory. */
bool cir__grow(void **items, size_t *capacity, size_t n_needed, size_t item_bytes);

/* Whether the system would give n_bytes more now. To be asked before a library is called that ends the
 * process, or does not return, where it is refused what it needs: a real shortage is then met as an error.
 * What others take between the question and the call is not known. */
bool cir__memory_has_room(size_t n_bytes);

/* A copy of a string, NULL when out of memory. Free with free(). */
char *cir__copy_text(const char *text);

#endif

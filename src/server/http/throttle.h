/* Guesses at the token, slowed: by address and over all.
 *
 * The right token is let in at once, always: by it one who guesses is told from one who knows only
 * afterwards. So a wrong one is answered late, once an address has sent a few, and an address that sends many
 * at once is told to come back before its token is looked at; one that has sent no wrong token lately never
 * is. */
#ifndef CIR_SERVER_THROTTLE_H
#define CIR_SERVER_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cir__throttle cir__throttle;
typedef struct cir__request cir__request;

/* Guesses: at once without a delay, and on their way together, each for CIR__HOLD_SECONDS or more. */
enum {
    CIR__FREE_GUESSES = 5,
    CIR__HOLD_SECONDS = 1,
    CIR__MAX_GUESSES_OF_ADDRESS = 64,
    CIR__MAX_GUESSES = 256
};

cir__throttle *cir__throttle_new(void); /* NULL when out of memory */
void cir__throttle_free(cir__throttle *throttle);

/* Whether a token from that address is to be looked at. now: seconds of cir__clock_seconds. */
bool cir__throttle_allows(cir__throttle *throttle, uint64_t address, double now);

/* It was wrong; whether the answer is to be held back. */
bool cir__throttle_count(cir__throttle *throttle, uint64_t address, double now);

/* Lets the request, which is answered, wait until cir__throttle_release comes by after CIR__HOLD_SECONDS;
 * false: no longer, the server ends. */
bool cir__throttle_hold(cir__throttle *throttle, cir__request *request, double now);

/* Lets those go that have waited long enough; to be called every second or so. */
void cir__throttle_release(cir__throttle *throttle, double now);

/* Lets all go, and holds none from now on. */
void cir__throttle_close(cir__throttle *throttle);

#endif

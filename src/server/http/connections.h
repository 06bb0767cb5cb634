/* Connections and how long each may take: a client that sends or reads too slowly is cut, however often it
 * moves a byte, and when all places are taken the one that has kept the server waiting longest makes room. So
 * nobody can hold all of them, from however many addresses. */
#ifndef CIR_SERVER_CONNECTIONS_H
#define CIR_SERVER_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Seconds. A request's headers must be there so long after the connection was made or the answer before was
 * sent; so a connection that is kept open unused is closed by the same clock. */
enum { CIR__HEADER_SECONDS = 20, CIR__BODY_SECONDS = 60, CIR__ANSWER_SECONDS = 60 };
enum { CIR__MIN_BYTES_PER_SECOND = 32 << 10 };           /* at which long answers must be read */
enum { CIR__MAX_CONNECTIONS = 1024, CIR__N_SPARE = 64 }; /* spare: on their way out */

typedef struct cir__connections cir__connections;
typedef struct cir__connection cir__connection;

/* Who is waited for. */
typedef enum cir__phase {
    CIR__PHASE_IDLE,   /* the client: nothing of a request is there */
    CIR__PHASE_HEAD,   /* the client: its first line is */
    CIR__PHASE_BODY,   /* the client */
    CIR__PHASE_WORK,   /* the server: as long as it takes */
    CIR__PHASE_ANSWER, /* the client, to read */
} cir__phase;

/* tells_why: a client whose request is late is told so (408), in plain HTTP. NULL when out of memory. */
cir__connections *cir__connections_new(bool tells_why);
void cir__connections_free(cir__connections *all);

/* A connection has come, with its socket; NULL when out of memory. It goes before its socket is closed. */
cir__connection *cir__connections_add(cir__connections *all, int fd);
void cir__connections_remove(cir__connections *all, cir__connection *one);

/* n_answer: bytes to be read, of CIR__PHASE_ANSWER. one: NULL is allowed. */
void cir__connections_enter(cir__connections *all, cir__connection *one, cir__phase phase, size_t n_answer);

/* Cuts all whose time is over; to be called every second or so. now: of cir__clock_seconds. */
void cir__connections_cut(cir__connections *all, double now);

size_t cir__connections_count(cir__connections *all);
uint64_t cir__connections_n_cut(cir__connections *all);

#endif

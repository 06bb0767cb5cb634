/* Connections and how long each may take: a client that sends or reads too slowly is cut, however often it
 * moves a byte. */
#ifndef CIR_SERVER_CONNECTIONS_H
#define CIR_SERVER_CONNECTIONS_H

#include <stddef.h>
#include <stdint.h>

/* Seconds. A request's headers must be there so long after the connection was made or the answer before was
 * sent; so a connection that is kept open unused is closed by the same clock. */
enum { CIR__HEADER_SECONDS = 20, CIR__BODY_SECONDS = 60, CIR__ANSWER_SECONDS = 60, CIR__NO_DEADLINE = 0 };
enum { CIR__MIN_BYTES_PER_SECOND = 32 << 10 }; /* at which long answers must be read */

typedef struct cir__connections cir__connections;
typedef struct cir__connection cir__connection;

cir__connections *cir__connections_new(void); /* NULL where memory is short */
void cir__connections_free(cir__connections *all);

/* A connection has come, with its socket; NULL where memory is short. It goes before its socket is closed. */
cir__connection *cir__connections_add(cir__connections *all, int fd);
void cir__connections_remove(cir__connections *all, cir__connection *one);

/* From now it has so many seconds; CIR__NO_DEADLINE: as long as it takes. one: NULL is allowed. */
void cir__connections_allow(cir__connections *all, cir__connection *one, double seconds);

/* Cuts all whose time is over; to be called every second or so. */
void cir__connections_cut(cir__connections *all);

size_t cir__connections_count(cir__connections *all);
uint64_t cir__connections_n_cut(cir__connections *all);

#endif

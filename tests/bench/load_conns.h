/* load_conns.h - the connections of a load: a closed loop on raw sockets and one thread.
 * Each keeps `depth` requests under way; what was answered in one read is asked again in one write.
 * A reply is matched to its request by "requestId" when it has one, else by order.
 */
#ifndef KDM_BENCH_LOAD_CONNS_H
#define KDM_BENCH_LOAD_CONNS_H

#include "load_histogram.h"
#include "load_message.h"
#include <stdbool.h>

struct load_plan {
    const char *host;
    int port, conns, depth;
    bool http;          /* messages are paths, asked for with GET */
    const char *expect; /* what each reply must hold; NULL: anything */
    uint64_t count;     /* of requests; 0: no end */
    bool once;          /* a reply is not followed by the next request */
};

struct load_conn;

struct load {
    struct load_plan plan;
    struct messages messages;
    struct load_conn *conns;
    int epoll;
    bool measuring, stopping;
    uint64_t sent, answered; /* of the whole run */
    uint64_t measured, errors;
    uint64_t request_bytes, reply_bytes; /* of what was measured: payloads */
    char first_error[512];
    struct histogram latencies;
};

/* Opens all connections. */
void load_open(struct load *load);

/* Has connection `i` send `count` requests more. */
void load_ask(struct load *load, int i, int count);

/* Serves the connections for so long, or until `until_answered` (0: never) replies have come. */
void load_run(struct load *load, double seconds, uint64_t until_answered);

#endif

/* limit_redis.h - a plain hiredis connection on the loop, for the limits. */
#ifndef KDM_BENCH_LIMIT_REDIS_H
#define KDM_BENCH_LIMIT_REDIS_H

#include "edge.h"
#include <hiredis/async.h>

/* Connected through the stock libuv adapter; exits when that fails. */
redisAsyncContext *limit_redis_open(uv_loop_t *loop, const char *socket);

/* A request on its way to Redis: whose it is, and its id. */
struct limit_request {
    struct limit_request *next; /* free ones */
    struct edge_session *session;
    unsigned slot; /* a number that no other request under way has */
    size_t id_len;
    char id[64];
};

struct limit_request *limit_request_begin(struct edge_session *session, struct edge_part id);
void limit_request_end(struct limit_request *request);

/* Exits with Redis's own words unless the reply is of that type. */
void limit_redis_check(const redisReply *reply, int type);

#endif

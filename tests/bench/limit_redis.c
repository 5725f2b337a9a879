/* limit_redis.c - see limit_redis.h. The pool is there so that a limit allocates nothing itself. */
#include "limit_redis.h"
#include <hiredis/adapters/libuv.h>
#include <stdio.h>

static struct limit_request *free_requests;
static unsigned next_slot;

redisAsyncContext *limit_redis_open(uv_loop_t *loop, const char *socket)
{
    redisAsyncContext *redis = redisAsyncConnectUnix(socket);

    if (redis == NULL || redis->err != 0)
        edge_die(redis != NULL ? redis->errstr : "hiredis");
    if (redisLibuvAttach(redis, loop) != REDIS_OK)
        edge_die("redisLibuvAttach");
    return redis;
}

struct limit_request *limit_request_begin(struct edge_session *session, struct edge_part id)
{
    struct limit_request *request = free_requests;

    if (request != NULL) {
        free_requests = request->next;
    } else {
        request = calloc(1, sizeof(*request));
        if (request == NULL)
            edge_die("memory");
        request->slot = next_slot++;
    }
    request->session = session;
    edge_ref(session);
    request->id_len = id.len < sizeof(request->id) ? id.len : sizeof(request->id);
    memcpy(request->id, id.ptr, request->id_len);
    return request;
}

void limit_request_end(struct limit_request *request)
{
    edge_unref(request->session);
    request->next = free_requests;
    free_requests = request;
}

void limit_redis_check(const redisReply *reply, int type)
{
    if (reply != NULL && reply->type == type)
        return;
    fprintf(stderr, "Redis: %s\n",
            reply == NULL                      ? "the connection ended"
            : reply->type == REDIS_REPLY_ERROR ? reply->str
                                               : "not the reply that was expected");
    exit(1);
}

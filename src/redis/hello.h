/* hello.h - what is said before a connection is ready.
 * AUTH, SELECT and INFO first; when that Redis is one that kdm can work with, SCRIPT LOAD of each
 * script and SUBSCRIBE of each channel. Pure: RESP out, replies in, a verdict back.
 */
#ifndef KDM_REDIS_HELLO_H
#define KDM_REDIS_HELLO_H

#include "base/buf.h"
#include "redis/redis.h"
#include "redis/url.h"

enum kdm_redis_hello_state {
    KDM_REDIS_HELLO_MORE,    /* more replies are awaited; what is in `out` is to be written */
    KDM_REDIS_HELLO_LOADING, /* Redis reads its data: ask again in a while */
    KDM_REDIS_HELLO_DONE,
    KDM_REDIS_HELLO_REFUSED, /* trying again won't help until somebody changes Redis; see error */
    KDM_REDIS_HELLO_FAILED   /* trying again may help; see error */
};

/* What both sides of the hello need; lent by the caller. */
struct kdm_redis_hello_plan {
    const struct kdm_redis_url *url;
    const struct kdm_redis_script *const *scripts;
    size_t script_count;
    const struct kdm_str *channels;
    size_t channel_count;
};

struct kdm_redis_hello {
    struct kdm_redis_hello_plan plan;
    struct kdm_buf out; /* what is to be written; the caller empties it */
    int step;
    size_t step_count; /* replies of this step that have come */
    char run_id[64];
    char error[256];
};

void kdm_redis_hello_init(struct kdm_redis_hello *hello, const struct kdm_redis_hello_plan *plan);
void kdm_redis_hello_fini(struct kdm_redis_hello *hello);

/* Asks once more after KDM_REDIS_HELLO_LOADING. */
void kdm_redis_hello_again(struct kdm_redis_hello *hello);

/* Takes the next reply. */
enum kdm_redis_hello_state kdm_redis_hello_reply(struct kdm_redis_hello *hello,
                                                 const redisReply *reply);

#endif

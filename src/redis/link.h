/* link.h - one attempt at a connection to Redis, and the connection that comes of it.
 * A link is used once: when it is down, it is closed and another one opened. Writes go straight to
 * the socket; the loop is asked for UV_WRITABLE only after a partial write, so a busy connection
 * costs no epoll_ctl. Host names are resolved off the loop. Loop thread only.
 */
#ifndef KDM_REDIS_LINK_H
#define KDM_REDIS_LINK_H

#include "base/str.h"
#include "redis/url.h"
#include <uv.h>

struct kdm_redis_link;

/* Called from the loop, never inside kdm_redis_link_open(). A link may be closed in any of them. */
struct kdm_redis_link_events {
    void *ctx;
    void (*on_up)(void *ctx);
    /* Bytes have come; lent. */
    void (*on_bytes)(void *ctx, struct kdm_str bytes);
    /* What kdm_redis_link_write() did not take can be tried again. */
    void (*on_writable)(void *ctx);
    /* Could not connect, or the connection ended; the last event. `reason` is lent. */
    void (*on_down)(void *ctx, const char *reason);
};

/* Begins to connect. Borrows `url` until the link is closed. */
struct kdm_redis_link *kdm_redis_link_open(uv_loop_t *loop, const struct kdm_redis_url *url,
                                           const struct kdm_redis_link_events *events);

/* No event comes any more; frees once its handles are closed. NULL is fine. */
void kdm_redis_link_close(struct kdm_redis_link *link);

/* Writes what the socket takes and returns how many bytes that was; 0 also when the connection is
 * about to go down. After less than `len` on_writable or on_down follows. */
size_t kdm_redis_link_write(struct kdm_redis_link *link, const char *bytes, size_t len);

#endif

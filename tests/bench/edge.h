/* edge.h - the plainest fast WebSocket server on libwebsockets and libuv: what the limits stand on.
 * No per-message work of its own, and all replies of one loop turn to one connection leave in one
 * write (13 times cheaper than a WRITEABLE each). A bench tool: it exits with a line on stderr when
 * anything goes wrong.
 */
#ifndef KDM_BENCH_EDGE_H
#define KDM_BENCH_EDGE_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* One connection. What answers later holds a reference until it has. */
struct edge_session;

/* A text message; lent. Of one that came in several reads, only the last piece. */
typedef void edge_fn(struct edge_session *session, const char *text, size_t len);

/* Listens on 127.0.0.1:`port` (0: any free one), prints the port, serves until it is killed. */
void edge_run(uv_loop_t *loop, int port, edge_fn *fn);

void edge_ref(struct edge_session *session);
void edge_unref(struct edge_session *session);

/* Room for a reply of exactly `len` (below 65536) bytes, to be filled before this loop turn ends.
 */
char *edge_reply(struct edge_session *session, size_t len);

/* Says what went wrong and exits. */
__attribute__((noreturn)) void edge_die(const char *what);

/* What one reply is put together from. */
struct edge_part {
    const char *ptr;
    size_t len;
};
#define EDGE_LIT(text) ((struct edge_part){ (text), sizeof(text) - 1 })

void edge_reply_parts(struct edge_session *session, const struct edge_part *parts, size_t count);

/* The request's id, which a load's messages begin with: {"requestId":"17",.. */
struct edge_part edge_request_id(const char *text, size_t len);

#endif

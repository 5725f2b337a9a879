/* listen.h - our own listening sockets (design section 8: those of lws can't be trusted with an
 * address). Loop thread only.
 */
#ifndef KDM_NET_LISTEN_H
#define KDM_NET_LISTEN_H

#include <uv.h>

struct kdm_listeners;

typedef void kdm_listen_fn(void *ctx, int fd);

/* Binds `host` (NULL: all addresses of both families) and `port` (0: any free one, the same for all
 * addresses) and calls `accepted` with each new connection, whose descriptor it takes. NULL, with
 * one line in *ret_error (free() it), when an address can't be bound. */
struct kdm_listeners *kdm_listeners_open(uv_loop_t *loop, const char *host, int port,
                                         kdm_listen_fn *accepted, void *ctx, char **ret_error);
int kdm_listeners_port(const struct kdm_listeners *listeners);
/* Closes the sockets; frees once the loop has let go of its handles. NULL is fine. */
void kdm_listeners_close(struct kdm_listeners *listeners);

#endif

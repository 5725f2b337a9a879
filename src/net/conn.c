/* conn.c - the life of a connection, and what HTTP and WebSocket have in common. See conn.h. */
#include "net/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

/* A buffer above this is given back to the heap, not kept for the next turn. */
#define SPARE_MAX (128u << 10)
#define OUT_ROOM  512u

/* What is worth telling the memory's owner about: see give_back() in net.c. */
#define BIG (16u << 10)

/* --- begin and end --------------------------------------------------------------------- */

static bool too_many(struct kdm_net *net)
{
    int64_t now = (int64_t)uv_now(net->loop);

    if (net->connections < net->options.max_connections)
        return false;
    if (now - net->refused_logged >= 1000) {
        net->refused_logged = now;
        kdm_log_warn("net: %zu connections, refusing more", net->connections);
    }
    return true;
}

void kdm_conn_accept(struct kdm_net *net, int fd)
{
    lws_sock_file_fd_type socket = { .sockfd = fd };
    struct kdm_conn *conn;
    int on = 1;

    if (net->closing || too_many(net)) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn = kdm_zalloc(sizeof(*conn));
    conn->net = net;
    conn->told = true;
    /* ALLOW_SSL does nothing until the vhost has a certificate: that is all TLS will need here. */
    conn->wsi = lws_adopt_descriptor_vhost(
        net->vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL, socket, NULL, NULL);
    if (conn->wsi == NULL) { /* lws closed the socket */
        free(conn);
        return;
    }
    lws_set_wsi_user(conn->wsi, conn);
    conn->next = net->all;
    if (net->all != NULL)
        net->all->prev = conn;
    net->all = conn;
    net->connections++;
    net->counts.accepted++;
    net->counts.http++;
}

void kdm_conn_closed(struct kdm_conn *conn)
{
    conn->wsi = NULL;
    kdm_wheel_remove(&conn->due);
    if (!conn->told) {
        conn->told = true;
        kdm_api_gone(conn->net->api, &conn->peer);
    }
    kdm_http_gone(conn);
}

/* Rare: it was marked and closed in one turn. */
static void unlink_dirty(struct kdm_conn *conn)
{
    struct kdm_conn **at = &conn->net->dirty;

    while (*at != NULL && *at != conn)
        at = &(*at)->next_dirty;
    if (*at == conn)
        *at = conn->next_dirty;
}

void kdm_conn_free(struct kdm_conn *conn)
{
    struct kdm_net *net = conn->net;

    kdm_conn_closed(conn);
    if (conn->dirty)
        unlink_dirty(conn);
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        net->all = conn->next;
    net->queued -= kdm_conn_queued(conn);
    kdm_conn_drop(net, &conn->out);
    kdm_conn_drop(net, &conn->in);
    free((char *)conn->peer.origin.ptr);
    free((char *)conn->peer.cookie.ptr);
    if (conn->kind == KDM_CONN_WEBSOCKET)
        net->counts.websocket--;
    else
        net->counts.http--;
    net->connections--;
    free(conn);
}

/* Being active is all it does: the loop does not sleep then. */
static void on_wake(uv_idle_t *idle)
{
    (void)idle;
}

void kdm_conn_mark(struct kdm_conn *conn)
{
    struct kdm_net *net = conn->net;

    if (conn->dirty)
        return;
    conn->dirty = true;
    conn->next_dirty = net->dirty;
    if (net->dirty == NULL && !net->closing)
        uv_idle_start(&net->wake, on_wake);
    net->dirty = conn;
}

void kdm_conn_doom(struct kdm_conn *conn)
{
    conn->doomed = true;
    kdm_conn_mark(conn);
}

/* --- time ------------------------------------------------------------------------------ */

void kdm_conn_due(struct kdm_conn *conn, int64_t after_ms)
{
    if (after_ms == 0)
        kdm_wheel_remove(&conn->due);
    else
        kdm_wheel_set(&conn->net->wheel, &conn->due, (int64_t)uv_now(conn->net->loop) + after_ms);
}

void kdm_conn_expired(struct kdm_conn *conn)
{
    if (conn->kind == KDM_CONN_WEBSOCKET)
        kdm_ws_expired(conn);
    else
        kdm_http_expired(conn);
}

/* Asking the kernel costs one call an idle period; noting the time of each message would cost every
 * message, and lws does not tell us of ping frames at all. */
int64_t kdm_conn_silent_ms(const struct kdm_conn *conn)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof(info);

    if (getsockopt(lws_get_socket_fd(conn->wsi), IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return INT64_MAX; /* no socket any more */
    return info.tcpi_last_data_recv;
}

void kdm_conn_pause(struct kdm_conn *conn, bool pause)
{
    if (conn->paused == pause)
        return;
    conn->paused = pause;
    lws_rx_flow_control(conn->wsi, !pause);
}

/* --- bytes to send --------------------------------------------------------------------- */

struct kdm_buf *kdm_conn_out(struct kdm_conn *conn, size_t room)
{
    struct kdm_net *net = conn->net;

    if (conn->out.ptr == NULL) {
        if (net->spares > 0)
            conn->out = net->spare[--net->spares];
        else
            kdm_buf_init(&conn->out, NULL, room < OUT_ROOM ? OUT_ROOM : room);
    }
    return &conn->out;
}

void kdm_conn_out_done(struct kdm_conn *conn)
{
    struct kdm_net *net = conn->net;

    if (conn->out.ptr == NULL || conn->sent < conn->out.len)
        return;
    conn->out.len = conn->sent = 0;
    if (conn->out.cap <= SPARE_MAX
        && net->spares < (int)(sizeof(net->spare) / sizeof(net->spare[0])))
        net->spare[net->spares++] = conn->out;
    else
        kdm_conn_drop(net, &conn->out);
    conn->out = (struct kdm_buf){ .ptr = NULL };
}

void kdm_conn_drop(struct kdm_net *net, struct kdm_buf *buf)
{
    if (buf->cap >= BIG) {
        net->big_freed += buf->cap;
        net->big_freed_at = (int64_t)uv_now(net->loop);
    }
    kdm_buf_fini(buf);
    *buf = (struct kdm_buf){ .ptr = NULL };
}

size_t kdm_conn_queued(const struct kdm_conn *conn)
{
    return conn->out.len - conn->sent + conn->in_lws;
}

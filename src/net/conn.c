/* conn.c - the life of a connection, and what HTTP and WebSocket have in common. See conn.h. */
#include "net/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A buffer above this is given back to the heap, not kept for the next turn. */
#define SPARE_MAX (128u << 10)
#define OUT_ROOM  512u

#define WRITE_MAX (256u << 10)

/* What is worth telling the memory's owner about: see give_back() in net.c. */
#define BIG (16u << 10)

#define FIRST_MS 10000 /* for a new connection to say something */
/* Between our end and the socket's: closed at once, with input that nobody has read, it would reset
 * the connection and the client might lose what we said last. */
#define LINGER_MS 3000

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
    conn->wsi = lws_adopt_descriptor_vhost(net->vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL,
                                           socket, NULL, NULL);
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
    kdm_conn_due(conn, FIRST_MS);
}

/* A client may end its side and wait for the reply to what it has asked; but lws closes a socket
 * whose other side has ended. So a second descriptor of it is given to lws, which is not read any
 * more. (To have reading off during each request does as well, but for two system calls a request.)
 * With TLS, whose session would go with the first one, reading is off. False: it is closed. */
static bool outlive_end(struct kdm_conn *conn)
{
    struct kdm_net *net = conn->net;
    lws_sock_file_fd_type socket;
    struct lws *wsi;
    char byte;

    if (net->closing || net->tls != NULL || conn->doomed || conn->kind != KDM_CONN_HTTP
        || (conn->exchange == NULL && conn->sent == conn->out.len)
        || recv(lws_get_socket_fd(conn->wsi), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
        return false;
    socket.sockfd = fcntl(lws_get_socket_fd(conn->wsi), F_DUPFD_CLOEXEC, 0);
    if (socket.sockfd < 0)
        return false;
    wsi = lws_adopt_descriptor_vhost(net->vhost, LWS_ADOPT_SOCKET, socket, NULL, NULL);
    if (wsi == NULL)
        return false;
    lws_set_wsi_user(conn->wsi, NULL);
    lws_set_wsi_user(wsi, conn);
    conn->wsi = wsi;
    conn->ended = true;
    conn->paused = true;
    lws_rx_flow_control(wsi, 0);
    kdm_http_cut_off(conn);
    return true;
}

void kdm_conn_closed(struct kdm_conn *conn)
{
    if (conn->wsi != NULL && outlive_end(conn))
        return;
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

    conn->wsi = NULL;
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
    kdm_conn_drop(net, &conn->message);
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

void kdm_conn_drop(struct kdm_net *net, struct kdm_buf *buf)
{
    if (buf->cap >= BIG) {
        net->big_freed += buf->cap;
        net->big_freed_at = (int64_t)uv_now(net->loop);
    }
    kdm_buf_fini(buf);
    *buf = (struct kdm_buf){ .ptr = NULL };
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
    if (conn->lingering)
        kdm_conn_doom(conn);
    else if (conn->kind == KDM_CONN_WEBSOCKET)
        kdm_ws_expired(conn);
    else
        kdm_http_expired(conn);
}

/* Asking the kernel costs one call an idle period; noting the time of each message would cost every
 * message. */
int64_t kdm_conn_silent_ms(const struct kdm_conn *conn)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof(info);

    if (getsockopt(lws_get_socket_fd(conn->wsi), IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return INT64_MAX; /* no socket any more */
    return info.tcpi_last_data_recv;
}

/* --- receiving ------------------------------------------------------------------------- */

/* Notes what lws got rid of since. */
static bool lws_is_busy(struct kdm_conn *conn)
{
    if (lws_partial_buffered(conn->wsi))
        return true;
    conn->net->queued -= conn->in_lws;
    conn->in_lws = 0;
    return false;
}

/* Has it so much on its way that it is not listened to for now: replies that it does not read, or
 * requests? `part` of what is allowed; 1 is all of it. */
static bool is_over(const struct kdm_conn *conn, size_t part)
{
    const struct kdm_net_options *options = &conn->net->options;

    return kdm_conn_queued(conn) > options->max_queued / 8 / part
           || conn->peer.in_flight >= options->max_requests / part + (part > 1);
}

bool kdm_conn_is_behind(const struct kdm_conn *conn)
{
    return is_over(conn, 1);
}

/* Reading is off while something waits to be taken, while the client is behind, and, since a raw
 * socket of lws spins on input that it does not take then, while lws keeps something. With TLS also
 * while the API works on a request: see outlive_end(). */
static void regulate(struct kdm_conn *conn)
{
    bool blocked =
        conn->in.ptr != NULL && (conn->kind == KDM_CONN_WEBSOCKET || kdm_http_is_blocked(conn));
    bool asked = conn->net->tls != NULL && kdm_http_is_asked(conn);
    bool pause =
        lws_is_busy(conn) || blocked || asked || conn->ended || is_over(conn, conn->paused ? 2 : 1);

    if (conn->paused == pause)
        return;
    conn->paused = pause;
    lws_rx_flow_control(conn->wsi, !pause);
}

/* Takes as much as can be taken now; returns how many bytes. An upgrade in the midst of them makes
 * the rest frames. */
static size_t take(struct kdm_conn *conn, struct kdm_str bytes)
{
    size_t taken = 0, n;

    do {
        struct kdm_str rest = kdm_str_from(bytes, taken);

        if (conn->last || conn->doomed)
            n = rest.len; /* nobody listens any more */
        else if (conn->kind == KDM_CONN_WEBSOCKET)
            n = kdm_ws_take(conn, rest);
        else
            n = kdm_http_take(conn, rest);
        taken += n;
    } while (n > 0 && taken < bytes.len);
    return taken;
}

static void take_kept(struct kdm_conn *conn)
{
    conn->taken += take(conn, kdm_str_from(kdm_buf_str(&conn->in), conn->taken));
    if (conn->taken < conn->in.len)
        return;
    kdm_conn_drop(conn->net, &conn->in);
    conn->taken = 0;
}

static void keep(struct kdm_conn *conn, struct kdm_str bytes)
{
    if (conn->in.ptr == NULL)
        kdm_buf_init(&conn->in, NULL, bytes.len * 2);
    if (conn->taken > 0) {
        conn->in.len -= conn->taken;
        memmove(conn->in.ptr, conn->in.ptr + conn->taken, conn->in.len);
        conn->taken = 0;
    }
    kdm_buf_put(&conn->in, bytes);
}

/* The first bytes. */
static void begin(struct kdm_conn *conn)
{
    conn->begun = true;
    if (conn->net->tls == NULL)
        return;
    lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0); /* lws waits for no more than them */
    if (lws_get_ssl(conn->wsi) == NULL)
        kdm_http_refuse_plain(conn);
}

void kdm_conn_receive(struct kdm_conn *conn, char *bytes, size_t len)
{
    struct kdm_str all = { .ptr = bytes, .len = len };

    if (!conn->begun)
        begin(conn);
    if (conn->in.ptr != NULL) {
        keep(conn, all);
        take_kept(conn);
    } else {
        size_t taken = take(conn, all);

        if (taken < len)
            keep(conn, kdm_str_from(all, taken));
    }
    regulate(conn);
}

/* --- sending --------------------------------------------------------------------------- */

struct kdm_buf *kdm_conn_put(struct kdm_conn *conn, size_t room)
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

void kdm_conn_put_done(struct kdm_conn *conn, size_t before)
{
    size_t more = conn->out.len - before;

    conn->net->queued += more;
    if (conn->kind == KDM_CONN_HTTP)
        conn->no_frames += more;
    kdm_conn_mark(conn);
}

void kdm_conn_put_text(struct kdm_conn *conn, struct kdm_str text)
{
    struct kdm_buf *out = kdm_conn_put(conn, text.len);
    size_t before = out->len;

    kdm_buf_put(out, text);
    kdm_conn_put_done(conn, before);
}

/* Gives the out buffer back when all of it was handed over. */
static void give_out_back(struct kdm_conn *conn)
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

void kdm_conn_drop_out(struct kdm_conn *conn)
{
    size_t kept = conn->sent + conn->no_frames;

    conn->net->queued -= conn->out.len - kept;
    conn->out.len = kept;
    give_out_back(conn);
}

size_t kdm_conn_queued(const struct kdm_conn *conn)
{
    return conn->out.len - conn->sent + conn->in_lws;
}

/* Drops what was sent from the front of a long queue. */
static void compact(struct kdm_conn *conn)
{
    if (conn->sent < conn->out.len / 2 || conn->sent < WRITE_MAX)
        return;
    memmove(conn->out.ptr, conn->out.ptr + conn->sent, conn->out.len - conn->sent);
    conn->out.len -= conn->sent;
    conn->sent = 0;
}

/* How much of it to hand over at once. */
static size_t next_write(struct kdm_conn *conn, struct kdm_str rest)
{
    size_t n;

    if (rest.len <= WRITE_MAX) {
        conn->no_frames = 0;
        return rest.len;
    }
    if (conn->no_frames == 0)
        return kdm_frame_cut(rest, WRITE_MAX);
    n = conn->no_frames < WRITE_MAX ? conn->no_frames : WRITE_MAX;
    conn->no_frames -= n;
    return n;
}

void kdm_conn_write(struct kdm_conn *conn)
{
    while (conn->sent < conn->out.len && !lws_is_busy(conn)) {
        struct kdm_str rest = kdm_str_from(kdm_buf_str(&conn->out), conn->sent);
        size_t n = next_write(conn, rest);

        if (lws_write(conn->wsi, (unsigned char *)rest.ptr, n, LWS_WRITE_RAW) < 0) {
            kdm_conn_doom(conn);
            return;
        }
        conn->sent += n;
        conn->in_lws = n;
    }
    lws_is_busy(conn);
    compact(conn);
    give_out_back(conn);
}

/* --- the flush --------------------------------------------------------------------------- */

/* All is sent: our side ends now, and the socket a little later. */
static void linger(struct kdm_conn *conn)
{
    conn->lingering = true;
    kdm_pieces_sent(conn);
    if (lws_get_ssl(conn->wsi) != NULL)
        kdm_tls_say_end(lws_get_ssl(conn->wsi));
    shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR);
    kdm_conn_due(conn, LINGER_MS);
}

/* Sends, ends what was answered, and goes on with what had to wait for that, until nothing more can
 * be done now. */
static void exchange_bytes(struct kdm_conn *conn)
{
    size_t taken;

    do {
        taken = conn->taken;
        kdm_http_flush(conn);
        kdm_conn_write(conn);
        if (conn->in.ptr == NULL || conn->doomed)
            break;
        take_kept(conn);
    } while (conn->in.ptr != NULL && conn->taken > taken);
    kdm_conn_write(conn);
    kdm_pieces_flush(conn);
}

void kdm_conn_flush(struct kdm_conn *conn)
{
    if ((conn->close_code != 0 || conn->doomed) && !conn->told) {
        conn->told = true;
        kdm_api_gone(conn->net->api, &conn->peer);
    }
    if (conn->wsi == NULL)
        return;
    if (!conn->doomed)
        exchange_bytes(conn);
    if (conn->ended && conn->exchange == NULL && kdm_conn_queued(conn) == 0) {
        kdm_pieces_sent(conn);
        conn->doomed = true; /* both sides are through */
    }
    if (conn->doomed) {
        lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
        return;
    }
    if (conn->last && !conn->lingering && kdm_conn_queued(conn) == 0)
        linger(conn);
    regulate(conn);
}

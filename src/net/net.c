/* net.c - opens and closes the edge, and takes the callbacks of lws.
 * lws runs on our loop and is given each accepted socket, as a raw one: it watches, reads, writes
 * and encrypts; what the bytes mean is ours. It listens on none itself.
 */
#include "net/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/listen.h"
#include "net/response.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* lws reads the sockets in pieces of this size, into one buffer that all connections share. */
#define RX_SIZE (64u << 10)

/* One send() may take this much; lws would cut it into pieces of RX_SIZE, a loop turn each. */
#define TX_SIZE (1u << 20)

/* See give_back(). */
#define BURST    (8u << 20)
#define QUIET_MS 400

#define DEFAULT_MAX_MESSAGE  (1u << 20)
#define DEFAULT_MAX_QUEUED   (8u << 20)
#define DEFAULT_MAX_REQUESTS 1000u

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct kdm_conn *conn = user;

    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) { /* its user: the SSL_CTX */
        struct kdm_net *net = lws_context_user(lws_get_context(wsi));

        return kdm_tls_install(net->tls, user) ? 0 : -1;
    }
    if (conn == NULL) /* vhost events, and connections that never came to be */
        return 0;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_RX:
        kdm_conn_receive(conn, in, len);
        return 0;
    case LWS_CALLBACK_RAW_WRITEABLE:
        kdm_conn_mark(conn);
        return 0;
    case LWS_CALLBACK_RAW_CLOSE:
        kdm_conn_closed(conn);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        kdm_conn_free(conn);
        return 0;
    default:
        return 0;
    }
}

/* --- once a loop turn ------------------------------------------------------------------ */

/* Runs before the loop polls: everything that was said in this turn leaves now. */
static void on_flush(uv_prepare_t *prepare)
{
    struct kdm_net *net = prepare->data;

    while (net->dirty != NULL) {
        struct kdm_conn *conn = net->dirty;

        net->dirty = conn->next_dirty;
        conn->dirty = false;
        kdm_conn_flush(conn);
    }
    uv_idle_stop(&net->wake);
}

static void on_due(struct kdm_wheel_entry *entry)
{
    kdm_conn_expired((struct kdm_conn *)((char *)entry - offsetof(struct kdm_conn, due)));
}

/* After a burst of large messages the heap has many holes that only the system could use. Asked for
 * once it is quiet again: while large messages come, the next ones need the same memory. */
static void give_back(struct kdm_net *net)
{
    if (net->big_freed < BURST || (int64_t)uv_now(net->loop) - net->big_freed_at < QUIET_MS)
        return;
    net->big_freed = 0;
    malloc_trim(0);
}

static void on_tick(uv_timer_t *timer)
{
    struct kdm_net *net = timer->data;

    give_back(net);

    kdm_wheel_turn(&net->wheel, (int64_t)uv_now(net->loop), on_due);
}

static void start_handles(struct kdm_net *net)
{
    uv_prepare_init(net->loop, &net->flush);
    uv_idle_init(net->loop, &net->wake);
    uv_timer_init(net->loop, &net->tick);
    net->flush.data = net->wake.data = net->tick.data = net;
    net->handles = 3;
    kdm_wheel_init(&net->wheel, (int64_t)uv_now(net->loop));
    uv_prepare_start(&net->flush, on_flush);
    uv_timer_start(&net->tick, on_tick, KDM_WHEEL_TICK_MS, KDM_WHEEL_TICK_MS);
}

/* --- opening --------------------------------------------------------------------------- */

static void on_lws_log(int level, const char *line)
{
    (void)level;
    /* What lws calls an error is nearly always a client's doing. */
    kdm_log_debug("lws: %.*s", (int)strcspn(line, "\n"), line);
}

static const char *copy_text(struct kdm_net *net, const char *text)
{
    return kdm_arena_copy(&net->arena, kdm_str_of(text)).ptr;
}

static void copy_options(struct kdm_net *net, const struct kdm_net_options *options)
{
    struct kdm_net_options *own = &net->options;

    *own = *options;
    own->host = NULL;
    own->allow_origin = copy_text(net, options->allow_origin == NULL ? "*" : options->allow_origin);
    own->allow_headers = copy_text(net, options->allow_headers);
    own->allow_methods = copy_text(net, options->allow_methods);
    own->tls_cert = copy_text(net, options->tls_cert);
    own->tls_key = copy_text(net, options->tls_key);
    own->node = kdm_arena_copy(&net->arena, options->node);
    if (own->max_message == 0)
        own->max_message = DEFAULT_MAX_MESSAGE;
    if (own->max_queued == 0)
        own->max_queued = DEFAULT_MAX_QUEUED;
    if (own->max_requests == 0)
        own->max_requests = DEFAULT_MAX_REQUESTS;
    if (own->idle_timeout_ms <= 0)
        own->idle_timeout_ms = 60000;
    if (own->max_encoding_layers <= 0)
        own->max_encoding_layers = 3;
    if (own->max_connections == 0)
        own->max_connections = SIZE_MAX;
}

static bool start_lws(struct kdm_net *net)
{
    const struct lws_protocols protocols[] = {
        { .name = "kdm", .callback = on_event, .tx_packet_size = TX_SIZE },
        { .name = NULL },
    };
    void *loops[] = { net->loop };
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .foreign_loops = loops,
        .user = net,
        .pt_serv_buf_size = RX_SIZE + LWS_PRE,
        .alpn = "http/1.1",
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME
                   | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
    };

    if (net->tls != NULL)
        /* Plain HTTP is let in to be told what is wrong: see begin() in conn.c. */
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT
                        | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX
                        | LWS_SERVER_OPTION_ALLOW_NON_SSL_ON_SSL_PORT
                        | LWS_SERVER_OPTION_ALLOW_HTTP_ON_HTTPS_LISTENER;
    lws_set_log_level(LLL_ERR, on_lws_log);
    net->context = lws_create_context(&info);
    if (net->context == NULL)
        return false;
    net->vhost = lws_create_vhost(net->context, &info);
    return net->vhost != NULL;
}

/* True also without TLS. */
static bool open_tls(struct kdm_net *net, char **ret_error)
{
    const struct kdm_net_options *options = &net->options;

    if (options->tls_cert == NULL)
        return true;
    net->tls = kdm_tls_open(options->tls_cert, options->tls_key, ret_error);
    return net->tls != NULL;
}

bool kdm_net_reload_tls(struct kdm_net *net, char **ret_error)
{
    return net->tls == NULL || kdm_tls_reload(net->tls, ret_error);
}

static void on_accepted(void *ctx, int fd)
{
    kdm_conn_accept(ctx, fd);
}

struct kdm_net *kdm_net_open(uv_loop_t *loop, struct kdm_api *api,
                             const struct kdm_net_options *options, char **ret_error)
{
    struct kdm_net *net = kdm_zalloc(sizeof(*net));

    net->loop = loop;
    net->api = api;
    kdm_arena_init(&net->arena, 1024);
    copy_options(net, options);
    net->constant_headers = kdm_response_constant(&net->arena, &net->options);
    start_handles(net);
    if (!open_tls(net, ret_error))
        goto fail;
    net->listeners =
        kdm_listeners_open(loop, options->host, options->port, on_accepted, net, ret_error);
    if (net->listeners == NULL)
        goto fail;
    net->port = kdm_listeners_port(net->listeners);
    if (start_lws(net))
        return net;
    *ret_error = strdup("can't start libwebsockets");
fail:
    kdm_net_close(net);
    return NULL;
}

int kdm_net_port(const struct kdm_net *net)
{
    return net->port;
}

size_t kdm_net_queued(const struct kdm_net *net)
{
    return net->queued;
}

void kdm_net_counts(const struct kdm_net *net, struct kdm_net_counts *ret_counts)
{
    *ret_counts = net->counts;
}

/* --- closing --------------------------------------------------------------------------- */

void kdm_net_stop_accepting(struct kdm_net *net)
{
    kdm_listeners_close(net->listeners);
    net->listeners = NULL;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct kdm_net *net = handle->data;

    if (--net->handles > 0)
        return;
    while (net->spares > 0)
        kdm_buf_fini(&net->spare[--net->spares]);
    kdm_http_free_idle(net);
    kdm_tls_close(net->tls);
    kdm_arena_fini(&net->arena);
    free(net);
}

/* lws closes its sockets and then its own handles through the loop, and does not say when it is
 * through with the latter; it takes two turns. Only then may the context be freed, by the second
 * call. */
static void on_closing_tick(uv_timer_t *timer)
{
    struct kdm_net *net = timer->data;

    if (net->connections > 0 || ++net->quiet_ticks < 8)
        return;
    if (net->context != NULL)
        lws_context_destroy(net->context);
    uv_close((uv_handle_t *)&net->tick, on_handle_closed);
    uv_close((uv_handle_t *)&net->wake, on_handle_closed);
    uv_close((uv_handle_t *)&net->flush, on_handle_closed);
}

void kdm_net_close(struct kdm_net *net)
{
    if (net == NULL)
        return;
    kdm_net_stop_accepting(net);
    net->closing = true;
    for (struct kdm_conn *conn = net->all; conn != NULL; conn = conn->next) {
        if (conn->wsi != NULL && conn->kind == KDM_CONN_WEBSOCKET)
            kdm_ws_goodbye(conn);
    }
    uv_prepare_stop(&net->flush);
    uv_idle_stop(&net->wake);
    uv_timer_start(&net->tick, on_closing_tick, 0, 1);
    if (net->context != NULL)
        lws_context_destroy(net->context);
    for (struct kdm_conn *conn = net->all; conn != NULL; conn = conn->next)
        kdm_conn_closed(conn);
}

/* edge.c - see edge.h. */
#include "edge.h"
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (64u << 10)

struct edge_session {
    struct lws *wsi; /* NULL: the connection is closed */
    unsigned refs;
    struct edge_session *next; /* with something to send */
    int dirty;
    unsigned char *out;
    size_t len, cap;
};

/* lws gives its callbacks no place of ours that is cheaper to reach than this. */
static struct {
    edge_fn *fn;
    struct edge_session *dirty;
} edge;

void edge_die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
    exit(1);
}

void edge_ref(struct edge_session *session)
{
    session->refs++;
}

void edge_unref(struct edge_session *session)
{
    if (--session->refs > 0)
        return;
    free(session->out);
    free(session);
}

static unsigned char *reserve(struct edge_session *session, size_t len)
{
    if (session->len + len > session->cap) {
        session->cap = (session->len + len) * 2;
        session->out = realloc(session->out, session->cap);
        if (session->out == NULL)
            edge_die("memory");
    }
    session->len += len;
    return session->out + session->len - len;
}

char *edge_reply(struct edge_session *session, size_t len)
{
    unsigned char *at = reserve(session, (len < 126 ? 2 : 4) + len);

    at[0] = 0x81;
    if (len < 126) {
        at[1] = (unsigned char)len;
        at += 2;
    } else {
        at[1] = 126;
        at[2] = (unsigned char)(len >> 8);
        at[3] = (unsigned char)len;
        at += 4;
    }
    if (!session->dirty) {
        session->dirty = 1;
        session->next = edge.dirty;
        edge.dirty = session;
        edge_ref(session);
    }
    return (char *)at;
}

void edge_reply_parts(struct edge_session *session, const struct edge_part *parts, size_t count)
{
    size_t len = 0;
    char *at;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    at = edge_reply(session, len);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
}

struct edge_part edge_request_id(const char *text, size_t len)
{
    static const size_t at = sizeof("{\"requestId\":\"") - 1;
    const char *end = len > at ? memchr(text + at, '"', len - at) : NULL;

    return end == NULL ? (struct edge_part){ "", 0 }
                       : (struct edge_part){ text + at, (size_t)(end - text) - at };
}

static void established(struct lws *wsi, struct edge_session **slot)
{
    *slot = calloc(1, sizeof(**slot));
    if (*slot == NULL)
        edge_die("memory");
    (*slot)->wsi = wsi;
    (*slot)->refs = 1;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct edge_session **slot = user;

    if (reason == LWS_CALLBACK_RECEIVE) {
        if (lws_remaining_packet_payload(wsi) == 0)
            edge.fn(*slot, in, len);
    } else if (reason == LWS_CALLBACK_ESTABLISHED) {
        established(wsi, slot);
    } else if (reason == LWS_CALLBACK_CLOSED) {
        (*slot)->wsi = NULL;
        edge_unref(*slot);
    }
    return 0;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct edge_session *next;

    (void)prepare;
    for (struct edge_session *session = edge.dirty; session != NULL; session = next) {
        next = session->next;
        session->dirty = 0;
        if (session->wsi != NULL)
            lws_write(session->wsi, session->out, session->len, LWS_WRITE_HTTP);
        session->len = 0;
        edge_unref(session);
    }
    edge.dirty = NULL;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    int listener = (int)(intptr_t)poll->data, fd, on = 1;
    struct lws_context *context = uv_handle_get_loop((uv_handle_t *)poll)->data;

    (void)status;
    (void)events;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        lws_adopt_socket(context, fd);
    }
}

/* A listening socket; its port is printed. */
static int listen_on(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0
        || getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        edge_die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

void edge_run(uv_loop_t *loop, int port, edge_fn *fn)
{
    static const struct lws_protocols protocols[] = {
        { .name = "bench",
          .callback = on_event,
          .per_session_data_size = sizeof(struct edge_session *),
          .rx_buffer_size = SIZE,
          .tx_packet_size = 1u << 20 },
        { .name = NULL },
    };
    void *loops[] = { loop };
    struct lws_context_creation_info info = { .port = CONTEXT_PORT_NO_LISTEN_SERVER,
                                              .protocols = protocols,
                                              .foreign_loops = loops,
                                              .pt_serv_buf_size = SIZE + LWS_PRE,
                                              .options = LWS_SERVER_OPTION_LIBUV };
    uv_prepare_t prepare;
    uv_poll_t poll;
    int fd;

    edge.fn = fn;
    lws_set_log_level(LLL_ERR, NULL);
    loop->data = lws_create_context(&info);
    if (loop->data == NULL)
        edge_die("lws_create_context");
    fd = listen_on(port);
    uv_poll_init(loop, &poll, fd);
    poll.data = (void *)(intptr_t)fd;
    uv_poll_start(&poll, UV_READABLE, on_connection);
    uv_prepare_init(loop, &prepare);
    uv_prepare_start(&prepare, on_prepare);
    uv_run(loop, UV_RUN_DEFAULT);
}

/* lws_echo.c - the raw limit of the edge: an echo server on libwebsockets and libuv, and nothing
 * else.
 *
 *   lws_echo [PORT]      0 or none: any free one; prints the port
 *
 * In its plainest fast form: no per-message work, and all echoes of one loop turn to one connection
 * leave in one write (13 times cheaper than a WRITEABLE each). A bench tool.
 */
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define SIZE (64u << 10)

struct session {
    struct lws *wsi;
    struct session *next; /* with something to send */
    int dirty;
    unsigned char *out;
    size_t len, cap;
};

static struct session *dirty;

static void echo(struct session *session, const unsigned char *bytes, size_t len)
{
    unsigned char *at;

    if (session->len + len + 10 > session->cap) {
        session->cap = (session->len + len + 10) * 2;
        session->out = realloc(session->out, session->cap);
        if (session->out == NULL)
            abort();
    }
    at = session->out + session->len;
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
    memcpy(at, bytes, len);
    session->len = (size_t)(at + len - session->out);
    if (!session->dirty) {
        session->dirty = 1;
        session->next = dirty;
        dirty = session;
    }
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct session *session = user;

    if (reason == LWS_CALLBACK_ESTABLISHED)
        session->wsi = wsi;
    else if (reason == LWS_CALLBACK_RECEIVE)
        echo(session, in, len);
    else if (reason == LWS_CALLBACK_CLOSED)
        session->wsi = NULL;
    return 0;
}

static void on_prepare(uv_prepare_t *prepare)
{
    (void)prepare;
    for (; dirty != NULL; dirty = dirty->next) {
        dirty->dirty = 0;
        if (dirty->wsi != NULL)
            lws_write(dirty->wsi, dirty->out, dirty->len, LWS_WRITE_HTTP);
        dirty->len = 0;
    }
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

int main(int argc, char **argv)
{
    const struct lws_protocols protocols[] = {
        { .name = "echo",
          .callback = on_event,
          .per_session_data_size = sizeof(struct session),
          .rx_buffer_size = SIZE,
          .tx_packet_size = 1u << 20 },
        { .name = NULL },
    };
    uv_loop_t *loop = uv_default_loop();
    void *loops[] = { loop };
    struct lws_context_creation_info info = { .port = CONTEXT_PORT_NO_LISTEN_SERVER,
                                              .protocols = protocols,
                                              .foreign_loops = loops,
                                              .pt_serv_buf_size = SIZE + LWS_PRE,
                                              .options = LWS_SERVER_OPTION_LIBUV };
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port =
                                       htons((uint16_t)(argc > 1 ? strtol(argv[1], NULL, 10) : 0)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    uv_prepare_t prepare;
    uv_poll_t poll;

    lws_set_log_level(LLL_ERR, NULL);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0
        || getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        perror("lws_echo");
        return 1;
    }
    loop->data = lws_create_context(&info);
    if (loop->data == NULL)
        return 1;
    uv_poll_init(loop, &poll, fd);
    poll.data = (void *)(intptr_t)fd;
    uv_poll_start(&poll, UV_READABLE, on_connection);
    uv_prepare_init(loop, &prepare);
    uv_prepare_start(&prepare, on_prepare);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}

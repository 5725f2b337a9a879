/* fixture.h - a real server on a free port with an API that plays back, and raw clients, all on one
 * thread: whoever waits turns the loop meanwhile. Included by the tests of net/ that need sockets.
 */
#ifndef KDM_NET_FIXTURE_H
#define KDM_NET_FIXTURE_H

#include "net/net.h"

#include "../suite.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Not every test uses every helper. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define PATIENCE_MS 8000

static uv_loop_t loop;
static struct kdm_net *net;
static struct kdm_net_options options;

/* What the API was told; texts are copies. */
static struct {
    int messages, requests, gone, rooms;
    char *last; /* the last message, or HTTP body */
    size_t last_len;
    char verb[16], path[256], query[256], content_type[256], authorization[256], volatile_json[256],
        request_id[256], origin[256], cookie[256], id[KDM_UUID_LEN + 1];
    struct kdm_peer *peer; /* of the last message or request */
    bool hold;             /* do not answer requests: the test does */
    size_t answer_len;     /* answer with this many 'x'; 0: echo */
    int status;
} api;

static void keep(struct kdm_str text)
{
    free(api.last);
    api.last = malloc(text.len + 1);
    memcpy(api.last, text.len == 0 ? "" : text.ptr, text.len);
    api.last[text.len] = '\0';
    api.last_len = text.len;
}

static void keep_short(char (*ret)[256], struct kdm_str text)
{
    snprintf(*ret, sizeof(*ret), KDM_FMT, (int)text.len, text.ptr == NULL ? "" : text.ptr);
}

static void keep_peer(struct kdm_peer *peer)
{
    api.peer = peer;
    keep_short(&api.origin, peer->origin);
    keep_short(&api.cookie, peer->cookie);
    memcpy(api.id, peer->id, KDM_UUID_LEN);
}

static char *xs(size_t len)
{
    char *text = malloc(len + 1);

    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

void kdm_api_message(struct kdm_api *ignored, struct kdm_peer *peer, struct kdm_str text)
{
    (void)ignored;
    api.messages++;
    keep(text);
    keep_peer(peer);
    if (api.hold)
        return;
    if (api.answer_len > 0) {
        char *much = xs(api.answer_len);

        peer->ops->send(peer, (struct kdm_str){ .ptr = much, .len = api.answer_len });
        free(much);
    } else {
        peer->ops->send(peer, text);
    }
}

static void api_answer(void)
{
    struct kdm_http_response response = { .status = api.status == 0 ? 200 : api.status,
                                          .request_id = KDM_STR("the-id") };
    char *much = NULL;

    if (api.answer_len > 0) {
        much = xs(api.answer_len);
        response.body = (struct kdm_str){ .ptr = much, .len = api.answer_len };
    } else {
        response.body = (struct kdm_str){ .ptr = api.last, .len = api.last_len };
    }
    api.peer->ops->respond(api.peer, &response);
    free(much);
}

void kdm_api_http(struct kdm_api *ignored, struct kdm_peer *peer,
                  const struct kdm_http_request *request)
{
    (void)ignored;
    api.requests++;
    keep(request->body);
    keep_peer(peer);
    snprintf(api.verb, sizeof(api.verb), KDM_FMT, KDM_ARG(request->verb));
    keep_short(&api.path, request->path);
    keep_short(&api.query, request->query);
    keep_short(&api.content_type, request->content_type);
    keep_short(&api.authorization, request->authorization);
    keep_short(&api.volatile_json, request->volatile_json);
    keep_short(&api.request_id, request->request_id);
    if (!api.hold)
        api_answer();
}

/* What is below /foreign is for another vendor's API. */
bool kdm_api_is_foreign(struct kdm_api *ignored, struct kdm_arena *arena, struct kdm_str verb,
                        struct kdm_str path)
{
    (void)ignored, (void)arena, (void)verb;
    return kdm_str_starts(path, KDM_STR("/foreign"));
}

void kdm_api_put_refusal(struct kdm_api *ignored, struct kdm_arena *arena, struct kdm_str verb,
                         struct kdm_str path, const struct kdm_failure *failure,
                         struct kdm_buf *body, int *ret_status)
{
    (void)ignored, (void)arena, (void)verb, (void)path;
    *ret_status = failure->status;
    kdm_buf_lit(body, "{\"foreign\":true}");
}

void kdm_api_room(struct kdm_api *ignored, struct kdm_peer *peer)
{
    (void)ignored;
    ck_assert_ptr_eq(peer, api.peer);
    api.rooms++;
}

void kdm_api_gone(struct kdm_api *ignored, struct kdm_peer *peer)
{
    (void)ignored;
    api.gone++;
    if (api.peer == peer)
        api.peer = NULL;
}

/* --- server ---------------------------------------------------------------------------- */

static void pump(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void pump_ms(int ms)
{
    int64_t end = kdm_clock_monotonic_ms() + ms;

    while (kdm_clock_monotonic_ms() < end) {
        pump();
        usleep(200);
    }
}

/* Turns the loop until `condition` holds; fails the test if it never does. */
#define wait_for(condition)                                                                        \
    do {                                                                                           \
        int64_t wait_end = kdm_clock_monotonic_ms() + PATIENCE_MS;                                 \
        while (!(condition)) {                                                                     \
            ck_assert_msg(kdm_clock_monotonic_ms() < wait_end, "never: %s", #condition);           \
            pump();                                                                                \
            usleep(100);                                                                           \
        }                                                                                          \
    } while (0)

/* Before start_server() a test may change `options`. */
static void set_up(void)
{
    memset(&api, 0, sizeof(api));
    uv_loop_init(&loop);
    net = NULL;
    options = (struct kdm_net_options){ .host = "127.0.0.1",
                                        .max_message = 1 << 20,
                                        .max_queued = 8 << 20,
                                        .idle_timeout_ms = 60000,
                                        .max_encoding_layers = 3,
                                        .max_connections = 20000,
                                        .allow_compression = true,
                                        .cookies = true,
                                        .node = KDM_STR("knode-test") };
}

static void start_server(void)
{
    char *error = NULL;

    net = kdm_net_open(&loop, NULL, &options, &error);
    ck_assert_msg(net != NULL, "%s", error);
}

static void tear_down(void)
{
    kdm_net_close(net);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    free(api.last);
}

static struct kdm_net_counts counts(void)
{
    struct kdm_net_counts now;

    kdm_net_counts(net, &now);
    return now;
}

/* --- raw clients ----------------------------------------------------------------------- */

static int client(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)kdm_net_port(net)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Sends everything, turning the loop while the socket is full. False when the server has hung up.
 */
static bool send_bytes(int fd, const void *bytes, size_t len)
{
    int64_t end = kdm_clock_monotonic_ms() + PATIENCE_MS;
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return false;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        ck_assert_msg(kdm_clock_monotonic_ms() < end, "the server does not read");
        pump();
    }
    return true;
}

static void say(int fd, const char *text)
{
    ck_assert(send_bytes(fd, text, strlen(text)));
}

/* Reads exactly `len` bytes; false when the connection ends before. */
static bool receive(int fd, void *ret_bytes, size_t len)
{
    int64_t end = kdm_clock_monotonic_ms() + PATIENCE_MS;
    char *at = ret_bytes;

    while (len > 0) {
        ssize_t n = recv(fd, at, len, 0);

        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        ck_assert_msg(kdm_clock_monotonic_ms() < end, "the server does not answer");
        pump();
        usleep(50);
    }
    return true;
}

/* Does the connection end without another byte? */
static bool ended(int fd)
{
    char byte;

    return !receive(fd, &byte, 1);
}

/* An HTTP response: head in `head`, body (by Content-Length) on the heap. */
struct response {
    int status;
    char head[4096];
    char *body;
    size_t len;
};

static const char *head_of(const struct response *response, const char *name)
{
    static char value[512];
    const char *at = strcasestr(response->head, name);

    if (at == NULL)
        return "";
    at += strlen(name) + 2;
    snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

static bool try_read_response(int fd, struct response *ret, bool has_body)
{
    size_t got = 0;

    memset(ret, 0, sizeof(*ret));
    while (got < sizeof(ret->head) - 1
           && (got < 4 || memcmp(ret->head + got - 4, "\r\n\r\n", 4) != 0)) {
        if (!receive(fd, ret->head + got, 1))
            return false;
        got++;
    }
    ret->status = (int)strtol(ret->head + 9, NULL, 10);
    ret->len = strtoul(head_of(ret, "\r\nContent-Length"), NULL, 10);
    ret->body = calloc(1, ret->len + 1);
    return !has_body || receive(fd, ret->body, ret->len);
}

static struct response read_response(int fd)
{
    struct response response;

    ck_assert_msg(try_read_response(fd, &response, true), "no response");
    return response;
}

/* Sends a request, expects `status`, and leaves the response's body in api-independent memory. */
static struct response request(int fd, const char *text)
{
    say(fd, text);
    return read_response(fd);
}

/* --- WebSocket ------------------------------------------------------------------------- */

static int ws_client_with(const char *headers)
{
    struct response response;
    int fd = client();
    char text[1024];

    snprintf(text, sizeof(text),
             "GET /any HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
             headers);
    say(fd, text);
    ck_assert(try_read_response(fd, &response, false));
    ck_assert_int_eq(response.status, 101);
    free(response.body);
    return fd;
}

static int ws_client(void)
{
    return ws_client_with("");
}

/* A masked client frame in heap memory. `first`: FIN, RSV and opcode. */
static char *frame(int first, const void *payload, size_t len, size_t *ret_len)
{
    static const unsigned char mask[4] = { 0x12, 0x34, 0x56, 0x78 };
    unsigned char *f = malloc(len + 14);
    size_t n = 2;

    f[0] = (unsigned char)first;
    if (len < 126) {
        f[1] = (unsigned char)(0x80 | len);
    } else if (len < 65536) {
        f[1] = 0x80 | 126;
        f[2] = (unsigned char)(len >> 8);
        f[3] = (unsigned char)len;
        n = 4;
    } else {
        f[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            f[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
        n = 10;
    }
    memcpy(f + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < len; i++)
        f[n + i] = ((const unsigned char *)payload)[i] ^ mask[i & 3];
    *ret_len = n + len;
    return (char *)f;
}

static bool ws_send(int fd, int first, const void *payload, size_t len)
{
    size_t n;
    char *f = frame(first, payload, len, &n);
    bool ok = send_bytes(fd, f, n);

    free(f);
    return ok;
}

static void ws_say(int fd, const char *text)
{
    ck_assert(ws_send(fd, 0x81, text, strlen(text)));
}

/* Reads one frame; its payload is in *ret_payload (free it), NUL-terminated. Returns its first
 * byte, -1 when the connection ends instead. */
static int ws_read(int fd, char **ret_payload, size_t *ret_len)
{
    unsigned char head[10];
    size_t len;

    *ret_payload = NULL;
    *ret_len = 0;
    if (!receive(fd, head, 2))
        return -1;
    ck_assert_msg((head[1] & 0x80) == 0, "a server's frame is not masked");
    len = head[1];
    if (len == 126) {
        ck_assert(receive(fd, head + 2, 2));
        len = (size_t)head[2] << 8 | head[3];
    } else if (len == 127) {
        ck_assert(receive(fd, head + 2, 8));
        len = 0;
        for (int i = 2; i < 10; i++)
            len = len << 8 | head[i];
    }
    *ret_payload = calloc(1, len + 1);
    *ret_len = len;
    if (!receive(fd, *ret_payload, len))
        return -1;
    return head[0];
}

static void ws_expect(int fd, int first, const char *text)
{
    char *payload;
    size_t len;

    ck_assert_int_eq(ws_read(fd, &payload, &len), first);
    ck_assert_str_eq(payload, text);
    free(payload);
}

/* The code of the close frame that comes next, skipping other frames; 0 for one without code, -1
 * when the connection ends without one. */
static int ws_close_code(int fd)
{
    char *payload;
    size_t len;
    int first, code = 0;

    do {
        first = ws_read(fd, &payload, &len);
        if (first == 0x88 && len >= 2)
            code = (unsigned char)payload[0] << 8 | (unsigned char)payload[1];
        free(payload);
    } while (first != -1 && first != 0x88);
    return first == -1 ? -1 : code;
}

#endif

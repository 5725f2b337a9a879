/* load_conns.c - see load_conns.h.
 * Cheap because it shares the machine with what it measures: one read takes what there is, replies
 * are not parsed, only searched for their id and for the text that marks a success; the clock is
 * read once for each read.
 */
#include "load_conns.h"
#include "load.h"
#include "load_wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_SIZE   (2u << 20)
#define HTTP_TAIL " HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"

/* A place for one request under way; its number grows by depth * conns, so it names the place. */
struct slot {
    uint64_t id, sent_ns;
};

struct load_conn {
    int fd;
    struct slot *slots;
    unsigned *order; /* ring of slots, oldest first: for replies without an id */
    unsigned oldest, under_way;
    unsigned *idle; /* slots */
    unsigned idle_count;
    char *rest; /* the beginning of a reply */
    size_t rest_len, rest_cap;
    char *out;
    size_t out_len, out_cap, out_sent;
    bool waiting; /* for the socket to take more */
};

/* --- asking ------------------------------------------------------------------------------ */

static char *reserve(struct load_conn *conn, size_t len)
{
    if (conn->out_len + len > conn->out_cap) {
        conn->out_cap = (conn->out_len + len) * 2;
        conn->out = load_need(realloc(conn->out, conn->out_cap));
    }
    return conn->out + conn->out_len;
}

static size_t put_http(struct load *load, struct load_conn *conn, uint64_t id)
{
    char *out = reserve(conn, messages_next_max(&load->messages) + sizeof("GET " HTTP_TAIL));
    size_t len;

    memcpy(out, "GET ", 4);
    len = messages_next(&load->messages, id, out + 4);
    memcpy(out + 4 + len, HTTP_TAIL, sizeof(HTTP_TAIL) - 1);
    conn->out_len += 4 + len + sizeof(HTTP_TAIL) - 1;
    return len;
}

static size_t put_frame(struct load *load, struct load_conn *conn, uint64_t id)
{
    char *out = reserve(conn, messages_next_max(&load->messages) + WIRE_HEAD_MAX);
    size_t len = messages_next(&load->messages, id, out + WIRE_HEAD_MAX), head;
    char *frame = wire_frame_head(out, len);

    head = (size_t)(out + WIRE_HEAD_MAX - frame);
    memmove(out, frame, head + len);
    conn->out_len += head + len;
    return len;
}

static void ask(struct load *load, struct load_conn *conn, uint64_t now_ns)
{
    unsigned depth = (unsigned)load->plan.depth, place;
    struct slot *slot;
    size_t len;

    if (load->stopping || conn->idle_count == 0
        || (load->plan.count > 0 && load->sent == load->plan.count))
        return;
    place = conn->idle[--conn->idle_count];
    slot = &conn->slots[place];
    slot->id += (uint64_t)load->plan.conns * depth;
    slot->sent_ns = now_ns;
    conn->order[(conn->oldest + conn->under_way++) % depth] = place;
    len = load->plan.http ? put_http(load, conn, slot->id) : put_frame(load, conn, slot->id);
    load->sent++;
    if (load->measuring)
        load->request_bytes += len;
}

static void watch(struct load *load, struct load_conn *conn, int op, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = conn };

    if (epoll_ctl(load->epoll, op, conn->fd, &event) != 0)
        load_die("epoll_ctl");
}

static void wait_writable(struct load *load, struct load_conn *conn, bool wait)
{
    if (conn->waiting == wait)
        return;
    conn->waiting = wait;
    watch(load, conn, EPOLL_CTL_MOD, wait ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void flush(struct load *load, struct load_conn *conn)
{
    while (conn->out_sent < conn->out_len) {
        ssize_t n = write(conn->fd, conn->out + conn->out_sent, conn->out_len - conn->out_sent);

        if (n < 0 && errno == EAGAIN) {
            wait_writable(load, conn, true);
            return;
        }
        if (n < 0)
            load_die("write");
        conn->out_sent += (size_t)n;
    }
    conn->out_len = conn->out_sent = 0;
    wait_writable(load, conn, false);
}

/* --- replies ----------------------------------------------------------------------------- */

/* The place named by "requestId":"..", or the oldest one. */
static unsigned place_of(struct load *load, struct load_conn *conn, const struct wire_reply *reply)
{
    static const char name[] = "\"requestId\":\"";
    unsigned depth = (unsigned)load->plan.depth;
    const char *at =
        load->plan.http ? NULL : memmem(reply->text, reply->len, name, sizeof(name) - 1);
    uint64_t id;

    if (at == NULL)
        return conn->order[conn->oldest];
    id = strtoull(at + sizeof(name) - 1, NULL, 10);
    if (conn->slots[id % depth].id != id)
        load_die("a reply to something that was not asked");
    return (unsigned)(id % depth);
}

/* Takes a place out of the order of those under way; nearly always the oldest. */
static void release(struct load *load, struct load_conn *conn, unsigned place)
{
    unsigned depth = (unsigned)load->plan.depth, i = 0;

    if (conn->under_way == 0)
        load_die("a reply too many");
    while (i < conn->under_way && conn->order[(conn->oldest + i) % depth] != place)
        i++;
    if (i == conn->under_way)
        load_die("a second reply to one request");
    for (; i > 0; i--)
        conn->order[(conn->oldest + i) % depth] = conn->order[(conn->oldest + i - 1) % depth];
    conn->oldest = (conn->oldest + 1) % depth;
    conn->under_way--;
    conn->idle[conn->idle_count++] = place;
}

static void note_error(struct load *load, const struct wire_reply *reply)
{
    size_t len =
        reply->len < sizeof(load->first_error) ? reply->len : sizeof(load->first_error) - 1;

    if (load->errors++ > 0)
        return;
    memcpy(load->first_error, reply->text, len);
    load->first_error[len] = '\0';
}

static void answered(struct load *load, struct load_conn *conn, const struct wire_reply *reply,
                     uint64_t now_ns)
{
    const char *expect = load->plan.expect;
    unsigned place = place_of(load, conn, reply);

    release(load, conn, place);
    load->answered++;
    if (reply->refused
        || (expect != NULL && memmem(reply->text, reply->len, expect, strlen(expect)) == NULL))
        note_error(load, reply);
    if (load->measuring) {
        load->measured++;
        load->reply_bytes += reply->len;
        histogram_add(&load->latencies, now_ns - conn->slots[place].sent_ns);
    }
    if (!load->plan.once)
        ask(load, conn, now_ns);
}

/* Keeps the beginning of a reply until the rest has come. */
static void keep_rest(struct load_conn *conn, const char *bytes, size_t len)
{
    if (len > conn->rest_cap) {
        conn->rest_cap = 2 * len;
        conn->rest = load_need(realloc(conn->rest, conn->rest_cap));
    }
    if (len > 0)
        memcpy(conn->rest, bytes, len);
    conn->rest_len = len;
}

static void serve(struct load *load, struct load_conn *conn)
{
    static char in[IN_SIZE];
    size_t have = conn->rest_len, at = 0;
    uint64_t now_ns;
    ssize_t n;

    if (have == sizeof(in))
        load_die("a reply too large");
    n = read(conn->fd, in + have, sizeof(in) - have);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        load_die("the server closed a connection");
    if (have > 0)
        memcpy(in, conn->rest, have);
    have += (size_t)n;
    now_ns = load_now_ns();
    for (;;) {
        struct wire_reply reply = load->plan.http ? wire_http_read(in + at, have - at)
                                                  : wire_frame_read(in + at, have - at);

        if (reply.size == 0)
            break;
        at += reply.size;
        answered(load, conn, &reply, now_ns);
    }
    keep_rest(conn, in + at, have - at);
}

/* --- opening and running ----------------------------------------------------------------- */

static void connect_one(struct load *load, struct load_conn *conn)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)load->plan.port) };
    int on = 1;

    inet_pton(AF_INET, load->plan.host, &to.sin_addr);
    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        load_die("connect");
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!load->plan.http)
        wire_upgrade(conn->fd);
    fcntl(conn->fd, F_SETFL, O_NONBLOCK);
    watch(load, conn, EPOLL_CTL_ADD, EPOLLIN);
}

void load_open(struct load *load)
{
    unsigned depth = (unsigned)load->plan.depth;

    load->epoll = epoll_create1(0);
    load->conns = load_need(calloc((size_t)load->plan.conns, sizeof(*load->conns)));
    for (int i = 0; i < load->plan.conns; i++) {
        struct load_conn *conn = &load->conns[i];

        conn->slots = load_need(calloc(depth, sizeof(*conn->slots)));
        conn->order = load_need(calloc(depth, sizeof(*conn->order)));
        conn->idle = load_need(calloc(depth, sizeof(*conn->idle)));
        for (unsigned j = 0; j < depth; j++) {
            conn->slots[j].id = (uint64_t)i * depth + j;
            conn->idle[conn->idle_count++] = j;
        }
        connect_one(load, conn);
    }
}

void load_ask(struct load *load, int i, int count)
{
    uint64_t now_ns = load_now_ns();

    while (count-- > 0)
        ask(load, &load->conns[i], now_ns);
    flush(load, &load->conns[i]);
}

void load_run(struct load *load, double seconds, uint64_t until_answered)
{
    struct epoll_event events[256];
    uint64_t end = load_now_ns() + (uint64_t)(seconds * 1e9);

    while (load_now_ns() < end && (until_answered == 0 || load->answered < until_answered)) {
        int n = epoll_wait(load->epoll, events, 256, 10);

        for (int i = 0; i < n; i++) {
            struct load_conn *conn = events[i].data.ptr;

            if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
                serve(load, conn);
            if (conn->out_len > 0)
                flush(load, conn);
        }
    }
}

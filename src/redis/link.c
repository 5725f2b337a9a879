/* link.c - non-blocking sockets on uv_poll.
 * hiredis's own async context is not used: it mallocs for each command, looks names up while the
 * loop stands still, and does not tell which bytes were written, without which "certainly not
 * done" and "unknown" can't be told apart.
 * Whatever goes wrong with a socket is reported by poll as readable, so there is one place, the
 * reading side, that finds out that a connection is down; before that it hands over the answers
 * that had already come.
 */
#include "redis/link.h"

#include "base/arena.h"
#include "base/err.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 * 1024)
/* A busy Redis must not keep the loop from its other connections. */
#define READS_AT_ONCE 16

/* A peer that vanished without a word is noticed after about 20 s. */
#define KEEPALIVE_IDLE_S     5
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT      3
#define USER_TIMEOUT_MS      20000

struct kdm_redis_link {
    uv_loop_t *loop;
    const struct kdm_redis_url *url;
    struct kdm_redis_link_events events;
    uv_timer_t starter; /* takes the first step from the loop, where a failure may be reported */
    uv_getaddrinfo_t lookup;
    struct addrinfo *addresses, *next_address;
    uv_poll_t *poll; /* of the socket; on the heap, for another address needs another one */
    int fd;
    bool up, looking_up, starter_open, wants_write, broken, closing;
    unsigned busy; /* frames of ours on the stack: free later */
    char bytes[READ_SIZE];
};

static void try_next(struct kdm_redis_link *link, const char *reason);

static void free_when_done(struct kdm_redis_link *link)
{
    if (!link->closing || link->busy > 0 || link->looking_up || link->starter_open)
        return;
    if (link->addresses != NULL)
        uv_freeaddrinfo(link->addresses);
    free(link);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void drop_socket(struct kdm_redis_link *link)
{
    if (link->poll != NULL) {
        link->poll->data = NULL;
        uv_close((uv_handle_t *)link->poll, on_poll_closed);
        link->poll = NULL;
    }
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

static void go_down(struct kdm_redis_link *link, const char *reason)
{
    drop_socket(link);
    link->up = false;
    link->events.on_down(link->events.ctx, reason);
}

/* Reads what is there. false when the link is down or was closed by an event. */
static bool receive(struct kdm_redis_link *link)
{
    for (int i = 0; i < READS_AT_ONCE; i++) {
        ssize_t n = recv(link->fd, link->bytes, READ_SIZE, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n <= 0) {
            go_down(link, n == 0 ? "Redis closed the connection" : strerror(errno));
            return false;
        }
        link->events.on_bytes(link->events.ctx,
                              (struct kdm_str){ .ptr = link->bytes, .len = (size_t)n });
        if (link->closing)
            return false;
        if ((size_t)n < READ_SIZE)
            break;
    }
    return true;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct kdm_redis_link *link, bool for_write)
{
    int events = for_write ? UV_READABLE | UV_WRITABLE : UV_READABLE;
    int err = uv_poll_start(link->poll, events, on_poll);

    /* Fails only for a socket that is not open, and ours is. */
    KDM_ASSERT(err == 0);
    link->wants_write = for_write;
}

/* The connect() that was begun has ended, well or not. */
static void finish_connect(struct kdm_redis_link *link)
{
    int err = 0;
    socklen_t len = sizeof err;

    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
        err = errno;
    if (err != 0) {
        try_next(link, strerror(err));
        return;
    }
    link->up = true;
    watch(link, false);
    link->events.on_up(link->events.ctx);
}

static void handle_io(struct kdm_redis_link *link, int status, int events)
{
    if (!link->up) {
        finish_connect(link);
        return;
    }
    /* A negative status is an error on the socket: the read then says which. */
    if (((status < 0 || (events & UV_READABLE)) && !receive(link)) || link->fd < 0)
        return;
    if (link->broken) {
        go_down(link, "the connection to Redis broke");
    } else if (events & UV_WRITABLE) {
        watch(link, false);
        link->events.on_writable(link->events.ctx);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct kdm_redis_link *link = poll->data;

    if (link == NULL)
        return;
    link->busy++;
    handle_io(link, status, events);
    link->busy--;
    free_when_done(link);
}

static void tune_tcp(int fd)
{
    /* Best effort: without them the link works, only less well. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ KEEPALIVE_IDLE_S }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ KEEPALIVE_INTERVAL_S }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ KEEPALIVE_COUNT }, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){ USER_TIMEOUT_MS }, sizeof(int));
}

/* Begins to connect to one address. false with errno set when that failed at once. */
static bool begin_connect(struct kdm_redis_link *link, const struct sockaddr *address,
                          socklen_t len)
{
    int err;

    link->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        return false;
    if (address->sa_family != AF_UNIX)
        tune_tcp(link->fd);
    /* EAGAIN is a Unix socket's full backlog, and no connect is under way then. */
    if (connect(link->fd, address, len) != 0 && errno != EINPROGRESS)
        return false;
    link->poll = kdm_malloc(sizeof *link->poll);
    err = uv_poll_init(link->loop, link->poll, link->fd);
    if (err != 0) {
        free(link->poll);
        link->poll = NULL;
        errno = -err;
        return false;
    }
    link->poll->data = link;
    watch(link, true);
    return true;
}

/* Goes on with the next address of the name; none left: down, for `reason`. */
static void try_next(struct kdm_redis_link *link, const char *reason)
{
    drop_socket(link);
    while (link->next_address != NULL) {
        const struct addrinfo *address = link->next_address;

        link->next_address = address->ai_next;
        if (begin_connect(link, address->ai_addr, address->ai_addrlen))
            return;
        reason = strerror(errno);
        drop_socket(link);
    }
    go_down(link, reason);
}

static void connect_unix(struct kdm_redis_link *link)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    /* url.c has checked that it fits. */
    memcpy(address.sun_path, link->url->path, strlen(link->url->path));
    if (!begin_connect(link, (struct sockaddr *)&address, sizeof address))
        go_down(link, strerror(errno));
}

static void on_lookup(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct kdm_redis_link *link = request->data;

    link->looking_up = false;
    link->addresses = addresses;
    link->next_address = addresses;
    if (link->closing) {
        free_when_done(link);
        return;
    }
    link->busy++;
    try_next(link, status == 0 ? "the host has no address" : uv_strerror(status));
    link->busy--;
    free_when_done(link);
}

static void look_up(struct kdm_redis_link *link)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    char port[8];
    int err;

    snprintf(port, sizeof port, "%d", link->url->port);
    link->lookup.data = link;
    err = uv_getaddrinfo(link->loop, &link->lookup, on_lookup, link->url->host, port, &hints);
    if (err != 0)
        go_down(link, uv_strerror(err));
    else
        link->looking_up = true;
}

static void on_starter_closed(uv_handle_t *handle)
{
    struct kdm_redis_link *link = handle->data;

    link->starter_open = false;
    free_when_done(link);
}

static void on_start(uv_timer_t *timer)
{
    struct kdm_redis_link *link = timer->data;

    link->busy++;
    if (link->url->path != NULL)
        connect_unix(link);
    else
        look_up(link);
    link->busy--;
    free_when_done(link);
}

struct kdm_redis_link *kdm_redis_link_open(uv_loop_t *loop, const struct kdm_redis_url *url,
                                           const struct kdm_redis_link_events *events)
{
    struct kdm_redis_link *link = kdm_malloc(sizeof *link);

    memset(link, 0, offsetof(struct kdm_redis_link, bytes));
    link->loop = loop;
    link->url = url;
    link->events = *events;
    link->fd = -1;
    link->starter_open = true;
    uv_timer_init(loop, &link->starter);
    link->starter.data = link;
    uv_timer_start(&link->starter, on_start, 0, 0);
    return link;
}

void kdm_redis_link_close(struct kdm_redis_link *link)
{
    if (link == NULL || link->closing)
        return;
    link->closing = true;
    drop_socket(link);
    uv_close((uv_handle_t *)&link->starter, on_starter_closed);
    if (link->looking_up)
        uv_cancel((uv_req_t *)&link->lookup);
}

size_t kdm_redis_link_write(struct kdm_redis_link *link, const char *bytes, size_t len)
{
    size_t done = 0;

    if (!link->up || link->wants_write || link->broken)
        return 0;
    while (done < len) {
        ssize_t n = send(link->fd, bytes + done, len - done, MSG_NOSIGNAL);

        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            link->broken = errno != EAGAIN && errno != EWOULDBLOCK;
            watch(link, true);
            break;
        }
    }
    return done;
}

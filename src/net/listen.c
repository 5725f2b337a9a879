/* listen.c - see listen.h.
 * A turn of the loop accepts a bounded number of connections, so that a storm of new ones can't
 * starve those that are there. When the process runs out of descriptors the sockets are left alone
 * for a moment: they stay readable, and polling them meanwhile would spin.
 */
#include "net/listen.h"

#include "base/arena.h"
#include "base/log.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_SOCKETS    8
#define ACCEPTS_A_TURN 64
#define BACKLOG        1024
#define EXHAUSTED_MS   100
#define ANY_PORT_TRIES 16

struct listener {
    uv_poll_t poll;
    struct kdm_listeners *owner;
    int fd;
};

struct kdm_listeners {
    struct listener sockets[MAX_SOCKETS];
    int count;
    int port;
    int handles; /* not closed yet */
    uv_timer_t rest;
    kdm_listen_fn *accepted;
    void *ctx;
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer)
{
    struct kdm_listeners *listeners = timer->data;

    for (int i = 0; i < listeners->count; i++)
        uv_poll_start(&listeners->sockets[i].poll, UV_READABLE, on_readable);
}

static void rest(struct kdm_listeners *listeners)
{
    kdm_log_warn("net: can't accept: %s; trying again in %d ms", strerror(errno), EXHAUSTED_MS);
    for (int i = 0; i < listeners->count; i++)
        uv_poll_stop(&listeners->sockets[i].poll);
    uv_timer_start(&listeners->rest, on_rested, EXHAUSTED_MS, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            listener->owner->accepted(listener->owner->ctx, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rest(listener->owner);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } /* else: that client went away before we came, or we were interrupted */
    }
}

/* A listening socket bound to `address` with `port`; -1 with errno set. */
static int bound_socket(const struct addrinfo *address, int port)
{
    int on = 1, saved;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (address->ai_family == AF_INET6) {
        ((struct sockaddr_in6 *)address->ai_addr)->sin6_port = htons((uint16_t)port);
        /* Each family has its own socket, whatever the system's default is. */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    } else {
        ((struct sockaddr_in *)address->ai_addr)->sin_port = htons((uint16_t)port);
    }
    /* REUSEADDR: a restart need not wait for old connections in TIME_WAIT. Not REUSEPORT: a second
     * server on the same port must fail. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static bool family_is_missing(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL || error == EPROTONOSUPPORT;
}

/* Binds all addresses. On failure all are closed again and *ret_errno says why. */
static bool bind_all(struct kdm_listeners *listeners, const struct addrinfo *addresses, int port,
                     bool skip_missing, int *ret_errno)
{
    int error = EADDRNOTAVAIL;

    listeners->port = port;
    for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next) {
        int fd;

        if (listeners->count == MAX_SOCKETS)
            break;
        fd = bound_socket(a, listeners->port);
        if (fd < 0) {
            error = errno;
            if (skip_missing && family_is_missing(error))
                continue; /* a machine without IPv6 */
            goto fail;
        }
        listeners->sockets[listeners->count++].fd = fd;
        if (listeners->port == 0)
            listeners->port = port_of(fd);
    }
    if (listeners->count > 0)
        return true;
fail:
    while (listeners->count > 0)
        close(listeners->sockets[--listeners->count].fd);
    *ret_errno = error;
    return false;
}

static char *failure(const char *host, int port, const char *reason)
{
    char *line = NULL;

    if (asprintf(&line, "can't listen on %s port %d: %s", host == NULL ? "any address" : host, port,
                 reason)
        < 0)
        kdm_oom(0);
    return line;
}

static void watch(uv_loop_t *loop, struct kdm_listeners *listeners)
{
    uv_timer_init(loop, &listeners->rest);
    listeners->rest.data = listeners;
    for (int i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->sockets[i];

        listener->owner = listeners;
        uv_poll_init(loop, &listener->poll, listener->fd);
        listener->poll.data = listener;
        uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    }
    listeners->handles = listeners->count + 1;
}

struct kdm_listeners *kdm_listeners_open(uv_loop_t *loop, const char *host, int port,
                                         kdm_listen_fn *accepted, void *ctx, char **ret_error)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *addresses = NULL;
    struct kdm_listeners *listeners = kdm_zalloc(sizeof(*listeners));
    int error = getaddrinfo(host, "0", &hints, &addresses);
    bool bound = false;

    if (error != 0) {
        *ret_error = failure(host, port, gai_strerror(error));
        goto out;
    }
    listeners->accepted = accepted;
    listeners->ctx = ctx;
    /* A port that is free on one address can be taken on the next one: then another is tried. */
    for (int i = 0; !bound && i < (port == 0 ? ANY_PORT_TRIES : 1); i++)
        bound = bind_all(listeners, addresses, port, host == NULL, &error);
    freeaddrinfo(addresses);
    if (bound)
        watch(loop, listeners);
    else
        *ret_error = failure(host, port, strerror(error));
out:
    if (bound)
        return listeners;
    free(listeners);
    return NULL;
}

int kdm_listeners_port(const struct kdm_listeners *listeners)
{
    return listeners->port;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct kdm_listeners *listeners;

    if (handle->type == UV_TIMER)
        listeners = handle->data;
    else
        listeners = ((struct listener *)handle->data)->owner;
    if (--listeners->handles == 0)
        free(listeners);
}

void kdm_listeners_close(struct kdm_listeners *listeners)
{
    if (listeners == NULL)
        return;
    for (int i = 0; i < listeners->count; i++) {
        uv_poll_stop(&listeners->sockets[i].poll);
        close(listeners->sockets[i].fd);
        uv_close((uv_handle_t *)&listeners->sockets[i].poll, on_handle_closed);
    }
    uv_close((uv_handle_t *)&listeners->rest, on_handle_closed);
}

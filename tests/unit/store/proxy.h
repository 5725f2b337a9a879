/* proxy.h - a wire to Redis that breaks: a process between the store and Redis that cuts connections at random, drops
 * answers, and hands commands to Redis long after their connection was given up. For tests only.
 */
#ifndef KDM_TESTS_STORE_PROXY_H
#define KDM_TESTS_STORE_PROXY_H

#include "../redis/server.h"
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What may happen to a piece of what the store sends. */
enum mishap {
    LOSE_IT,     /* Redis gets the first half of it, and no more */
    LOSE_ANSWER, /* Redis does it, nobody is told */
    COMES_LATE,  /* the connection ends; Redis gets it some time after */
    COMES_LATE_IN_TWO,
    MISHAPS
};

/* Shared with the test. */
struct proxy_control {
    volatile int one_in;             /* of so many pieces one meets a mishap; 0: none does */
    volatile int late_ms;            /* at most */
    volatile int closed;             /* no new connections, those there are cut */
    volatile int counts[MISHAPS];
};

struct proxy {
    pid_t pid;
    char socket[96], url[112];
    struct proxy_control *control;
};

#define PAIRS 64
#define PIECE 65536

struct pair {
    int client, server; /* -1: closed */
    int64_t due;        /* of what comes late, and then of the end */
    char *late;
    size_t late_len;
    bool mute; /* answers are dropped */
};

static int unix_socket(const char *path, bool listening)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (listening) {
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 64) != 0)
            _exit(3);
    } else if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void pair_close(struct pair *pair)
{
    if (pair->client >= 0)
        close(pair->client);
    if (pair->server >= 0)
        close(pair->server);
    free(pair->late);
    *pair = (struct pair){ .client = -1, .server = -1 };
}

/* false: the other side is gone. */
static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static void keep_for_later(struct proxy_control *control, struct pair *pair, const char *bytes, size_t len)
{
    close(pair->client);
    pair->client = -1;
    pair->mute = true;
    pair->late = malloc(len + 1);
    memcpy(pair->late, bytes, len);
    pair->late_len = len;
    pair->due = kdm_clock_monotonic_ms() + 1 + rand() % control->late_ms;
}

static void mishap(struct proxy_control *control, struct pair *pair, const char *bytes, size_t len)
{
    enum mishap which = (enum mishap)(rand() % MISHAPS);
    size_t half = len > 1 ? (size_t)rand() % len : 0;

    control->counts[which]++;
    switch (which) {
    case LOSE_IT:
        write_all(pair->server, bytes, half);
        pair_close(pair);
        break;
    case LOSE_ANSWER:
        write_all(pair->server, bytes, len);
        keep_for_later(control, pair, bytes, 0);
        break;
    case COMES_LATE:
        keep_for_later(control, pair, bytes, len);
        break;
    default:
        write_all(pair->server, bytes, half);
        keep_for_later(control, pair, bytes + half, len - half);
        break;
    }
}

static void from_client(struct proxy_control *control, struct pair *pair)
{
    static char bytes[PIECE];
    ssize_t n = recv(pair->client, bytes, sizeof(bytes), 0);

    if (n <= 0)
        pair_close(pair);
    else if (control->one_in > 0 && rand() % control->one_in == 0)
        mishap(control, pair, bytes, (size_t)n);
    else if (!write_all(pair->server, bytes, (size_t)n))
        pair_close(pair);
}

static void from_server(struct pair *pair)
{
    static char bytes[PIECE];
    ssize_t n = recv(pair->server, bytes, sizeof(bytes), 0);

    if (n <= 0 || (!pair->mute && !write_all(pair->client, bytes, (size_t)n)))
        pair_close(pair);
}

static void late_ones(struct pair *pairs)
{
    int64_t now = kdm_clock_monotonic_ms();

    for (int i = 0; i < PAIRS; i++) {
        struct pair *pair = &pairs[i];

        if (pair->due == 0 || pair->due > now)
            continue;
        if (pair->late == NULL || !write_all(pair->server, pair->late, pair->late_len)) {
            pair_close(pair);
            continue;
        }
        free(pair->late);
        pair->late = NULL;
        pair->due = now + 100; /* then it may end */
    }
}

static void proxy_run(struct proxy_control *control, const char *path, const char *redis, unsigned seed)
{
    static struct pair pairs[PAIRS];
    int listener = unix_socket(path, true);

    srand(seed);
    for (int i = 0; i < PAIRS; i++)
        pairs[i].client = pairs[i].server = -1;
    for (;;) {
        struct pollfd fds[2 * PAIRS + 1];
        int free_one = -1;

        for (int i = 0; i < PAIRS; i++) {
            if (control->closed && pairs[i].client >= 0)
                pair_close(&pairs[i]);
            if (pairs[i].client < 0 && pairs[i].server < 0)
                free_one = i;
            fds[2 * i] = (struct pollfd){ .fd = pairs[i].client, .events = POLLIN };
            fds[2 * i + 1] = (struct pollfd){ .fd = pairs[i].server, .events = POLLIN };
        }
        fds[2 * PAIRS] = (struct pollfd){ .fd = free_one < 0 || control->closed ? -1 : listener,
                                          .events = POLLIN };
        poll(fds, 2 * PAIRS + 1, 2);
        for (int i = 0; i < PAIRS; i++) {
            if (pairs[i].client >= 0 && fds[2 * i].fd >= 0 && fds[2 * i].revents != 0)
                from_client(control, &pairs[i]);
            if (pairs[i].server >= 0 && fds[2 * i + 1].fd == pairs[i].server && fds[2 * i + 1].revents != 0)
                from_server(&pairs[i]);
        }
        if (fds[2 * PAIRS].revents != 0) {
            pairs[free_one].client = accept(listener, NULL, NULL);
            pairs[free_one].server = unix_socket(redis, false);
            if (pairs[free_one].server < 0)
                pair_close(&pairs[free_one]);
        }
        late_ones(pairs);
    }
}

UNUSED_FN void proxy_open(struct proxy *proxy, const struct server *server, unsigned seed)
{
    snprintf(proxy->socket, sizeof(proxy->socket), "%s.%u", server->socket, seed);
    snprintf(proxy->url, sizeof(proxy->url), "unix:%s.%u", server->socket, seed);
    proxy->control = mmap(NULL, sizeof(*proxy->control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(proxy->control, MAP_FAILED);
    proxy->control->late_ms = 60;
    proxy->pid = fork();
    ck_assert_int_ge(proxy->pid, 0);
    if (proxy->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        proxy_run(proxy->control, proxy->socket, server->socket, seed);
    }
    for (int i = 0; i < 500 && access(proxy->socket, F_OK) != 0; i++)
        nap(2);
}

UNUSED_FN void proxy_close(struct proxy *proxy)
{
    kill(proxy->pid, SIGKILL);
    waitpid(proxy->pid, NULL, 0);
    munmap(proxy->control, sizeof(*proxy->control));
}

#endif

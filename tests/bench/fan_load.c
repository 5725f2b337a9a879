/* fan_load.c - one publisher, many subscribers: what a server takes to send one message to all of
 * them.
 *
 *   fan_load --port N --subscribers N [--processes 4] [--depth 16] [--duration 2] [--warmup 0.5]
 *            --subscribe TEXT --publish TEXT --server PID [--redis PID] [--cpu LIST]
 *
 * Every subscriber sends TEXT once and counts what comes after the answer. The publisher sends its
 * TEXT with $AT replaced by the time; a message is under way until all subscribers have it, and
 * --depth of them are under way at once. The subscribers are spread over processes, which --cpu
 * puts on other cores than the server's. One notification in SAMPLE is looked into for its
 * "at":"<ns>". Prints one JSON object; "per_read" is how many notifications came in one read, which
 * tells how many the server sends in one write. A bench tool: it ends with a line on stderr when
 * anything goes wrong.
 */
#include "load.h"
#include "load_histogram.h"
#include "load_process.h"
#include "load_wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 16
#define IN_SIZE       (256u << 10)
#define SAMPLE        16
#define READY_S       60
#define DRAIN_S       5

struct subscriber {
    int fd;
    char *rest; /* the beginning of a frame */
    size_t rest_len;
};

/* What a process of subscribers tells the publisher's. */
struct share {
    _Atomic uint64_t received, bytes, reads;
    _Atomic bool ready;
    struct histogram latencies; /* while `measuring` */
};

struct board {
    _Atomic bool measuring, stop;
    struct share shares[PROCESSES_MAX];
};

static struct {
    int port, subscribers, processes, depth;
    double duration, warmup;
    const char *subscribe, *publish;
    int server, redis;
    const char *cpu;
} plan = { .processes = 4, .depth = 16, .duration = 2, .warmup = 0.5 };

static struct board *board;

/* --- talking --------------------------------------------------------------------------------- */

static int open_connection(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)plan.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        load_die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    wire_upgrade(fd);
    return fd;
}

static void send_text(int fd, const char *text, size_t len)
{
    char *out = load_need(malloc(len + WIRE_HEAD_MAX)), *frame;

    memcpy(out + WIRE_HEAD_MAX, text, len);
    frame = wire_frame_head(out, len);
    if (write(fd, frame, (size_t)(out + WIRE_HEAD_MAX + len - frame))
        != (ssize_t)(out + WIRE_HEAD_MAX + len - frame))
        load_die("write");
    free(out);
}

/* --- subscribers ----------------------------------------------------------------------------- */

static void note_latency(struct share *share, const struct wire_reply *frame, uint64_t now)
{
    static const char name[] = "\"at\":\"";
    const char *at = memmem(frame->text, frame->len, name, sizeof(name) - 1);

    if (at == NULL)
        load_die("a notification without a time");
    histogram_add(&share->latencies, now - strtoull(at + sizeof(name) - 1, NULL, 10));
}

static void receive(struct share *share, struct subscriber *subscriber)
{
    static char in[IN_SIZE];
    static uint64_t count;
    size_t have = subscriber->rest_len, at = 0;
    uint64_t now = load_now_ns(), frames = 0;
    ssize_t n;

    memcpy(in, subscriber->rest, have);
    n = read(subscriber->fd, in + have, sizeof(in) - have);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        load_die("the server closed a subscriber");
    have += (size_t)n;
    for (;;) {
        struct wire_reply frame = wire_frame_read(in + at, have - at);

        if (frame.size == 0)
            break;
        at += frame.size;
        frames++;
        if (atomic_load_explicit(&board->measuring, memory_order_relaxed) && ++count % SAMPLE == 0)
            note_latency(share, &frame, now);
    }
    subscriber->rest = load_need(realloc(subscriber->rest, have - at + 1));
    memcpy(subscriber->rest, in + at, have - at);
    subscriber->rest_len = have - at;
    atomic_fetch_add_explicit(&share->bytes, (uint64_t)n, memory_order_relaxed);
    atomic_fetch_add_explicit(&share->reads, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&share->received, frames, memory_order_release);
}

static void subscribe_one(int epoll, struct subscriber *subscriber)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = subscriber };
    struct wire_reply reply = { 0 };
    char in[4096];
    size_t have = 0;

    subscriber->fd = open_connection();
    subscriber->rest = load_need(malloc(1));
    send_text(subscriber->fd, plan.subscribe, strlen(plan.subscribe));
    while (reply.size == 0) {
        ssize_t n = read(subscriber->fd, in + have, sizeof(in) - have);

        if (n <= 0)
            load_die("no answer to a subscription");
        have += (size_t)n;
        reply = wire_frame_read(in, have);
    }
    if (memmem(reply.text, reply.len, "\"status\":200", 12) == NULL)
        load_die("a subscription was refused");
    fcntl(subscriber->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, subscriber->fd, &event) != 0)
        load_die("epoll_ctl");
}

static void pin(void)
{
    char *list = plan.cpu == NULL ? NULL : strdup(plan.cpu), *save = NULL;
    cpu_set_t set;

    if (list == NULL)
        return;
    CPU_ZERO(&set);
    for (char *one = strtok_r(list, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save))
        CPU_SET((size_t)strtoul(one, NULL, 10), &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        load_die("--cpu");
    free(list);
}

static void run_subscribers(struct share *share, int count)
{
    struct subscriber *subscribers = load_need(calloc((size_t)count + 1, sizeof(*subscribers)));
    struct epoll_event events[256];
    int epoll = epoll_create1(0);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < count; i++)
        subscribe_one(epoll, &subscribers[i]);
    atomic_store(&share->ready, true);
    while (!atomic_load_explicit(&board->stop, memory_order_relaxed)) {
        int n = epoll_wait(epoll, events, 256, 50);

        for (int i = 0; i < n; i++)
            receive(share, events[i].data.ptr);
    }
}

static void start_subscribers(void)
{
    for (int i = 0; i < plan.processes; i++) {
        int count = plan.subscribers / plan.processes + (i < plan.subscribers % plan.processes);
        pid_t pid = fork();

        if (pid < 0)
            load_die("fork");
        if (pid == 0) {
            run_subscribers(&board->shares[i], count);
            _exit(0);
        }
    }
}

static void await_subscribers(void)
{
    uint64_t end = load_now_ns() + (uint64_t)READY_S * 1000000000u;

    for (int i = 0; i < plan.processes;) {
        if (atomic_load(&board->shares[i].ready)) {
            i++;
            continue;
        }
        if (waitpid(-1, NULL, WNOHANG) > 0 || load_now_ns() > end)
            load_die("not all could subscribe");
        usleep(2000);
    }
}

/* --- the publisher --------------------------------------------------------------------------- */

struct totals {
    uint64_t received, bytes, reads, ns;
    double server, redis, machine;
};

static struct totals totals_now(void)
{
    struct totals totals = { .ns = load_now_ns(),
                             .server = process_cpu(plan.server),
                             .redis = plan.redis > 0 ? process_cpu(plan.redis) : 0,
                             .machine = machine_cpu() };

    for (int i = 0; i < plan.processes; i++) {
        totals.received += atomic_load_explicit(&board->shares[i].received, memory_order_acquire);
        totals.bytes += atomic_load_explicit(&board->shares[i].bytes, memory_order_relaxed);
        totals.reads += atomic_load_explicit(&board->shares[i].reads, memory_order_relaxed);
    }
    return totals;
}

static uint64_t received(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < plan.processes; i++)
        sum += atomic_load_explicit(&board->shares[i].received, memory_order_acquire);
    return sum;
}

static void publish(int fd)
{
    const char *place = strstr(plan.publish, "$AT");
    char text[8192];
    int len;

    if (place == NULL)
        load_die("--publish has no $AT");
    len = snprintf(text, sizeof(text), "%.*s%llu%s", (int)(place - plan.publish), plan.publish,
                   (unsigned long long)load_now_ns(), place + 3);
    if (len >= (int)sizeof(text))
        load_die("--publish is too long");
    send_text(fd, text, (size_t)len);
}

/* Takes what the publisher is answered; nothing is looked for. Waits a little when there is
 * nothing. */
static void drop_answers(int fd)
{
    static char in[65536];
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    struct timespec wait = { .tv_nsec = 20000 };

    if (ppoll(&poll_fd, 1, &wait, NULL) > 0 && read(fd, in, sizeof(in)) <= 0)
        load_die("the server closed the publisher");
}

/* Publishes for so long. */
static void run(int fd, double seconds, uint64_t *sent)
{
    uint64_t end = load_now_ns() + (uint64_t)(seconds * 1e9);

    while (load_now_ns() < end) {
        uint64_t subscribers = (uint64_t)plan.subscribers;

        while (*sent * subscribers < received() + (uint64_t)plan.depth * subscribers) {
            publish(fd);
            ++*sent;
        }
        drop_answers(fd);
    }
}

static void print_result(const struct totals *from, const struct totals *to,
                         const struct histogram *latencies)
{
    double notifications = (double)(to->received - from->received),
           seconds = (double)(to->ns - from->ns) / 1e9;
    double reads = (double)(to->reads - from->reads);

    if (notifications < 1)
        load_die("no notification came");
    printf(
        "{\"subscribers\":%d,\"processes\":%d,\"depth\":%d,\"notifications\":%.0f,\"per_s\":%.0f",
        plan.subscribers, plan.processes, plan.depth, notifications, notifications / seconds);
    printf(",\"bytes\":%.0f,\"per_read\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f",
           (double)(to->bytes - from->bytes) / notifications, notifications / reads,
           histogram_ms(latencies, 0.5), histogram_ms(latencies, 0.99));
    printf(",\"server_us\":%.4f,\"redis_us\":%.4f,\"server_cores\":%.2f}\n",
           (to->server - from->server) * 1e6 / notifications,
           (to->redis - from->redis) * 1e6 / notifications, (to->server - from->server) / seconds);
}

static void measure(void)
{
    static struct histogram latencies;
    struct totals from, to;
    uint64_t sent = 0, end;
    int fd = open_connection();

    run(fd, plan.warmup, &sent);
    atomic_store(&board->measuring, true);
    from = totals_now();
    run(fd, plan.duration, &sent);
    to = totals_now();
    atomic_store(&board->measuring, false);
    end = load_now_ns() + (uint64_t)DRAIN_S * 1000000000u;
    while (received() < sent * (uint64_t)plan.subscribers && load_now_ns() < end)
        drop_answers(fd);
    if (received() != sent * (uint64_t)plan.subscribers)
        load_die("not every subscriber got every message once");
    for (int i = 0; i < plan.processes; i++) {
        for (size_t b = 0; b < sizeof(latencies.buckets) / sizeof(latencies.buckets[0]); b++)
            latencies.buckets[b] += board->shares[i].latencies.buckets[b];
        latencies.count += board->shares[i].latencies.count;
    }
    print_result(&from, &to, &latencies);
}

/* --- arguments ------------------------------------------------------------------------------- */

static void read_argument(const char *name, const char *value)
{
    struct {
        const char *name;
        int *number;
        double *seconds;
        const char **text;
    } known[] = {
        { "--port", &plan.port, NULL, NULL },
        { "--subscribers", &plan.subscribers, NULL, NULL },
        { "--processes", &plan.processes, NULL, NULL },
        { "--depth", &plan.depth, NULL, NULL },
        { "--server", &plan.server, NULL, NULL },
        { "--redis", &plan.redis, NULL, NULL },
        { "--duration", NULL, &plan.duration, NULL },
        { "--warmup", NULL, &plan.warmup, NULL },
        { "--subscribe", NULL, NULL, &plan.subscribe },
        { "--publish", NULL, NULL, &plan.publish },
        { "--cpu", NULL, NULL, &plan.cpu },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) != 0)
            continue;
        if (known[i].number != NULL)
            *known[i].number = (int)strtol(value, NULL, 10);
        else if (known[i].seconds != NULL)
            *known[i].seconds = strtod(value, NULL);
        else
            *known[i].text = value;
        return;
    }
    load_die(name);
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2)
        read_argument(argv[i], argv[i + 1]);
    errno = 0;
    if (plan.port == 0 || plan.subscribers < 1 || plan.server == 0 || plan.subscribe == NULL
        || plan.publish == NULL || plan.processes < 1 || plan.processes > PROCESSES_MAX
        || argc % 2 == 0)
        load_die("see the beginning of fan_load.c");
    if (plan.processes > plan.subscribers)
        plan.processes = plan.subscribers;
    signal(SIGPIPE, SIG_IGN);
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        load_die("mmap");
    pin();
    start_subscribers();
    await_subscribers();
    measure();
    atomic_store(&board->stop, true);
    while (wait(NULL) > 0)
        ;
    return 0;
}

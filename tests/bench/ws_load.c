/* ws_load.c - a load generator for WebSocket servers that answer each message with one message.
 *
 *   ws_load --port N [--host 127.0.0.1] [--conns 50] [--depth 16] [--duration 5] [--warmup 1]
 *           [--size 200 | --frame-file FILE] [--pid PID[,PID..]] [--hold]
 *
 * Closed loop on raw sockets and one thread: each connection keeps `depth` messages in flight; what
 * was answered in one read is asked again in one write. A message is --size bytes of JSON, or a
 * line of
 * --frame-file (all its lines in turn; "$ID" is replaced by a number). Frames are masked with the
 * key 0, so sent as they are. Answers are counted, not looked into.
 * Prints one JSON object: requests, rps, latencies, and for each --pid the CPU time a request took
 * there (all threads: /proc/PID/stat) and its memory. With --hold it keeps the connections after
 * one message each, prints and waits for its input to end: for measuring idle connections. A bench
 * tool: it ends with a line on stderr when anything goes wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 1024
#define PIDS_MAX  8
#define IN_SIZE   (256u << 10)
#define SAMPLES   (1u << 22)

struct options {
    const char *host;
    int port, conns, depth;
    double duration, warmup;
    size_t size;
    const char *frame_file;
    int pids[PIDS_MAX], pid_count;
    bool hold;
};

struct message {
    char *text;
    size_t len;
    size_t id_at; /* of $ID, SIZE_MAX: none */
};

struct conn {
    int fd;
    double sent_at[DEPTH_MAX]; /* ring: answers are taken to come in order, which is near enough */
    unsigned head, tail;
    uint64_t skip;          /* bytes of the current frame's payload still to come */
    unsigned char part[14]; /* of a frame header */
    size_t part_len;
    char *out;
    size_t out_len, out_cap, out_sent;
    bool waiting; /* for the socket to take more */
};

struct bench {
    struct options options;
    struct message *messages;
    size_t message_count, next_message;
    uint64_t next_id;
    struct conn *conns;
    int epoll;
    bool measuring, stopping;
    uint64_t answered;
    float *samples;
    size_t sample_count;
};

static void die(const char *what)
{
    fprintf(stderr, "ws_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *need(void *memory)
{
    if (memory == NULL)
        die("memory");
    return memory;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- messages -------------------------------------------------------------------------- */

static void add_message(struct bench *bench, const char *text, size_t len)
{
    struct message *message;
    char *id;

    bench->messages =
        need(realloc(bench->messages, (bench->message_count + 1) * sizeof(*bench->messages)));
    message = &bench->messages[bench->message_count++];
    message->text = need(calloc(1, len + 1));
    memcpy(message->text, text, len);
    message->len = len;
    id = strstr(message->text, "$ID");
    message->id_at = id == NULL ? SIZE_MAX : (size_t)(id - message->text);
}

static void read_messages(struct bench *bench)
{
    FILE *file = fopen(bench->options.frame_file, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (file == NULL)
        die(bench->options.frame_file);
    while ((len = getline(&line, &cap, file)) > 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        if (len > 0)
            add_message(bench, line, (size_t)len);
    }
    free(line);
    fclose(file);
    if (bench->message_count == 0)
        die("no messages in the file");
}

static void make_message(struct bench *bench)
{
    static const char head[] = "{\"controller\":\"server\",\"action\":\"now\",\"requestId\":\"";
    size_t size = bench->options.size;
    char *text = need(malloc(size + 64));

    memset(text, 'x', size);
    memcpy(text, head, size < sizeof(head) - 1 ? size : sizeof(head) - 1);
    if (size > sizeof(head) + 8)
        memcpy(text + size - 2, "\"}", 2);
    add_message(bench, text, size);
    free(text);
}

/* --- one connection -------------------------------------------------------------------- */

static void put(struct conn *conn, const void *bytes, size_t len)
{
    if (conn->out_len + len > conn->out_cap) {
        conn->out_cap = (conn->out_len + len) * 2;
        conn->out = need(realloc(conn->out, conn->out_cap));
    }
    memcpy(conn->out + conn->out_len, bytes, len);
    conn->out_len += len;
}

static void put_frame(struct conn *conn, const char *a, size_t a_len, const char *b, size_t b_len,
                      const char *c, size_t c_len)
{
    size_t len = a_len + b_len + c_len, n = 2;
    unsigned char head[14] = { 0x81 }; /* the mask at the end stays 0 */

    if (len < 126) {
        head[1] = (unsigned char)(0x80 | len);
    } else if (len < 65536) {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(len >> 8);
        head[3] = (unsigned char)len;
        n = 4;
    } else {
        head[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
        n = 10;
    }
    put(conn, head, n + 4);
    put(conn, a, a_len);
    put(conn, b, b_len);
    put(conn, c, c_len);
}

static void ask(struct bench *bench, struct conn *conn)
{
    const struct message *m = &bench->messages[bench->next_message];
    char id[24];

    bench->next_message = (bench->next_message + 1) % bench->message_count;
    if (m->id_at == SIZE_MAX) {
        put_frame(conn, m->text, m->len, "", 0, "", 0);
    } else {
        int n = snprintf(id, sizeof(id), "%llu", (unsigned long long)++bench->next_id);

        put_frame(conn, m->text, m->id_at, id, (size_t)n, m->text + m->id_at + 3,
                  m->len - m->id_at - 3);
    }
    conn->sent_at[conn->head++ % DEPTH_MAX] = now();
}

static void watch(struct bench *bench, struct conn *conn, int op, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = conn };

    if (epoll_ctl(bench->epoll, op, conn->fd, &event) != 0)
        die("epoll_ctl");
}

static void wait_writable(struct bench *bench, struct conn *conn, bool wait)
{
    if (conn->waiting == wait)
        return;
    conn->waiting = wait;
    watch(bench, conn, EPOLL_CTL_MOD, wait ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void flush(struct bench *bench, struct conn *conn)
{
    while (conn->out_sent < conn->out_len) {
        ssize_t n = write(conn->fd, conn->out + conn->out_sent, conn->out_len - conn->out_sent);

        if (n < 0 && errno == EAGAIN) {
            wait_writable(bench, conn, true);
            return;
        }
        if (n < 0)
            die("write");
        conn->out_sent += (size_t)n;
    }
    conn->out_len = conn->out_sent = 0;
    wait_writable(bench, conn, false);
}

static void answered(struct bench *bench, struct conn *conn)
{
    double took = now() - conn->sent_at[conn->tail++ % DEPTH_MAX];

    if (bench->measuring) {
        bench->answered++;
        if (bench->sample_count < SAMPLES)
            bench->samples[bench->sample_count++] = (float)took;
    }
    if (!bench->stopping && !bench->options.hold)
        ask(bench, conn);
}

/* Frame header length once its first two bytes are there. */
static size_t head_len(const unsigned char *part)
{
    return part[1] == 126 ? 4 : part[1] == 127 ? 10 : 2;
}

static uint64_t payload_len(const unsigned char *part)
{
    uint64_t len = 0;
    size_t n = head_len(part);

    if (n == 2)
        return part[1];
    for (size_t i = 2; i < n; i++)
        len = len << 8 | part[i];
    return len;
}

static void take(struct bench *bench, struct conn *conn, const unsigned char *bytes, size_t len)
{
    while (len > 0) {
        if (conn->skip > 0) {
            size_t n = conn->skip < len ? (size_t)conn->skip : len;

            conn->skip -= n;
            bytes += n;
            len -= n;
            if (conn->skip == 0)
                answered(bench, conn);
            continue;
        }
        conn->part[conn->part_len++] = *bytes++;
        len--;
        if (conn->part_len < 2 || conn->part_len < head_len(conn->part))
            continue;
        if (conn->part[0] != 0x81) {
            fprintf(stderr, "ws_load: unexpected frame 0x%02x\n", conn->part[0]);
            exit(1);
        }
        conn->skip = payload_len(conn->part);
        conn->part_len = 0;
    }
}

static void serve(struct bench *bench, struct conn *conn)
{
    static unsigned char in[IN_SIZE];
    ssize_t n = read(conn->fd, in, sizeof(in));

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("the server closed a connection");
    take(bench, conn, in, (size_t)n);
}

static void upgrade(struct bench *bench, struct conn *conn)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)bench->options.port) };
    char answer[2048];
    size_t got = 0;
    int on = 1;

    inet_pton(AF_INET, bench->options.host, &to.sin_addr);
    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("connect");
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (write(conn->fd, request, sizeof(request) - 1) < 0)
        die("write");
    /* Byte by byte: what follows the head is the server's first frame. */
    while (got < sizeof(answer) - 1 && (got < 4 || memcmp(answer + got - 4, "\r\n\r\n", 4) != 0)) {
        if (read(conn->fd, answer + got, 1) != 1)
            die("no upgrade");
        got++;
    }
    if (strncmp(answer, "HTTP/1.1 101", 12) != 0)
        die("no upgrade");
    fcntl(conn->fd, F_SETFL, O_NONBLOCK);
    watch(bench, conn, EPOLL_CTL_ADD, EPOLLIN);
}

/* --- measuring ------------------------------------------------------------------------- */

static double cpu_of(int pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    FILE *file;
    char *end;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (file == NULL || fgets(text, sizeof(text), file) == NULL)
        die(path);
    fclose(file);
    end = strrchr(text, ')');
    if (end == NULL
        || sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system)
               != 2)
        die(path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static long rss_kb(int pid)
{
    char path[64], line[256];
    long kb = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "r");
    if (file == NULL)
        die(path);
    while (fgets(line, sizeof(line), file) != NULL)
        sscanf(line, "VmRSS: %ld", &kb);
    fclose(file);
    return kb;
}

/* Runs the loop for some seconds, or, with hold, until every connection has its answer. */
static void run(struct bench *bench, double seconds)
{
    struct epoll_event events[256];
    double end = now() + seconds;

    while (now() < end) {
        int n = epoll_wait(bench->epoll, events, 256, 100);

        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;

            if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
                serve(bench, conn);
            if (conn->out_len > 0)
                flush(bench, conn);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double quantile(const struct bench *bench, double q)
{
    if (bench->sample_count == 0)
        return 0;
    return 1000.0 * (double)bench->samples[(size_t)(q * (double)(bench->sample_count - 1))];
}

static void measure(struct bench *bench)
{
    const struct options *options = &bench->options;
    double cpu[PIDS_MAX], start, seconds;

    run(bench, options->warmup);
    for (int i = 0; i < options->pid_count; i++)
        cpu[i] = cpu_of(options->pids[i]);
    start = now();
    bench->measuring = true;
    run(bench, options->duration);
    bench->measuring = false;
    seconds = now() - start;
    for (int i = 0; i < options->pid_count; i++)
        cpu[i] = cpu_of(options->pids[i]) - cpu[i];
    qsort(bench->samples, bench->sample_count, sizeof(float), by_value);
    printf("{\"requests\":%llu,\"seconds\":%.3f,\"rps\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f",
           (unsigned long long)bench->answered, seconds, (double)bench->answered / seconds,
           quantile(bench, 0.5), quantile(bench, 0.99));
    for (int i = 0; i < options->pid_count; i++)
        printf(",\"pid_%d\":{\"cpu_s\":%.2f,\"cpu_us_per_request\":%.3f,\"rss_kb\":%ld}",
               options->pids[i], cpu[i],
               bench->answered == 0 ? 0 : cpu[i] * 1e6 / (double)bench->answered,
               rss_kb(options->pids[i]));
    printf("}\n");
}

static void hold(struct bench *bench, const long *before)
{
    const struct options *options = &bench->options;
    uint64_t want = (uint64_t)options->conns * (uint64_t)options->depth;

    bench->measuring = true;
    for (int i = 0; i < 600 && bench->answered < want; i++)
        run(bench, 0.1);
    run(bench, 1);
    printf("{\"connections\":%d,\"answered\":%llu", options->conns,
           (unsigned long long)bench->answered);
    for (int i = 0; i < options->pid_count; i++) {
        long after = rss_kb(options->pids[i]);

        printf(",\"pid_%d\":{\"rss_kb_before\":%ld,\"rss_kb\":%ld,\"kb_per_connection\":%.2f}",
               options->pids[i], before[i], after, (double)(after - before[i]) / options->conns);
    }
    printf("}\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
}

/* --- options --------------------------------------------------------------------------- */

static void parse_pids(struct options *options, char *list)
{
    char *save = NULL;

    for (char *p = strtok_r(list, ",", &save); p != NULL && options->pid_count < PIDS_MAX;
         p = strtok_r(NULL, ",", &save))
        options->pids[options->pid_count++] = (int)strtol(p, NULL, 10);
}

static void parse(struct options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(name, "--hold") == 0) {
            options->hold = true;
            continue;
        }
        i++;
        if (value == NULL)
            die("an option without its value");
        if (strcmp(name, "--host") == 0)
            options->host = value;
        else if (strcmp(name, "--port") == 0)
            options->port = (int)strtol(value, NULL, 10);
        else if (strcmp(name, "--conns") == 0)
            options->conns = (int)strtol(value, NULL, 10);
        else if (strcmp(name, "--depth") == 0)
            options->depth = (int)strtol(value, NULL, 10);
        else if (strcmp(name, "--duration") == 0)
            options->duration = strtod(value, NULL);
        else if (strcmp(name, "--warmup") == 0)
            options->warmup = strtod(value, NULL);
        else if (strcmp(name, "--size") == 0)
            options->size = strtoul(value, NULL, 10);
        else if (strcmp(name, "--frame-file") == 0)
            options->frame_file = value;
        else if (strcmp(name, "--pid") == 0)
            parse_pids(options, value);
        else
            die(name);
    }
    if (options->port == 0 || options->conns < 1 || options->depth < 1
        || options->depth > DEPTH_MAX) {
        fprintf(stderr, "ws_load: --port is needed, --conns from 1, --depth from 1 to %d\n",
                DEPTH_MAX);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = { .options = { .host = "127.0.0.1",
                                        .conns = 50,
                                        .depth = 16,
                                        .duration = 5,
                                        .warmup = 1,
                                        .size = 200 } };
    long before[PIDS_MAX] = { 0 };

    parse(&bench.options, argc, argv);
    if (bench.options.frame_file != NULL)
        read_messages(&bench);
    else
        make_message(&bench);
    bench.samples = need(malloc(SAMPLES * sizeof(float)));
    bench.conns = need(calloc((size_t)bench.options.conns, sizeof(struct conn)));
    bench.epoll = epoll_create1(0);
    for (int i = 0; i < bench.options.pid_count; i++)
        before[i] = rss_kb(bench.options.pids[i]);
    for (int i = 0; i < bench.options.conns; i++)
        upgrade(&bench, &bench.conns[i]);
    for (int i = 0; i < bench.options.conns; i++) {
        for (int j = 0; j < bench.options.depth; j++)
            ask(&bench, &bench.conns[i]);
        flush(&bench, &bench.conns[i]);
    }
    if (bench.options.hold)
        hold(&bench, before);
    else
        measure(&bench);
    return 0;
}

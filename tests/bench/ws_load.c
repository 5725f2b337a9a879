/* ws_load.c - a load generator for servers that answer each message with one message.
 *
 *   ws_load --port N [--host 127.0.0.1] [--conns 50] [--depth 16] [--duration 5] [--warmup 1]
 * [--count N]
 *           [--size 200 | --frame-file FILE] [--random N] [--http] [--expect TEXT]
 *           [--pid [NAME=]PID[,..]] [--hold]
 *
 * A message is --size bytes of JSON, or a line of --frame-file, all its lines in turn, with the
 * places that load_message.h names. With --http a line is a path. Each reply must hold --expect
 * (default with a file: "status":200), and with --http have status 200; else it counts as an error
 * and the first one is shown. Prints one JSON object: requests, rps, latencies, errors, and for
 * each --pid the CPU time a request took there (all threads) and its memory; "other_cores" is what
 * all other programs used: a run with much of it is spoilt. With --count it ends after so many
 * requests. With --hold each connection sends one message, one after the other, and is then kept
 * until the input ends: for measuring idle connections. A bench tool: it ends with a line on stderr
 * when anything goes wrong.
 */
#include "load.h"
#include "load_conns.h"
#include "load_process.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX   1024
#define PIDS_MAX    8
#define DRAIN_S     10
#define COUNT_MAX_S 600 /* an end for --count */
#define HOLD_MAX_S  60

struct process {
    const char *name; /* NULL: pid_N */
    int pid;
    double cpu;
    long rss_kb;
};

struct bench {
    struct load load;
    double duration, warmup;
    size_t size;
    const char *frame_file;
    struct process processes[PIDS_MAX];
    int process_count;
    bool hold;
};

/* --- what is measured and printed -------------------------------------------------------- */

struct usage {
    uint64_t ns;
    double machine, self, processes[PIDS_MAX];
};

static struct usage usage_now(const struct bench *bench)
{
    struct usage usage = { .ns = load_now_ns(),
                           .machine = machine_cpu(),
                           .self = process_cpu(getpid()) };

    for (int i = 0; i < bench->process_count; i++)
        usage.processes[i] = process_cpu(bench->processes[i].pid);
    return usage;
}

static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            putchar(' ');
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_name(const struct process *process)
{
    if (process->name != NULL)
        printf(",\"%s\":", process->name);
    else
        printf(",\"pid_%d\":", process->pid);
}

static void print_processes(const struct bench *bench, const struct usage *from,
                            const struct usage *to)
{
    double requests = bench->load.measured > 0 ? (double)bench->load.measured : 1;
    double seconds = (double)(to->ns - from->ns) / 1e9;
    double other = to->machine - from->machine - (to->self - from->self);

    for (int i = 0; i < bench->process_count; i++) {
        double cpu = to->processes[i] - from->processes[i];

        other -= cpu;
        print_name(&bench->processes[i]);
        printf("{\"cpu_s\":%.3f,\"cpu_us_per_request\":%.3f,\"rss_kb\":%ld}", cpu,
               cpu * 1e6 / requests, process_rss_kb(bench->processes[i].pid));
    }
    printf(",\"generator_us_per_request\":%.3f,\"other_cores\":%.2f",
           (to->self - from->self) * 1e6 / requests, other > 0 ? other / seconds : 0);
}

static void print_result(const struct bench *bench, const struct usage *from,
                         const struct usage *to)
{
    const struct load *load = &bench->load;
    double seconds = (double)(to->ns - from->ns) / 1e9;
    double requests = load->measured > 0 ? (double)load->measured : 1;

    printf("{\"requests\":%llu,\"seconds\":%.3f,\"rps\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f",
           (unsigned long long)load->measured, seconds, (double)load->measured / seconds,
           histogram_ms(&load->latencies, 0.5), histogram_ms(&load->latencies, 0.99));
    printf(",\"request_bytes\":%.0f,\"reply_bytes\":%.0f", (double)load->request_bytes / requests,
           (double)load->reply_bytes / requests);
    print_processes(bench, from, to);
    printf(",\"errors\":%llu,\"unanswered\":%llu", (unsigned long long)load->errors,
           (unsigned long long)(load->sent - load->answered));
    if (load->errors > 0) {
        printf(",\"first_error\":");
        print_json_text(load->first_error);
    }
    printf("}\n");
}

static void measure(struct bench *bench)
{
    struct load *load = &bench->load;
    struct usage from, to;

    for (int i = 0; i < load->plan.conns; i++)
        load_ask(load, i, load->plan.depth);
    if (load->plan.count == 0)
        load_run(load, bench->warmup, 0);
    load->measuring = true;
    from = usage_now(bench);
    load_run(load, load->plan.count > 0 ? COUNT_MAX_S : bench->duration, load->plan.count);
    to = usage_now(bench);
    load->measuring = false;
    load->stopping = true;
    if (load->answered < load->sent)
        load_run(load, DRAIN_S, load->sent);
    print_result(bench, &from, &to);
}

static void hold(struct bench *bench)
{
    struct load *load = &bench->load;
    uint64_t end = load_now_ns() + HOLD_MAX_S * (uint64_t)1000000000;

    load->plan.once = true;
    for (int i = 0; i < load->plan.conns && load_now_ns() < end; i++) {
        load_ask(load, i, 1);
        load_run(load, 5, load->sent);
    }
    load_run(load, 1, 0);
    printf("{\"connections\":%d,\"answered\":%llu,\"errors\":%llu", load->plan.conns,
           (unsigned long long)load->answered, (unsigned long long)load->errors);
    for (int i = 0; i < bench->process_count; i++) {
        const struct process *process = &bench->processes[i];
        long after = process_rss_kb(process->pid);

        print_name(process);
        printf("{\"rss_kb_before\":%ld,\"rss_kb\":%ld,\"kb_per_connection\":%.2f}", process->rss_kb,
               after, (double)(after - process->rss_kb) / load->plan.conns);
    }
    printf("}\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
}

/* --- options ----------------------------------------------------------------------------- */

static void make_message(struct bench *bench)
{
    static const char head[] = "{\"controller\":\"server\",\"action\":\"now\",\"pad\":\"";
    size_t size = bench->size;
    char *text = load_need(malloc(size + sizeof(head) + 2));

    memset(text, 'x', size);
    memcpy(text, head, size < sizeof(head) - 1 ? size : sizeof(head) - 1);
    if (size > sizeof(head) + 2)
        memcpy(text + size - 2, "\"}", 2);
    messages_add(&bench->load.messages, text, size);
    free(text);
}

static void parse_pids(struct bench *bench, char *list)
{
    char *save = NULL;

    for (char *p = strtok_r(list, ",", &save); p != NULL && bench->process_count < PIDS_MAX;
         p = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(p, '=');
        struct process *process = &bench->processes[bench->process_count++];

        process->pid = (int)strtol(equals == NULL ? p : equals + 1, NULL, 10);
        if (equals != NULL) {
            *equals = '\0';
            process->name = p;
        }
    }
}

static bool parse_plan(struct load_plan *plan, const char *name, char *value)
{
    if (strcmp(name, "--host") == 0)
        plan->host = value;
    else if (strcmp(name, "--port") == 0)
        plan->port = (int)strtol(value, NULL, 10);
    else if (strcmp(name, "--conns") == 0)
        plan->conns = (int)strtol(value, NULL, 10);
    else if (strcmp(name, "--depth") == 0)
        plan->depth = (int)strtol(value, NULL, 10);
    else if (strcmp(name, "--expect") == 0)
        plan->expect = value;
    else if (strcmp(name, "--count") == 0)
        plan->count = strtoull(value, NULL, 10);
    else
        return false;
    return true;
}

static bool parse_value(struct bench *bench, const char *name, char *value)
{
    if (strcmp(name, "--duration") == 0)
        bench->duration = strtod(value, NULL);
    else if (strcmp(name, "--warmup") == 0)
        bench->warmup = strtod(value, NULL);
    else if (strcmp(name, "--size") == 0)
        bench->size = strtoul(value, NULL, 10);
    else if (strcmp(name, "--frame-file") == 0)
        bench->frame_file = value;
    else if (strcmp(name, "--random") == 0)
        bench->load.messages.random_below = strtoull(value, NULL, 10);
    else if (strcmp(name, "--pid") == 0)
        parse_pids(bench, value);
    else
        return parse_plan(&bench->load.plan, name, value);
    return true;
}

static void parse(struct bench *bench, int argc, char **argv)
{
    const struct load_plan *plan = &bench->load.plan;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--hold") == 0)
            bench->hold = true;
        else if (strcmp(argv[i], "--http") == 0)
            bench->load.plan.http = true;
        else if (i + 1 == argc || !parse_value(bench, argv[i], argv[i + 1]))
            load_die(argv[i]);
        else
            i++;
    }
    if (plan->port == 0 || plan->conns < 1 || plan->depth < 1 || plan->depth > DEPTH_MAX
        || bench->load.messages.random_below == 0)
        load_die("--port is needed, --conns and --random from 1, --depth from 1 to 1024");
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .load = { .plan = { .host = "127.0.0.1", .conns = 50, .depth = 16 },
                  .messages = { .random_below = 1000 } },
        .duration = 5,
        .warmup = 1,
        .size = 200
    };

    parse(&bench, argc, argv);
    if (bench.frame_file != NULL) {
        messages_read(&bench.load.messages, bench.frame_file);
        if (bench.load.plan.expect == NULL && !bench.load.plan.http)
            bench.load.plan.expect = "\"status\":200";
    } else {
        make_message(&bench);
    }
    for (int i = 0; i < bench.process_count; i++)
        bench.processes[i].rss_kb = process_rss_kb(bench.processes[i].pid);
    load_open(&bench.load);
    if (bench.hold)
        hold(&bench);
    else
        measure(&bench);
    return bench.load.errors > 0 ? 3 : 0;
}

/* redis_get.c - what one pipelined GET costs us, reply parsed, in CPU time of this process.
 * usage: redis_get SOCKET [BYTES [DEPTH [COMMANDS]]]
 * Keeps DEPTH commands under way; each answer sends the next one.
 */
#include "base/clock.h"
#include "redis/redis.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct bench {
    struct kdm_redis *redis;
    uv_loop_t loop;
    size_t bytes, depth, left, under_way, wrong;
};

static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6
           + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void on_answer(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply);

static void send_one(struct bench *bench)
{
    struct kdm_str args[] = { KDM_STR("GET"), KDM_STR("bench:value") };

    bench->left--;
    bench->under_way++;
    kdm_redis_command(bench->redis, args, 2, kdm_clock_monotonic_ms() + 5000, on_answer, bench);
}

static void on_answer(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct bench *bench = ctx;

    bench->under_way--;
    bench->wrong += outcome != KDM_REDIS_OK || kdm_reply_str(reply).len != bench->bytes;
    if (bench->left > 0)
        send_one(bench);
    else if (bench->under_way == 0)
        kdm_redis_close(bench->redis);
}

static void on_set(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct bench *bench = ctx;

    (void)reply;
    if (outcome != KDM_REDIS_OK)
        abort();
    for (size_t i = 0; i < bench->depth && bench->left > 0; i++)
        send_one(bench);
}

int main(int argc, char **argv)
{
    size_t count = argc > 4 ? strtoul(argv[4], NULL, 10) : 2000000;
    struct bench bench = { .bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 300,
                           .depth = argc > 3 ? strtoul(argv[3], NULL, 10) : 800,
                           .left = count };
    char url[256], *error = NULL, *value = kdm_zalloc(bench.bytes + 1);
    struct kdm_str set[] = { KDM_STR("SET"),
                             KDM_STR("bench:value"),
                             { .ptr = value, .len = bench.bytes } };
    double cpu, start;

    if (argc < 2)
        return 2;
    snprintf(url, sizeof url, "unix:%s", argv[1]);
    uv_loop_init(&bench.loop);
    bench.redis = kdm_redis_open(&bench.loop, url, NULL, 0, NULL, &error);
    if (bench.redis == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    kdm_redis_command(bench.redis, set, 3, kdm_clock_monotonic_ms() + 5000, on_set, &bench);
    cpu = cpu_us();
    start = (double)uv_hrtime() / 1e3;
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    printf("GET of %zu bytes, %zu deep: %.3f us CPU each, %.0f commands/s, %zu wrong\n",
           bench.bytes, bench.depth, (cpu_us() - cpu) / (double)count,
           (double)count * 1e6 / ((double)uv_hrtime() / 1e3 - start), bench.wrong);
    uv_loop_close(&bench.loop);
    free(value);
    return bench.wrong != 0;
}

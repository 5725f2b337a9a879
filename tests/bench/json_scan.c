/* json_scan.c - what a scan of one request frame costs, beside jansson's parser on the same text.
 * Prints nanoseconds a text; no part of the tests:
 *   json_scan [file.json ...]     also measures these files
 */
#include "json/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 9

static const char frame[] =
    "{\"requestId\":\"6f1f2b7e-7a52-4b0f-9d55-0d0d4f0f5a11\",\"controller\":\"device-manager/assets\","
    "\"action\":\"update\",\"engineId\":\"engine-kuzzle\",\"_id\":\"Container-linked1\",\"jwt\":null,"
    "\"volatile\":{\"sdkName\":\"js@7.12.0\"},\"body\":{\"metadata\":{\"weight\":42.5,\"height\":1102,"
    "\"color\":\"red\",\"active\":true,\"trailer\":{\"capacity\":2100}}}}";

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void scan_once(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json doc;

    kdm_arena_reset(arena);
    if (!kdm_json_scan(arena, text, &doc, NULL))
        abort();
}

static void jansson_once(struct kdm_arena *arena, struct kdm_str text)
{
    json_t *tree = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    (void)arena;
    if (tree == NULL)
        abort();
    json_decref(tree);
}

/* The best of some rounds: what the code costs, without what the machine did meanwhile. */
static double measure(void (*once)(struct kdm_arena *, struct kdm_str), struct kdm_str text)
{
    struct kdm_arena arena;
    double best = 1e18;
    long times = (long)(4000000 / (text.len + 1)) + 1;

    kdm_arena_init(&arena, 16384);
    for (int round = 0; round < ROUNDS; round++) {
        double from = now_ns(), each;

        for (long i = 0; i < times; i++)
            once(&arena, text);
        each = (now_ns() - from) / (double)times;
        best = each < best ? each : best;
    }
    kdm_arena_fini(&arena);
    return best;
}

static void report(const char *what, struct kdm_str text)
{
    double scan = measure(scan_once, text), tree = measure(jansson_once, text);

    printf("%-28s %8zu bytes  scan %11.1f ns  jansson %12.1f ns  %5.1fx\n", what, text.len, scan,
           tree, tree / scan);
}

static void report_file(const char *path)
{
    struct kdm_buf buf;
    FILE *file = fopen(path, "rb");
    size_t got;

    if (file == NULL) {
        perror(path);
        return;
    }
    kdm_buf_init(&buf, NULL, 65536);
    while ((got = fread(kdm_buf_room(&buf, 65536), 1, 65536, file)) > 0)
        buf.len += got;
    fclose(file);
    report(path, kdm_buf_str(&buf));
    kdm_buf_fini(&buf);
}

/* 1 MiB of one object: many short members, all different. */
static void report_many_members(void)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, 1 << 20);
    kdm_buf_char(&buf, '{');
    for (int i = 0; buf.len < (1 << 20) - 16; i++)
        kdm_buf_printf(&buf, "%s\"%x\":1", i == 0 ? "" : ",", i);
    kdm_buf_char(&buf, '}');
    report("100,000 members", kdm_buf_str(&buf));
    kdm_buf_fini(&buf);
}

int main(int argc, char **argv)
{
    kdm_json_seed(UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210));
    report("request frame", KDM_STR(frame));
    report_many_members();
    for (int i = 1; i < argc; i++)
        report_file(argv[i]);
    return 0;
}

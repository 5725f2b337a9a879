/* api_now.c - what the API adds to the edge: nanoseconds from a received text to its reply, without
 * sockets and without Redis. server:now alone, then with the members a JavaScript SDK sends, then a
 * request with arguments. Prints the best and the median of several rounds; no part of the tests:
 *   api_now [rounds]
 */
#include "api/api.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CALLS  200000
#define ROUNDS 15
#define MOST   100

static struct {
    size_t replies, bytes;
} counted;

static void on_send(struct kdm_peer *peer, struct kdm_str text)
{
    (void)peer;
    counted.replies++;
    counted.bytes += text.len;
}

static const struct kdm_peer_ops ops = { .send = on_send };

static enum kdm_outcome now(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, 64);
    kdm_buf_lit(&buf, "{\"now\":");
    kdm_buf_int(&buf, kdm_tx_now(tx));
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

static enum kdm_outcome echo(struct kdm_tx *tx, const struct kdm_args *args)
{
    if (!kdm_args_has(args, KDM_ARG__ID))
        return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, KDM_PROPS(KDM_STR("_id")));
    return kdm_tx_reply(tx, kdm_val_text(args->body));
}

static const struct kdm_arg_row echo_rows[] = {
    { KDM_ARG_INDEX, "index", KDM_ARG_TYPE_STRING, KDM_ARG_REQUIRED, NULL, NULL, "string" },
    { KDM_ARG_COLLECTION, "collection", KDM_ARG_TYPE_STRING, KDM_ARG_REQUIRED, NULL, NULL,
      "string" },
    { KDM_ARG__ID, "_id", KDM_ARG_TYPE_STRING, KDM_ARG_REQUIRED, NULL, NULL, "string" },
    { KDM_ARG_REFRESH, "refresh", KDM_ARG_TYPE_REFRESH, 0, NULL, NULL, NULL },
    { KDM_ARG_RETRY_ON_CONFLICT, "retryOnConflict", KDM_ARG_TYPE_INTEGER, 0, NULL, NULL,
      "integer" },
    { KDM_ARG_SILENT, "silent", KDM_ARG_TYPE_BOOLEAN, 0, NULL, NULL, "boolean" },
};

static const struct kdm_action actions[] = {
    { "server", "now", "server", "now", "", now, NULL, 0, 0, 0 },
    { "document", "update", "document", "update", "", echo, echo_rows, 6, KDM_ACTION_BODY, 1 },
};

static const struct kdm_action *find(struct kdm_str controller, struct kdm_str action,
                                     bool *ret_controller_known)
{
    *ret_controller_known = true;
    for (size_t i = 0; i < 2; i++) {
        if (kdm_str_eq(controller, kdm_str_of(actions[i].controller))
            && kdm_str_eq(action, kdm_str_of(actions[i].action)))
            return &actions[i];
    }
    return NULL;
}

static const struct kdm_protocol protocol = { .actions = actions, .action_count = 2, .action_rows = 2, .find = find };

static const struct {
    const char *name, *text;
} cases[] = {
    { "server:now, bare", "{\"controller\":\"server\",\"action\":\"now\",\"requestId\":\"42\"}" },
    { "server:now, as the SDK sends it", "{\"controller\":\"server\",\"action\":\"now\","
                                         "\"requestId\":\"6f1f2b7e-7a52-4b0f-9d55-0d0d4f0f5a11\","
                                         "\"volatile\":{\"sdkInstanceId\":\"6f1f2b7e-7a52-4b0f-"
                                         "9d55-0d0d4f0f5a11\",\"sdkName\":\"js@7.17.1\"}}" },
    { "document:update, arguments only", "{\"controller\":\"document\",\"action\":\"update\","
                                         "\"index\":\"bench\",\"collection\":\"documents\","
                                         "\"_id\":\"document-1\",\"refresh\":\"false\",\"silent\":"
                                         "true,\"body\":{\"name\":\"x\",\"value\":42},"
                                         "\"requestId\":\"6f1f2b7e-7a52-4b0f-9d55-0d0d4f0f5a11\","
                                         "\"volatile\":{\"sdkInstanceId\":\"6f1f2b7e-7a52-4b0f-"
                                         "9d55-0d0d4f0f5a11\",\"sdkName\":\"js@7.17.1\"}}" },
};

static double now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(struct kdm_api *api, struct kdm_peer *peer, size_t which, int rounds)
{
    struct kdm_str text = kdm_str_of(cases[which].text);
    double ns[MOST];

    for (int round = 0; round < rounds; round++) {
        double began = now_ns();

        for (int i = 0; i < CALLS; i++)
            kdm_api_message(api, peer, text);
        ns[round] = (now_ns() - began) / CALLS;
    }
    qsort(ns, (size_t)rounds, sizeof(*ns), by_value);
    printf("%-34s %4zu bytes: best %6.0f ns, median %6.0f ns, reply %zu bytes\n", cases[which].name,
           text.len, ns[0], ns[rounds / 2], counted.bytes / counted.replies);
    counted.bytes = counted.replies = 0;
}

int main(int argc, char **argv)
{
    static struct kdm_random random;
    struct kdm_hash_seed seed = { 1, 2 };
    struct kdm_peer peer = { .ops = &ops, .protocol = "websocket" };
    /* server:now needs no Redis, and none is there. */
    struct kdm_store_options store_options = { .redis_url = "unix:/nonexistent/kdm.sock",
                                               .node = KDM_STR("bench") };
    struct kdm_api_options options = { .protocol = &protocol,
                                       .node = KDM_STR("knode-nimble-otter-12345"),
                                       .strict_sdk_version = true,
                                       .cookie_authentication = true,
                                       .stats = true };
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : ROUNDS;
    char *error = NULL;
    struct kdm_store *store;
    struct kdm_bus *bus;
    struct kdm_tx_engine *engine;
    struct kdm_api *api;

    kdm_log_set_level(KDM_LOG_ERROR);
    memset(peer.id, '0', KDM_UUID_LEN);
    store = kdm_store_open(uv_default_loop(), &store_options, &random, &error);
    if (store == NULL) {
        fprintf(stderr, "api_now: %s\n", error);
        free(error);
        return 1;
    }
    bus = kdm_bus_create(&seed);
    engine = kdm_tx_engine_create(uv_default_loop(), store, bus, NULL);
    api = kdm_api_create(uv_default_loop(), engine, bus, &options);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        measure(api, &peer, i, rounds < 1 ? 1 : rounds > MOST ? MOST : rounds);
    kdm_api_destroy(api);
    kdm_tx_engine_destroy(engine);
    kdm_bus_destroy(bus);
    kdm_store_close(store);
    return 0;
}

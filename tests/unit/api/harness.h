/* harness.h - an API over a small protocol of its own, a peer that keeps what it is sent, and
 * transactions that are faked: they run the action's function, and one that waits runs again when
 * the test says so.
 */
#ifndef KDM_TESTS_API_HARNESS_H
#define KDM_TESTS_API_HARNESS_H

#include "api/api.h"
#include "../texts.h"

/* --- transactions ------------------------------------------------------------------------- */

struct kdm_tx {
    int replied; /* how often it heard that its reply was sent */
    struct kdm_tx_start start;
    struct kdm_failure failure;
    struct kdm_str result, index, collection;
    struct kdm_tx_header headers[2];
    size_t header_count;
    int status;
    bool done, awake, is_stream;
    size_t pieces_left;
    kdm_tx_piece_fn *piece; /* of the one that is being made */
    void *piece_ctx;
    struct kdm_tx *next;
};

/* What the fake saw. */
static struct {
    struct kdm_tx *waiting; /* newest first */
    struct kdm_tx *making;  /* the next piece of its stream */
    size_t pieces;          /* of a stream */
    int started, released;
    struct kdm_tx_start last;
    char request_id[64], volatile_json[128];
} txs;

static inline void run_fake(struct kdm_tx *tx)
{
    enum kdm_outcome outcome = tx->start.fn(tx, tx->start.ctx);

    if (outcome == KDM_WAIT && tx->failure.err == KDM_OK) {
        tx->next = txs.waiting;
        txs.waiting = tx;
        return;
    }
    tx->done = true;
    tx->start.done(tx, tx->start.ctx);
}

struct kdm_tx *kdm_tx_run(struct kdm_tx_engine *engine, const struct kdm_tx_start *start)
{
    struct kdm_tx *tx = calloc(1, sizeof(*tx));

    (void)engine;
    tx->start = *start;
    tx->status = 200;
    txs.started++;
    txs.last = *start;
    snprintf(txs.request_id, sizeof(txs.request_id), KDM_FMT, KDM_ARG(start->origin.request_id));
    snprintf(txs.volatile_json, sizeof(txs.volatile_json), KDM_FMT,
             KDM_ARG(start->origin.volatile_json));
    run_fake(tx);
    return tx;
}

static inline void forget_fake(struct kdm_tx *tx)
{
    struct kdm_tx **at = &txs.waiting;

    while (*at != NULL && *at != tx)
        at = &(*at)->next;
    if (*at == tx)
        *at = tx->next;
}

void kdm_tx_release(struct kdm_tx *tx)
{
    forget_fake(tx);
    if (txs.making == tx)
        txs.making = NULL;
    txs.released++;
    free(tx);
}

/* What it waited for has arrived. */
static inline void wake(struct kdm_tx *tx)
{
    forget_fake(tx);
    tx->awake = true;
    run_fake(tx);
}

struct kdm_str kdm_tx_file(const struct kdm_tx *tx)
{
    (void)tx;
    return KDM_STR_NONE;
}

struct kdm_str kdm_tx_result(const struct kdm_tx *tx)
{
    return tx->result;
}

/* The result of test:stream has this many pieces; each is made when a test says so. */
#define STREAM_PIECES 3
bool kdm_tx_is_stream(const struct kdm_tx *tx)
{
    return tx->is_stream;
}

struct kdm_str kdm_tx_stream_head(const struct kdm_tx *tx)
{
    (void)tx;
    return KDM_STR("head\n");
}

size_t kdm_tx_stream_left(const struct kdm_tx *tx)
{
    return tx->pieces_left;
}

void kdm_tx_stream_next(struct kdm_tx *tx, int64_t deadline_ms, kdm_tx_piece_fn *fn, void *ctx)
{
    ck_assert_ptr_null(txs.making);
    ck_assert_int_gt(deadline_ms, 0);
    txs.making = tx;
    tx->piece = fn;
    tx->piece_ctx = ctx;
}

/* The piece is there, or not: err. */
static inline void make_piece(enum kdm_err err, const char *text)
{
    struct kdm_tx *tx = txs.making;

    ck_assert_ptr_nonnull(tx);
    txs.making = NULL;
    tx->pieces_left -= err == KDM_OK;
    tx->piece(tx->piece_ctx, err, kdm_str_of(text));
}

size_t kdm_tx_headers(const struct kdm_tx *tx, const struct kdm_tx_header **ret_headers)
{
    *ret_headers = tx->headers;
    return tx->header_count;
}

void kdm_tx_replied(struct kdm_tx *tx)
{
    tx->replied++;
}

int kdm_tx_status(const struct kdm_tx *tx)
{
    return tx->status;
}

struct kdm_str kdm_tx_target_index(const struct kdm_tx *tx)
{
    return tx->index;
}

struct kdm_str kdm_tx_target_collection(const struct kdm_tx *tx)
{
    return tx->collection;
}

const struct kdm_failure *kdm_tx_failure(const struct kdm_tx *tx)
{
    return &tx->failure;
}

enum kdm_outcome kdm_tx_reply(struct kdm_tx *tx, struct kdm_str result)
{
    tx->result = result;
    return KDM_DONE;
}

enum kdm_outcome kdm_tx_fail(struct kdm_tx *tx, enum kdm_err err, const struct kdm_str *props,
                             size_t count)
{
    kdm_failure_set(&tx->failure, tx->start.arena, err, props, count);
    return KDM_WAIT;
}

/* --- the protocol ------------------------------------------------------------------------- */

static enum kdm_outcome test_now(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return kdm_tx_reply(tx, KDM_STR("{\"now\":1}"));
}

/* Replies its arguments and body. */
static enum kdm_outcome test_echo(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, 256);
    kdm_buf_lit(&buf, "{\"args\":");
    kdm_buf_put(&buf, kdm_val_text(args->envelope));
    kdm_buf_printf(
        &buf, ",\"silent\":%s,\"body\":", kdm_args_bool(args, KDM_ARG_SILENT) ? "true" : "false");
    kdm_buf_put(&buf, kdm_val_none(args->body) ? KDM_STR("null") : kdm_val_text(args->body));
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

static enum kdm_outcome test_wait(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return tx->awake ? kdm_tx_reply(tx, KDM_STR("\"late\"")) : KDM_WAIT;
}

static enum kdm_outcome test_fail(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_NOT_FOUND,
                       KDM_PROPS(KDM_STR("d"), KDM_STR("i"), KDM_STR("c")));
}

static enum kdm_outcome test_raw(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val what = kdm_args_val(args, KDM_ARG_SCOPE);

    return kdm_tx_reply(tx,
                        kdm_val_str_eq(what, KDM_STR("text"))   ? KDM_STR("\"plain \\\"text\\\"\"")
                        : kdm_val_str_eq(what, KDM_STR("null")) ? KDM_STR("null")
                        : kdm_val_str_eq(what, KDM_STR("{}"))   ? KDM_STR("{}")
                                                                : KDM_STR("{\"swagger\":\"2.0\"}"));
}

static enum kdm_outcome test_target(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    tx->headers[0] = (struct kdm_tx_header){ KDM_STR("set-cookie"), KDM_STR("authToken=x") };
    tx->headers[1] = (struct kdm_tx_header){ KDM_STR("x-made-by"), KDM_STR("a \"test\"") };
    tx->header_count = 2;
    tx->index = KDM_STR("engine");
    tx->collection = KDM_STR("assets");
    tx->status = 201;
    return kdm_tx_reply(tx, KDM_STR("[]"));
}

static enum kdm_outcome test_stream(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    tx->is_stream = true;
    tx->pieces_left = txs.pieces;
    return kdm_tx_reply(tx, KDM_STR("null"));
}

static const struct kdm_arg_row echo_rows[] = {
    { KDM_ARG_INDEX, "index", KDM_ARG_TYPE_STRING, KDM_ARG_REQUIRED, NULL, NULL, "string" },
    { KDM_ARG_SILENT, "silent", KDM_ARG_TYPE_BOOLEAN, 0, NULL, NULL, "boolean" },
    { KDM_ARG_RETRY_ON_CONFLICT, "retryOnConflict", KDM_ARG_TYPE_INTEGER, 0, NULL, NULL,
      "integer" },
};
static const struct kdm_arg_row raw_rows[] = {
    { KDM_ARG_SCOPE, "scope", KDM_ARG_TYPE_STRING, 0, NULL, NULL, "string" },
};

static const struct kdm_action test_actions[] = {
    { "server", "now", "server", "now", "", test_now, NULL, 0, 0, 0 },
    { "test", "echo", "test", "echo", "", test_echo, echo_rows, 3, 0, 1 },
    { "test", "wait", "test", "wait", "", test_wait, NULL, 0, 0, 2 },
    { "test", "fail", "test", "fail", "", test_fail, NULL, 0, 0, 3 },
    { "test", "raw", "test", "raw", "", test_raw, raw_rows, 1, KDM_ACTION_RAW, 4 },
    { "test", "void", "test", "void", "", test_now, NULL, 0, KDM_ACTION_VOID, 5 },
    { "test", "target", "test", "target", "", test_target, NULL, 0, 0, 6 },
    { "test", "later", "test", "later", "", NULL, NULL, 0, 0, 7 },
    { "test", "web", "test", "web", "", test_now, NULL, 0, KDM_ACTION_HTTP_ONLY, 8 },
    { "test", "now", "alias", "time", "", test_now, NULL, 0, 0, 9 },
    { "auth", "login", "auth", "login", "", test_now, NULL, 0, 0, 10 },
    { "test", "stream", "test", "stream", "", test_stream, NULL, 0, KDM_ACTION_HTTP_ONLY, 11 },
    { "test", "gone", "test", "gone", "", NULL, NULL, 0, 0, 12 }, /* a route's alone: not found */
};

static const struct kdm_route test_routes[] = {
    { "GET", "/_now", 0 },          { "GET", "/", 0 },      { "GET", "/:index/_echo", 1 },
    { "POST", "/:index/_echo", 1 }, { "GET", "/_wait", 2 }, { "GET", "/_fail", 3 },
    { "GET", "/_raw", 4 },          { "GET", "/_web", 8 },  { "GET", "/_gone", 12 },
    { "HEAD", "/_now", 0 },         { "GET", "/_stream", 11 },
};

#define TEST_ACTIONS 12u

static inline const struct kdm_action *test_find(struct kdm_str controller, struct kdm_str action,
                                                 bool *ret_known)
{
    *ret_known = false;
    for (size_t i = 0; i < TEST_ACTIONS; i++) {
        if (!kdm_str_eq(controller, kdm_str_of(test_actions[i].asked_controller)))
            continue;
        *ret_known = true;
        if (kdm_str_eq(action, kdm_str_of(test_actions[i].asked_action)))
            return &test_actions[i];
    }
    return NULL;
}

static const struct kdm_protocol test_protocol = {
    .actions = test_actions,
    .action_count = TEST_ACTIONS,
    .action_rows = TEST_ACTIONS,
    .find = test_find,
    .routes = test_routes,
    .route_count = sizeof(test_routes) / sizeof(test_routes[0]),
};

/* --- the peer ----------------------------------------------------------------------------- */

struct test_peer {
    struct kdm_peer peer;
    int count, status;
    char text[4096], request_id[64];
    bool leaves; /* when it is answered */
    bool full;   /* takes no more pieces */
    int begun, ended, broken;
};

static struct kdm_api *api;
static struct kdm_bus *bus;
static uv_loop_t loop;

static inline void keep(struct test_peer *peer, struct kdm_str text)
{
    peer->count++;
    ck_assert_uint_lt(text.len, sizeof(peer->text));
    if (text.len > 0)
        memcpy(peer->text, text.ptr, text.len);
    peer->text[text.len] = '\0';
    if (peer->leaves)
        kdm_api_gone(api, &peer->peer);
}

static inline void on_send(struct kdm_peer *peer, struct kdm_str text)
{
    keep((struct test_peer *)peer, text);
}

static inline void on_respond(struct kdm_peer *peer, const struct kdm_http_response *response)
{
    struct test_peer *test = (struct test_peer *)peer;

    test->status = response->status;
    snprintf(test->request_id, sizeof(test->request_id), KDM_FMT, KDM_ARG(response->request_id));
    keep(test, response->body);
}

static inline void on_begin(struct kdm_peer *peer, const struct kdm_http_response *response)
{
    struct test_peer *test = (struct test_peer *)peer;

    test->begun++;
    test->status = response->status;
}

static inline bool on_piece(struct kdm_peer *peer, struct kdm_str bytes)
{
    struct test_peer *test = (struct test_peer *)peer;

    ck_assert_int_eq(test->begun, 1);
    strncat(test->text, bytes.ptr, bytes.len);
    return !test->full;
}

static inline void on_end(struct kdm_peer *peer, bool whole)
{
    struct test_peer *test = (struct test_peer *)peer;

    test->ended++;
    test->broken += !whole;
}

static const struct kdm_peer_ops test_ops = {
    .send = on_send, .respond = on_respond, .begin = on_begin, .piece = on_piece, .end = on_end
};

static inline struct test_peer new_peer(const char *protocol)
{
    struct test_peer peer = { .peer = { .ops = &test_ops, .protocol = protocol } };

    memcpy(peer.peer.id, "6e0bbbd4-0000-4000-8000-000000000001", KDM_UUID_LEN);
    return peer;
}

/* --- the API ------------------------------------------------------------------------------ */

static inline void open_api_with(const struct kdm_api_options *given)
{
    static const struct kdm_hash_seed seed = { 5, 6 };
    struct kdm_api_options options = *given;

    open_arena();
    memset(&txs, 0, sizeof(txs));
    txs.pieces = STREAM_PIECES;
    uv_loop_init(&loop);
    bus = kdm_bus_create(&seed);
    options.protocol = &test_protocol;
    options.node = KDM_STR("knode-test");
    api = kdm_api_create(&loop, NULL, bus, &options);
}

static inline void open_api(void)
{
    open_api_with(
        &(struct kdm_api_options){ .cookie_authentication = true, .strict_sdk_version = true });
}

static inline void close_api(void)
{
    kdm_api_destroy(api);
    kdm_bus_destroy(bus);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_int_eq(txs.started, txs.released);
    close_arena();
}

static inline void tell(struct test_peer *peer, const char *text)
{
    char copy[4096]; /* changed after the call, as the contract allows */
    size_t len = strlen(text);

    memcpy(copy, text, len);
    kdm_api_message(api, &peer->peer, (struct kdm_str){ .ptr = copy, .len = len });
    memset(copy, 'x', sizeof(copy));
}

/* The reply as JSON. */
static inline struct kdm_val answer(const struct test_peer *peer)
{
    ck_assert_int_ge(peer->count, 1);
    return parse(peer->text);
}

static inline struct kdm_str member(const struct test_peer *peer, const char *path)
{
    return kdm_val_text(kdm_val_path(answer(peer), kdm_str_of(path)));
}

#endif

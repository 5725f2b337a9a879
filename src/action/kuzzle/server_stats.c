/* server_stats.c - counters: frames of statistics, and the figures of this moment. */
#include "action/kuzzle/server.h"
#include "api/api.h"
#include "realtime/hub.h"
#include "projector/projector.h"
#include "store/mapping_value.h"

static void disabled(struct kdm_tx *tx)
{
    kdm_tx_fail(tx, KDM_ERR_CORE_FATAL_UNEXPECTED_ERROR,
                KDM_PROPS(KDM_STR("statistics are disabled")));
}

static void put_frames(struct kdm_tx *tx, struct kdm_buf *buf, int64_t from_ms, int64_t to_ms)
{
    size_t count = 0;

    kdm_buf_lit(buf, "{\"hits\":");
    if (!kdm_stats_write(kdm_server_of(tx)->stats, from_ms, to_ms, buf, &count))
        disabled(tx);
    kdm_buf_printf(buf, ",\"total\":%zu}", count);
}

static void put_all(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_buf *buf)
{
    (void)args;
    put_frames(tx, buf, 0, INT64_MAX);
}

enum kdm_outcome kdm_server_get_all_stats(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_reply_snapshot(tx, args, put_all);
}

/* Milliseconds, or a date. *time stays as it is when none is given. */
static bool read_time(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_arg id,
                      const char *name, int64_t *time)
{
    struct kdm_val val = kdm_args_val(args, id);

    if (kdm_val_null(val) || kdm_val_int64(val, time)
        || (kdm_val_type(val) == KDM_JSON_STRING
            && kdm_date_parse(kdm_date_format_default(), kdm_val_str(args->arena, val), false,
                              time)))
        return true;
    kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                KDM_PROPS(kdm_str_of(name), KDM_STR("milliseconds since 1970, or a date")));
    return false;
}

static void put_period(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_buf *buf)
{
    int64_t from = 0, to = INT64_MAX;

    if (read_time(tx, args, KDM_ARG_START_TIME, "startTime", &from)
        && read_time(tx, args, KDM_ARG_STOP_TIME, "stopTime", &to))
        put_frames(tx, buf, from, to);
}

enum kdm_outcome kdm_server_get_stats(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_reply_snapshot(tx, args, put_period);
}

static void put_last(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_buf *buf)
{
    (void)args;
    if (!kdm_stats_write_last(kdm_server_of(tx)->stats, buf))
        disabled(tx);
}

enum kdm_outcome kdm_server_get_last_stats(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_reply_snapshot(tx, args, put_last);
}

/* What searches are answered from: see projector.h. */
static void put_search(struct kdm_buf *buf, const struct kdm_projector_counts *search)
{
    kdm_buf_printf(buf,
                   ",\"search\":{\"collections\":%zu,\"building\":%zu,\"documents\":%llu,"
                   "\"memory\":%llu,\"lag\":%lld,\"queued\":%zu,\"rebuilds\":%llu,",
                   search->views, search->building, (unsigned long long)search->documents,
                   (unsigned long long)search->bytes, (long long)search->lag_ms,
                   search->queued_bytes, (unsigned long long)search->builds);
    kdm_buf_printf(buf, "\"searches\":%llu,\"searching\":%zu,\"waiting\":%zu}",
                   (unsigned long long)search->searches, search->searching, search->waiting);
}

/* Of this node. Every request that was taken runs at once, so none is pending. */
void kdm_put_metrics(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_buf *buf)
{
    const struct kdm_context *server = kdm_server_of(tx);
    struct kdm_stats_connections connections = { 0 };
    struct kdm_hub_counts realtime = { 0 };
    struct kdm_projector_counts search;

    (void)args;
    kdm_hub_counts(server->hub, &realtime);
    if (server->connections != NULL)
        server->connections(server->connections_ctx, &connections);
    kdm_buf_printf(buf, "{\"api\":{\"concurrentRequests\":%zu,\"pendingRequests\":0}",
                   kdm_api_running(server->api));
    kdm_buf_printf(buf, ",\"network\":{\"connections\":{\"websocket\":%zu,\"http\":%zu}}",
                   connections.websocket, connections.http);
    kdm_buf_printf(buf, ",\"realtime\":{\"rooms\":%zu,\"subscriptions\":%zu}", realtime.rooms,
                   realtime.subscriptions);
    kdm_projector_counts(server->projector, &search);
    put_search(buf, &search);
    kdm_buf_char(buf, '}');
}

enum kdm_outcome kdm_server_metrics(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_reply_snapshot(tx, args, kdm_put_metrics);
}

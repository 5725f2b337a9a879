/* stats.c - counters, and a ring of frames. A frame holds what was completed and failed since the
 * one before. */
#include "api/stats.h"
#include "base/clock.h"
#include <stdlib.h>

#define INTERVAL_MS 10000
#define TTL_MS      3600000

struct frame {
    int64_t timestamp;
    uint64_t completed[KDM_STATS_PROTOCOLS], failed[KDM_STATS_PROTOCOLS];
    uint32_t ongoing[KDM_STATS_PROTOCOLS];
    struct kdm_stats_connections connections;
};

struct kdm_stats {
    uv_timer_t timer;
    struct kdm_stats_options options;
    struct kdm_stats_totals totals, at_last_frame;
    struct frame *frames; /* a ring */
    size_t cap, count, newest;
};

static void fill_frame(const struct kdm_stats *stats, struct frame *ret_frame)
{
    memset(ret_frame, 0, sizeof(*ret_frame));
    ret_frame->timestamp = kdm_clock_ms();
    for (size_t i = 0; i < KDM_STATS_PROTOCOLS; i++) {
        ret_frame->completed[i] = stats->totals.completed[i] - stats->at_last_frame.completed[i];
        ret_frame->failed[i] = stats->totals.failed[i] - stats->at_last_frame.failed[i];
        ret_frame->ongoing[i] = stats->totals.ongoing[i];
    }
    if (stats->options.connections != NULL)
        stats->options.connections(stats->options.ctx, &ret_frame->connections);
}

static void on_interval(uv_timer_t *timer)
{
    struct kdm_stats *stats = timer->data;

    stats->newest = stats->count == 0 ? 0 : (stats->newest + 1) % stats->cap;
    if (stats->count < stats->cap)
        stats->count++;
    fill_frame(stats, &stats->frames[stats->newest]);
    stats->at_last_frame = stats->totals;
}

struct kdm_stats *kdm_stats_create(uv_loop_t *loop, const struct kdm_stats_options *options)
{
    struct kdm_stats *stats = kdm_zalloc(sizeof(*stats));
    int64_t interval = options->interval_ms > 0 ? options->interval_ms : INTERVAL_MS;
    int64_t ttl = options->ttl_ms > 0 ? options->ttl_ms : TTL_MS;

    stats->options = *options;
    stats->cap = (size_t)(ttl / interval) + 1;
    stats->frames = kdm_zalloc(stats->cap * sizeof(*stats->frames));
    uv_timer_init(loop, &stats->timer);
    stats->timer.data = stats;
    uv_unref((uv_handle_t *)&stats->timer);
    if (options->enabled)
        uv_timer_start(&stats->timer, on_interval, (uint64_t)interval, (uint64_t)interval);
    return stats;
}

static void on_closed(uv_handle_t *handle)
{
    struct kdm_stats *stats = handle->data;

    free(stats->frames);
    free(stats);
}

void kdm_stats_destroy(struct kdm_stats *stats)
{
    if (stats != NULL)
        uv_close((uv_handle_t *)&stats->timer, on_closed);
}

void kdm_stats_begin(struct kdm_stats *stats, enum kdm_stats_protocol protocol)
{
    stats->totals.ongoing[protocol]++;
}

void kdm_stats_end(struct kdm_stats *stats, enum kdm_stats_protocol protocol, bool answered,
                   bool failed)
{
    stats->totals.ongoing[protocol]--;
    if (!answered)
        return;
    if (failed)
        stats->totals.failed[protocol]++;
    else
        stats->totals.completed[protocol]++;
}

void kdm_stats_totals(const struct kdm_stats *stats, struct kdm_stats_totals *ret_totals)
{
    *ret_totals = stats->totals;
}

static void put_pair(struct kdm_buf *buf, uint64_t websocket, uint64_t http, const char *http_name)
{
    kdm_buf_printf(buf, "{\"websocket\":%llu,\"%s\":%llu}", (unsigned long long)websocket,
                   http_name, (unsigned long long)http);
}

static void put_frame(struct kdm_buf *buf, const struct frame *frame)
{
    kdm_buf_lit(buf, "{\"completedRequests\":");
    put_pair(buf, frame->completed[KDM_STATS_WEBSOCKET], frame->completed[KDM_STATS_HTTP], "http");
    kdm_buf_lit(buf, ",\"connections\":");
    put_pair(buf, frame->connections.websocket, frame->connections.http, "HTTP/1.1");
    kdm_buf_lit(buf, ",\"failedRequests\":");
    put_pair(buf, frame->failed[KDM_STATS_WEBSOCKET], frame->failed[KDM_STATS_HTTP], "http");
    kdm_buf_lit(buf, ",\"ongoingRequests\":");
    put_pair(buf, frame->ongoing[KDM_STATS_WEBSOCKET], frame->ongoing[KDM_STATS_HTTP], "http");
    kdm_buf_printf(buf, ",\"timestamp\":%lld}", (long long)frame->timestamp);
}

bool kdm_stats_write(const struct kdm_stats *stats, int64_t from_ms, int64_t to_ms,
                     struct kdm_buf *buf, size_t *ret_count)
{
    if (!stats->options.enabled)
        return false;
    *ret_count = 0;
    kdm_buf_char(buf, '[');
    for (size_t i = stats->count; i > 0; i--) {
        const struct frame *frame =
            &stats->frames[(stats->newest + stats->cap + 1 - i) % stats->cap];

        if (frame->timestamp < from_ms || frame->timestamp > to_ms)
            continue;
        if ((*ret_count)++ > 0)
            kdm_buf_char(buf, ',');
        put_frame(buf, frame);
    }
    kdm_buf_char(buf, ']');
    return true;
}

bool kdm_stats_write_last(const struct kdm_stats *stats, struct kdm_buf *buf)
{
    struct frame now;

    if (!stats->options.enabled)
        return false;
    if (stats->count == 0)
        fill_frame(stats, &now);
    put_frame(buf, stats->count == 0 ? &now : &stats->frames[stats->newest]);
    return true;
}

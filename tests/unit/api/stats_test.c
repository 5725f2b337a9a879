/* stats_test.c - requests counted into frames. */
#include "../texts.h"
#include "api/stats.h"
#include "base/clock.h"

static uv_loop_t loop;
static struct kdm_stats *stats;

static void count_connections(void *ctx, struct kdm_stats_connections *ret_connections)
{
    ck_assert_ptr_eq(ctx, &loop);
    *ret_connections = (struct kdm_stats_connections){ .websocket = 7, .http = 3 };
}

static void start(bool enabled, int64_t interval_ms, int64_t ttl_ms)
{
    struct kdm_stats_options options = { .enabled = enabled,
                                         .interval_ms = interval_ms,
                                         .ttl_ms = ttl_ms,
                                         .connections = count_connections,
                                         .ctx = &loop };

    stats = kdm_stats_create(&loop, &options);
}

static void set_up(void)
{
    open_arena();
    uv_loop_init(&loop);
}

static void tear_down(void)
{
    kdm_stats_destroy(stats);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    close_arena();
}

static void make_request(enum kdm_stats_protocol protocol, bool answered, bool failed)
{
    kdm_stats_begin(stats, protocol);
    kdm_stats_end(stats, protocol, answered, failed);
}

static void on_passed(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

/* Lets the loop turn for a while; the frames' own timer does not keep it alive. */
static void pass(uint64_t ms)
{
    uv_timer_t timer;

    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_passed, ms, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static struct kdm_val last_frame(void)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 256);
    ck_assert(kdm_stats_write_last(stats, &buf));
    return kdm_json_parse(&arena, kdm_buf_str(&buf));
}

static struct kdm_val frames(int64_t from, int64_t to, size_t *ret_count)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 256);
    ck_assert(kdm_stats_write(stats, from, to, &buf, ret_count));
    return kdm_json_parse(&arena, kdm_buf_str(&buf));
}

START_TEST(a_frame_tells_what_happened_by_protocol)
{
    start(true, 0, 0);
    make_request(KDM_STATS_WEBSOCKET, true, false);
    make_request(KDM_STATS_WEBSOCKET, true, true);
    make_request(KDM_STATS_WEBSOCKET, false, true);
    make_request(KDM_STATS_HTTP, true, false);
    make_request(KDM_STATS_INTERNAL, true, false);
    kdm_stats_begin(stats, KDM_STATS_HTTP);
    assert_text(kdm_val_text(kdm_val_get(last_frame(), KDM_STR("completedRequests"))),
                "{\"websocket\":1,\"http\":1}");
    assert_text(kdm_val_text(kdm_val_get(last_frame(), KDM_STR("failedRequests"))),
                "{\"websocket\":1,\"http\":0}");
    assert_text(kdm_val_text(kdm_val_get(last_frame(), KDM_STR("ongoingRequests"))),
                "{\"websocket\":0,\"http\":1}");
    assert_text(kdm_val_text(kdm_val_get(last_frame(), KDM_STR("connections"))),
                "{\"websocket\":7,\"HTTP/1.1\":3}");
}
END_TEST

START_TEST(frames_start_from_zero_and_the_oldest_go)
{
    size_t count;
    struct kdm_val all;

    start(true, 5, 20);
    make_request(KDM_STATS_HTTP, true, false);
    pass(80);
    all = frames(0, INT64_MAX, &count);
    ck_assert_uint_eq(count, 5);
    ck_assert_uint_eq(kdm_val_count(all), 5);
    assert_text(kdm_val_text(kdm_val_get(last_frame(), KDM_STR("completedRequests"))),
                "{\"websocket\":0,\"http\":0}");
}
END_TEST

START_TEST(frames_can_be_asked_for_by_time)
{
    struct kdm_val_iter it;
    struct kdm_val frame;
    int64_t before = 0, timestamp;
    size_t count;

    start(true, 5, 1000);
    pass(40);
    frames(0, 1000, &count);
    ck_assert_uint_eq(count, 0);
    frames(kdm_clock_ms() + 1000, INT64_MAX, &count);
    ck_assert_uint_eq(count, 0);
    for (kdm_elements(&it, frames(0, INT64_MAX, &count)); kdm_element_next(&it, &frame);) {
        ck_assert(kdm_val_int64(kdm_val_get(frame, KDM_STR("timestamp")), &timestamp));
        ck_assert_int_ge(timestamp, before);
        before = timestamp;
    }
    ck_assert_uint_gt(count, 1);
}
END_TEST

START_TEST(totals_go_on_over_frames)
{
    struct kdm_stats_totals totals;

    start(true, 5, 20);
    make_request(KDM_STATS_HTTP, true, false);
    pass(20);
    make_request(KDM_STATS_HTTP, true, false);
    kdm_stats_totals(stats, &totals);
    ck_assert_uint_eq(totals.completed[KDM_STATS_HTTP], 2);
}
END_TEST

START_TEST(disabled_statistics_have_no_frames)
{
    struct kdm_buf buf;
    size_t count;

    start(false, 5, 20);
    kdm_buf_init(&buf, &arena, 64);
    ck_assert(!kdm_stats_write(stats, 0, INT64_MAX, &buf, &count));
    ck_assert(!kdm_stats_write_last(stats, &buf));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_frame_tells_what_happened_by_protocol, frames_start_from_zero_and_the_oldest_go,
        frames_can_be_asked_for_by_time,         totals_go_on_over_frames,
        disabled_statistics_have_no_frames,
    };

    return RUN("stats", tests, set_up, tear_down);
}

/* stream_test.c - results that are sent as they are made, as fast as the peer takes them. */
#include "base/log.h"
#include "harness.h"

static struct test_peer peer;

static void set_up(void)
{
    kdm_log_set_level(KDM_LOG_ERROR);
    open_api();
    peer = new_peer("http");
}

static void tear_down(void)
{
    kdm_api_gone(api, &peer.peer);
    ck_assert_uint_eq(kdm_api_running(api), 0);
    close_api();
}

static void ask_for_stream(struct test_peer *asking)
{
    const struct kdm_http_request request = { .verb = KDM_STR("GET"), .path = KDM_STR("/_stream") };

    kdm_api_http(api, &asking->peer, &request);
}

START_TEST(pieces_follow_each_other_to_the_end)
{
    ask_for_stream(&peer);
    ck_assert_int_eq(peer.begun, 1);
    ck_assert_int_eq(peer.status, 200);
    ck_assert_str_eq(peer.text, "head\n");
    make_piece(KDM_OK, "a");
    make_piece(KDM_OK, ""); /* all of it was deleted meanwhile */
    ck_assert_int_eq(peer.ended, 0);
    make_piece(KDM_OK, "c");
    ck_assert_str_eq(peer.text, "head\nac");
    ck_assert_int_eq(peer.ended, 1);
    ck_assert_int_eq(peer.broken, 0);
    ck_assert_int_eq(peer.count, 0); /* no respond() beside it */
    ck_assert_int_eq(txs.released, 1);
}
END_TEST

START_TEST(nothing_is_made_for_a_peer_that_is_full)
{
    peer.full = true;
    ask_for_stream(&peer);
    ck_assert_ptr_null(txs.making);
    peer.full = false;
    kdm_api_room(api, &peer.peer);
    kdm_api_room(api,
                 &peer.peer); /* said twice it means no more; the fake refuses a second piece */
    make_piece(KDM_OK, "a");
    peer.full = true;
    make_piece(KDM_OK, "b");
    ck_assert_ptr_null(txs.making);
    kdm_api_room(api, &peer.peer);
    make_piece(KDM_OK, "c");
    ck_assert_int_eq(peer.ended, 1); /* the end needs no room */
    kdm_api_room(api, &peer.peer);
    ck_assert_str_eq(peer.text, "head\nabc");
}
END_TEST

START_TEST(a_failure_in_the_middle_breaks_it_off)
{
    ask_for_stream(&peer);
    make_piece(KDM_OK, "a");
    make_piece(KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, "");
    ck_assert_int_eq(peer.ended, 1);
    ck_assert_int_eq(peer.broken, 1);
    ck_assert_str_eq(peer.text, "head\na");
    ck_assert_int_eq(peer.count, 0);
    ck_assert_ptr_null(txs.making);
}
END_TEST

START_TEST(a_peer_that_goes_ends_it)
{
    ask_for_stream(&peer);
    make_piece(KDM_OK, "a");
    kdm_api_gone(api, &peer.peer);
    ck_assert_ptr_null(txs.making);
    ck_assert_int_eq(txs.released, 1);
    ck_assert_int_eq(peer.ended, 0);
    ck_assert_uint_eq(kdm_api_running(api), 0);
}
END_TEST

START_TEST(streams_under_way_hold_no_more_than_so_much)
{
    struct test_peer large = new_peer("http"), larger = new_peer("http");

    large.full = larger.full = peer.full = true; /* so that none goes on */
    txs.pieces = 3u << 20;
    ask_for_stream(&large);
    ck_assert_int_eq(large.begun, 1);
    ask_for_stream(&larger);
    ck_assert_int_eq(larger.begun, 0);
    ck_assert_int_eq(larger.status, 503);
    txs.pieces = STREAM_PIECES;
    ask_for_stream(&peer);
    ck_assert_int_eq(peer.begun, 1);
    kdm_api_gone(api, &large.peer);
    kdm_api_gone(api, &peer.peer);
    txs.pieces = 5u << 20; /* one may always be sent */
    ask_for_stream(&larger);
    ck_assert_int_eq(larger.begun, 1);
    kdm_api_gone(api, &larger.peer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        pieces_follow_each_other_to_the_end,         nothing_is_made_for_a_peer_that_is_full,
        a_failure_in_the_middle_breaks_it_off,       a_peer_that_goes_ends_it,
        streams_under_way_hold_no_more_than_so_much,
    };

    return RUN("stream", tests, set_up, tear_down);
}

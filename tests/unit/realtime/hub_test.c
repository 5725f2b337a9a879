/* hub_test.c - rooms of two nodes on one Redis, with connections that only write down what they are
 * told. */
#include "../store/world.h"
#include "realtime/hub.h"
#include "realtime/hub_private.h"

#define TOLD_MAX 4000

/* A connection. */
struct client {
    struct kdm_member *member;
    int count; /* notifications */
    char last[2048];
    int ids[TOLD_MAX]; /* the number in "_id":"<number>", -1: none */
    size_t queued;     /* what it says of itself */
    int answers;
    enum kdm_err err;
    bool gap;
    char channel[KDM_CHANNEL_MAX + 1], change_id[KDM_CHANGE_ID_MAX + 1];
};

struct site {
    struct node node;
    struct kdm_hub *hub;
};

static uv_loop_t loop;
static struct server redis;
static struct site near, far;

static void on_send(void *connection, struct kdm_str text)
{
    static const char name[] = "\"_id\":\"";
    struct client *client = connection;
    const char *id = memmem(text.ptr, text.len, name, sizeof(name) - 1);

    ck_assert_int_lt(client->count, TOLD_MAX);
    snprintf(client->last, sizeof(client->last), KDM_FMT, KDM_ARG(text));
    client->ids[client->count++] = id == NULL ? -1 : atoi(id + sizeof(name) - 1);
}

static size_t on_queued(void *connection)
{
    return ((struct client *)connection)->queued;
}

static void open_site(struct site *site, const char *name)
{
    struct kdm_hub_options options = { .loop = &loop,
                                       .redis_url = redis.url,
                                       .node = kdm_str_of(name),
                                       .limits = { .conditions = 100 },
                                       .max_rooms = 3000,
                                       .send = on_send,
                                       .queued = on_queued };
    char *error = NULL;

    node_open(&site->node, &loop, redis.url, name);
    options.store = site->node.store;
    site->hub = kdm_hub_create(&options, &error);
    ck_assert_ptr_nonnull(site->hub);
    node_await(&site->node);
}

static void close_site(struct site *site)
{
    kdm_hub_destroy(site->hub);
    node_stop(&site->node);
}

static void setup(void)
{
    uv_loop_init(&loop);
    server_open(&redis, "--appendonly", "no");
    open_site(&near, "near");
    open_site(&far, "far");
    turn_for(&loop, 50); /* the bells and presence too */
}

static void teardown(void)
{
    close_site(&near);
    close_site(&far);
    loop_end(&loop);
    server_kill(&redis);
}

static void enter(struct site *site, struct client *client, const char *name)
{
    char id[KDM_UUID_LEN + 1] = "00000000-0000-4000-8000-000000000000";

    memcpy(id, name, strlen(name));
    memset(client, 0, sizeof(*client));
    client->member = kdm_hub_enter(site->hub, client, id, "websocket");
}

static void on_subscribed(void *ctx, const struct kdm_subscribed *subscribed)
{
    struct client *client = ctx;

    client->answers++;
    client->err = subscribed->err;
    client->gap = subscribed->gap;
    if (subscribed->err != KDM_OK)
        return;
    snprintf(client->channel, sizeof(client->channel), KDM_FMT, KDM_ARG(subscribed->channel));
    snprintf(client->change_id, sizeof(client->change_id), KDM_FMT, KDM_ARG(subscribed->change_id));
}

/* Asks to subscribe; `filter` NULL: joins the room `since` names.. */
static void begin(struct client *client, const char *filter, const char *since,
                  enum kdm_interest users)
{
    struct kdm_subscribe ask = { .scope = KDM_INTEREST_ALL, .users = users, .timestamp = 1 };
    struct kdm_failure failure;
    struct kdm_arena arena;

    kdm_arena_init(&arena, 4096);
    ask.since = kdm_str_of(since);
    ask.volatile_json = KDM_STR("{\"v\":1}");
    ask.filter = kdm_filter_parse(&arena, NULL, KDM_STR("tenant"), KDM_STR("assets"),
                                  kdm_json_parse(&arena, kdm_str_of(filter)), &failure);
    ck_assert_ptr_nonnull(ask.filter);
    client->answers = 0;
    kdm_hub_subscribe(client->member, &ask, on_subscribed, client);
    kdm_arena_fini(&arena); /* the hub keeps copies */
}

static void subscribe(struct client *client, const char *filter, const char *since,
                      enum kdm_interest users)
{
    begin(client, filter, since, users);
    turn_until(&loop, &client->answers, 1, 5000);
    ck_assert_int_eq(client->answers, 1);
    ck_assert_int_eq(client->err, KDM_OK);
    kdm_hub_answered(client->member, kdm_str_of(client->channel));
}

static void leave(struct client *client)
{
    kdm_hub_leave(client->member);
    client->member = NULL;
}

static void write_number(struct site *site, const struct kdm_collection *collection, int number,
                         const char *text)
{
    char id[16];

    snprintf(id, sizeof(id), "%d", number);
    create_doc(&site->node, collection, id, text);
}

struct counted {
    int done;
    uint64_t connections;
};

static void on_counted(void *ctx, enum kdm_err err, uint64_t connections)
{
    struct counted *counted = ctx;

    ck_assert_int_eq(err, KDM_OK);
    counted->connections = connections;
    counted->done++;
}

static uint64_t count(struct site *site, const char *channel)
{
    struct counted counted = { 0 };

    kdm_hub_count(site->hub, (struct kdm_str){ channel, KDM_ROOM_ID_LEN },
                  kdm_clock_monotonic_ms() + 2000, on_counted, &counted);
    turn_until(&loop, &counted.done, 1, 3000);
    ck_assert_int_eq(counted.done, 1);
    return counted.connections;
}

/* --- change ids --------------------------------------------------------------------------------
 */

START_TEST(a_change_id_is_read_as_it_was_written)
{
    const struct kdm_feed_place places[] = { { 0, 0, 0 },
                                             { 1, 0, 1 },
                                             { 17, 3, 0xdeadbeef },
                                             { (uint64_t)1 << 52, 500, UINT32_MAX },
                                             { 9, UINT32_MAX - 1, 7 } };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char space[KDM_CHANGE_ID_MAX];
        struct kdm_feed_place read;

        ck_assert(kdm_change_id_read(kdm_change_id_write(space, &places[i]), &read));
        ck_assert_uint_eq(read.sequence, places[i].sequence);
        ck_assert_uint_eq(read.part, places[i].part);
        ck_assert_uint_eq(read.digest, places[i].digest);
    }
}
END_TEST

START_TEST(what_is_no_change_id_is_not_read)
{
    static const char *const texts[] = { "",
                                         ".",
                                         "1",
                                         "1.2",
                                         "1.2.",
                                         "1.2.g",
                                         "1.2.3.4",
                                         "-1.0.0",
                                         "1..0",
                                         "a.0.0",
                                         " 1.0.0",
                                         "1.0.0 ",
                                         "1.0.123456789",
                                         "1.4294967295.0",
                                         "9007199254740993.0.0",
                                         "99999999999999999999.0.0",
                                         "1.99999999999.0",
                                         "1.0.DEADBEEF" };
    struct kdm_feed_place place;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(!kdm_change_id_read(kdm_str_of(texts[i]), &place), "%s", texts[i]);
    ck_assert(!kdm_change_id_read((struct kdm_str){ "1.0.0\0", 6 }, &place));
}
END_TEST

/* --- rooms ---------------------------------------------------------------------------------------
 */

START_TEST(all_in_a_room_are_told_once_wherever_they_are_and_wherever_it_is_written)
{
    struct kdm_collection *c = have_collection(&near.node, "tenant", "assets");
    static struct client clients[6];

    for (int i = 0; i < 6; i++) {
        enter(i % 2 == 0 ? &near : &far, &clients[i],
              (const char *[]){ "a", "b", "c", "d", "e", "f" }[i]);
        subscribe(&clients[i], "{\"exists\":\"n\"}", NULL, KDM_INTEREST_NONE);
    }
    ck_assert_uint_eq(count(&near, clients[0].channel), 6);
    write_number(&near, c, 1, "{\"n\":1}");
    write_number(&near, c, 2, "{\"m\":1}");
    write_number(&near, c, 3, "{\"n\":2}");
    turn_until(&loop, &clients[1].count, 2, 2000);
    turn_for(&loop, 50);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(clients[i].count, 2);
        ck_assert_int_eq(clients[i].ids[0], 1);
        ck_assert_int_eq(clients[i].ids[1], 3);
        leave(&clients[i]);
    }
    turn_for(&loop, 50);
    ck_assert_uint_eq(count(&far, clients[0].channel), 0);
    kdm_collection_unref(c);
}
END_TEST

/* Enters and leaves at random; each is told exactly while it is in the room. */
START_TEST(memberships_come_and_go)
{
    struct kdm_collection *c = have_collection(&near.node, "tenant", "assets");
    static struct client clients[40];
    bool in[40] = { false };
    unsigned random = 1;

    for (int round = 0; round < 300; round++) {
        int before[40], who = (int)((random = random * 1103515245 + 12345) >> 16) % 40;

        if (in[who]) {
            leave(&clients[who]);
        } else {
            char name[3] = { (char)('a' + who / 10), (char)('0' + who % 10), '\0' };

            enter(&near, &clients[who], name);
            subscribe(&clients[who], who % 3 == 0 ? "{}" : "{\"exists\":\"n\"}", NULL,
                      who % 2 == 0 ? KDM_INTEREST_NONE : KDM_INTEREST_IN);
        }
        in[who] = !in[who];
        if (round % 10 != 9)
            continue;
        turn_for(&loop, 5);
        for (int i = 0; i < 40; i++)
            before[i] = clients[i].count;
        write_number(&near, c, round, "{\"n\":1}");
        for (int i = 0; i < 40; i++)
            ck_assert_int_eq(clients[i].count - before[i], in[i] ? 1 : 0);
    }
    for (int i = 0; i < 40; i++) {
        if (in[i])
            leave(&clients[i]);
    }
    turn_for(&loop, 50);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(who_goes_while_it_is_joining_is_answered_once_and_leaves_nothing)
{
    struct kdm_hub_counts counts;
    static struct client clients[50];

    for (int i = 0; i < 50; i++) {
        enter(&near, &clients[i], "x");
        begin(&clients[i], "{\"exists\":\"n\"}", i % 2 == 0 ? "1.0.00000001" : NULL,
              KDM_INTEREST_ALL);
        if (i % 3 == 0)
            turn_for(&loop, 1);
        leave(&clients[i]);
        ck_assert_int_eq(clients[i].answers, 1);
    }
    turn_for(&loop, 300);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(clients[i].answers, 1);
    kdm_hub_counts(near.hub, &counts);
    ck_assert_uint_eq(counts.rooms, 0);
    ck_assert_uint_eq(counts.subscriptions, 0);
    ck_assert_uint_eq(counts.connections, 0);
}
END_TEST

/* --- what is replayed
 * -------------------------------------------------------------------------------- */

START_TEST(a_replay_keeps_to_the_pace_of_its_connection_and_misses_nothing)
{
    struct kdm_collection *c = have_collection(&near.node, "tenant", "assets");
    static char text[4000];
    static struct client witness, late;
    int number = 0, stood;

    snprintf(text, sizeof(text), "{\"n\":1,\"t\":\"%0*d\"}", 3900, 0);
    enter(&near, &witness, "w");
    subscribe(&witness, "{\"exists\":\"n\"}", NULL, KDM_INTEREST_NONE);
    while (number < 1000)
        write_number(&near, c, number++, text);
    ck_assert_int_eq(witness.count, 1000);
    enter(&near, &late, "l");
    late.queued = 2u << 20; /* it does not read */
    subscribe(&late, "{\"exists\":\"n\"}", witness.change_id, KDM_INTEREST_NONE);
    ck_assert(!late.gap);
    turn_for(&loop, 300);
    stood = late.count;
    ck_assert_int_gt(stood, 0);
    ck_assert_int_lt(stood, 400); /* a page */
    while (number < 1100)
        write_number(&near, c, number++, text);
    ck_assert_int_eq(late.count, stood);
    late.queued = 0; /* now it does */
    while (number < 1500)
        write_number(&near, c, number++, text);
    turn_until(&loop, &late.count, 1500, 5000);
    write_number(&near, c, number++, text);
    ck_assert_int_eq(late.count, 1501);
    for (int i = 0; i < 1501; i++)
        ck_assert_int_eq(late.ids[i], i);
    leave(&late);
    leave(&witness);
    turn_for(&loop, 50);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(who_leaves_in_the_middle_of_a_replay_is_told_no_more)
{
    struct kdm_collection *c = have_collection(&near.node, "tenant", "assets");
    static struct client witness, late;
    int told;

    enter(&near, &witness, "w");
    subscribe(&witness, "{}", NULL, KDM_INTEREST_NONE);
    for (int i = 0; i < 600; i++)
        write_number(&near, c, i, "{\"n\":1}");
    enter(&near, &late, "l");
    late.queued = 2u << 20;
    subscribe(&late, "{}", witness.change_id, KDM_INTEREST_NONE);
    turn_until(&loop, &late.count, 1, 2000);
    told = late.count;
    ck_assert(
        kdm_hub_unsubscribe(late.member, (struct kdm_str){ late.channel, KDM_ROOM_ID_LEN }, 1));
    ck_assert(
        !kdm_hub_unsubscribe(late.member, (struct kdm_str){ late.channel, KDM_ROOM_ID_LEN }, 1));
    late.queued = 0;
    turn_for(&loop, 200);
    ck_assert_int_eq(late.count, told);
    leave(&late);
    leave(&witness);
    turn_for(&loop, 50);
    kdm_collection_unref(c);
}
END_TEST

/* --- presence
 * ------------------------------------------------------------------------------------------ */

START_TEST(a_burst_of_rooms_is_told_in_few_commands)
{
    static struct client clients[1500];
    long long before, after;
    redisContext *inside = look_in(&redis);
    char filter[64];

    enter(&near, &clients[0], "first");
    subscribe(&clients[0], "{}", NULL, KDM_INTEREST_NONE); /* the index is followed */
    redis_number(inside, "CONFIG RESETSTAT");
    before = redis_number(inside, "PING");
    for (int i = 1; i < 1500; i++) {
        enter(&near, &clients[i], "many");
        snprintf(filter, sizeof(filter), "{\"equals\":{\"n\":%d}}", i);
        begin(&clients[i], filter, NULL, KDM_INTEREST_NONE);
    }
    for (int i = 1; i < 1500; i++) {
        turn_until(&loop, &clients[i].answers, 1, 5000);
        ck_assert_int_eq(clients[i].err, KDM_OK);
    }
    after = redis_number(inside, "EVAL %s 0",
                         "return tonumber(string.match(redis.call('INFO', 'commandstats'), "
                         "'cmdstat_evalsha:calls=(%d+)'))");
    ck_assert_int_le(after - before, 40);
    ck_assert_int_eq(redis_number(inside, "HLEN %s", "kdm:{rt}:c:near"), 1500);
    for (int i = 0; i < 1500; i++)
        leave(&clients[i]);
    turn_for(&loop, 300);
    ck_assert_int_eq(redis_number(inside, "EXISTS %s", "kdm:{rt}:c:near"), 0);
    redisFree(inside);
}
END_TEST

START_TEST(joins_and_leaves_are_told_to_those_who_want_them_on_all_nodes)
{
    static struct client watcher, other;

    enter(&far, &watcher, "watch");
    subscribe(&watcher, "{}", NULL, KDM_INTEREST_ALL);
    turn_for(&loop, 100);
    ck_assert_int_eq(watcher.count, 0); /* not of itself */
    enter(&near, &other, "other");
    subscribe(&other, "{}", NULL, KDM_INTEREST_NONE);
    turn_until(&loop, &watcher.count, 1, 2000);
    ck_assert_int_eq(watcher.count, 1);
    ck_assert_ptr_nonnull(strstr(watcher.last, "\"user\":\"in\""));
    ck_assert_ptr_nonnull(strstr(watcher.last, "\"count\":2"));
    ck_assert_ptr_nonnull(strstr(watcher.last, "\"volatile\":{\"v\":1}"));
    leave(&other);
    turn_until(&loop, &watcher.count, 2, 2000);
    ck_assert_ptr_nonnull(strstr(watcher.last, "\"user\":\"out\""));
    ck_assert_ptr_nonnull(strstr(watcher.last, "\"count\":1"));
    ck_assert_int_eq(other.count, 0);
    leave(&watcher);
    turn_for(&loop, 50);
}
END_TEST

/* Both come and go at once, over and over: at the end all nodes agree. */
START_TEST(counts_settle_after_any_coming_and_going)
{
    static struct client here[30], there[30];

    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 30; i++) {
            enter(&near, &here[i], "h");
            enter(&far, &there[i], "t");
            begin(&here[i], "{}", NULL, KDM_INTEREST_NONE);
            begin(&there[i], "{}", NULL, KDM_INTEREST_OUT);
        }
        turn_for(&loop, round % 5);
        for (int i = 0; i < 30; i++) {
            if (round < 19 || i % 3 == 0)
                leave(&here[i]);
            if (round < 19)
                leave(&there[i]);
        }
    }
    for (int i = 0; i < 30; i++)
        turn_until(&loop, &there[i].answers, 1, 2000);
    turn_for(&loop, 100);
    ck_assert_uint_eq(count(&near, there[0].channel), 50);
    ck_assert_uint_eq(count(&far, there[0].channel), 50);
    for (int i = 0; i < 30; i++) {
        if (i % 3 != 0)
            leave(&here[i]);
        leave(&there[i]);
    }
    turn_for(&loop, 100);
    ck_assert_uint_eq(count(&near, there[0].channel), 0);
}
END_TEST

START_TEST(a_room_too_many_is_refused)
{
    struct kdm_hub_counts counts;
    static struct client client;
    char filter[64];

    enter(&near, &client, "x");
    for (int i = 0; i < 3000; i++) {
        snprintf(filter, sizeof(filter), "{\"equals\":{\"n\":%d}}", i);
        begin(&client, filter, NULL, KDM_INTEREST_NONE);
        ck_assert_int_ne(client.err, KDM_ERR_CORE_REALTIME_TOO_MANY_ROOMS);
    }
    begin(&client, "{\"equals\":{\"n\":3000}}", NULL, KDM_INTEREST_NONE);
    ck_assert_int_eq(client.err, KDM_ERR_CORE_REALTIME_TOO_MANY_ROOMS);
    kdm_hub_counts(near.hub, &counts);
    ck_assert_uint_eq(counts.rooms, 3000);
    ck_assert_uint_eq(counts.connections, 1);
    leave(&client);
    turn_for(&loop, 300);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hub");
    TCase *tcase = tcase_create("hub");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_change_id_is_read_as_it_was_written);
    tcase_add_test(tcase, what_is_no_change_id_is_not_read);
    tcase_add_test(tcase, all_in_a_room_are_told_once_wherever_they_are_and_wherever_it_is_written);
    tcase_add_test(tcase, memberships_come_and_go);
    tcase_add_test(tcase, who_goes_while_it_is_joining_is_answered_once_and_leaves_nothing);
    tcase_add_test(tcase, a_replay_keeps_to_the_pace_of_its_connection_and_misses_nothing);
    tcase_add_test(tcase, who_leaves_in_the_middle_of_a_replay_is_told_no_more);
    tcase_add_test(tcase, a_burst_of_rooms_is_told_in_few_commands);
    tcase_add_test(tcase, joins_and_leaves_are_told_to_those_who_want_them_on_all_nodes);
    tcase_add_test(tcase, counts_settle_after_any_coming_and_going);
    tcase_add_test(tcase, a_room_too_many_is_refused);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

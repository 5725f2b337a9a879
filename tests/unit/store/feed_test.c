/* feed_test.c - following what other nodes commit: in order, without loss, and gaps that are told. */
#include "proxy.h"
#include "world.h"
#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

static uv_loop_t loop;
static struct server redis;
static struct proxy proxy;
static struct node writer, follower; /* the follower's wire can break */

#define HEARD_MAX 8000

static struct {
    struct {
        uint64_t sequence;
        char what, index[16], collection[16], id[24], text[48], previous[64], envelope[24];
        bool notify;
        int64_t version;
        uint32_t number, digest;
        bool last;
    } changes[HEARD_MAX];
    int count, gaps;
    int changes_after_gap;
} heard;

static void on_change(void *ctx, const struct kdm_feed_change *change)
{
    int at = heard.count++;

    (void)ctx;
    ck_assert_int_lt(at, HEARD_MAX);
    heard.changes_after_gap++;
    heard.changes[at].sequence = change->sequence;
    heard.changes[at].what = change->what;
    heard.changes[at].notify = change->notify;
    heard.changes[at].version = change->version;
    heard.changes[at].number = change->number;
    heard.changes[at].digest = change->digest;
    heard.changes[at].last = change->last;
#define KEEP(member) \
    snprintf(heard.changes[at].member, sizeof(heard.changes[at].member), KDM_FMT, KDM_ARG(change->member))
    KEEP(index);
    KEEP(collection);
    KEEP(id);
    KEEP(text);
    KEEP(previous);
    KEEP(envelope);
}

static void on_gap(void *ctx, struct kdm_str index)
{
    (void)ctx;
    ck_assert(!kdm_str_none(index));
    heard.gaps++;
    heard.changes_after_gap = 0;
}

static void setup(void)
{
    uv_loop_init(&loop);
    server_open(&redis, "--appendonly", "yes");
    proxy_open(&proxy, &redis, 5);
    node_start(&writer, &loop, redis.url, "writer");
    node_open(&follower, &loop, proxy.url, "follower");
    kdm_feed_listen(follower.store, &(struct kdm_feed_listener){ .on_change = on_change, .on_gap = on_gap });
    node_await(&follower);
    turn_for(&loop, 50); /* the bell's connection too */
    memset(&heard, 0, sizeof(heard));
}

static void teardown(void)
{
    node_stop(&writer);
    node_stop(&follower);
    loop_end(&loop);
    proxy_close(&proxy);
    server_kill(&redis);
}

static void follow(const char *index)
{
    kdm_feed_follow(follower.store, kdm_str_of(index));
    turn_for(&loop, 50);
}

static uint64_t write_doc(const struct kdm_collection *collection, const char *id, const char *text)
{
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);

    put(commit, collection, id, text, KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    return commit_done(&writer, commit);
}

/* Each sequence from the first to the last, in order. */
static void expect_all(uint64_t first, uint64_t last)
{
    ck_assert_int_eq(heard.count, (int)(last - first + 1));
    for (int i = 0; i < heard.count; i++)
        ck_assert_uint_eq(heard.changes[i].sequence, first + (uint64_t)i);
}

START_TEST(a_change_tells_what_happened)
{
    struct kdm_collection *c;
    struct kdm_commit *commit;

    follow("tenant");
    c = have_collection(&writer, "tenant", "assets");
    write_doc(c, "a", "{\"n\":1}");
    commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);
    kdm_commit_envelope(commit, KDM_STR("{\"user\":\"me\"}"));
    put(commit, c, "a", "{\"n\":2}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    put(commit, c, "b c", "{\"n\":3}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 1);
    commit_done(&writer, commit);
    commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);
    put(commit, c, "a", NULL, KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_DELETE, 0);
    commit_done(&writer, commit);
    commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);
    kdm_commit_truncate(commit, c);
    commit_done(&writer, commit);
    commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);
    kdm_commit_delete_index(commit, KDM_STR("tenant"));
    commit_done(&writer, commit);
    turn_until(&loop, &heard.count, 8, 2000);
    ck_assert_int_eq(heard.count, 8);
    ck_assert_int_eq(heard.gaps, 0);
    ck_assert_int_eq(heard.changes[0].what, 'i');
    ck_assert_int_eq(heard.changes[1].what, 'k');
    ck_assert_str_eq(heard.changes[1].collection, "assets");
    ck_assert_int_eq(heard.changes[2].what, 'c');
    ck_assert_str_eq(heard.changes[2].previous, "");
    ck_assert_int_eq(heard.changes[3].what, 'r');
    ck_assert_int_eq(heard.changes[3].version, 2);
    ck_assert(heard.changes[3].notify);
    ck_assert_str_eq(heard.changes[3].text, "{\"n\":2}");
    ck_assert_str_eq(strchr(heard.changes[3].previous, ' '), " 1 {\"n\":1}");
    ck_assert_str_eq(heard.changes[3].envelope, "{\"user\":\"me\"}");
    ck_assert_int_eq(heard.changes[4].what, 'c');
    ck_assert_str_eq(heard.changes[4].id, "b c");
    ck_assert_uint_eq(heard.changes[4].sequence, heard.changes[3].sequence);
    ck_assert_int_eq(heard.changes[5].what, 'd');
    ck_assert_str_eq(heard.changes[5].text, "");
    ck_assert_int_eq(heard.changes[6].what, 'T');
    ck_assert_int_eq(heard.changes[7].what, 'I');
    ck_assert_str_eq(heard.changes[7].index, "tenant");
    kdm_collection_unref(c);
}
END_TEST

START_TEST(only_what_is_followed_is_heard_from_its_present_state_on)
{
    struct kdm_collection *a = have_collection(&writer, "one", "assets");
    struct kdm_collection *b = have_collection(&writer, "two", "assets");

    write_doc(a, "before", "{}");
    follow("one");
    write_doc(b, "other", "{}");
    write_doc(a, "after", "{}");
    turn_until(&loop, &heard.count, 1, 2000);
    turn_for(&loop, 50);
    ck_assert_int_eq(heard.count, 1);
    ck_assert_str_eq(heard.changes[0].id, "after");
    ck_assert_int_eq(heard.gaps, 0);
    kdm_collection_unref(a);
    kdm_collection_unref(b);
}
END_TEST

START_TEST(many_changes_arrive_in_order_and_none_is_missing)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    uint64_t first = 0, last = 0;

    follow("tenant");
    for (int i = 0; i < 2000; i++) {
        last = write_doc(c, "a", "{}");
        first = first == 0 ? last : first;
    }
    turn_until(&loop, &heard.count, 2000, 3000);
    expect_all(first, last);
    ck_assert_int_eq(heard.gaps, 0);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(over_a_wire_that_breaks_nothing_is_lost)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    uint64_t first = 0, last = 0;

    follow("tenant");
    proxy.control->one_in = 6;
    for (int i = 0; i < 400; i++) {
        last = write_doc(c, "a", "{}");
        first = first == 0 ? last : first;
        turn_for(&loop, 8);
    }
    proxy.control->one_in = 0;
    turn_until(&loop, &heard.count, 400, 15000);
    expect_all(first, last);
    ck_assert_int_eq(heard.gaps, 0);
    ck_assert_int_gt(proxy.control->counts[0] + proxy.control->counts[1], 5);
    kdm_collection_unref(c);
}
END_TEST

/* --- what the follower's node commits itself ------------------------------------------------- */

static struct kdm_feed_page page;
static int pages;

static void on_page(void *ctx, const struct kdm_feed_page *read)
{
    (void)ctx;
    page = *read;
    pages++;
}

/* Reads the feed behind `place` as changes like those that are heard. */
static void read_feed(struct kdm_feed_place place)
{
    memset(&heard, 0, sizeof(heard));
    pages = 0;
    kdm_feed_read(follower.store, KDM_STR("tenant"), &place, kdm_clock_monotonic_ms() + 2000, on_change, on_page,
                  NULL);
    turn_until(&loop, &pages, 1, 2000);
    ck_assert_int_eq(page.err, KDM_OK);
}

/* One commit of each kind of operation. */
static void commit_of_all_kinds(struct node *node, const struct kdm_collection *c)
{
    struct kdm_commit *commit = kdm_commit_create(node->store, KDM_COMMIT_ALL);

    kdm_commit_envelope(commit, KDM_STR("{\"user\":\"me\"}"));
    put(commit, c, "new", "{\"n\":1}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    put(commit, c, "blind", "{\"n\":2}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 1);
    put(commit, c, "gone", NULL, KDM_EXPECT_PRESENT, 0, 0, KDM_CHANGE_DELETE, 2);
    kdm_commit_message(commit, KDM_MESSAGE_PUBLISHED, KDM_STR("tenant"), KDM_STR("assets"), KDM_STR("an id"),
                       KDM_STR("{\"said\":1}"));
    kdm_commit_set_collection(commit, KDM_STR("tenant"), KDM_STR("more"), NULL, DEFINITION);
    commit_done(node, commit);
}

START_TEST(what_this_node_commits_is_told_at_once_and_as_the_feed_tells_it)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    struct kdm_collection *mine;
    struct kdm_feed_place before, after;
    static typeof(heard) at_once;

    write_doc(c, "gone", "{\"n\":0}");
    write_doc(c, "blind", "{\"n\":0}");
    mine = lookup_now(&follower, "tenant", "assets").collection;
    follow("tenant");
    ck_assert(kdm_feed_place(follower.store, KDM_STR("tenant"), &before));
    ck_assert_uint_ne(before.digest, 0);
    tell(redis.socket, "ACL SETUSER default -publish"); /* nothing but the commit's own end can tell */
    commit_of_all_kinds(&follower, mine);
    ck_assert_int_eq(heard.count, 5);
    ck_assert(kdm_feed_place(follower.store, KDM_STR("tenant"), &after));
    at_once = heard;
    read_feed(before);
    ck_assert(!page.gap);
    ck_assert(!page.more);
    ck_assert_mem_eq(&at_once.changes, &heard.changes, sizeof(heard.changes));
    ck_assert_uint_eq(page.next.sequence, after.sequence);
    ck_assert_uint_eq(page.next.digest, after.digest);
    ck_assert_int_eq(heard.changes[3].what, 'm');
    ck_assert_str_eq(heard.changes[3].id, "an id");
    ck_assert_str_eq(heard.changes[3].text, "{\"said\":1}");
    ck_assert_uint_eq(heard.changes[3].number, 3);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(heard.changes[i].last, i == 4);
    kdm_collection_unref(mine);
    kdm_collection_unref(c);
}
END_TEST

/* Two nodes commit into one index in turns: what one commits itself waits for what the other did before. */
START_TEST(own_commits_and_those_of_others_are_told_in_order)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets"), *mine;
    uint64_t first = 0, last = 0;

    mine = lookup_now(&follower, "tenant", "assets").collection;
    follow("tenant");
    for (int i = 0; i < 300; i++) {
        struct kdm_commit *commit = kdm_commit_create(follower.store, KDM_COMMIT_ALL);

        last = write_doc(c, "a", "{}");
        first = first == 0 ? last : first;
        put(commit, mine, "a", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
        last = commit_done(&follower, commit);
    }
    turn_until(&loop, &heard.count, 600, 3000);
    expect_all(first, last);
    ck_assert_int_eq(heard.gaps, 0);
    kdm_collection_unref(mine);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_place_that_the_feed_does_not_hold_is_a_gap)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    struct kdm_feed_place place;

    follow("tenant");
    write_doc(c, "a", "{}");
    turn_until(&loop, &heard.count, 1, 2000);
    ck_assert(kdm_feed_place(follower.store, KDM_STR("tenant"), &place));
    read_feed(place);
    ck_assert(!page.gap);
    ck_assert_int_eq(heard.count, 0);
    place.digest++;
    read_feed(place);
    ck_assert(page.gap);
    place.digest--;
    place.sequence++;
    read_feed(place);
    ck_assert(page.gap);
    read_feed((struct kdm_feed_place){ 0 });
    ck_assert(!page.gap);
    ck_assert_int_gt(heard.count, 1);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(what_nobody_follows_any_more_is_not_heard)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    struct kdm_feed_place place;

    follow("tenant");
    follow("tenant");
    kdm_feed_unfollow(follower.store, KDM_STR("tenant"));
    turn_for(&loop, 1200);
    write_doc(c, "a", "{}");
    turn_until(&loop, &heard.count, 1, 2000);
    ck_assert_int_eq(heard.count, 1);
    kdm_feed_unfollow(follower.store, KDM_STR("tenant"));
    turn_for(&loop, 1200);
    ck_assert(!kdm_feed_place(follower.store, KDM_STR("tenant"), &place));
    write_doc(c, "b", "{}");
    turn_for(&loop, 100);
    ck_assert_int_eq(heard.count, 1);
    follow("tenant");
    write_doc(c, "c", "{}");
    turn_until(&loop, &heard.count, 2, 2000);
    ck_assert_str_eq(heard.changes[1].id, "c");
    ck_assert_int_eq(heard.gaps, 0);
    kdm_collection_unref(c);
}
END_TEST

static long long number_of(const char *command)
{
    redisReply *reply = ask(redis.socket, command);
    long long number = reply->integer;

    freeReplyObject(reply);
    return number;
}

/* Messages in an index that never was leave nothing for good. */
START_TEST(messages_need_no_index)
{
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);
    char line[64];

    follow("nowhere");
    kdm_commit_message(commit, KDM_MESSAGE_PUBLISHED, KDM_STR("nowhere"), KDM_STR("c"), KDM_STR(""), KDM_STR("{}"));
    commit_done(&writer, commit);
    turn_until(&loop, &heard.count, 1, 2000);
    ck_assert_int_eq(heard.count, 1);
    ck_assert_int_eq(heard.changes[0].what, 'm');
    ck_assert_str_eq(heard.changes[0].id, "");
    snprintf(line, sizeof(line), "PTTL kdm:" KDM_FMT ":m", KDM_INDEX_TAG_LEN,
             kdm_store_index(writer.store, KDM_STR("nowhere"))->tag);
    ck_assert_int_gt(number_of(line), 0);
    kdm_collection_unref(have_collection(&writer, "nowhere", "c"));
    ck_assert_int_eq(number_of(line), -1);
}
END_TEST

START_TEST(names_that_nobody_uses_are_forgotten)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    char name[32];

    follow("followed");
    for (int i = 0; i < 1500; i++) {
        struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);

        snprintf(name, sizeof(name), "nowhere%d", i);
        kdm_commit_message(commit, KDM_MESSAGE_PUBLISHED, kdm_str_of(name), KDM_STR("c"), KDM_STR(""), KDM_STR("{}"));
        commit_done(&writer, commit);
        kdm_feed_place(follower.store, kdm_str_of(name), &(struct kdm_feed_place){ 0 });
    }
    turn_for(&loop, 1200);
    ck_assert_uint_eq(kdm_table_count(writer.store->indexes), 1); /* its collection is known */
    ck_assert_uint_eq(kdm_table_count(follower.store->indexes), 1);
    ck_assert_ptr_eq(kdm_store_index(writer.store, KDM_STR("tenant")), c->index);
    write_doc(c, "a", "{}");
    kdm_feed_unfollow(follower.store, KDM_STR("followed"));
    turn_for(&loop, 2200);
    ck_assert_uint_eq(kdm_table_count(follower.store->indexes), 0);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_lost_ring_costs_a_second_at_most)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    int64_t began;

    follow("tenant");
    tell(redis.socket, "ACL SETUSER default -publish");
    for (int i = 0; i < 3; i++) {
        int before = heard.count;

        write_doc(c, "a", "{}");
        began = kdm_clock_monotonic_ms();
        turn_until(&loop, &heard.count, before + 1, 3000);
        ck_assert_int_eq(heard.count, before + 1);
        ck_assert_int_lt(kdm_clock_monotonic_ms() - began, 1300);
    }
    kdm_collection_unref(c);
}
END_TEST

/* How long ago all that was committed had been told. */
static int64_t silence(void)
{
    return kdm_clock_monotonic_ms() - *kdm_feed_heard_until(follower.store, KDM_STR("tenant"));
}

START_TEST(a_follower_knows_until_when_it_has_heard_everything)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");

    follow("tenant");
    for (int i = 0; i < 15; i++) {
        write_doc(c, "a", "{}");
        turn_for(&loop, 100);
        ck_assert_int_lt(silence(), 1300);
    }
    tell(redis.socket, "ACL SETUSER default -publish"); /* a bell that does not ring is no silence */
    write_doc(c, "a", "{}");
    turn_for(&loop, 2500);
    ck_assert_int_lt(silence(), 1300);
    proxy.control->closed = 1;
    turn_for(&loop, 2500);
    ck_assert_int_gt(silence(), 2000);
    proxy.control->closed = 0;
    for (int i = 0; i < 60 && silence() >= 1300; i++)
        turn_for(&loop, 50);
    ck_assert_int_lt(silence(), 1300);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(what_was_cut_off_while_away_is_told_as_a_gap)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    static char text[9000];
    uint64_t last = 0;

    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "{\"t\":\"", 6);
    memcpy(text + sizeof(text) - 3, "\"}", 2);
    follow("tenant");
    proxy.control->closed = 1;
    turn_for(&loop, 50);
    writer.store->feed_max_bytes = 100000;
    for (int i = 0; i < 400; i++)
        last = write_doc(c, "a", text);
    proxy.control->closed = 0;
    turn_until(&loop, &heard.gaps, 1, 6000);
    ck_assert_int_ge(heard.gaps, 1);
    turn_for(&loop, 300);
    ck_assert_int_gt(heard.changes_after_gap, 0);
    ck_assert_uint_eq(heard.changes[heard.count - 1].sequence, last);
    heard.count = heard.gaps = 0;
    write_doc(c, "b", "{}");
    turn_until(&loop, &heard.count, 1, 2000);
    ck_assert_str_eq(heard.changes[0].id, "b");
    ck_assert_int_eq(heard.gaps, 0);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(who_could_not_take_a_position_at_once_is_told_of_a_gap)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");

    proxy.control->closed = 1;
    turn_for(&loop, 50);
    kdm_feed_follow(follower.store, KDM_STR("tenant"));
    turn_for(&loop, 5300); /* longer than the first look waits */
    write_doc(c, "a", "{}");
    proxy.control->closed = 0;
    turn_until(&loop, &heard.gaps, 1, 4000);
    ck_assert_int_ge(heard.gaps, 1);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_catalogue_change_elsewhere_is_forgotten_here)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);

    kdm_collection_unref(have_collection(&writer, "more", "assets"));
    turn_for(&loop, 50);
    kdm_collection_unref(lookup_now(&follower, "tenant", "assets").collection);
    kdm_collection_unref(lookup_now(&follower, "more", "assets").collection);
    ck_assert_ptr_nonnull(kdm_store_known(follower.store, KDM_STR("tenant"), KDM_STR("assets")));
    kdm_commit_set_collection(commit, KDM_STR("tenant"), KDM_STR("assets"), c, DEFINITION);
    commit_done(&writer, commit);
    turn_for(&loop, 100);
    ck_assert_ptr_null(kdm_store_known(follower.store, KDM_STR("tenant"), KDM_STR("assets")));
    ck_assert_ptr_nonnull(kdm_store_known(follower.store, KDM_STR("more"), KDM_STR("assets")));
    kdm_collection_unref(c);
}
END_TEST

/* --- Redis going backwards ------------------------------------------------------------------ */

/* Redis's append-only file and its size. */
static off_t find_aof(char *path, size_t size)
{
    char dir[128];
    struct dirent *entry;
    off_t found = -1;
    DIR *files;

    snprintf(dir, sizeof(dir), "%s/appendonlydir", redis.dir);
    files = opendir(dir);
    ck_assert_ptr_nonnull(files);
    while (found < 0 && (entry = readdir(files)) != NULL) {
        struct stat info;

        if (strstr(entry->d_name, ".incr.aof") == NULL)
            continue;
        snprintf(path, size, "%s/%s", dir, entry->d_name);
        ck_assert_int_eq(stat(path, &info), 0);
        found = info.st_size;
    }
    closedir(files);
    ck_assert_int_ge(found, 0);
    return found;
}

/* Kills Redis, and cuts the end of its append-only file off, as a crash of the machine may do. While the disk is
 * slow Redis holds back what it writes for up to two seconds, so the file is waited for. */
static void kill_and_cut_aof(size_t bytes)
{
    int64_t until = kdm_clock_monotonic_ms() + 5000;
    char path[512];

    while (find_aof(path, sizeof(path)) <= (off_t)bytes && kdm_clock_monotonic_ms() < until)
        turn_for(&loop, 10);
    server_kill(&redis);
    ck_assert_int_gt(find_aof(path, sizeof(path)), (off_t)bytes);
    ck_assert_int_eq(truncate(path, find_aof(path, sizeof(path)) - (off_t)bytes), 0);
}

START_TEST(a_redis_that_lost_its_last_commits_is_noticed_by_all)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    uint64_t epoch = kdm_store_epoch(writer.store), last = 0, after;
    struct kdm_commit *commit;
    struct outcome outcome;
    struct values got;

    follow("tenant");
    for (int i = 0; i < 100; i++)
        last = write_doc(c, "a", "{\"n\":1}");
    turn_until(&loop, &heard.count, 100, 2000);
    kill_and_cut_aof(1024);
    server_start(&redis, "--appendonly", "yes");
    turn_until(&loop, &heard.gaps, 1, 5000);
    ck_assert_int_ge(heard.gaps, 1);
    node_await(&writer);
    ck_assert_uint_gt(kdm_store_epoch(writer.store), epoch);
    ck_assert_ptr_null(kdm_store_known(writer.store, KDM_STR("tenant"), KDM_STR("assets")));
    got = get_now(&writer, c, "a");
    ck_assert_uint_lt(strtoull(got.text, NULL, 10), last);
    /* What rests on the lost memory is refused by its sequence.. */
    commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);
    put(commit, c, "a", "{\"n\":2}", KDM_EXPECT_SEQUENCE, last, 101, KDM_CHANGE_UPDATE, 0);
    commit_now(&writer, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    /* ..and the follower hears what comes now. */
    turn_for(&loop, 300);
    heard.count = 0;
    after = write_doc(c, "b", "{}");
    ck_assert_uint_le(after, last);
    turn_until(&loop, &heard.count, 1, 3000);
    ck_assert_str_eq(heard.changes[0].id, "b");
    ck_assert_uint_eq(heard.changes[0].sequence, after);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_redis_that_was_restarted_and_lost_nothing_is_no_gap)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    uint64_t first, last;

    follow("tenant");
    first = write_doc(c, "a", "{}");
    turn_until(&loop, &heard.count, 1, 2000);
    proxy.control->closed = 1;
    turn_for(&loop, 50);
    write_doc(c, "b", "{}");
    server_kill(&redis);
    server_start(&redis, "--appendonly", "yes");
    node_await(&writer);
    kdm_collection_unref(c);
    c = lookup_now(&writer, "tenant", "assets").collection;
    last = write_doc(c, "c", "{}");
    proxy.control->closed = 0;
    turn_until(&loop, &heard.count, 3, 5000);
    expect_all(first, last);
    ck_assert_int_eq(heard.gaps, 0);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(sequences_that_fall_are_a_gap_also_without_a_restart)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");

    follow("tenant");
    write_doc(c, "a", "{}");
    turn_until(&loop, &heard.count, 1, 2000);
    tell(redis.socket, "FLUSHALL");
    turn_until(&loop, &heard.gaps, 1, 3000);
    ck_assert_int_ge(heard.gaps, 1);
    kdm_collection_unref(c);
}
END_TEST

/* A commit that was decided on in a memory of Redis that is gone must not be done in the next one: there another document
 * may bear the sequence that it saw. */
START_TEST(a_commit_that_waited_for_another_memory_is_decided_again)
{
    struct kdm_collection *c = have_collection(&writer, "tenant", "assets");
    struct kdm_collection *mine = lookup_now(&follower, "tenant", "assets").collection, *other;
    uint64_t sequence = 0, again = 0;
    struct kdm_commit *commit;
    struct outcome outcome;

    for (int i = 0; i < 30; i++)
        sequence = write_doc(c, "a", "{\"mine\":1}");
    kill_and_cut_aof(1500);
    proxy.control->closed = 1;
    turn_for(&loop, 100);
    commit = kdm_commit_create(follower.store, KDM_COMMIT_ALL);
    put(commit, mine, "a", "{\"stale\":1}", KDM_EXPECT_SEQUENCE, sequence, 31, KDM_CHANGE_UPDATE, 0);
    commit_begin(commit, &outcome, 10000);
    server_start(&redis, "--appendonly", "yes");
    node_await(&writer);
    other = lookup_now(&writer, "tenant", "assets").collection;
    while (again < sequence)
        again = write_doc(other, "a", "{\"other\":1}");
    ck_assert_uint_eq(again, sequence);
    proxy.control->closed = 0;
    turn_until(&loop, &outcome.done, 1, 10000);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.catalogue_changed);
    ck_assert_ptr_nonnull(strstr(get_now(&writer, other, "a").text, "{\"other\":1}"));
    kdm_collection_unref(other);
    kdm_collection_unref(mine);
    kdm_collection_unref(c);
}
END_TEST

/* --- how much it costs ------------------------------------------------------------------------ */

static int64_t cpu_ms(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000
           + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* A process that commits into ten indexes, a hundred times a second each. */
static pid_t start_writers(void)
{
    pid_t pid = fork();
    struct kdm_collection *collections[10];
    struct node busy;
    uv_loop_t own;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uv_loop_init(&own);
    node_start(&busy, &own, redis.url, "busy");
    for (int i = 0; i < 10; i++) {
        char name[16];

        snprintf(name, sizeof(name), "i%d", i * 100);
        collections[i] = have_collection(&busy, name, "assets");
    }
    for (;;) {
        static struct outcome outcomes[10];

        for (int i = 0; i < 10; i++) {
            struct kdm_commit *commit = kdm_commit_create(busy.store, KDM_COMMIT_ALL);

            put(commit, collections[i], "a", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
            commit_begin(commit, &outcomes[i], 5000);
        }
        for (int i = 0; i < 10; i++)
            turn_until(&own, &outcomes[i].done, 1, 5000);
        nap(10);
    }
}

START_TEST(five_thousand_followed_indexes_of_which_ten_are_busy_are_cheap)
{
    int64_t before;
    pid_t pid;

    for (int i = 0; i < 5000; i++) {
        char name[16];

        snprintf(name, sizeof(name), "i%d", i);
        kdm_feed_follow(follower.store, kdm_str_of(name));
    }
    turn_for(&loop, 1500);
    before = cpu_ms();
    turn_for(&loop, 2000);
    printf("idle: %lld ms of CPU a second\n", (long long)(cpu_ms() - before) / 2);
    pid = start_writers();
    turn_for(&loop, 1000);
    before = cpu_ms();
    heard.count = 0;
    turn_for(&loop, 3000);
    printf("busy: %lld ms of CPU a second, %d changes a second\n", (long long)(cpu_ms() - before) / 3,
           heard.count / 3);
    ck_assert_int_gt(heard.count, 300);
    ck_assert_int_lt(cpu_ms() - before, 1500); /* sanitizers on */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ck_assert_int_eq(heard.gaps, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed");
    TCase *tcase = tcase_create("feed");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_change_tells_what_happened);
    tcase_add_test(tcase, only_what_is_followed_is_heard_from_its_present_state_on);
    tcase_add_test(tcase, many_changes_arrive_in_order_and_none_is_missing);
    tcase_add_test(tcase, over_a_wire_that_breaks_nothing_is_lost);
    tcase_add_test(tcase, what_this_node_commits_is_told_at_once_and_as_the_feed_tells_it);
    tcase_add_test(tcase, own_commits_and_those_of_others_are_told_in_order);
    tcase_add_test(tcase, a_place_that_the_feed_does_not_hold_is_a_gap);
    tcase_add_test(tcase, what_nobody_follows_any_more_is_not_heard);
    tcase_add_test(tcase, messages_need_no_index);
    tcase_add_test(tcase, names_that_nobody_uses_are_forgotten);
    tcase_add_test(tcase, a_redis_that_was_restarted_and_lost_nothing_is_no_gap);
    tcase_add_test(tcase, a_lost_ring_costs_a_second_at_most);
    tcase_add_test(tcase, a_follower_knows_until_when_it_has_heard_everything);
    tcase_add_test(tcase, what_was_cut_off_while_away_is_told_as_a_gap);
    tcase_add_test(tcase, who_could_not_take_a_position_at_once_is_told_of_a_gap);
    tcase_add_test(tcase, a_catalogue_change_elsewhere_is_forgotten_here);
    tcase_add_test(tcase, a_redis_that_lost_its_last_commits_is_noticed_by_all);
    tcase_add_test(tcase, sequences_that_fall_are_a_gap_also_without_a_restart);
    tcase_add_test(tcase, a_commit_that_waited_for_another_memory_is_decided_again);
    tcase_add_test(tcase, five_thousand_followed_indexes_of_which_ten_are_busy_are_cheap);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

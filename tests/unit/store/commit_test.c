/* commit_test.c - what one commit may hold, what it checks, and what it leaves in Redis. */
#include "single.h"

static struct kdm_commit *begin(void)
{
    return kdm_commit_create(node.store, KDM_COMMIT_ALL);
}

static long long meta(const struct kdm_collection *collection, const char *field)
{
    return redis_number(direct, "HGET %s %s", z(collection->index->meta_key), field);
}

/* --- single documents ---------------------------------------------------------------------- */

START_TEST(a_document_is_stored_with_the_sequence_of_its_commit)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    uint64_t sequence = create_doc(&node, c, "a", "{\"n\":1}");
    char expected[64];

    snprintf(expected, sizeof(expected), "%llu 1 {\"n\":1}", (unsigned long long)sequence);
    ck_assert_str_eq(get_now(&node, c, "a").text, expected);
    ck_assert_int_eq(meta(c, "q"), (long long)sequence);
    ck_assert_int_eq(meta(c, "w:assets"), (long long)sequence);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_create_fails_where_a_document_is_and_tells_which)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    create_doc(&node, c, "a", "{\"n\":1}");
    put(commit, c, "b", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 7);
    put(commit, c, "a", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 8);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert_uint_eq(outcome.item_count, 1);
    ck_assert_uint_eq(outcome.items[0].token, 8);
    ck_assert(outcome.items[0].conflict);
    ck_assert_str_eq(strchr(outcome.items[0].value, ' '), " 1 {\"n\":1}");
    ck_assert(!outcome.catalogue_changed && !outcome.counter_changed);
    expect_doc(&node, c, "b", NULL); /* all or nothing */
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_write_on_an_older_sequence_loses)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    uint64_t first = create_doc(&node, c, "a", "{\"n\":1}");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    put(commit, c, "a", "{\"n\":2}", KDM_EXPECT_SEQUENCE, first, 2, KDM_CHANGE_UPDATE, 0);
    ck_assert_uint_gt(commit_done(&node, commit), first);
    commit = begin();
    put(commit, c, "a", "{\"n\":3}", KDM_EXPECT_SEQUENCE, first, 2, KDM_CHANGE_UPDATE, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert_str_eq(strchr(outcome.items[0].value, ' '), " 2 {\"n\":2}");
    expect_doc(&node, c, "a", "2 {\"n\":2}");
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_sequence_is_compared_as_a_whole)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    uint64_t first;
    struct kdm_commit *commit;
    struct outcome outcome;

    for (int i = 0; i < 20; i++) { /* so that there are two digits, of which one may be the start */
        char id[16];

        snprintf(id, sizeof(id), "d%d", i);
        first = create_doc(&node, c, id, "{}");
    }
    commit = begin();
    put(commit, c, "d19", "{}", KDM_EXPECT_SEQUENCE, first / 10, 2, KDM_CHANGE_UPDATE, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(present_and_any_are_what_they_say)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    put(commit, c, "a", "{}", KDM_EXPECT_PRESENT, 0, 1, KDM_CHANGE_REPLACE, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.items[0].absent);
    commit = begin();
    put(commit, c, "a", "{\"n\":1}", KDM_EXPECT_ANY, 0, 5, KDM_CHANGE_PUT, 0);
    commit_done(&node, commit);
    commit = begin();
    put(commit, c, "a", "{\"n\":2}", KDM_EXPECT_PRESENT, 0, 6, KDM_CHANGE_REPLACE, 0);
    commit_done(&node, commit);
    expect_doc(&node, c, "a", "6 {\"n\":2}");
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_blind_write_learns_what_was_there_and_its_version)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct outcome outcome;

    for (int round = 0; round < 3; round++) {
        struct kdm_commit *commit = begin();
        char text[32];

        snprintf(text, sizeof(text), "{\"n\":%d}", round);
        put(commit, c, "a", text, KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 3);
        commit_now(&node, commit, &outcome);
        ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
        ck_assert_uint_eq(outcome.item_count, 1);
        ck_assert_uint_eq(outcome.items[0].token, 3);
        ck_assert(!outcome.items[0].conflict);
        ck_assert_int_eq(outcome.items[0].version, round + 1);
        ck_assert_int_eq(outcome.items[0].absent, round == 0);
    }
    ck_assert_str_eq(strchr(outcome.items[0].value, ' '), " 2 {\"n\":1}");
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_blind_delete_gives_the_text_back_and_fails_where_nothing_is)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    create_doc(&node, c, "a", "{\"n\":1}");
    put(commit, c, "a", NULL, KDM_EXPECT_PRESENT, 0, 0, KDM_CHANGE_DELETE, 1);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
    ck_assert_str_eq(strchr(outcome.items[0].value, ' '), " 1 {\"n\":1}");
    expect_doc(&node, c, "a", NULL);
    commit = begin();
    put(commit, c, "a", NULL, KDM_EXPECT_PRESENT, 0, 0, KDM_CHANGE_DELETE, 1);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.items[0].conflict && outcome.items[0].absent);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(names_ids_and_texts_may_hold_any_byte)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    static const char id[] = "a \0{b}\r\n\xc3\xa9 *";
    static const char text[] = "{\"n\":\"\\u0000\0 \r\n\"}";
    struct kdm_commit *commit = begin();
    struct kdm_str ids[] = { { id, sizeof(id) - 1 } };
    struct values got = { 0 };

    kdm_commit_put(commit, &(struct kdm_commit_write){ .collection = c,
                                                       .id = ids[0],
                                                       .text = { text, sizeof(text) - 1 },
                                                       .expect = KDM_EXPECT_ABSENT,
                                                       .version = 1,
                                                       .change = KDM_CHANGE_CREATE });
    commit_done(&node, commit);
    kdm_store_get(node.store, c, ids, 1, kdm_clock_monotonic_ms() + TIMEOUT_MS, on_values, &got);
    turn_until(&loop, &got.done, 1, TIMEOUT_MS);
    ck_assert(!got.absent);
    ck_assert_int_eq(redis_number(direct, "HSTRLEN %s %b", z(c->docs_key), id, sizeof(id) - 1),
                     (long long)(strchr(got.text, '{') - got.text + sizeof(text) - 1));
    kdm_collection_unref(c);
}
END_TEST

/* --- mode EACH ------------------------------------------------------------------------------ */

START_TEST(in_mode_each_only_what_conflicts_is_left_out)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = kdm_commit_create(node.store, KDM_COMMIT_EACH);
    struct outcome outcome;

    create_doc(&node, c, "d3", "{\"old\":1}");
    for (uint32_t i = 0; i < 6; i++) {
        char id[16];

        snprintf(id, sizeof(id), "d%u", i);
        put(commit, c, id, "{\"new\":1}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, i);
    }
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
    ck_assert_uint_eq(outcome.item_count, 1);
    ck_assert_uint_eq(outcome.items[0].token, 3);
    ck_assert(outcome.items[0].conflict);
    expect_doc(&node, c, "d3", "1 {\"old\":1}");
    expect_doc(&node, c, "d5", "1 {\"new\":1}");
    ck_assert_int_eq(redis_number(direct, "XLEN %s", z(c->index->feed_key)), 3);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(in_mode_each_a_failed_read_check_still_refuses_all)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = kdm_commit_create(node.store, KDM_COMMIT_EACH);
    struct outcome outcome;

    kdm_commit_check_doc(commit, c, KDM_STR("absent"), 5, 9);
    put(commit, c, "a", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert_uint_eq(outcome.items[0].token, 9);
    expect_doc(&node, c, "a", NULL);
    kdm_collection_unref(c);
}
END_TEST

/* --- checks --------------------------------------------------------------------------------- */

START_TEST(a_document_that_was_read_must_be_unchanged_or_still_absent)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    uint64_t sequence = create_doc(&node, c, "a", "{}");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    kdm_commit_check_doc(commit, c, KDM_STR("a"), sequence, 1);
    kdm_commit_check_doc(commit, c, KDM_STR("none"), 0, 2);
    put(commit, c, "b", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 3);
    commit_done(&node, commit);
    commit = begin();
    kdm_commit_check_doc(commit, c, KDM_STR("a"), sequence + 1, 1);
    kdm_commit_check_doc(commit, c, KDM_STR("b"), 0, 2);
    put(commit, c, "c", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 3);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert_uint_eq(outcome.item_count, 2);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_write_into_a_deleted_collection_is_refused)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets"), *again;
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    kdm_commit_delete_collection(commit, c);
    commit_done(&node, commit);
    commit = begin();
    put(commit, c, "a", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.catalogue_changed);
    ck_assert_int_eq(redis_number(direct, "EXISTS %s", z(c->docs_key)), 0);
    again = have_collection(&node, "tenant", "assets");
    ck_assert(!kdm_str_eq(again->incarnation, c->incarnation));
    commit = begin();
    put(commit, c, "a", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    kdm_collection_unref(again);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(two_lives_of_one_collection_in_one_commit_are_refused)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets"), *again;
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    kdm_commit_truncate(commit, c);
    commit_done(&node, commit);
    again = lookup_now(&node, "tenant", "assets").collection;
    ck_assert(!kdm_str_eq(again->incarnation, c->incarnation));
    commit = begin();
    put(commit, again, "a", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    put(commit, c, "b", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 1);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert_int_eq(redis_number(direct, "EXISTS %s", z(c->docs_key)), 0);
    kdm_collection_unref(again);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(the_write_counter_tells_of_any_write_into_a_collection)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_collection *other = have_collection(&node, "tenant", "other");
    struct kdm_commit *commit = begin();
    struct outcome outcome;
    char counter[24];

    kdm_commit_check_counter(commit, c, KDM_STR("")); /* never written */
    put(commit, other, "a", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    commit_done(&node, commit);
    snprintf(counter, sizeof(counter), "%llu", (unsigned long long)create_doc(&node, c, "x", "{}"));
    commit = begin();
    kdm_commit_check_counter(commit, c, KDM_STR(""));
    put(commit, other, "a", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.counter_changed && !outcome.catalogue_changed);
    commit = begin();
    kdm_commit_check_counter(commit, c, kdm_str_of(counter));
    put(commit, c, "x", NULL, KDM_EXPECT_PRESENT, 0, 0, KDM_CHANGE_DELETE, 0);
    commit_done(&node, commit);
    commit = begin(); /* a deletion counts too */
    kdm_commit_check_counter(commit, c, kdm_str_of(counter));
    put(commit, other, "a", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    commit_now(&node, commit, &outcome);
    ck_assert(outcome.counter_changed);
    kdm_collection_unref(other);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_commit_of_checks_alone_writes_nothing)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    long long before = meta(c, "q");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    kdm_commit_check_doc(commit, c, KDM_STR("none"), 0, 2);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
    ck_assert_int_eq(meta(c, "q"), before);
    kdm_collection_unref(c);
}
END_TEST

/* --- catalogue ------------------------------------------------------------------------------- */

START_TEST(an_index_is_made_once)
{
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    kdm_commit_create_index(commit, KDM_STR("tenant"));
    commit_done(&node, commit);
    commit = begin();
    kdm_commit_create_index(commit, KDM_STR("tenant"));
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.catalogue_changed);
    ck_assert_int_eq(redis_number(direct, "HLEN kdm:indexes"), 1);
}
END_TEST

START_TEST(a_collection_of_an_absent_index_is_not_made_and_an_absent_index_not_deleted)
{
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    kdm_commit_set_collection(commit, KDM_STR("tenant"), KDM_STR("assets"), NULL, DEFINITION);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.catalogue_changed);
    commit = begin();
    kdm_commit_delete_index(commit, KDM_STR("tenant"));
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.catalogue_changed);
    ck_assert(!lookup_now(&node, "tenant", "assets").index_exists);
}
END_TEST

START_TEST(of_two_makers_of_one_collection_one_wins)
{
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    kdm_collection_unref(have_collection(&node, "tenant", "assets"));
    kdm_commit_set_collection(commit, KDM_STR("tenant"), KDM_STR("assets"), NULL, DEFINITION);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.catalogue_changed);
    commit = begin();
    kdm_commit_check_no_collection(commit, KDM_STR("tenant"), KDM_STR("assets"));
    kdm_commit_set_collection(commit, KDM_STR("tenant"), KDM_STR("more"), NULL, DEFINITION);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
}
END_TEST

START_TEST(a_mapping_changes_once_from_each_version)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets"), *now;
    struct kdm_str definition = KDM_STR("{\"mappings\":{\"properties\":{\"a\":{\"type\":\"keyword\"}}}}");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    create_doc(&node, c, "a", "{}");
    kdm_commit_set_collection(commit, KDM_STR("tenant"), KDM_STR("assets"), c, definition);
    commit_done(&node, commit);
    now = lookup_now(&node, "tenant", "assets").collection;
    ck_assert_int_eq(now->mapping_version, 2);
    ck_assert(kdm_str_eq(now->incarnation, c->incarnation));
    ck_assert(kdm_str_eq(now->definition, definition));
    commit = begin();
    kdm_commit_set_collection(commit, KDM_STR("tenant"), KDM_STR("assets"), c, DEFINITION);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    commit = begin(); /* nor is a document written that was checked against the old mapping */
    put(commit, c, "b", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    expect_doc(&node, now, "a", "1 {}");
    kdm_collection_unref(now);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_truncated_collection_is_empty_in_a_new_life)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets"), *now;
    struct kdm_commit *commit = begin();

    create_doc(&node, c, "a", "{}");
    kdm_commit_truncate(commit, c);
    commit_done(&node, commit);
    now = lookup_now(&node, "tenant", "assets").collection;
    ck_assert(!kdm_str_eq(now->incarnation, c->incarnation));
    ck_assert_int_eq(now->mapping_version, c->mapping_version);
    ck_assert(kdm_str_eq(now->definition, c->definition));
    ck_assert_int_eq(redis_number(direct, "EXISTS %s %s", z(c->docs_key), z(now->docs_key)), 0);
    expect_doc(&node, now, "a", NULL);
    create_doc(&node, now, "a", "{}");
    kdm_collection_unref(now);
    kdm_collection_unref(c);
}
END_TEST

/* What an index may leave behind: its last sequence, commit ids, and for a while the end of its feed. */
static void expect_nothing_left(const struct kdm_index *index)
{
    redisReply *reply = redisCommand(direct, "KEYS *%b*", index->tag, (size_t)KDM_INDEX_TAG_LEN);

    for (size_t i = 0; i < reply->elements; i++) {
        const char *key = reply->element[i]->str;

        if (strcmp(key, z(index->feed_key)) == 0)
            ck_assert_int_gt(redis_number(direct, "PTTL %s", key), 0);
        else
            ck_assert_str_eq(key, z(index->meta_key));
    }
    freeReplyObject(reply);
    reply = redisCommand(direct, "HKEYS %s", z(index->meta_key));
    for (size_t i = 0; i < reply->elements; i++)
        ck_assert_msg(strcmp(reply->element[i]->str, "q") == 0 || strncmp(reply->element[i]->str, "k:", 2) == 0,
                      "%s is left", reply->element[i]->str);
    freeReplyObject(reply);
}

START_TEST(a_deleted_index_leaves_nothing_and_its_sequences_never_go_back)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_collection *other = have_collection(&node, "tenant", "other"), *again;
    struct kdm_index *index = c->index;
    struct kdm_commit *commit;
    uint64_t deleted, sequence;

    create_doc(&node, c, "a", "{}");
    create_doc(&node, other, "b", "{}");
    commit = begin();
    kdm_commit_delete_index(commit, KDM_STR("tenant"));
    deleted = commit_done(&node, commit);
    expect_nothing_left(index);
    ck_assert_int_eq(redis_number(direct, "HLEN kdm:indexes"), 0);
    again = have_collection(&node, "tenant", "assets");
    ck_assert_int_eq(redis_number(direct, "PTTL %s", z(index->feed_key)), -1);
    sequence = create_doc(&node, again, "a", "{}");
    ck_assert_uint_gt(sequence, deleted + 1);
    ck_assert(!kdm_str_eq(again->incarnation, c->incarnation));
    kdm_collection_unref(again);
    kdm_collection_unref(other);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_deleted_collection_leaves_nothing)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = begin();

    create_doc(&node, c, "a", "{}");
    kdm_commit_delete_collection(commit, c);
    commit_done(&node, commit);
    ck_assert_int_eq(redis_number(direct, "EXISTS %s %s", z(c->docs_key), z(c->index->catalogue_key)), 0);
    ck_assert_int_eq(redis_number(direct, "HEXISTS %s c:assets", z(c->index->meta_key)), 0);
    ck_assert_int_eq(redis_number(direct, "HEXISTS %s w:assets", z(c->index->meta_key)), 0);
    ck_assert(lookup_now(&node, "tenant", "assets").index_exists);
    kdm_collection_unref(c);
}
END_TEST

/* --- several indexes, jobs --------------------------------------------------------------------- */

START_TEST(one_commit_spans_indexes_all_or_nothing)
{
    struct kdm_collection *a = have_collection(&node, "one", "assets");
    struct kdm_collection *b = have_collection(&node, "two", "assets");
    struct kdm_commit *commit = begin();
    struct outcome outcome;
    long long before;

    create_doc(&node, b, "more", "{}");
    put(commit, a, "x", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    put(commit, b, "x", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 1);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
    ck_assert_uint_eq(outcome.sequence_count, 2);
    ck_assert_str_eq(outcome.indexes[0], "one");
    ck_assert_str_eq(outcome.indexes[1], "two");
    ck_assert_int_eq(meta(a, "q"), (long long)outcome.sequences[0]);
    ck_assert_int_eq(meta(b, "q"), (long long)outcome.sequences[1]);
    before = meta(a, "q");
    commit = begin();
    put(commit, a, "y", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    put(commit, b, "x", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 1);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert_int_eq(meta(a, "q"), before);
    expect_doc(&node, a, "y", NULL);
    commit = begin(); /* the first index is only read, the second is written */
    kdm_commit_check_doc(commit, a, KDM_STR("nothing"), 0, 4);
    put(commit, b, "z", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
    ck_assert_int_eq(meta(a, "q"), before);
    ck_assert_int_eq((long long)outcome.sequences[0], before);
    ck_assert_int_eq((long long)outcome.sequences[1], meta(b, "q"));
    expect_doc(&node, b, "z", "1 {}");
    kdm_collection_unref(a);
    kdm_collection_unref(b);
}
END_TEST

START_TEST(a_job_record_comes_and_goes_with_its_commit)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    put(commit, c, "a", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    kdm_commit_job(commit, KDM_STR("%kdm"), KDM_STR("job1"), KDM_STR(""), KDM_STR("{\"s\":1}"));
    commit_done(&node, commit);
    ck_assert_int_eq(redis_number(direct, "HEXISTS kdm:jobs job1"), 1);
    commit = begin();
    put(commit, c, "b", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    kdm_commit_job(commit, KDM_STR("%kdm"), KDM_STR("job1"), KDM_STR("{\"s\":0"), KDM_STR("{\"s\":1}"));
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.job_taken && !outcome.job_gone && !outcome.catalogue_changed);
    expect_doc(&node, c, "b", NULL);
    commit = begin();
    kdm_commit_job(commit, KDM_STR("%kdm"), KDM_STR("job1"), KDM_STR("{\"s\":1"), KDM_STR(""));
    commit_done(&node, commit);
    ck_assert_int_eq(redis_number(direct, "HEXISTS kdm:jobs job1"), 0);
    commit = begin();
    put(commit, c, "b", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    kdm_commit_job(commit, KDM_STR("%kdm"), KDM_STR("job1"), KDM_STR("{"), KDM_STR("{\"s\":2}"));
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert(outcome.job_gone && !outcome.job_taken && !outcome.catalogue_changed);
    ck_assert_int_eq(redis_number(direct, "HEXISTS kdm:jobs job1"), 0);
    expect_doc(&node, c, "b", NULL);
    kdm_collection_unref(c);
}
END_TEST

/* --- the feed ------------------------------------------------------------------------------------ */

START_TEST(the_feed_tells_each_change_under_the_commits_sequence)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = begin();
    uint64_t sequence;
    redisReply *reply, *fields;
    char id[32];

    create_doc(&node, c, "old", "{\"o\":1}");
    kdm_commit_envelope(commit, KDM_STR("{\"who\":1}"));
    kdm_commit_put(commit, &(struct kdm_commit_write){ .collection = c,
                                                       .id = KDM_STR("new one"),
                                                       .text = KDM_STR("{\"n\":1}"),
                                                       .expect = KDM_EXPECT_ANY,
                                                       .change = KDM_CHANGE_PUT,
                                                       .silent = true,
                                                       .changed = KDM_STR("[\"n\"]") });
    put(commit, c, "old", NULL, KDM_EXPECT_PRESENT, 0, 0, KDM_CHANGE_DELETE, 1);
    sequence = commit_done(&node, commit);
    snprintf(id, sizeof(id), "%llu-0", (unsigned long long)sequence);
    reply = redisCommand(direct, "XRANGE %s %s %s", z(c->index->feed_key), id, id);
    ck_assert_uint_eq(reply->elements, 1);
    fields = reply->element[0]->element[1];
    ck_assert_uint_eq(fields->elements, 10);
    ck_assert_str_eq(fields->element[0]->str, "e");
    ck_assert_str_eq(fields->element[1]->str, "{\"who\":1}");
    ck_assert_str_eq(fields->element[2]->str, "c- 1 assets new one");
    ck_assert_str_eq(fields->element[3]->str, "{\"n\":1}");
    ck_assert_str_eq(fields->element[4]->str, "[\"n\"]");
    ck_assert_str_eq(fields->element[5]->str, "");
    ck_assert_str_eq(fields->element[6]->str, "d+ 1 assets old");
    ck_assert_str_eq(fields->element[7]->str, "");
    ck_assert_str_eq(strchr(fields->element[9]->str, ' '), " 1 {\"o\":1}");
    freeReplyObject(reply);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(the_feed_is_trimmed_by_bytes)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    static char text[20000];

    node.store->feed_max_bytes = 1 << 20;
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "{\"t\":\"", 6);
    strcpy(text + sizeof(text) - 3, "\"}");
    for (int i = 0; i < 300; i++) {
        struct kdm_commit *commit = begin();

        put(commit, c, "a", text, KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
        commit_done(&node, commit);
    }
    ck_assert_int_lt(redis_number(direct, "MEMORY USAGE %s SAMPLES 0", z(c->index->feed_key)), 4 << 20);
    ck_assert_int_ge(redis_number(direct, "XLEN %s", z(c->index->feed_key)), 16);
    kdm_collection_unref(c);
}
END_TEST

/* --- commit ids ------------------------------------------------------------------------------------ */

START_TEST(commit_ids_are_as_many_as_commits_were_on_their_way_at_once)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    static struct outcome outcomes[20];
    int ids = 0;
    redisReply *reply;

    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 20; i++) {
            struct kdm_commit *commit = begin();
            char id[16];

            snprintf(id, sizeof(id), "d%d", i);
            put(commit, c, id, "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
            commit_begin(commit, &outcomes[i], TIMEOUT_MS);
        }
        for (int i = 0; i < 20; i++) {
            turn_until(&loop, &outcomes[i].done, 1, TIMEOUT_MS);
            ck_assert_int_eq(outcomes[i].outcome, KDM_COMMITTED);
        }
    }
    reply = redisCommand(direct, "HKEYS %s", z(c->index->meta_key));
    for (size_t i = 0; i < reply->elements; i++)
        ids += strncmp(reply->element[i]->str, "k:", 2) == 0;
    freeReplyObject(reply);
    ck_assert_int_le(ids, 20);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_node_that_comes_again_under_its_name_may_commit)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");

    create_doc(&node, c, "a", "{}");
    kdm_collection_unref(c);
    node_stop(&node);
    uv_run(&loop, UV_RUN_NOWAIT);
    node_start(&node, &loop, redis.url, "node-a");
    c = have_collection(&node, "tenant", "assets");
    create_doc(&node, c, "b", "{}");
    expect_doc(&node, c, "b", "1 {}");
    kdm_collection_unref(c);
}
END_TEST

START_TEST(five_hundred_writes_and_many_reads_fit_in_one_commit)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = begin();
    static struct outcome outcome;
    char id[16];

    for (uint32_t i = 0; i < KDM_COMMIT_MAX_WRITES; i++) {
        snprintf(id, sizeof(id), "d%u", i);
        put(commit, c, id, "{\"n\":1}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, i);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(id, sizeof(id), "r%u", i);
        kdm_commit_check_doc(commit, c, kdm_str_of(id), 0, i);
    }
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
    ck_assert_uint_eq(outcome.item_count, KDM_COMMIT_MAX_WRITES);
    ck_assert_int_eq(redis_number(direct, "HLEN %s", z(c->docs_key)), KDM_COMMIT_MAX_WRITES);
    commit = begin(); /* more conflicts than one answer takes */
    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(id, sizeof(id), "r%u", i);
        kdm_commit_check_doc(commit, c, kdm_str_of(id), 77, i);
    }
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMIT_CONFLICT);
    ck_assert_uint_gt(outcome.item_count, 1000);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(who_has_gone_is_not_told_and_the_commit_goes_on)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_commit *commit = begin();
    struct outcome outcome;

    put(commit, c, "a", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    commit_begin(commit, &outcome, TIMEOUT_MS);
    kdm_commit_forget(node.store, &outcome);
    turn_for(&loop, 50);
    ck_assert_int_eq(outcome.done, 0);
    expect_doc(&node, c, "a", "1 {}");
    commit = begin();
    put(commit, c, "b", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    kdm_commit_destroy(commit); /* never sent */
    kdm_collection_unref(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commit");
    TCase *tcase = tcase_create("commit");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_document_is_stored_with_the_sequence_of_its_commit);
    tcase_add_test(tcase, a_create_fails_where_a_document_is_and_tells_which);
    tcase_add_test(tcase, a_write_on_an_older_sequence_loses);
    tcase_add_test(tcase, a_sequence_is_compared_as_a_whole);
    tcase_add_test(tcase, present_and_any_are_what_they_say);
    tcase_add_test(tcase, a_blind_write_learns_what_was_there_and_its_version);
    tcase_add_test(tcase, a_blind_delete_gives_the_text_back_and_fails_where_nothing_is);
    tcase_add_test(tcase, names_ids_and_texts_may_hold_any_byte);
    tcase_add_test(tcase, in_mode_each_only_what_conflicts_is_left_out);
    tcase_add_test(tcase, in_mode_each_a_failed_read_check_still_refuses_all);
    tcase_add_test(tcase, a_document_that_was_read_must_be_unchanged_or_still_absent);
    tcase_add_test(tcase, a_write_into_a_deleted_collection_is_refused);
    tcase_add_test(tcase, two_lives_of_one_collection_in_one_commit_are_refused);
    tcase_add_test(tcase, the_write_counter_tells_of_any_write_into_a_collection);
    tcase_add_test(tcase, a_commit_of_checks_alone_writes_nothing);
    tcase_add_test(tcase, an_index_is_made_once);
    tcase_add_test(tcase, a_collection_of_an_absent_index_is_not_made_and_an_absent_index_not_deleted);
    tcase_add_test(tcase, of_two_makers_of_one_collection_one_wins);
    tcase_add_test(tcase, a_mapping_changes_once_from_each_version);
    tcase_add_test(tcase, a_truncated_collection_is_empty_in_a_new_life);
    tcase_add_test(tcase, a_deleted_index_leaves_nothing_and_its_sequences_never_go_back);
    tcase_add_test(tcase, a_deleted_collection_leaves_nothing);
    tcase_add_test(tcase, one_commit_spans_indexes_all_or_nothing);
    tcase_add_test(tcase, a_job_record_comes_and_goes_with_its_commit);
    tcase_add_test(tcase, the_feed_tells_each_change_under_the_commits_sequence);
    tcase_add_test(tcase, the_feed_is_trimmed_by_bytes);
    tcase_add_test(tcase, commit_ids_are_as_many_as_commits_were_on_their_way_at_once);
    tcase_add_test(tcase, a_node_that_comes_again_under_its_name_may_commit);
    tcase_add_test(tcase, five_hundred_writes_and_many_reads_fit_in_one_commit);
    tcase_add_test(tcase, who_has_gone_is_not_told_and_the_commit_goes_on);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

/* rights_test.c - what roles and policies allow (kuzzle-semantics.md 4.6). */
#include "security/rights.h"
#include "../suite.h"
#include <stdlib.h>

static struct kdm_arena arena;

/* A table of a few actions; an alias shows its target's names. */
static const struct kdm_arg_row targets_row[] = { { .name = "targets" } };
static const struct kdm_action actions[] = {
    { .controller = "document",
      .action = "get",
      .asked_controller = "document",
      .asked_action = "get",
      .number = 0 },
    { .controller = "document",
      .action = "search",
      .asked_controller = "document",
      .asked_action = "search",
      .args = targets_row,
      .arg_count = 1,
      .number = 1 },
    { .controller = "memoryStorage",
      .action = "set",
      .asked_controller = "memoryStorage",
      .asked_action = "set",
      .number = 2 },
    { .controller = "server",
      .action = "now",
      .asked_controller = "server",
      .asked_action = "now",
      .number = 3 },
};

static const struct kdm_protocol protocol = { .actions = actions, .action_count = 4 };
static struct kdm_rights *rights;

static struct kdm_val parse(const char *text)
{
    return text == NULL ? KDM_VAL_NONE : kdm_json_parse(&arena, kdm_str_of(text));
}

static void set_up(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 4096);
    rights = kdm_rights_create(&protocol);
}

static void tear_down(void)
{
    kdm_rights_unref(rights);
    kdm_arena_fini(&arena);
}

static void add(const char *role, const char *restricted_to)
{
    kdm_rights_add(rights, parse(role), parse(restricted_to));
}

static const struct kdm_action *find(const char *controller, const char *name)
{
    for (size_t i = 0; i < protocol.action_count; i++) {
        if (strcmp(actions[i].controller, controller) == 0 && strcmp(actions[i].action, name) == 0)
            return &actions[i];
    }
    return NULL;
}

/* request: {index, collection, targets, engineId} */
static bool allowed(const char *controller, const char *name, const char *request)
{
    struct kdm_val ask = parse(request == NULL ? "{}" : request);
    const struct kdm_rights_question question = { .action = find(controller, name),
                                                  .controller = kdm_str_of(controller),
                                                  .name = kdm_str_of(name),
                                                  .index = kdm_val_get(ask, KDM_STR("index")),
                                                  .collection =
                                                      kdm_val_get(ask, KDM_STR("collection")),
                                                  .tenant = kdm_val_get(ask, KDM_STR("engineId")),
                                                  .targets = kdm_val_get(ask, KDM_STR("targets")),
                                                  .arena = &arena };

    return kdm_rights_allow(rights, &question);
}

#define ALL "{\"controllers\":{\"*\":{\"actions\":{\"*\":true}}}}"

START_TEST(without_a_policy_nothing_is_allowed)
{
    ck_assert(!allowed("document", "get", NULL));
    ck_assert(!allowed("nobody", "knows", NULL));
    ck_assert(!allowed("document", "search", "{\"targets\":[{}]}"));
    ck_assert(!allowed("document", "search",
                       "{\"targets\":[{\"index\":\"i\",\"collections\":[\"c\"]}]}"));
}
END_TEST

START_TEST(stars_allow_what_nobody_knows_too)
{
    add(ALL, NULL);
    ck_assert(allowed("document", "get", NULL));
    ck_assert(allowed("nobody", "knows", NULL));
    ck_assert(allowed("document", "get", "{\"index\":\"i\",\"collection\":\"c\"}"));
}
END_TEST

START_TEST(an_exact_controller_hides_the_star)
{
    add("{\"controllers\":{\"*\":{\"actions\":{\"*\":true}},\"document\":{\"actions\":{\"search\":"
        "true}}}}",
        NULL);
    ck_assert(allowed("document", "search", NULL));
    ck_assert(!allowed("document", "get", NULL));
    ck_assert(!allowed("document", "unknown", NULL));
    ck_assert(allowed("server", "now", NULL));
}
END_TEST

START_TEST(an_exact_action_hides_the_star)
{
    add("{\"controllers\":{\"document\":{\"actions\":{\"*\":true,\"get\":false}}}}", NULL);
    ck_assert(!allowed("document", "get", NULL));
    ck_assert(allowed("document", "search", NULL));
    ck_assert(allowed("document", "unknown", NULL));
    ck_assert(!allowed("server", "now", NULL));
}
END_TEST

START_TEST(only_true_allows)
{
    add("{\"controllers\":{\"document\":{\"actions\":{\"get\":\"true\",\"search\":1}},\"server\":{}"
        ",\"x\":null}}",
        NULL);
    ck_assert(!allowed("document", "get", NULL));
    ck_assert(!allowed("document", "search", NULL));
    ck_assert(!allowed("server", "now", NULL));
    ck_assert(!allowed("x", "y", NULL));
}
END_TEST

START_TEST(no_role_takes_away_what_another_gives)
{
    add("{\"controllers\":{\"document\":{\"actions\":{\"get\":false}}}}", NULL);
    add("{\"controllers\":{\"document\":{\"actions\":{\"get\":true}}}}", NULL);
    add("{\"controllers\":{\"*\":{\"actions\":{\"*\":false}}}}", NULL);
    ck_assert(allowed("document", "get", NULL));
}
END_TEST

START_TEST(memory_storage_has_two_names)
{
    add("{\"controllers\":{\"ms\":{\"actions\":{\"set\":true}}}}", NULL);
    ck_assert(allowed("memoryStorage", "set", NULL));
    ck_assert(allowed("ms", "set", NULL));
    ck_assert(!allowed("ms", "get", NULL));
}
END_TEST

START_TEST(restrictions_hold_for_indexes_and_collections)
{
    add(ALL, "[{\"index\":\"b\",\"collections\":[\"d\",\"c\"]},{\"index\":\"a\"},{\"index\":\"e\","
             "\"collections\":[]}]");
    ck_assert(allowed("document", "get", "{\"index\":\"a\",\"collection\":\"any\"}"));
    ck_assert(allowed("document", "get", "{\"index\":\"e\",\"collection\":\"any\"}"));
    ck_assert(allowed("document", "get", "{\"index\":\"b\",\"collection\":\"c\"}"));
    ck_assert(allowed("document", "get", "{\"index\":\"b\",\"collection\":\"d\"}"));
    ck_assert(!allowed("document", "get", "{\"index\":\"b\",\"collection\":\"x\"}"));
    ck_assert(!allowed("document", "get", "{\"index\":\"b\"}"));
    ck_assert(!allowed("document", "get", "{\"index\":\"x\",\"collection\":\"c\"}"));
    ck_assert(!allowed("nobody", "knows", "{\"index\":\"x\"}"));
}
END_TEST

START_TEST(what_is_about_no_index_is_not_restricted)
{
    add(ALL, "[{\"index\":\"a\"}]");
    ck_assert(allowed("server", "now", NULL));
    ck_assert(allowed("server", "now", "{\"index\":null}"));
    ck_assert(allowed("server", "now", "{\"index\":\"\"}"));
    ck_assert(!allowed("server", "now", "{\"index\":7}"));
    ck_assert(!allowed("server", "now", "{\"index\":[\"a\"]}"));
}
END_TEST

START_TEST(names_are_what_their_characters_say)
{
    add(ALL, "[{\"index\":\"a\\u0062\",\"collections\":[\"c\"]}]");
    ck_assert(allowed("document", "get", "{\"index\":\"\\u0061b\",\"collection\":\"\\u0063\"}"));
    ck_assert(!allowed("document", "get", "{\"index\":\"ab\\u0000\",\"collection\":\"c\"}"));
}
END_TEST

START_TEST(restrictions_are_of_their_policy_alone)
{
    add("{\"controllers\":{\"document\":{\"actions\":{\"get\":true}}}}", "[{\"index\":\"a\"}]");
    add("{\"controllers\":{\"document\":{\"actions\":{\"search\":true}}}}", "[{\"index\":\"b\"}]");
    ck_assert(allowed("document", "get", "{\"index\":\"a\"}"));
    ck_assert(!allowed("document", "get", "{\"index\":\"b\"}"));
    ck_assert(allowed("document", "search", "{\"index\":\"b\"}"));
    add("{\"controllers\":{\"document\":{\"actions\":{\"get\":true}}}}", NULL);
    ck_assert(allowed("document", "get", "{\"index\":\"b\"}"));
    ck_assert(!allowed("document", "search", "{\"index\":\"a\"}"));
}
END_TEST

START_TEST(an_empty_list_restricts_nothing)
{
    add(ALL, "[]");
    ck_assert(allowed("document", "get", "{\"index\":\"a\"}"));
}
END_TEST

START_TEST(a_broken_restriction_covers_nothing)
{
    add(ALL, "[{\"collections\":[\"c\"]},7,{\"index\":{}}]");
    ck_assert(!allowed("document", "get", "{\"index\":\"a\",\"collection\":\"c\"}"));
    ck_assert(!allowed("document", "get", "{\"index\":7}"));
}
END_TEST

START_TEST(what_is_no_list_opens_no_door)
{
    add(ALL, "{\"index\":\"a\"}");
    add(ALL, "true");
    ck_assert(!allowed("document", "get", "{\"index\":\"a\"}"));
    ck_assert(!allowed("document", "search", "{\"index\":\"a\",\"targets\":{\"b\":1}}"));
}
END_TEST

START_TEST(every_target_must_be_covered)
{
    add(ALL, "[{\"index\":\"a\"},{\"index\":\"b\",\"collections\":[\"c\"]}]");
    ck_assert(allowed("document", "search",
                      "{\"targets\":[{\"index\":\"a\",\"collections\":[\"x\",\"y\"]},{\"index\":"
                      "\"b\",\"collections\":[\"c\"]}]}"));
    ck_assert(!allowed("document", "search",
                       "{\"targets\":[{\"index\":\"a\",\"collections\":[\"x\"]},{\"index\":\"b\","
                       "\"collections\":[\"c\",\"d\"]}]}"));
    ck_assert(!allowed("document", "search",
                       "{\"targets\":[{\"index\":\"z\",\"collections\":[\"x\"]}]}"));
    ck_assert(!allowed("document", "search", "{\"targets\":[{\"index\":\"z\"}]}"));
    ck_assert(allowed("document", "search", "{\"targets\":[{}]}"));
}
END_TEST

START_TEST(targets_have_no_wildcards_even_for_an_administrator)
{
    add(ALL, NULL);
    ck_assert(
        allowed("document", "search", "{\"targets\":[{\"index\":\"a\",\"collections\":[\"x\"]}]}"));
    ck_assert(!allowed("document", "search",
                       "{\"targets\":[{\"index\":\"a*\",\"collections\":[\"x\"]}]}"));
    ck_assert(!allowed("document", "search",
                       "{\"targets\":[{\"index\":\"a\",\"collections\":[\"*\"]}]}"));
}
END_TEST

START_TEST(strict_tenants_must_be_covered_too)
{
    add(ALL, "[{\"index\":\"a\"}]");
    ck_assert(allowed("document", "get", "{\"engineId\":\"a\"}"));
    ck_assert(!allowed("document", "get", "{\"engineId\":\"b\"}"));
    ck_assert(!allowed("document", "get", "{\"index\":\"a\",\"engineId\":\"b\"}"));
    ck_assert(!allowed("document", "get", "{\"index\":\"b\",\"engineId\":\"a\"}"));
}
END_TEST

START_TEST(of_several_limits_the_most_generous_counts)
{
    ck_assert_int_eq(kdm_rights_limit(rights), 0);
    kdm_rights_add_limit(rights, parse("10"));
    ck_assert_int_eq(kdm_rights_limit(rights), 10);
    kdm_rights_add_limit(rights, parse("200"));
    kdm_rights_add_limit(rights, parse("5"));
    ck_assert_int_eq(kdm_rights_limit(rights), 200);
    kdm_rights_add_limit(rights, KDM_VAL_NONE);
    ck_assert_int_eq(kdm_rights_limit(rights), 0);
    kdm_rights_add_limit(rights, parse("3"));
    ck_assert_int_eq(kdm_rights_limit(rights), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        without_a_policy_nothing_is_allowed,
        stars_allow_what_nobody_knows_too,
        an_exact_controller_hides_the_star,
        an_exact_action_hides_the_star,
        only_true_allows,
        no_role_takes_away_what_another_gives,
        memory_storage_has_two_names,
        restrictions_hold_for_indexes_and_collections,
        what_is_about_no_index_is_not_restricted,
        names_are_what_their_characters_say,
        restrictions_are_of_their_policy_alone,
        an_empty_list_restricts_nothing,
        a_broken_restriction_covers_nothing,
        what_is_no_list_opens_no_door,
        every_target_must_be_covered,
        targets_have_no_wildcards_even_for_an_administrator,
        strict_tenants_must_be_covered_too,
        of_several_limits_the_most_generous_counts,
    };

    return RUN("rights", tests, set_up, tear_down);
}

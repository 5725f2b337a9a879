/* route_test.c - verbs and paths to routes. */
#include "../texts.h"
#include "api/route.h"
#include "base/log.h"

static const struct kdm_route routes[] = {
    { "GET", "/", 0 },
    { "GET", "/:index/:collection/:_id", 1 },
    { "GET", "/:index/:collection/_search", 2 },
    { "GET", "/users/_mGet", 3 },
    { "GET", "/users/:_id", 4 },
    { "POST", "/:engineId/assets/:_id", 5 },
    { "POST", "/:index/:collection/_create", 6 },
    { "GET", "/_/device-manager/:engineId/assets", 7 },
    { "GET", "/:other/:collection/:_id", 8 }, /* hidden by 1 */
};

static struct kdm_router *router;
static struct kdm_route_match match;

static void set_up(void)
{
    open_arena();
    kdm_log_set_level(KDM_LOG_ERROR);
    router = kdm_router_create(routes, sizeof(routes) / sizeof(routes[0]));
}

static void tear_down(void)
{
    kdm_router_destroy(router);
    close_arena();
}

static int find(const char *verb, const char *path)
{
    return kdm_router_find(router, &arena, kdm_str_of(verb), kdm_str_of(path), &match)
               ? match.route->action
               : -1;
}

START_TEST(parameters_carry_the_names_of_their_route)
{
    ck_assert_int_eq(find("GET", "/i/c/d"), 1);
    ck_assert_uint_eq(match.param_count, 3);
    assert_text(match.names[0], "index");
    assert_text(match.values[0], "i");
    assert_text(match.names[2], "_id");
    assert_text(match.values[2], "d");
    ck_assert_int_eq(find("POST", "/e/assets/a"), 5);
    assert_text(match.names[0], "engineId");
    assert_text(match.names[1], "_id");
    assert_text(match.values[1], "a");
}
END_TEST

START_TEST(a_literal_wins_over_a_parameter_and_there_is_no_way_back)
{
    ck_assert_int_eq(find("GET", "/i/c/_search"), 2);
    ck_assert_int_eq(find("GET", "/users/_mGet"), 3);
    ck_assert_int_eq(find("GET", "/users/x"), 4);
    ck_assert_int_eq(find("GET", "/users/c/d"), -1);
    ck_assert_int_eq(find("POST", "/e/assets/_create"), 5);
}
END_TEST

START_TEST(empty_segments_and_a_slash_at_the_end_do_not_count)
{
    ck_assert_int_eq(find("GET", ""), 0);
    ck_assert_int_eq(find("GET", "//"), 0);
    ck_assert_int_eq(find("GET", "/i//c/_search/"), 2);
    ck_assert_int_eq(find("GET", "i/c/_search"), 2);
}
END_TEST

START_TEST(segments_are_decoded_after_they_were_split)
{
    ck_assert_int_eq(find("GET", "/i%2Fj/c+d/a%2fb%20c"), 1);
    assert_text(match.values[0], "i/j");
    assert_text(match.values[1], "c+d");
    assert_text(match.values[2], "a/b c");
    ck_assert_int_eq(find("GET", "/i/c/%zz%2"), 1);
    assert_text(match.values[2], "%zz%2");
    ck_assert_int_eq(find("GET", "/i/c/%5Fsearch"), 2);
    ck_assert_int_eq(find("GET", "/i%2Fc%2Fd"), -1);
}
END_TEST

START_TEST(the_verb_must_fit)
{
    ck_assert_int_eq(find("PUT", "/i/c/d"), -1);
    ck_assert_int_eq(find("get", "/i/c/d"), -1);
    ck_assert_int_eq(find("BREW", "/i/c/d"), -1);
    ck_assert(kdm_router_knows_verb(KDM_STR("PATCH")));
    ck_assert(!kdm_router_knows_verb(KDM_STR("OPTIONS")));
}
END_TEST

static struct kdm_str verbs_of(const char *path)
{
    return kdm_router_verbs(router, &arena, kdm_str_of(path));
}

START_TEST(a_path_tells_the_verbs_that_lead_there)
{
    assert_text(verbs_of("/users/_mGet"), "GET");
    assert_text(verbs_of("/e/assets/x"), "GET, POST");
    assert_text(verbs_of("/"), "GET");
    ck_assert(kdm_str_none(verbs_of("/users")));
    ck_assert(kdm_str_none(verbs_of("/a/b/c/d/e")));
}
END_TEST

START_TEST(half_a_route_is_none)
{
    ck_assert_int_eq(find("GET", "/i/c"), -1);
    ck_assert_int_eq(find("GET", "/i/c/d/e"), -1);
    ck_assert_int_eq(find("GET", "/_/device-manager"), -1);
}
END_TEST

START_TEST(a_router_without_routes_finds_nothing)
{
    struct kdm_router *empty = kdm_router_create(NULL, 0);

    ck_assert(!kdm_router_find(empty, &arena, KDM_STR("GET"), KDM_STR("/"), &match));
    kdm_router_destroy(empty);
    kdm_router_destroy(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        parameters_carry_the_names_of_their_route,
        a_literal_wins_over_a_parameter_and_there_is_no_way_back,
        empty_segments_and_a_slash_at_the_end_do_not_count,
        segments_are_decoded_after_they_were_split,
        the_verb_must_fit,
        a_path_tells_the_verbs_that_lead_there,
        half_a_route_is_none,
        a_router_without_routes_finds_nothing,
    };

    return RUN("route", tests, set_up, tear_down);
}

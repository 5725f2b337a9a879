/* url_test.c - which URLs name a Redis, and which are refused. */
#include "redis/url.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct kdm_redis_url parse(const char *text)
{
    struct kdm_redis_url url;
    char *error = NULL;

    ck_assert_msg(kdm_redis_url_parse(text, &url, &error), "%s: %s", text, error);
    return url;
}

static void assert_refused(const char *text, const char *because)
{
    struct kdm_redis_url url;
    char *error = NULL;

    ck_assert_msg(!kdm_redis_url_parse(text, &url, &error), "taken: %s", text);
    ck_assert_msg(strstr(error, because) != NULL, "%s: %s", text, error);
    ck_assert_ptr_null(strchr(error, '\n'));
    free(error);
}

START_TEST(a_host_alone_gets_the_usual_port)
{
    struct kdm_redis_url url = parse("redis://localhost");

    ck_assert_str_eq(url.host, "localhost");
    ck_assert_int_eq(url.port, 6379);
    ck_assert_int_eq(url.db, 0);
    ck_assert_ptr_null(url.password);
    ck_assert_ptr_null(url.path);
    kdm_redis_url_fini(&url);
}
END_TEST

START_TEST(all_parts_are_read)
{
    struct kdm_redis_url url = parse("redis://me:p%40ss%2Fw:rd@10.0.0.1:7000/12");

    ck_assert_str_eq(url.user, "me");
    ck_assert_str_eq(url.password, "p@ss/w:rd");
    ck_assert_str_eq(url.host, "10.0.0.1");
    ck_assert_int_eq(url.port, 7000);
    ck_assert_int_eq(url.db, 12);
    ck_assert_str_eq(url.name, "10.0.0.1:7000");
    kdm_redis_url_fini(&url);
}
END_TEST

START_TEST(a_password_needs_no_user)
{
    struct kdm_redis_url url = parse("redis://:a@b/c@host/");

    ck_assert_ptr_null(url.user);
    ck_assert_str_eq(url.password, "a@b/c");
    ck_assert_str_eq(url.host, "host");
    kdm_redis_url_fini(&url);
}
END_TEST

START_TEST(an_ipv6_address_stands_in_brackets)
{
    struct kdm_redis_url url = parse("redis://[::1]:6380/1");

    ck_assert_str_eq(url.host, "::1");
    ck_assert_int_eq(url.port, 6380);
    ck_assert_int_eq(url.db, 1);
    kdm_redis_url_fini(&url);
    url = parse("redis://[fe80::1]");
    ck_assert_str_eq(url.host, "fe80::1");
    kdm_redis_url_fini(&url);
}
END_TEST

START_TEST(a_unix_socket_may_have_a_database)
{
    struct kdm_redis_url url = parse("unix:/run/redis.sock?db=3");

    ck_assert_str_eq(url.path, "/run/redis.sock");
    ck_assert_str_eq(url.name, "/run/redis.sock");
    ck_assert_int_eq(url.db, 3);
    ck_assert_ptr_null(url.host);
    kdm_redis_url_fini(&url);
    url = parse("unix:///run/a b#.sock");
    ck_assert_str_eq(url.path, "/run/a b#.sock");
    kdm_redis_url_fini(&url);
}
END_TEST

START_TEST(what_can_not_be_used_is_refused_with_its_reason)
{
    char long_path[200] = "unix:/";

    memset(long_path + 6, 'x', 150);
    assert_refused("", "neither");
    assert_refused("localhost", "neither");
    assert_refused("http://localhost", "neither");
    assert_refused("redis:localhost", "neither");
    assert_refused("rediss://localhost", "TLS");
    assert_refused("redis+sentinel://a:1,b:2/mymaster", "Sentinel");
    assert_refused("sentinel://a", "Sentinel");
    assert_refused("redis+cluster://a", "Cluster");
    assert_refused("redis://a:1,b:2", "several hosts");
    assert_refused("redis://", "no host");
    assert_refused("redis://:6379", "no host");
    assert_refused("redis://h:0", "port");
    assert_refused("redis://h:65536", "port");
    assert_refused("redis://h:", "port");
    assert_refused("redis://h:6379x", "port");
    assert_refused("redis://h/x", "database");
    assert_refused("redis://h/-1", "database");
    assert_refused("redis://[::1", "']'");
    assert_refused("redis://[::1]x", "']'");
    assert_refused("redis://user@h", "user:password");
    assert_refused("redis://:@h", "empty");
    assert_refused("redis://:%zz@h", "percent");
    assert_refused("redis://:%00@h", "percent");
    assert_refused("redis://:abc%4@h", "percent");
    assert_refused("redis://u%4:x@h", "percent");
    assert_refused("unix:", "absolute");
    assert_refused("unix:run/redis.sock", "absolute");
    assert_refused("unix:/s?db=x", "?db=");
    assert_refused("unix:/s?database=1", "?db=");
    assert_refused(long_path, "107");
}
END_TEST

START_TEST(an_error_never_shows_the_password)
{
    struct kdm_redis_url url;
    char *error = NULL;

    ck_assert(!kdm_redis_url_parse("redis://:geheim@h:x", &url, &error));
    ck_assert_ptr_null(strstr(error, "geheim"));
    free(error);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis/url");
    TCase *tests = tcase_create("url");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, a_host_alone_gets_the_usual_port);
    tcase_add_test(tests, all_parts_are_read);
    tcase_add_test(tests, a_password_needs_no_user);
    tcase_add_test(tests, an_ipv6_address_stands_in_brackets);
    tcase_add_test(tests, a_unix_socket_may_have_a_database);
    tcase_add_test(tests, what_can_not_be_used_is_refused_with_its_reason);
    tcase_add_test(tests, an_error_never_shows_the_password);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* reply_test.c - the text of INFO, line by line. */
#include "redis/reply.h"

#include <check.h>

static const struct kdm_str info =
    KDM_STR("# Server\r\nredis_version:7.0.15\r\n\r\nused_memory:1\r\nused_memory_human:1.5M\r\n"
            "last:9");

static void check_field(const char *name, const char *expected)
{
    struct kdm_str value = kdm_redis_info_field(info, name);

    ck_assert_msg(kdm_str_eq(value, kdm_str_of(expected)), "%s: " KDM_FMT, name, KDM_ARG(value));
}

START_TEST(a_field_is_found_by_its_whole_name)
{
    check_field("redis_version", "7.0.15");
    check_field("used_memory", "1");
    check_field("used_memory_human", "1.5M");
    check_field("last", "9");
}
END_TEST

START_TEST(what_is_not_there_is_none)
{
    ck_assert(kdm_str_none(kdm_redis_info_field(info, "memory")));
    ck_assert(kdm_str_none(kdm_redis_info_field(info, "used_mem")));
    ck_assert(kdm_str_none(kdm_redis_info_field(KDM_STR(""), "last")));
    ck_assert(kdm_str_none(kdm_redis_info_field(KDM_STR_NONE, "last")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis/reply");
    TCase *tests = tcase_create("reply");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, a_field_is_found_by_its_whole_name);
    tcase_add_test(tests, what_is_not_there_is_none);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

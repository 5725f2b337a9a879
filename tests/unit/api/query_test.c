/* query_test.c - query strings taken apart. */
#include "../texts.h"
#include "api/query.h"

static struct kdm_query_args query;

static void assert_pairs(const char *text, const char *expected)
{
    struct kdm_buf buf;

    ck_assert(kdm_query_parse(&arena, kdm_str_of(text), &query));
    kdm_buf_init(&buf, &arena, 64);
    for (size_t i = 0; i < query.count; i++) {
        kdm_buf_put(&buf, query.pairs[i].name);
        kdm_buf_char(&buf, '>');
        kdm_buf_put(&buf, query.pairs[i].value);
        kdm_buf_char(&buf, ';');
    }
    assert_text(kdm_buf_str(&buf), expected);
}

START_TEST(pairs_come_in_order_and_flags_are_empty)
{
    assert_pairs("a=1&b&c=&a=2", "a>1;b>;c>;a>2;");
    assert_pairs("", "");
    assert_pairs("&&a&&", "a>;");
    assert_pairs("=x&=", ">x;>;");
    assert_pairs("a=b=c", "a>b=c;");
}
END_TEST

START_TEST(escapes_are_decoded_in_names_and_values)
{
    assert_pairs("a%20b=c+d%2Be", "a b>c d+e;");
    assert_pairs("a=%7b%22x%22%3A1%7D", "a>{\"x\":1};");
    assert_pairs("a=%26%3d", "a>&=;");
}
END_TEST

START_TEST(a_percent_sign_that_starts_no_escape_stays)
{
    assert_pairs("a=100%&b=%4&c=%zz&d=%%41", "a>100%;b>%4;c>%zz;d>%A;");
}
END_TEST

START_TEST(the_first_value_of_a_name_is_found)
{
    ck_assert(kdm_query_parse(&arena, KDM_STR("a=1&b=2&a=3&c"), &query));
    assert_text(kdm_query_get(&query, KDM_STR("a")), "1");
    assert_text(kdm_query_get(&query, KDM_STR("c")), "");
    ck_assert(!kdm_str_none(kdm_query_get(&query, KDM_STR("c"))));
    ck_assert(kdm_str_none(kdm_query_get(&query, KDM_STR("d"))));
}
END_TEST

START_TEST(there_is_an_end_to_pairs)
{
    char text[2 * KDM_QUERY_MAX + 3];
    size_t len = 0;

    for (size_t i = 0; i < KDM_QUERY_MAX; i++) {
        text[len++] = 'a';
        text[len++] = '&';
    }
    ck_assert(kdm_query_parse(&arena, (struct kdm_str){ .ptr = text, .len = len }, &query));
    ck_assert_uint_eq(query.count, KDM_QUERY_MAX);
    text[len++] = 'b';
    ck_assert(!kdm_query_parse(&arena, (struct kdm_str){ .ptr = text, .len = len }, &query));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        pairs_come_in_order_and_flags_are_empty,
        escapes_are_decoded_in_names_and_values,
        a_percent_sign_that_starts_no_escape_stays,
        the_first_value_of_a_name_is_found,
        there_is_an_end_to_pairs,
    };

    return RUN("query", tests, open_arena, close_arena);
}

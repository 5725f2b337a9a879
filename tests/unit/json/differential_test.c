/* differential_test.c - random documents, whole and damaged, against jansson.
 * The seed is printed; KDM_SEED=n repeats a run, KDM_ROUNDS=n makes it longer.
 */
#include "properties.h"
#include <check.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT 100

static uint64_t state;
static struct kdm_arena arena;

static void setup(void)
{
    const char *seed = getenv("KDM_SEED");

    state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("KDM_SEED=%llu\n", (unsigned long long)state);
    fflush(stdout);
    state = state * 2 + 1;
    kdm_arena_init(&arena, 16384);
}

static void teardown(void)
{
    kdm_arena_fini(&arena);
}

static unsigned below(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 20) % n);
}

static void put_any(struct kdm_buf *buf, const char *const *choices, unsigned count)
{
    kdm_buf_put(buf, kdm_str_of(choices[below(count)]));
}

#define PUT_ANY(buf, choices) put_any((buf), (choices), sizeof(choices) / sizeof((choices)[0]))

static void put_blank(struct kdm_buf *buf)
{
    static const char *const blanks[] = { " ", "\n", "\t", "\r\n", "    " };

    if (below(12) == 0)
        PUT_ANY(buf, blanks);
}

static void put_digits(struct kdm_buf *buf, unsigned most)
{
    for (unsigned i = below(most) + 1; i > 0; i--)
        kdm_buf_char(buf, (char)('0' + below(10)));
}

static void put_number(struct kdm_buf *buf)
{
    static const char *const odd[] = { "9223372036854775807",
                                       "9223372036854775808",
                                       "-9223372036854775808",
                                       "-9223372036854775809",
                                       "-0",
                                       "-0.0",
                                       "1e308",
                                       "1.7976931348623157e308",
                                       "1.7976931348623159e308",
                                       "5e-324",
                                       "1e-400",
                                       "0.1",
                                       "1e400",
                                       "0e999",
                                       "9007199254740993",
                                       "100e-2",
                                       "123456789012345678901" };

    if (below(4) == 0) {
        PUT_ANY(buf, odd);
        return;
    }
    if (below(3) == 0)
        kdm_buf_char(buf, '-');
    kdm_buf_char(buf, (char)('1' + below(9)));
    if (below(2) == 0)
        put_digits(buf, 17);
    if (below(3) == 0) {
        kdm_buf_char(buf, '.');
        put_digits(buf, 25);
    }
    if (below(4) == 0)
        kdm_buf_printf(buf, "%c%s%u", "eE"[below(2)], below(2) ? "-" : "", below(400));
}

static void put_string(struct kdm_buf *buf)
{
    static const char *const parts[] = { "a",
                                         "b",
                                         "name",
                                         "Temperature",
                                         "a rather long run of ordinary characters",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\u0061",
                                         "\\u00e9",
                                         "\\ud83d\\ude00",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "\xef\xbf\xbf",
                                         "\\u0000",
                                         ".",
                                         "\x7f" };

    kdm_buf_char(buf, '"');
    for (unsigned i = below(4); i > 0; i--)
        PUT_ANY(buf, parts);
    kdm_buf_char(buf, '"');
}

/* Few different names, some of them the same in disguise, so that duplicates are common. */
static void put_member_name(struct kdm_buf *buf)
{
    static const char *const names[] = { "\"a\"",       "\"b\"",
                                         "\"\\u0061\"", "\"c\"",
                                         "\"\"",        "\"metadata\"",
                                         "\"a.b\"",     "\"metad\\u0061ta\"" };

    if (below(3) == 0)
        PUT_ANY(buf, names);
    else
        kdm_buf_printf(buf, "\"m%u\"", below(1000));
}

static void put_value(struct kdm_buf *buf, unsigned depth)
{
    static const char *const words[] = { "true", "false", "null" };
    unsigned kind = below(depth > 0 ? 10 : 6), many = below(40) == 0 ? 90 : 6;
    bool object = kind >= 8;

    put_blank(buf);
    if (kind < 2) {
        put_number(buf);
    } else if (kind < 4) {
        put_string(buf);
    } else if (kind < 6) {
        PUT_ANY(buf, words);
    } else {
        kdm_buf_char(buf, object ? '{' : '[');
        for (unsigned i = below(many); i > 0; i--) {
            put_blank(buf);
            if (object) {
                put_member_name(buf);
                put_blank(buf);
                kdm_buf_char(buf, ':');
            }
            put_value(buf, depth - 1);
            if (i > 1)
                kdm_buf_char(buf, ',');
        }
        put_blank(buf);
        kdm_buf_char(buf, object ? '}' : ']');
    }
    put_blank(buf);
}

/* Changes, takes out or doubles a few bytes. */
static void damage(struct kdm_buf *buf)
{
    static const char bytes[] = "\"\\{}[]:,0123456789.eE+-truefalsn \n\x01\x80\xc3\xed\xa0\xf4\xff";

    for (unsigned i = below(3) + 1; i > 0 && buf->len > 1; i--) {
        size_t at = below((unsigned)buf->len), len = below(8) + 1;

        switch (below(3)) {
        case 0:
            buf->ptr[at] = bytes[below(sizeof(bytes) - 1)];
            break;
        case 1:
            if (len < buf->len - at) {
                memmove(buf->ptr + at, buf->ptr + at + len, buf->len - at - len);
                buf->len -= len;
            }
            break;
        default:
            buf->len -= below(4) == 0 ? len % buf->len : 0;
        }
    }
}

/* A copy of exactly its length on the heap, so that a read beyond the end is seen. */
static void check_exactly(struct kdm_str text, unsigned *accepted)
{
    char *copy = malloc(text.len == 0 ? 1 : text.len);
    const char *broken;
    bool ok;

    memcpy(copy, text.ptr, text.len);
    broken = check_text(&arena, (struct kdm_str){ copy, text.len }, &ok);
    ck_assert_msg(broken == NULL, "%s: " KDM_FMT, broken, KDM_ARG(text));
    *accepted += ok;
    free(copy);
}

static unsigned rounds(void)
{
    const char *asked = getenv("KDM_ROUNDS");

    return asked != NULL ? (unsigned)atol(asked) : 3000;
}

START_TEST(random_documents_are_read_as_jansson_reads_them)
{
    unsigned accepted = 0, total = rounds();
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, 4096);
    for (unsigned i = 0; i < total; i++) {
        buf.len = 0;
        put_value(&buf, 5);
        check_exactly(kdm_buf_str(&buf), &accepted);
        kdm_arena_reset(&arena);
    }
    kdm_buf_fini(&buf);
    ck_assert_uint_gt(accepted, total / 3);
}
END_TEST

START_TEST(damaged_documents_are_refused_as_jansson_refuses_them)
{
    unsigned accepted = 0, total = 3 * rounds();
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, 4096);
    for (unsigned i = 0; i < total; i++) {
        buf.len = 0;
        put_value(&buf, 4);
        damage(&buf);
        check_exactly(kdm_buf_str(&buf), &accepted);
        kdm_arena_reset(&arena);
    }
    kdm_buf_fini(&buf);
    ck_assert_uint_gt(accepted, 0);
    ck_assert_uint_lt(accepted, total);
}
END_TEST

START_TEST(random_merges_are_what_jansson_makes_of_them)
{
    struct kdm_buf base, patch;

    kdm_buf_init(&base, NULL, 4096);
    kdm_buf_init(&patch, NULL, 4096);
    for (unsigned i = 0, merged = 0; merged < rounds() && i < 100 * rounds(); i++) {
        struct kdm_json base_doc, patch_doc;
        const char *broken;

        base.len = patch.len = 0;
        put_value(&base, 4);
        put_value(&patch, 4);
        kdm_arena_reset(&arena);
        if (!kdm_json_scan(&arena, kdm_buf_str(&base), &base_doc, NULL)
            || !kdm_json_scan(&arena, kdm_buf_str(&patch), &patch_doc, NULL))
            continue;
        broken = merge_holds(&arena, kdm_json_root(&base_doc), kdm_json_root(&patch_doc));
        ck_assert_msg(broken == NULL, "%s: " KDM_FMT " and " KDM_FMT, broken,
                      KDM_ARG(kdm_buf_str(&base)), KDM_ARG(kdm_buf_str(&patch)));
        merged++;
    }
    kdm_buf_fini(&base);
    kdm_buf_fini(&patch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("differential");
    TCase *tcase = tcase_create("differential");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, TIMEOUT);
    tcase_add_test(tcase, random_documents_are_read_as_jansson_reads_them);
    tcase_add_test(tcase, damaged_documents_are_refused_as_jansson_refuses_them);
    tcase_add_test(tcase, random_merges_are_what_jansson_makes_of_them);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

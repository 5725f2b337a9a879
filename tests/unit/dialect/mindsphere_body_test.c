/* mindsphere_body_test.c - lists of bodies: entries by name, and files assigned. */
#include "../suite.h"
#include "dialect/mindsphere.h"

static struct kdm_arena arena;

static void set_up(void)
{
    kdm_arena_init(&arena, 4096);
}

static void tear_down(void)
{
    kdm_arena_fini(&arena);
}

static struct kdm_val json(const char *text)
{
    return kdm_json_parse(&arena, kdm_str_of(text));
}

/* --- entries by name -------------------------------------------------------------------------- */

START_TEST(entries_of_one_name_stand_together_as_in_their_lists)
{
    const struct kdm_val lists[] = {
        json("[{\"name\":\"b\",\"n\":1},{\"name\":\"a\",\"n\":2},{\"name\":\"b\",\"n\":3}]"),
        KDM_VAL_NONE, json("[{\"name\":\"b\",\"n\":4}]")
    };
    const struct kdm_ms_entry *found;
    struct kdm_ms_index index;
    size_t count;

    kdm_ms_index(&arena, lists, 3, "name", &index);
    found = kdm_ms_index_find(&index, KDM_STR("b"), &count);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(found[0].list, 0);
    ck_assert_uint_eq(found[0].at, 0);
    ck_assert_uint_eq(found[1].at, 2);
    ck_assert_uint_eq(found[2].list, 2);
    ck_assert(kdm_str_eq(kdm_val_text(kdm_val_get(found[2].val, KDM_STR("n"))), KDM_STR("4")));
    found = kdm_ms_index_find(&index, KDM_STR("a"), &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(found->at, 1);
}
END_TEST

START_TEST(what_is_not_there_is_not_found)
{
    const struct kdm_val list = json("[{\"name\":\"b\"},{},7,{\"name\":null},{\"name\":\"\"}]");
    struct kdm_ms_index index;
    size_t count = 9;

    kdm_ms_index(&arena, &list, 1, "name", &index);
    ck_assert_uint_eq(index.count, 2);
    ck_assert(!kdm_val_none(kdm_ms_index_get(&index, KDM_STR(""))));
    ck_assert_ptr_null(kdm_ms_index_find(&index, KDM_STR("a"), &count));
    ck_assert_uint_eq(count, 0);
    ck_assert(kdm_val_none(kdm_ms_index_get(&index, KDM_STR("bb"))));
    ck_assert(kdm_val_none(kdm_ms_index_get(&index, KDM_STR_NONE)));
    kdm_ms_index(&arena, NULL, 0, "name", &index);
    ck_assert(kdm_val_none(kdm_ms_index_get(&index, KDM_STR("b"))));
}
END_TEST

/* --- files assigned --------------------------------------------------------------------------- */

#define FILE_A "0123456789abcdef0123456789abcdef"

/* What is stored of a list; errors as they are told behind it. */
static void assert_assignments(const char *given, const char *stored, const char *errors)
{
    struct kdm_ms_errors found;
    struct kdm_str text, told;
    struct kdm_buf buf;

    kdm_ms_errors_init(&found, &arena);
    text = kdm_ms_read_assignments(&found, json(given));
    ck_assert_msg(kdm_str_eq(text, kdm_str_of(stored)), "%s: " KDM_FMT, given, KDM_ARG(text));
    kdm_buf_init(&buf, &arena, 256);
    ck_assert_int_eq(kdm_ms_put_errors(&found, KDM_STR("ref"), &buf), errors == NULL ? 0 : 400);
    told = kdm_buf_str(&buf);
    ck_assert_msg(errors == NULL
                      ? found.count == 0
                      : found.count == 1
                            && memmem(told.ptr, told.len, errors, strlen(errors)) != NULL,
                  "%s: %zu errors: " KDM_FMT, given, found.count, KDM_ARG(told));
}

START_TEST(assignments_are_stored_with_key_and_file_alone)
{
    assert_assignments("[]", "[]", NULL);
    assert_assignments("null", "[]", NULL);
    assert_assignments("[{\"fileId\":\"" FILE_A "\",\"key\":\"a.b-C_9\",\"_links\":{\"x\":1}}]",
                       "[{\"key\":\"a.b-C_9\",\"fileId\":\"" FILE_A "\"}]", NULL);
}
END_TEST

START_TEST(an_inherited_assignment_is_passed_over_and_may_be_replaced)
{
    assert_assignments("[{\"key\":\"a\",\"fileId\":\"" FILE_A "\",\"_links\":{\"origin\":{}}},"
                       "{\"key\":\"a\",\"fileId\":\"" FILE_A "\"}]",
                       "[{\"key\":\"a\",\"fileId\":\"" FILE_A "\"}]", NULL);
}
END_TEST

START_TEST(what_is_wrong_with_an_assignment_is_told)
{
    static const char good[] = "[{\"key\":\"a\",\"fileId\":\"" FILE_A "\"}]";

    assert_assignments("{}", "[]", "fileAssignments: an array is expected");
    assert_assignments("[7]", "[]", "fileAssignments[0]: an object is expected");
    assert_assignments("[{\"key\":\"a b\",\"fileId\":\"" FILE_A "\"}]", "[]",
                       "fileAssignments[0].key: 1 to 64");
    assert_assignments("[{\"key\":\"\",\"fileId\":\"" FILE_A "\"}]", "[]",
                       "fileAssignments[0].key: 1 to 64");
    assert_assignments("[{\"fileId\":\"" FILE_A "\"}]", "[]",
                       "fileAssignments[0].key: it is needed");
    assert_assignments("[{\"key\":\"a\"}]", "[]", "fileAssignments[0].fileId: it is needed");
    assert_assignments("[{\"key\":\"a\",\"fileId\":5}]", "[]",
                       "fileAssignments[0].fileId: a text is expected");
    assert_assignments("[{\"key\":\"a\",\"fileId\":\"x\"}]", "[]", "there is no file x");
    assert_assignments("[{\"key\":\"a\",\"fileId\":\"" FILE_A
                       "\"},{\"key\":\"a\",\"fileId\":\"" FILE_A "\"}]",
                       good, "fileAssignments[1].key: it is there already");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        entries_of_one_name_stand_together_as_in_their_lists,
        what_is_not_there_is_not_found,
        assignments_are_stored_with_key_and_file_alone,
        an_inherited_assignment_is_passed_over_and_may_be_replaced,
        what_is_wrong_with_an_assignment_is_told,
    };

    return RUN("MindSphere bodies", tests, set_up, tear_down);
}

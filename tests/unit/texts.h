/* texts.h - what the tests of pure functions share: one arena, parsing, comparing. */
#ifndef KDM_TESTS_TEXTS_H
#define KDM_TESTS_TEXTS_H

#include "base/err.h"
#include "suite.h"
#include "json/json.h"

static struct kdm_arena arena;

static inline void open_arena(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 4096);
}

static inline void close_arena(void)
{
    kdm_arena_fini(&arena);
}

static inline struct kdm_val parse(const char *text)
{
    return kdm_json_parse(&arena, kdm_arena_copy(&arena, kdm_str_of(text)));
}

#define assert_text(s, expected)                                                                   \
    do {                                                                                           \
        struct kdm_str assert_s = (s);                                                             \
        ck_assert_msg(kdm_str_eq(assert_s, kdm_str_of(expected)),                                  \
                      "%s is \"" KDM_FMT "\", not \"%s\"", #s, (int)assert_s.len, assert_s.ptr,    \
                      expected);                                                                   \
    } while (0)

#define assert_failure(failure, wanted, status_wanted)                                             \
    do {                                                                                           \
        ck_assert_msg((failure).err == (wanted), "failed with %s, not %s",                         \
                      (failure).err == KDM_OK ? "nothing" : kdm_err_row((failure).err)->name,      \
                      kdm_err_row(wanted)->name);                                                  \
        ck_assert_uint_eq((failure).status, (status_wanted));                                      \
    } while (0)

#endif

/* err.c - rows of the generated table, and a failure's text made from one. */
#include "base/err.h"
#include "base/buf.h"
#include "base/log.h"
#include <stdlib.h>

const struct kdm_err_row *kdm_err_row(enum kdm_err err)
{
    KDM_ASSERT(err != KDM_OK && (size_t)err < kdm_err_row_count);
    return &kdm_err_rows[err];
}

/* Walks the table: only a plugin names an error by its wire id, and rarely. */
enum kdm_err kdm_err_by_id(struct kdm_str id)
{
    for (size_t i = 1; i < kdm_err_row_count; i++) {
        const char *own = kdm_err_rows[i].id;

        if (own != NULL && kdm_str_eq(kdm_str_of(own), id))
            return (enum kdm_err)i;
    }
    return KDM_OK;
}

/* The text with "%1" .. "%9" replaced; a placeholder without a prop becomes nothing. */
static struct kdm_str fill_in(struct kdm_arena *arena, const char *text,
                              const struct kdm_str *props, size_t prop_count)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, strlen(text) + 64);
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] >= '1' && at[1] <= '9') {
            size_t n = (size_t)(*++at - '1');

            if (n < prop_count)
                kdm_buf_put(&buf, props[n]);
        } else {
            kdm_buf_char(&buf, *at);
        }
    }
    return kdm_buf_str(&buf);
}

void kdm_failure_set(struct kdm_failure *ret_failure, struct kdm_arena *arena, enum kdm_err err,
                     const struct kdm_str *props, size_t prop_count)
{
    const struct kdm_err_row *row = kdm_err_row(err);
    struct kdm_str *copies = kdm_arena_alloc(arena, prop_count * sizeof(*copies));

    for (size_t i = 0; i < prop_count; i++)
        copies[i] = kdm_arena_copy(arena, props[i]);
    *ret_failure = (struct kdm_failure){
        .err = err,
        .status = row->status,
        .id = KDM_STR_NONE,
        .message = fill_in(arena, row->text, copies, prop_count),
        .props = copies,
        .prop_count = (uint32_t)prop_count,
        .extra = KDM_STR_NONE,
    };
}

_Noreturn void kdm_assert_failed(const char *condition, const char *file, int line)
{
    kdm_log_error("%s:%d: this must hold and does not: %s", file, line, condition);
    abort();
}

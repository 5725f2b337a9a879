/* http_head.c - any bytes as header values: nothing is read outside them, lists and parameters end,
 * and an argument that was encoded into a query string can be split and decoded to what it was.
 */
#include "net/head.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Decodes `query`, which must be one argument, and compares. */
static void must_be_again(struct kdm_str query, struct kdm_str argument)
{
    size_t at = 0;

    for (size_t i = 0; i < query.len; i++) {
        char c = query.ptr[i];

        if (c == '&')
            abort();
        if (c == '%') {
            c = (char)(digit(query.ptr[i + 1]) << 4 | digit(query.ptr[i + 2]));
            i += 2;
        }
        if (at >= argument.len || argument.ptr[at++] != c)
            abort();
    }
    if (at != argument.len)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct kdm_str value = { .ptr = (const char *)data, .len = size };
    struct kdm_arena arena;
    struct kdm_buf query;
    size_t length, items = 0;

    kdm_arena_init(&arena, 4096);
    while (!kdm_str_none(kdm_head_item(value, items)) && items < 200)
        items++;
    kdm_head_parameter(&arena, value, KDM_STR("boundary"));
    kdm_head_media(value);
    kdm_head_accepted(value);
    kdm_head_length(value, 1 << 20, &length);
    kdm_head_origin_allowed(value, KDM_STR("http://a"));
    kdm_head_is_clean(value);
    kdm_buf_init(&query, &arena, 64);
    kdm_head_put_query(&query, value);
    must_be_again(kdm_buf_str(&query), value);
    kdm_arena_fini(&arena);
    return 0;
}

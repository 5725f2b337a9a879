/* http_head.c - any bytes as header values: nothing is read outside them, lists and parameters end,
 * and what is put into a reply is one line.
 */
#include "net/head.h"
#include "net/squeeze.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct kdm_str value = { .ptr = (const char *)data, .len = size };
    struct kdm_arena arena;
    struct kdm_str answer;
    struct kdm_buf line;
    int window;
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
    if (kdm_squeeze_agree(&arena, value, &answer, &window)
        && (window < 9 || window > 15 || !kdm_head_is_clean(answer)))
        abort();
    kdm_buf_init(&line, &arena, 64);
    kdm_head_put(&line, KDM_STR("X"), value);
    if (line.len > 0 && memchr(line.ptr, '\n', line.len) != line.ptr + line.len - 1)
        abort();
    kdm_arena_fini(&arena);
    return 0;
}

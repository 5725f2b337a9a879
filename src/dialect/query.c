/* query.c - see query.h. */
#include "dialect/query.h"
#include "json/json.h"

void kdm_dialect_put_pattern(struct kdm_buf *buf, struct kdm_str text, bool inside)
{
    struct kdm_buf pattern;

    kdm_buf_init(&pattern, NULL, text.len * 2 + 2);
    kdm_buf_char(&pattern, '*');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '*' || text.ptr[i] == '?' || text.ptr[i] == '\\')
            kdm_buf_char(&pattern, '\\');
        kdm_buf_char(&pattern, text.ptr[i]);
    }
    if (inside)
        kdm_buf_char(&pattern, '*');
    kdm_json_put_str(buf, kdm_buf_str(&pattern));
    kdm_buf_fini(&pattern);
}

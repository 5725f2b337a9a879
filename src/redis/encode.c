/* encode.c - a command as RESP.
 * Written straight into the output: redisFormatCommandArgv() would be a malloc, a printf for each
 * argument and a copy for each command.
 */
#include "redis/queue.h"

/* '$' or '*', 20 digits, CR LF; and CR LF behind the text. */
#define OVERHEAD 25

static char *put_length(char *to, char mark, size_t value)
{
    char digits[KDM_DECIMAL_MAX], *end = digits + sizeof digits;
    const char *at = kdm_decimal_before(end, value);

    *to++ = mark;
    memcpy(to, at, (size_t)(end - at));
    to += end - at;
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

static char *put_texts(char *to, const struct kdm_str *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to = put_length(to, '$', texts[i].len);
        if (texts[i].len > 0)
            memcpy(to, texts[i].ptr, texts[i].len);
        to += texts[i].len;
        *to++ = '\r';
        *to++ = '\n';
    }
    return to;
}

static size_t length(const struct kdm_str *texts, size_t count)
{
    size_t bytes = count * OVERHEAD;

    for (size_t i = 0; i < count; i++)
        bytes += texts[i].len;
    return bytes;
}

void kdm_redis_encode(struct kdm_buf *buf, const struct kdm_str *head, size_t head_count,
                      const struct kdm_str *args, size_t arg_count)
{
    size_t most = OVERHEAD + length(head, head_count) + length(args, arg_count);
    char *start = kdm_buf_room(buf, most), *to = start;

    to = put_length(to, '*', head_count + arg_count);
    to = put_texts(to, head, head_count);
    to = put_texts(to, args, arg_count);
    buf->len += (size_t)(to - start);
}

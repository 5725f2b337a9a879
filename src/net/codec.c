/* codec.c - see codec.h. */
#include "net/codec.h"

#include "base/err.h"
#include <limits.h>
#include <zlib.h>

/* zlib's window, plus 16 for gzip's wrapping instead of its own. */
#define WINDOW_ZLIB 15
#define WINDOW_GZIP (15 + 16)

static int window_of(enum kdm_coding coding)
{
    return coding == KDM_CODING_GZIP ? WINDOW_GZIP : WINDOW_ZLIB;
}

/* Inflates all of z's input, with one byte more room than `max` so that too much shows. */
static enum kdm_codec_result inflate_all(z_stream *z, size_t max, struct kdm_buf *plain,
                                         const char **ret_reason)
{
    int status = Z_OK;

    while (status == Z_OK) {
        size_t room = plain->cap - plain->len;

        if (room == 0) {
            if (plain->len > max)
                return KDM_CODEC_TOO_LARGE;
            room = plain->len < max + 1 - plain->len ? plain->len : max + 1 - plain->len;
            kdm_buf_room(plain, room);
        }
        z->next_out = (Bytef *)plain->ptr + plain->len;
        z->avail_out = (uInt)room;
        status = inflate(z, Z_NO_FLUSH);
        plain->len += room - z->avail_out;
        if (status == Z_BUF_ERROR && z->avail_in > 0)
            status = Z_OK; /* only the room was missing */
    }
    if (plain->len > max)
        return KDM_CODEC_TOO_LARGE;
    if (status == Z_STREAM_END && z->avail_in == 0)
        return KDM_CODEC_OK;
    *ret_reason = status == Z_STREAM_END  ? "data behind the end"
                  : status == Z_BUF_ERROR ? "unexpected end of file"
                  : z->msg != NULL        ? z->msg
                                          : "incorrect data";
    return KDM_CODEC_BROKEN;
}

enum kdm_codec_result kdm_codec_decode(enum kdm_coding coding, struct kdm_str body, size_t max,
                                       struct kdm_buf *ret_plain, const char **ret_reason)
{
    z_stream z = { .next_in = (Bytef *)body.ptr, .avail_in = (uInt)body.len };
    enum kdm_codec_result result;
    struct kdm_buf plain;
    size_t room = body.len * 4 + 64;

    KDM_ASSERT(body.len <= UINT_MAX && max < UINT_MAX);
    if (inflateInit2(&z, window_of(coding)) != Z_OK)
        kdm_oom(0);
    kdm_buf_init(&plain, NULL, room < max + 1 ? room : max + 1);
    result = inflate_all(&z, max, &plain, ret_reason);
    inflateEnd(&z);
    if (result == KDM_CODEC_OK)
        *ret_plain = plain;
    else
        kdm_buf_fini(&plain);
    return result;
}

/* The fastest level: on JSON it takes a third of the default's time for a result a tenth longer,
 * and the loop waits meanwhile. */
void kdm_codec_encode(enum kdm_coding coding, struct kdm_str body, struct kdm_buf *buf)
{
    z_stream z = { .next_in = (Bytef *)body.ptr, .avail_in = (uInt)body.len };
    size_t room;
    int status;

    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, window_of(coding), 8, Z_DEFAULT_STRATEGY)
        != Z_OK)
        kdm_oom(0);
    room = deflateBound(&z, body.len);
    z.next_out = (Bytef *)kdm_buf_room(buf, room);
    z.avail_out = (uInt)room;
    status = deflate(&z, Z_FINISH);
    KDM_ASSERT(status == Z_STREAM_END);
    buf->len += room - z.avail_out;
    deflateEnd(&z);
}

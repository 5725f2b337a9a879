/* zip.c - see zip.h. */
#include "net/zip.h"

#include "base/err.h"
#include <limits.h>

#define MEMORY_LEVEL 8 /* zlib's default */

/* An empty block ends what is flushed; deflateBound() does not count it. */
#define FLUSH_ROOM 16

void kdm_zip(int window, struct kdm_str text, int flush, struct kdm_buf *buf)
{
    z_stream z = { .next_in = (Bytef *)text.ptr, .avail_in = (uInt)text.len };
    size_t room;
    int status;

    KDM_ASSERT(text.len <= UINT_MAX);
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, window, MEMORY_LEVEL, Z_DEFAULT_STRATEGY)
        != Z_OK)
        kdm_oom(0);
    room = deflateBound(&z, text.len) + FLUSH_ROOM;
    z.next_out = (Bytef *)kdm_buf_room(buf, room);
    z.avail_out = (uInt)room;
    status = deflate(&z, flush);
    KDM_ASSERT(status == (flush == Z_FINISH ? Z_STREAM_END : Z_OK));
    KDM_ASSERT(z.avail_in == 0 && z.avail_out > 0);
    buf->len += room - z.avail_out;
    deflateEnd(&z);
}

void kdm_unzip_begin(struct kdm_unzip *unzip, int window, struct kdm_str packed, size_t max)
{
    size_t room = packed.len * 4 + 64;

    KDM_ASSERT(packed.len <= UINT_MAX && max < UINT_MAX);
    unzip->z = (z_stream){ .next_in = (Bytef *)packed.ptr, .avail_in = (uInt)packed.len };
    unzip->max = max;
    if (inflateInit2(&unzip->z, window) != Z_OK)
        kdm_oom(0);
    kdm_buf_init(&unzip->plain, NULL, room < max + 1 ? room : max + 1);
}

bool kdm_unzip_is_over(const struct kdm_unzip *unzip)
{
    return unzip->plain.len > unzip->max;
}

int kdm_unzip_go_on(struct kdm_unzip *unzip, int flush)
{
    struct kdm_buf *plain = &unzip->plain;
    size_t room = plain->cap - plain->len, left = unzip->max + 1 - plain->len;
    int status;

    if (room == 0) {
        room = plain->len < left ? plain->len : left;
        kdm_buf_room(plain, room);
    }
    unzip->z.next_out = (Bytef *)plain->ptr + plain->len;
    unzip->z.avail_out = (uInt)room;
    status = inflate(&unzip->z, flush);
    plain->len += room - unzip->z.avail_out;
    return status;
}

enum kdm_codec_result kdm_unzip_end(struct kdm_unzip *unzip, enum kdm_codec_result result,
                                    struct kdm_buf *ret_plain)
{
    inflateEnd(&unzip->z);
    if (result == KDM_CODEC_OK)
        *ret_plain = unzip->plain;
    else
        kdm_buf_fini(&unzip->plain);
    return result;
}

/* squeeze.c - see squeeze.h. */
#include "net/squeeze.h"

#include "base/err.h"
#include <limits.h>
#include <zlib.h>

/* What a sender leaves off the end of each message (RFC 7692, 7.2.1). */
static const char tail[] = { '\0', '\0', '\xff', '\xff' };

/* --- agreeing ---------------------------------------------------------------------------- */

/* Reads "8".."15"; 0 for anything else. zlib packs with 9 bits at least. */
static int bits_of(struct kdm_str value)
{
    size_t bits;

    if (value.len == 0 || value.ptr[0] == '0' || !kdm_head_length(value, 15, &bits) || bits < 8)
        return 0;
    return (int)bits;
}

/* Can this offer be met? Parameters: RFC 7692, 7.1. One that is unknown, twice there, or malformed
 * makes the offer unacceptable. */
static bool read_offer(struct kdm_arena *arena, struct kdm_str offer, int *ret_window)
{
    static const char *const names[] = { "server_no_context_takeover", "client_no_context_takeover",
                                         "server_max_window_bits", "client_max_window_bits" };
    bool seen[4] = { false };
    struct kdm_str params = kdm_head_params(offer), name, value;

    *ret_window = 15;
    while (kdm_head_next_parameter(arena, &params, &name, &value)) {
        int which = 0;

        while (which < 4 && !kdm_str_eq_nocase(name, kdm_str_of(names[which])))
            which++;
        if (which == 4 || seen[which])
            return false;
        seen[which] = true;
        if (which < 2 && !kdm_str_none(value))
            return false;
        if (which == 2 && (*ret_window = bits_of(value)) < 9)
            return false;
        if (which == 3 && !kdm_str_none(value) && bits_of(value) == 0)
            return false;
    }
    return true;
}

bool kdm_squeeze_agree(struct kdm_arena *arena, struct kdm_str offers, struct kdm_str *ret_answer,
                       int *ret_window)
{
    struct kdm_str offer;

    while (kdm_head_next_item(&offers, &offer)) {
        int window;

        if (!kdm_str_eq_nocase(kdm_head_main(offer), KDM_STR("permessage-deflate"))
            || !read_offer(arena, offer, &window))
            continue;
        *ret_window = window;
        *ret_answer = kdm_arena_printf(
            arena, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
        if (window < 15)
            *ret_answer = kdm_arena_printf(arena, KDM_FMT "; server_max_window_bits=%d",
                                           KDM_ARG(*ret_answer), window);
        return true;
    }
    return false;
}

/* --- packing and unpacking --------------------------------------------------------------- */

/* Inflates z's input to its end, into at most max + 1 bytes. */
static enum kdm_codec_result inflate_input(z_stream *z, size_t max, struct kdm_buf *plain)
{
    int status = Z_OK;

    while (status == Z_OK) {
        size_t room = plain->cap - plain->len;

        if (plain->len > max)
            return KDM_CODEC_TOO_LARGE;
        if (room == 0) {
            room = plain->len < max + 1 - plain->len ? plain->len : max + 1 - plain->len;
            kdm_buf_room(plain, room);
        }
        z->next_out = (Bytef *)plain->ptr + plain->len;
        z->avail_out = (uInt)room;
        status = inflate(z, Z_SYNC_FLUSH);
        plain->len += room - z->avail_out;
        if (status == Z_STREAM_END) /* blocks may follow one that calls itself the last */
            status = inflateReset(z);
        if (status == Z_OK && z->avail_in == 0 && z->avail_out > 0)
            break;
    }
    if (plain->len > max)
        return KDM_CODEC_TOO_LARGE;
    return status == Z_OK || status == Z_BUF_ERROR ? KDM_CODEC_OK : KDM_CODEC_BROKEN;
}

enum kdm_codec_result kdm_squeeze_unpack(struct kdm_str message, size_t max,
                                         struct kdm_buf *ret_plain)
{
    z_stream z = { .next_in = (Bytef *)message.ptr, .avail_in = (uInt)message.len };
    size_t room = message.len * 4 + 64;
    enum kdm_codec_result result;
    struct kdm_buf plain;

    KDM_ASSERT(message.len <= UINT_MAX && max < UINT_MAX);
    if (inflateInit2(&z, -15) != Z_OK)
        kdm_oom(0);
    kdm_buf_init(&plain, NULL, room < max + 1 ? room : max + 1);
    result = inflate_input(&z, max, &plain);
    if (result == KDM_CODEC_OK) {
        z.next_in = (Bytef *)tail;
        z.avail_in = sizeof(tail);
        result = inflate_input(&z, max, &plain);
    }
    inflateEnd(&z);
    if (result == KDM_CODEC_OK)
        *ret_plain = plain;
    else
        kdm_buf_fini(&plain);
    return result;
}

void kdm_squeeze_pack(int window, struct kdm_str text, struct kdm_buf *buf)
{
    z_stream z = { .next_in = (Bytef *)text.ptr, .avail_in = (uInt)text.len };
    size_t room;
    int status;

    KDM_ASSERT(text.len <= UINT_MAX);
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, -window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        kdm_oom(0);
    room = deflateBound(&z, text.len) + 16;
    z.next_out = (Bytef *)kdm_buf_room(buf, room);
    z.avail_out = (uInt)room;
    status = deflate(&z, Z_SYNC_FLUSH);
    KDM_ASSERT(status == Z_OK && z.avail_in == 0 && z.avail_out >= 1);
    buf->len += room - z.avail_out - sizeof(tail);
    deflateEnd(&z);
}

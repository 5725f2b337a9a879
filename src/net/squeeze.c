/* squeeze.c - see squeeze.h. */
#include "net/squeeze.h"

#include "net/zip.h"

#define WINDOW_MAX 15

/* What a sender leaves off the end of each message (RFC 7692, 7.2.1). */
static const char tail[] = { '\0', '\0', '\xff', '\xff' };

/* --- agreeing ---------------------------------------------------------------------------- */

/* Reads "8".."15"; 0 for anything else. zlib packs with 9 bits at least. */
static int bits_of(struct kdm_str value)
{
    size_t bits;

    if (value.len == 0 || value.ptr[0] == '0' || !kdm_head_length(value, WINDOW_MAX, &bits)
        || bits < 8)
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

    *ret_window = WINDOW_MAX;
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
        if (window < WINDOW_MAX)
            *ret_answer = kdm_arena_printf(arena, KDM_FMT "; server_max_window_bits=%d",
                                           KDM_ARG(*ret_answer), window);
        return true;
    }
    return false;
}

/* --- packing and unpacking --------------------------------------------------------------- */

/* Unpacks the input to its end. */
static enum kdm_codec_result unzip_input(struct kdm_unzip *unzip)
{
    z_stream *z = &unzip->z;
    int status;

    do {
        status = kdm_unzip_go_on(unzip, Z_SYNC_FLUSH);
        if (kdm_unzip_is_over(unzip))
            return KDM_CODEC_TOO_LARGE;
        if (status == Z_STREAM_END) /* blocks may follow one that calls itself the last */
            status = inflateReset(z);
    } while (status == Z_OK && (z->avail_in > 0 || z->avail_out == 0));
    return status == Z_OK || status == Z_BUF_ERROR ? KDM_CODEC_OK : KDM_CODEC_BROKEN;
}

enum kdm_codec_result kdm_squeeze_unpack(struct kdm_str message, size_t max,
                                         struct kdm_buf *ret_plain)
{
    enum kdm_codec_result result;
    struct kdm_unzip unzip;

    kdm_unzip_begin(&unzip, -WINDOW_MAX, message, max);
    result = unzip_input(&unzip);
    if (result == KDM_CODEC_OK) {
        unzip.z.next_in = (Bytef *)tail;
        unzip.z.avail_in = sizeof(tail);
        result = unzip_input(&unzip);
    }
    return kdm_unzip_end(&unzip, result, ret_plain);
}

void kdm_squeeze_pack(int window, struct kdm_str text, struct kdm_buf *buf)
{
    kdm_zip(-window, text, Z_SYNC_FLUSH, buf);
    buf->len -= sizeof(tail);
}

/* frame.c - see frame.h. */
#include "net/frame.h"

#define FIN_TEXT 0x81

void kdm_frame_put(struct kdm_buf *buf, struct kdm_str text)
{
    unsigned char *at = (unsigned char *)kdm_buf_room(buf, KDM_FRAME_HEAD_MAX + text.len);
    size_t head = 2;

    at[0] = FIN_TEXT;
    if (text.len < 126) {
        at[1] = (unsigned char)text.len;
    } else if (text.len <= 0xffff) {
        at[1] = 126;
        at[2] = (unsigned char)(text.len >> 8);
        at[3] = (unsigned char)text.len;
        head = 4;
    } else {
        at[1] = 127;
        for (int i = 0; i < 8; i++)
            at[2 + i] = (unsigned char)((uint64_t)text.len >> (56 - 8 * i));
        head = 10;
    }
    if (text.len > 0)
        memcpy(at + head, text.ptr, text.len);
    buf->len += head + text.len;
}

/* Length of the frame, header included, that starts at `at`. */
static size_t frame_len(const unsigned char *at)
{
    size_t len = at[1];

    if (len < 126)
        return 2 + len;
    if (len == 126)
        return 4 + ((size_t)at[2] << 8 | at[3]);
    len = 0;
    for (int i = 2; i < 10; i++)
        len = len << 8 | at[i];
    return 10 + len;
}

size_t kdm_frame_cut(struct kdm_str frames, size_t most)
{
    size_t cut = 0;

    if (frames.len <= most)
        return frames.len;
    while (cut < frames.len) {
        size_t next = cut + frame_len((const unsigned char *)frames.ptr + cut);

        if (next > most && cut > 0)
            break;
        cut = next;
    }
    return cut;
}

bool kdm_frame_is_ping(struct kdm_str text)
{
    static const char ping[] = "{\"p\":1}";
    size_t want = 0;

    /* Nearly every message ends here: a ping is short. The bound also keeps a megabyte of blanks
     * from being walked; such a message is just no ping then. */
    if (text.len < sizeof(ping) - 1 || text.len > 32)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        /* White space stands between tokens; inside "p" (places 2 and 3) it would be another name.
         */
        if ((c == ' ' || c == '\t' || c == '\n' || c == '\r') && want != 2 && want != 3)
            continue;
        if (want == sizeof(ping) - 1 || c != ping[want++])
            return false;
    }
    return want == sizeof(ping) - 1;
}

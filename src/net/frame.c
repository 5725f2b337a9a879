/* frame.c - see frame.h. */
#include "net/frame.h"

#include "store/unicode.h"

#define BIT_FIN      0x80
#define BIT_SQUEEZED 0x40
#define BITS_OTHER   0x30
#define BIT_CONTROL  0x08
#define BIT_MASKED   0x80

/* --- sending ----------------------------------------------------------------------------- */

/* Room is made for the payload too. */
static void put_head(struct kdm_buf *buf, uint8_t first, size_t len)
{
    unsigned char *at = (unsigned char *)kdm_buf_room(buf, KDM_FRAME_HEAD_MAX + len);

    at[0] = first;
    if (len < 126) {
        at[1] = (unsigned char)len;
        buf->len += 2;
    } else if (len <= 0xffff) {
        at[1] = 126;
        at[2] = (unsigned char)(len >> 8);
        at[3] = (unsigned char)len;
        buf->len += 4;
    } else {
        at[1] = 127;
        for (int i = 0; i < 8; i++)
            at[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
        buf->len += 10;
    }
}

void kdm_frame_put(struct kdm_buf *buf, uint8_t first, struct kdm_str payload)
{
    put_head(buf, first, payload.len);
    kdm_buf_put(buf, payload);
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

/* --- receiving --------------------------------------------------------------------------- */

void kdm_frame_reader_init(struct kdm_frame_reader *reader, size_t max, bool may_squeeze)
{
    memset(reader, 0, sizeof(*reader));
    reader->max = max;
    reader->may_squeeze = may_squeeze;
}

void kdm_frame_reader_unlimit(struct kdm_frame_reader *reader)
{
    reader->max = SIZE_MAX;
}

/* Bytes of a head that begins with these two. */
static size_t head_size(const uint8_t *head)
{
    size_t len = head[1] & 0x7f;

    return 2 + (len == 126 ? 2 : len == 127 ? 8 : 0) + 4;
}

/* Puts the head together. False: not all of it is there. */
static bool gather_head(struct kdm_frame_reader *reader, struct kdm_str *bytes)
{
    size_t want = 2;

    for (;;) {
        size_t n;

        if (reader->head_len >= 2) {
            if (!(reader->head[1] & BIT_MASKED))
                return true; /* to be refused at once, whatever follows */
            want = head_size(reader->head);
        }
        n = want - reader->head_len;
        if (n > bytes->len)
            n = bytes->len;
        memcpy(reader->head + reader->head_len, bytes->ptr, n);
        reader->head_len = (uint8_t)(reader->head_len + n);
        *bytes = kdm_str_from(*bytes, n);
        if (reader->head_len < want)
            return false;
        if (want > 2)
            return true;
    }
}

static uint64_t payload_len(const uint8_t *head)
{
    uint64_t len = head[1] & 0x7f;
    size_t bytes = len == 126 ? 2 : len == 127 ? 8 : 0;

    if (bytes > 0)
        len = 0;
    for (size_t i = 0; i < bytes; i++)
        len = len << 8 | head[2 + i];
    return len;
}

/* RFC 6455, 5.2, 5.4 and 5.5, and RFC 7692, 6. */
static bool head_is_fine(const struct kdm_frame_reader *reader, uint64_t len)
{
    uint8_t first = reader->head[0], opcode = first & 0x0f;
    bool fin = (first & BIT_FIN) != 0, squeezed = (first & BIT_SQUEEZED) != 0;

    if (!(reader->head[1] & BIT_MASKED) || (first & BITS_OTHER) != 0 || len >> 63 != 0)
        return false;
    if (opcode & BIT_CONTROL)
        return opcode <= KDM_OPCODE_PONG && fin && !squeezed && len <= KDM_FRAME_CONTROL_MAX;
    if (opcode > 2 || (opcode == 0) != reader->in_message)
        return false;
    return !squeezed || (reader->may_squeeze && opcode != 0);
}

static enum kdm_frame_event begin_frame(struct kdm_frame_reader *reader)
{
    uint64_t len = payload_len(reader->head);
    uint8_t opcode = reader->head[0] & 0x0f;

    if (!head_is_fine(reader, len))
        return KDM_FRAME_BROKEN;
    memcpy(reader->mask, reader->head + reader->head_len - 4, 4);
    reader->mask_at = 0;
    reader->head_len = 0;
    reader->rest = len;
    reader->in_payload = true;
    reader->frame_opcode = opcode;
    reader->control_len = 0;
    reader->control_frame = (opcode & BIT_CONTROL) != 0;
    reader->fin = (reader->head[0] & BIT_FIN) != 0;
    if (reader->control_frame)
        return KDM_FRAME_MORE;
    if (opcode != 0) {
        reader->message_opcode = opcode;
        reader->squeezed = (reader->head[0] & BIT_SQUEEZED) != 0;
        reader->message_len = 0;
        reader->in_message = true;
    }
    if (len > reader->max || reader->message_len > reader->max - len)
        return KDM_FRAME_TOO_LARGE;
    reader->message_len += len;
    return KDM_FRAME_MORE;
}

/* Takes the mask off, eight bytes at a time. The bytes are ours to change: see kdm_frame_read(). */
static void unmask(struct kdm_frame_reader *reader, struct kdm_str piece)
{
    char *at = (char *)piece.ptr;
    uint8_t turned[8];
    uint64_t mask;
    size_t i = 0;

    for (int n = 0; n < 8; n++)
        turned[n] = reader->mask[(reader->mask_at + n) & 3];
    memcpy(&mask, turned, 8);
    for (; piece.len - i >= 8; i += 8) {
        uint64_t word;

        memcpy(&word, at + i, 8);
        word ^= mask;
        memcpy(at + i, &word, 8);
    }
    for (; i < piece.len; i++)
        at[i] = (char)((uint8_t)at[i] ^ turned[i & 7]);
    reader->mask_at = (uint8_t)((reader->mask_at + piece.len) & 3);
}

static enum kdm_frame_event read_control(struct kdm_frame_reader *reader)
{
    bool whole = reader->rest == 0;

    if (whole && reader->control_len == 0) { /* all of it in one piece */
        reader->in_payload = false;
    } else {
        memcpy(reader->control + reader->control_len, reader->piece.ptr, reader->piece.len);
        reader->control_len = (uint8_t)(reader->control_len + reader->piece.len);
        if (!whole)
            return KDM_FRAME_MORE;
        reader->in_payload = false;
        reader->piece = (struct kdm_str){ .ptr = reader->control, .len = reader->control_len };
    }
    reader->opcode = reader->frame_opcode;
    return KDM_FRAME_CONTROL;
}

static enum kdm_frame_event read_payload(struct kdm_frame_reader *reader, struct kdm_str *bytes)
{
    size_t len = bytes->len < reader->rest ? bytes->len : (size_t)reader->rest;

    reader->piece = (struct kdm_str){ .ptr = bytes->ptr, .len = len };
    *bytes = kdm_str_from(*bytes, len);
    unmask(reader, reader->piece);
    reader->rest -= len;
    if (reader->control_frame)
        return read_control(reader);
    reader->opcode = reader->message_opcode;
    reader->in_payload = reader->rest > 0;
    reader->ends = reader->fin && reader->rest == 0;
    if (reader->ends)
        reader->in_message = false;
    return KDM_FRAME_DATA;
}

enum kdm_frame_event kdm_frame_read(struct kdm_frame_reader *reader, struct kdm_str *bytes)
{
    enum kdm_frame_event event;

    do {
        if (!reader->in_payload) {
            if (bytes->len == 0 || !gather_head(reader, bytes))
                return KDM_FRAME_MORE;
            event = begin_frame(reader);
            if (event != KDM_FRAME_MORE)
                return event;
        }
        if (reader->rest > 0 && bytes->len == 0)
            return KDM_FRAME_MORE;
        event = read_payload(reader, bytes);
    } while (event == KDM_FRAME_MORE);
    return event;
}

uint16_t kdm_frame_close_code(struct kdm_str payload)
{
    uint16_t code;

    if (payload.len == 0)
        return 1005;
    if (payload.len == 1 || !kdm_utf8_valid(kdm_str_from(payload, 2)))
        return 0;
    code = (uint16_t)((uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1]);
    if ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014)
        || (code >= 3000 && code <= 4999))
        return code;
    return 0;
}

/* --- messages ---------------------------------------------------------------------------- */

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

/* frame.h - WebSocket frames (RFC 6455) and the application ping. Pure functions, any thread.
 * Received frames are taken apart where they lie: a message that has arrived whole is handed on
 * without a copy. Frames to send are appended to a buffer, many of which leave in one write.
 */
#ifndef KDM_NET_FRAME_H
#define KDM_NET_FRAME_H

#include "base/buf.h"

/* --- sending ----------------------------------------------------------------------------- */

#define KDM_FRAME_HEAD_MAX 10

enum {
    KDM_FRAME_TEXT = 0x81,
    KDM_FRAME_TEXT_SQUEEZED = 0xc1, /* permessage-deflate */
    KDM_FRAME_CLOSE = 0x88,
    KDM_FRAME_PONG = 0x8a
};

/* Appends an unmasked frame; `first`: one of the above. */
void kdm_frame_put(struct kdm_buf *buf, uint8_t first, struct kdm_str payload);

/* How many bytes of `frames`, which starts at a frame and holds whole ones as written here, to hand
 * over at once: whole frames, at most `most` bytes, but at least one frame. */
size_t kdm_frame_cut(struct kdm_str frames, size_t most);

/* --- receiving --------------------------------------------------------------------------- */

#define KDM_FRAME_CONTROL_MAX 125

enum kdm_frame_event {
    KDM_FRAME_MORE,      /* nothing is left of the bytes */
    KDM_FRAME_DATA,      /* a piece of a message: `piece`, `ends`, `rest` */
    KDM_FRAME_CONTROL,   /* a ping, pong or close with its payload: `opcode`, `piece` */
    KDM_FRAME_TOO_LARGE, /* the message would exceed the limit; it may be read on, and skipped */
    KDM_FRAME_BROKEN     /* against the protocol: nothing behind it can be understood */
};

enum { KDM_OPCODE_TEXT = 1, KDM_OPCODE_CLOSE = 8, KDM_OPCODE_PING = 9, KDM_OPCODE_PONG = 10 };

struct kdm_frame_reader {
    /* Of the last event. */
    struct kdm_str piece; /* unmasked; DATA: in the bytes given, else in them or in `control` */
    uint8_t opcode;       /* DATA: of the message */
    bool ends;            /* DATA: the message ends with this piece */
    bool squeezed;        /* DATA: the message is compressed */
    uint64_t rest;        /* DATA: bytes of the frame behind this piece */

    /* Private. */
    size_t max; /* of a message */
    bool may_squeeze;
    bool fin, in_payload, in_message, control_frame;
    uint8_t head[14], head_len;
    uint8_t mask[4];
    uint8_t mask_at;
    uint8_t frame_opcode, message_opcode;
    uint8_t control_len;
    uint64_t message_len;
    char control[KDM_FRAME_CONTROL_MAX];
};

/* `max`: bytes of a message, as sent; `may_squeeze`: permessage-deflate was agreed on. */
void kdm_frame_reader_init(struct kdm_frame_reader *reader, size_t max, bool may_squeeze);

/* Takes bytes up to the next event; *bytes is moved behind them. Unmasks in place. Every byte but
 * masks and heads appears once in a piece, in order, however the bytes are cut. */
enum kdm_frame_event kdm_frame_read(struct kdm_frame_reader *reader, struct kdm_str *bytes);

/* From now on messages have no limit: for a connection that is being closed and reads on for the
 * client's own close only. */
void kdm_frame_reader_unlimit(struct kdm_frame_reader *reader);

/* The code of a close frame's payload; 1005 (none given) for an empty one, 0 when it is malformed
 * or the code is none that may be sent. */
uint16_t kdm_frame_close_code(struct kdm_str payload);

/* --- messages ---------------------------------------------------------------------------- */

/* Is it {"p":1}, with any white space? SDKs in browsers send it where others send a ping frame. */
bool kdm_frame_is_ping(struct kdm_str text);

#endif

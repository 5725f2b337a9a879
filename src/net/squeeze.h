/* squeeze.h - permessage-deflate (RFC 7692): compressed WebSocket messages. Pure functions, any
 * thread. Both sides forget after each message (no_context_takeover): a connection then holds no
 * window, which would be 300 KB each way, against a few per cent of size.
 */
#ifndef KDM_NET_SQUEEZE_H
#define KDM_NET_SQUEEZE_H

#include "net/codec.h"

/* Takes the first offer of a Sec-WebSocket-Extensions header that can be met. True: *ret_answer, in
 * the arena, is the value of that header in the reply, and *ret_window the window in bits
 * (9..15) that our messages must keep to. */
bool kdm_squeeze_agree(struct kdm_arena *arena, struct kdm_str offers, struct kdm_str *ret_answer,
                       int *ret_window);

/* Unpacks a message into *ret_plain, a heap buffer that the caller ends, of at most `max` bytes.
 * Untouched unless OK. */
enum kdm_codec_result kdm_squeeze_unpack(struct kdm_str message, size_t max,
                                         struct kdm_buf *ret_plain);

/* Appends the packed `text`. */
void kdm_squeeze_pack(int window, struct kdm_str text, struct kdm_buf *buf);

#endif

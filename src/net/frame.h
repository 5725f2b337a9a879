/* frame.h - WebSocket frames as the server writes them, and the application ping. Pure functions.
 * lws could frame a message itself, but only one a write; we put many frames into one write, so
 * the headers are ours. Any thread.
 */
#ifndef KDM_NET_FRAME_H
#define KDM_NET_FRAME_H

#include "base/buf.h"

#define KDM_FRAME_HEAD_MAX 10

/* Appends `text` as one unmasked text frame. */
void kdm_frame_put(struct kdm_buf *buf, struct kdm_str text);

/* How many bytes of `frames`, which starts at a frame and holds whole ones as written by
 * kdm_frame_put(), to hand over at once: whole frames, at most `most` bytes, but at least one
 * frame. */
size_t kdm_frame_cut(struct kdm_str frames, size_t most);

/* Is it {"p":1}, with any white space? SDKs in browsers send it where others send a ping frame. */
bool kdm_frame_is_ping(struct kdm_str text);

#endif

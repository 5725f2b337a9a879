/* response.h - an HTTP reply as bytes. Pure functions, loop thread. */
#ifndef KDM_NET_RESPONSE_H
#define KDM_NET_RESPONSE_H

#include "net/codec.h"
#include "net/net.h"

/* The headers that all replies have alike, as lines in the arena: made once. */
struct kdm_str kdm_response_constant(struct kdm_arena *arena,
                                     const struct kdm_net_options *options);

/* How the end of its body is told. */
enum kdm_framing { KDM_FRAMING_LENGTH, KDM_FRAMING_CHUNKS, KDM_FRAMING_END /* of the connection */ };

/* What a reply's head depends on besides the reply. */
struct kdm_response_frame {
    const struct kdm_net_options *options;
    struct kdm_str constant; /* of kdm_response_constant() */
    const struct kdm_peer *peer;
    enum kdm_coding coding;
    enum kdm_framing framing;
    size_t length; /* of the body, encoded; with KDM_FRAMING_LENGTH */
    bool last;     /* the connection ends with it */
};

/* Appends the status line and all headers, with the empty line behind them. */
void kdm_response_put_head(struct kdm_buf *out, const struct kdm_response_frame *frame,
                           const struct kdm_http_response *response);

#endif

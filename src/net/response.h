/* response.h - an HTTP reply as bytes. Pure functions, loop thread. */
#ifndef KDM_NET_RESPONSE_H
#define KDM_NET_RESPONSE_H

#include "net/codec.h"
#include "net/net.h"

/* What a reply's head depends on besides the reply. */
struct kdm_response_frame {
    const struct kdm_net_options *options;
    const struct kdm_peer *peer;
    enum kdm_coding coding;
    size_t length; /* of the body, encoded */
    bool last;     /* the connection ends with it */
};

/* Appends the status line and all headers, with the empty line behind them. */
void kdm_response_put_head(struct kdm_buf *out, const struct kdm_response_frame *frame,
                           const struct kdm_http_response *response);

#endif

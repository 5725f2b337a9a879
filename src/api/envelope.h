/* envelope.h - the text of a reply.
 * Pure functions: they write into a buffer and keep nothing. Any thread.
 */
#ifndef KDM_API_ENVELOPE_H
#define KDM_API_ENVELOPE_H

#include "base/buf.h"
#include "base/err.h"

/* The error object of reference kuzzle-protocol.md 3.1: also the whole body of a bare HTTP error.
 */
void kdm_failure_write(struct kdm_buf *buf, const struct kdm_failure *failure);

/* All members are JSON texts; none: see each. */
struct kdm_reply {
    struct kdm_str names;             /* "\"action\":..,\"controller\":..", see kdm_reply_names() */
    struct kdm_str request_id;        /* a string */
    struct kdm_str node;              /* a string */
    struct kdm_str index, collection; /* none: no member */
    struct kdm_str headers;           /* an object; none: an empty one */
    struct kdm_str volatile_data;     /* none: null */
    struct kdm_str result;            /* none: no member, or null beside an error */
    const struct kdm_failure *failure; /* NULL: none */
    int status;                        /* the failure's counts when there is one */
    bool room;                         /* WebSocket */
};
void kdm_reply_write(struct kdm_buf *buf, const struct kdm_reply *reply);

/* What a reply's `names` are, of texts that are not JSON yet; none becomes null. */
void kdm_reply_names(struct kdm_buf *buf, struct kdm_str controller, struct kdm_str action);

/* A raw result as a WebSocket message: an object gets the room it is matched by, anything else
 * stays alone. */
void kdm_reply_write_raw(struct kdm_buf *buf, struct kdm_str result, struct kdm_str request_id);

#endif

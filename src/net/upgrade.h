/* upgrade.h - the WebSocket handshake (RFC 6455, 4.2). Pure functions, any thread. */
#ifndef KDM_NET_UPGRADE_H
#define KDM_NET_UPGRADE_H

#include "net/reader.h"

enum kdm_upgrade_result {
    KDM_UPGRADE_NONE, /* an ordinary request; offers of other protocols (h2c) are not taken up */
    KDM_UPGRADE_TAKEN,
    KDM_UPGRADE_REFUSED
};

struct kdm_upgrade {
    struct kdm_buf head; /* the answer, in the arena */
    bool squeeze;        /* permessage-deflate was agreed on */
    int window;          /* then: see kdm_squeeze_pack() */
    int status;          /* of a refusal */
    const char *reason;  /* static */
};

/* Looks at a request whose head is complete. `may_squeeze`: permessage-deflate is on. The first
 * subprotocol that is asked for is taken, whatever it is. */
enum kdm_upgrade_result kdm_upgrade_check(struct kdm_arena *arena, const struct kdm_reader *request,
                                          bool may_squeeze, struct kdm_upgrade *ret_upgrade);

#endif

/* subscriber.h - a peer as the rooms of realtime/ know it. Loop thread only. */
#ifndef KDM_API_SUBSCRIBER_H
#define KDM_API_SUBSCRIBER_H

#include "api/peer.h"
#include "realtime/hub.h"

/* Can notifications reach this peer at all? Those of HTTP requests and of plugins can't be. */
bool kdm_subscriber_possible(const struct kdm_peer *peer);

/* The peer's membership, made at its first subscription; it ends with the peer. */
struct kdm_member *kdm_subscriber_of(struct kdm_hub *hub, struct kdm_peer *peer);

/* The peer goes. */
void kdm_subscriber_gone(struct kdm_peer *peer);

/* How the hub reaches a connection: kdm_hub_options. */
void kdm_subscriber_send(void *peer, struct kdm_str text);
size_t kdm_subscriber_queued(void *peer);

#endif

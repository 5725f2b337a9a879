/* subscriber.c - see subscriber.h. */
#include "api/subscriber.h"

bool kdm_subscriber_possible(const struct kdm_peer *peer)
{
    return peer != NULL && peer->ops->queued != NULL;
}

struct kdm_member *kdm_subscriber_of(struct kdm_hub *hub, struct kdm_peer *peer)
{
    if (peer->member == NULL)
        peer->member = kdm_hub_enter(hub, peer, peer->id, peer->protocol);
    return peer->member;
}

void kdm_subscriber_gone(struct kdm_peer *peer)
{
    struct kdm_member *member = peer->member;

    peer->member = NULL;
    if (member != NULL)
        kdm_hub_leave(member);
}

void kdm_subscriber_send(void *peer, struct kdm_str text)
{
    struct kdm_peer *to = peer;

    to->ops->send(to, text);
}

size_t kdm_subscriber_queued(void *peer)
{
    struct kdm_peer *from = peer;

    return from->ops->queued(from);
}

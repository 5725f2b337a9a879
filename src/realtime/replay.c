/* replay.c - what a subscription missed before it is live.
 * What was committed behind its place is read from the feed and told to it alone, page by page as
 * its connection takes them, until it has caught up with what the hub has heard; from there it is
 * told with all others. Where both meet is a sequence, so nothing comes twice and nothing is left
 * out. Usually nothing was missed, and it is live at once.
 */
#include "base/clock.h"
#include "base/log.h"
#include "realtime/hub_private.h"

#include <stdlib.h>

#define READ_TIMEOUT_MS 5000
#define RETRY_MS        50
#define QUEUED_MAX                                                                                 \
    (1u << 20) /* bytes that a connection may have waiting while more is read for it */

struct kdm_replay {
    struct kdm_subscription *subscription; /* NULL: it has gone */
    struct kdm_hub *hub;
    struct kdm_feed_place place;
    uv_timer_t timer;
    bool reading;
};

static void read_page(struct kdm_replay *replay);

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void destroy(struct kdm_replay *replay)
{
    if (replay->subscription != NULL)
        replay->subscription->replay = NULL;
    replay->subscription = NULL;
    if (!replay->reading)
        uv_close((uv_handle_t *)&replay->timer, on_closed);
}

static struct kdm_str index_of(const struct kdm_replay *replay)
{
    return replay->subscription->channel->room->target->index;
}

/* Has it caught up with what all others were told? */
static bool caught_up(const struct kdm_replay *replay)
{
    struct kdm_feed_place now;

    return kdm_feed_place(replay->hub->options.store, index_of(replay), &now)
           && replay->place.sequence >= now.sequence;
}

static void on_change(void *ctx, const struct kdm_feed_change *change)
{
    struct kdm_replay *replay = ctx;

    if (replay->subscription != NULL)
        kdm_deliver_to(replay->subscription, change);
}

static void on_timer(uv_timer_t *timer)
{
    struct kdm_replay *replay = timer->data;

    if (replay->hub->options.queued(replay->subscription->membership->member->connection)
        > QUEUED_MAX)
        uv_timer_start(&replay->timer, on_timer, RETRY_MS, 0);
    else
        read_page(replay);
}

static void on_page(void *ctx, const struct kdm_feed_page *page)
{
    struct kdm_replay *replay = ctx;
    struct kdm_feed_place now;

    replay->reading = false;
    if (replay->subscription == NULL) {
        destroy(replay);
        return;
    }
    replay->place = page->next;
    if (page->err != KDM_OK) {
        uv_timer_start(&replay->timer, on_timer, RETRY_MS, 0);
        return;
    }
    if (page->gap && kdm_feed_place(replay->hub->options.store, index_of(replay), &now)) {
        kdm_log_warn("realtime: the feed of " KDM_FMT
                     " was cut off under a client that reads it too slowly",
                     KDM_ARG(index_of(replay)));
        replay->place = now;
    }
    if (!page->more && caught_up(replay)) {
        kdm_subscription_live(replay->subscription, replay->place.sequence);
        destroy(replay);
        return;
    }
    on_timer(&replay->timer);
}

static void read_page(struct kdm_replay *replay)
{
    replay->reading = true;
    kdm_feed_read(replay->hub->options.store, index_of(replay), &replay->place,
                  kdm_clock_monotonic_ms() + READ_TIMEOUT_MS, on_change, on_page, replay);
}

void kdm_replay_begin(struct kdm_subscription *subscription)
{
    struct kdm_hub *hub = subscription->membership->member->hub;
    struct kdm_replay *replay;
    struct kdm_feed_place now;

    if (subscription->replay != NULL)
        return;
    if (subscription->since.part == 0
        && kdm_feed_place(hub->options.store, subscription->channel->room->target->index, &now)
        && subscription->since.sequence == now.sequence) {
        kdm_subscription_live(subscription, now.sequence);
        return;
    }
    kdm_subscription_live(subscription, KDM_NOT_LIVE);
    replay = kdm_zalloc(sizeof(*replay));
    replay->subscription = subscription;
    replay->hub = hub;
    replay->place = subscription->since;
    uv_timer_init(hub->options.loop, &replay->timer);
    replay->timer.data = replay;
    subscription->replay = replay;
    read_page(replay);
}

void kdm_replay_end(struct kdm_subscription *subscription)
{
    if (subscription->replay != NULL)
        destroy(subscription->replay);
}

/* queue.c - writers of one document on this node line up.
 * Without it, of many that change one document at once all but one would lose the race and try again. It is
 * advice, never correctness: compare-and-set decides. A transaction waits in at most one queue and never while it
 * holds a place in another, so there is no circle; a place is given back on every end.
 */
#include "tx/tx_private.h"

#include <stdlib.h>

struct tx_place {
    struct kdm_tx *holder;
    struct kdm_tx *first, **last; /* those who wait, by queue_next */
    struct kdm_str key;           /* "docs key\0id", behind the struct */
};

#define KEY_FEW 256

static struct kdm_str key_of(char *few, const struct kdm_collection *collection, struct kdm_str id)
{
    size_t len = collection->docs_key.len + 1 + id.len;
    char *text = len <= KEY_FEW ? few : kdm_malloc(len);

    memcpy(text, collection->docs_key.ptr, collection->docs_key.len);
    text[collection->docs_key.len] = '\0';
    if (id.len > 0)
        memcpy(text + collection->docs_key.len + 1, id.ptr, id.len);
    return (struct kdm_str){ text, len };
}

static void free_key(const char *few, struct kdm_str key)
{
    if (key.ptr != few)
        free((char *)key.ptr);
}

/* Its parents wait for it, so what they hold is held by it too. */
static bool ancestor_holds_any(const struct kdm_tx *tx)
{
    for (const struct kdm_tx *up = tx->parent; up != NULL; up = up->parent) {
        if (up->place != NULL)
            return true;
    }
    return false;
}

static struct tx_place *place_create(struct kdm_tx_engine *engine, struct kdm_str key, struct kdm_tx *holder)
{
    struct tx_place *place = kdm_malloc(sizeof(*place) + key.len);

    memcpy(place + 1, key.ptr, key.len);
    place->key = (struct kdm_str){ (const char *)(place + 1), key.len };
    place->holder = holder;
    place->first = NULL;
    place->last = &place->first;
    kdm_table_put(engine->places, place->key, place);
    return place;
}

bool kdm_tx_queue_enter(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id)
{
    char few[KEY_FEW];
    struct kdm_str key;
    struct tx_place *place;

    if (tx->queued != NULL)
        return false;
    if (tx->place != NULL)
        return true; /* this one, or another: then it goes on and the commit decides */
    if (kdm_tx_memory_find(tx, collection, id) != NULL)
        return true; /* read already: too late to line up */
    key = key_of(few, collection, id);
    place = kdm_table_get(tx->engine->places, key);
    if (place == NULL) {
        tx->place = place_create(tx->engine, key, tx);
    } else if (!ancestor_holds_any(tx)) {
        tx->queued = place;
        tx->queue_next = NULL;
        *place->last = tx;
        place->last = &tx->queue_next;
        tx->waits++;
        tx->engine->counts.queued++;
        tx->queued_read = kdm_tx_memory_add(tx, collection, id);
        tx->queued_read->state = READ_ASKED; /* handed over, or asked for when the place is free */
    }
    free_key(few, key);
    return tx->queued == NULL;
}

/* The first in line holds the place now. */
static void hand_over(struct tx_place *place, const struct kdm_stored *written)
{
    struct kdm_tx *next = place->first;

    place->first = next->queue_next;
    if (place->first == NULL)
        place->last = &place->first;
    place->holder = next;
    next->place = place;
    next->queued = NULL;
    next->engine->counts.queued--;
    if (next->queued_read == NULL) {
        /* What it knew was dropped while it waited: it asks anew. */
    } else if (written != NULL && next->epoch == kdm_store_epoch(next->engine->store)) {
        kdm_tx_memory_set(next, next->queued_read, written->sequence, written->version, written->text);
    } else if (next->queued_read->state == READ_ASKED) {
        next->queued_read->state = READ_WANTED;
        next->wanted++;
    }
    next->queued_read = NULL;
    kdm_tx_settle_soon(next);
}

static void leave_line(struct kdm_tx *tx)
{
    struct kdm_tx **link = &tx->queued->first;

    while (*link != tx)
        link = &(*link)->queue_next;
    *link = tx->queue_next;
    if (tx->queued->last == &tx->queue_next)
        tx->queued->last = link;
    tx->queued = NULL;
    tx->engine->counts.queued--;
}

void kdm_tx_queue_leave(struct kdm_tx *tx, const struct kdm_stored *written)
{
    struct tx_place *place = tx->place;

    if (tx->queued != NULL)
        leave_line(tx);
    if (place == NULL)
        return;
    tx->place = NULL;
    if (place->first != NULL) {
        hand_over(place, written);
        return;
    }
    kdm_table_remove(tx->engine->places, place->key);
    free(place);
}

bool kdm_tx_queue_holds(const struct kdm_tx *tx, const struct kdm_collection *collection, struct kdm_str id)
{
    char few[KEY_FEW];
    struct kdm_str key;
    bool holds;

    if (tx->place == NULL)
        return false;
    key = key_of(few, collection, id);
    holds = kdm_str_eq(tx->place->key, key);
    free_key(few, key);
    return holds;
}

/* wheel.c - see wheel.h. */
#include "net/wheel.h"

void kdm_wheel_init(struct kdm_wheel *wheel, int64_t now_ms)
{
    for (int i = 0; i < KDM_WHEEL_SLOTS; i++)
        wheel->slots[i].prev = wheel->slots[i].next = &wheel->slots[i];
    wheel->tick = now_ms / KDM_WHEEL_TICK_MS;
}

static void link_to(struct kdm_wheel_entry *head, struct kdm_wheel_entry *entry)
{
    entry->prev = head->prev;
    entry->next = head;
    head->prev->next = entry;
    head->prev = entry;
}

void kdm_wheel_set(struct kdm_wheel *wheel, struct kdm_wheel_entry *entry, int64_t at_ms)
{
    int64_t tick = at_ms / KDM_WHEEL_TICK_MS + 1; /* never early */

    kdm_wheel_remove(entry);
    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    if (tick >= wheel->tick + KDM_WHEEL_SLOTS)
        tick = wheel->tick + KDM_WHEEL_SLOTS - 1;
    entry->at_ms = at_ms;
    link_to(&wheel->slots[tick % KDM_WHEEL_SLOTS], entry);
}

void kdm_wheel_remove(struct kdm_wheel_entry *entry)
{
    if (entry->next == NULL)
        return;
    entry->prev->next = entry->next;
    entry->next->prev = entry->prev;
    entry->prev = entry->next = NULL;
}

/* Empties one slot; what is not due yet goes to a later one, which is never this one. */
static void turn_slot(struct kdm_wheel *wheel, int64_t now_ms,
                      void (*expired)(struct kdm_wheel_entry *entry))
{
    struct kdm_wheel_entry *head = &wheel->slots[wheel->tick % KDM_WHEEL_SLOTS];

    while (head->next != head) {
        struct kdm_wheel_entry *entry = head->next;

        kdm_wheel_remove(entry);
        if (entry->at_ms > now_ms)
            kdm_wheel_set(wheel, entry, entry->at_ms);
        else
            expired(entry);
    }
}

void kdm_wheel_turn(struct kdm_wheel *wheel, int64_t now_ms,
                    void (*expired)(struct kdm_wheel_entry *entry))
{
    int64_t last = now_ms / KDM_WHEEL_TICK_MS;

    /* After a long sleep of the machine once around is enough: every slot is seen. */
    if (last - wheel->tick > KDM_WHEEL_SLOTS)
        wheel->tick = last - KDM_WHEEL_SLOTS;
    while (wheel->tick < last) {
        wheel->tick++;
        turn_slot(wheel, now_ms, expired);
    }
}

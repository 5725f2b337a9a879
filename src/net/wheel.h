/* wheel.h - deadlines of many connections, in slots of KDM_WHEEL_TICK_MS.
 * Setting, moving and removing cost the same however many there are (lws keeps its timeouts in one
 * sorted list and walks it at each insertion). What lies further ahead than the wheel is round
 * waits in its last slot and is put back when it comes by. Loop thread only.
 */
#ifndef KDM_NET_WHEEL_H
#define KDM_NET_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KDM_WHEEL_TICK_MS 100
#define KDM_WHEEL_SLOTS   128

struct kdm_wheel_entry {
    struct kdm_wheel_entry *prev, *next; /* NULL: not set */
    int64_t at_ms;
};

struct kdm_wheel {
    struct kdm_wheel_entry slots[KDM_WHEEL_SLOTS]; /* list heads */
    int64_t tick;                                  /* the last one that was turned to */
};

void kdm_wheel_init(struct kdm_wheel *wheel, int64_t now_ms);
/* Sets or moves. */
void kdm_wheel_set(struct kdm_wheel *wheel, struct kdm_wheel_entry *entry, int64_t at_ms);
/* Fine when it is not set. */
void kdm_wheel_remove(struct kdm_wheel_entry *entry);
/* Removes and calls `expired` for all that is due. It may set and remove entries. */
void kdm_wheel_turn(struct kdm_wheel *wheel, int64_t now_ms,
                    void (*expired)(struct kdm_wheel_entry *entry));

#endif

/* mailbox.h - how threads hand things over without a lock.
 * Any thread puts letters, one takes them all at once. Putting is one exchange that never waits.
 */
#ifndef KDM_PROJECTOR_MAILBOX_H
#define KDM_PROJECTOR_MAILBOX_H

#include <stdatomic.h>
#include <stddef.h>

/* The first member of what is sent. */
struct kdm_letter {
    struct kdm_letter *next;
    int kind; /* the sender's and the taker's business */
};

struct kdm_mailbox {
    _Atomic(struct kdm_letter *) newest;
};

static inline void kdm_mailbox_put(struct kdm_mailbox *mailbox, struct kdm_letter *letter)
{
    struct kdm_letter *newest = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);

    do
        letter->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &newest, letter,
                                                  memory_order_release, memory_order_relaxed));
}

/* All of them, linked in the order they came; NULL: none. */
static inline struct kdm_letter *kdm_mailbox_take(struct kdm_mailbox *mailbox)
{
    struct kdm_letter *letter =
        atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire);
    struct kdm_letter *oldest = NULL;

    while (letter != NULL) {
        struct kdm_letter *next = letter->next;

        letter->next = oldest;
        oldest = letter;
        letter = next;
    }
    return oldest;
}

#endif

/* projection_gate.c - who may touch a projection.
 * A mutex held for a few instructions guards two facts: how many read and whether the writer
 * writes. The writer only ever tries; when it fails it says so, and readers at their next chunk
 * wait up to TURN_MS for it to come back, so that overlapping searches can't keep it out for ever,
 * and a writer that never comes back can't stop searches. No pthread_rwlock: its writer would have
 * to wait.
 */
#include "search/projection_internal.h"
#include <errno.h>
#include <time.h>

#define TURN_MS 2

void kdm_gate_init(struct kdm_gate *gate)
{
    pthread_condattr_t attr;

    *gate = (struct kdm_gate){ 0 };
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&gate->cond, &attr);
    pthread_condattr_destroy(&attr);
    atomic_init(&gate->wanted, false);
}

void kdm_gate_fini(struct kdm_gate *gate)
{
    pthread_cond_destroy(&gate->cond);
    pthread_mutex_destroy(&gate->mutex);
}

static void begin_write(struct kdm_gate *gate)
{
    gate->writing = true;
    gate->epoch++;
    atomic_store_explicit(&gate->wanted, false, memory_order_relaxed);
}

bool kdm_gate_try_write(struct kdm_gate *gate)
{
    bool free;

    pthread_mutex_lock(&gate->mutex);
    free = gate->readers == 0;
    if (free)
        begin_write(gate);
    else
        atomic_store_explicit(&gate->wanted, true, memory_order_relaxed);
    pthread_mutex_unlock(&gate->mutex);
    return free;
}

void kdm_gate_write(struct kdm_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    atomic_store_explicit(&gate->wanted, true, memory_order_relaxed);
    while (gate->readers > 0)
        pthread_cond_wait(&gate->cond, &gate->mutex);
    begin_write(gate);
    pthread_mutex_unlock(&gate->mutex);
}

void kdm_gate_end_write(struct kdm_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->writing = false;
    pthread_cond_broadcast(&gate->cond);
    pthread_mutex_unlock(&gate->mutex);
}

/* Waits for the writer: until it has written when it writes, a moment when it only wants to. */
static void let_writer_in(struct kdm_gate *gate)
{
    struct timespec until;

    if (!gate->writing && !atomic_load_explicit(&gate->wanted, memory_order_relaxed))
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TURN_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!gate->writing && atomic_load_explicit(&gate->wanted, memory_order_relaxed))
        if (pthread_cond_timedwait(&gate->cond, &gate->mutex, &until) == ETIMEDOUT)
            break;
    while (gate->writing)
        pthread_cond_wait(&gate->cond, &gate->mutex);
}

static void read_locked(struct kdm_gate *gate)
{
    let_writer_in(gate);
    gate->readers++;
}

void kdm_gate_read(struct kdm_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    read_locked(gate);
    pthread_mutex_unlock(&gate->mutex);
}

void kdm_gate_end_read(struct kdm_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    if (--gate->readers == 0 && atomic_load_explicit(&gate->wanted, memory_order_relaxed))
        pthread_cond_broadcast(&gate->cond);
    pthread_mutex_unlock(&gate->mutex);
}

void kdm_gate_enter(struct kdm_gate *gate, struct kdm_ticket *ticket)
{
    pthread_mutex_lock(&gate->mutex);
    read_locked(gate);
    ticket->epoch = gate->epoch;
    ticket->next = gate->tickets;
    ticket->link = &gate->tickets;
    if (ticket->next != NULL)
        ticket->next->link = &ticket->next;
    gate->tickets = ticket;
    pthread_mutex_unlock(&gate->mutex);
}

void kdm_gate_leave(struct kdm_gate *gate, struct kdm_ticket *ticket)
{
    pthread_mutex_lock(&gate->mutex);
    *ticket->link = ticket->next;
    if (ticket->next != NULL)
        ticket->next->link = ticket->link;
    pthread_mutex_unlock(&gate->mutex);
    kdm_gate_end_read(gate);
}

uint64_t kdm_gate_oldest(struct kdm_gate *gate)
{
    uint64_t oldest = UINT64_MAX;

    pthread_mutex_lock(&gate->mutex);
    for (const struct kdm_ticket *at = gate->tickets; at != NULL; at = at->next)
        if (at->epoch < oldest)
            oldest = at->epoch;
    pthread_mutex_unlock(&gate->mutex);
    return oldest;
}

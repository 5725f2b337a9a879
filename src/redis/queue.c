/* queue.c - a ring of commands beside a run of bytes.
 * Ring and bytes are reused, so a command costs no malloc. The line between LOST and UNSENT is
 * `sent`: a command is LOST as soon as its first byte lies before it, since Redis may get the rest
 * of what the kernel has taken.
 */
#include "redis/queue.h"

#include <stdlib.h>

#define PENDING_MAX ((size_t)64 * 1024 * 1024)
#define RING_FIRST  256
#define BYTES_FIRST ((size_t)64 * 1024)
#define BYTES_KEPT  ((size_t)1024 * 1024) /* an empty buffer larger than this is given back */
#define NO_DEADLINE INT64_MAX

void kdm_redis_queue_init(struct kdm_redis_queue *queue)
{
    *queue = (struct kdm_redis_queue){ .ring_size = RING_FIRST, .first_deadline_ms = NO_DEADLINE };
    queue->ring = kdm_malloc(RING_FIRST * sizeof *queue->ring);
    kdm_buf_init(&queue->bytes, NULL, BYTES_FIRST);
}

void kdm_redis_queue_fini(struct kdm_redis_queue *queue)
{
    free(queue->ring);
    free(queue->ended);
    kdm_buf_fini(&queue->bytes);
    *queue = (struct kdm_redis_queue){ 0 };
}

static struct kdm_redis_queued *nth(const struct kdm_redis_queue *queue, size_t n)
{
    return &queue->ring[(queue->head + n) & (queue->ring_size - 1)];
}

uint64_t kdm_redis_queue_end(const struct kdm_redis_queue *queue)
{
    return queue->base + queue->bytes.len;
}

static bool was_sent(const struct kdm_redis_queue *queue, const struct kdm_redis_queued *command)
{
    return command->at < queue->sent;
}

static void grow_ring(struct kdm_redis_queue *queue)
{
    size_t size = queue->ring_size * 2;
    struct kdm_redis_queued *ring = kdm_malloc(size * sizeof *ring);

    for (size_t i = 0; i < queue->count; i++)
        ring[i] = *nth(queue, i);
    free(queue->ring);
    queue->ring = ring;
    queue->ring_size = size;
    queue->head = 0;
}

/* Lets go of the bytes before `kept`, at a cost of at most one move for each byte. */
static void trim_bytes(struct kdm_redis_queue *queue)
{
    size_t dead = (size_t)(queue->kept - queue->base), left = queue->bytes.len - dead;

    if (left > 0 && (dead < BYTES_FIRST || dead < left))
        return;
    memmove(queue->bytes.ptr, queue->bytes.ptr + dead, left);
    queue->bytes.len = left;
    queue->base = queue->kept;
    if (left == 0 && queue->bytes.cap > BYTES_KEPT) {
        kdm_buf_fini(&queue->bytes);
        kdm_buf_init(&queue->bytes, NULL, BYTES_FIRST);
    }
}

/* Adds a row for the command whose bytes begin at `at`, which is the end of all others'. */
static void append(struct kdm_redis_queue *queue, const struct kdm_redis_queued *command,
                   uint64_t at)
{
    struct kdm_redis_queued *place;

    if (queue->count == queue->ring_size)
        grow_ring(queue);
    place = nth(queue, queue->count++);
    *place = *command;
    place->at = at;
    if (command->deadline_ms < queue->first_deadline_ms)
        queue->first_deadline_ms = command->deadline_ms;
}

/* Room for one more. What was taken from the front is used again once it is as much as what is
 * left, for the front need never be reached while commands keep ending. */
static void make_room_for_ended(struct kdm_redis_queue *queue)
{
    if (queue->ended_head + queue->ended_count < queue->ended_size)
        return;
    if (queue->ended_head > 0 && queue->ended_head >= queue->ended_count) {
        memmove(queue->ended, queue->ended + queue->ended_head,
                queue->ended_count * sizeof *queue->ended);
        queue->ended_head = 0;
        return;
    }
    queue->ended_size = queue->ended_size == 0 ? 64 : queue->ended_size * 2;
    queue->ended = kdm_realloc(queue->ended, queue->ended_size * sizeof *queue->ended);
}

static void add_ended(struct kdm_redis_queue *queue, const struct kdm_redis_queued *command,
                      enum kdm_redis_outcome outcome)
{
    if (command->fn == NULL)
        return;
    make_room_for_ended(queue);
    queue->ended[queue->ended_head + queue->ended_count++] =
        (struct kdm_redis_ended){ .fn = command->fn, .ctx = command->ctx, .outcome = outcome };
}

static bool has_room(const struct kdm_redis_queue *queue, const struct kdm_str *args, size_t count)
{
    size_t pending =
        (size_t)(kdm_redis_queue_end(queue) - queue->kept) + queue->count * sizeof *queue->ring;

    for (size_t i = 0; i < count; i++) {
        if (args[i].len > PENDING_MAX)
            return false;
        pending += args[i].len;
    }
    return pending <= PENDING_MAX;
}

bool kdm_redis_queue_push(struct kdm_redis_queue *queue, const struct kdm_redis_queued *command,
                          const struct kdm_str *head, size_t head_count, const struct kdm_str *args,
                          size_t arg_count)
{
    uint64_t at = kdm_redis_queue_end(queue);

    if (!has_room(queue, args, arg_count)) {
        add_ended(queue, command, KDM_REDIS_UNSENT);
        return false;
    }
    kdm_redis_encode(&queue->bytes, head, head_count, args, arg_count);
    append(queue, command, at);
    return true;
}

struct kdm_str kdm_redis_queue_unsent(const struct kdm_redis_queue *queue)
{
    return (struct kdm_str){ .ptr = queue->bytes.ptr + (queue->sent - queue->base),
                             .len = (size_t)(kdm_redis_queue_end(queue) - queue->sent) };
}

void kdm_redis_queue_wrote(struct kdm_redis_queue *queue, size_t n)
{
    queue->sent += n;
}

const struct kdm_redis_queued *kdm_redis_queue_oldest(const struct kdm_redis_queue *queue)
{
    const struct kdm_redis_queued *oldest = nth(queue, 0);

    return queue->count > 0 && was_sent(queue, oldest) ? oldest : NULL;
}

/* Removes the oldest row; the bytes before the next one are needed no more. */
static void drop_oldest(struct kdm_redis_queue *queue)
{
    queue->head = (queue->head + 1) & (queue->ring_size - 1);
    queue->count--;
    queue->kept = queue->count > 0 ? nth(queue, 0)->at : kdm_redis_queue_end(queue);
}

bool kdm_redis_queue_pop(struct kdm_redis_queue *queue, struct kdm_redis_queued *ret_command)
{
    const struct kdm_redis_queued *oldest = kdm_redis_queue_oldest(queue);

    if (oldest == NULL)
        return false;
    *ret_command = *oldest;
    drop_oldest(queue);
    trim_bytes(queue);
    return true;
}

void kdm_redis_queue_repeat(struct kdm_redis_queue *queue)
{
    struct kdm_redis_queued again = *nth(queue, 0);
    size_t from = (size_t)(again.at - queue->base);
    size_t len =
        (size_t)((queue->count > 1 ? nth(queue, 1)->at : kdm_redis_queue_end(queue)) - again.at);
    uint64_t at = kdm_redis_queue_end(queue);

    kdm_buf_room(&queue->bytes, len);
    memcpy(queue->bytes.ptr + queue->bytes.len, queue->bytes.ptr + from, len);
    queue->bytes.len += len;
    again.script = NULL;
    append(queue, &again, at);
    drop_oldest(queue);
    trim_bytes(queue);
}

/* Takes back the expired ones among the rows from the `first` on, none of which was written, and
 * closes the gaps in ring and bytes. */
static void take_back(struct kdm_redis_queue *queue, size_t first)
{
    size_t count = first, len = (size_t)(nth(queue, first)->at - queue->base);

    for (size_t i = first; i < queue->count; i++) {
        struct kdm_redis_queued row = *nth(queue, i);
        uint64_t next = i + 1 < queue->count ? nth(queue, i + 1)->at : kdm_redis_queue_end(queue);
        size_t size = (size_t)(next - row.at);

        if (row.expired)
            continue;
        memmove(queue->bytes.ptr + len, queue->bytes.ptr + (row.at - queue->base), size);
        row.at = queue->base + len;
        len += size;
        *nth(queue, count++) = row;
    }
    queue->count = count;
    queue->bytes.len = len;
    queue->kept = count > 0 ? nth(queue, 0)->at : kdm_redis_queue_end(queue);
    trim_bytes(queue);
}

void kdm_redis_queue_expire(struct kdm_redis_queue *queue, int64_t now_ms)
{
    int64_t first = NO_DEADLINE;
    size_t sent = 0, taken = 0;

    if (now_ms < queue->first_deadline_ms)
        return;
    for (size_t i = 0; i < queue->count; i++) {
        struct kdm_redis_queued *row = nth(queue, i);
        bool left = was_sent(queue, row);

        sent += left;
        if (row->expired)
            continue;
        if (row->deadline_ms > now_ms) {
            first = row->deadline_ms < first ? row->deadline_ms : first;
            continue;
        }
        add_ended(queue, row, left ? KDM_REDIS_LOST : KDM_REDIS_UNSENT);
        row->expired = true;
        row->fn = NULL;
        row->script = NULL;
        taken += !left;
    }
    queue->first_deadline_ms = first;
    if (taken > 0)
        take_back(queue, sent);
}

void kdm_redis_queue_withdraw(struct kdm_redis_queue *queue, kdm_redis_fn *fn)
{
    size_t sent = 0, taken = 0;

    for (size_t i = 0; i < queue->count; i++) {
        struct kdm_redis_queued *row = nth(queue, i);

        if (was_sent(queue, row)) {
            sent++;
        } else if (row->fn == fn) {
            add_ended(queue, row, KDM_REDIS_UNSENT);
            row->expired = true;
            row->fn = NULL;
            row->script = NULL;
            taken++;
        }
    }
    if (taken > 0)
        take_back(queue, sent);
}

void kdm_redis_queue_disconnect(struct kdm_redis_queue *queue)
{
    while (queue->count > 0 && was_sent(queue, nth(queue, 0))) {
        add_ended(queue, nth(queue, 0), KDM_REDIS_LOST);
        drop_oldest(queue);
    }
    queue->sent = queue->kept; /* a command that was written in part is gone as a whole */
    trim_bytes(queue);
}

void kdm_redis_queue_end_all(struct kdm_redis_queue *queue)
{
    kdm_redis_queue_disconnect(queue);
    while (queue->count > 0) {
        add_ended(queue, nth(queue, 0), KDM_REDIS_UNSENT);
        drop_oldest(queue);
    }
    queue->sent = queue->kept;
    trim_bytes(queue);
}

void kdm_redis_queue_forget(struct kdm_redis_queue *queue, const void *ctx)
{
    for (size_t i = 0; i < queue->count; i++) {
        if (nth(queue, i)->ctx == ctx)
            nth(queue, i)->fn = NULL;
    }
    for (size_t i = 0; i < queue->ended_count; i++) {
        if (queue->ended[queue->ended_head + i].ctx == ctx)
            queue->ended[queue->ended_head + i].fn = NULL;
    }
}

bool kdm_redis_queue_next_ended(struct kdm_redis_queue *queue, struct kdm_redis_ended *ret_ended)
{
    while (queue->ended_count > 0) {
        struct kdm_redis_ended next = queue->ended[queue->ended_head++];

        queue->ended_count--;
        if (queue->ended_count == 0)
            queue->ended_head = 0;
        if (next.fn != NULL) {
            *ret_ended = next;
            return true;
        }
    }
    return false;
}

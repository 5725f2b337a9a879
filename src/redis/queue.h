/* queue.h - the commands of one connection, in order, and their bytes.
 * A command's bytes stay here until its answer has come: so an EVALSHA that meets NOSCRIPT can
 * be sent again, and what was never written can wait for the next connection. Positions count
 * bytes from the first one ever queued. Knows no socket and calls nobody back: commands that
 * ended without an answer are collected in `ended`, for the loop to deliver. Loop thread only.
 */
#ifndef KDM_REDIS_QUEUE_H
#define KDM_REDIS_QUEUE_H

#include "base/buf.h"
#include "redis/redis.h"

struct kdm_redis_queued {
    kdm_redis_fn *fn; /* NULL: nobody waits any more, only its answer must be skipped */
    void *ctx;
    uint64_t at; /* position of its first byte */
    int64_t deadline_ms;
    const struct kdm_redis_script *script; /* an EVALSHA that may still be repeated, or NULL */
    bool expired;                          /* was ended already; never repeated */
};

struct kdm_redis_ended {
    kdm_redis_fn *fn;
    void *ctx;
    enum kdm_redis_outcome outcome;
};

struct kdm_redis_queue {
    struct kdm_redis_queued *ring; /* power of two */
    size_t ring_size, head, count;
    struct kdm_buf bytes;
    uint64_t base;             /* position of bytes.ptr[0] */
    uint64_t kept;             /* position of the oldest byte that is still needed */
    uint64_t sent;             /* position behind the last byte that may have left */
    int64_t first_deadline_ms; /* no command's deadline is earlier; it may be later */

    struct kdm_redis_ended *ended;
    size_t ended_size, ended_head, ended_count;
};

void kdm_redis_queue_init(struct kdm_redis_queue *queue);
void kdm_redis_queue_fini(struct kdm_redis_queue *queue);

/* Queues `head` and `args` as one command. false when the bound on pending bytes is reached; then
 * it is in `ended` as UNSENT. */
bool kdm_redis_queue_push(struct kdm_redis_queue *queue, const struct kdm_redis_queued *command,
                          const struct kdm_str *head, size_t head_count, const struct kdm_str *args,
                          size_t arg_count);

/* What is to be written next; lent until the queue changes. */
struct kdm_str kdm_redis_queue_unsent(const struct kdm_redis_queue *queue);
/* `n` of these bytes were handed to the socket. */
void kdm_redis_queue_wrote(struct kdm_redis_queue *queue, size_t n);

/* Takes the oldest command, whose answer has come, and lets go of its bytes. false when no command
 * that was written waits for an answer. */
bool kdm_redis_queue_pop(struct kdm_redis_queue *queue, struct kdm_redis_queued *ret_command);

/* The oldest command; NULL when there is none that was written. Lent until the queue changes. */
const struct kdm_redis_queued *kdm_redis_queue_oldest(const struct kdm_redis_queue *queue);
/* Moves the oldest command, which was written, to the end, to be written once more; its script
 * pointer goes, so that it is repeated only once. */
void kdm_redis_queue_repeat(struct kdm_redis_queue *queue);

/* The position behind the last byte. */
uint64_t kdm_redis_queue_end(const struct kdm_redis_queue *queue);

/* Ends what has passed its deadline: LOST when it may have left, else UNSENT, and then it will
 * never leave. */
void kdm_redis_queue_expire(struct kdm_redis_queue *queue, int64_t now_ms);

/* Ends those with this callback that have not left as UNSENT; they will never leave. */
void kdm_redis_queue_withdraw(struct kdm_redis_queue *queue, kdm_redis_fn *fn);

/* The connection has ended: what may have left is LOST, the rest waits for the next one. */
void kdm_redis_queue_disconnect(struct kdm_redis_queue *queue);

/* Ends everything: LOST or UNSENT. */
void kdm_redis_queue_end_all(struct kdm_redis_queue *queue);

/* Commands of `ctx` run on, but nobody is told any more. */
void kdm_redis_queue_forget(struct kdm_redis_queue *queue, const void *ctx);

/* Takes the next ended command that somebody waits for; false when there is none. */
bool kdm_redis_queue_next_ended(struct kdm_redis_queue *queue, struct kdm_redis_ended *ret_ended);

/* One command as RESP at the end of `buf`. */
void kdm_redis_encode(struct kdm_buf *buf, const struct kdm_str *head, size_t head_count,
                      const struct kdm_str *args, size_t arg_count);

#endif

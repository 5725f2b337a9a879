/* load_message.h - the messages a load sends: texts with places to fill in.
 *
 *   $ID      the request's number, different for each request of a run
 *   $RANDOM  a random number from 0 to below the --random that was given
 *   $SEQ     0, 1, 2, ..
 */
#ifndef KDM_BENCH_LOAD_MESSAGE_H
#define KDM_BENCH_LOAD_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct message_piece;

struct messages {
    struct message {
        struct message_piece *pieces;
        size_t count, len_max;
    } * items;
    size_t count, next;
    uint64_t random_below, random_state, seq;
};

void messages_add(struct messages *messages, const char *text, size_t len);

/* Each line of a file is a message. */
void messages_read(struct messages *messages, const char *path);

/* Space that the next message takes at most. */
size_t messages_next_max(const struct messages *messages);

/* Writes the next message, all in turn, and returns its length. */
size_t messages_next(struct messages *messages, uint64_t id, char *out);

#endif

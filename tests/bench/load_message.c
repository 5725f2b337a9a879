/* load_message.c - see load_message.h. A message is cut into pieces once, so that sending is
 * copying. */
#include "load_message.h"
#include "load.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 20

enum piece_kind { PIECE_TEXT, PIECE_ID, PIECE_RANDOM, PIECE_SEQ };

struct message_piece {
    enum piece_kind kind;
    const char *text;
    size_t len;
};

static const struct {
    const char *name;
    enum piece_kind kind;
} places[] = { { "$ID", PIECE_ID }, { "$RANDOM", PIECE_RANDOM }, { "$SEQ", PIECE_SEQ } };

static void add_piece(struct message *message, enum piece_kind kind, const char *text, size_t len)
{
    message->pieces =
        load_need(realloc(message->pieces, (message->count + 1) * sizeof(*message->pieces)));
    message->pieces[message->count++] = (struct message_piece){ kind, text, len };
    message->len_max += kind == PIECE_TEXT ? len : DIGITS_MAX;
}

/* Adds the place that the text begins with, and returns its length; 0 when there is none. */
static size_t add_place(struct message *message, const char *text)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        size_t len = strlen(places[i].name);

        if (strncmp(text, places[i].name, len) == 0) {
            add_piece(message, places[i].kind, NULL, 0);
            return len;
        }
    }
    return 0;
}

void messages_add(struct messages *messages, const char *text, size_t len)
{
    char *copy = load_need(calloc(1, len + 1)), *from = copy, *at = copy;
    struct message message = { 0 };

    memcpy(copy, text, len);
    while ((at = strchr(at, '$')) != NULL) {
        struct message before = message;
        size_t place;

        if (at > from)
            add_piece(&message, PIECE_TEXT, from, (size_t)(at - from));
        place = add_place(&message, at);
        if (place == 0)
            message.count = before.count, message.len_max = before.len_max;
        at += place == 0 ? 1 : place;
        from = place == 0 ? from : at;
    }
    if (from < copy + len)
        add_piece(&message, PIECE_TEXT, from, (size_t)(copy + len - from));
    messages->items =
        load_need(realloc(messages->items, (messages->count + 1) * sizeof(*messages->items)));
    messages->items[messages->count++] = message;
}

void messages_read(struct messages *messages, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (file == NULL)
        load_die(path);
    while ((len = getline(&line, &cap, file)) > 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        if (len > 0)
            messages_add(messages, line, (size_t)len);
    }
    free(line);
    fclose(file);
    if (messages->count == 0)
        load_die("no messages in the file");
}

static size_t put_number(char *out, uint64_t value)
{
    char text[DIGITS_MAX], *end = text + sizeof(text), *at = end;

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(out, at, (size_t)(end - at));
    return (size_t)(end - at);
}

/* splitmix64: the same numbers in every run. */
static uint64_t random_of(struct messages *messages)
{
    uint64_t z = messages->random_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % messages->random_below;
}

size_t messages_next_max(const struct messages *messages)
{
    return messages->items[messages->next].len_max;
}

size_t messages_next(struct messages *messages, uint64_t id, char *out)
{
    const struct message *message = &messages->items[messages->next];
    char *at = out;

    messages->next = messages->next + 1 == messages->count ? 0 : messages->next + 1;
    for (size_t i = 0; i < message->count; i++) {
        const struct message_piece *piece = &message->pieces[i];

        switch (piece->kind) {
        case PIECE_TEXT:
            memcpy(at, piece->text, piece->len);
            at += piece->len;
            break;
        case PIECE_ID:
            at += put_number(at, id);
            break;
        case PIECE_RANDOM:
            at += put_number(at, random_of(messages));
            break;
        case PIECE_SEQ:
            at += put_number(at, messages->seq++);
            break;
        }
    }
    return (size_t)(at - out);
}

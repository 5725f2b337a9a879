/* lws_fan.c - the raw limit of fan-out: a server on libwebsockets and libuv that sends each
 * published message to every subscriber, and nothing else.
 *
 *   lws_fan PORT BYTES      0: any free one; prints the port
 *
 * A message with "publish" in it goes to all who have sent one without, cut or padded with blanks
 * to BYTES, so that it can stand beside a server whose notifications are longer; then it is
 * answered. Every other message is answered too.
 */
#include "edge.h"
#include <stdlib.h>
#include <string.h>

#define SIZE_LIMIT 65536

static struct {
    struct edge_session **subscribers;
    size_t count, size;
} fan;

static void answer(struct edge_session *session)
{
    static const char text[] = "{\"status\":200}";

    memcpy(edge_reply(session, sizeof(text) - 1), text, sizeof(text) - 1);
}

static void broadcast(const char *text, size_t len)
{
    static char padded[SIZE_LIMIT];
    size_t copied = len < fan.size ? len : fan.size;

    memcpy(padded, text, copied);
    memset(padded + copied, ' ', fan.size - copied);
    for (size_t i = 0; i < fan.count; i++)
        memcpy(edge_reply(fan.subscribers[i], fan.size), padded, fan.size);
}

static void on_message(struct edge_session *session, const char *text, size_t len)
{
    if (memmem(text, len, "publish", 7) != NULL) {
        broadcast(text, len);
    } else {
        fan.subscribers = realloc(fan.subscribers, (fan.count + 1) * sizeof(*fan.subscribers));
        if (fan.subscribers == NULL)
            edge_die("memory");
        edge_ref(session);
        fan.subscribers[fan.count++] = session;
    }
    answer(session);
}

int main(int argc, char **argv)
{
    fan.size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (fan.size == 0 || fan.size >= SIZE_LIMIT)
        edge_die("usage: lws_fan PORT BYTES");
    edge_run(uv_default_loop(), (int)strtol(argv[1], NULL, 10), on_message);
    return 0;
}

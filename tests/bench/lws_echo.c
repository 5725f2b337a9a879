/* lws_echo.c - the raw limit of the edge: an echo server on libwebsockets and libuv, and nothing
 * else.
 *
 *   lws_echo [PORT [BYTES]]      0 or none: any free one; prints the port
 *
 * With BYTES every reply has this size: the message itself, cut or padded with blanks, so that it
 * can stand beside a server whose replies are longer than its requests.
 */
#include "edge.h"
#include <stdlib.h>
#include <string.h>

static size_t reply_size;

static void echo(struct edge_session *session, const char *text, size_t len)
{
    size_t size = reply_size != 0 ? reply_size : len, copied = len < size ? len : size;
    char *at = edge_reply(session, size);

    memcpy(at, text, copied);
    memset(at + copied, ' ', size - copied);
}

int main(int argc, char **argv)
{
    reply_size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    edge_run(uv_default_loop(), argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, echo);
    return 0;
}

/* load_wire.c - see load_wire.h. */
#include "load_wire.h"
#include "load.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct wire_reply wire_frame_read(const char *bytes, size_t len)
{
    const unsigned char *head = (const unsigned char *)bytes;
    struct wire_reply reply = { 0 };
    uint64_t size = 0;
    size_t n;

    if (len < 2)
        return reply;
    n = head[1] == 126 ? 4 : head[1] == 127 ? 10 : 2;
    if (head[0] != 0x81) {
        fprintf(stderr, "ws_load: unexpected frame 0x%02x\n", head[0]);
        exit(1);
    }
    if (len < n)
        return reply;
    for (size_t i = 2; i < n; i++)
        size = size << 8 | head[i];
    if (n == 2)
        size = head[1];
    if (len - n < size)
        return reply;
    return (struct wire_reply){ .size = n + size, .text = bytes + n, .len = size };
}

/* The number after "content-length:" in a head. */
static size_t content_length(const char *head, size_t len)
{
    static const char name[] = "content-length:";

    for (const char *at = head; at != NULL && (size_t)(head + len - at) > sizeof(name);
         at = memchr(at, '\n', (size_t)(head + len - at))) {
        at += *at == '\n';
        if (strncasecmp(at, name, sizeof(name) - 1) == 0)
            return strtoul(at + sizeof(name) - 1, NULL, 10);
    }
    load_die("a reply without Content-Length");
}

struct wire_reply wire_http_read(const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    struct wire_reply reply = { 0 };
    size_t head, body;

    if (end == NULL)
        return reply;
    head = (size_t)(end - bytes) + 4;
    body = content_length(bytes, head);
    if (len - head < body)
        return reply;
    return (struct wire_reply){ .size = head + body,
                                .text = end + 4,
                                .len = body,
                                .refused = strncmp(bytes, "HTTP/1.1 200", 12) != 0 };
}

char *wire_frame_head(char *out, size_t len)
{
    size_t n = len < 126 ? 2 : len < 65536 ? 4 : 10;
    unsigned char *head = (unsigned char *)out + WIRE_HEAD_MAX - n - 4;

    head[0] = 0x81;
    head[1] = (unsigned char)(0x80 | (n == 2 ? len : n == 4 ? 126 : 127));
    for (size_t i = 2; i < n; i++)
        head[i] = (unsigned char)((uint64_t)len >> (8 * (n - 1 - i)));
    memset(head + n, 0, 4);
    return (char *)head;
}

void wire_upgrade(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    char answer[2048];
    size_t got = 0;

    if (write(fd, request, sizeof(request) - 1) < 0)
        load_die("write");
    /* Byte by byte: what follows the head is the server's first frame. */
    while (got < sizeof(answer) - 1 && (got < 4 || memcmp(answer + got - 4, "\r\n\r\n", 4) != 0)) {
        if (read(fd, answer + got, 1) != 1)
            load_die("no upgrade");
        got++;
    }
    if (strncmp(answer, "HTTP/1.1 101", 12) != 0)
        load_die("no upgrade");
}

/* load_wire.h - the two ways a load talks: WebSocket messages and HTTP/1.1 requests. Pure but for
 * the upgrade. */
#ifndef KDM_BENCH_LOAD_WIRE_H
#define KDM_BENCH_LOAD_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#define WIRE_HEAD_MAX 14

/* One reply at the front of what was received. */
struct wire_reply {
    size_t size; /* with its head; 0: not all of it is there */
    const char *text;
    size_t len;
    bool refused; /* an HTTP status other than 200 */
};

/* Exits on what a server must not send here. */
struct wire_reply wire_frame_read(const char *bytes, size_t len);
struct wire_reply wire_http_read(const char *bytes, size_t len);

/* Turns a payload of `len` bytes at out + WIRE_HEAD_MAX into a masked frame (with the key 0, so it
 * stays as it is); returns where the frame begins. */
char *wire_frame_head(char *out, size_t len);

/* Upgrades a connected, blocking socket. */
void wire_upgrade(int fd);

#endif

/* reader.h - HTTP/1 requests out of bytes: head first, then body.
 * The grammar is libhttp-parser's (the parser that Node.js had for ten years, kept by Debian); this
 * is all that knows of it. Here are the limits, the headers that kdm looks at, and what the parser
 * leaves to its caller. It knows no connection: bytes in, a request or a refusal out; the same
 * bytes give the same result however they are cut. One thread at a time.
 */
#ifndef KDM_NET_READER_H
#define KDM_NET_READER_H

#include "api/peer.h"

#define KDM_READER_TARGET_MAX (16u << 10) /* bytes of the request target; beyond it 414 */
#define KDM_READER_HEAD_MAX   (16u << 10) /* of everything else in a head; beyond it 431 */

enum kdm_header {
    KDM_HEADER_ACCEPT_ENCODING,
    KDM_HEADER_AUTHORIZATION,
    KDM_HEADER_CONNECTION,
    KDM_HEADER_CONTENT_ENCODING,
    KDM_HEADER_CONTENT_TYPE,
    KDM_HEADER_COOKIE,
    KDM_HEADER_EXPECT,
    KDM_HEADER_ORIGIN,
    KDM_HEADER_WS_EXTENSIONS,
    KDM_HEADER_WS_KEY,
    KDM_HEADER_WS_PROTOCOL,
    KDM_HEADER_WS_VERSION,
    KDM_HEADER_TRANSFER_ENCODING,
    KDM_HEADER_UPGRADE,
    KDM_HEADER_REQUEST_ID,
    KDM_HEADER_VOLATILE,
    KDM_HEADERS
};

enum kdm_reader_result {
    KDM_READER_MORE,    /* not all of it is there yet */
    KDM_READER_DONE,    /* the head, or the body, is complete */
    KDM_READER_REFUSED, /* `status` and `reason` say why: nothing behind it can be understood */
};

/* A piece of the head's bytes; they may move between two calls. */
struct kdm_reader_span {
    uint32_t at, len;
};

struct kdm_reader_line {
    struct kdm_reader_span name, value;
};

struct kdm_reader {
    /* The request, once the head is complete; verb and path also when it was refused for its size
     * and they were read before. Texts are in the arena. */
    struct kdm_str verb, path, query;    /* as sent, still percent-encoded; "*" is a path too */
    struct kdm_str headers[KDM_HEADERS]; /* none: absent. Lists sent in parts are joined */
    const struct kdm_http_header *all;   /* every header, as sent */
    size_t all_count;
    bool keep_alive, http_1_0;
    bool has_body; /* one is announced, of a length (then `length`) or in chunks */
    bool chunked;
    size_t length;

    /* The body, once complete: a slice of the bytes given last, or of `store`. */
    struct kdm_str body;

    /* Of a refusal. */
    int status;
    const char *reason; /* static */

    /* Private. */
    uint64_t parser[4]; /* an http_parser: its header can't be included beside that of lws */
    struct kdm_arena *arena;
    size_t max_body;
    size_t at; /* bytes of the head that were parsed; all of it when it is complete */
    const char *base;
    struct kdm_reader_span target;
    struct kdm_reader_line line;   /* the one being read */
    struct kdm_reader_line *lines; /* those before it, in the arena */
    uint32_t line_count, line_room;
    bool value_begun, in_body, body_done;
    struct kdm_str piece; /* of the body: in the bytes being parsed, not yet in `store` */
    struct kdm_buf store; /* ptr NULL: none */
};

/* Makes it ready for a request whose texts go to `arena`, with a body of at most `max_body` bytes.
 */
void kdm_reader_begin(struct kdm_reader *reader, struct kdm_arena *arena, size_t max_body);

/* Frees what it holds of a body. */
void kdm_reader_end(struct kdm_reader *reader);

/* `bytes` begin where the head begins, also when this is called again with more of them. DONE: the
 * first *ret_taken of them were the head. A body that is too long is refused (413) here already
 * when its length is announced. */
enum kdm_reader_result kdm_reader_head(struct kdm_reader *reader, struct kdm_str bytes,
                                       size_t *ret_taken);

/* Takes the next `bytes` of the body, after a head that has one; *ret_taken: how many of them. */
enum kdm_reader_result kdm_reader_body(struct kdm_reader *reader, struct kdm_str bytes,
                                       size_t *ret_taken);

#endif

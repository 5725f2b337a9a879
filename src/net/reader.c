/* reader.c - see reader.h.
 * The head is parsed where it lies; the parser tells pieces of names and values, which are kept as
 * places in the bytes. When it is complete it is copied to the arena, once and as a whole.
 * The parser is stopped at the end of the head and again at the end of the body, so that nothing of
 * the next request is touched.
 */
#include "net/reader.h"

#include "net/head.h"
#include <http_parser.h>

#define VERB_MAX 20u

static const char *const verbs[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD" };

/* What to do with a header that comes again. */
enum repeat { REPEAT_FIRST, REPEAT_LIST, REPEAT_COOKIE };

static const struct {
    struct kdm_str name;
    enum repeat repeat;
} known[KDM_HEADERS] = {
#define HEADER(id, text, again) [KDM_HEADER_##id] = { { text, sizeof(text) - 1 }, REPEAT_##again }
    HEADER(ACCEPT_ENCODING, "accept-encoding", LIST),
    HEADER(AUTHORIZATION, "authorization", FIRST),
    HEADER(CONNECTION, "connection", LIST),
    HEADER(CONTENT_ENCODING, "content-encoding", LIST),
    HEADER(CONTENT_TYPE, "content-type", FIRST),
    HEADER(COOKIE, "cookie", COOKIE),
    HEADER(EXPECT, "expect", LIST),
    HEADER(ORIGIN, "origin", FIRST),
    HEADER(WS_EXTENSIONS, "sec-websocket-extensions", LIST),
    HEADER(WS_KEY, "sec-websocket-key", FIRST),
    HEADER(WS_PROTOCOL, "sec-websocket-protocol", LIST),
    HEADER(WS_VERSION, "sec-websocket-version", FIRST),
    HEADER(TRANSFER_ENCODING, "transfer-encoding", LIST),
    HEADER(UPGRADE, "upgrade", LIST),
    HEADER(REQUEST_ID, "x-kuzzle-request-id", FIRST),
    HEADER(VOLATILE, "x-kuzzle-volatile", FIRST),
#undef HEADER
};

_Static_assert(sizeof(http_parser) <= sizeof(((struct kdm_reader *)0)->parser), "room for it");

static http_parser *parser_of(struct kdm_reader *reader)
{
    return (http_parser *)reader->parser;
}

static struct kdm_reader *reader_of(http_parser *parser)
{
    return parser->data;
}

/* --- headers --------------------------------------------------------------------------- */

static struct kdm_str text_of(const struct kdm_reader *reader, struct kdm_reader_span span)
{
    return (struct kdm_str){ .ptr = reader->base + span.at, .len = span.len };
}

static struct kdm_str without_blanks_behind(struct kdm_str value)
{
    while (value.len > 0 && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t'))
        value.len--;
    return value;
}

/* A header is complete. */
static void end_header(struct kdm_reader *reader)
{
    if (reader->line_count == reader->line_room)
        reader->lines = kdm_arena_double(reader->arena, reader->lines, &reader->line_room, 16,
                                         sizeof(*reader->lines));
    reader->lines[reader->line_count++] = reader->line;
    reader->line = (struct kdm_reader_line){ .name = { 0 } };
    reader->value_begun = false;
}

/* `joined`: what its lines were put together in; none of them yet when its ptr is NULL. */
static void keep_known(struct kdm_reader *reader, enum kdm_header header, struct kdm_str value,
                       struct kdm_buf *joined)
{
    struct kdm_str *kept = &reader->headers[header];

    if (kdm_str_none(*kept)) {
        *kept = value;
        return;
    }
    if (known[header].repeat == REPEAT_FIRST)
        return;
    if (joined->ptr == NULL) {
        kdm_buf_init(joined, reader->arena, (kept->len + value.len) * 2 + 16);
        kdm_buf_put(joined, *kept);
    }
    kdm_buf_char(joined, known[header].repeat == REPEAT_COOKIE ? ';' : ',');
    kdm_buf_char(joined, ' ');
    kdm_buf_put(joined, value);
    *kept = kdm_buf_str(joined);
}

/* Lists all headers and picks those we know. `reader->base` is the head's copy in the arena. False:
 * one holds control characters, which the parser lets through. */
static bool read_headers(struct kdm_reader *reader)
{
    struct kdm_http_header *all =
        kdm_arena_alloc(reader->arena, (reader->line_count + 1) * sizeof(*all));
    struct kdm_buf joined[KDM_HEADERS] = { { .ptr = NULL } };

    for (size_t i = 0; i < reader->line_count; i++) {
        int header = 0;

        all[i].name = text_of(reader, reader->lines[i].name);
        all[i].value = without_blanks_behind(text_of(reader, reader->lines[i].value));
        if (!kdm_head_is_clean(all[i].value))
            return false;
        while (header < KDM_HEADERS && !kdm_str_eq_nocase(all[i].name, known[header].name))
            header++;
        if (header < KDM_HEADERS)
            keep_known(reader, (enum kdm_header)header, all[i].value, &joined[header]);
    }
    reader->all = all;
    reader->all_count = reader->line_count;
    return true;
}

/* Adds the piece at `at` to a span. False: it does not join on. */
static bool extend(const struct kdm_reader *reader, struct kdm_reader_span *span, const char *at,
                   size_t len)
{
    uint32_t begin = (uint32_t)(at - reader->base);

    if (span->len == 0)
        span->at = begin;
    if (span->at + span->len != begin)
        return false;
    span->len += (uint32_t)len;
    return true;
}

/* --- what the parser calls; other than 0: it stops with an error -------------------------- */

static int stop_with(struct kdm_reader *reader, int status, const char *reason)
{
    reader->status = status;
    reader->reason = reason;
    return -1;
}

static int on_target(http_parser *parser, const char *at, size_t len)
{
    extend(reader_of(parser), &reader_of(parser)->target, at, len);
    return 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    struct kdm_reader *reader = reader_of(parser);

    if (reader->in_body) /* a trailer */
        return 0;
    if (reader->value_begun)
        end_header(reader);
    /* The parser takes "Content-Length : 5"; RFC 9112, 5.1 wants it refused. */
    if (memchr(at, ' ', len) != NULL)
        return stop_with(reader, 400, "a blank in a header's name");
    extend(reader, &reader->line.name, at, len);
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct kdm_reader *reader = reader_of(parser);

    if (reader->in_body)
        return 0;
    reader->value_begun = true;
    if (len > 0 && !extend(reader, &reader->line.value, at, len))
        return stop_with(reader, 400, "a header that is folded");
    return 0;
}

static int on_head(http_parser *parser)
{
    http_parser_pause(parser, 1);
    return 0;
}

static void store_piece(struct kdm_reader *reader)
{
    if (reader->piece.len == 0)
        return;
    if (reader->store.ptr == NULL)
        kdm_buf_init(&reader->store, NULL,
                     reader->chunked ? reader->piece.len * 2 : reader->length);
    kdm_buf_put(&reader->store, reader->piece);
    reader->piece = KDM_STR("");
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct kdm_reader *reader = reader_of(parser);

    if (len > reader->max_body - reader->store.len - reader->piece.len)
        return stop_with(reader, 413, "the body is too large");
    if (reader->piece.len > 0 && reader->piece.ptr + reader->piece.len != at)
        store_piece(reader);
    if (reader->piece.len == 0)
        reader->piece.ptr = at;
    reader->piece.len += len;
    return 0;
}

static int on_end(http_parser *parser)
{
    reader_of(parser)->body_done = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
};

/* --- the head ---------------------------------------------------------------------------- */

void kdm_reader_begin(struct kdm_reader *reader, struct kdm_arena *arena, size_t max_body)
{
    memset(reader, 0, sizeof(*reader));
    http_parser_init(parser_of(reader), HTTP_REQUEST);
    parser_of(reader)->data = reader;
    reader->arena = arena;
    reader->max_body = max_body;
}

void kdm_reader_end(struct kdm_reader *reader)
{
    kdm_buf_fini(&reader->store);
    reader->store = (struct kdm_buf){ .ptr = NULL };
}

static enum kdm_reader_result refuse(struct kdm_reader *reader, int status, const char *reason)
{
    stop_with(reader, status, reason);
    return KDM_READER_REFUSED;
}

static enum kdm_reader_result refuse_verb(struct kdm_reader *reader, struct kdm_str verb)
{
    reader->verb = kdm_arena_copy(reader->arena, verb);
    return refuse(reader, 400, NULL);
}

static bool known_verb(struct kdm_str verb)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (kdm_str_eq(verb, kdm_str_of(verbs[i])))
            return true;
    }
    return false;
}

/* The parser stops at the first character that fits no method; the whole word is waited for, so
 * that it can be named. */
static enum kdm_reader_result bad_verb(struct kdm_reader *reader, struct kdm_str bytes)
{
    struct kdm_str verb;

    while (bytes.len > 0 && (bytes.ptr[0] == '\r' || bytes.ptr[0] == '\n'))
        bytes = kdm_str_from(bytes, 1);
    verb = (struct kdm_str){ .ptr = bytes.ptr, .len = 0 };
    while (verb.len < bytes.len && verb.len < VERB_MAX
           && ((bytes.ptr[verb.len] | 0x20) >= 'a' && (bytes.ptr[verb.len] | 0x20) <= 'z'))
        verb.len++;
    if (verb.len == bytes.len && verb.len < VERB_MAX)
        return KDM_READER_MORE;
    return verb.len == 0 ? refuse(reader, 400, "this is no HTTP") : refuse_verb(reader, verb);
}

static bool digit_at(struct kdm_str bytes, size_t i)
{
    return i < bytes.len && bytes.ptr[i] >= '0' && bytes.ptr[i] <= '9';
}

static enum kdm_reader_result failed_head(struct kdm_reader *reader, struct kdm_str bytes)
{
    enum http_errno error = HTTP_PARSER_ERRNO(parser_of(reader));

    if (reader->status != 0)
        return KDM_READER_REFUSED; /* a callback's doing */
    if (error == HPE_INVALID_METHOD)
        return bad_verb(reader, bytes);
    if (error == HPE_INVALID_URL && parser_of(reader)->method == HTTP_CONNECT)
        return refuse_verb(reader, KDM_STR("CONNECT"));
    /* Stopped at a digit behind a digit: it is one too many. */
    if (error == HPE_INVALID_CONTENT_LENGTH && digit_at(bytes, reader->at)
        && digit_at(bytes, reader->at - 1))
        return refuse(reader, 413, "the body is too large");
    return refuse(reader, 400, http_errno_description(error));
}

/* More than is looked at? Asked before the parser's own errors, so that what comes of a head does
 * not depend on how its bytes were cut. */
static int over_limit(const struct kdm_reader *reader)
{
    if (reader->target.len > KDM_READER_TARGET_MAX)
        return 414;
    if (reader->at - reader->target.len > KDM_READER_HEAD_MAX)
        return reader->target.len == 0 ? 414 : 431;
    return 0;
}

/* Splits "/path?query#fragment", or the same behind "http://host" (RFC 9112, 3.2.2). */
static bool split_target(struct kdm_reader *reader, struct kdm_str target)
{
    const char *cut = memchr(target.ptr, '#', target.len);

    for (size_t i = 0; i < target.len; i++) {
        if ((unsigned char)target.ptr[i] <= ' ' || target.ptr[i] == 0x7f)
            return false;
    }
    if (cut != NULL)
        target.len = (size_t)(cut - target.ptr);
    if (target.len == 0)
        return false;
    if (kdm_str_eq(target, KDM_STR("*"))) {
        if (parser_of(reader)->method != HTTP_OPTIONS)
            return false;
    } else if (target.ptr[0] != '/') {
        const char *host = memmem(target.ptr, target.len, "://", 3);

        if (host == NULL)
            return false;
        target = kdm_str_from(target, (size_t)(host - target.ptr) + 3);
        while (target.len > 0 && target.ptr[0] != '/' && target.ptr[0] != '?')
            target = kdm_str_from(target, 1);
    }
    cut = memchr(target.ptr, '?', target.len);
    reader->path = target;
    reader->query = KDM_STR("");
    if (cut != NULL) {
        reader->path.len = (size_t)(cut - target.ptr);
        reader->query = kdm_str_from(target, reader->path.len + 1);
    }
    if (reader->path.len == 0)
        reader->path = KDM_STR("/");
    return true;
}

static enum kdm_reader_result read_framing(struct kdm_reader *reader)
{
    struct kdm_str coding = reader->headers[KDM_HEADER_TRANSFER_ENCODING];

    if (!kdm_str_none(coding) && !kdm_str_eq_nocase(coding, KDM_STR("chunked")))
        return refuse(reader, 501, "a transfer coding other than chunked");
    reader->chunked = (parser_of(reader)->flags & F_CHUNKED) != 0;
    if ((parser_of(reader)->flags & F_CONTENTLENGTH) != 0) {
        if (parser_of(reader)->content_length > reader->max_body)
            return refuse(reader, 413, "the body is too large");
        reader->length = (size_t)parser_of(reader)->content_length;
    }
    reader->has_body = reader->chunked || reader->length > 0;
    reader->http_1_0 = parser_of(reader)->http_minor == 0;
    /* Chunks are none of HTTP/1.0: whoever sent it may not see the end where we do. */
    reader->keep_alive =
        http_should_keep_alive(parser_of(reader)) && !(reader->http_1_0 && reader->chunked);
    return KDM_READER_DONE;
}

/* `head`: all but its last line end. */
static enum kdm_reader_result finish_head(struct kdm_reader *reader, struct kdm_str head)
{
    struct kdm_str verb = kdm_str_of(http_method_str((enum http_method)parser_of(reader)->method));

    if (reader->value_begun)
        end_header(reader);
    if (!known_verb(verb))
        return refuse_verb(reader, verb);
    reader->verb = verb;
    if (parser_of(reader)->http_major != 1 || parser_of(reader)->http_minor > 1)
        return refuse(reader, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    reader->base = kdm_arena_copy(reader->arena, head).ptr;
    if (!split_target(reader, text_of(reader, reader->target)))
        return refuse(reader, 400, "malformed request target");
    if (!read_headers(reader))
        return refuse(reader, 400, "a control character in a header");
    return read_framing(reader);
}

/* Verb and path of a head that is refused for its size, as far as they were read: they tell in
 * whose words it is refused. */
static void name_target(struct kdm_reader *reader)
{
    struct kdm_str target = text_of(reader, reader->target);

    if (target.len > KDM_READER_TARGET_MAX)
        target.len = KDM_READER_TARGET_MAX;
    if (target.len > 0 && split_target(reader, kdm_arena_copy(reader->arena, target)))
        reader->verb = kdm_str_of(http_method_str((enum http_method)parser_of(reader)->method));
}

enum kdm_reader_result kdm_reader_head(struct kdm_reader *reader, struct kdm_str bytes,
                                       size_t *ret_taken)
{
    enum kdm_reader_result result;
    enum http_errno error;
    int status;

    reader->base = bytes.ptr;
    if (HTTP_PARSER_ERRNO(parser_of(reader)) == HPE_OK && reader->at < bytes.len)
        reader->at += http_parser_execute(parser_of(reader), &settings, bytes.ptr + reader->at,
                                          bytes.len - reader->at);
    error = HTTP_PARSER_ERRNO(parser_of(reader));
    status = over_limit(reader);
    if (status != 0) {
        name_target(reader);
        return refuse(reader, status, "the head of the request is too large");
    }
    if (error == HPE_OK)
        return KDM_READER_MORE;
    if (error != HPE_PAUSED)
        return failed_head(reader, bytes);
    result = finish_head(reader, (struct kdm_str){ .ptr = bytes.ptr, .len = reader->at });
    if (result == KDM_READER_DONE) {
        /* The parser has stopped before the last line end. */
        reader->in_body = true;
        http_parser_pause(parser_of(reader), 0);
        http_parser_execute(parser_of(reader), &settings, bytes.ptr + reader->at, 1);
        *ret_taken = reader->at + 1;
    }
    return result;
}

/* --- the body ---------------------------------------------------------------------------- */

enum kdm_reader_result kdm_reader_body(struct kdm_reader *reader, struct kdm_str bytes,
                                       size_t *ret_taken)
{
    enum http_errno error;

    *ret_taken = 0;
    if (bytes.len == 0)
        return KDM_READER_MORE;
    *ret_taken = http_parser_execute(parser_of(reader), &settings, bytes.ptr, bytes.len);
    error = HTTP_PARSER_ERRNO(parser_of(reader));
    if (error != HPE_OK && error != HPE_PAUSED)
        return reader->status != 0 ? KDM_READER_REFUSED
                                   : refuse(reader, 400, http_errno_description(error));
    if (reader->body_done && reader->store.ptr == NULL) {
        reader->body = reader->piece;
        return KDM_READER_DONE;
    }
    store_piece(reader);
    if (!reader->body_done)
        return KDM_READER_MORE;
    reader->body = kdm_buf_str(&reader->store);
    return KDM_READER_DONE;
}

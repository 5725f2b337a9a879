/* http.c - see http.h. What a client sent never reaches a JSON text unescaped, and what can be no
 * JSON string (bytes that are not UTF-8) is refused here, by scanning what was written.
 */
#include "api/http.h"
#include "api/query.h"
#include <strings.h>

#define REQUEST_ID_MAX 256u
#define EXCERPT_LEN    50u

struct decoder {
    struct kdm_arena *arena;
    const struct kdm_http_request *request;
    struct kdm_query_args query;
    struct kdm_http_ask *ask;
    struct kdm_failure *failure;
};

/* --- texts that go into errors and headers -------------------------------------------------- */

static struct kdm_json *scan(struct kdm_arena *arena, struct kdm_str text,
                             struct kdm_json_error *ret_error)
{
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));

    return kdm_json_scan(arena, text, doc, ret_error) ? doc : NULL;
}

/* Can these bytes stand in a JSON string? */
static bool is_text(struct kdm_arena *arena, struct kdm_str s)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, s.len + 8);
    kdm_json_put_str(&buf, s);
    return scan(arena, kdm_buf_str(&buf), NULL) != NULL;
}

/* The first characters of `s`; what is no ASCII is replaced when the whole is no UTF-8. */
static struct kdm_str excerpt(struct kdm_arena *arena, struct kdm_str s, size_t max)
{
    size_t len = 0, chars = 0;
    char *copy;

    while (len < s.len && chars <= max) {
        if (((unsigned char)s.ptr[len] & 0xc0) != 0x80 && chars++ == max)
            break;
        len++;
    }
    s.len = len;
    if (is_text(arena, s))
        return kdm_arena_copy(arena, s);
    copy = kdm_arena_alloc(arena, len);
    for (size_t i = 0; i < len; i++)
        copy[i] = (unsigned char)s.ptr[i] < 0x80 ? s.ptr[i] : '?';
    return (struct kdm_str){ .ptr = copy, .len = len };
}

static bool refuse(struct decoder *decoder, enum kdm_err err, struct kdm_str prop)
{
    kdm_failure_set(decoder->failure, decoder->arena, err,
                    KDM_PROPS(excerpt(decoder->arena, prop, 200)));
    return false;
}

/* Goes back in a response header as it came, so only what is harmless there is taken. */
static struct kdm_str request_id(struct kdm_arena *arena, struct kdm_str given,
                                 struct kdm_str connection_id)
{
    bool fits = given.len > 0 && given.len <= REQUEST_ID_MAX;

    for (size_t i = 0; fits && i < given.len; i++)
        fits = given.ptr[i] >= 0x20 && given.ptr[i] < 0x7f;
    return kdm_arena_copy(arena, fits ? given : connection_id);
}

/* --- headers and body ----------------------------------------------------------------------- */

static struct kdm_str bearer(struct kdm_str authorization)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof(scheme) - 1;

    if (authorization.len <= len || strncasecmp(authorization.ptr, scheme, len) != 0)
        return KDM_STR_NONE;
    return kdm_str_from(authorization, len);
}

static void take_token(struct decoder *decoder)
{
    struct kdm_str token = bearer(decoder->request->authorization);

    if (kdm_str_none(token))
        token = kdm_query_get(&decoder->query, KDM_STR("jwt"));
    if (token.len > 0)
        decoder->ask->payload.jwt = kdm_arena_copy(decoder->arena, token);
}

static bool take_volatile(struct decoder *decoder)
{
    struct kdm_str text = decoder->request->volatile_json;
    struct kdm_json_error error;
    struct kdm_json *doc;

    if (text.len == 0)
        return true;
    doc = scan(decoder->arena, kdm_arena_copy(decoder->arena, text), &error);
    if (doc == NULL)
        return refuse(decoder, KDM_ERR_NETWORK_HTTP_VOLATILE_PARSE_FAILED,
                      kdm_str_of(error.reason));
    decoder->ask->payload.volatile_data = kdm_json_root(doc);
    return true;
}

/* The values of one name: a string, or an array of strings when it came more than once. */
static void put_values(struct kdm_buf *buf, struct kdm_query_args *query, size_t first)
{
    struct kdm_query_pair *pairs = query->pairs;
    size_t start = buf->len;
    bool array = false;

    kdm_json_put_str(buf, pairs[first].value);
    for (size_t i = first + 1; i < query->count; i++) {
        if (pairs[i].used || !kdm_str_eq(pairs[i].name, pairs[first].name))
            continue;
        if (!array) {
            kdm_buf_char(buf, ' '); /* room for the bracket */
            memmove(buf->ptr + start + 1, buf->ptr + start, buf->len - start - 1);
            buf->ptr[start] = '[';
            array = true;
        }
        pairs[i].used = true;
        kdm_buf_char(buf, ',');
        kdm_json_put_str(buf, pairs[i].value);
    }
    if (array)
        kdm_buf_char(buf, ']');
}

static void put_pairs(struct kdm_buf *buf, struct kdm_query_args *query)
{
    for (size_t i = 0; i < query->count; i++) {
        if (query->pairs[i].used)
            continue;
        kdm_json_put_name(buf, query->pairs[i].name);
        put_values(buf, query, i);
    }
}

static bool refuse_text(struct decoder *decoder, const char *reason)
{
    return refuse(decoder, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, kdm_str_of(reason));
}

/* Its error is answered bare: it is found before there is a request (reference
 * kuzzle-protocol.md 5.1). */
static bool take_body(struct decoder *decoder)
{
    struct kdm_str body = kdm_arena_copy(decoder->arena, decoder->request->body);
    struct kdm_json *doc;

    if (body.len == 0)
        return true;
    doc = scan(decoder->arena, body, NULL);
    if (doc == NULL) {
        decoder->ask->bare = true;
        return refuse(decoder, KDM_ERR_NETWORK_HTTP_BODY_PARSE_FAILED,
                      excerpt(decoder->arena, body, EXCERPT_LEN));
    }
    decoder->ask->payload.body = kdm_json_root(doc);
    return true;
}

/* --- the payload ---------------------------------------------------------------------------- */

/* Members that a query string can't set: the route, headers and body do. */
static bool reserved(struct kdm_str name)
{
    static const char *const names[] = { "controller", "action", "requestId", "jwt",
                                         "volatile",   "body",   "pretty" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (kdm_str_eq(name, kdm_str_of(names[i])))
            return true;
    }
    return false;
}

static bool is_param(const struct kdm_route_match *match, struct kdm_str name)
{
    for (size_t i = 0; i < match->param_count; i++) {
        if (kdm_str_eq(match->names[i], name))
            return true;
    }
    return false;
}

/* GET has no body: a search's body comes as an argument. */
static bool take_search_body(struct decoder *decoder)
{
    struct kdm_str text = kdm_query_get(&decoder->query, KDM_STR("searchBody"));
    struct kdm_json *doc;

    if (text.len == 0 || !kdm_str_eq(decoder->request->verb, KDM_STR("GET"))
        || !kdm_val_none(decoder->ask->payload.body))
        return true;
    doc = scan(decoder->arena, kdm_arena_copy(decoder->arena, text), NULL);
    if (doc == NULL || kdm_val_type(kdm_json_root(doc)) != KDM_JSON_OBJECT) {
        kdm_failure_set(decoder->failure, decoder->arena, KDM_ERR_API_ASSERT_INVALID_TYPE,
                        KDM_PROPS(KDM_STR("searchBody"), KDM_STR("object")));
        return false;
    }
    decoder->ask->payload.body = kdm_json_root(doc);
    return true;
}

static bool write_payload(struct decoder *decoder, const struct kdm_action *action,
                          const struct kdm_route_match *match)
{
    struct kdm_query_args *query = &decoder->query;
    struct kdm_json_error error;
    struct kdm_json *doc;
    struct kdm_buf buf;

    kdm_buf_init(&buf, decoder->arena,
                 decoder->request->path.len + decoder->request->query.len + 256);
    kdm_buf_lit(&buf, "{\"controller\":");
    kdm_json_put_str(&buf, kdm_str_of(action->asked_controller));
    kdm_buf_lit(&buf, ",\"action\":");
    kdm_json_put_str(&buf, kdm_str_of(action->asked_action));
    for (size_t i = 0; i < match->param_count; i++) {
        kdm_json_put_name(&buf, match->names[i]);
        kdm_json_put_str(&buf, match->values[i]);
    }
    for (size_t i = 0; i < query->count; i++)
        query->pairs[i].used =
            reserved(query->pairs[i].name) || is_param(match, query->pairs[i].name);
    put_pairs(&buf, query);
    kdm_buf_char(&buf, '}');
    doc = scan(decoder->arena, kdm_buf_str(&buf), &error);
    if (doc == NULL)
        return refuse_text(decoder, error.reason);
    decoder->ask->payload.root = kdm_json_root(doc);
    return true;
}

/* The body is the payload, and no payload is an empty one. */
static bool take_query_payload(struct decoder *decoder)
{
    struct kdm_payload *payload = &decoder->ask->payload;

    decoder->ask->kind = KDM_HTTP_QUERY;
    payload->root =
        kdm_val_none(payload->body) ? kdm_json_parse(decoder->arena, KDM_STR("{}")) : payload->body;
    payload->body = KDM_VAL_NONE;
    return true;
}

/* Paths that are no action's. */
static bool special(struct decoder *decoder)
{
    struct kdm_str verb = decoder->request->verb, path = decoder->request->path;
    bool get = kdm_str_eq(verb, KDM_STR("GET")), head = kdm_str_eq(verb, KDM_STR("HEAD"));

    if (get && kdm_str_eq(path, KDM_STR("/_ready")))
        decoder->ask->kind = KDM_HTTP_READY;
    else if ((get && kdm_str_eq(path, KDM_STR("/_healthcheck")))
             || (head && kdm_str_eq(path, KDM_STR("/"))))
        decoder->ask->kind = KDM_HTTP_HEALTH;
    else
        return false;
    return true;
}

static bool decode_route(struct decoder *decoder, const struct kdm_router *router,
                         const struct kdm_action *actions)
{
    const struct kdm_http_request *request = decoder->request;
    struct kdm_route_match match;

    if (!kdm_router_knows_verb(request->verb))
        return refuse(decoder, KDM_ERR_NETWORK_HTTP_UNSUPPORTED_VERB, request->verb);
    take_token(decoder);
    if (kdm_str_eq(request->verb, KDM_STR("POST")) && kdm_str_eq(request->path, KDM_STR("/_query")))
        return take_query_payload(decoder) && take_volatile(decoder);
    if (!kdm_router_find(router, decoder->arena, request->verb, request->path, &match))
        return refuse(decoder, KDM_ERR_NETWORK_HTTP_URL_NOT_FOUND,
                      kdm_percent_decode(decoder->arena, request->path));
    return write_payload(decoder, &actions[match.route->action], &match)
           && take_search_body(decoder) && take_volatile(decoder);
}

bool kdm_http_decode(struct kdm_arena *arena, const struct kdm_router *router,
                     const struct kdm_action *actions, const struct kdm_http_request *request,
                     struct kdm_str connection_id, struct kdm_http_ask *ret_ask,
                     struct kdm_failure *ret_failure)
{
    struct decoder decoder = {
        .arena = arena, .request = request, .ask = ret_ask, .failure = ret_failure
    };

    memset(ret_ask, 0, sizeof(*ret_ask));
    ret_ask->payload.request_id = request_id(arena, request->request_id, connection_id);
    if (special(&decoder))
        return true;
    if (!kdm_query_parse(arena, request->query, &decoder.query))
        return refuse_text(&decoder, "too many query arguments");
    ret_ask->pretty = !kdm_str_none(kdm_query_get(&decoder.query, KDM_STR("pretty")));
    return take_body(&decoder) && decode_route(&decoder, router, actions);
}

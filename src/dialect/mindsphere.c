/* mindsphere.c - see mindsphere.h. */
#include "dialect/mindsphere.h"
#include "base/hash.h"
#include "base/log.h"
#include "doors.gen.h"
#include "security/secret.h"
#include "store/unicode.h"
#include <stdarg.h>
#include <stdlib.h>

/* --- failures --------------------------------------------------------------------------------- */

static const struct {
    int status;
    const char *suffix;
} codes[] = {
    [KDM_MS_INVALID_PARAMETER] = { 400, "invalidParameter" },
    [KDM_MS_MISSING_PARAMETER] = { 400, "missingParameter" },
    [KDM_MS_INVALID_BODY] = { 400, "invalidRequestBodyProperty" },
    [KDM_MS_MISSING_BODY] = { 400, "missingRequestBodyProperty" },
    [KDM_MS_UNAUTHORIZED] = { 401, "unauthorized" },
    [KDM_MS_FORBIDDEN] = { 403, "forbidden" },
    [KDM_MS_NO_MATCH] = { 404, "noMatch" },
    [KDM_MS_WRONG_METHOD] = { 405, "methodNotAllowed" },
    [KDM_MS_CONFLICT] = { 409, "conflict" },
    [KDM_MS_PRECONDITION_FAILED] = { 412, "preconditionFailed" },
    [KDM_MS_PRECONDITION_REQUIRED] = { 428, "preconditionRequired" },
    [KDM_MS_TOO_LARGE] = { 413, "payloadTooLarge" },
    [KDM_MS_UNSUPPORTED] = { 415, "unsupportedMediaType" },
    [KDM_MS_INTERNAL] = { 500, "internalServerError" },
};

void kdm_ms_errors_init(struct kdm_ms_errors *errors, struct kdm_arena *arena)
{
    *errors = (struct kdm_ms_errors){ .arena = arena };
}

static bool is_told(const struct kdm_ms_errors *errors, const struct kdm_ms_error *error)
{
    for (size_t i = 0; i < errors->count; i++) {
        if (errors->items[i].code == error->code
            && kdm_str_eq(errors->items[i].message, error->message))
            return true;
    }
    return false;
}

static void grow(struct kdm_ms_errors *errors)
{
    struct kdm_ms_error *items;

    errors->room = errors->room == 0 ? 4 : 2 * errors->room;
    items = kdm_arena_alloc(errors->arena, errors->room * sizeof(*items));
    if (errors->count > 0)
        memcpy(items, errors->items, errors->count * sizeof(*items));
    errors->items = items;
}

static void add_error(struct kdm_ms_errors *errors, enum kdm_ms_code code, const char *format,
                      va_list args)
{
    struct kdm_ms_error error = { .code = code };

    if (errors->count >= KDM_MS_MOST_ERRORS)
        return;
    error.message = kdm_arena_vprintf(errors->arena, format, args);
    if (is_told(errors, &error))
        return;
    if (errors->count == errors->room)
        grow(errors);
    errors->items[errors->count++] = error;
}

void kdm_ms_error(struct kdm_ms_errors *errors, enum kdm_ms_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_error(errors, code, format, args);
    va_end(args);
}

static void put_error(struct kdm_buf *buf, const struct kdm_ms_error *error, struct kdm_str logref)
{
    kdm_buf_printf(buf,
                   "{\"code\":\"mdsp.core.generic.%s\",\"logref\":", codes[error->code].suffix);
    kdm_json_put_str(buf, logref);
    kdm_buf_lit(buf, ",\"message\":");
    kdm_json_put_str(buf, error->message);
    kdm_buf_char(buf, '}');
}

int kdm_ms_put_errors(const struct kdm_ms_errors *errors, struct kdm_str logref,
                      struct kdm_buf *buf)
{
    int status = 0;

    kdm_buf_lit(buf, "{\"errors\":[");
    for (size_t i = 0; i < errors->count; i++) {
        const struct kdm_ms_error *error = &errors->items[i];

        if (i > 0)
            kdm_buf_char(buf, ',');
        put_error(buf, error, logref);
        if (status == 0 || codes[error->code].status < status)
            status = codes[error->code].status;
    }
    kdm_buf_lit(buf, "]}");
    return status;
}

enum kdm_outcome kdm_ms_refuse(struct kdm_tx *tx, const struct kdm_args *args,
                               const struct kdm_ms_errors *errors)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, 256);
    kdm_tx_set_status(tx, kdm_ms_put_errors(errors, args->call->request_id, &buf));
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_ms_fail(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_ms_code code,
                             const char *format, ...)
{
    struct kdm_ms_errors errors;
    va_list list;

    kdm_ms_errors_init(&errors, args->arena);
    va_start(list, format);
    add_error(&errors, code, format, list);
    va_end(list);
    return kdm_ms_refuse(tx, args, &errors);
}

static enum kdm_ms_code code_of(int status)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].status == status)
            return (enum kdm_ms_code)i;
    }
    return status < 500 ? KDM_MS_INVALID_PARAMETER : KDM_MS_INTERNAL;
}

/* What the core or the way of every request has to say. */
static void put_failure(const struct kdm_door_call *call, const struct kdm_failure *failure,
                        struct kdm_arena *arena, struct kdm_buf *body, int *ret_status)
{
    struct kdm_ms_error error = { .code = code_of(failure->status),
                                  .message = failure->status == 500 ? KDM_STR("internal error")
                                                                    : kdm_door_reason(failure) };
    const struct kdm_ms_errors errors = { .arena = arena, .items = &error, .count = 1 };

    kdm_ms_put_errors(&errors, call->request_id, body);
    *ret_status = failure->status;
}

/* --- configuration -----------------------------------------------------------------------------
 */

static void read_tokens(struct kdm_ms *ms, struct kdm_dialect_reader *reader, const json_t *config)
{
    static const char where[] = "dialects.mindsphere.tokens";
    static const char *const known[] = { "token", "tenant", NULL };
    const json_t *tokens = kdm_dialect_list(reader, "dialects.mindsphere", config, "tokens");
    json_t *entry;
    size_t i;

    ms->tokens =
        kdm_arena_alloc(reader->arena, (json_array_size(tokens) + 1) * sizeof(*ms->tokens));
    json_array_foreach(tokens, i, entry)
    {
        struct kdm_ms_token *token = &ms->tokens[ms->token_count++];

        if (!kdm_dialect_members(reader, where, entry, known))
            return;
        token->token = kdm_dialect_text(reader, where, entry, "token", NULL);
        token->tenant = kdm_dialect_text(reader, where, entry, "tenant", NULL);
    }
}

bool kdm_ms_configure(struct kdm_ms *ms, struct kdm_dialect_reader *reader, const json_t *config,
                      struct kdm_door *ret_door)
{
    static const char where[] = "dialects.mindsphere";
    static const char *const known[] = { "enabled", "prefix", "defaultTenant", "tokens", NULL };

    if (!kdm_dialect_members(reader, where, config, known))
        return false;
    read_tokens(ms, reader, config);
    ms->core = kdm_ms_core_types(reader->arena);
    ms->default_tenant = kdm_dialect_text(reader, where, config, "defaultTenant", "mdsp");
    *ret_door = (struct kdm_door){
        .table = &kdm_mindsphere_table,
        .config = ms,
        .open = ms->token_count == 0,
        .put_failure = put_failure,
    };
    return kdm_dialect_mount(reader, where, config, "/api/assetmanagement/v3", ret_door);
}

/* --- who asks --------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

struct kdm_str kdm_ms_prefix(struct kdm_str id)
{
    size_t len = 0;

    while (len < id.len && is_word(id.ptr[len]))
        len++;
    if (len < 1 || len > 8 || id.len > 128 || len + 1 >= id.len || id.ptr[len] != '.')
        return KDM_STR_NONE;
    for (size_t i = len; i < id.len; i++) {
        if (!is_word(id.ptr[i]) && id.ptr[i] != '.')
            return KDM_STR_NONE;
    }
    return (struct kdm_str){ .ptr = id.ptr, .len = len };
}

/* All tokens are compared, each in constant time. */
static bool find_tenant(const struct kdm_ms *ms, const struct kdm_door_call *call,
                        struct kdm_str *ret_tenant)
{
    const struct kdm_str scheme = KDM_STR("Bearer ");
    struct kdm_str given = kdm_door_header(call, KDM_STR("authorization"));
    bool found = false;

    if (given.len <= scheme.len || !kdm_str_starts_nocase(given, scheme))
        return false;
    given = kdm_str_from(given, scheme.len);
    for (size_t i = 0; i < ms->token_count; i++) {
        const struct kdm_ms_token *token = &ms->tokens[i];

        if (kdm_same_secret(token->token, given)) {
            *ret_tenant = token->tenant;
            found = true;
        }
    }
    return found;
}

static struct kdm_str base_of(const struct kdm_args *args)
{
    struct kdm_str host = kdm_door_header(args->call, KDM_STR("host"));
    struct kdm_str proto = kdm_door_header(args->call, KDM_STR("x-forwarded-proto"));
    bool https = kdm_str_eq(proto, KDM_STR("https"));
    bool named = !kdm_str_none(host) && kdm_utf8_valid(host);

    return kdm_arena_printf(args->arena, "%s://" KDM_FMT KDM_FMT, https ? "https" : "http",
                            KDM_ARG(named ? host : KDM_STR("localhost")),
                            KDM_ARG(args->call->door->prefix));
}

/* false with an error: it is neither true nor false. */
static bool read_flag(struct kdm_ms_errors *errors, const struct kdm_args *args, const char *name)
{
    struct kdm_str text = kdm_query_get(&args->call->query, kdm_str_of(name));

    if (!kdm_str_none(text) && !kdm_str_eq(text, KDM_STR("true"))
        && !kdm_str_eq(text, KDM_STR("false")))
        kdm_ms_error(errors, KDM_MS_INVALID_PARAMETER, "%s: true or false is expected", name);
    return kdm_str_eq(text, KDM_STR("true"));
}

bool kdm_ms_enter(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str id,
                  struct kdm_ms_caller *ret_caller)
{
    const struct kdm_ms *ms = args->call->door->config;
    struct kdm_str prefix = kdm_str_none(id) ? KDM_STR_NONE : kdm_ms_prefix(id);
    struct kdm_ms_errors errors;

    *ret_caller = (struct kdm_ms_caller){ .base = base_of(args), .core = ms->core };
    ret_caller->tenant = kdm_str_none(prefix) ? ms->default_tenant : prefix;
    if (ms->token_count > 0 && !find_tenant(ms, args->call, &ret_caller->tenant)) {
        kdm_ms_fail(tx, args, KDM_MS_UNAUTHORIZED, "a valid bearer token is needed");
        return false;
    }
    kdm_ms_errors_init(&errors, args->arena);
    ret_caller->exploded = read_flag(&errors, args, "exploded");
    ret_caller->include_shared = read_flag(&errors, args, "includeShared");
    if (!kdm_str_none(id) && kdm_str_none(prefix))
        kdm_ms_error(&errors, KDM_MS_INVALID_PARAMETER,
                     "id: a tenant's prefix of at most 8 characters, a dot and A-Z, a-z, 0-9, _ "
                     "and . are expected, 128 characters at most");
    if (errors.count == 0)
        return true;
    kdm_ms_refuse(tx, args, &errors);
    return false;
}

bool kdm_ms_is_hex_id(struct kdm_str id)
{
    for (size_t i = 0; i < id.len; i++) {
        if ((id.ptr[i] < '0' || id.ptr[i] > '9') && (id.ptr[i] < 'a' || id.ptr[i] > 'f'))
            return false;
    }
    return id.len == KDM_MS_ID_LEN;
}

struct kdm_str kdm_ms_hex_id(struct kdm_arena *arena, struct kdm_str of)
{
    static const struct kdm_hash_seed seeds[2] = { { 0x61737065637420a1, 0x6964206f66206d73 },
                                                   { 0x74797065206b646d, 0x7365636f6e642061 } };

    return kdm_arena_printf(arena, "%016llx%016llx", (unsigned long long)kdm_hash(&seeds[0], of),
                            (unsigned long long)kdm_hash(&seeds[1], of));
}

struct kdm_str kdm_ms_new_id(struct kdm_tx *tx, struct kdm_str name)
{
    return kdm_ms_hex_id(kdm_tx_arena(tx), kdm_tx_id(tx, name));
}

bool kdm_ms_may_lock(struct kdm_tx *tx, const struct kdm_args *args, int64_t etag, bool creates)
{
    switch (kdm_ms_check_lock(kdm_door_header(args->call, KDM_STR("if-match")),
                              kdm_door_header(args->call, KDM_STR("if-none-match")), etag,
                              creates)) {
    case KDM_MS_LOCK_OK:
        return true;
    case KDM_MS_LOCK_REQUIRED:
        kdm_ms_fail(tx, args, KDM_MS_PRECONDITION_REQUIRED, "If-Match is needed");
        break;
    case KDM_MS_LOCK_FAILED:
        kdm_ms_fail(tx, args, KDM_MS_PRECONDITION_FAILED, "the resource is at another version");
        break;
    case KDM_MS_LOCK_MALFORMED:
        kdm_ms_fail(tx, args, KDM_MS_INVALID_PARAMETER, "If-Match: an etag is expected");
        break;
    }
    return false;
}

bool kdm_ms_not_modified(struct kdm_tx *tx, const struct kdm_args *args, int64_t etag)
{
    if (!kdm_ms_lists_etag(kdm_door_header(args->call, KDM_STR("if-none-match")), etag))
        return false;
    kdm_ms_reply_versioned(tx, 304, etag, KDM_STR_NONE, KDM_STR("null"));
    return true;
}

/* An object. Of a name that stands twice in it the last is kept. */
static bool read_body(struct kdm_tx *tx, const struct kdm_args *args, bool is_type,
                      const char *type, struct kdm_val *ret_body)
{
    struct kdm_json *doc = kdm_arena_alloc(args->arena, sizeof(*doc));
    struct kdm_json_error error;

    if (args->call->body.len == 0) {
        kdm_ms_fail(tx, args, KDM_MS_MISSING_BODY, "a body is needed");
    } else if (!is_type) {
        kdm_ms_fail(tx, args, KDM_MS_UNSUPPORTED, "Content-Type: %s is expected", type);
    } else if (!kdm_json_scan(args->arena, args->call->body, doc, &error)) {
        kdm_ms_fail(tx, args, KDM_MS_INVALID_BODY, "the body is no JSON: %s at byte %zu",
                    error.reason, error.at);
    } else if (kdm_val_type(kdm_json_root(doc)) != KDM_JSON_OBJECT) {
        kdm_ms_fail(tx, args, KDM_MS_INVALID_BODY, "the body must be an object");
    } else {
        *ret_body =
            kdm_json_parse(args->arena, kdm_json_canonical(args->arena, kdm_json_root(doc)));
        return true;
    }
    return false;
}

bool kdm_ms_body(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_val *ret_body)
{
    return read_body(tx, args, kdm_door_is_json(args->call), "application/json", ret_body);
}

bool kdm_ms_form(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_val *ret_body)
{
    const struct kdm_str type = KDM_STR("multipart/form-data");

    return read_body(tx, args, kdm_str_starts_nocase(args->call->content_type, type), type.ptr,
                     ret_body);
}

void kdm_ms_entries(struct kdm_val_iter *it, struct kdm_ms_errors *errors, const char *name,
                    struct kdm_val list, unsigned most)
{
    if (!kdm_val_null(list) && kdm_val_type(list) != KDM_JSON_ARRAY)
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "%s: an array is expected", name);
    if (kdm_val_count(list) > most) {
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "%s: at most %u are expected", name, most);
        list = KDM_VAL_NONE;
    }
    kdm_elements(it, list);
}

enum kdm_outcome kdm_ms_reply_versioned(struct kdm_tx *tx, int status, int64_t etag,
                                        struct kdm_str location, struct kdm_str body)
{
    kdm_tx_set_status(tx, status);
    kdm_tx_set_header(tx, KDM_STR("etag"),
                      kdm_arena_printf(kdm_tx_arena(tx), "\"%lld\"", (long long)etag));
    if (!kdm_str_none(location))
        kdm_tx_set_header(tx, KDM_STR("location"), location);
    return kdm_tx_reply(tx, body);
}

enum kdm_outcome kdm_ms_reply_deleted(struct kdm_tx *tx)
{
    kdm_tx_set_status(tx, 204);
    return kdm_tx_reply(tx, KDM_STR("null"));
}

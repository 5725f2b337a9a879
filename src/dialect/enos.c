/* enos.c - see enos.h. */
#include "dialect/enos.h"
#include "doors.gen.h"
#include "security/secret.h"

/* --- configuration --------------------------------------------------------------------------- */

static void read_apps(struct kdm_enos *enos, struct kdm_dialect_reader *reader,
                      const json_t *config)
{
    static const char where[] = "dialects.enos.apps";
    static const char *const known[] = { "accessKey", "secretKey", "orgs", NULL };
    const json_t *apps = kdm_dialect_list(reader, "dialects.enos", config, "apps");
    json_t *entry;
    size_t i;

    enos->apps = kdm_arena_alloc(reader->arena, (json_array_size(apps) + 1) * sizeof(*enos->apps));
    json_array_foreach(apps, i, entry)
    {
        struct kdm_enos_app *app = &enos->apps[enos->app_count++];

        if (!kdm_dialect_members(reader, where, entry, known))
            return;
        app->access_key = kdm_dialect_text(reader, where, entry, "accessKey", NULL);
        app->secret_key = kdm_dialect_text(reader, where, entry, "secretKey", NULL);
        app->orgs = kdm_dialect_texts(reader, where, entry, "orgs");
    }
}

/* --- replies --------------------------------------------------------------------------------- */

static const char *text_of(enum kdm_enos_code code)
{
    switch (code) {
    case KDM_ENOS_OK:
        return "OK";
    case KDM_ENOS_UNKNOWN_KEY:
        return "Unknown appKey";
    case KDM_ENOS_BAD_ENCRYPTION:
        return "The encryption or signature is not valid";
    case KDM_ENOS_BAD_PARAMETER:
        return "Invalid parameter";
    case KDM_ENOS_NO_PARAMETER:
        return "A parameter is empty";
    case KDM_ENOS_TOKEN_EXPIRED:
        return "The access token has expired";
    case KDM_ENOS_NO_ASSET:
        return "Asset is not existent";
    case KDM_ENOS_ASSET_INVALID:
        return "Asset validate failed";
    case KDM_ENOS_NO_LOGICAL_ASSET:
        return "Logical asset does not exist";
    case KDM_ENOS_LOGICAL_INVALID:
        return "Asset validation failed";
    case KDM_ENOS_CREATE_INVALID:
        return "TSL instance validation failed";
    case KDM_ENOS_INVALID_ARGUMENTS:
        return "Invalid arguments";
    case KDM_ENOS_DENIED:
        return "Permission denied";
    case KDM_ENOS_NO_MODEL:
        return "Thing model is not exist";
    case KDM_ENOS_SYSTEM_ERROR:
        break;
    }
    return "System error";
}

static void put_envelope(struct kdm_buf *buf, enum kdm_enos_code code, struct kdm_str request_id,
                         struct kdm_str submsg, struct kdm_str data)
{
    kdm_buf_lit(buf, "{\"code\":");
    kdm_buf_int(buf, code);
    kdm_buf_lit(buf, ",\"msg\":");
    kdm_json_put_str(buf, kdm_str_of(text_of(code)));
    if (!kdm_str_none(submsg)) {
        kdm_buf_lit(buf, ",\"submsg\":");
        kdm_json_put_str(buf, submsg);
    }
    kdm_buf_lit(buf, ",\"requestId\":");
    kdm_json_put_str(buf, request_id);
    if (!kdm_str_none(data)) {
        kdm_buf_lit(buf, ",\"data\":");
        kdm_buf_put(buf, data);
    }
    kdm_buf_char(buf, '}');
}

enum kdm_outcome kdm_enos_reply(struct kdm_tx *tx, const struct kdm_args *args,
                                enum kdm_enos_code code, struct kdm_str submsg, struct kdm_str data)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, data.len + submsg.len + 160);
    put_envelope(&buf, code, args->call->request_id, submsg, data);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_enos_bad(struct kdm_tx *tx, const struct kdm_args *args, const char *what)
{
    return kdm_enos_reply(tx, args, KDM_ENOS_INVALID_ARGUMENTS, kdm_str_of(what), KDM_STR_NONE);
}

/* As the door names what the core calls otherwise. */
static struct kdm_str path_of(struct kdm_arena *arena, struct kdm_str path)
{
    static const char metadata[] = "metadata";
    size_t len = sizeof(metadata) - 1;

    if (path.len < len || memcmp(path.ptr, metadata, len) != 0)
        return path;
    return kdm_arena_printf(arena, "attributes" KDM_FMT, KDM_ARG(kdm_str_from(path, len)));
}

enum kdm_outcome kdm_enos_refuse(struct kdm_tx *tx, const struct kdm_args *args,
                                 const struct kdm_dm_edited *edited, enum kdm_enos_code base)
{
    struct kdm_str submsg = kdm_arena_printf(args->arena, KDM_FMT ": expected " KDM_FMT,
                                             KDM_ARG(path_of(args->arena, edited->mismatch.path)),
                                             KDM_ARG(edited->mismatch.expected));

    return kdm_enos_reply(
        tx, args, edited->refused == KDM_DM_EDIT_METADATA ? base : KDM_ENOS_INVALID_ARGUMENTS,
        submsg, KDM_STR_NONE);
}

/* What no operation has answered itself. Without an operation the status says it too. */
static void put_failure(const struct kdm_door_call *call, const struct kdm_failure *failure,
                        struct kdm_arena *arena, struct kdm_buf *body, int *ret_status)
{
    bool ours = failure->status < 500;

    (void)arena;
    put_envelope(body, ours ? KDM_ENOS_INVALID_ARGUMENTS : KDM_ENOS_SYSTEM_ERROR, call->request_id,
                 failure->status == 500 ? KDM_STR_NONE : kdm_door_reason(failure), KDM_STR_NONE);
    *ret_status =
        !call->routed || failure->status == 413 || failure->status == 503 ? failure->status : 200;
}

bool kdm_enos_configure(struct kdm_enos *enos, struct kdm_dialect_reader *reader,
                        const json_t *config, struct kdm_door *ret_door)
{
    static const char where[] = "dialects.enos";
    static const char *const known[] = { "enabled", "prefix", "apps", NULL };

    if (!kdm_dialect_members(reader, where, config, known))
        return false;
    read_apps(enos, reader, config);
    *ret_door = (struct kdm_door){
        .table = &kdm_enos_table,
        .config = enos,
        .open = enos->app_count == 0,
        .put_failure = put_failure,
    };
    return kdm_dialect_mount(reader, where, config, "", ret_door);
}

/* --- who asks, for what ----------------------------------------------------------------------- */

struct kdm_str kdm_enos_query(const struct kdm_args *args, const char *name)
{
    struct kdm_str value = kdm_query_get(&args->call->query, kdm_str_of(name));

    return value.len == 0 ? KDM_STR_NONE : value;
}

/* false: the transaction has its reply. */
static bool may_enter(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str org)
{
    const struct kdm_enos *enos = args->call->door->config;
    const struct kdm_enos_app *app;
    enum kdm_enos_code code;

    if (enos->app_count == 0)
        return true;
    app = kdm_enos_verify(enos, args->call, args->arena, kdm_tx_now(tx), &code);
    if (app == NULL) {
        kdm_tx_set_status(tx, 401);
        kdm_enos_reply(tx, args, code, KDM_STR_NONE, KDM_STR_NONE);
        return false;
    }
    if (kdm_str_none(org) || kdm_dialect_has(&app->orgs, org))
        return true;
    kdm_enos_reply(tx, args, KDM_ENOS_DENIED, KDM_STR("orgId"), KDM_STR_NONE);
    return false;
}

bool kdm_enos_enter(struct kdm_tx *tx, const struct kdm_args *args, const char *const *actions,
                    struct kdm_str *ret_org, size_t *ret_action)
{
    struct kdm_str action = kdm_enos_query(args, "action");

    *ret_org = kdm_enos_query(args, "orgId");
    if (!may_enter(tx, args, *ret_org))
        return false;
    for (*ret_action = 0; actions[*ret_action] != NULL; ++*ret_action) {
        if (kdm_str_eq(action, kdm_str_of(actions[*ret_action])))
            break;
    }
    if (actions[*ret_action] == NULL)
        kdm_enos_bad(tx, args, "action");
    else if (kdm_str_none(*ret_org))
        kdm_enos_bad(tx, args, "orgId");
    else
        return true;
    return false;
}

struct kdm_val kdm_enos_body(struct kdm_tx *tx, const struct kdm_args *args, const char *member)
{
    struct kdm_json *doc = kdm_arena_alloc(args->arena, sizeof(*doc));
    struct kdm_val found;

    if (!kdm_json_scan(args->arena, args->call->body, doc, NULL)
        || kdm_val_type(kdm_json_root(doc)) != KDM_JSON_OBJECT) {
        kdm_enos_bad(tx, args, "the body must be a JSON object");
        return KDM_VAL_NONE;
    }
    /* Maps are gone through as they stand, so of a name that stands twice the last is kept. */
    found = kdm_json_parse(args->arena, kdm_json_canonical(args->arena, kdm_json_root(doc)));
    if (member == NULL)
        return found;
    found = kdm_val_get(found, kdm_str_of(member));
    if (kdm_val_type(found) == KDM_JSON_OBJECT)
        return found;
    kdm_enos_bad(tx, args, member);
    return KDM_VAL_NONE;
}

/* --- tokens ---------------------------------------------------------------------------------- */

static enum kdm_outcome token_error(struct kdm_tx *tx, enum kdm_enos_code code)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 128);
    kdm_buf_lit(&buf, "{\"status\":");
    kdm_buf_int(&buf, code);
    kdm_buf_lit(&buf, ",\"msg\":");
    kdm_json_put_str(&buf, kdm_str_of(text_of(code)));
    kdm_buf_lit(&buf, ",\"business\":\"apim-token-service\"}");
    kdm_tx_set_status(tx, 401);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

static struct kdm_str member_text(struct kdm_arena *arena, struct kdm_val body, const char *name)
{
    struct kdm_val val = kdm_val_get(body, kdm_str_of(name));

    return kdm_val_type(val) == KDM_JSON_NUMBER ? kdm_val_text(val) : kdm_val_str(arena, val);
}

/* KDM_ENOS_OK: *ret_app is who it says. */
static enum kdm_enos_code check_app(const struct kdm_enos *enos, struct kdm_arena *arena,
                                    struct kdm_val body, int64_t now_ms,
                                    const struct kdm_enos_app **ret_app)
{
    struct kdm_str key = member_text(arena, body, "appKey");
    struct kdm_str encryption = member_text(arena, body, "encryption");
    struct kdm_str timestamp = member_text(arena, body, "timestamp");
    char hex[KDM_ENOS_HEX];

    if (kdm_str_none(key) || kdm_str_none(encryption) || kdm_str_none(timestamp))
        return KDM_ENOS_NO_PARAMETER;
    *ret_app = NULL;
    for (size_t i = 0; i < enos->app_count; i++) {
        if (kdm_same_secret(enos->apps[i].access_key, key))
            *ret_app = &enos->apps[i];
    }
    if (*ret_app == NULL)
        return KDM_ENOS_UNKNOWN_KEY;
    if (!kdm_enos_is_recent(timestamp, now_ms))
        return KDM_ENOS_BAD_PARAMETER;
    kdm_enos_digest((const struct kdm_str[]){ key, timestamp, (*ret_app)->secret_key }, 3, hex);
    return kdm_same_secret(encryption, (struct kdm_str){ .ptr = hex, .len = KDM_ENOS_HEX })
               ? KDM_ENOS_OK
               : KDM_ENOS_BAD_ENCRYPTION;
}

enum kdm_outcome kdm_enos_get_token(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const struct kdm_enos_app open = { .access_key = KDM_STR("open"),
                                              .secret_key = KDM_STR("open") };
    const struct kdm_enos *enos = args->call->door->config;
    const struct kdm_enos_app *app = &open; /* without credentials any token does */
    int64_t now_ms = kdm_tx_now(tx), slot_ms = KDM_ENOS_TOKEN_SECONDS * 1000LL;
    struct kdm_json doc;
    enum kdm_enos_code code = KDM_ENOS_OK;
    char hex[KDM_ENOS_HEX];

    if (!kdm_json_scan(args->arena, args->call->body, &doc, NULL))
        return token_error(tx, KDM_ENOS_BAD_PARAMETER);
    if (enos->app_count > 0)
        code = check_app(enos, args->arena, kdm_json_root(&doc), now_ms, &app);
    if (code != KDM_ENOS_OK)
        return token_error(tx, code);
    kdm_enos_token(app, now_ms, hex);
    return kdm_tx_reply(
        tx,
        kdm_arena_printf(args->arena,
                         "{\"status\":0,\"msg\":\"SUCCESS\",\"business\":\"apim-token-service\","
                         "\"data\":{\"accessToken\":\"%.*s\",\"expire\":%lld}}",
                         KDM_ENOS_HEX, hex, (long long)((slot_ms - now_ms % slot_ms) / 1000)));
}

/* security_search.c - searching users, profiles, roles and API keys. Their collections are searched
 * as those of clients are (search_plan.h); what is special is how the requests say what they look
 * for.
 */
#include "action/kuzzle/search_reply.h"
#include "action/kuzzle/security.h"
#include "action/scan_search.h"

/* Scopes of cursors; what has no action to scroll opens none. */
#define USERS    KDM_STR("user")
#define PROFILES KDM_STR("profile")
#define NO_SCOPE KDM_STR_NONE

/* Without `size` a search returns all, which is as much as a search may return. */
static int64_t size_of(struct kdm_tx *tx, const struct kdm_args *args)
{
    int64_t from = kdm_args_int(args, KDM_ARG_FROM, 0);
    int64_t most = kdm_server_of(tx)->limits.documents_fetch;

    if (most > KDM_SEARCH_WINDOW - from)
        most = from > 0 && from < KDM_SEARCH_WINDOW ? KDM_SEARCH_WINDOW - from : KDM_SEARCH_WINDOW;
    return kdm_args_int(args, KDM_ARG_SIZE, most);
}

/* The page of those that match `body`. */
static enum kdm_outcome search(struct kdm_tx *tx, const struct kdm_args *args,
                               enum kdm_security_collection which, struct kdm_val body,
                               struct kdm_str scope, int64_t size)
{
    const struct kdm_search_request request = { .body = body,
                                                .lang = kdm_search_lang_of(args),
                                                .from = kdm_args_int(args, KDM_ARG_FROM, 0),
                                                .size = size,
                                                .now_ms = kdm_tx_now(tx) };
    struct kdm_collection *collection;
    struct kdm_plan *plan;
    int64_t scroll_ms = 0;

    if (!kdm_search_size_allowed(tx, 0, size)
        || (!kdm_str_none(scope) && !kdm_scroll_duration(tx, args, 0, &scroll_ms))
        || !kdm_security_collection(tx, which, &collection))
        return KDM_WAIT;
    plan = kdm_plan_make(tx, &collection, 1, &request);
    return plan != NULL ? kdm_search_reply(tx, plan, body, scope, scroll_ms) : KDM_WAIT;
}

enum kdm_outcome kdm_security_search_users(struct kdm_tx *tx, const struct kdm_args *args)
{
    return search(tx, args, KDM_SECURITY_USERS, args->body, USERS, size_of(tx, args));
}

enum kdm_outcome kdm_security_scroll_users(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_scroll_reply(tx, args, USERS);
}

/* --- profiles ----------------------------------------------------------------------------------
 */

/* The body with its `roles` made a query: how searches were written before they had one. */
static struct kdm_val body_of_roles(const struct kdm_args *args)
{
    struct kdm_val roles = kdm_args_val(args, KDM_ARG_BODY_ROLES), body;
    struct kdm_str query = KDM_STR("{}");

    body = kdm_json_parse(args->arena,
                          kdm_json_set(args->arena, args->body, KDM_STR("roles"), KDM_STR_NONE));
    if (kdm_val_count(roles) > 0)
        query = kdm_arena_printf(args->arena, "{\"terms\":{\"policies.roleId\":" KDM_FMT "}}",
                                 KDM_ARG(kdm_json_canonical(args->arena, roles)));
    return kdm_json_parse(args->arena, kdm_json_set(args->arena, body, KDM_STR("query"), query));
}

enum kdm_outcome kdm_security_search_profiles(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val body = args->body;

    if (kdm_args_has(args, KDM_ARG_BODY_ROLES)) {
        if (kdm_args_has(args, KDM_ARG_BODY_QUERY))
            return kdm_tx_fail(tx, KDM_ERR_SECURITY_PROFILE_SEARCH_EXCLUSIVE, NULL, 0);
        body = body_of_roles(args);
    }
    return search(tx, args, KDM_SECURITY_PROFILES, body, PROFILES, size_of(tx, args));
}

enum kdm_outcome kdm_security_scroll_profiles(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_scroll_reply(tx, args, PROFILES);
}

/* --- roles -------------------------------------------------------------------------------------
 */

/* Does the role name one of the controllers, or all of them? Names of members are in no index. */
static bool names_controller(void *ctx, struct kdm_str id, struct kdm_val source)
{
    const struct kdm_str_list *wanted = ctx;
    struct kdm_val controllers = kdm_val_get(source, KDM_STR("controllers"));

    (void)id;
    if (wanted->count == 0 || !kdm_val_none(kdm_val_get(controllers, KDM_STR("*"))))
        return true;
    for (size_t i = 0; i < wanted->count; i++)
        if (!kdm_val_none(kdm_val_get(controllers, wanted->items[i])))
            return true;
    return false;
}

static enum kdm_outcome reply_found(struct kdm_tx *tx, const struct kdm_scan_found *found)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 1024);
    kdm_buf_lit(&buf, "{\"hits\":[");
    for (size_t i = 0; i < found->count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf,
                    kdm_security_item(kdm_tx_arena(tx), found->hits[i].id, found->hits[i].source));
    }
    kdm_buf_printf(&buf, "],\"total\":%zu}", found->total);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

static enum kdm_outcome search_by_controllers(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str_list *wanted = kdm_arena_alloc(args->arena, sizeof(*wanted));
    struct kdm_scan_search ask = {
        .name = KDM_STR("roles by controllers"),
        .request = { .body = KDM_VAL_NONE,
                     .from = kdm_args_int(args, KDM_ARG_FROM, 0),
                     .size = size_of(tx, args),
                     .now_ms = kdm_tx_now(tx) },
        .accepts = names_controller,
        .ctx = wanted,
    };
    struct kdm_scan_found found;

    *wanted = kdm_args_strings(args, KDM_ARG_BODY_CONTROLLERS);
    if (!kdm_search_size_allowed(tx, 0, ask.request.size)
        || !kdm_security_collection(tx, KDM_SECURITY_ROLES, &ask.collection)
        || !kdm_scan_search(tx, &ask, &found))
        return KDM_WAIT;
    return reply_found(tx, &found);
}

enum kdm_outcome kdm_security_search_roles(struct kdm_tx *tx, const struct kdm_args *args)
{
    if (!kdm_args_has(args, KDM_ARG_BODY_CONTROLLERS))
        return search(tx, args, KDM_SECURITY_ROLES, args->body, NO_SCOPE, size_of(tx, args));
    if (kdm_args_has(args, KDM_ARG_BODY_QUERY))
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_ROLE_SEARCH_EXCLUSIVE, NULL, 0);
    return search_by_controllers(tx, args);
}

/* --- API keys ------------------------------------------------------------------------------------
 */

/* `body` is the clause itself; what is found is the user's whatever it says. A key's generation is
 * nobody's business (security/layout.h). */
static struct kdm_val body_of_keys(const struct kdm_args *args, struct kdm_str kuid)
{
    bool koncorde = kdm_search_lang_of(args) == KDM_LANG_KONCORDE;
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, kdm_val_text(args->body).len + 128);
    kdm_buf_put(&buf, koncorde
                          ? KDM_STR("{\"query\":{\"and\":[{\"equals\":{\"userId\":")
                          : KDM_STR("{\"query\":{\"bool\":{\"filter\":[{\"term\":{\"userId\":"));
    kdm_json_put_str(&buf, kuid);
    kdm_buf_lit(&buf, "}}");
    if (kdm_val_count(args->body) > 0) {
        kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, kdm_val_text(args->body));
    }
    kdm_buf_put(&buf, koncorde ? KDM_STR("]}") : KDM_STR("]}}"));
    kdm_buf_lit(&buf, ",\"_source\":{\"excludes\":[\"generation\"]}}");
    return kdm_json_parse(args->arena, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_security_reply_api_keys(struct kdm_tx *tx, const struct kdm_args *args,
                                             struct kdm_str kuid)
{
    return search(tx, args, KDM_SECURITY_API_KEYS, body_of_keys(args, kuid), NO_SCOPE,
                  kdm_args_int(args, KDM_ARG_SIZE, 10));
}

enum kdm_outcome kdm_security_search_api_keys(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_security_reply_api_keys(tx, args, kdm_args_str(args, KDM_ARG_USER_ID));
}

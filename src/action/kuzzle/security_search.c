/* security_search.c - searching users, profiles, roles and API keys. Their collections are searched
 * as those of clients are (search.h); what is special is how the requests say what they look
 * for.
 */
#include "action/kuzzle/search_reply.h"
#include "action/kuzzle/security.h"
#include <stdlib.h>

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
    struct kdm_find_request request = kdm_search_request(args, body);
    struct kdm_collection *collection;
    int64_t scroll_ms = 0;

    request.lang = kdm_search_lang_of(args);
    request.size = size;
    request.collections = &collection;
    request.count = 1;

    if (!kdm_search_size_allowed(tx, 0, size)
        || (!kdm_str_none(scope) && !kdm_scroll_duration(tx, args, 0, &scroll_ms))
        || !kdm_security_collection(tx, which, &collection))
        return KDM_WAIT;
    return kdm_search_reply(tx, &request, body, scope, scroll_ms);
}

enum kdm_outcome kdm_security_search_users(struct kdm_tx *tx, const struct kdm_args *args)
{
    return search(tx, args, KDM_SECURITY_USERS, args->body, USERS, size_of(tx, args));
}

enum kdm_outcome kdm_security_scroll_users(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_scroll_reply(tx, args, USERS);
}

/* --- profiles ------------------------------------------------------------------------------ */

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

/* --- roles --------------------------------------------------------------------------------- */

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

/* As searches tell equal hits: in the order in which they were last written. */
static int by_sequence(const void *a, const void *b)
{
    const struct kdm_doc *left = *(struct kdm_doc *const *)a, *right = *(struct kdm_doc *const *)b;

    if (left->sequence != right->sequence)
        return left->sequence < right->sequence ? -1 : 1;
    return kdm_str_cmp(left->id, right->id);
}

static enum kdm_outcome reply_roles(struct kdm_tx *tx, const struct kdm_doc_list *roles,
                                    size_t from, size_t size)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_doc **docs = kdm_arena_alloc(arena, (roles->count + 1) * sizeof(struct kdm_doc *));
    struct kdm_buf buf;

    if (roles->count > 0)
        memcpy(docs, roles->items, roles->count * sizeof(struct kdm_doc *));
    qsort(docs, roles->count, sizeof(struct kdm_doc *), by_sequence);
    kdm_buf_init(&buf, arena, 1024);
    kdm_buf_lit(&buf, "{\"hits\":[");
    for (size_t i = from; i < roles->count && i - from < size; i++) {
        if (i > from)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, kdm_security_item(arena, docs[i]->id, docs[i]->text));
    }
    kdm_buf_printf(&buf, "],\"total\":%zu}", roles->count);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

static enum kdm_outcome search_by_controllers(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str_list *wanted = kdm_arena_alloc(args->arena, sizeof(*wanted));
    int64_t from = kdm_args_int(args, KDM_ARG_FROM, 0), size = size_of(tx, args);
    struct kdm_collection *collection;
    struct kdm_doc_list roles;

    *wanted = kdm_args_strings(args, KDM_ARG_BODY_CONTROLLERS);
    if (!kdm_search_size_allowed(tx, 0, size)
        || !kdm_security_collection(tx, KDM_SECURITY_ROLES, &collection)
        || !kdm_tx_scan(tx, KDM_STR("roles by controllers"), collection, false, names_controller,
                        wanted, &roles))
        return KDM_WAIT;
    return reply_roles(tx, &roles, from > 0 ? (size_t)from : 0, size > 0 ? (size_t)size : 0);
}

enum kdm_outcome kdm_security_search_roles(struct kdm_tx *tx, const struct kdm_args *args)
{
    if (!kdm_args_has(args, KDM_ARG_BODY_CONTROLLERS))
        return search(tx, args, KDM_SECURITY_ROLES, args->body, NO_SCOPE, size_of(tx, args));
    if (kdm_args_has(args, KDM_ARG_BODY_QUERY))
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_ROLE_SEARCH_EXCLUSIVE, NULL, 0);
    return search_by_controllers(tx, args);
}

/* --- API keys ------------------------------------------------------------------------------ */

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

/* security.c - see security.h. */
#include "action/kuzzle/security.h"

void kdm_security_log_many(struct kdm_tx *tx, const char *what, struct kdm_str ids)
{
    const struct kdm_tx_origin *origin = kdm_tx_origin(tx);
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 128);
    kdm_buf_lit(&buf, "security: ");
    if (kdm_str_none(origin->kuid)) {
        kdm_buf_lit(&buf, "the server");
    } else {
        kdm_buf_lit(&buf, "user ");
        kdm_json_put_str(&buf, origin->kuid);
    }
    kdm_buf_printf(&buf, " did " KDM_FMT " on %s ", KDM_ARG(origin->action), what);
    kdm_buf_put(&buf, ids);
    kdm_tx_log(tx, kdm_buf_str(&buf));
}

void kdm_security_log(struct kdm_tx *tx, const char *what, struct kdm_str id)
{
    kdm_security_log_many(tx, what, kdm_json_quoted(kdm_tx_arena(tx), id));
}

enum kdm_outcome kdm_security_reply(struct kdm_tx *tx, struct kdm_str id, struct kdm_str source)
{
    return kdm_tx_reply(tx, kdm_security_item(kdm_tx_arena(tx), id, source));
}

enum kdm_outcome kdm_security_commit(struct kdm_tx *tx, const char *what, struct kdm_str id,
                                     struct kdm_str source)
{
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_security_log(tx, what, id);
    return kdm_security_reply(tx, id, source);
}

enum kdm_outcome kdm_security_reply_end(struct kdm_tx *tx, const char *what, struct kdm_str id)
{
    kdm_security_log(tx, what, id);
    return kdm_tx_reply(tx, kdm_json_pair(kdm_tx_arena(tx), "_id", id));
}

enum kdm_outcome kdm_security_commit_end(struct kdm_tx *tx, const char *what, struct kdm_str id)
{
    return kdm_tx_commit(tx) ? kdm_security_reply_end(tx, what, id) : KDM_WAIT;
}

struct kdm_val kdm_security_content(struct kdm_arena *arena, struct kdm_val body,
                                    struct kdm_str skip)
{
    const struct kdm_str names[] = { KDM_STR("_id"), KDM_STR("_kuzzle_info"), skip };
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(body).len + 8);
    kdm_buf_char(&buf, '{');
    kdm_json_put_members_except(&buf, body, names, kdm_str_none(skip) ? 2 : 3);
    kdm_buf_char(&buf, '}');
    return kdm_json_parse(arena, kdm_buf_str(&buf));
}

/* --- many at once -------------------------------------------------------------------------- */

static bool ask_for_all(struct kdm_tx *tx, struct kdm_collection *collection,
                        const struct kdm_str_list *ids)
{
    if (ids->count > (size_t)kdm_server_of(tx)->limits.documents_fetch) {
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
        return false;
    }
    for (size_t i = 0; i < ids->count; i++)
        kdm_tx_want(tx, collection, ids->items[i]);
    return true;
}

static struct kdm_str_list asked_ids(const struct kdm_args *args,
                                     enum kdm_security_collection which)
{
    bool users = which == KDM_SECURITY_USERS;

    return kdm_args_strings(
        args, users && !kdm_args_has(args, KDM_ARG_BODY_IDS) ? KDM_ARG_IDS : KDM_ARG_BODY_IDS);
}

enum kdm_outcome kdm_security_reply_many(struct kdm_tx *tx, const struct kdm_args *args,
                                         enum kdm_security_collection which, enum kdm_err missing)
{
    const struct kdm_str_list ids = asked_ids(args, which);
    struct kdm_collection *collection;
    struct kdm_doc *doc;
    struct kdm_buf buf;

    if (!kdm_security_collection(tx, which, &collection) || !ask_for_all(tx, collection, &ids))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 256);
    kdm_buf_lit(&buf, "{\"hits\":[");
    for (size_t i = 0; i < ids.count; i++) {
        if (!kdm_tx_read_unchecked(tx, collection, ids.items[i], &doc))
            return KDM_WAIT;
        if (doc == NULL && missing != KDM_OK)
            return kdm_tx_fail(tx, missing, &ids.items[i], 1);
        if (doc == NULL)
            continue;
        kdm_json_put_comma(&buf);
        kdm_buf_put(&buf, kdm_security_item(args->arena, doc->id, doc->text));
    }
    kdm_buf_lit(&buf, "]}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

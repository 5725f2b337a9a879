/* admin.c - admin:* that concerns the process: its caches and its end. */
#include "action/kuzzle/target.h"

/* --- caches -------------------------------------------------------------------------------- */

/* Indexes and collections are asked of Redis whenever a list is wanted, and what is remembered of
 * them is checked by every commit: there is no list that could be out of date. */
enum kdm_outcome kdm_admin_refresh_index_cache(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return kdm_tx_reply(tx, KDM_STR("null"));
}

/* What Kuzzle keeps in its internal cache (tokens, users, cursors) is a document or a record here,
 * and what a process remembers of it follows the record. So there is nothing to be lost. */
enum kdm_outcome kdm_admin_reset_cache(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str database = kdm_args_str(args, KDM_ARG_DATABASE);

    if (kdm_str_eq(database, KDM_STR("internalCache")))
        return kdm_tx_reply(tx, KDM_STR("{\"acknowledge\":true}"));
    if (kdm_str_eq(database, KDM_STR("memoryStorage"))) /* comes with the controller ms */
        return kdm_tx_fail(tx, KDM_ERR_API_PROCESS_NOT_IMPLEMENTED,
                           KDM_PROPS(KDM_STR("admin"), KDM_STR("resetCache")));
    return kdm_tx_fail(tx, KDM_ERR_SERVICES_CACHE_DATABASE_NOT_FOUND, KDM_PROPS(database));
}

/* --- the end ------------------------------------------------------------------------------- */

/* Of this node; others go on. The reply leaves before the end, and a second call is refused like
 * every request by then (api.process.shutting_down). */
enum kdm_outcome kdm_admin_shutdown(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_context *server = kdm_server_of(tx);

    (void)args;
    kdm_tx_log(tx, kdm_arena_printf(kdm_tx_arena(tx), "admin:shutdown asked for by user " KDM_FMT,
                                    KDM_ARG(kdm_tx_origin(tx)->kuid)));
    server->stop(server->stop_ctx);
    return kdm_tx_reply(tx, KDM_STR("{\"acknowledge\":true}"));
}

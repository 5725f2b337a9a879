/* server.c - the server's clock, configuration and description of its API. */
#include "action/kuzzle/server.h"
#include "action/kuzzle/yaml.h"
#include "security/model.h"

enum kdm_outcome kdm_reply_snapshot(struct kdm_tx *tx, const struct kdm_args *args,
                                    kdm_snapshot_fn *fn)
{
    static const char key[] = "snapshot";
    struct kdm_buf *buf = kdm_tx_kept(tx, key);

    if (buf == NULL) {
        buf = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*buf));
        kdm_buf_init(buf, kdm_tx_arena(tx), 512);
        fn(tx, args, buf);
        kdm_tx_keep(tx, key, buf);
    }
    return kdm_tx_failure(tx)->err == KDM_OK ? kdm_tx_reply(tx, kdm_buf_str(buf)) : KDM_WAIT;
}

enum kdm_outcome kdm_server_now(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, 32);
    kdm_buf_lit(&buf, "{\"now\":");
    kdm_buf_int(&buf, kdm_tx_now(tx));
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_server_admin_exists(struct kdm_tx *tx, const struct kdm_args *args)
{
    bool exists;

    (void)args;
    if (!kdm_security_admin_exists(tx, &exists))
        return KDM_WAIT;
    return kdm_tx_reply(tx, exists ? KDM_STR("{\"exists\":true}") : KDM_STR("{\"exists\":false}"));
}

enum kdm_outcome kdm_server_get_config(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val config = kdm_json_parse(args->arena, kdm_server_of(tx)->config_json);

    return kdm_tx_reply(tx, kdm_json_set(args->arena, config, KDM_STR("version"),
                                         KDM_STR("\"" KDM_KUZZLE_VERSION "\"")));
}

enum kdm_outcome kdm_server_public_api(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return kdm_tx_reply(tx, kdm_public_api);
}

/* --- openapi ---------------------------------------------------------------------------------- */

/* Is the argument absent or `first`, or `second`? Anything else fails the transaction. */
static bool choose(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_arg id,
                   struct kdm_str first, struct kdm_str second, bool *ret_second)
{
    struct kdm_str value = kdm_args_has(args, id) ? kdm_args_str(args, id) : first;
    struct kdm_str accepted;

    *ret_second = kdm_str_eq(value, second);
    if (*ret_second || kdm_str_eq(value, first))
        return true;
    accepted = kdm_arena_printf(args->arena, KDM_FMT ", " KDM_FMT, KDM_ARG(first), KDM_ARG(second));
    kdm_tx_fail(tx, KDM_ERR_API_ASSERT_UNEXPECTED_ARGUMENT, KDM_PROPS(value, accepted));
    return false;
}

enum kdm_outcome kdm_server_openapi(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_buf yaml, quoted;
    bool is_yaml, is_app;
    struct kdm_str json;

    if (!choose(tx, args, KDM_ARG_FORMAT, KDM_STR("json"), KDM_STR("yaml"), &is_yaml)
        || !choose(tx, args, KDM_ARG_SCOPE, KDM_STR("kuzzle"), KDM_STR("app"), &is_app))
        return KDM_WAIT;
    json = is_app ? kdm_openapi_app : kdm_openapi_kuzzle;
    if (!is_yaml)
        return kdm_tx_reply(tx, json);
    kdm_tx_set_header(tx, KDM_STR("content-type"), KDM_STR("application/yaml"));
    kdm_buf_init(&yaml, args->arena, json.len);
    kdm_yaml_put(args->arena, &yaml, kdm_json_parse(args->arena, json));
    kdm_buf_init(&quoted, args->arena, yaml.len + yaml.len / 8);
    kdm_json_put_str(&quoted, kdm_buf_str(&yaml));
    return kdm_tx_reply(tx, kdm_buf_str(&quoted));
}

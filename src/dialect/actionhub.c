/* actionhub.c - see actionhub.h. */
#include "dialect/actionhub.h"
#include "doors.gen.h"
#include "security/secret.h"

/* --- configuration --------------------------------------------------------------------------- */

static void read_keys(struct kdm_actionhub *actionhub, struct kdm_dialect_reader *reader,
                      const json_t *config)
{
    static const char where[] = "dialects.actionhub.keys";
    static const char *const known[] = { "key", "programs", "admin", NULL };
    const json_t *keys = kdm_dialect_list(reader, "dialects.actionhub", config, "keys");
    json_t *entry;
    size_t i;

    actionhub->keys =
        kdm_arena_alloc(reader->arena, (json_array_size(keys) + 1) * sizeof(*actionhub->keys));
    json_array_foreach(keys, i, entry)
    {
        struct kdm_actionhub_key *key = &actionhub->keys[actionhub->key_count++];

        if (!kdm_dialect_members(reader, where, entry, known))
            return;
        key->key = kdm_dialect_text(reader, where, entry, "key", NULL);
        key->programs = kdm_dialect_texts(reader, where, entry, "programs");
        key->admin = kdm_dialect_bool(reader, where, entry, "admin", false);
    }
}

static void put_failure(const struct kdm_door_call *call, const struct kdm_failure *failure,
                        struct kdm_arena *arena, struct kdm_buf *body, int *ret_status)
{
    struct kdm_str text = failure->status == 500   ? KDM_STR("Internal Server Error")
                          : failure->status == 404 ? KDM_STR("Not Found")
                          : failure->status == 405 ? KDM_STR("Method Not Allowed")
                                                   : kdm_door_reason(failure);

    (void)call;
    *ret_status = failure->status;
    kdm_buf_put(body, kdm_json_pair(arena, "detail", text));
}

bool kdm_actionhub_configure(struct kdm_actionhub *actionhub, struct kdm_dialect_reader *reader,
                             const json_t *config, struct kdm_door *ret_door)
{
    static const char where[] = "dialects.actionhub";
    static const char *const known[] = { "enabled", "prefix", "keys", NULL };

    if (!kdm_dialect_members(reader, where, config, known))
        return false;
    read_keys(actionhub, reader, config);
    *ret_door = (struct kdm_door){
        .table = &kdm_actionhub_table,
        .config = actionhub,
        .open = actionhub->key_count == 0,
        .put_failure = put_failure,
    };
    return kdm_dialect_mount(reader, where, config, "", ret_door);
}

/* --- who asks -------------------------------------------------------------------------------- */

/* All keys are compared, each in constant time, so that time tells nothing about any. */
static const struct kdm_actionhub_key *find_key(const struct kdm_actionhub *actionhub,
                                                struct kdm_str given)
{
    const struct kdm_actionhub_key *found = NULL;

    for (size_t i = 0; i < actionhub->key_count; i++) {
        const struct kdm_actionhub_key *key = &actionhub->keys[i];

        if (kdm_same_secret(key->key, given))
            found = key;
    }
    return found;
}

static bool opens(const struct kdm_actionhub_caller *caller)
{
    return kdm_str_none(caller->program) || caller->admin
           || (caller->key != NULL && kdm_dialect_has(&caller->key->programs, caller->program))
           || (!kdm_str_none(caller->issued) && kdm_str_eq(caller->issued, caller->program));
}

/* Fills in whose key it is; *ret_known false: nobody's. false: wait. */
static bool read_key(struct kdm_tx *tx, const struct kdm_args *args,
                     struct kdm_actionhub_caller *caller, bool *ret_known)
{
    struct kdm_str given = kdm_door_header(args->call, KDM_STR("actionhub-key"));

    caller->key = kdm_str_none(given) ? NULL : find_key(args->call->door->config, given);
    caller->admin = caller->key != NULL && caller->key->admin;
    *ret_known = caller->key != NULL;
    return *ret_known || kdm_str_none(given)
           || kdm_actionhub_issued(tx, given, ret_known, &caller->issued);
}

/* Does the key open the program? *ret_caller is filled in any case. false: wait. */
static bool ask_key(struct kdm_tx *tx, const struct kdm_args *args,
                    struct kdm_actionhub_caller *ret_caller, bool *ret_opens)
{
    const struct kdm_actionhub *actionhub = args->call->door->config;
    bool known = true;

    *ret_caller = (struct kdm_actionhub_caller){
        .program = kdm_door_header(args->call, KDM_STR("program-id")),
        .anybody = actionhub->key_count == 0,
        .admin = actionhub->key_count == 0,
        .issued = KDM_STR_NONE,
    };
    if (!ret_caller->anybody && !read_key(tx, args, ret_caller, &known))
        return false;
    *ret_opens = known && opens(ret_caller);
    return true;
}

static enum kdm_outcome refuse_key(struct kdm_tx *tx)
{
    return kdm_actionhub_detail(tx, 403, KDM_STR("Could not validate API KEY"));
}

bool kdm_actionhub_enter(struct kdm_tx *tx, const struct kdm_args *args,
                         struct kdm_actionhub_caller *ret_caller, enum kdm_outcome *ret_outcome)
{
    bool in;

    *ret_outcome = KDM_WAIT;
    if (!ask_key(tx, args, ret_caller, &in))
        return false;
    if (!in)
        *ret_outcome = refuse_key(tx);
    return in;
}

bool kdm_actionhub_enter_program(struct kdm_tx *tx, const struct kdm_args *args,
                                 struct kdm_actionhub_caller *ret_caller,
                                 struct kdm_actionhub_issues *issues, enum kdm_outcome *ret_outcome)
{
    bool in;

    *ret_outcome = KDM_WAIT;
    if (!ask_key(tx, args, ret_caller, &in))
        return false;
    kdm_actionhub_issues_init(issues, args->arena);
    if (kdm_str_none(ret_caller->program))
        kdm_actionhub_issue(issues, KDM_STR("\"header\",\"program-id\""), "field required",
                            "value_error.missing", KDM_STR_NONE);
    if (!in)
        *ret_outcome = issues->count > 0 ? kdm_actionhub_refuse(tx, issues) : refuse_key(tx);
    return in;
}

enum kdm_outcome kdm_actionhub_detail(struct kdm_tx *tx, int status, struct kdm_str text)
{
    kdm_tx_set_status(tx, status);
    return kdm_tx_reply(tx, kdm_json_pair(kdm_tx_arena(tx), "detail", text));
}

enum kdm_outcome kdm_actionhub_refuse(struct kdm_tx *tx, const struct kdm_actionhub_issues *issues)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), issues->buf.len + 16);
    kdm_buf_lit(&buf, "{\"detail\":[");
    kdm_buf_put(&buf, kdm_buf_str(&issues->buf));
    kdm_buf_lit(&buf, "]}");
    kdm_tx_set_status(tx, 422);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* admin_securities.c - admin:loadSecurities: roles, profiles and users by one request, in this
 * order, so that a profile may name a role of the same request. What one commit takes is one
 * commit; a larger load is several, and in a replay what is committed is known by what was written.
 * Passwords are hashed one after the other, which is what takes the time of a large load.
 */
#include "action/kuzzle/security.h"

/* Documents of one commit, well below its limits; and what a user may come with: itself, its
 * credentials there and back, its generation of tokens, some API keys of one that is overwritten.
 */
#define MOST_DOCUMENTS 400
#define USER_DOCUMENTS 20

enum on_existing { FAIL, OVERWRITE, SKIP };

struct load {
    struct kdm_tx *tx;
    bool force;
    enum on_existing on_existing;
    struct kdm_val roles, profiles, users; /* {id: ..} or NONE */
    size_t staged;                         /* documents since the last commit */
    size_t skipped;
};

/* --- commits ------------------------------------------------------------------------------- */

/* Makes room for `documents` more, by a commit when it is full. Where the commits are depends on
 * the request alone, so it is the same in every replay. false: wait. */
static bool make_room(struct load *load, size_t documents)
{
    if (load->staged + documents > MOST_DOCUMENTS) {
        if (!kdm_tx_commit(load->tx))
            return false;
        load->staged = 0;
    }
    load->staged += documents;
    return true;
}

/* Was the document written by an earlier commit of this request? */
static bool is_done(struct load *load, enum kdm_security_collection which, struct kdm_str id,
                    bool *ret_done)
{
    struct kdm_collection *collection;

    if (!kdm_security_collection(load->tx, which, &collection))
        return false;
    *ret_done = kdm_tx_written(load->tx, collection, id) != NULL;
    return true;
}

/* --- what is loaded ------------------------------------------------------------------------ */

static bool expect_object(struct load *load, struct kdm_val val, const char *kind,
                          struct kdm_str id)
{
    if (kdm_val_type(val) == KDM_JSON_OBJECT)
        return true;
    kdm_tx_fail(
        load->tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
        KDM_PROPS(kdm_arena_printf(kdm_tx_arena(load->tx), "body.%s." KDM_FMT, kind, KDM_ARG(id)),
                  KDM_STR("object")));
    return false;
}

typedef bool load_fn(struct load *load, struct kdm_str id, struct kdm_val body);

/* Each member; false: wait, or one is refused. */
static bool load_each(struct load *load, struct kdm_val objects, const char *kind, load_fn *fn)
{
    struct kdm_val_iter it;
    struct kdm_val name, body;

    for (kdm_members(&it, objects); kdm_member_next(&it, &name, &body);) {
        struct kdm_str id = kdm_val_str(kdm_tx_arena(load->tx), name);

        if (!expect_object(load, body, kind, id) || !fn(load, id, body))
            return false;
    }
    return true;
}

static bool load_role(struct load *load, struct kdm_str id, struct kdm_val body)
{
    struct kdm_str text;
    bool done;

    if (!make_room(load, 1) || !is_done(load, KDM_SECURITY_ROLES, id, &done))
        return false;
    return done || kdm_security_stage_role(load->tx, id, body, load->force, &text);
}

static bool load_profile(struct load *load, struct kdm_str id, struct kdm_val body)
{
    struct kdm_str text;
    bool done;

    if (!make_room(load, 1) || !is_done(load, KDM_SECURITY_PROFILES, id, &done))
        return false;
    return done || kdm_security_stage_profile(load->tx, id, body, false, &text);
}

/* Any member of these may be absent, but what is there is an object. */
static bool read_user(struct load *load, struct kdm_str id, struct kdm_val body,
                      struct kdm_new_user *ret_user)
{
    struct kdm_arena *arena = kdm_tx_arena(load->tx);
    struct kdm_val content = kdm_val_get(body, KDM_STR("content"));
    struct kdm_val credentials = kdm_val_get(body, KDM_STR("credentials"));
    struct kdm_str path = kdm_arena_printf(arena, KDM_FMT ".content", KDM_ARG(id));

    *ret_user = (struct kdm_new_user){
        .id = id,
        .profile_ids = kdm_val_get(content, KDM_STR("profileIds")),
        .profile_argument =
            kdm_arena_printf(arena, "body.users." KDM_FMT ".profileIds", KDM_ARG(path)),
        .content = content,
    };
    if (!expect_object(load, content, "users", path))
        return false;
    if (kdm_val_null(credentials))
        return true;
    ret_user->credentials = credentials;
    return expect_object(load, credentials, "users",
                         kdm_arena_printf(arena, KDM_FMT ".credentials", KDM_ARG(id)));
}

static bool load_user(struct load *load, struct kdm_str id, struct kdm_val body)
{
    struct kdm_new_user user;
    struct kdm_doc *old;
    struct kdm_str text;
    bool done;

    if (!make_room(load, USER_DOCUMENTS) || !is_done(load, KDM_SECURITY_USERS, id, &done))
        return false;
    if (done)
        return true;
    if (!read_user(load, id, body, &user)
        || !kdm_security_read(load->tx, KDM_SECURITY_USERS, id, &old))
        return false;
    if (old != NULL && load->on_existing == SKIP) {
        load->skipped++;
        return true;
    }
    if (old != NULL && !kdm_security_stage_user_end(load->tx, old))
        return false;
    return kdm_security_stage_user(load->tx, &user, &text);
}

/* --- the action ---------------------------------------------------------------------------- */

/* None of the users is there, when none may be overwritten; known before anything is stored. */
static bool check_existing(struct load *load)
{
    struct kdm_collection *users;
    struct kdm_val_iter it;
    struct kdm_val name, body;
    struct kdm_doc *doc;

    if (!kdm_security_collection(load->tx, KDM_SECURITY_USERS, &users))
        return false;
    for (kdm_members(&it, load->users); kdm_member_next(&it, &name, &body);)
        kdm_tx_want(load->tx, users, kdm_val_str(kdm_tx_arena(load->tx), name));
    for (kdm_members(&it, load->users); kdm_member_next(&it, &name, &body);) {
        struct kdm_str id = kdm_val_str(kdm_tx_arena(load->tx), name);

        if (!kdm_tx_read(load->tx, users, id, &doc))
            return false;
        if (doc != NULL && load->on_existing == FAIL
            && kdm_tx_written(load->tx, users, id) == NULL) {
            kdm_tx_fail(load->tx, KDM_ERR_SECURITY_USER_PREVENT_OVERWRITE, NULL, 0);
            return false;
        }
    }
    return true;
}

static enum on_existing on_existing_of(const struct kdm_args *args)
{
    struct kdm_str asked = kdm_args_str(args, KDM_ARG_ON_EXISTING_USERS);

    if (kdm_str_eq(asked, KDM_STR("overwrite")))
        return OVERWRITE;
    return kdm_str_eq(asked, KDM_STR("skip")) ? SKIP : FAIL;
}

static void log_done(struct load *load)
{
    kdm_tx_log(load->tx,
               kdm_arena_printf(kdm_tx_arena(load->tx),
                                "admin:loadSecurities: %u roles, %u profiles and %zu users loaded, "
                                "%zu users skipped",
                                kdm_val_count(load->roles), kdm_val_count(load->profiles),
                                kdm_val_count(load->users) - load->skipped, load->skipped));
}

/* Each name once: of duplicate members the last counts. */
static struct kdm_val member(const struct kdm_args *args, enum kdm_arg id)
{
    if (!kdm_args_has(args, id))
        return KDM_VAL_NONE;
    return kdm_json_parse(args->arena, kdm_json_canonical(args->arena, kdm_args_val(args, id)));
}

enum kdm_outcome kdm_admin_load_securities(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct load load = { .tx = tx,
                         .force = kdm_args_bool(args, KDM_ARG_FORCE),
                         .on_existing = on_existing_of(args),
                         .roles = member(args, KDM_ARG_BODY_ROLES),
                         .profiles = member(args, KDM_ARG_BODY_PROFILES),
                         .users = member(args, KDM_ARG_BODY_USERS) };

    if (!check_existing(&load) || !load_each(&load, load.roles, "roles", load_role)
        || !load_each(&load, load.profiles, "profiles", load_profile)
        || !load_each(&load, load.users, "users", load_user) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    log_done(&load);
    return kdm_tx_reply(tx, KDM_STR("{\"acknowledge\":true}"));
}

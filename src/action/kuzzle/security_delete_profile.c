/* security_delete_profile.c - see security_delete.h. Job arguments: {"profile":id}. */
#include "action/kuzzle/security.h"
#include "action/kuzzle/security_delete.h"

#define JOB_KIND "profile-delete"
/* What one commit takes, well below its limits. */
#define MOST_USERS 400
#define MOST_BYTES (KDM_COMMIT_MAX_BYTES / 2)
#define INFO_MAX   1024 /* what a new _kuzzle_info may add */

struct kdm_str kdm_security_user_without(struct kdm_arena *arena, struct kdm_val source,
                                         struct kdm_str profile)
{
    struct kdm_val_iter it;
    struct kdm_buf buf;
    struct kdm_val id;

    kdm_buf_init(&buf, arena, 128);
    kdm_buf_char(&buf, '[');
    for (kdm_elements(&it, kdm_val_get(source, KDM_STR("profileIds")));
         kdm_element_next(&it, &id);) {
        if (kdm_val_str_eq(id, profile))
            continue;
        if (buf.len > 1)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, kdm_val_text(id));
    }
    if (buf.len == 1)
        kdm_buf_lit(&buf, "\"anonymous\"");
    kdm_buf_char(&buf, ']');
    return kdm_json_set(arena, source, KDM_STR("profileIds"), kdm_buf_str(&buf));
}

static void stage_user(struct kdm_tx *tx, struct kdm_collection *users, struct kdm_doc *user,
                       struct kdm_str profile)
{
    struct kdm_val source = kdm_doc_source(tx, user);
    struct kdm_str text = kdm_security_user_without(kdm_tx_arena(tx), source, profile);

    text = kdm_tx_with_info(tx, kdm_json_parse(kdm_tx_arena(tx), text),
                            kdm_tx_info_updated(tx, source));
    kdm_tx_write(tx, users, user, text, KDM_CHANGE_UPDATE, KDM_STR_NONE, KDM_WRITE_SILENT);
}

/* Takes the profile from as many users as one commit takes; *ret_all: these were all. */
static bool stage_users(struct kdm_tx *tx, struct kdm_str profile, bool *ret_all)
{
    struct kdm_collection *users;
    struct kdm_str_list ids;
    struct kdm_doc *user;
    size_t bytes = 0;

    if (!kdm_security_collection(tx, KDM_SECURITY_USERS, &users)
        || !kdm_profile_users(tx, profile, MOST_USERS, &ids, ret_all))
        return false;
    for (size_t i = 0; i < ids.count; i++)
        kdm_tx_want(tx, users, ids.items[i]);
    for (size_t i = 0; i < ids.count; i++) {
        if (!kdm_tx_read(tx, users, ids.items[i], &user))
            return false;
        if (user == NULL)
            continue; /* gone since: the commit will fail by the search */
        bytes += user->text.len + INFO_MAX;
        if (i > 0 && bytes > MOST_BYTES) {
            *ret_all = false;
            break;
        }
        stage_user(tx, users, user, profile);
    }
    return true;
}

/* --- the job ------------------------------------------------------------------------------- */

/* Each chunk finds the users that are left, so it needs no state. */
static enum kdm_outcome run_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct kdm_str profile = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(args, KDM_STR("profile")));
    struct kdm_collection *profiles;
    struct kdm_doc *doc;
    bool all;

    (void)state;
    if (!kdm_security_collection(tx, KDM_SECURITY_PROFILES, &profiles)
        || !kdm_tx_read(tx, profiles, profile, &doc) || !stage_users(tx, profile, &all))
        return KDM_WAIT;
    if (!all) {
        kdm_tx_job_state(tx, KDM_STR("{}"));
    } else {
        if (doc != NULL)
            kdm_tx_delete(tx, profiles, profile, doc, KDM_WRITE_SILENT);
        kdm_tx_job_finish(tx);
    }
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

void kdm_security_register_jobs(struct kdm_tx_engine *engine)
{
    kdm_job_register(engine, JOB_KIND, run_chunk);
}

/* --- the request --------------------------------------------------------------------------- */

static bool is_deletable(struct kdm_tx *tx, struct kdm_str profile, const struct kdm_doc *doc)
{
    if (doc == NULL)
        kdm_tx_fail(tx, KDM_ERR_SECURITY_PROFILE_NOT_FOUND, KDM_PROPS(profile));
    else if (kdm_security_is_protected(profile))
        kdm_tx_fail(tx, KDM_ERR_SECURITY_PROFILE_CANNOT_DELETE, NULL, 0);
    return kdm_tx_failure(tx)->err == KDM_OK;
}

bool kdm_security_take_profile_away(struct kdm_tx *tx, struct kdm_str profile)
{
    struct kdm_collection *profiles;
    struct kdm_doc *doc;
    struct kdm_str job;
    bool all;

    if (!kdm_security_collection(tx, KDM_SECURITY_PROFILES, &profiles)
        || !kdm_tx_claim(tx, profiles, profile, &doc) || !is_deletable(tx, profile, doc)
        || !stage_users(tx, profile, &all))
        return false;
    if (all) {
        kdm_tx_delete(tx, profiles, profile, doc, KDM_WRITE_SILENT);
        return kdm_tx_commit(tx);
    }
    job = kdm_tx_job(tx, JOB_KIND, kdm_json_pair(kdm_tx_arena(tx), "profile", profile));
    return kdm_tx_commit(tx) && kdm_tx_complete_job(tx, job, NULL);
}

/* security.h - what the actions of the controller `security` share.
 *   security_role.c         roles
 *   security_profile.c      profiles
 *   security_user.c         users: reading and changing them
 *   security_user_create.c  users: making them, with their credentials
 *   security_delete.c       the end of roles, profiles and users
 *   security_credentials.c  credentials of the strategies
 *   security_api_key.c      API keys
 *   security_search.c       searching and scrolling
 *   security_mapping.c      mappings of the collections; refresh
 * What may be stored, who uses what, and what a right is, is in security/. Each change is one
 * commit together with all its decision rests on: a role that a profile takes at the same moment on
 * another node is not deleted. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_SECURITY_H
#define KDM_ACTION_KUZZLE_SECURITY_H

#include "action/kuzzle/target.h"
#include "security/model.h"

/* Notes in the log who did what to whom, after the commit: `what` "role", "profile", "user". */
void kdm_security_log(struct kdm_tx *tx, const char *what, struct kdm_str id);
/* The same of several; ids: JSON strings with commas. */
void kdm_security_log_many(struct kdm_tx *tx, const char *what, struct kdm_str ids);

/* Replies {"_id":..,"_source":..}. */
enum kdm_outcome kdm_security_reply(struct kdm_tx *tx, struct kdm_str id, struct kdm_str source);
/* The same after a commit, which the log tells of; KDM_WAIT until it is done. */
enum kdm_outcome kdm_security_commit(struct kdm_tx *tx, const char *what, struct kdm_str id,
                                     struct kdm_str source);
/* Replies {"_id":..} of what is gone, which the log tells of; and the same after a commit. */
enum kdm_outcome kdm_security_reply_end(struct kdm_tx *tx, const char *what, struct kdm_str id);
enum kdm_outcome kdm_security_commit_end(struct kdm_tx *tx, const char *what, struct kdm_str id);

/* `body` as an object without what the server itself says of a document: _id, _kuzzle_info, and
 * `skip` (none: nothing more). */
struct kdm_val kdm_security_content(struct kdm_arena *arena, struct kdm_val body,
                                    struct kdm_str skip);

/* Replies {"hits":[{"_id","_source"},..]} of the documents that `body.ids` names. One that is not
 * there fails with `missing`, unless that is KDM_OK: then it is passed over. */
enum kdm_outcome kdm_security_reply_many(struct kdm_tx *tx, const struct kdm_args *args,
                                         enum kdm_security_collection which, enum kdm_err missing);

/* What a search for the API keys of a user replies; the request has from, size, lang, scroll and a
 * query clause as its body (also auth:searchApiKeys). */
enum kdm_outcome kdm_security_reply_api_keys(struct kdm_tx *tx, const struct kdm_args *args,
                                             struct kdm_str kuid);

/* Merges changes into a user that was claimed, member by member of its source, commits and replies.
 * `argument` names profileIds in errors. */
enum kdm_outcome kdm_security_change_user(struct kdm_tx *tx, struct kdm_collection *users,
                                          struct kdm_doc *user, struct kdm_val changes,
                                          struct kdm_str argument);

/* --- staging what several actions write ---------------------------------------------------- */

/* A role whatever is there; false: wait, or its definition is refused. *ret_text: its source. */
bool kdm_security_stage_role(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body, bool force,
                             struct kdm_str *ret_text);
bool kdm_security_stage_profile(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body,
                                bool strict, struct kdm_str *ret_text);

/* A user as it is to be made. */
struct kdm_new_user {
    struct kdm_str id;
    struct kdm_val profile_ids;
    struct kdm_str profile_argument; /* names it in errors: "body.content.profileIds" */
    struct kdm_val content;     /* an object or NONE; what it says of profileIds is not looked at */
    struct kdm_val credentials; /* {strategy: {..}} or NONE */
};

/* The user with all its credentials. 412 security.user.already_exists. *ret_text: its source. */
bool kdm_security_stage_user(struct kdm_tx *tx, const struct kdm_new_user *user,
                             struct kdm_str *ret_text);

/* The end of a user that is there, with credentials, tokens and API keys. */
bool kdm_security_stage_user_end(struct kdm_tx *tx, struct kdm_doc *user);

#endif

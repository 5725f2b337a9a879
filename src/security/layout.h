/* layout.h - where users, rights, credentials and tokens lie in Redis.
 * They are documents of one index that no client can name (its name begins with '%'), so every
 * change of them is an ordinary commit: atomic, checked, and told to all nodes by the change feed.
 * The collections are there from the start on (kdm_security_make). Loop thread only.
 *
 *   collection         id           source
 *   users              kuid         {"profileIds":[..], ..content.., "_kuzzle_info"}
 *   profiles           profile id   {"policies":[{"roleId", "restrictedTo"?}, ..], "rateLimit"?,
 *                                    "tags"?, "_kuzzle_info"}
 *   roles              role id      {"controllers":{..}, "tags"?, "_kuzzle_info"}
 *   api-keys           key id       {"userId", "description", "expiresAt", "ttl", "fingerprint",
 *                                    "generation", "_kuzzle_info"}
 *   tokens             the JWT's    {"userId", "expiresAt", "ttl", "generation", "singleUse"?,
 *                      jti           "refreshed"?, "next"?}
 *   token-generations  kuid         {"tokens":n, "apiKeys":n}; absent: 0, 0. A token or key of
 *                                    another generation is dead: so all of a user's are revoked by
 *                                    one write
 *   local-users        username     credentials of the strategy "local" (local.h)
 *   local-usernames    kuid         {"username"}: the way back
 *   config             "security"   {"secret", "resetSecret"}: generated once
 *                      "lock:<job>" {"at"}: a reset is under way (action/kuzzle/admin_reset.c)
 *   validations                     specifications of collections (action/kuzzle/private_index.h)
 */
#ifndef KDM_SECURITY_LAYOUT_H
#define KDM_SECURITY_LAYOUT_H

#include "tx/tx.h"

#define KDM_PRIVATE_INDEX KDM_STR("%kuzzle")

enum kdm_security_collection {
    KDM_SECURITY_USERS,
    KDM_SECURITY_PROFILES,
    KDM_SECURITY_ROLES,
    KDM_SECURITY_API_KEYS,
    KDM_SECURITY_TOKENS,
    KDM_SECURITY_GENERATIONS,
    KDM_SECURITY_LOCAL_USERS,
    KDM_SECURITY_LOCAL_USERNAMES,
    KDM_SECURITY_CONFIG,
    KDM_SECURITY_COLLECTIONS /* how many */
};

/* "users", ..; static. */
struct kdm_str kdm_security_name(enum kdm_security_collection which);

/* The collection; fails with 412 when somebody has removed it from Redis by hand. */
bool kdm_security_collection(struct kdm_tx *tx, enum kdm_security_collection which,
                             struct kdm_collection **ret_collection);

/* kdm_tx_read() of a document of it. */
bool kdm_security_read(struct kdm_tx *tx, enum kdm_security_collection which, struct kdm_str id,
                       struct kdm_doc **ret_doc);

/* Steps of the start, in this order: the index and what is missing of the collections; then what is
 * missing of the first documents: the roles and profiles admin, default and anonymous, and the
 * secrets. */
enum kdm_outcome kdm_security_make(struct kdm_tx *tx, void *ctx);
enum kdm_outcome kdm_security_fill(struct kdm_tx *tx, void *ctx);

/* What security:restrictDefaultRights, createFirstAdmin {reset} and admin:resetSecurity write:
 * stages the three roles and profiles, wide open or restricted (kuzzle-semantics.md 4.6), whatever
 * is there. */
bool kdm_security_stage_defaults(struct kdm_tx *tx, bool restricted);

#endif

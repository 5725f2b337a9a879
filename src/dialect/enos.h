/* enos.h - the EnOS asset service: assets of an organization (reference dialects.md 3).
 *   enos.c          configuration, envelope, failures
 *   enos_sign.c     access tokens and signatures (pure)
 *   enos_asset.c    get, update
 *   enos_logical.c  logical assets: create, update, delete
 *   enos_model.c    models
 * An organization is a tenant. Whatever the service itself has to say is a code in the envelope of
 * a reply with status 200. Loop thread only.
 */
#ifndef KDM_DIALECT_ENOS_H
#define KDM_DIALECT_ENOS_H

#include "action/device_manager/asset.h"
#include "api/door.h"
#include "dialect/config.h"

struct kdm_enos_app {
    struct kdm_str access_key, secret_key;
    struct kdm_dialect_texts orgs;
};

struct kdm_enos {
    struct kdm_enos_app *apps;
    size_t app_count; /* 0: open to everybody */
};

/* Reads `dialects.enos`; true: it is switched on and *ret_door is filled. */
bool kdm_enos_configure(struct kdm_enos *enos, struct kdm_dialect_reader *reader,
                        const json_t *config, struct kdm_door *ret_door);

enum kdm_enos_code {
    KDM_ENOS_OK = 0,
    KDM_ENOS_UNKNOWN_KEY = 1002,
    KDM_ENOS_BAD_ENCRYPTION = 1003,
    KDM_ENOS_BAD_PARAMETER = 1004,
    KDM_ENOS_NO_PARAMETER = 1202,
    KDM_ENOS_TOKEN_EXPIRED = 1203,
    KDM_ENOS_NO_ASSET = 12404,
    KDM_ENOS_ASSET_INVALID = 12958,
    KDM_ENOS_NO_LOGICAL_ASSET = 17404,
    KDM_ENOS_LOGICAL_INVALID = 17958,
    KDM_ENOS_CREATE_INVALID = 17986,
    KDM_ENOS_INVALID_ARGUMENTS = 99400,
    KDM_ENOS_DENIED = 99403,
    KDM_ENOS_NO_MODEL = 99404,
    KDM_ENOS_SYSTEM_ERROR = 99500,
};

/* --- replies --------------------------------------------------------------------------------- */

/* {"code","msg","requestId"[,"submsg"][,"data"]} as the reply; data: JSON text, or none. */
enum kdm_outcome kdm_enos_reply(struct kdm_tx *tx, const struct kdm_args *args,
                                enum kdm_enos_code code, struct kdm_str submsg,
                                struct kdm_str data);
/* 99400 that names the argument. */
enum kdm_outcome kdm_enos_bad(struct kdm_tx *tx, const struct kdm_args *args, const char *what);
/* The same for a part of an edit: `base` is the code for attributes. */
enum kdm_outcome kdm_enos_refuse(struct kdm_tx *tx, const struct kdm_args *args,
                                 const struct kdm_dm_edited *edited, enum kdm_enos_code base);

/* --- who asks, for what ----------------------------------------------------------------------- */

/* Checks signature, organization and `action` (one of `actions`, NULL-terminated); *ret_action is
 * its place. false: the transaction has its reply. */
bool kdm_enos_enter(struct kdm_tx *tx, const struct kdm_args *args, const char *const *actions,
                    struct kdm_str *ret_org, size_t *ret_action);

/* The body as an object, and its object `member`. NONE: the transaction has its reply. */
struct kdm_val kdm_enos_body(struct kdm_tx *tx, const struct kdm_args *args, const char *member);

/* A query argument; none when absent or empty. */
struct kdm_str kdm_enos_query(const struct kdm_args *args, const char *name);

/* --- signatures ------------------------------------------------------------------------------- */

#define KDM_ENOS_HEX           64
#define KDM_ENOS_TOKEN_SECONDS 7200

/* SHA-256 of the texts one after the other, as lower-case hex. */
void kdm_enos_digest(const struct kdm_str *texts, size_t count, char ret_hex[KDM_ENOS_HEX]);
/* The token of an app in the slot of two hours that holds `now_ms`. No node has to remember it. */
void kdm_enos_token(const struct kdm_enos_app *app, int64_t now_ms, char ret_hex[KDM_ENOS_HEX]);
/* Is the call signed by one of the apps? NULL with *ret_code: no. */
const struct kdm_enos_app *kdm_enos_verify(const struct kdm_enos *enos,
                                           const struct kdm_door_call *call,
                                           struct kdm_arena *arena, int64_t now_ms,
                                           enum kdm_enos_code *ret_code);
/* Is it a number of milliseconds within five minutes of now? */
bool kdm_enos_is_recent(struct kdm_str timestamp, int64_t now_ms);

/* --- assets ------------------------------------------------------------------------------------
 */

/* The asset by its id, or by a reference that only one asset of the organization has; NULL: none.
 * `claim`: it will be written. false: wait, or it failed. */
bool kdm_enos_find(struct kdm_tx *tx, struct kdm_str org, struct kdm_str id, bool claim,
                   struct kdm_dm_home *ret_home, struct kdm_doc **ret_asset);

/* AssetUpdateVo read into an edit. false: the transaction has its 99400. */
enum kdm_enos_mode { KDM_ENOS_PATCH, KDM_ENOS_WHOLE, KDM_ENOS_OVERWRITE, KDM_ENOS_TAG_DELETE };
bool kdm_enos_read_edit(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_val asset,
                        enum kdm_enos_mode mode, struct kdm_dm_edit *ret_edit);

/* How an operation updates an asset. */
struct kdm_enos_update {
    const char *member;                  /* of the body: its AssetUpdateVo */
    enum kdm_enos_mode whole;            /* what isPatchUpdate=false stands for */
    enum kdm_enos_code missing, invalid; /* there is no such asset; its attributes do not fit */
};
/* Reads body and mode (updateMode, else isPatchUpdate), edits the asset, and replies. */
enum kdm_outcome kdm_enos_update(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str org,
                                 const struct kdm_enos_update *how);

/* "/Vehicle/Truck": the models it inherits from, and itself. false: wait. */
bool kdm_enos_model_path(struct kdm_tx *tx, const struct kdm_dm_model *model,
                         struct kdm_str *ret_path);

/* StringI18n as the core has it; NONE when it is none (and not null). */
struct kdm_val kdm_enos_name(struct kdm_arena *arena, struct kdm_val i18n);
/* The core's name as StringI18n; `absent` is its text when there is none. */
void kdm_enos_put_name(struct kdm_buf *buf, struct kdm_val name, struct kdm_str absent);

#endif

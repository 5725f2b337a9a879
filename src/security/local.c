/* local.c - see local.h. */
#include "security/local.h"
#include "base/clock.h"
#include "security/guard.h"
#include "security/model.h"
#include "security/password.h"
#include "security/token.h"
#include "store/names.h"

#define NAME_MAX_BYTES     512  /* it is a document's id */
#define PASSWORD_MAX_BYTES 4096 /* policies look at it on the loop */

static bool refuse(struct kdm_tx *tx, enum kdm_err err)
{
    kdm_tx_fail(tx, err, NULL, 0);
    return false;
}

/* A member that is text; absent, null and "" are none. Anything else fails. */
static bool take_text(struct kdm_tx *tx, struct kdm_val credentials, const char *name,
                      struct kdm_str *ret_text)
{
    struct kdm_val val = kdm_val_get(credentials, kdm_str_of(name));

    *ret_text = KDM_STR_NONE;
    if (kdm_val_null(val) || kdm_val_str_eq(val, KDM_STR("")))
        return true;
    if (kdm_val_type(val) != KDM_JSON_STRING) {
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                    KDM_PROPS(kdm_str_of(name), KDM_STR("string")));
        return false;
    }
    *ret_text = kdm_val_str(kdm_tx_arena(tx), val);
    return true;
}

/* --- reading -------------------------------------------------------------------------------- */

static bool read_username(struct kdm_tx *tx, struct kdm_str username,
                          struct kdm_local_user *ret_user)
{
    struct kdm_doc *doc;

    if (!kdm_security_read(tx, KDM_SECURITY_LOCAL_USERS, username, &doc))
        return false;
    *ret_user = (struct kdm_local_user){ .username = username };
    if (doc == NULL)
        return true;
    ret_user->source = kdm_doc_source(tx, doc);
    ret_user->kuid = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(ret_user->source, KDM_STR("kuid")));
    return true;
}

/* source NONE: the user has no credentials. */
static bool read_kuid(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_local_user *ret_user)
{
    struct kdm_doc *doc;

    if (!kdm_security_read(tx, KDM_SECURITY_LOCAL_USERNAMES, kuid, &doc))
        return false;
    *ret_user = (struct kdm_local_user){ .kuid = kuid };
    if (doc == NULL)
        return true;
    if (!read_username(tx,
                       kdm_val_str(kdm_tx_arena(tx),
                                   kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("username"))),
                       ret_user))
        return false;
    ret_user->kuid = kuid;
    return true;
}

static bool get_kuid(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_local_user *ret_user)
{
    if (!read_kuid(tx, kuid, ret_user))
        return false;
    return !kdm_val_none(ret_user->source) || refuse(tx, KDM_ERR_SECURITY_LOCAL_NO_CREDENTIALS);
}

static struct kdm_str shown(struct kdm_tx *tx, struct kdm_str username, struct kdm_str kuid)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 96);
    kdm_buf_lit(&buf, "{\"username\":");
    kdm_json_put_str(&buf, username);
    kdm_buf_lit(&buf, ",\"kuid\":");
    kdm_json_put_str(&buf, kuid);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static bool exists(struct kdm_tx *tx, struct kdm_str kuid, bool *ret_exists)
{
    struct kdm_local_user user;

    if (!read_kuid(tx, kuid, &user))
        return false;
    *ret_exists = !kdm_val_none(user.source);
    return true;
}

static bool info(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str *ret_info)
{
    struct kdm_local_user user;

    if (!get_kuid(tx, kuid, &user))
        return false;
    *ret_info = shown(tx, user.username, kuid);
    return true;
}

static bool by_id(struct kdm_tx *tx, struct kdm_str id, struct kdm_str *ret_info)
{
    struct kdm_local_user user;

    if (!read_username(tx, id, &user))
        return false;
    if (kdm_val_none(user.source))
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_NO_CREDENTIALS);
    *ret_info = shown(tx, id, user.kuid);
    return true;
}

/* --- validating ----------------------------------------------------------------------------- */

struct given {
    struct kdm_str username, password; /* none: not given */
};

static bool check_length(struct kdm_tx *tx, const char *name, struct kdm_str text, size_t most)
{
    if (text.len <= most)
        return true;
    kdm_tx_fail(
        tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
        KDM_PROPS(kdm_str_of(name), kdm_arena_printf(kdm_tx_arena(tx), "at most %zu bytes", most)));
    return false;
}

static bool take_given(struct kdm_tx *tx, struct kdm_val credentials, struct given *ret_given)
{
    if (!kdm_val_null(kdm_val_get(credentials, KDM_STR("kuid"))))
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_KUID_GIVEN);
    if (!take_text(tx, credentials, "username", &ret_given->username)
        || !take_text(tx, credentials, "password", &ret_given->password))
        return false;
    return check_length(tx, "username", ret_given->username, NAME_MAX_BYTES)
           && check_length(tx, "password", ret_given->password, PASSWORD_MAX_BYTES);
}

/* Nobody else may have the name. */
static bool check_name(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str username)
{
    struct kdm_local_user other;

    if (kdm_str_none(username))
        return true;
    if (!read_username(tx, username, &other))
        return false;
    return kdm_val_none(other.source) || kdm_str_eq(other.kuid, kuid)
           || refuse(tx, KDM_ERR_SECURITY_LOCAL_USERNAME_TAKEN);
}

static bool check_create(struct kdm_tx *tx, struct kdm_str kuid, const struct given *given)
{
    const struct kdm_local_user nobody = { .kuid = kuid, .username = given->username };

    if (kdm_str_none(given->username))
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_USERNAME_REQUIRED);
    if (kdm_str_none(given->password))
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_PASSWORD_REQUIRED);
    return check_name(tx, kuid, given->username)
           && kdm_policy_check_new(tx, &nobody, given->username, given->password);
}

static bool check_update(struct kdm_tx *tx, const struct kdm_local_user *user,
                         const struct given *given)
{
    if (kdm_str_none(given->username) && kdm_str_none(given->password))
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_NOTHING_TO_UPDATE);
    if (!check_name(tx, user->kuid, given->username))
        return false;
    return kdm_str_none(given->password)
           || kdm_policy_check_new(tx, user,
                                   kdm_str_none(given->username) ? user->username : given->username,
                                   given->password);
}

static bool validate(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_val credentials,
                     bool update)
{
    struct kdm_local_user user;
    struct given given;

    if (!take_given(tx, credentials, &given))
        return false;
    if (!update)
        return check_create(tx, kuid, &given);
    return get_kuid(tx, kuid, &user) && check_update(tx, &user, &given);
}

/* --- writing -------------------------------------------------------------------------------- */

/* The former passwords that a policy wants to be kept, the one that is replaced first. */
static bool put_history(struct kdm_tx *tx, const struct kdm_local_user *user, struct kdm_buf *buf)
{
    struct kdm_val_iter it;
    struct kdm_val former;
    int64_t retention, count = 1;

    if (!kdm_policy_retention(tx, user, &retention))
        return false;
    kdm_buf_lit(buf, ",\"history\":[");
    if (retention > 1 && !kdm_val_none(user->source)) {
        kdm_buf_lit(buf, "{\"password\":");
        kdm_buf_put(buf, kdm_val_text(kdm_val_get(user->source, KDM_STR("password"))));
        kdm_buf_printf(buf, ",\"archivedAt\":%lld}", (long long)kdm_tx_now(tx));
        kdm_elements(&it, kdm_val_get(user->source, KDM_STR("history")));
        while (++count < retention && kdm_element_next(&it, &former)) {
            kdm_buf_char(buf, ',');
            kdm_buf_put(buf, kdm_val_text(former));
        }
    }
    kdm_buf_char(buf, ']');
    return true;
}

/* The document with a new password, which `updater` has set. */
static bool with_password(struct kdm_tx *tx, const struct kdm_local_user *user,
                          struct kdm_str username, struct kdm_str password, struct kdm_str updater,
                          struct kdm_str *ret_source)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str hash;
    struct kdm_buf buf;

    if (!kdm_password_hash(tx, password, &hash))
        return false;
    kdm_buf_init(&buf, arena, 512);
    kdm_buf_lit(&buf, "{\"kuid\":");
    kdm_json_put_str(&buf, user->kuid);
    kdm_buf_lit(&buf, ",\"username\":");
    kdm_json_put_str(&buf, username);
    kdm_buf_lit(&buf, ",\"password\":");
    kdm_json_put_str(&buf, hash);
    kdm_buf_lit(&buf, ",\"updater\":");
    if (kdm_str_none(updater))
        kdm_buf_lit(&buf, "null");
    else
        kdm_json_put_str(&buf, updater);
    kdm_buf_printf(&buf, ",\"updatedAt\":%lld", (long long)kdm_tx_now(tx));
    if (!put_history(tx, user, &buf))
        return false;
    kdm_buf_char(&buf, '}');
    *ret_source = kdm_buf_str(&buf);
    return true;
}

/* The same password under another name. */
static struct kdm_str renamed(struct kdm_tx *tx, const struct kdm_local_user *user,
                              struct kdm_str username)
{
    return kdm_json_set(kdm_tx_arena(tx), user->source, KDM_STR("username"),
                        kdm_json_quoted(kdm_tx_arena(tx), username));
}

/* Under its name, which is another one than before perhaps. */
static bool stage(struct kdm_tx *tx, const struct kdm_local_user *user, struct kdm_str username,
                  struct kdm_str source)
{
    struct kdm_collection *users, *names;
    struct kdm_doc *old = NULL;

    if (!kdm_security_collection(tx, KDM_SECURITY_LOCAL_USERS, &users)
        || !kdm_security_collection(tx, KDM_SECURITY_LOCAL_USERNAMES, &names))
        return false;
    if (!kdm_val_none(user->source) && !kdm_str_eq(username, user->username)) {
        if (!kdm_tx_read(tx, users, user->username, &old))
            return false;
        kdm_tx_delete(tx, users, user->username, old, KDM_WRITE_SILENT);
    }
    kdm_tx_put(tx, users, username, source, KDM_WRITE_SILENT);
    kdm_tx_put(tx, names, user->kuid, kdm_json_pair(kdm_tx_arena(tx), "username", username),
               KDM_WRITE_SILENT);
    return true;
}

static bool create(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_val credentials,
                   struct kdm_str *ret_info)
{
    struct kdm_local_user user;
    struct kdm_str source;
    struct given given;

    if (!take_given(tx, credentials, &given) || !check_create(tx, kuid, &given)
        || !read_kuid(tx, kuid, &user))
        return false;
    if (!kdm_val_none(user.source))
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_STRATEGY_EXISTS);
    if (!with_password(tx, &user, given.username, given.password, kdm_tx_origin(tx)->kuid, &source)
        || !stage(tx, &user, given.username, source))
        return false;
    *ret_info = shown(tx, given.username, kuid);
    return true;
}

static bool update(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_val credentials,
                   struct kdm_str *ret_info)
{
    struct kdm_local_user user;
    struct kdm_str source, username;
    struct given given;

    if (!take_given(tx, credentials, &given) || !get_kuid(tx, kuid, &user)
        || !check_update(tx, &user, &given))
        return false;
    username = kdm_str_none(given.username) ? user.username : given.username;
    if (kdm_str_none(given.password))
        source = renamed(tx, &user, username);
    else if (!with_password(tx, &user, username, given.password, kdm_tx_origin(tx)->kuid, &source)
             || !kdm_tokens_revoke(tx, kuid, false))
        return false;
    if (!stage(tx, &user, username, source))
        return false;
    *ret_info = shown(tx, username, kuid);
    return true;
}

static bool remove_credentials(struct kdm_tx *tx, struct kdm_str kuid)
{
    struct kdm_collection *users, *names;
    struct kdm_local_user user;
    struct kdm_doc *doc, *name;

    if (!get_kuid(tx, kuid, &user) || !kdm_security_collection(tx, KDM_SECURITY_LOCAL_USERS, &users)
        || !kdm_security_collection(tx, KDM_SECURITY_LOCAL_USERNAMES, &names)
        || !kdm_tx_read(tx, users, user.username, &doc) || !kdm_tx_read(tx, names, kuid, &name))
        return false;
    kdm_tx_delete(tx, users, user.username, doc, KDM_WRITE_SILENT);
    kdm_tx_delete(tx, names, kuid, name, KDM_WRITE_SILENT);
    return true;
}

/* --- logging in ----------------------------------------------------------------------------- */

static bool wrong(struct kdm_tx *tx, const char *text)
{
    kdm_tx_fail(tx, KDM_ERR_PLUGIN_STRATEGY_MISSING_USER, KDM_PROPS(kdm_str_of(text)));
    return false;
}

/* An attempt at a password. */
struct attempt {
    struct kdm_brute *brute;
    struct kdm_str username;
};

static void begin_attempt(struct kdm_tx_wait *wait, void *ctx)
{
    const struct attempt *attempt = ctx;
    bool slow;

    if (kdm_brute_allows(attempt->brute, attempt->username, kdm_clock_monotonic_ms(), &slow))
        kdm_tx_wait_settle(wait, KDM_OK, slow ? KDM_STR("slow") : KDM_STR("free"));
    else
        kdm_tx_wait_settle(wait, KDM_ERR_API_PROCESS_TOO_MANY_LOGINS_REQUESTS, KDM_STR_NONE);
}

/* Is it the user's password? One who is not there has none. Guesses are counted (brute.h). */
static bool check_password(struct kdm_tx *tx, const struct kdm_local_user *user,
                           struct kdm_str password, bool *ret_same)
{
    struct attempt *attempt = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*attempt));
    struct kdm_str hash =
        kdm_val_str(kdm_tx_arena(tx), kdm_val_get(user->source, KDM_STR("password")));
    struct kdm_str kind;

    *attempt = (struct attempt){ kdm_security_of(tx)->brute, user->username };
    if (!kdm_tx_once(tx, KDM_STR("attempt at a password"), begin_attempt, attempt, &kind)
        || !kdm_password_check(tx, KDM_STR("attempt"), hash, password, ret_same))
        return false;
    if (!kdm_brute_tells(attempt->brute, user->username, kdm_str_eq(kind, KDM_STR("slow"))))
        return refuse(tx, KDM_ERR_API_PROCESS_TOO_MANY_LOGINS_REQUESTS);
    if (*ret_same)
        kdm_brute_succeeded(attempt->brute, user->username);
    else
        kdm_brute_failed(attempt->brute, user->username, kdm_clock_monotonic_ms());
    return true;
}

static struct kdm_val either(struct kdm_val body, struct kdm_val args, const char *name)
{
    struct kdm_val val = kdm_val_get(body, kdm_str_of(name));

    return kdm_val_null(val) ? kdm_val_get(args, kdm_str_of(name)) : val;
}

static bool verify(struct kdm_tx *tx, struct kdm_val credentials, struct kdm_val args,
                   struct kdm_str *ret_kuid)
{
    struct kdm_str username = kdm_val_str(kdm_tx_arena(tx), either(credentials, args, "username"));
    struct kdm_str password = kdm_val_str(kdm_tx_arena(tx), either(credentials, args, "password"));
    struct kdm_local_user user;
    bool same;

    if (username.len == 0 || password.len == 0)
        return wrong(tx, "Missing credentials");
    if (username.len > NAME_MAX_BYTES || password.len > PASSWORD_MAX_BYTES)
        return wrong(tx, "wrong username or password");
    if (!read_username(tx, username, &user) || !check_password(tx, &user, password, &same))
        return false;
    if (!same)
        return wrong(tx, "wrong username or password");
    if (!kdm_policy_check_login(tx, &user))
        return false;
    *ret_kuid = user.kuid;
    return true;
}

bool kdm_local_check_current(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_val body)
{
    const json_t *options = kdm_security_options_of(tx)->local;
    struct kdm_local_user user;
    struct kdm_str password;
    bool same;

    if (!json_is_true(json_object_get(options, "requirePassword")))
        return true;
    if (!take_text(tx, body, "currentPassword", &password))
        return false;
    if (kdm_str_none(password))
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_PASSWORD_REQUIRED);
    if (!read_kuid(tx, kuid, &user))
        return false;
    if (kdm_val_none(user.source) || password.len > PASSWORD_MAX_BYTES)
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_WRONG_PASSWORD);
    if (!check_password(tx, &user, password, &same))
        return false;
    return same || refuse(tx, KDM_ERR_SECURITY_LOCAL_WRONG_PASSWORD);
}

/* --- new passwords -------------------------------------------------------------------------- */

/* When the password was set. */
static int64_t updated_at(struct kdm_val source)
{
    int64_t at = 0;

    kdm_val_int64(kdm_val_get(source, KDM_STR("updatedAt")), &at);
    return at;
}

#define RESET_ISSUER "kuzzle-plugin-auth-passport-local"
#define RESET_MS     7200000

static int64_t reset_life_ms(struct kdm_tx *tx)
{
    const json_t *life =
        json_object_get(kdm_security_options_of(tx)->local, "resetPasswordExpiresIn");
    int64_t ms = RESET_MS;

    if (json_is_integer(life))
        return json_integer_value(life);
    if (json_is_string(life))
        kdm_duration_parse(kdm_str_of(json_string_value(life)), &ms);
    return ms;
}

bool kdm_local_reset_token(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str *ret_token)
{
    int64_t life_ms = reset_life_ms(tx), iat = kdm_tx_now(tx) / 1000;
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_local_user user;
    struct kdm_jwt_key key;
    struct kdm_buf payload;

    if (!read_kuid(tx, kuid, &user) || !kdm_security_reset_key(tx, &key))
        return false;
    if (kdm_val_none(user.source)) {
        kdm_tx_fail(tx, KDM_ERR_SECURITY_USER_NOT_FOUND, KDM_PROPS(kuid));
        return false;
    }
    kdm_buf_init(&payload, arena, 192);
    kdm_buf_lit(&payload, "{\"resetForKuid\":");
    kdm_json_put_str(&payload, kuid);
    kdm_buf_printf(&payload, ",\"iat\":%lld,\"iss\":\"" RESET_ISSUER "\"", (long long)iat);
    kdm_buf_printf(&payload, ",\"of\":%lld", (long long)updated_at(user.source));
    if (life_ms >= 0)
        kdm_buf_printf(&payload, ",\"exp\":%lld", (long long)(iat + life_ms / 1000));
    kdm_buf_char(&payload, '}');
    *ret_token = kdm_jwt_sign(arena, &key, kdm_buf_str(&payload));
    return true;
}

/* Whose password may be set with it? It is good for one: `of` is when the one that it replaces was
 * set. */
static bool read_reset_token(struct kdm_tx *tx, struct kdm_str token,
                             struct kdm_local_user *ret_user)
{
    struct kdm_jwt_key key;
    struct kdm_val payload;
    int64_t of = -1;

    if (!kdm_security_reset_key(tx, &key))
        return false;
    switch (kdm_jwt_verify(kdm_tx_arena(tx), &key, token, kdm_tx_now(tx), &payload)) {
    case KDM_JWT_BAD:
        return refuse(tx, KDM_ERR_PLUGIN_KUZZLE_PLUGIN_AUTH_PASSPORT_LOCAL_INVALID_TOKEN);
    case KDM_JWT_EXPIRED:
        return refuse(tx, KDM_ERR_PLUGIN_KUZZLE_PLUGIN_AUTH_PASSPORT_LOCAL_EXPIRED_TOKEN);
    case KDM_JWT_GOOD:
        break;
    }
    if (!read_kuid(tx, kdm_val_str(kdm_tx_arena(tx), kdm_val_get(payload, KDM_STR("resetForKuid"))),
                   ret_user))
        return false;
    kdm_val_int64(kdm_val_get(payload, KDM_STR("of")), &of);
    if (kdm_val_none(ret_user->source) || of != updated_at(ret_user->source))
        return refuse(tx, KDM_ERR_PLUGIN_KUZZLE_PLUGIN_AUTH_PASSPORT_LOCAL_INVALID_TOKEN);
    return true;
}

bool kdm_local_reset(struct kdm_tx *tx, struct kdm_str token, struct kdm_str password,
                     struct kdm_str *ret_kuid)
{
    struct kdm_local_user user;
    struct kdm_str source;

    if (password.len == 0)
        return refuse(tx, KDM_ERR_SECURITY_LOCAL_PASSWORD_REQUIRED);
    if (!check_length(tx, "password", password, PASSWORD_MAX_BYTES)
        || !read_reset_token(tx, token, &user)
        || !kdm_policy_check_new(tx, &user, user.username, password)
        || !with_password(tx, &user, user.username, password, user.kuid, &source)
        || !kdm_tokens_revoke(tx, user.kuid, false) || !stage(tx, &user, user.username, source))
        return false;
    *ret_kuid = user.kuid;
    return true;
}

/* --- the strategy --------------------------------------------------------------------------- */

const struct kdm_strategy kdm_strategy_local = {
    .name = "local",
    .fields_json = "[\"username\",\"password\"]",
    .exists = exists,
    .validate = validate,
    .create = create,
    .update = update,
    .remove = remove_credentials,
    .info = info,
    .by_id = by_id,
    .verify = verify,
};

/* token.c - see token.h. */
#include "security/token.h"
#include "security/internal.h"
#include "security/secret.h"
#include "security/session.h"
#include "security/verify.h"
#include "store/names.h"

/* --- how long ------------------------------------------------------------------------------- */

static bool read_ttl(struct kdm_arena *arena, struct kdm_val val, int64_t *ret_ttl_ms)
{
    double number;

    if (kdm_val_double(val, &number)) {
        if (!(number >= -1 && number <= 9007199254740992.0))
            return false;
        *ret_ttl_ms = (int64_t)number;
        return true;
    }
    return kdm_val_type(val) == KDM_JSON_STRING
           && kdm_duration_parse(kdm_val_str(arena, val), ret_ttl_ms);
}

/* As at a login of Kuzzle: these mean "the default". */
static bool says_nothing(struct kdm_val val)
{
    int64_t number = 1;

    return kdm_val_null(val) || kdm_val_type(val) == KDM_JSON_FALSE
           || kdm_val_str_eq(val, KDM_STR("")) || (kdm_val_int64(val, &number) && number == 0);
}

bool kdm_token_ttl(struct kdm_tx *tx, struct kdm_val expires_in, int64_t absent_ms,
                   int64_t max_ttl_ms, int64_t *ret_ttl_ms)
{
    int64_t ttl_ms = absent_ms;

    if (!says_nothing(expires_in)
        && (!read_ttl(kdm_tx_arena(tx), expires_in, &ttl_ms) || ttl_ms == 0 || ttl_ms < -1)) {
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                    KDM_PROPS(KDM_STR("expiresIn"),
                              KDM_STR("a number of milliseconds, or a duration such as \"1h\"")));
        return false;
    }
    if (max_ttl_ms >= 0 && (ttl_ms < 0 || ttl_ms > max_ttl_ms)) {
        kdm_tx_fail(tx, KDM_ERR_SECURITY_TOKEN_TTL_EXCEEDED, NULL, 0);
        return false;
    }
    *ret_ttl_ms = ttl_ms;
    return true;
}

/* --- signing -------------------------------------------------------------------------------- */

/* key none: a token. No two texts are the same, also of a key that is made again in the same
 * second. */
static struct kdm_str sign(struct kdm_tx *tx, const struct kdm_jwt_key *jwt_key,
                           struct kdm_str kuid, struct kdm_str jti, struct kdm_str key,
                           int64_t ttl_ms)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    int64_t iat = kdm_tx_now(tx) / 1000;
    struct kdm_buf payload;

    kdm_buf_init(&payload, arena, 128);
    kdm_buf_lit(&payload, "{\"_id\":");
    kdm_json_put_str(&payload, kuid);
    kdm_buf_lit(&payload, ",\"jti\":");
    kdm_json_put_str(&payload, jti);
    if (!kdm_str_none(key)) {
        kdm_buf_lit(&payload, ",\"key\":");
        kdm_json_put_str(&payload, key);
    }
    kdm_buf_printf(&payload, ",\"iat\":%lld", (long long)iat);
    if (ttl_ms >= 0)
        kdm_buf_printf(&payload, ",\"exp\":%lld", (long long)(iat + ttl_ms / 1000));
    kdm_buf_char(&payload, '}');
    return kdm_arena_printf(arena, "%s" KDM_FMT, kdm_str_none(key) ? "kauth-" : "kapikey-",
                            KDM_ARG(kdm_jwt_sign(arena, jwt_key, kdm_buf_str(&payload))));
}

/* --- generations ---------------------------------------------------------------------------- */

static int64_t number_of(struct kdm_tx *tx, struct kdm_doc *doc, struct kdm_str name)
{
    int64_t number = 0;

    if (doc != NULL)
        kdm_val_int64(kdm_val_get(kdm_doc_source(tx, doc), name), &number);
    return number;
}

static bool read_generation(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str which,
                            int64_t *ret_generation)
{
    struct kdm_doc *doc;

    if (!kdm_security_read(tx, KDM_SECURITY_GENERATIONS, kuid, &doc))
        return false;
    *ret_generation = number_of(tx, doc, which);
    return true;
}

/* Key and generation, in one round trip. */
static bool read_both(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str which,
                      struct kdm_jwt_key *ret_key, int64_t *ret_generation)
{
    bool key_known = kdm_security_key(tx, ret_key);

    return read_generation(tx, kuid, which, ret_generation) && key_known;
}

bool kdm_token_outdated(struct kdm_tx *tx, struct kdm_val source, bool *ret_outdated)
{
    struct kdm_str kuid = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(source, KDM_STR("userId")));
    struct kdm_collection *generations;
    struct kdm_doc *present;
    int64_t generation = 0;

    *ret_outdated = false;
    if (kdm_str_none(kuid))
        return true;
    if (!kdm_security_collection(tx, KDM_SECURITY_GENERATIONS, &generations)
        || !kdm_tx_read_unchecked(tx, generations, kuid, &present))
        return false;
    kdm_val_int64(kdm_val_get(source, KDM_STR("generation")), &generation);
    *ret_outdated = generation < number_of(tx, present, KDM_STR("tokens"));
    return true;
}

bool kdm_token_assert_current(struct kdm_tx *tx)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;
    const struct kdm_session *session = user == NULL ? NULL : user->session;
    int64_t generation = 0;

    if (session == NULL)
        return true;
    if (!read_generation(tx, session->user->kuid,
                         session->id.ptr[0] == 'k' ? KDM_STR("apiKeys") : KDM_STR("tokens"),
                         &generation))
        return false;
    if ((uint64_t)generation == session->generation)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SECURITY_TOKEN_INVALID, NULL, 0);
    return false;
}

/* --- tokens --------------------------------------------------------------------------------- */

bool kdm_token_create(struct kdm_tx *tx, struct kdm_str name, struct kdm_str kuid, int64_t ttl_ms,
                      bool single_use, struct kdm_token *ret_token)
{
    struct kdm_collection *tokens;
    struct kdm_jwt_key key;
    struct kdm_buf source;
    struct kdm_str jti;
    int64_t generation = 0;

    if (!kdm_security_collection(tx, KDM_SECURITY_TOKENS, &tokens)
        || !read_both(tx, kuid, KDM_STR("tokens"), &key, &generation))
        return false;
    jti = kdm_tx_id(tx, kdm_arena_printf(kdm_tx_arena(tx), "token " KDM_FMT, KDM_ARG(name)));
    ret_token->text = sign(tx, &key, kuid, jti, KDM_STR_NONE, ttl_ms);
    ret_token->ttl_ms = ttl_ms;
    ret_token->expires_at = ttl_ms < 0 ? -1 : kdm_tx_now(tx) + ttl_ms;
    kdm_buf_init(&source, kdm_tx_arena(tx), 128);
    kdm_buf_lit(&source, "{\"userId\":");
    kdm_json_put_str(&source, kuid);
    kdm_buf_printf(&source, ",\"expiresAt\":%lld,\"ttl\":%lld,\"generation\":%lld",
                   (long long)ret_token->expires_at, (long long)ttl_ms, (long long)generation);
    if (single_use)
        kdm_buf_lit(&source, ",\"singleUse\":true");
    kdm_buf_char(&source, '}');
    kdm_tx_create(tx, tokens, jti, kdm_buf_str(&source), KDM_WRITE_SILENT);
    ret_token->jti = jti;
    ret_token->generation = generation;
    return true;
}

struct kdm_str kdm_token_login_result(struct kdm_tx *tx, struct kdm_str kuid,
                                      const struct kdm_token *token, bool with_text)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 384);
    kdm_buf_lit(&buf, "{\"_id\":");
    kdm_json_put_str(&buf, kuid);
    kdm_buf_printf(&buf, ",\"expiresAt\":%lld", (long long)token->expires_at);
    if (with_text) {
        kdm_buf_lit(&buf, ",\"jwt\":");
        kdm_json_put_str(&buf, token->text);
    }
    kdm_buf_printf(&buf, ",\"ttl\":%lld}", (long long)token->ttl_ms);
    return kdm_buf_str(&buf);
}

bool kdm_token_refresh(struct kdm_tx *tx, const struct kdm_verdict *token, int64_t ttl_ms,
                       struct kdm_token *ret_token)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    int64_t until = kdm_tx_now(tx) + kdm_security_options_of(tx)->token_grace_ms;
    struct kdm_str jti = kdm_str_from(token->id, 1), source;
    struct kdm_collection *tokens;
    struct kdm_doc *doc;

    if (!kdm_security_collection(tx, KDM_SECURITY_TOKENS, &tokens)
        || !kdm_tx_read(tx, tokens, jti, &doc))
        return false;
    if (doc == NULL
        || kdm_val_type(kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("refreshed")))
               == KDM_JSON_TRUE) {
        kdm_tx_fail(tx, KDM_ERR_SECURITY_TOKEN_INVALID, NULL, 0);
        return false;
    }
    if (!kdm_token_create(tx, KDM_STR("refresh"), token->kuid, ttl_ms, false, ret_token))
        return false;
    source = kdm_json_set(arena, kdm_doc_source(tx, doc), KDM_STR("refreshed"), KDM_STR("true"));
    source = kdm_json_set(
        arena, kdm_json_parse(arena, source), KDM_STR("expiresAt"),
        kdm_arena_printf(arena, "%lld",
                         (long long)(until < token->expires_at ? until : token->expires_at)));
    source =
        kdm_json_set(arena, kdm_json_parse(arena, source), KDM_STR("next"),
                     kdm_arena_printf(arena,
                                      "{\"id\":\"" KDM_FMT
                                      "\",\"expiresAt\":%lld,\"ttl\":%lld,\"generation\":%lld}",
                                      KDM_ARG(ret_token->jti), (long long)ret_token->expires_at,
                                      (long long)ttl_ms, (long long)ret_token->generation));
    kdm_tx_write(tx, tokens, doc, source, KDM_CHANGE_REPLACE, KDM_STR_NONE, KDM_WRITE_SILENT);
    return true;
}

/* --- API keys ------------------------------------------------------------------------------- */

/* Members of a key's source, without the closing brace. */
static void put_key(struct kdm_buf *buf, struct kdm_str kuid, struct kdm_str description,
                    int64_t expires_at, int64_t ttl_ms, struct kdm_str fingerprint)
{
    kdm_buf_lit(buf, "{\"userId\":");
    kdm_json_put_str(buf, kuid);
    kdm_buf_lit(buf, ",\"description\":");
    kdm_json_put_str(buf, description);
    kdm_buf_printf(buf, ",\"expiresAt\":%lld,\"ttl\":%lld,\"fingerprint\":", (long long)expires_at,
                   (long long)ttl_ms);
    kdm_json_put_str(buf, fingerprint);
}

static struct kdm_str key_source(struct kdm_tx *tx, struct kdm_buf *members, int64_t generation)
{
    struct kdm_str source = kdm_arena_printf(kdm_tx_arena(tx), KDM_FMT ",\"generation\":%lld}",
                                             KDM_ARG(kdm_buf_str(members)), (long long)generation);

    return kdm_tx_with_info(tx, kdm_json_parse(kdm_tx_arena(tx), source), kdm_tx_info_created(tx));
}

bool kdm_api_key_create(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str id,
                        struct kdm_str description, int64_t ttl_ms, struct kdm_str *ret_result)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_collection *keys;
    struct kdm_jwt_key key;
    struct kdm_buf members, shown;
    struct kdm_str text, fingerprint;
    int64_t generation = 0, expires_at = ttl_ms < 0 ? -1 : kdm_tx_now(tx) + ttl_ms;

    if (!kdm_security_collection(tx, KDM_SECURITY_API_KEYS, &keys)
        || !read_both(tx, kuid, KDM_STR("apiKeys"), &key, &generation))
        return false;
    if (kdm_str_none(id))
        id = kdm_tx_id(tx, KDM_STR("api key"));
    text = sign(tx, &key, kuid, kdm_tx_id(tx, KDM_STR("jti of an API key")), id, ttl_ms);
    fingerprint = kdm_sha256_hex(arena, text);
    kdm_buf_init(&members, arena, 256);
    put_key(&members, kuid, description, expires_at, ttl_ms, fingerprint);
    kdm_tx_create(tx, keys, id, key_source(tx, &members, generation), KDM_WRITE_SILENT);
    kdm_buf_init(&shown, arena, 512);
    kdm_buf_lit(&shown, "{\"_id\":");
    kdm_json_put_str(&shown, id);
    kdm_buf_lit(&shown, ",\"_source\":");
    kdm_buf_put(&shown, kdm_buf_str(&members));
    kdm_buf_lit(&shown, ",\"token\":");
    kdm_json_put_str(&shown, text);
    kdm_buf_lit(&shown, "}}");
    *ret_result = kdm_buf_str(&shown);
    return true;
}

bool kdm_api_key_delete(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str id)
{
    struct kdm_collection *keys;
    struct kdm_doc *doc;

    if (!kdm_security_collection(tx, KDM_SECURITY_API_KEYS, &keys)
        || !kdm_tx_read(tx, keys, id, &doc))
        return false;
    if (doc == NULL
        || !kdm_val_str_eq(kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("userId")), kuid)) {
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_NOT_FOUND,
                    KDM_PROPS(id, KDM_STR("kuzzle"), KDM_STR("api-keys")));
        return false;
    }
    kdm_tx_delete(tx, keys, id, doc, KDM_WRITE_SILENT);
    return true;
}

/* --- revoking ------------------------------------------------------------------------------- */

bool kdm_token_revoke(struct kdm_tx *tx, struct kdm_str jti)
{
    struct kdm_collection *tokens;
    struct kdm_doc *doc;

    if (!kdm_security_collection(tx, KDM_SECURITY_TOKENS, &tokens)
        || !kdm_tx_read(tx, tokens, jti, &doc))
        return false;
    if (doc != NULL)
        kdm_tx_delete(tx, tokens, jti, doc, KDM_WRITE_SILENT);
    return true;
}

static bool of_user(void *ctx, struct kdm_str id, struct kdm_val source)
{
    const struct kdm_str *kuid = ctx;

    (void)id;
    return kdm_val_str_eq(kdm_val_get(source, KDM_STR("userId")), *kuid);
}

/* Their documents go too; were one made meanwhile, its generation makes it dead all the same. Of
 * very many the rest stays, dead. */
static bool delete_keys(struct kdm_tx *tx, struct kdm_str kuid)
{
    struct kdm_str *wanted = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*wanted));
    struct kdm_collection *keys;
    struct kdm_doc_list list;

    *wanted = kdm_arena_copy(kdm_tx_arena(tx), kuid);
    if (!kdm_security_collection(tx, KDM_SECURITY_API_KEYS, &keys)
        || !kdm_tx_scan(tx, kdm_arena_printf(kdm_tx_arena(tx), "keys of " KDM_FMT, KDM_ARG(kuid)),
                        keys, false, of_user, wanted, &list))
        return false;
    for (size_t i = 0; i < list.count && i < KDM_COMMIT_MAX_WRITES / 2; i++)
        kdm_tx_delete(tx, keys, list.items[i]->id, list.items[i], KDM_WRITE_SILENT);
    return true;
}

bool kdm_tokens_revoke(struct kdm_tx *tx, struct kdm_str kuid, bool keys_too)
{
    struct kdm_collection *generations;
    struct kdm_doc *doc;
    int64_t tokens, keys;

    if (!kdm_security_collection(tx, KDM_SECURITY_GENERATIONS, &generations)
        || !kdm_tx_read(tx, generations, kuid, &doc) || (keys_too && !delete_keys(tx, kuid)))
        return false;
    tokens = number_of(tx, doc, KDM_STR("tokens")) + 1;
    keys = number_of(tx, doc, KDM_STR("apiKeys")) + (keys_too ? 1 : 0);
    kdm_tx_put(tx, generations, kuid,
               kdm_arena_printf(kdm_tx_arena(tx), "{\"tokens\":%lld,\"apiKeys\":%lld}",
                                (long long)tokens, (long long)keys),
               KDM_WRITE_SILENT);
    return true;
}

bool kdm_tokens_revoke_everything(struct kdm_tx *tx)
{
    struct kdm_collection *tokens, *keys;

    if (!kdm_security_collection(tx, KDM_SECURITY_TOKENS, &tokens)
        || !kdm_security_collection(tx, KDM_SECURITY_API_KEYS, &keys))
        return false;
    kdm_tx_truncate(tx, tokens);
    kdm_tx_truncate(tx, keys);
    return true;
}

/* layout.c - see layout.h. */
#include "security/guard.h"
#include <openssl/rand.h>

#define SECRET_BYTES 512 /* as many as Kuzzle's */

/* Mappings as a Kuzzle user meets them in searches; what only we look into is not searchable. */
#define KEYWORD "{\"type\":\"keyword\"}"
#define INFO                                                                                       \
    "\"_kuzzle_info\":{\"properties\":{\"author\":" KEYWORD                                        \
    ",\"createdAt\":{\"type\":\"date\"},\"updatedAt\":{\"type\":\"date\"},\"updater\":" KEYWORD    \
    "}}"
#define MAPPING(properties)                                                                        \
    "{\"mappings\":{\"dynamic\":\"false\",\"properties\":{" properties INFO "}}}"

static const struct {
    const char *name, *definition;
} collections[KDM_SECURITY_COLLECTIONS] = {
    [KDM_SECURITY_USERS] = { "users", MAPPING("\"profileIds\":" KEYWORD ",") },
    [KDM_SECURITY_PROFILES] = { "profiles",
                                MAPPING("\"tags\":" KEYWORD
                                        ",\"policies\":{\"properties\":{\"roleId\":" KEYWORD
                                        ",\"restrictedTo\":{\"type\":\"nested\",\"properties\":{"
                                        "\"index\":" KEYWORD ",\"collections\":" KEYWORD "}}}},") },
    [KDM_SECURITY_ROLES] = { "roles",
                             MAPPING("\"tags\":" KEYWORD ",\"controllers\":{\"dynamic\":\"false\","
                                     "\"properties\":{}},") },
    [KDM_SECURITY_API_KEYS] = { "api-keys",
                                MAPPING("\"userId\":" KEYWORD
                                        ",\"description\":{\"type\":\"text\"},"
                                        "\"expiresAt\":{\"type\":\"long\"},\"ttl\":" KEYWORD
                                        ",\"fingerprint\":" KEYWORD ",") },
    [KDM_SECURITY_TOKENS] = { "tokens", MAPPING("") },
    [KDM_SECURITY_GENERATIONS] = { "token-generations", MAPPING("") },
    [KDM_SECURITY_LOCAL_USERS] = { "local-users",
                                   MAPPING("\"kuid\":" KEYWORD ",\"username\":" KEYWORD ",") },
    [KDM_SECURITY_LOCAL_USERNAMES] = { "local-usernames", MAPPING("") },
    [KDM_SECURITY_CONFIG] = { "config", MAPPING("") },
};

static const char *const protected_ids[] = { "admin", "default", "anonymous" };

struct kdm_str kdm_security_name(enum kdm_security_collection which)
{
    return kdm_str_of(collections[which].name);
}

bool kdm_security_collection(struct kdm_tx *tx, enum kdm_security_collection which,
                             struct kdm_collection **ret_collection)
{
    return kdm_tx_collection(tx, KDM_PRIVATE_INDEX, kdm_security_name(which), ret_collection);
}

bool kdm_security_read(struct kdm_tx *tx, enum kdm_security_collection which, struct kdm_str id,
                       struct kdm_doc **ret_doc)
{
    struct kdm_collection *collection;

    return kdm_security_collection(tx, which, &collection)
           && kdm_tx_read(tx, collection, id, ret_doc);
}

/* --- the collections ------------------------------------------------------------------------ */

enum kdm_outcome kdm_security_make(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *found;
    bool exists, known;

    (void)ctx;
    known = kdm_tx_index(tx, KDM_PRIVATE_INDEX, &exists);
    for (int i = 0; i < KDM_SECURITY_COLLECTIONS; i++)
        known &= kdm_tx_refresh_collection(tx, KDM_PRIVATE_INDEX, kdm_security_name(i));
    if (!known)
        return KDM_WAIT;
    if (!exists)
        kdm_tx_create_index(tx, KDM_PRIVATE_INDEX);
    for (int i = 0; i < KDM_SECURITY_COLLECTIONS; i++) {
        if (!kdm_tx_find_collection(tx, KDM_PRIVATE_INDEX, kdm_security_name(i), &found))
            return KDM_WAIT;
        if (found == NULL)
            kdm_tx_set_collection(tx, KDM_PRIVATE_INDEX, kdm_security_name(i), NULL,
                                  kdm_str_of(collections[i].definition));
    }
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* --- the first documents -------------------------------------------------------------------- */

static struct kdm_str with_info(struct kdm_tx *tx, struct kdm_str source)
{
    return kdm_tx_with_info(tx, kdm_json_parse(kdm_tx_arena(tx), source), kdm_tx_info_created(tx));
}

static const struct kdm_context_security *configured(struct kdm_tx *tx)
{
    const struct kdm_context *context = kdm_tx_context(tx);

    return &context->security;
}

/* A member of a JSON object, or none. */
static struct kdm_str member(struct kdm_tx *tx, struct kdm_str object, const char *name)
{
    return kdm_val_text(kdm_val_get(kdm_json_parse(kdm_tx_arena(tx), object), kdm_str_of(name)));
}

static struct kdm_str default_role(struct kdm_tx *tx, const char *id, bool restricted)
{
    return restricted ? member(tx, configured(tx)->standard_roles, id)
                      : configured(tx)->default_role;
}

static struct kdm_str default_profile(struct kdm_tx *tx, const char *id, bool restricted)
{
    if (restricted)
        return member(tx, configured(tx)->standard_profiles, id);
    return kdm_arena_printf(kdm_tx_arena(tx),
                            "{\"policies\":[{\"roleId\":\"%s\"}],\"rateLimit\":0}", id);
}

/* A configuration may leave some out. */
static void stage_default(struct kdm_tx *tx, struct kdm_collection *collection, const char *id,
                          struct kdm_str source)
{
    if (!kdm_str_none(source))
        kdm_tx_put(tx, collection, kdm_str_of(id), with_info(tx, source), KDM_WRITE_SILENT);
}

bool kdm_security_stage_defaults(struct kdm_tx *tx, bool restricted)
{
    struct kdm_collection *roles, *profiles;

    if (!kdm_security_collection(tx, KDM_SECURITY_ROLES, &roles)
        || !kdm_security_collection(tx, KDM_SECURITY_PROFILES, &profiles))
        return false;
    for (int i = 0; i < 3; i++) {
        stage_default(tx, roles, protected_ids[i], default_role(tx, protected_ids[i], restricted));
        stage_default(tx, profiles, protected_ids[i],
                      default_profile(tx, protected_ids[i], restricted));
    }
    return true;
}

/* Drawn once a transaction, so that a replay stages the same. */
static struct kdm_str new_secret(struct kdm_tx *tx, const char *name)
{
    unsigned char bytes[SECRET_BYTES];
    char *text = kdm_tx_kept(tx, name);

    if (text == NULL) {
        text = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(bytes) * 2);
        KDM_ASSERT(RAND_bytes(bytes, sizeof(bytes)) == 1);
        kdm_hex(bytes, sizeof(bytes), text);
        kdm_tx_keep(tx, name, text);
    }
    return (struct kdm_str){ text, sizeof(bytes) * 2 };
}

static struct kdm_str secrets(struct kdm_tx *tx)
{
    static const char secret[] = "secret", reset_secret[] = "resetSecret";
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 4 * SECRET_BYTES + 64);
    kdm_buf_lit(&buf, "{\"secret\":");
    kdm_json_put_str(&buf, new_secret(tx, secret));
    kdm_buf_lit(&buf, ",\"resetSecret\":");
    kdm_json_put_str(&buf, new_secret(tx, reset_secret));
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* Stages it when it is not there. */
static bool add(struct kdm_tx *tx, enum kdm_security_collection which, const char *id,
                struct kdm_str source)
{
    struct kdm_collection *collection;
    struct kdm_doc *doc;

    if (!kdm_security_collection(tx, which, &collection)
        || !kdm_tx_read(tx, collection, kdm_str_of(id), &doc))
        return false;
    if (doc == NULL && !kdm_str_none(source))
        kdm_tx_create(tx, collection, kdm_str_of(id), source, KDM_WRITE_SILENT);
    return true;
}

enum kdm_outcome kdm_security_fill(struct kdm_tx *tx, void *ctx)
{
    bool known = add(tx, KDM_SECURITY_CONFIG, "security", secrets(tx));

    (void)ctx;
    for (int i = 0; i < 3; i++) {
        struct kdm_str role = default_role(tx, protected_ids[i], false);
        struct kdm_str profile = default_profile(tx, protected_ids[i], false);

        known &= add(tx, KDM_SECURITY_ROLES, protected_ids[i], with_info(tx, role))
                 && add(tx, KDM_SECURITY_PROFILES, protected_ids[i], with_info(tx, profile));
    }
    return known && kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* --- the secrets ---------------------------------------------------------------------------- */

static bool read_secret(struct kdm_tx *tx, struct kdm_str name, struct kdm_jwt_key *ret_key)
{
    struct kdm_collection *collection;
    struct kdm_doc *doc;

    if (!kdm_security_collection(tx, KDM_SECURITY_CONFIG, &collection)
        || !kdm_tx_read_unchecked(tx, collection, KDM_STR("security"), &doc))
        return false;
    if (doc
        == NULL) { /* somebody has removed it from Redis by hand; the next start makes another */
        kdm_tx_fail(tx, KDM_ERR_SECURITY_TOKEN_GENERATION_FAILED, KDM_PROPS(KDM_STR("no secret")));
        return false;
    }
    ret_key->algorithm = kdm_security_options_of(tx)->token_algorithm;
    ret_key->secret = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(kdm_doc_source(tx, doc), name));
    return true;
}

bool kdm_security_key(struct kdm_tx *tx, struct kdm_jwt_key *ret_key)
{
    const struct kdm_security_options *options = kdm_security_options_of(tx);
    struct kdm_str secret = kdm_security_of(tx)->secret;

    if (!kdm_str_none(options->token_secret))
        secret = options->token_secret;
    if (kdm_str_none(secret)) {
        if (!read_secret(tx, KDM_STR("secret"), ret_key))
            return false;
        kdm_guard_keep_secret(kdm_security_of(tx), ret_key->secret);
        return true;
    }
    *ret_key = (struct kdm_jwt_key){ options->token_algorithm, secret };
    return true;
}

bool kdm_security_reset_key(struct kdm_tx *tx, struct kdm_jwt_key *ret_key)
{
    return read_secret(tx, KDM_STR("resetSecret"), ret_key);
}

/* verify.c - see verify.h. */
#include "security/verify.h"
#include "security/internal.h"
#include "security/model.h"
#include "security/secret.h"

/* Takes what the signed text says; nothing of it is believed without its document. */
static bool read_text(struct kdm_tx *tx, struct kdm_str token, struct kdm_verdict *verdict,
                      bool *ret_good)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    bool is_key = kdm_str_starts(token, KDM_STR("kapikey-"));
    struct kdm_jwt_key key;
    struct kdm_val payload;
    struct kdm_str id;

    *ret_good = false;
    *verdict = (struct kdm_verdict){ .text = token };
    if (!is_key && !kdm_str_starts(token, KDM_STR("kauth-")))
        return true;
    if (!kdm_security_key(tx, &key))
        return false;
    token = kdm_str_from(token, is_key ? sizeof("kapikey-") - 1 : sizeof("kauth-") - 1);
    if (kdm_jwt_verify(arena, &key, token, kdm_tx_now(tx), &payload) != KDM_JWT_GOOD)
        return true;
    id = kdm_val_str(arena, kdm_val_get(payload, is_key ? KDM_STR("key") : KDM_STR("jti")));
    verdict->kuid = kdm_val_str(arena, kdm_val_get(payload, KDM_STR("_id")));
    verdict->id = kdm_arena_printf(arena, "%c" KDM_FMT, is_key ? 'k' : 't', KDM_ARG(id));
    *ret_good = id.len > 0 && verdict->kuid.len > 0;
    return true;
}

static int64_t number_of(struct kdm_val source, const char *name)
{
    int64_t number = 0;

    kdm_val_int64(kdm_val_get(source, kdm_str_of(name)), &number);
    return number;
}

static bool is_true(struct kdm_val source, const char *name)
{
    return kdm_val_type(kdm_val_get(source, kdm_str_of(name))) == KDM_JSON_TRUE;
}

/* Is the document that of the token, and its time not over? */
static bool matches(struct kdm_tx *tx, struct kdm_val source, struct kdm_val generations,
                    struct kdm_verdict *verdict)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    bool is_key = verdict->id.ptr[0] == 'k';

    verdict->expires_at = number_of(source, "expiresAt");
    verdict->ttl_ms = number_of(source, "ttl");
    verdict->generation = (uint64_t)number_of(source, "generation");
    verdict->single_use = is_true(source, "singleUse");
    verdict->refreshed = is_true(source, "refreshed");
    if (!kdm_val_str_eq(kdm_val_get(source, KDM_STR("userId")), verdict->kuid)
        || (verdict->expires_at >= 0 && kdm_tx_now(tx) >= verdict->expires_at)
        || number_of(generations, is_key ? "apiKeys" : "tokens") != (int64_t)verdict->generation)
        return false;
    return !is_key
           || kdm_same_secret(kdm_val_str(arena, kdm_val_get(source, KDM_STR("fingerprint"))),
                              kdm_sha256_hex(arena, verdict->text));
}

static struct kdm_val source_of(struct kdm_tx *tx, struct kdm_doc *doc)
{
    return doc == NULL ? KDM_VAL_NONE : kdm_doc_source(tx, doc);
}

bool kdm_token_verify(struct kdm_tx *tx, struct kdm_str token, struct kdm_verdict *ret_verdict,
                      bool *ret_good)
{
    struct kdm_collection *documents, *generations, *users;
    struct kdm_doc *doc, *generation;
    struct kdm_val user;
    struct kdm_str id;

    if (!read_text(tx, token, ret_verdict, ret_good))
        return false;
    if (!*ret_good)
        return true;
    if (!kdm_security_collection(
            tx, ret_verdict->id.ptr[0] == 'k' ? KDM_SECURITY_API_KEYS : KDM_SECURITY_TOKENS,
            &documents)
        || !kdm_security_collection(tx, KDM_SECURITY_GENERATIONS, &generations)
        || !kdm_security_collection(tx, KDM_SECURITY_USERS, &users))
        return false;
    id = kdm_str_from(ret_verdict->id, 1);
    kdm_tx_want(tx, documents, id);
    kdm_tx_want(tx, generations, ret_verdict->kuid);
    kdm_tx_want(tx, users, ret_verdict->kuid);
    if (!kdm_tx_read(tx, documents, id, &doc)
        || !kdm_tx_read(tx, generations, ret_verdict->kuid, &generation)
        || !kdm_user_find(tx, ret_verdict->kuid, &user))
        return false;
    *ret_good = doc != NULL && !kdm_val_none(user)
                && matches(tx, source_of(tx, doc), source_of(tx, generation), ret_verdict);
    if (*ret_good
        && ret_verdict->single_use) /* of two that use it at once the commit lets one have it */
        kdm_tx_delete(tx, documents, id, doc, KDM_WRITE_SILENT);
    return true;
}

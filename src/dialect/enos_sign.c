/* enos_sign.c - access tokens and signatures (reference dialects.md 3.11). A token is a digest of
 * the app's secret and the present slot of two hours: every node can tell it, none stores it, and
 * it is the same until the slot ends. Pure functions.
 */
#include "dialect/enos.h"
#include "security/secret.h"
#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define SKEW_MS (5 * 60 * 1000)

void kdm_enos_digest(const struct kdm_str *texts, size_t count, char ret_hex[KDM_ENOS_HEX])
{
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    unsigned char bytes[KDM_ENOS_HEX / 2];

    KDM_ASSERT(sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < count; i++)
        EVP_DigestUpdate(sha, texts[i].ptr, texts[i].len);
    EVP_DigestFinal_ex(sha, bytes, NULL);
    EVP_MD_CTX_free(sha);
    kdm_hex(bytes, sizeof(bytes), ret_hex);
}

void kdm_enos_token(const struct kdm_enos_app *app, int64_t now_ms, char ret_hex[KDM_ENOS_HEX])
{
    char slot[24];
    int len = snprintf(slot, sizeof(slot), "%lld",
                       (long long)(now_ms / (KDM_ENOS_TOKEN_SECONDS * 1000LL)));
    const struct kdm_str texts[] = { KDM_STR("kdm enos token\n"),
                                     app->secret_key,
                                     KDM_STR("\n"),
                                     app->access_key,
                                     KDM_STR("\n"),
                                     { .ptr = slot, .len = (size_t)len } };

    kdm_enos_digest(texts, sizeof(texts) / sizeof(texts[0]), ret_hex);
}

bool kdm_enos_is_recent(struct kdm_str timestamp, int64_t now_ms)
{
    int64_t value = 0;

    if (timestamp.len == 0 || timestamp.len > 15)
        return false;
    for (size_t i = 0; i < timestamp.len; i++) {
        if (!isdigit((unsigned char)timestamp.ptr[i]))
            return false;
        value = value * 10 + (timestamp.ptr[i] - '0');
    }
    return value >= now_ms - SKEW_MS && value <= now_ms + SKEW_MS;
}

static int by_name(const void *a, const void *b)
{
    return kdm_str_cmp(((const struct kdm_query_pair *)a)->name,
                       ((const struct kdm_query_pair *)b)->name);
}

/* Every query argument by name, "namevalue" without separators, and the body behind them. */
static struct kdm_str signed_text(const struct kdm_door_call *call, struct kdm_arena *arena)
{
    size_t count = call->query.count;
    struct kdm_query_pair *pairs = kdm_arena_alloc(arena, (count + 1) * sizeof(*pairs));
    struct kdm_buf buf;

    if (count > 0) {
        memcpy(pairs, call->query.pairs, count * sizeof(*pairs));
        qsort(pairs, count, sizeof(*pairs), by_name);
    }
    kdm_buf_init(&buf, arena, call->body.len + 256);
    for (size_t i = 0; i < count; i++) {
        kdm_buf_put(&buf, pairs[i].name);
        kdm_buf_put(&buf, pairs[i].value);
    }
    kdm_buf_put(&buf, call->body);
    return kdm_buf_str(&buf);
}

const struct kdm_enos_app *kdm_enos_verify(const struct kdm_enos *enos,
                                           const struct kdm_door_call *call,
                                           struct kdm_arena *arena, int64_t now_ms,
                                           enum kdm_enos_code *ret_code)
{
    struct kdm_str token = kdm_door_header(call, KDM_STR("apim-accesstoken"));
    struct kdm_str timestamp = kdm_door_header(call, KDM_STR("apim-timestamp"));
    struct kdm_str signature = kdm_door_header(call, KDM_STR("apim-signature"));
    const struct kdm_enos_app *found = NULL;
    char hex[KDM_ENOS_HEX];
    const struct kdm_str expected = { .ptr = hex, .len = KDM_ENOS_HEX };

    *ret_code = KDM_ENOS_NO_PARAMETER;
    if (kdm_str_none(token) || kdm_str_none(timestamp) || kdm_str_none(signature))
        return NULL;
    for (size_t i = 0; i < enos->app_count; i++) {
        kdm_enos_token(&enos->apps[i], now_ms, hex);
        if (kdm_same_secret(expected, token))
            found = &enos->apps[i];
    }
    *ret_code = KDM_ENOS_TOKEN_EXPIRED;
    if (found == NULL)
        return NULL;
    *ret_code = KDM_ENOS_BAD_ENCRYPTION;
    kdm_enos_digest(
        (const struct kdm_str[]){ token, signed_text(call, arena), timestamp, found->secret_key },
        4, hex);
    return kdm_enos_is_recent(timestamp, now_ms) && kdm_same_secret(expected, signature) ? found
                                                                                         : NULL;
}

/* jwt.c - see jwt.h. */
#include "security/jwt.h"
#include "base/err.h"
#include "security/secret.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* --- base64url, without padding ------------------------------------------------------------- */

static void encode(struct kdm_buf *buf, struct kdm_str s)
{
    unsigned value = 0, bits = 0;

    for (size_t i = 0; i < s.len; i++) {
        value = value << 8 | (unsigned char)s.ptr[i];
        for (bits += 8; bits >= 6; bits -= 6)
            kdm_buf_char(buf, digits[value >> (bits - 6) & 63]);
    }
    if (bits > 0)
        kdm_buf_char(buf, digits[value << (6 - bits) & 63]);
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Each text of bytes has one encoding only: bits left over must be zero. */
static bool decode(struct kdm_arena *arena, struct kdm_str s, struct kdm_str *ret_bytes)
{
    char *bytes = kdm_arena_alloc(arena, s.len + 1);
    unsigned value = 0, bits = 0;
    size_t len = 0;

    if (s.len % 4 == 1)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int digit = digit_value(s.ptr[i]);

        if (digit < 0)
            return false;
        value = value << 6 | (unsigned)digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[len++] = (char)(value >> bits);
        }
    }
    if ((value & ((1u << bits) - 1)) != 0)
        return false;
    *ret_bytes = (struct kdm_str){ bytes, len };
    return true;
}

/* --- signing -------------------------------------------------------------------------------- */

static const EVP_MD *digest_of(const struct kdm_jwt_key *key)
{
    if (strcmp(key->algorithm, "HS384") == 0)
        return EVP_sha384();
    if (strcmp(key->algorithm, "HS512") == 0)
        return EVP_sha512();
    KDM_ASSERT(strcmp(key->algorithm, "HS256") == 0);
    return EVP_sha256();
}

static struct kdm_str signature_of(struct kdm_arena *arena, const struct kdm_jwt_key *key,
                                   struct kdm_str input)
{
    unsigned char *bytes = kdm_arena_alloc(arena, EVP_MAX_MD_SIZE);
    unsigned len = 0;

    KDM_ASSERT(HMAC(digest_of(key), key->secret.ptr, (int)key->secret.len,
                    (const unsigned char *)input.ptr, input.len, bytes, &len)
               != NULL);
    return (struct kdm_str){ (const char *)bytes, len };
}

struct kdm_str kdm_jwt_sign(struct kdm_arena *arena, const struct kdm_jwt_key *key,
                            struct kdm_str payload)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 2 * payload.len + 256);
    encode(&buf, kdm_arena_printf(arena, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", key->algorithm));
    kdm_buf_char(&buf, '.');
    encode(&buf, payload);
    {
        struct kdm_str signature = signature_of(arena, key, kdm_buf_str(&buf));

        kdm_buf_char(&buf, '.');
        encode(&buf, signature);
    }
    return kdm_buf_str(&buf);
}

/* --- verifying ------------------------------------------------------------------------------ */

/* Takes what stands before the next dot off `rest`. */
static bool take_part(struct kdm_str *rest, struct kdm_str *ret_part)
{
    const char *dot = rest->len == 0 ? NULL : memchr(rest->ptr, '.', rest->len);

    if (dot == NULL)
        return false;
    *ret_part = (struct kdm_str){ rest->ptr, (size_t)(dot - rest->ptr) };
    *rest = kdm_str_from(*rest, ret_part->len + 1);
    return true;
}

static bool decode_object(struct kdm_arena *arena, struct kdm_str part, struct kdm_val *ret_object)
{
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));
    struct kdm_str text;

    if (!decode(arena, part, &text) || !kdm_json_scan(arena, text, doc, NULL)
        || kdm_val_type(kdm_json_root(doc)) != KDM_JSON_OBJECT)
        return false;
    *ret_object = kdm_json_root(doc);
    return true;
}

enum kdm_jwt_verdict kdm_jwt_verify(struct kdm_arena *arena, const struct kdm_jwt_key *key,
                                    struct kdm_str token, int64_t now_ms,
                                    struct kdm_val *ret_payload)
{
    struct kdm_str rest = token, header, body, input, signature;
    struct kdm_val header_object, payload, exp;
    double seconds;

    if (token.len > KDM_JWT_MAX || !take_part(&rest, &header) || !take_part(&rest, &body))
        return KDM_JWT_BAD;
    input = (struct kdm_str){ token.ptr, header.len + 1 + body.len };
    /* The signature comes first: nothing else is worth reading before. */
    if (!decode(arena, rest, &signature)
        || !kdm_same_secret(signature, signature_of(arena, key, input)))
        return KDM_JWT_BAD;
    if (!decode_object(arena, header, &header_object)
        || !kdm_val_str_eq(kdm_val_get(header_object, KDM_STR("alg")), kdm_str_of(key->algorithm))
        || !decode_object(arena, body, &payload))
        return KDM_JWT_BAD;
    exp = kdm_val_get(payload, KDM_STR("exp"));
    if (!kdm_val_none(exp)) {
        if (!kdm_val_double(exp, &seconds))
            return KDM_JWT_BAD;
        if ((double)now_ms >= seconds * 1000)
            return KDM_JWT_EXPIRED;
    }
    *ret_payload = payload;
    return KDM_JWT_GOOD;
}

/* secret.c - see secret.h. */
#include "security/secret.h"
#include <openssl/crypto.h>
#include <openssl/sha.h>

struct kdm_str kdm_sha256_hex(struct kdm_arena *arena, struct kdm_str text)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char *digits = kdm_arena_alloc(arena, KDM_SHA256_HEX);

    SHA256((const unsigned char *)text.ptr, text.len, hash);
    kdm_hex(hash, sizeof(hash), digits);
    return (struct kdm_str){ .ptr = digits, .len = KDM_SHA256_HEX };
}

bool kdm_same_secret(struct kdm_str a, struct kdm_str b)
{
    return a.len == b.len && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

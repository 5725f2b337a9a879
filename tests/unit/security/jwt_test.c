/* jwt_test.c - tokens are believed only when they are ours. */
#include "security/jwt.h"
#include "security/secret.h"
#include "../texts.h"

static const struct kdm_jwt_key key = { "HS256", { "a secret", 8 } };

static enum kdm_jwt_verdict verify(struct kdm_str token)
{
    struct kdm_val payload;

    return kdm_jwt_verify(&arena, &key, token, 1000000, &payload);
}

static struct kdm_str sign(const char *payload)
{
    return kdm_jwt_sign(&arena, &key, kdm_str_of(payload));
}

START_TEST(what_was_signed_is_read)
{
    struct kdm_val payload;

    ck_assert_int_eq(
        kdm_jwt_verify(&arena, &key, sign("{\"_id\":\"me\",\"exp\":1001}"), 1000000, &payload),
        KDM_JWT_GOOD);
    ck_assert(kdm_val_str_eq(kdm_val_get(payload, KDM_STR("_id")), KDM_STR("me")));
}
END_TEST

/* Made with Python's hmac. */
START_TEST(a_known_token_is_signed_alike)
{
    struct kdm_str known = KDM_STR("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJfaWQiOiJtZSJ9."
                                   "L1wdtemaSssH8yDyI4kbUFR5EhV78QrlEAG6CpgIZ80");

    ck_assert(kdm_str_eq(sign("{\"_id\":\"me\"}"), known));
}
END_TEST

START_TEST(it_ends)
{
    ck_assert_int_eq(verify(sign("{\"exp\":1000}")), KDM_JWT_EXPIRED);
    ck_assert_int_eq(verify(sign("{\"exp\":1000.5}")), KDM_JWT_GOOD);
    ck_assert_int_eq(verify(sign("{\"exp\":-1e300}")), KDM_JWT_EXPIRED);
    ck_assert_int_eq(verify(sign("{\"exp\":\"never\"}")), KDM_JWT_BAD);
    ck_assert_int_eq(verify(sign("{\"exp\":null}")), KDM_JWT_BAD);
    ck_assert_int_eq(verify(sign("{}")), KDM_JWT_GOOD);
}
END_TEST

START_TEST(every_bit_counts)
{
    struct kdm_str token = sign("{\"_id\":\"me\"}");

    for (size_t i = 0; i < token.len; i++) {
        for (int bit = 0; bit < 7; bit++) {
            struct kdm_str other = kdm_arena_copy(&arena, token);

            ((char *)other.ptr)[i] ^= (char)(1 << bit);
            ck_assert_msg(verify(other) == KDM_JWT_BAD, "byte %zu, bit %d", i, bit);
        }
    }
}
END_TEST

START_TEST(no_part_of_it_is_enough)
{
    struct kdm_str token = sign("{\"_id\":\"me\"}");

    for (size_t len = 0; len < token.len; len++)
        ck_assert_int_eq(verify((struct kdm_str){ token.ptr, len }), KDM_JWT_BAD);
    ck_assert_int_eq(verify(kdm_arena_printf(&arena, KDM_FMT ".", KDM_ARG(token))), KDM_JWT_BAD);
    ck_assert_int_eq(verify(kdm_arena_printf(&arena, KDM_FMT "A", KDM_ARG(token))), KDM_JWT_BAD);
    ck_assert_int_eq(verify(kdm_arena_printf(&arena, KDM_FMT "=", KDM_ARG(token))), KDM_JWT_BAD);
}
END_TEST

START_TEST(another_key_is_none_of_ours)
{
    const struct kdm_jwt_key other = { "HS256", { "a secreT", 8 } };

    ck_assert_int_eq(verify(kdm_jwt_sign(&arena, &other, KDM_STR("{}"))), KDM_JWT_BAD);
}
END_TEST

/* Even with the right key. */
START_TEST(another_algorithm_is_refused)
{
    const struct kdm_jwt_key other = { "HS512", key.secret };

    ck_assert_int_eq(verify(kdm_jwt_sign(&arena, &other, KDM_STR("{}"))), KDM_JWT_BAD);
    ck_assert_int_eq(verify(KDM_STR("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJfaWQiOiJtZSJ9.")),
                     KDM_JWT_BAD);
    ck_assert_int_eq(verify(KDM_STR("eyJhbGciOiJub25lIn0.e30.")), KDM_JWT_BAD);
}
END_TEST

START_TEST(what_is_no_object_says_nothing)
{
    ck_assert_int_eq(verify(sign("[]")), KDM_JWT_BAD);
    ck_assert_int_eq(verify(sign("no json")), KDM_JWT_BAD);
    ck_assert_int_eq(verify(sign("")), KDM_JWT_BAD);
}
END_TEST

START_TEST(very_long_ones_are_not_looked_at)
{
    char *text = calloc(1, KDM_JWT_MAX + 2);

    memset(text, 'a', KDM_JWT_MAX + 1);
    text[10] = text[20] = '.';
    ck_assert_int_eq(verify(kdm_str_of(text)), KDM_JWT_BAD);
    free(text);
}
END_TEST

START_TEST(fingerprints_are_sha_256)
{
    struct kdm_str hex = kdm_sha256_hex(&arena, KDM_STR("abc"));

    ck_assert(kdm_str_eq(
        hex, KDM_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
    ck_assert(kdm_same_secret(hex, kdm_arena_copy(&arena, hex)));
    ck_assert(!kdm_same_secret(hex, KDM_STR("ba")));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_was_signed_is_read,
        a_known_token_is_signed_alike,
        it_ends,
        every_bit_counts,
        no_part_of_it_is_enough,
        another_key_is_none_of_ours,
        another_algorithm_is_refused,
        what_is_no_object_says_nothing,
        very_long_ones_are_not_looked_at,
        fingerprints_are_sha_256,
    };

    return RUN("jwt", tests, open_arena, close_arena);
}

/* password.c - see password.h. */
#include "security/password.h"
#include <sodium.h>

/* As OWASP advises for argon2id: 19 MiB, two passes. Some 10 ms of one core. */
#define PASSES 2
#define MEMORY (19456u * 1024u)

/* Of no password, with the same parameters: so a name that nobody has takes as long as a wrong
 * password. */
#define OF_NOBODY                                                                                  \
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"                                       \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* Work: the password. Answer: its hash; nothing when there is no memory for it. */
static void hash_work(struct kdm_str password, struct kdm_buf *answer)
{
    char hash[crypto_pwhash_STRBYTES];

    if (sodium_init() >= 0
        && crypto_pwhash_str_alg(hash, password.ptr, password.len, PASSES, MEMORY,
                                 crypto_pwhash_ALG_ARGON2ID13)
               == 0)
        kdm_buf_put(answer, kdm_str_of(hash));
}

/* Work: a hash, NUL, the password. Answer: "1" when they belong together, else "0". */
static void check_work(struct kdm_str input, struct kdm_buf *answer)
{
    struct kdm_str password = kdm_str_from(input, strlen(input.ptr) + 1);

    if (sodium_init() >= 0 && crypto_pwhash_str_verify(input.ptr, password.ptr, password.len) == 0)
        kdm_buf_char(answer, '1');
    else
        kdm_buf_char(answer, '0');
}

bool kdm_password_hash(struct kdm_tx *tx, struct kdm_str password, struct kdm_str *ret_hash)
{
    if (!kdm_tx_work(tx, KDM_STR("hash of a password"), hash_work, password, ret_hash))
        return false;
    if (ret_hash->len > 0)
        return true;
    kdm_tx_fail(tx, KDM_ERR_API_PROCESS_OVERLOADED, NULL, 0);
    return false;
}

bool kdm_password_check(struct kdm_tx *tx, struct kdm_str name, struct kdm_str hash,
                        struct kdm_str password, bool *ret_same)
{
    bool nobody = kdm_str_none(hash);
    struct kdm_str answer;
    struct kdm_buf input;

    if (nobody)
        hash = KDM_STR(OF_NOBODY);
    kdm_buf_init(&input, kdm_tx_arena(tx), hash.len + password.len + 1);
    kdm_buf_put(&input, hash);
    kdm_buf_char(&input, '\0');
    kdm_buf_put(&input, password);
    if (!kdm_tx_work(tx, kdm_arena_printf(kdm_tx_arena(tx), "password of " KDM_FMT, KDM_ARG(name)),
                     check_work, kdm_buf_str(&input), &answer))
        return false;
    *ret_same = !nobody && kdm_str_eq(answer, KDM_STR("1"));
    return true;
}

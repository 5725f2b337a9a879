/* password.h - passwords as they are stored: argon2id, by libsodium, each with its own salt and
 * parameters. Tens of milliseconds of work that belong on the thread pool: kdm_tx_work() calls the
 * two below. */
#ifndef KDM_SECURITY_PASSWORD_H
#define KDM_SECURITY_PASSWORD_H

#include "tx/tx.h"

/* *ret_hash is text that can be stored. */
bool kdm_password_hash(struct kdm_tx *tx, struct kdm_str password, struct kdm_str *ret_hash);

/* Is this the password that was hashed? hash none: of nobody; that takes as long and is never so.
 * `name` tells apart two questions of one transaction. */
bool kdm_password_check(struct kdm_tx *tx, struct kdm_str name, struct kdm_str hash,
                        struct kdm_str password, bool *ret_same);

#endif

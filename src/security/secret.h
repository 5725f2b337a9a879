/* secret.h - what is kept of secrets, and how they are compared. Pure functions, any thread. */
#ifndef KDM_SECURITY_SECRET_H
#define KDM_SECURITY_SECRET_H

#include "base/arena.h"

#define KDM_SHA256_HEX 64

/* SHA-256 as KDM_SHA256_HEX hexadecimal digits. */
struct kdm_str kdm_sha256_hex(struct kdm_arena *arena, struct kdm_str text);

/* In a time that does not tell where they differ (their length is no secret). */
bool kdm_same_secret(struct kdm_str a, struct kdm_str b);

#endif

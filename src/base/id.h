/* id.h - identifiers and random bytes. Any thread. */
#ifndef KDM_BASE_ID_H
#define KDM_BASE_ID_H

#include "base/arena.h"
#include <stdint.h>

#define KDM_UUID_LEN   36
#define KDM_DOC_ID_LEN 20

/* A random source: a buffered stream of the kernel's random bytes (getrandom), so that an
 * id costs no system call. One per loop. */
struct kdm_random {
    unsigned char bytes[4096];
    size_t left;
};

void kdm_random_fill(struct kdm_random *random, void *ret_bytes, size_t len);
uint64_t kdm_random_u64(struct kdm_random *random);

/* Writes a UUID v4, lower case, 36 characters, no NUL. */
void kdm_uuid(struct kdm_random *random, char ret_text[KDM_UUID_LEN]);

/* Writes a document id: 20 characters of [A-Za-z0-9_-], 120 random bits, no NUL
 * (reference kuzzle-semantics.md 2.2, create). The first one is never '_' or '-'. */
void kdm_doc_id(struct kdm_random *random, char ret_text[KDM_DOC_ID_LEN]);

/* "<prefix>-<adjective>-<name>-<0..99999>" (node ids, generated group ids). */
struct kdm_str kdm_friendly_id(struct kdm_random *random, struct kdm_arena *arena,
                               const char *prefix);

#endif

/* name.h - private to json/: member names, hashed and compared unescaped.
 * Every name node carries 32 bits of a seeded hash, so a lookup compares one word a
 * member and looks at the text only when it is right. The hash is two 64x64->128
 * multiplications with secret operands (the idea of wyhash): a name of up to 16
 * bytes costs 2 ns, and without the seed nobody can make names that collide.
 */
#ifndef KDM_JSON_NAME_H
#define KDM_JSON_NAME_H

#include "base/hash.h"
#include "json/json.h"

/* What kdm_json_seed() set. */
extern struct kdm_hash_seed kdm_json_name_seed;

static inline uint64_t kdm_json_mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t kdm_json_load8(const char *ptr)
{
    uint64_t word;

    memcpy(&word, ptr, sizeof(word));
    return word;
}

static inline uint64_t kdm_json_load4(const char *ptr)
{
    uint32_t word;

    memcpy(&word, ptr, sizeof(word));
    return word;
}

/* The hash of a name's unescaped bytes. Up to 16 bytes are read as two words that may overlap. */
static inline uint32_t kdm_json_name_hash(struct kdm_str name)
{
    uint64_t k0 = kdm_json_name_seed.k0, k1 = kdm_json_name_seed.k1;
    const char *ptr = name.ptr;
    size_t len = name.len;
    uint64_t a = 0, b = 0;

    for (; len > 16; ptr += 16, len -= 16)
        k1 = kdm_json_mix(kdm_json_load8(ptr) ^ k0, kdm_json_load8(ptr + 8) ^ k1);
    if (len >= 8) {
        a = kdm_json_load8(ptr);
        b = kdm_json_load8(ptr + len - 8);
    } else if (len >= 4) {
        a = kdm_json_load4(ptr);
        b = kdm_json_load4(ptr + len - 4);
    } else if (len > 0) {
        a = (uint64_t)(unsigned char)ptr[0] << 16 | (uint64_t)(unsigned char)ptr[len / 2] << 8
            | (unsigned char)ptr[len - 1];
    }
    return (uint32_t)kdm_json_mix(kdm_json_mix(a ^ k0, b ^ k1), k0 ^ name.len);
}

/* What stands between the quotes of a string node. */
static inline struct kdm_str kdm_json_inner(const struct kdm_json *doc,
                                            const struct kdm_json_node *node)
{
    return (struct kdm_str){ .ptr = doc->text.ptr + node->at + 1, .len = node->len - 2 };
}

/* Writes the unescaped bytes of `inner`, which was validated; never more than inner.len. Returns
 * how many. */
size_t kdm_json_unescape(struct kdm_str inner, char *ret_bytes);

/* Do these two, either of which may hold escapes, mean the same characters? */
bool kdm_json_inner_eq(struct kdm_str a, bool a_escaped, struct kdm_str b, bool b_escaped);

/* A name to look for. */
struct kdm_json_name {
    struct kdm_str inner;
    uint32_t hash;
    bool escaped; /* `inner` holds escapes */
};

static inline struct kdm_json_name kdm_json_name_of(const struct kdm_json *doc,
                                                    const struct kdm_json_node *node)
{
    return (struct kdm_json_name){ .inner = kdm_json_inner(doc, node),
                                   .hash = node->count,
                                   .escaped = node->flags & KDM_JSON_ESCAPED };
}

static inline struct kdm_json_name kdm_json_name_str(struct kdm_str s)
{
    return (struct kdm_json_name){ .inner = s, .hash = kdm_json_name_hash(s), .escaped = false };
}

/* Is the name node called `name`? Compares the hashes first. */
static inline bool kdm_json_name_is(const struct kdm_json *doc, const struct kdm_json_node *node,
                                    const struct kdm_json_name *name)
{
    return node->count == name->hash
           && kdm_json_inner_eq(kdm_json_inner(doc, node), node->flags & KDM_JSON_ESCAPED,
                                name->inner, name->escaped);
}

/* --- an object's names ------------------------------------------------------------------ */

/* Finds members of one object. Small objects are walked; for large ones (or for many questions) a
 * table is made first, so that nothing a client sends costs more than linear time. */
struct kdm_json_names {
    const struct kdm_json *doc;
    uint32_t object;
    uint32_t mask;
    struct kdm_json_name_slot *slots; /* NULL: walk */
};

struct kdm_json_name_slot {
    uint32_t first; /* node of the name where it stands first; 0: free */
    uint32_t last;  /* .. and where it stands last: that one's value counts */
};

/* `object` must be an object. The table is in the arena. */
void kdm_json_names_init(struct kdm_json_names *names, struct kdm_arena *arena,
                         struct kdm_val object);

/* Where the name stands first and last; false when there is no such member. */
bool kdm_json_names_find(const struct kdm_json_names *names, const struct kdm_json_name *name,
                         struct kdm_json_name_slot *ret_slot);

/* The value that counts for the name, or KDM_VAL_NONE. */
struct kdm_val kdm_json_names_value(const struct kdm_json_names *names,
                                    const struct kdm_json_name *name);

/* Does the object have a name twice? For the scan, at the object's end: its nodes reach to the end
 * of the array and object->next is not yet set. */
bool kdm_json_names_repeat(const struct kdm_json *doc, uint32_t object);

/* Walks the members of an object with duplicates resolved: each name once, at its first place, with
 * the value of its last one. */
struct kdm_json_member_iter {
    struct kdm_val_iter it;
    struct kdm_json_names names;
    bool repeated;
};
void kdm_json_resolved(struct kdm_json_member_iter *it, struct kdm_arena *arena,
                       struct kdm_val object);
bool kdm_json_resolved_next(struct kdm_json_member_iter *it, struct kdm_val *ret_name,
                            struct kdm_val *ret_value);

#endif

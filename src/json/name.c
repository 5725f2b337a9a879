/* name.c - member names: unescaping, comparing, finding. */
#include "json/name.h"
#include <stdlib.h>

/* Objects up to this size are walked; a table would cost more than it saves. */
#define WALK_MAX 16u

struct kdm_hash_seed kdm_json_name_seed = { .k0 = UINT64_C(0x9e3779b97f4a7c15),
                                            .k1 = UINT64_C(0xd1b54a32d192ed03) };

void kdm_json_seed(uint64_t k0, uint64_t k1)
{
    kdm_json_name_seed = (struct kdm_hash_seed){ .k0 = k0, .k1 = k1 };
}

uint32_t kdm_json_hash(struct kdm_str name)
{
    return kdm_json_name_hash(name);
}

/* --- escapes ---------------------------------------------------------------------------- */

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static unsigned hex4(const char *at)
{
    return hex_value(at[0]) << 12 | hex_value(at[1]) << 8 | hex_value(at[2]) << 4
           | hex_value(at[3]);
}

static size_t put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Decodes the escape at *at (a backslash) and steps behind it; up to 4 bytes. */
static size_t take_escape(const char **at, char out[4])
{
    const char *from = *at;
    unsigned code;

    *at += 2;
    switch (from[1]) {
    case 'b':
        return put_utf8(out, '\b');
    case 'f':
        return put_utf8(out, '\f');
    case 'n':
        return put_utf8(out, '\n');
    case 'r':
        return put_utf8(out, '\r');
    case 't':
        return put_utf8(out, '\t');
    case 'u':
        break;
    default: /* '"', '\\', '/' stand for themselves */
        return put_utf8(out, (unsigned char)from[1]);
    }
    code = hex4(from + 2);
    *at += 4;
    if (code >= 0xd800 && code <= 0xdbff) { /* the scan saw to it that its other half follows */
        code = 0x10000 + ((code - 0xd800) << 10) + (hex4(from + 8) - 0xdc00);
        *at += 6;
    }
    return put_utf8(out, code);
}

size_t kdm_json_unescape(struct kdm_str inner, char *ret_bytes)
{
    const char *at = inner.ptr, *end = inner.ptr + inner.len;
    char *out = ret_bytes;

    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash == NULL ? end : slash) - at);

        memcpy(out, at, plain);
        out += plain;
        at += plain;
        if (slash != NULL) {
            char bytes[4];
            size_t len = take_escape(&at, bytes);

            memcpy(out, bytes, len);
            out += len;
        }
    }
    return (size_t)(out - ret_bytes);
}

/* A string read byte by byte, unescaped. */
struct reader {
    const char *at, *end;
    bool escaped;
    char pending[4]; /* what is left of the escape just decoded */
    size_t have, used;
};

static int next_byte(struct reader *r)
{
    if (r->used < r->have)
        return (unsigned char)r->pending[r->used++];
    if (r->at == r->end)
        return -1;
    if (!r->escaped || *r->at != '\\')
        return (unsigned char)*r->at++;
    r->have = take_escape(&r->at, r->pending);
    r->used = 1;
    return (unsigned char)r->pending[0];
}

bool kdm_json_inner_eq(struct kdm_str a, bool a_escaped, struct kdm_str b, bool b_escaped)
{
    struct reader left = { .at = a.ptr, .end = a.ptr + a.len, .escaped = a_escaped };
    struct reader right = { .at = b.ptr, .end = b.ptr + b.len, .escaped = b_escaped };

    if (!a_escaped && !b_escaped)
        return kdm_str_eq(a, b);
    for (;;) {
        int byte = next_byte(&left);

        if (byte != next_byte(&right))
            return false;
        if (byte < 0)
            return true;
    }
}

/* --- finding ---------------------------------------------------------------------------- */

static size_t slots_for(uint32_t members)
{
    size_t slots = 64;

    while (slots < (size_t)members * 2)
        slots *= 2;
    return slots;
}

/* The slot of `name`, or the free one where it would go. */
static struct kdm_json_name_slot *find_slot(const struct kdm_json_names *names,
                                            const struct kdm_json_name *name)
{
    const struct kdm_json_node *nodes = names->doc->nodes;
    uint32_t i = name->hash & names->mask;

    for (;; i = (i + 1) & names->mask) {
        struct kdm_json_name_slot *slot = &names->slots[i];

        if (slot->first == 0 || kdm_json_name_is(names->doc, &nodes[slot->first], name))
            return slot;
    }
}

/* Puts the names of nodes [from, end) into the table; true when one stood twice. */
static bool fill_slots(struct kdm_json_names *names, uint32_t from, uint32_t end)
{
    const struct kdm_json_node *nodes = names->doc->nodes;
    bool repeat = false;

    for (uint32_t i = from; i < end; i = nodes[i + 1].next) {
        struct kdm_json_name name = kdm_json_name_of(names->doc, &nodes[i]);
        struct kdm_json_name_slot *slot = find_slot(names, &name);

        if (slot->first == 0)
            slot->first = i;
        else
            repeat = true;
        slot->last = i;
    }
    return repeat;
}

void kdm_json_names_init(struct kdm_json_names *names, struct kdm_arena *arena,
                         struct kdm_val object)
{
    const struct kdm_json_node *node = kdm_val_node(object);
    size_t slots;

    *names = (struct kdm_json_names){ .doc = object.doc, .object = object.node };
    if (node->count <= WALK_MAX)
        return;
    slots = slots_for(node->count);
    names->mask = (uint32_t)slots - 1;
    names->slots = kdm_arena_zalloc(arena, slots * sizeof(*names->slots));
    fill_slots(names, object.node + 1, node->next);
}

static bool find_walking(const struct kdm_json_names *names, const struct kdm_json_name *name,
                         struct kdm_json_name_slot *ret_slot)
{
    const struct kdm_json_node *nodes = names->doc->nodes;
    uint32_t end = nodes[names->object].next;
    struct kdm_json_name_slot found = { 0 };

    for (uint32_t i = names->object + 1; i < end; i = nodes[i + 1].next) {
        if (!kdm_json_name_is(names->doc, &nodes[i], name))
            continue;
        if (found.first == 0)
            found.first = i;
        found.last = i;
    }
    if (found.first == 0)
        return false;
    *ret_slot = found;
    return true;
}

bool kdm_json_names_find(const struct kdm_json_names *names, const struct kdm_json_name *name,
                         struct kdm_json_name_slot *ret_slot)
{
    const struct kdm_json_name_slot *slot;

    if (names->slots == NULL)
        return find_walking(names, name, ret_slot);
    slot = find_slot(names, name);
    if (slot->first == 0)
        return false;
    *ret_slot = *slot;
    return true;
}

struct kdm_val kdm_json_names_value(const struct kdm_json_names *names,
                                    const struct kdm_json_name *name)
{
    struct kdm_json_name_slot slot;

    if (!kdm_json_names_find(names, name, &slot))
        return KDM_VAL_NONE;
    return (struct kdm_val){ .doc = names->doc, .node = slot.last + 1 };
}

static bool repeat_walking(const struct kdm_json *doc, uint32_t object)
{
    const struct kdm_json_node *nodes = doc->nodes;

    for (uint32_t i = object + 1; i < doc->count; i = nodes[i + 1].next) {
        struct kdm_json_name name = kdm_json_name_of(doc, &nodes[i]);

        for (uint32_t k = object + 1; k < i; k = nodes[k + 1].next) {
            if (kdm_json_name_is(doc, &nodes[k], &name))
                return true;
        }
    }
    return false;
}

bool kdm_json_names_repeat(const struct kdm_json *doc, uint32_t object)
{
    struct kdm_json_names names = { .doc = doc, .object = object };
    size_t slots;
    bool repeat;

    if (doc->nodes[object].count <= WALK_MAX)
        return repeat_walking(doc, object);
    slots = slots_for(doc->nodes[object].count);
    names.mask = (uint32_t)slots - 1;
    names.slots = kdm_zalloc(slots * sizeof(*names.slots));
    repeat = fill_slots(&names, object + 1, doc->count);
    free(names.slots);
    return repeat;
}

void kdm_json_resolved(struct kdm_json_member_iter *it, struct kdm_arena *arena,
                       struct kdm_val object)
{
    kdm_members(&it->it, object);
    it->repeated = object.doc != NULL && kdm_val_node(object)->flags & KDM_JSON_DUPLICATE;
    if (it->repeated)
        kdm_json_names_init(&it->names, arena, object);
}

bool kdm_json_resolved_next(struct kdm_json_member_iter *it, struct kdm_val *ret_name,
                            struct kdm_val *ret_value)
{
    while (kdm_member_next(&it->it, ret_name, ret_value)) {
        struct kdm_json_name_slot slot = { 0 };
        struct kdm_json_name name;

        if (!it->repeated)
            return true;
        name = kdm_json_name_of(ret_name->doc, kdm_val_node(*ret_name));
        kdm_json_names_find(&it->names, &name, &slot);
        if (slot.first == ret_name->node) {
            ret_value->node = slot.last + 1;
            return true;
        }
    }
    return false;
}

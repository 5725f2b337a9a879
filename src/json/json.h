/* json.h - JSON as text with an index.
 * A text is validated and indexed once where it lies (kdm_json_scan); everything
 * else walks the index and splices the text. No tree, no copy, numbers keep their
 * digits and members their order (design section 5). Where a tree is really wanted
 * (configuration, mappings, query DSL, plugin payloads) jansson is used instead:
 * kdm_json_tree().
 * Accepted is RFC 8259 in valid UTF-8, U+0000 included, with at most
 * KDM_JSON_MAX_DEPTH levels; refused are lone surrogates, numbers beyond double
 * range, more than KDM_JSON_MAX_NODES values. Pure functions over an arena, any thread.
 */
#ifndef KDM_JSON_JSON_H
#define KDM_JSON_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include <jansson.h>

#define KDM_JSON_MAX_DEPTH 100
#define KDM_JSON_MAX_NODES (1u << 20)

enum kdm_json_type {
    KDM_JSON_NONE = 0, /* no value here: a member that is absent */
    KDM_JSON_NULL,
    KDM_JSON_FALSE,
    KDM_JSON_TRUE,
    KDM_JSON_NUMBER,
    KDM_JSON_STRING,
    KDM_JSON_ARRAY,
    KDM_JSON_OBJECT
};

/* One value, or one member name, of the text; nodes stand in the order of the text. A member
 * is two neighbours: its name (type STRING), then its value. Private to json/: use the calls. */
struct kdm_json_node {
    uint32_t at;    /* byte offset of its first character ('"' of a string) */
    uint32_t len;   /* bytes, quotes and brackets included */
    uint32_t next;  /* index of the node behind it and all it holds */
    uint32_t count; /* array: elements; object: members; name: low half of the seeded hash */
    uint8_t type;   /* enum kdm_json_type */
    uint8_t flags;  /* KDM_JSON_* below */
};

#define KDM_JSON_ESCAPED   1u  /* string holds a backslash */
#define KDM_JSON_INTEGER   2u  /* number has neither '.' nor exponent */
#define KDM_JSON_DUPLICATE 4u  /* object (itself) has a member name twice */
#define KDM_JSON_DIRTY     8u  /* object or array: something below it is DUPLICATE */
#define KDM_JSON_SPACED    16u /* object or array: white space between its tokens */

struct kdm_json {
    struct kdm_str text;
    struct kdm_json_node *nodes;
    uint32_t count;
};

/* A place in a scanned text, by value. doc NULL: there is nothing (type NONE). */
struct kdm_val {
    const struct kdm_json *doc;
    uint32_t node;
};

#define KDM_VAL_NONE ((struct kdm_val){ .doc = NULL, .node = 0 })

/* Why a scan failed, for the error's text. */
struct kdm_json_error {
    size_t at;          /* byte offset */
    const char *reason; /* static */
};

/* Validates `text` and indexes it; the nodes are in the arena, the text is borrowed and must
 * outlive ret_doc. false with *ret_error filled (when not NULL) if the text is refused. */
bool kdm_json_scan(struct kdm_arena *arena, struct kdm_str text, struct kdm_json *ret_doc,
                   struct kdm_json_error *ret_error);

/* Scans a text that we wrote or checked before; a failure is our bug (asserted). Returns its root.
 * Allows twice the levels and four times the values, because what we store may hold a whole request
 * body some levels down. */
struct kdm_val kdm_json_parse(struct kdm_arena *arena, struct kdm_str text);

/* The string that is the member `name` of the outermost object of a text that kdm_json_scan() has
 * refused, or NONE: the last one that can be told by its place. Any thread. */
struct kdm_val kdm_json_salvage(struct kdm_arena *arena, struct kdm_str text, struct kdm_str name);

/* --- reading ------------------------------------------------------------------------- */

static inline struct kdm_val kdm_json_root(const struct kdm_json *doc)
{
    return (struct kdm_val){ .doc = doc, .node = 0 };
}

static inline const struct kdm_json_node *kdm_val_node(struct kdm_val val)
{
    return &val.doc->nodes[val.node];
}

static inline enum kdm_json_type kdm_val_type(struct kdm_val val)
{
    return val.doc == NULL ? KDM_JSON_NONE : (enum kdm_json_type)kdm_val_node(val)->type;
}

static inline bool kdm_val_none(struct kdm_val val)
{
    return val.doc == NULL;
}

/* Absent or JSON null. */
static inline bool kdm_val_null(struct kdm_val val)
{
    return kdm_val_type(val) <= KDM_JSON_NULL;
}

/* Its text as it stands, quotes and all; none for KDM_VAL_NONE. */
static inline struct kdm_str kdm_val_text(struct kdm_val val)
{
    if (val.doc == NULL)
        return KDM_STR_NONE;
    return (struct kdm_str){ .ptr = val.doc->text.ptr + kdm_val_node(val)->at,
                             .len = kdm_val_node(val)->len };
}

/* Elements of an array, members of an object, else 0. */
uint32_t kdm_val_count(struct kdm_val val);

/* The member called `name` (compared unescaped; the last one when it stands twice), or
 * KDM_VAL_NONE, also when `object` is no object. */
struct kdm_val kdm_val_get(struct kdm_val object, struct kdm_str name);

/* A member by dotted path, "a.b.c"; a member whose own name has dots is not found. */
struct kdm_val kdm_val_path(struct kdm_val object, struct kdm_str path);

/* The seeded hash of a member's name, made by the scan, and that of any text: equal names have equal
 * ones. */
static inline uint32_t kdm_val_name_hash(struct kdm_val name)
{
    return kdm_val_node(name)->count;
}
uint32_t kdm_json_hash(struct kdm_str name);

/* Does an object in it, or `val` itself, have a member name twice? */
static inline bool kdm_val_repeats(struct kdm_val val)
{
    return val.doc != NULL
           && (kdm_val_node(val)->flags & (KDM_JSON_DUPLICATE | KDM_JSON_DIRTY)) != 0;
}

/* Walks members: for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) and
 * elements the same. `name` is the member's name as a value (a STRING). */
struct kdm_val_iter {
    const struct kdm_json *doc;
    uint32_t node, end;
};
void kdm_members(struct kdm_val_iter *it, struct kdm_val object);
bool kdm_member_next(struct kdm_val_iter *it, struct kdm_val *ret_name, struct kdm_val *ret_value);
void kdm_elements(struct kdm_val_iter *it, struct kdm_val array);
bool kdm_element_next(struct kdm_val_iter *it, struct kdm_val *ret_value);

/* A string's characters, unescaped: a slice of the text when there was nothing to unescape, else
 * a copy in the arena. None when `val` is no string. */
struct kdm_str kdm_val_str(struct kdm_arena *arena, struct kdm_val val);

/* Is `val` the string `s`? Allocates nothing. */
bool kdm_val_str_eq(struct kdm_val val, struct kdm_str s);

/* false when `val` is no number, or not a whole one within +-2^63 (1.0 and 1e3 are whole). */
bool kdm_val_int64(struct kdm_val val, int64_t *ret_value);
/* false when `val` is no number. */
bool kdm_val_double(struct kdm_val val, double *ret_value);

/* Same JSON value: object members in any order, numbers by value, strings unescaped. */
bool kdm_val_equal(struct kdm_arena *arena, struct kdm_val a, struct kdm_val b);

/* --- writing ------------------------------------------------------------------------- */

/* A JSON string with quotes; control characters, '"' and '\' escaped, nothing else. */
void kdm_json_put_str(struct kdm_buf *buf, struct kdm_str s);

/* The same, as a text in the arena; and {"<name>":"<s>"}, whose name needs no escaping. */
struct kdm_str kdm_json_quoted(struct kdm_arena *arena, struct kdm_str s);
struct kdm_str kdm_json_pair(struct kdm_arena *arena, const char *name, struct kdm_str s);

/* A double so that it reads back equal, laid out as JavaScript does: 1, 0.1, 5e-7, 1e+21. What is
 * not finite becomes null. */
void kdm_json_put_double(struct kdm_buf *buf, double value);

/* A comma, unless an object or an array begins with the last character written. */
void kdm_json_put_comma(struct kdm_buf *buf);

/* "name":  - with the comma before it, unless the last character written is '{'. `name` is put as
 * a JSON string. */
void kdm_json_put_name(struct kdm_buf *buf, struct kdm_str name);

/* ["a","b"] */
struct kdm_str_list {
    struct kdm_str *items;
    size_t count;
};
void kdm_json_put_strings(struct kdm_buf *buf, const struct kdm_str_list *strings);

/* Members of `object` that are not called one of the `skip` names, canonical, with commas but
 * without braces. Names are compared unescaped. Returns how many were written. */
size_t kdm_json_put_members_except(struct kdm_buf *buf, struct kdm_val object,
                                   const struct kdm_str *skip, size_t skip_count);

/* --- transforming: all return text in the arena, canonical ----------------------------- */

/* `val` with duplicate member names resolved (the last wins, at the place of the first), white
 * space between tokens dropped. When it is canonical already: its own text, no copy. */
struct kdm_str kdm_json_canonical(struct kdm_arena *arena, struct kdm_val val);

/* Deep merge as document:update does it (kuzzle-semantics.md 2.2): objects merge member by member,
 * everything else is replaced, null is stored as null. Members of `base` keep their places, new
 * ones follow in patch order. */
struct kdm_str kdm_json_merge(struct kdm_arena *arena, struct kdm_val base, struct kdm_val patch);

/* The same without going into objects: a member of `patch` takes the place of that of `base` whole.
 */
struct kdm_str kdm_json_assign(struct kdm_arena *arena, struct kdm_val base, struct kdm_val patch);

/* `object` with its member `name` set to the JSON text `value` (canonical), or without it when
 * value is none. What is no object counts as an empty one, here and below. */
struct kdm_str kdm_json_set(struct kdm_arena *arena, struct kdm_val object, struct kdm_str name,
                            struct kdm_str value);

/* Sets a dotted path, making objects on the way (lodash "set" for plain keys: what stands in the
 * way and is no object is replaced). Without `value` the member is removed. A path of more than
 * KDM_JSON_MAX_DEPTH parts changes nothing. */
struct kdm_str kdm_json_set_path(struct kdm_arena *arena, struct kdm_val object,
                                 struct kdm_str path, struct kdm_str value);

/* Without the members at these dotted paths; missing ones are ignored. */
struct kdm_str kdm_json_without_paths(struct kdm_arena *arena, struct kdm_val object,
                                      const struct kdm_str *paths, size_t count);

/* The dotted paths of all leaves in order: scalars, null and arrays are leaves. Empty objects
 * vanish. `items` is NULL when the paths together would be longer than KDM_JSON_FLATTEN_MAX, which
 * only a hostile text reaches (a long name above many leaves); it is never NULL otherwise. */
#define KDM_JSON_FLATTEN_MAX (16u << 20)
struct kdm_str_list kdm_json_flatten(struct kdm_arena *arena, struct kdm_val object);

/* With `indent` blanks a level, for ?pretty. */
struct kdm_str kdm_json_pretty(struct kdm_arena *arena, struct kdm_val val, int indent);

/* --- trees --------------------------------------------------------------------------- */

/* A jansson tree of `val`; the caller owns it. Integers beyond 64 bits become reals. */
json_t *kdm_json_tree(struct kdm_val val);

/* A tree as text: compact, members in order. */
struct kdm_str kdm_json_of_tree(struct kdm_arena *arena, const json_t *tree);

/* The seed of member hashes; once at start, before any scan (a test gives a fixed one). */
void kdm_json_seed(uint64_t k0, uint64_t k1);

#endif

/* transform.c - new texts made of old ones: what is untouched is copied as it stands.
 * All recursion is bounded by KDM_JSON_MAX_DEPTH, and no lookup is quadratic: see
 * kdm_json_names.
 */
#include "json/name.h"
#include "json/write.h"

struct kdm_str kdm_json_canonical(struct kdm_arena *arena, struct kdm_val val)
{
    struct kdm_buf buf;

    if (kdm_val_none(val) || kdm_json_clean(val))
        return kdm_val_text(val);
    kdm_buf_init(&buf, arena, kdm_val_text(val).len);
    kdm_json_put_canonical(&buf, arena, val);
    return kdm_buf_str(&buf);
}

/* --- merge ------------------------------------------------------------------------------ */

static struct kdm_val member_value(const struct kdm_json_names *names, struct kdm_val name)
{
    struct kdm_json_name wanted = kdm_json_name_of(name.doc, kdm_val_node(name));

    return kdm_json_names_value(names, &wanted);
}

static void put_merged(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_val base,
                       struct kdm_val patch);

/* The members of `base`, changed where `patch` says so. */
static void put_base_members(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_val base,
                             const struct kdm_json_names *patch)
{
    struct kdm_json_member_iter it;
    struct kdm_val name, value;

    kdm_json_resolved(&it, arena, base);
    while (kdm_json_resolved_next(&it, &name, &value)) {
        kdm_json_put_member_name(buf, name);
        put_merged(buf, arena, value, member_value(patch, name));
    }
}

/* The members of `patch` that `base` has not. */
static void put_new_members(struct kdm_buf *buf, struct kdm_arena *arena,
                            const struct kdm_json_names *base, struct kdm_val patch)
{
    struct kdm_json_member_iter it;
    struct kdm_val name, value;

    kdm_json_resolved(&it, arena, patch);
    while (kdm_json_resolved_next(&it, &name, &value)) {
        if (!kdm_val_none(member_value(base, name)))
            continue;
        kdm_json_put_member_name(buf, name);
        kdm_json_put_canonical(buf, arena, value);
    }
}

/* `patch` may be none: then `base` as it is. */
static void put_merged(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_val base,
                       struct kdm_val patch)
{
    struct kdm_json_names base_names, patch_names;

    if (kdm_val_type(base) != KDM_JSON_OBJECT || kdm_val_type(patch) != KDM_JSON_OBJECT) {
        kdm_json_put_canonical(buf, arena, kdm_val_none(patch) ? base : patch);
        return;
    }
    kdm_json_names_init(&base_names, arena, base);
    kdm_json_names_init(&patch_names, arena, patch);
    kdm_buf_char(buf, '{');
    put_base_members(buf, arena, base, &patch_names);
    put_new_members(buf, arena, &base_names, patch);
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_json_merge(struct kdm_arena *arena, struct kdm_val base, struct kdm_val patch)
{
    struct kdm_buf buf;

    if (kdm_val_none(patch))
        return kdm_json_canonical(arena, base);
    kdm_buf_init(&buf, arena, kdm_val_text(base).len + kdm_val_text(patch).len);
    put_merged(&buf, arena, base, patch);
    return kdm_buf_str(&buf);
}

/* --- assign ----------------------------------------------------------------------------- */

struct kdm_str kdm_json_assign(struct kdm_arena *arena, struct kdm_val base, struct kdm_val patch)
{
    struct kdm_json_names base_names, patch_names;
    struct kdm_json_member_iter it;
    struct kdm_val name, value;
    struct kdm_buf buf;

    if (kdm_val_type(base) != KDM_JSON_OBJECT || kdm_val_type(patch) != KDM_JSON_OBJECT)
        return kdm_json_merge(arena, base, patch);
    kdm_buf_init(&buf, arena, kdm_val_text(base).len + kdm_val_text(patch).len);
    kdm_json_names_init(&base_names, arena, base);
    kdm_json_names_init(&patch_names, arena, patch);
    kdm_buf_char(&buf, '{');
    kdm_json_resolved(&it, arena, base);
    while (kdm_json_resolved_next(&it, &name, &value)) {
        struct kdm_val other = member_value(&patch_names, name);

        kdm_json_put_member_name(&buf, name);
        kdm_json_put_canonical(&buf, arena, kdm_val_none(other) ? value : other);
    }
    put_new_members(&buf, arena, &base_names, patch);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* --- set -------------------------------------------------------------------------------- */

/* Takes the part before the first dot off *path; false when that was the last one. */
static bool take_segment(struct kdm_str *path, struct kdm_str *ret_segment)
{
    const char *dot = path->len == 0 ? NULL : memchr(path->ptr, '.', path->len);

    *ret_segment = *path;
    if (dot == NULL)
        return false;
    ret_segment->len = (size_t)(dot - path->ptr);
    *path = kdm_str_from(*path, ret_segment->len + 1);
    return true;
}

/* `value` inside an object for each part of `path`; just `value` when there is no more of it. */
static void put_nested(struct kdm_buf *buf, struct kdm_str path, bool more, struct kdm_str value)
{
    size_t opened = 0;

    while (more) {
        struct kdm_str segment;

        more = take_segment(&path, &segment);
        kdm_buf_char(buf, '{');
        kdm_json_put_name(buf, segment);
        opened++;
    }
    kdm_buf_put(buf, value);
    for (; opened > 0; opened--)
        kdm_buf_char(buf, '}');
}

/* `object`, which may be none or no object, with what `path` names set. */
static void put_with(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_val object,
                     struct kdm_str path, bool dotted, struct kdm_str value)
{
    struct kdm_str segment = path;
    bool more = dotted && take_segment(&path, &segment);
    struct kdm_json_member_iter it;
    struct kdm_val name, old;
    bool found = false;

    kdm_buf_char(buf, '{');
    kdm_json_resolved(&it, arena, object);
    while (kdm_json_resolved_next(&it, &name, &old)) {
        bool here = !found && kdm_val_str_eq(name, segment);

        found |= here;
        if (here && !more && kdm_str_none(value))
            continue;
        kdm_json_put_member_name(buf, name);
        if (!here)
            kdm_json_put_canonical(buf, arena, old);
        else if (more && kdm_val_type(old) == KDM_JSON_OBJECT)
            put_with(buf, arena, old, path, true, value);
        else
            put_nested(buf, path, more, value);
    }
    if (!found && !kdm_str_none(value)) {
        kdm_json_put_name(buf, segment);
        put_nested(buf, path, more, value);
    }
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_json_set(struct kdm_arena *arena, struct kdm_val object, struct kdm_str name,
                            struct kdm_str value)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(object).len + name.len + value.len + 8);
    put_with(&buf, arena, object, name, false, value);
    return kdm_buf_str(&buf);
}

static size_t count_parts(struct kdm_str path)
{
    struct kdm_str segment;
    size_t parts = 1;

    while (take_segment(&path, &segment))
        parts++;
    return parts;
}

struct kdm_str kdm_json_set_path(struct kdm_arena *arena, struct kdm_val object,
                                 struct kdm_str path, struct kdm_str value)
{
    struct kdm_buf buf;

    if (kdm_str_none(value))
        return kdm_json_without_paths(arena, object, &path, 1);
    if (count_parts(path) > KDM_JSON_MAX_DEPTH)
        return kdm_json_canonical(arena, object);
    kdm_buf_init(&buf, arena, kdm_val_text(object).len + path.len * 2 + value.len + 8);
    put_with(&buf, arena, object, path, true, value);
    return kdm_buf_str(&buf);
}

/* --- without ---------------------------------------------------------------------------- */

/* What leaves a text: a mark for each of its nodes. */
enum mark { STAYS = 0, HOLDS, LEAVES }; /* HOLDS: something below it leaves */

struct leaving {
    struct kdm_arena *arena;
    const struct kdm_json *doc;
    unsigned char *marks;
    struct kdm_json_names **names; /* of the objects looked into; NULL: few paths, walk instead */
};

/* So few paths are looked up by walking. */
#define FEW_PATHS 8u

static struct kdm_val find_member(struct leaving *leaving, struct kdm_val object,
                                  struct kdm_str name)
{
    struct kdm_json_names **names;
    struct kdm_json_name wanted;

    if (leaving->names == NULL || kdm_val_type(object) != KDM_JSON_OBJECT)
        return kdm_val_get(object, name);
    names = &leaving->names[object.node];
    if (*names == NULL) {
        *names = kdm_arena_alloc(leaving->arena, sizeof(**names));
        kdm_json_names_init(*names, leaving->arena, object);
    }
    wanted = kdm_json_name_str(name);
    return kdm_json_names_value(*names, &wanted);
}

static void mark_path(struct leaving *leaving, struct kdm_val object, struct kdm_str path)
{
    uint32_t way[2 * KDM_JSON_MAX_DEPTH + 1]; /* the objects on the way down */
    size_t steps = 0;
    bool more;

    do {
        struct kdm_str segment;

        more = take_segment(&path, &segment);
        way[steps++] = object.node;
        object = find_member(leaving, object, segment);
        if (kdm_val_none(object))
            return;
    } while (more);
    leaving->marks[object.node] = LEAVES;
    while (steps > 0) {
        unsigned char *above = &leaving->marks[way[--steps]];

        *above = *above == STAYS ? HOLDS : *above;
    }
}

static void put_staying(struct kdm_buf *buf, const struct leaving *leaving, struct kdm_val val)
{
    struct kdm_json_member_iter it;
    struct kdm_val name, value;

    if (leaving->marks[val.node] != HOLDS) {
        kdm_json_put_canonical(buf, leaving->arena, val);
        return;
    }
    kdm_buf_char(buf, '{');
    kdm_json_resolved(&it, leaving->arena, val);
    while (kdm_json_resolved_next(&it, &name, &value)) {
        if (leaving->marks[value.node] == LEAVES)
            continue;
        kdm_json_put_member_name(buf, name);
        put_staying(buf, leaving, value);
    }
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_json_without_paths(struct kdm_arena *arena, struct kdm_val object,
                                      const struct kdm_str *paths, size_t count)
{
    struct leaving leaving = { .arena = arena, .doc = object.doc };
    struct kdm_buf buf;

    if (kdm_val_type(object) != KDM_JSON_OBJECT)
        return KDM_STR("{}");
    leaving.marks = kdm_arena_zalloc(arena, object.doc->count);
    if (count > FEW_PATHS)
        leaving.names = kdm_arena_zalloc(arena, object.doc->count * sizeof(*leaving.names));
    for (size_t i = 0; i < count; i++)
        mark_path(&leaving, object, paths[i]);
    if (leaving.marks[object.node] == STAYS)
        return kdm_json_canonical(arena, object);
    kdm_buf_init(&buf, arena, kdm_val_text(object).len);
    put_staying(&buf, &leaving, object);
    return kdm_buf_str(&buf);
}

/* --- flatten ---------------------------------------------------------------------------- */

struct flattening {
    struct kdm_arena *arena;
    struct kdm_buf path; /* of the value being looked at */
    struct kdm_str_list list;
    size_t room;
    size_t bytes; /* of all paths */
};

static bool add_path(struct flattening *f)
{
    f->bytes += f->path.len;
    if (f->bytes > KDM_JSON_FLATTEN_MAX)
        return false;
    if (f->list.count == f->room) {
        struct kdm_str *items = kdm_arena_alloc(f->arena, f->room * 2 * sizeof(*items));

        memcpy(items, f->list.items, f->room * sizeof(*items));
        f->list.items = items;
        f->room *= 2;
    }
    f->list.items[f->list.count++] = kdm_arena_copy(f->arena, kdm_buf_str(&f->path));
    return true;
}

static bool flatten(struct flattening *f, struct kdm_val object, bool top)
{
    size_t above = f->path.len;
    struct kdm_json_member_iter it;
    struct kdm_val name, value;

    kdm_json_resolved(&it, f->arena, object);
    while (kdm_json_resolved_next(&it, &name, &value)) {
        bool leaf = kdm_val_type(value) != KDM_JSON_OBJECT;

        f->path.len = above;
        if (!top)
            kdm_buf_char(&f->path, '.');
        kdm_buf_put(&f->path, kdm_val_str(f->arena, name));
        if (leaf ? !add_path(f) : !flatten(f, value, false))
            return false;
    }
    f->path.len = above;
    return true;
}

struct kdm_str_list kdm_json_flatten(struct kdm_arena *arena, struct kdm_val object)
{
    struct flattening f = { .arena = arena, .room = 16 };

    kdm_buf_init(&f.path, arena, 128);
    f.list.items = kdm_arena_alloc(arena, f.room * sizeof(*f.list.items));
    if (!flatten(&f, object, true))
        return (struct kdm_str_list){ .items = NULL };
    return f.list;
}

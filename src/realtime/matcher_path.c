/* matcher_path.c - the tree of paths that filters name, and what a document has there.
 * A document is walked once along the tree: members that no filter names cost one look at a table,
 * whatever they hold.
 */
#include "realtime/matcher_internal.h"
#include <stdlib.h>

/* --- the tree ------------------------------------------------------------------------------- */

static struct kdm_path *create(struct kdm_path *parent, struct kdm_str name)
{
    struct kdm_path *path = kdm_zalloc(sizeof(*path) + name.len);

    path->parent = parent;
    path->name_len = name.len;
    if (name.len > 0)
        memcpy(path->name, name.ptr, name.len);
    if (parent != NULL) {
        parent->refs++;
        kdm_slots_add(&parent->children, kdm_json_hash(name), path);
    }
    return path;
}

struct kdm_path *kdm_path_create_root(void)
{
    struct kdm_path *root = create(NULL, KDM_STR(""));

    root->refs = 1;
    return root;
}

static bool is_called(const struct kdm_path *path, struct kdm_str name)
{
    return kdm_str_eq((struct kdm_str){ path->name, path->name_len }, name);
}

static struct kdm_path *child(const struct kdm_path *parent, struct kdm_str name)
{
    uint32_t hash = kdm_json_hash(name), at = kdm_slots_home(&parent->children, hash);
    struct kdm_path *path;

    while ((path = kdm_slots_next(&parent->children, hash, &at)) != NULL)
        if (is_called(path, name))
            return path;
    return NULL;
}

/* The part before the first dot; *rest is what follows it, none when there is no dot. */
static struct kdm_str first_part(struct kdm_str text, struct kdm_str *rest)
{
    const char *dot = text.len == 0 ? NULL : memchr(text.ptr, '.', text.len);
    size_t len = dot == NULL ? text.len : (size_t)(dot - text.ptr);

    *rest = dot == NULL ? KDM_STR_NONE : kdm_str_from(text, len + 1);
    return (struct kdm_str){ text.ptr, len };
}

struct kdm_path *kdm_path_get(struct kdm_path *root, struct kdm_str text)
{
    struct kdm_path *path = root;

    while (!kdm_str_none(text)) {
        struct kdm_str name = first_part(text, &text);
        struct kdm_path *next = child(path, name);

        path = next != NULL ? next : create(path, name);
    }
    path->refs++;
    return path;
}

void kdm_path_unref(struct kdm_path *path)
{
    while (path != NULL && --path->refs == 0) {
        struct kdm_path *parent = path->parent;

        if (parent != NULL)
            kdm_slots_remove(&parent->children,
                             kdm_json_hash((struct kdm_str){ path->name, path->name_len }), path);
        kdm_slots_fini(&path->children);
        free(path);
        path = parent;
    }
}

/* --- a document ----------------------------------------------------------------------------- */

static void walk(struct kdm_matching *run, const struct kdm_path *at, struct kdm_val object);

/* Of several members with the same path the last one counts. */
static void touch(struct kdm_matching *run, struct kdm_path *path, struct kdm_val value)
{
    if (path->turn == run->turn) {
        run->collided = true;
    } else {
        path->turn = run->turn;
        path->next_touched = run->touched;
        run->touched = path;
    }
    path->value = value;
    path->scalar_read = false;
    path->point_read = KDM_PATH_POINT_UNREAD;
    if (path->children.count > 0 && kdm_val_type(value) == KDM_JSON_OBJECT)
        walk(run, path, value);
}

/* A member that is itself called "a.b". */
static void walk_dotted(struct kdm_matching *run, const struct kdm_path *at, struct kdm_str name,
                        struct kdm_val value)
{
    struct kdm_path *path = NULL;

    while (at != NULL && !kdm_str_none(name)) {
        path = child(at, first_part(name, &name));
        at = path;
    }
    if (path != NULL)
        touch(run, path, value);
}

static struct kdm_path *named(const struct kdm_path *at, struct kdm_val name)
{
    uint32_t hash = kdm_val_name_hash(name), place = kdm_slots_home(&at->children, hash);
    struct kdm_path *path;

    while ((path = kdm_slots_next(&at->children, hash, &place)) != NULL)
        if (kdm_val_str_eq(name, (struct kdm_str){ path->name, path->name_len }))
            return path;
    return NULL;
}

static void walk(struct kdm_matching *run, const struct kdm_path *at, struct kdm_val object)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        struct kdm_path *path = named(at, name);
        struct kdm_str text = kdm_val_text(name);

        if (path != NULL)
            touch(run, path, value);
        else if (memchr(text.ptr, '.', text.len) != NULL)
            walk_dotted(run, at, kdm_val_str(run->arena, name), value);
    }
}

/* "_id" is the document's id, whatever the source has under that name. */
static void touch_id(struct kdm_matching *run, struct kdm_path *root, struct kdm_str id)
{
    struct kdm_path *path = child(root, KDM_STR("_id"));
    struct kdm_val value;

    if (path == NULL)
        return;
    value = kdm_koncorde_id(run->arena, id);
    if (!kdm_val_none(value)) {
        bool collided = run->collided;

        touch(run, path, value);
        run->collided = collided;
    } else if (path->turn == run->turn) {
        path->turn = 0; /* it stays among the touched; nothing is there */
    }
}

void kdm_path_collect(struct kdm_matching *run, struct kdm_path *root, struct kdm_str id,
                      struct kdm_val source)
{
    if (root->children.count == 0)
        return;
    walk(run, root, source);
    touch_id(run, root, id);
}

/* --- what stands at a path ------------------------------------------------------------------ */

const struct kdm_scalar *kdm_path_scalar(const struct kdm_matching *run, struct kdm_path *path)
{
    if (!path->scalar_read) {
        kdm_scalar_read(&run->matcher->seed, run->arena, path->value, &path->scalar);
        path->scalar_read = true;
    }
    return &path->scalar;
}

const struct kdm_point *kdm_path_place(const struct kdm_matching *run, struct kdm_path *path)
{
    if (path->point_read == KDM_PATH_POINT_UNREAD)
        path->point_read = kdm_koncorde_point(run->arena, path->value, &path->point)
                               ? KDM_PATH_POINT_READ
                               : KDM_PATH_POINT_BAD;
    return path->point_read == KDM_PATH_POINT_READ ? &path->point : NULL;
}

bool kdm_path_falsy(const struct kdm_matching *run, struct kdm_path *path)
{
    const struct kdm_scalar *scalar;

    if (!kdm_path_here(run, path))
        return true;
    scalar = kdm_path_scalar(run, path);
    switch (scalar->type) {
    case KDM_JSON_NULL:
    case KDM_JSON_FALSE:
        return true;
    case KDM_JSON_NUMBER:
        return scalar->number.d == 0;
    case KDM_JSON_STRING:
        return scalar->text.len == 0;
    default:
        return false;
    }
}

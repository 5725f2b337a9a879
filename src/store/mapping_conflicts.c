/* mapping_conflicts.c - where two models of the device manager contradict each other.
 * Follows upstream's comparison exactly: only members that both have, every differing leaf counts,
 * a leaf against an object is unequal unless the leaf was replaced by the merge
 * (device-manager.md 6.4).
 */
#include "store/mapping_internal.h"
#include "json/name.h"

struct comparison {
    struct kdm_arena *arena;
    struct kdm_buf *out;
    size_t count;
};

static void report(struct comparison *comparison, struct kdm_str path, struct kdm_val current,
                   struct kdm_val incoming)
{
    if (comparison->count++ > 0)
        kdm_buf_char(comparison->out, ',');
    kdm_buf_lit(comparison->out, "{\"currentType\":");
    kdm_buf_put(comparison->out, kdm_val_text(current));
    kdm_buf_lit(comparison->out, ",\"newType\":");
    kdm_buf_put(comparison->out, kdm_val_text(incoming));
    kdm_buf_lit(comparison->out, ",\"path\":");
    kdm_json_put_str(comparison->out, path);
    kdm_buf_char(comparison->out, '}');
}

static void compare(struct comparison *comparison, struct kdm_str path, struct kdm_val current,
                    struct kdm_val incoming)
{
    struct kdm_json_names names; /* two models may have 10,000 members each */
    struct kdm_val_iter it;
    struct kdm_val name, was;

    if (kdm_val_type(current) != KDM_JSON_OBJECT || kdm_val_type(incoming) != KDM_JSON_OBJECT)
        return;
    kdm_json_names_init(&names, comparison->arena, incoming);
    for (kdm_members(&it, current); kdm_member_next(&it, &name, &was);) {
        struct kdm_json_name wanted = kdm_json_name_of(name.doc, kdm_val_node(name));
        struct kdm_val given = kdm_json_names_value(&names, &wanted);
        struct kdm_str key;
        struct kdm_buf below;

        if (kdm_val_none(given))
            continue;
        key = kdm_val_str(comparison->arena, name);
        kdm_buf_init(&below, comparison->arena, path.len + key.len + 1);
        kdm_buf_put(&below, path);
        if (path.len > 0)
            kdm_buf_char(&below, '.');
        kdm_buf_put(&below, key);
        if (kdm_val_type(was) == KDM_JSON_OBJECT && kdm_val_type(given) == KDM_JSON_OBJECT)
            compare(comparison, kdm_buf_str(&below), was, given);
        else if (!kdm_val_equal(comparison->arena, was, given))
            report(comparison, kdm_buf_str(&below), was, given);
    }
}

size_t kdm_mapping_conflicts(struct kdm_arena *arena, struct kdm_val current,
                             struct kdm_val incoming, struct kdm_str prefix, struct kdm_buf *buf)
{
    struct comparison comparison = { .arena = arena, .out = buf };

    compare(&comparison, prefix, current, incoming);
    return comparison.count;
}

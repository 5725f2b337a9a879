/* family.c - see family.h. */
#include "action/device_manager/family.h"

/* The members of `asset` that are inherited: objects by their keys, measures by their names. */
static const struct kdm_str parts[] = {
    KDM_STR("metadataMappings"), KDM_STR("defaultMetadata"), KDM_STR("metadataDetails"),
    KDM_STR("metadataGroups"),   KDM_STR("measures"),
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

struct kdm_str kdm_dm_parent_of(struct kdm_arena *arena, const struct kdm_dm_model *model)
{
    return kdm_val_str(arena, kdm_val_path(model->source, KDM_STR("dialect.parent")));
}

struct kdm_str kdm_dm_own_source(struct kdm_arena *arena, const struct kdm_dm_model *model)
{
    struct kdm_val own = kdm_val_path(model->source, KDM_STR("dialect.own"));
    struct kdm_val content = model->content, source = model->source;
    static const struct kdm_str ours[] = { KDM_STR("dialect.parent"), KDM_STR("dialect.own") };
    struct kdm_str text;

    if (kdm_val_none(own))
        return model->text;
    text = kdm_val_text(content);
    for (size_t i = 0; i < PARTS; i++)
        text = kdm_json_set(arena, kdm_json_parse(arena, text), parts[i],
                            kdm_val_text(kdm_val_get(own, parts[i])));
    text = kdm_json_set(arena, source, KDM_STR("asset"), text);
    return kdm_json_without_paths(arena, kdm_json_parse(arena, text), ours, 2);
}

/* --- flattening ------------------------------------------------------------------------------ */

struct flatten {
    struct kdm_arena *arena;
    struct kdm_str clash; /* none: none yet */
};

/* Both objects' members, the own ones behind. A mapping that is inherited may be repeated as it is,
 * not changed; other members of the same name are the own ones. */
static struct kdm_str joined_objects(struct flatten *flatten, struct kdm_val inherited,
                                     struct kdm_val own, bool mappings)
{
    struct kdm_arena *arena = flatten->arena;
    struct kdm_val_iter it;
    struct kdm_val name, value;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(inherited).len + kdm_val_text(own).len + 2);
    kdm_buf_char(&buf, '{');
    for (kdm_members(&it, inherited); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(arena, name);
        struct kdm_val again = kdm_val_get(own, key);

        if (mappings && !kdm_val_none(again) && !kdm_val_equal(arena, again, value))
            flatten->clash = key;
        kdm_json_put_name(&buf, key);
        kdm_buf_put(&buf, kdm_json_canonical(arena, kdm_val_none(again) ? value : again));
    }
    for (kdm_members(&it, own); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(arena, name);

        if (!kdm_val_none(kdm_val_get(inherited, key)))
            continue;
        kdm_json_put_name(&buf, key);
        kdm_buf_put(&buf, kdm_json_canonical(arena, value));
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static struct kdm_val find_measure(struct kdm_val measures, struct kdm_val named)
{
    struct kdm_str name = kdm_val_text(kdm_val_get(named, KDM_STR("name")));
    struct kdm_val_iter it;
    struct kdm_val measure;

    for (kdm_elements(&it, measures); kdm_element_next(&it, &measure);) {
        if (kdm_str_eq(kdm_val_text(kdm_val_get(measure, KDM_STR("name"))), name))
            return measure;
    }
    return KDM_VAL_NONE;
}

static struct kdm_str joined_measures(struct flatten *flatten, struct kdm_val inherited,
                                      struct kdm_val own)
{
    struct kdm_arena *arena = flatten->arena;
    struct kdm_val_iter it;
    struct kdm_val measure, twin;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(inherited).len + kdm_val_text(own).len + 2);
    kdm_buf_char(&buf, '[');
    for (kdm_elements(&it, inherited); kdm_element_next(&it, &measure);) {
        if (buf.len > 1)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, kdm_json_canonical(arena, measure));
    }
    for (kdm_elements(&it, own); kdm_element_next(&it, &measure);) {
        twin = find_measure(inherited, measure);
        if (!kdm_val_none(twin)) {
            if (!kdm_val_equal(arena, twin, measure))
                flatten->clash = kdm_val_str(arena, kdm_val_get(measure, KDM_STR("name")));
            continue;
        }
        if (buf.len > 1)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, kdm_json_canonical(arena, measure));
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

static struct kdm_str joined_content(struct flatten *flatten, struct kdm_val inherited,
                                     struct kdm_val own)
{
    struct kdm_arena *arena = flatten->arena;
    struct kdm_str text = kdm_val_text(own);

    for (size_t i = 0; i < PARTS; i++) {
        struct kdm_val a = kdm_val_get(inherited, parts[i]), b = kdm_val_get(own, parts[i]);
        bool measures = kdm_str_eq(parts[i], KDM_STR("measures"));

        text = kdm_json_set(arena, kdm_json_parse(arena, text), parts[i],
                            measures ? joined_measures(flatten, a, b)
                                     : joined_objects(flatten, a, b, i == 0));
    }
    return text;
}

/* {"metadataMappings":..,..}: what is the model's own. */
static struct kdm_str own_parts(struct kdm_arena *arena, struct kdm_val content)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(content).len + 64);
    kdm_buf_char(&buf, '{');
    for (size_t i = 0; i < PARTS; i++) {
        struct kdm_val part = kdm_val_get(content, parts[i]);

        if (kdm_val_null(part))
            continue;
        kdm_json_put_name(&buf, parts[i]);
        kdm_buf_put(&buf, kdm_json_canonical(arena, part));
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

size_t kdm_dm_depth(struct kdm_arena *arena, const struct kdm_dm_models *models,
                    struct kdm_str name)
{
    size_t depth = 0;

    while (!kdm_str_none(name) && depth <= KDM_DM_FAMILY_DEPTH) {
        const struct kdm_dm_model *model = kdm_dm_model_find(models, KDM_DM_ASSET, name);

        depth++;
        name = model == NULL ? KDM_STR_NONE : kdm_dm_parent_of(arena, model);
    }
    return depth;
}

enum kdm_dm_family_result kdm_dm_flatten(struct kdm_arena *arena,
                                         const struct kdm_dm_models *models, struct kdm_str parent,
                                         struct kdm_val own, struct kdm_val *ret_source,
                                         struct kdm_str *ret_detail)
{
    struct flatten flatten = { .arena = arena, .clash = KDM_STR_NONE };
    struct kdm_val content = kdm_val_get(own, KDM_STR("asset"));
    const struct kdm_dm_model *above;
    struct kdm_str text;
    struct kdm_buf name;

    *ret_source = own;
    if (kdm_str_none(parent))
        return KDM_DM_FAMILY_OK;
    *ret_detail = parent;
    above = kdm_dm_model_find(models, KDM_DM_ASSET, parent);
    if (above == NULL)
        return KDM_DM_FAMILY_NO_PARENT;
    if (kdm_dm_depth(arena, models, parent) >= KDM_DM_FAMILY_DEPTH)
        return KDM_DM_FAMILY_TOO_DEEP;
    text = kdm_json_set(arena, own, KDM_STR("asset"),
                        joined_content(&flatten, above->content, content));
    kdm_buf_init(&name, arena, parent.len + 2);
    kdm_json_put_str(&name, parent);
    text = kdm_json_set_path(arena, kdm_json_parse(arena, text), KDM_STR("dialect.parent"),
                             kdm_buf_str(&name));
    text = kdm_json_set_path(arena, kdm_json_parse(arena, text), KDM_STR("dialect.own"),
                             own_parts(arena, content));
    *ret_source = kdm_json_parse(arena, text);
    *ret_detail = flatten.clash;
    return kdm_str_none(flatten.clash) ? KDM_DM_FAMILY_OK : KDM_DM_FAMILY_CLASH;
}

/* --- descendants ----------------------------------------------------------------------------- */

static bool is_listed(const struct kdm_str_list *list, struct kdm_str name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (kdm_str_eq(list->items[i], name))
            return true;
    }
    return false;
}

static void add_children(struct kdm_arena *arena, const struct kdm_dm_models *models,
                         struct kdm_str name, struct kdm_str_list *list)
{
    for (size_t i = 0; i < models->count; i++) {
        const struct kdm_dm_model *model = &models->items[i];

        if (model->kind == KDM_DM_ASSET && kdm_str_eq(kdm_dm_parent_of(arena, model), name)
            && !is_listed(list, model->name))
            list->items[list->count++] = model->name;
    }
}

struct kdm_str_list kdm_dm_descendants(struct kdm_arena *arena, const struct kdm_dm_models *models,
                                       struct kdm_str name)
{
    struct kdm_str_list list = {
        .items = kdm_arena_alloc(arena, (models->count + 1) * sizeof(struct kdm_str)), .count = 0
    };

    add_children(arena, models, name, &list);
    for (size_t i = 0; i < list.count; i++)
        add_children(arena, models, list.items[i], &list);
    return list;
}

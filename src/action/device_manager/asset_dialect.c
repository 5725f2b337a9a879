/* asset_dialect.c - the member `dialect` of an asset (reference dialects.md 1.4): what other
 * vendors' doors know of it and the core has no field for. It is absent when it is empty, and
 * mapped with the first asset that has one, so that who never uses it sees the mappings of the
 * plugin.
 */
#include "action/device_manager/asset.h"

static const struct kdm_str dialect_mapping =
    KDM_STR("{\"properties\":{\"dialect\":{\"dynamic\":\"false\",\"properties\":{\"name\":{"
            "\"properties\":{\"default\":{\"type\":\"keyword\"}}},"
            "\"description\":{\"type\":\"keyword\"},\"externalId\":{\"type\":\"keyword\"},"
            "\"parentId\":{\"type\":\"keyword\"},\"timezone\":{\"type\":\"keyword\"},"
            "\"twinType\":{\"type\":\"keyword\"},\"fileAssignments\":{\"properties\":{"
            "\"fileId\":{\"type\":\"keyword\"}}}}}}}");

struct kdm_str kdm_dm_dialect_of(struct kdm_val source)
{
    return kdm_val_text(kdm_val_get(source, KDM_STR("dialect")));
}

struct kdm_str kdm_dm_dialect_with(struct kdm_arena *arena, struct kdm_str dialect,
                                   struct kdm_val members)
{
    struct kdm_str text = kdm_str_none(dialect) ? KDM_STR("{}") : dialect;
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, members); kdm_member_next(&it, &name, &value);)
        text = kdm_json_set(arena, kdm_json_parse(arena, text), kdm_val_str(arena, name),
                            kdm_val_null(value) ? KDM_STR_NONE : kdm_json_canonical(arena, value));
    return kdm_str_eq(text, KDM_STR("{}")) ? KDM_STR_NONE : text;
}

/* An older mapping knows of `dialect` no more than the name. */
static bool knows(const struct kdm_mapping *mapping)
{
    const struct kdm_field *dialect =
        kdm_field_child(kdm_mapping_root(mapping), KDM_STR("dialect"));

    return dialect != NULL && kdm_field_child(dialect, KDM_STR("parentId")) != NULL;
}

static bool must_learn(const struct kdm_dm_home *home, struct kdm_val source)
{
    return !kdm_str_none(kdm_dm_dialect_of(source)) && !knows(home->assets->mapping);
}

void kdm_dm_dialect_learn(struct kdm_arena *arena, const struct kdm_dm_home *home,
                          struct kdm_val source, struct kdm_str *additions)
{
    if (must_learn(home, source))
        *additions = kdm_str_none(*additions)
                         ? dialect_mapping
                         : kdm_json_merge(arena, kdm_json_parse(arena, *additions),
                                          kdm_json_parse(arena, dialect_mapping));
}

bool kdm_dm_asset_check(struct kdm_arena *arena, const struct kdm_dm_home *home,
                        struct kdm_val source, struct kdm_str *ret_additions,
                        struct kdm_failure *ret_failure)
{
    struct kdm_mapping *mapping = kdm_mapping_ref(home->assets->mapping);
    bool fits =
        (!must_learn(home, source)
         || kdm_source_grow_mapping(arena, &mapping, dialect_mapping, ret_failure))
        && kdm_source_check(arena, home->assets, mapping, source, ret_additions, ret_failure);

    kdm_mapping_unref(mapping);
    if (fits)
        kdm_dm_dialect_learn(arena, home, source, ret_additions);
    return fits;
}

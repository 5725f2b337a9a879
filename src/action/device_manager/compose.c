/* compose.c - see compose.h. Everything is JSON text merged into JSON text, in the order in which
 * the models come, so the order of members, which clients see, is always the same. */
#include "action/device_manager/compose.h"
#include "action/device_manager/mappings.h"

#define COMMONS KDM_STR("commons")
/* A mapping has 5,000 fields at most; a field is a few members. */
#define MAX_MEMBERS 20000
#define MAX_SLOTS   1000

/* --- models ---------------------------------------------------------------------------------- */

struct kdm_str kdm_dm_kind_name(enum kdm_dm_kind kind)
{
    static const struct kdm_str names[] = { [KDM_DM_ASSET] = KDM_STR("asset"),
                                            [KDM_DM_DEVICE] = KDM_STR("device"),
                                            [KDM_DM_GROUP] = KDM_STR("group"),
                                            [KDM_DM_MEASURE] = KDM_STR("measure") };

    return names[kind];
}

static struct kdm_val block_of(struct kdm_val source)
{
    struct kdm_val block =
        kdm_val_get(kdm_val_get(source, KDM_STR("dialect")), KDM_STR("mindsphere"));

    return kdm_val_type(block) == KDM_JSON_OBJECT ? block : KDM_VAL_NONE;
}

bool kdm_dm_model_read(struct kdm_arena *arena, struct kdm_str id, struct kdm_str text,
                       struct kdm_val source, struct kdm_dm_model *ret_model)
{
    struct kdm_val type = kdm_val_get(source, KDM_STR("type"));

    for (int kind = 0; kind < KDM_DM_KIND_COUNT; kind++) {
        struct kdm_str name = kdm_dm_kind_name((enum kdm_dm_kind)kind);
        struct kdm_val content;

        if (!kdm_val_str_eq(type, name))
            continue;
        content = kdm_val_get(source, name);
        if (kdm_val_type(content) != KDM_JSON_OBJECT)
            return false;
        *ret_model = (struct kdm_dm_model){ .kind = (enum kdm_dm_kind)kind,
                                            .id = id,
                                            .text = text,
                                            .source = source,
                                            .content = content };
        ret_model->name =
            kdm_val_str(arena, kdm_val_get(content, kind == KDM_DM_MEASURE ? KDM_STR("type")
                                                                           : KDM_STR("model")));
        ret_model->group = kdm_val_str(arena, kdm_val_get(source, KDM_STR("engineGroup")));
        ret_model->block = block_of(source);
        return !kdm_str_none(ret_model->name);
    }
    return false;
}

struct kdm_val kdm_dm_model_mappings(const struct kdm_dm_model *model)
{
    struct kdm_val mappings =
        kdm_val_get(model->content, model->kind == KDM_DM_MEASURE ? KDM_STR("valuesMappings")
                                                                  : KDM_STR("metadataMappings"));

    return kdm_val_type(mappings) == KDM_JSON_OBJECT ? mappings : KDM_VAL_NONE;
}

/* Members of `val` and of all below it, up to a bit over `enough`. */
static size_t count_members(struct kdm_val val, size_t enough)
{
    size_t count = kdm_val_count(val);
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(val) == KDM_JSON_OBJECT) {
        for (kdm_members(&it, val); count < enough && kdm_member_next(&it, &name, &value);)
            count += count_members(value, enough - count);
    } else if (kdm_val_type(val) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, val); count < enough && kdm_element_next(&it, &value);)
            count += count_members(value, enough - count);
    }
    return count;
}

bool kdm_dm_model_bounded(const struct kdm_dm_model *model)
{
    struct kdm_val measures = kdm_val_get(model->content, KDM_STR("measures"));

    return count_members(kdm_dm_model_mappings(model), MAX_MEMBERS) < MAX_MEMBERS
           && kdm_val_count(measures) <= MAX_SLOTS;
}

const struct kdm_dm_model *kdm_dm_model_find(const struct kdm_dm_models *models,
                                             enum kdm_dm_kind kind, struct kdm_str name)
{
    for (size_t i = 0; i < models->count; i++) {
        if (models->items[i].kind == kind && kdm_str_eq(models->items[i].name, name))
            return &models->items[i];
    }
    return NULL;
}

struct kdm_dm_models kdm_dm_models_with(struct kdm_arena *arena, const struct kdm_dm_models *models,
                                        const struct kdm_dm_model *model)
{
    struct kdm_dm_models with = { .items = kdm_arena_alloc(arena, (models->count + 1)
                                                                      * sizeof(*with.items)) };
    bool placed = false;

    for (size_t i = 0; i < models->count; i++) {
        int order = kdm_str_cmp(models->items[i].id, model->id);

        if (order >= 0 && !placed) {
            with.items[with.count++] = *model;
            placed = true;
        }
        if (order != 0)
            with.items[with.count++] = models->items[i];
    }
    if (!placed)
        with.items[with.count++] = *model;
    return with;
}

bool kdm_dm_group_sees(struct kdm_str group, struct kdm_str model_group)
{
    return kdm_str_eq(model_group, group) || kdm_str_eq(model_group, COMMONS);
}

static void put_chunk(struct kdm_buf *chunks, struct kdm_str conflicts,
                      const struct kdm_dm_model *incoming, const struct kdm_dm_model *stored)
{
    kdm_buf_lit(chunks, "{\"conflicts\":[");
    kdm_buf_put(chunks, conflicts);
    kdm_buf_lit(chunks, "],\"modelType\":");
    kdm_json_put_str(chunks, kdm_dm_kind_name(incoming->kind));
    kdm_buf_lit(chunks, ",\"newModel\":");
    kdm_json_put_str(chunks, incoming->name);
    kdm_buf_lit(chunks, ",\"sourceModel\":");
    kdm_json_put_str(chunks, stored->name);
    kdm_buf_char(chunks, '}');
}

struct kdm_str kdm_dm_conflicts(struct kdm_arena *arena, const struct kdm_dm_models *stored,
                                const struct kdm_dm_model *incoming)
{
    struct kdm_str prefix =
        kdm_arena_printf(arena, KDM_FMT ".%s", KDM_ARG(kdm_dm_kind_name(incoming->kind)),
                         incoming->kind == KDM_DM_MEASURE ? "valuesMappings" : "metadataMappings");
    struct kdm_buf chunks, conflicts;

    kdm_buf_init(&chunks, arena, 256);
    kdm_buf_char(&chunks, '[');
    for (size_t i = 0; i < stored->count; i++) {
        const struct kdm_dm_model *other = &stored->items[i];

        if (other->kind != incoming->kind)
            continue;
        kdm_buf_init(&conflicts, arena, 64);
        if (kdm_mapping_conflicts(arena, kdm_dm_model_mappings(other),
                                  kdm_dm_model_mappings(incoming), prefix, &conflicts)
            == 0)
            continue;
        if (chunks.len > 1)
            kdm_buf_char(&chunks, ',');
        put_chunk(&chunks, kdm_buf_str(&conflicts), incoming, other);
    }
    if (chunks.len == 1)
        return KDM_STR_NONE;
    kdm_buf_char(&chunks, ']');
    return kdm_buf_str(&chunks);
}

/* --- what the configuration adds ------------------------------------------------------------- */

/* The configuration's names for the collections that it may shape. */
static struct kdm_val addition_of(const struct kdm_dm_additions *additions,
                                  enum kdm_dm_collection which)
{
    static const struct kdm_str names[] = { [KDM_DM_ASSETS] = KDM_STR("asset"),
                                            [KDM_DM_HISTORY] = KDM_STR("assetHistory"),
                                            [KDM_DM_GROUPS] = KDM_STR("assetGroups"),
                                            [KDM_DM_DEVICES] = KDM_STR("device"),
                                            [KDM_DM_MEASURES] = KDM_STR("measures") };

    return kdm_val_get(additions->engine_collections, names[which]);
}

static struct kdm_val fixed_addition_of(const struct kdm_dm_additions *additions,
                                        enum kdm_dm_fixed which)
{
    switch (which) {
    case KDM_DM_ENGINE_CONFIG:
        return kdm_val_get(additions->engine_collections, KDM_STR("config"));
    case KDM_DM_PLATFORM_CONFIG:
        return kdm_val_get(additions->admin_collections, KDM_STR("config"));
    case KDM_DM_PAYLOADS:
        return kdm_val_get(additions->admin_collections, KDM_STR("payloads"));
    case KDM_DM_MODELS:
        break;
    }
    return KDM_VAL_NONE;
}

static struct kdm_str with_addition(struct kdm_arena *arena, struct kdm_str base,
                                    struct kdm_val addition)
{
    struct kdm_val mappings = kdm_val_get(addition, KDM_STR("mappings"));

    if (kdm_val_type(mappings) != KDM_JSON_OBJECT)
        return base;
    return kdm_json_merge(arena, kdm_json_parse(arena, base), mappings);
}

static struct kdm_str settings_of(struct kdm_val addition)
{
    struct kdm_val settings = kdm_val_get(addition, KDM_STR("settings"));

    return kdm_val_type(settings) == KDM_JSON_OBJECT ? kdm_val_text(settings) : KDM_STR("{}");
}

struct kdm_str kdm_dm_fixed_settings(const struct kdm_dm_additions *additions,
                                     enum kdm_dm_fixed which)
{
    return settings_of(fixed_addition_of(additions, which));
}

struct kdm_str kdm_dm_settings(const struct kdm_dm_additions *additions,
                               enum kdm_dm_collection which)
{
    return settings_of(addition_of(additions, which));
}

struct kdm_str kdm_dm_fixed_mappings(struct kdm_arena *arena,
                                     const struct kdm_dm_additions *additions,
                                     enum kdm_dm_fixed which)
{
    return with_addition(arena, kdm_dm_fixed_base(which), fixed_addition_of(additions, which));
}

/* --- what models add ------------------------------------------------------------------------- */

struct kdm_str kdm_dm_collection_name(enum kdm_dm_collection which)
{
    static const struct kdm_str names[] = { [KDM_DM_ASSETS] = KDM_STR("assets"),
                                            [KDM_DM_HISTORY] = KDM_STR("assets-history"),
                                            [KDM_DM_GROUPS] = KDM_STR("assets-groups"),
                                            [KDM_DM_DEVICES] = KDM_STR("devices"),
                                            [KDM_DM_MEASURES] = KDM_STR("measures") };

    return names[which];
}

/* Of tenants in `group`; none: whatever the group. */
static bool takes_part(const struct kdm_dm_model *model, enum kdm_dm_kind kind,
                       struct kdm_str group)
{
    return model->kind == kind && (kdm_str_none(group) || kdm_dm_group_sees(group, model->group));
}

/* All mappings of the models of a kind, merged. */
static struct kdm_str merged_mappings(struct kdm_arena *arena, const struct kdm_dm_models *models,
                                      enum kdm_dm_kind kind, struct kdm_str group)
{
    struct kdm_str merged = KDM_STR("{}");

    for (size_t i = 0; i < models->count; i++) {
        struct kdm_val mappings = kdm_dm_model_mappings(&models->items[i]);

        if (takes_part(&models->items[i], kind, group) && !kdm_val_none(mappings))
            merged = kdm_json_merge(arena, kdm_json_parse(arena, merged), mappings);
    }
    return merged;
}

/* A measure as twins embed it. */
static struct kdm_str embedded_measure(struct kdm_arena *arena, const struct kdm_dm_models *models,
                                       struct kdm_str type)
{
    const struct kdm_dm_model *model = kdm_dm_model_find(models, KDM_DM_MEASURE, type);
    struct kdm_val values = model == NULL ? KDM_VAL_NONE : kdm_dm_model_mappings(model);

    return kdm_json_set_path(arena, kdm_json_parse(arena, kdm_dm_embedded_measure_base()),
                             KDM_STR("properties.values.properties"),
                             kdm_val_none(values) ? KDM_STR("{}")
                                                  : kdm_json_canonical(arena, values));
}

/* A slot of twins, and the type that the last model gave it. */
struct slot {
    struct kdm_str name, type;
};

struct slots {
    struct slot items[MAX_SLOTS];
    size_t count;
};

static void add_slot(struct slots *slots, struct kdm_str name, struct kdm_str type)
{
    size_t i = 0;

    while (i < slots->count && !kdm_str_eq(slots->items[i].name, name))
        i++;
    if (i == MAX_SLOTS)
        return; /* more than any mapping takes: it is refused all the same */
    if (i == slots->count)
        slots->count++;
    slots->items[i] = (struct slot){ .name = name, .type = type };
}

static void add_slots(struct kdm_arena *arena, struct slots *slots,
                      const struct kdm_dm_model *model)
{
    struct kdm_val_iter it;
    struct kdm_val measure;

    for (kdm_elements(&it, kdm_val_get(model->content, KDM_STR("measures")));
         kdm_element_next(&it, &measure);) {
        struct kdm_str name = kdm_val_str(arena, kdm_val_get(measure, KDM_STR("name")));
        struct kdm_str type = kdm_val_str(arena, kdm_val_get(measure, KDM_STR("type")));

        if (!kdm_str_none(name) && !kdm_str_none(type))
            add_slot(slots, name, type);
    }
}

static struct kdm_str merged_slots(struct kdm_arena *arena, const struct kdm_dm_models *models,
                                   enum kdm_dm_kind kind, struct kdm_str group)
{
    struct slots *slots = kdm_arena_alloc(arena, sizeof(*slots));
    struct kdm_buf buf;

    slots->count = 0;
    for (size_t i = 0; i < models->count; i++) {
        if (takes_part(&models->items[i], kind, group))
            add_slots(arena, slots, &models->items[i]);
    }
    kdm_buf_init(&buf, arena, 256);
    kdm_buf_char(&buf, '{');
    for (size_t i = 0; i < slots->count; i++) {
        kdm_json_put_name(&buf, slots->items[i].name);
        kdm_buf_put(&buf, embedded_measure(arena, models, slots->items[i].type));
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* `mapping` with more properties at a path below its root. */
static struct kdm_str with_properties(struct kdm_arena *arena, struct kdm_str mapping,
                                      struct kdm_str path, struct kdm_str properties)
{
    struct kdm_val root = kdm_json_parse(arena, mapping);
    struct kdm_val present = kdm_val_path(root, path);

    if (!kdm_val_none(present))
        properties = kdm_json_merge(arena, present, kdm_json_parse(arena, properties));
    return kdm_json_set_path(arena, root, path, properties);
}

static struct kdm_str compose_twin(struct kdm_arena *arena,
                                   const struct kdm_dm_additions *additions,
                                   const struct kdm_dm_models *models, enum kdm_dm_kind kind,
                                   struct kdm_str group)
{
    enum kdm_dm_collection which = kind == KDM_DM_ASSET ? KDM_DM_ASSETS : KDM_DM_DEVICES;
    struct kdm_str mapping =
        with_addition(arena, kdm_dm_base(which), addition_of(additions, which));

    mapping = with_properties(arena, mapping, KDM_STR("properties.metadata.properties"),
                              merged_mappings(arena, models, kind, group));
    return with_properties(arena, mapping, KDM_STR("properties.measures.properties"),
                           merged_slots(arena, models, kind, group));
}

/* An asset in its history is the asset as it was, _kuzzle_info and all. */
static struct kdm_str compose_history(struct kdm_arena *arena,
                                      const struct kdm_dm_additions *additions,
                                      const struct kdm_dm_models *models, struct kdm_str group)
{
    struct kdm_str base =
        with_addition(arena, kdm_dm_base(KDM_DM_HISTORY), addition_of(additions, KDM_DM_HISTORY));
    struct kdm_str asset = compose_twin(arena, additions, models, KDM_DM_ASSET, group);

    asset = kdm_json_set_path(arena, kdm_json_parse(arena, asset),
                              KDM_STR("properties._kuzzle_info"), kdm_dm_kuzzle_info_base());
    return kdm_json_set_path(arena, kdm_json_parse(arena, base), KDM_STR("properties.asset"),
                             asset);
}

static struct kdm_str compose_groups(struct kdm_arena *arena,
                                     const struct kdm_dm_additions *additions,
                                     const struct kdm_dm_models *models)
{
    struct kdm_str base =
        with_addition(arena, kdm_dm_base(KDM_DM_GROUPS), addition_of(additions, KDM_DM_GROUPS));

    return with_properties(arena, base, KDM_STR("properties.metadata.properties"),
                           merged_mappings(arena, models, KDM_DM_GROUP, KDM_STR_NONE));
}

static struct kdm_str compose_measures(struct kdm_arena *arena,
                                       const struct kdm_dm_additions *additions,
                                       const struct kdm_dm_models *models, struct kdm_str group)
{
    struct kdm_str base =
        with_addition(arena, kdm_dm_base(KDM_DM_MEASURES), addition_of(additions, KDM_DM_MEASURES));

    base = with_properties(arena, base, KDM_STR("properties.values.properties"),
                           merged_mappings(arena, models, KDM_DM_MEASURE, KDM_STR_NONE));
    base = with_properties(arena, base, KDM_STR("properties.asset.properties.metadata.properties"),
                           merged_mappings(arena, models, KDM_DM_ASSET, group));
    return with_properties(arena, base,
                           KDM_STR("properties.origin.properties.deviceMetadata.properties"),
                           merged_mappings(arena, models, KDM_DM_DEVICE, KDM_STR_NONE));
}

struct kdm_str kdm_dm_compose(struct kdm_arena *arena, const struct kdm_dm_additions *additions,
                              const struct kdm_dm_models *models, struct kdm_str group,
                              enum kdm_dm_collection which)
{
    switch (which) {
    case KDM_DM_ASSETS:
        return compose_twin(arena, additions, models, KDM_DM_ASSET, group);
    case KDM_DM_DEVICES:
        return compose_twin(arena, additions, models, KDM_DM_DEVICE, KDM_STR_NONE);
    case KDM_DM_HISTORY:
        return compose_history(arena, additions, models, group);
    case KDM_DM_GROUPS:
        return compose_groups(arena, additions, models);
    case KDM_DM_MEASURES:
    case KDM_DM_COLLECTION_COUNT:
        break;
    }
    return compose_measures(arena, additions, models, group);
}

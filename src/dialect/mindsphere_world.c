/* mindsphere_world.c - the types there are: the core's, which are read-only, and those that stand
 * beside models (reference dialects.md 4.8, 4.9 and 4.14).
 */
#include "action/device_manager/family.h"
#include "base/hash.h"
#include "dialect/mindsphere.h"
#include <ctype.h>
#include <stdlib.h>

/* Built in. The children of core.basicdevice inherit two variables. */
#define CORE(id, parent, name, instantiable, variables)                                            \
    KDM_STR("{\"id\":\"core." id "\",\"tenantId\":\"core\",\"etag\":1,\"parentTypeId\":" parent    \
            ",\"name\":\"" name "\",\"description\":null,\"instantiable\":" instantiable           \
            ",\"variables\":[" variables "],\"aspects\":[],\"fileAssignments\":[]}")
#define TEXT(name, searchable)                                                                     \
    "{\"name\":\"" name "\",\"dataType\":\"STRING\",\"unit\":null,\"searchable\":" searchable      \
    ",\"length\":255,\"defaultValue\":null}"

static const struct kdm_str core_types[] = {
    CORE("basicasset", "null", "BasicAsset", "false", TEXT("externalId", "true")),
    CORE("basichierarchy", "\"core.basicasset\"", "BasicHierarchy", "false", ""),
    CORE("basicsite", "\"core.basichierarchy\"", "BasicSite", "true", ""),
    CORE("basicarea", "\"core.basichierarchy\"", "BasicArea", "true", ""),
    CORE("basicdevice", "\"core.basicasset\"", "BasicDevice", "true", TEXT("timezone", "false")),
    CORE("basicagent", "\"core.basicdevice\"", "BasicAgent", "true", ""),
};
#define CORE_TYPES (sizeof(core_types) / sizeof(core_types[0]))

/* --- reading --------------------------------------------------------------------------------- */

/* A client may write any document beside a model, but none takes the place of a type of the core.
 * false: it is no type. */
static bool read_type(struct kdm_arena *arena, struct kdm_val block,
                      const struct kdm_dm_model *model, struct kdm_ms_type *ret_type)
{
    struct kdm_ms_type type = {
        .block = block,
        .id = kdm_val_str(arena, kdm_val_get(block, KDM_STR("id"))),
        .tenant = kdm_val_str(arena, kdm_val_get(block, KDM_STR("tenantId"))),
        .parent = kdm_val_str(arena, kdm_val_get(block, KDM_STR("parentTypeId"))),
        .model = model,
    };

    if (kdm_str_none(type.id) || kdm_str_none(type.tenant)
        || (model != NULL && kdm_str_eq(type.tenant, KDM_STR("core"))))
        return false;
    kdm_val_int64(kdm_val_get(block, KDM_STR("etag")), &type.etag);
    *ret_type = type;
    return true;
}

/* Where the model's type belongs; NULL: such models have none. */
static struct kdm_ms_types *types_of(struct kdm_ms_world *world, const struct kdm_dm_model *model)
{
    if (model->kind == KDM_DM_ASSET)
        return &world->assets;
    return model->kind == KDM_DM_MEASURE ? &world->aspects : NULL;
}

/* Of two documents with one id, which only a client can have written, the core's or older one. */
static int by_id(const void *a, const void *b)
{
    const struct kdm_ms_type *x = a, *y = b;
    int order = kdm_str_cmp(x->id, y->id);

    return order != 0 ? order : (x->model > y->model) - (x->model < y->model);
}

static void sort(struct kdm_ms_types *types)
{
    if (types->count > 1)
        qsort(types->items, types->count, sizeof(*types->items), by_id);
}

const struct kdm_ms_types *kdm_ms_core_types(struct kdm_arena *arena)
{
    struct kdm_ms_types *core = kdm_arena_alloc(arena, sizeof(*core));

    core->count = CORE_TYPES;
    core->items = kdm_arena_alloc(arena, CORE_TYPES * sizeof(*core->items));
    for (size_t i = 0; i < CORE_TYPES; i++)
        KDM_ASSERT(read_type(arena, kdm_json_parse(arena, core_types[i]), NULL, &core->items[i]));
    return core;
}

static void add_model(struct kdm_ms_world *world, const struct kdm_dm_model *model)
{
    struct kdm_ms_types *types = types_of(world, model);

    if (types != NULL && !kdm_val_none(model->block)
        && read_type(world->arena, model->block, model, &types->items[types->count]))
        types->count++;
}

static void make_world(struct kdm_arena *arena, const struct kdm_ms_types *core,
                       const struct kdm_dm_models *models, struct kdm_ms_world *ret_world)
{
    size_t most = models->count + core->count;

    *ret_world = (struct kdm_ms_world){ .arena = arena, .models = *models };
    ret_world->assets.items = kdm_arena_alloc(arena, most * sizeof(struct kdm_ms_type));
    ret_world->aspects.items = kdm_arena_alloc(arena, most * sizeof(struct kdm_ms_type));
    memcpy(ret_world->assets.items, core->items, core->count * sizeof(*core->items));
    ret_world->assets.count = core->count;
    for (size_t i = 0; i < models->count; i++)
        add_model(ret_world, &models->items[i]);
    sort(&ret_world->assets);
    sort(&ret_world->aspects);
}

bool kdm_ms_read_world(struct kdm_tx *tx, const struct kdm_ms_caller *caller, bool checked,
                       struct kdm_ms_world *ret_world)
{
    static const char key[] = "mindsphere world"; /* kept as long as the models are */
    struct kdm_ms_world *world = kdm_tx_kept(tx, key);
    struct kdm_dm_models models;

    if (world == NULL) {
        if (!kdm_dm_models(tx, checked, &models))
            return false;
        world = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*world));
        make_world(kdm_tx_arena(tx), caller->core, &models, world);
        kdm_tx_keep(tx, key, world);
    }
    *ret_world = *world;
    return true;
}

/* The types with this one, in the place of the one that stands beside the same model. */
static const struct kdm_ms_type *put_type(struct kdm_arena *arena, struct kdm_ms_types *types,
                                          const struct kdm_ms_type *type)
{
    struct kdm_ms_type *items = kdm_arena_alloc(arena, (types->count + 1) * sizeof(*items));
    size_t count = 0, at = 0;

    for (size_t i = 0; i < types->count; i++) {
        const struct kdm_ms_type *other = &types->items[i];

        if (other->model != NULL && kdm_str_eq(other->model->id, type->model->id))
            continue;
        if (kdm_str_cmp(other->id, type->id) < 0)
            at = count + 1;
        items[count++] = *other;
    }
    memmove(items + at + 1, items + at, (count - at) * sizeof(*items));
    items[at] = *type;
    *types = (struct kdm_ms_types){ .items = items, .count = count + 1 };
    return &items[at];
}

const struct kdm_ms_type *kdm_ms_world_with(const struct kdm_ms_world *world,
                                            const struct kdm_dm_model *model,
                                            struct kdm_ms_world *ret_world)
{
    struct kdm_ms_world with = *world;
    struct kdm_ms_types *types = types_of(&with, model);
    struct kdm_ms_type type;

    if (types == NULL || !read_type(world->arena, model->block, model, &type))
        return NULL;
    with.models = kdm_dm_models_with(world->arena, &world->models, model);
    *ret_world = with;
    return put_type(world->arena, types_of(ret_world, model), &type);
}

/* --- looking --------------------------------------------------------------------------------- */

const struct kdm_ms_type *kdm_ms_find(const struct kdm_ms_types *types, struct kdm_str id)
{
    size_t low = 0, high = types->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (kdm_str_cmp(types->items[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < types->count && kdm_str_eq(types->items[low].id, id) ? &types->items[low] : NULL;
}

static bool is_shared_with(struct kdm_arena *arena, const struct kdm_ms_type *type,
                           struct kdm_str tenant)
{
    struct kdm_val_iter it;
    struct kdm_val other;

    for (kdm_elements(&it, kdm_val_get(type->block, KDM_STR("sharedWith")));
         kdm_element_next(&it, &other);) {
        if (kdm_str_eq(kdm_val_str(arena, other), tenant))
            return true;
    }
    return false;
}

bool kdm_ms_visible(const struct kdm_ms_world *world, const struct kdm_ms_type *type,
                    const struct kdm_ms_caller *caller)
{
    return type->model == NULL || kdm_str_eq(type->tenant, caller->tenant)
           || (caller->include_shared && is_shared_with(world->arena, type, caller->tenant));
}

void kdm_ms_chain(const struct kdm_ms_world *world, const struct kdm_ms_type *type,
                  struct kdm_ms_chain *ret_chain)
{
    size_t most = sizeof(ret_chain->items) / sizeof(ret_chain->items[0]);

    ret_chain->count = 0;
    for (; type != NULL && ret_chain->count < most;
         type = kdm_str_none(type->parent) ? NULL : kdm_ms_find(&world->assets, type->parent))
        ret_chain->items[ret_chain->count++] = type;
    for (size_t i = 0; i < ret_chain->count / 2; i++) {
        const struct kdm_ms_type *swap = ret_chain->items[i];

        ret_chain->items[i] = ret_chain->items[ret_chain->count - 1 - i];
        ret_chain->items[ret_chain->count - 1 - i] = swap;
    }
}

static bool is_below(const struct kdm_ms_world *world, const struct kdm_ms_type *type,
                     struct kdm_str above)
{
    struct kdm_ms_chain chain;

    kdm_ms_chain(world, type, &chain);
    for (size_t i = 0; i + 1 < chain.count; i++) {
        if (kdm_str_eq(chain.items[i]->id, above))
            return true;
    }
    return false;
}

/* --- names that are taken --------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return kdm_str_cmp(((const struct kdm_ms_name *)a)->name,
                       ((const struct kdm_ms_name *)b)->name);
}

/* Is it an ancestor of `self`, or a descendant? */
static bool is_relative(const struct kdm_ms_world *world, const struct kdm_ms_chain *ancestors,
                        struct kdm_str self, const struct kdm_ms_type *type)
{
    for (size_t i = 0; i < ancestors->count; i++) {
        if (ancestors->items[i] == type)
            return true;
    }
    return is_below(world, type, self);
}

/* Those of the names that the type itself has and that are free so far. */
static void take_names(struct kdm_arena *arena, const struct kdm_ms_type *type,
                       struct kdm_ms_name *names, size_t count)
{
    static const struct kdm_str lists[] = { KDM_STR("variables"), KDM_STR("aspects") };
    struct kdm_val_iter it;
    struct kdm_val entry;

    for (size_t i = 0; i < 2; i++) {
        kdm_elements(&it, kdm_val_get(type->block, lists[i]));
        while (kdm_element_next(&it, &entry)) {
            const struct kdm_ms_name key = { .name = kdm_val_str(
                                                 arena, kdm_val_get(entry, KDM_STR("name"))) };
            struct kdm_ms_name *name = bsearch(&key, names, count, sizeof(*names), by_name);

            if (name != NULL && kdm_str_none(name->taken))
                name->taken = type->id;
        }
    }
}

void kdm_ms_names_taken(const struct kdm_ms_world *world, struct kdm_str parent,
                        struct kdm_str self, struct kdm_ms_name *names, size_t count)
{
    const struct kdm_ms_type *above = kdm_ms_find(&world->assets, parent);
    struct kdm_ms_chain ancestors = { .count = 0 };

    if (above != NULL)
        kdm_ms_chain(world, above, &ancestors);
    if (count > 1)
        qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 0; i < world->assets.count && count > 0; i++) {
        if (is_relative(world, &ancestors, self, &world->assets.items[i]))
            take_names(world->arena, &world->assets.items[i], names, count);
    }
}

/* --- names of models ---------------------------------------------------------------------------
 */

/* The part behind the prefix, split at '.' and '_', each piece with a capital: X_Wing -> XWing. A
 * digit must not be followed by a small letter, else the core takes no such name. */
static struct kdm_str derived_name(struct kdm_arena *arena, struct kdm_str id)
{
    struct kdm_str rest = kdm_str_from(id, kdm_ms_prefix(id).len + 1);
    struct kdm_buf buf;
    bool capital = true;

    kdm_buf_init(&buf, arena, rest.len + 8);
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];

        if (c == '.' || c == '_') {
            capital = true;
            continue;
        }
        kdm_buf_char(&buf, capital ? (char)toupper((unsigned char)c) : c);
        capital = isdigit((unsigned char)c) != 0;
    }
    if (buf.len == 0)
        kdm_buf_lit(&buf, "Type");
    return kdm_buf_str(&buf);
}

/* Six characters that tell ids of one derived name apart; letters are capitals, so that the name
 * stays one that the core takes. */
static struct kdm_str with_hash(struct kdm_arena *arena, struct kdm_str name, struct kdm_str id)
{
    static const struct kdm_hash_seed seed = { 0x6d696e6473706865, 0x7265206d6f64656c };
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    uint64_t hash = kdm_hash(&seed, id);
    char text[6];

    for (size_t i = 0; i < sizeof(text); i++, hash /= 36)
        text[i] = digits[hash % 36];
    return kdm_arena_printf(arena, KDM_FMT "%.*s", KDM_ARG(name), (int)sizeof(text), text);
}

struct kdm_str kdm_ms_model_name(const struct kdm_ms_world *world, enum kdm_dm_kind kind,
                                 struct kdm_str id)
{
    const struct kdm_ms_type *type =
        kdm_ms_find(kind == KDM_DM_ASSET ? &world->assets : &world->aspects, id);
    struct kdm_str name;

    if (type != NULL && type->model != NULL)
        return type->model->name;
    name = derived_name(world->arena, id);
    return kdm_dm_model_find(&world->models, kind, name) == NULL
               ? name
               : with_hash(world->arena, name, id);
}

struct kdm_str kdm_ms_asset_model(struct kdm_arena *arena, const struct kdm_ms_type *type)
{
    struct kdm_str name;

    if (type->model != NULL)
        return type->model->name;
    name = kdm_val_str(arena, kdm_val_get(type->block, KDM_STR("name")));
    return kdm_arena_printf(arena, "Core" KDM_FMT, KDM_ARG(name));
}

const struct kdm_ms_type *kdm_ms_type_of_model(const struct kdm_ms_world *world,
                                               struct kdm_str model)
{
    for (size_t i = 0; i < world->assets.count; i++) {
        if (kdm_str_eq(kdm_ms_asset_model(world->arena, &world->assets.items[i]), model))
            return &world->assets.items[i];
    }
    return NULL;
}

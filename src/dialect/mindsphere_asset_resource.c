/* mindsphere_asset_resource.c - assets told (reference dialects.md 4.12). Pure functions. */
#include "dialect/mindsphere_asset.h"

bool kdm_ms_has_etag(struct kdm_val source)
{
    return kdm_val_type(kdm_val_path(source, KDM_STR("dialect.etag"))) == KDM_JSON_NUMBER;
}

bool kdm_ms_asset_of(const struct kdm_ms_world *world, struct kdm_val source, int64_t version,
                     struct kdm_ms_asset *ret_asset)
{
    struct kdm_str model = kdm_val_str(world->arena, kdm_val_get(source, KDM_STR("model")));

    *ret_asset = (struct kdm_ms_asset){
        .id = kdm_val_str(world->arena, kdm_val_get(source, KDM_STR("reference"))),
        .source = source,
        .etag = version > 0 ? version - 1 : 0,
        .type = kdm_str_none(model) ? NULL : kdm_ms_type_of_model(world, model),
    };
    kdm_val_int64(kdm_val_path(source, KDM_STR("dialect.etag")), &ret_asset->etag);
    return ret_asset->type != NULL && !kdm_str_none(ret_asset->id);
}

struct kdm_str kdm_ms_root_id(struct kdm_arena *arena, struct kdm_str tenant)
{
    return kdm_ms_hex_id(arena, kdm_arena_printf(arena, "root of " KDM_FMT, KDM_ARG(tenant)));
}

/* --- variables ---------------------------------------------------------------------------------
 */

struct teller {
    const struct kdm_ms_world *world;
    struct kdm_val metadata;
    bool defaults; /* show those of the type where nothing is set */
    struct kdm_buf *buf;
};

/* Those that have a value, as elements. */
static void put_values(const struct teller *teller, struct kdm_val variables, struct kdm_val values)
{
    struct kdm_arena *arena = teller->world->arena;
    struct kdm_val_iter it;
    struct kdm_val variable;

    for (kdm_elements(&it, variables); kdm_element_next(&it, &variable);) {
        struct kdm_val name = kdm_val_get(variable, KDM_STR("name"));
        struct kdm_val value = kdm_val_get(values, kdm_val_str(arena, name));

        if (kdm_val_null(value) && teller->defaults)
            value = kdm_val_get(variable, KDM_STR("defaultValue"));
        if (kdm_val_null(value))
            continue;
        kdm_json_put_comma(teller->buf);
        kdm_buf_lit(teller->buf, "{\"name\":");
        kdm_buf_put(teller->buf, kdm_val_text(name));
        kdm_buf_lit(teller->buf, ",\"value\":");
        kdm_ms_put_value(arena, teller->buf, value);
        kdm_buf_char(teller->buf, '}');
    }
}

static void put_variables(const struct teller *teller, const struct kdm_ms_chain *chain)
{
    kdm_buf_lit(teller->buf, ",\"variables\":[");
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->items[i]->model != NULL)
            put_values(teller, kdm_val_get(chain->items[i]->block, KDM_STR("variables")),
                       teller->metadata);
    }
    kdm_buf_char(teller->buf, ']');
}

static void put_aspects(const struct teller *teller, const struct kdm_ms_chain *chain)
{
    struct kdm_arena *arena = teller->world->arena;
    struct kdm_val_iter it;
    struct kdm_val aspect;

    kdm_buf_lit(teller->buf, ",\"aspects\":[");
    for (size_t i = 0; i < chain->count; i++) {
        kdm_elements(&it, kdm_val_get(chain->items[i]->block, KDM_STR("aspects")));
        while (kdm_element_next(&it, &aspect)) {
            struct kdm_val name = kdm_val_get(aspect, KDM_STR("name"));
            const struct kdm_ms_type *type =
                kdm_ms_find(&teller->world->aspects,
                            kdm_val_str(arena, kdm_val_get(aspect, KDM_STR("aspectTypeId"))));

            if (type == NULL)
                continue;
            kdm_json_put_comma(teller->buf);
            kdm_buf_lit(teller->buf, "{\"name\":");
            kdm_buf_put(teller->buf, kdm_val_text(name));
            kdm_buf_lit(teller->buf, ",\"variables\":[");
            /* A dynamic one has no metadata of its name and no defaults, so nothing is told of it.
             */
            put_values(teller, kdm_val_get(type->block, KDM_STR("variables")),
                       kdm_val_get(teller->metadata, kdm_val_str(arena, name)));
            kdm_buf_lit(teller->buf, "]}");
        }
    }
    kdm_buf_char(teller->buf, ']');
}

/* --- resources ---------------------------------------------------------------------------------
 */

/* The members that a client sends as well. */
static void put_given(const struct teller *teller, const struct kdm_ms_asset *asset,
                      const struct kdm_ms_chain *chain)
{
    struct kdm_val dialect = kdm_val_get(asset->source, KDM_STR("dialect"));
    struct kdm_val name = kdm_val_path(dialect, KDM_STR("name.default"));

    kdm_ms_put_text(teller->buf, "name",
                    kdm_val_null(name) ? asset->id : kdm_val_str(teller->world->arena, name));
    kdm_ms_put_member(teller->buf, dialect, "externalId", "null");
    kdm_ms_put_member(teller->buf, dialect, "description", "null");
    kdm_ms_put_member(teller->buf, dialect, "location", "null");
    kdm_ms_put_member(teller->buf, dialect, "timezone", "null");
    kdm_ms_put_member(teller->buf, dialect, "twinType", "\"performance\"");
    put_variables(teller, chain);
    put_aspects(teller, chain);
}

static void put_links(const struct kdm_ms_caller *caller, struct kdm_arena *arena,
                      struct kdm_str id, struct kdm_str parent, struct kdm_buf *buf)
{
    kdm_buf_lit(buf, ",\"_links\":{");
    kdm_ms_put_link(buf, "self", kdm_ms_href(arena, caller, "assets", id));
    if (!kdm_str_none(parent))
        kdm_ms_put_link(buf, "parent", kdm_ms_href(arena, caller, "assets", parent));
    kdm_buf_char(buf, '}');
}

static void put_owner(const struct kdm_ms_caller *caller, struct kdm_str id, int64_t etag,
                      struct kdm_buf *buf)
{
    kdm_ms_put_text(buf, "assetId", id);
    kdm_ms_put_text(buf, "tenantId", caller->tenant);
    kdm_buf_printf(buf,
                   ",\"subTenant\":null,\"t2Tenant\":null,\"etag\":%lld,\"deleted\":null,"
                   "\"locks\":[],\"sharing\":{\"modes\":[]}",
                   (long long)etag);
}

/* Its own assignments behind those of its type: as if it were the last of the chain. */
static void put_asset_files(const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                            const struct kdm_ms_asset *asset, const struct kdm_ms_chain *chain,
                            struct kdm_buf *buf)
{
    const struct kdm_ms_type leaf = { .block = kdm_val_get(asset->source, KDM_STR("dialect")) };
    struct kdm_ms_chain with = *chain;

    if (with.count < KDM_MS_CHAIN_MAX)
        with.items[with.count++] = &leaf;
    kdm_ms_put_files(world, caller, &with, buf);
}

void kdm_ms_put_asset(const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                      const struct kdm_ms_asset *asset, struct kdm_buf *buf)
{
    const struct teller teller = { .world = world,
                                   .metadata = kdm_val_get(asset->source, KDM_STR("metadata")),
                                   .defaults = true,
                                   .buf = buf };
    struct kdm_str parent =
        kdm_val_str(world->arena, kdm_val_path(asset->source, KDM_STR("dialect.parentId")));
    struct kdm_ms_chain chain;

    if (kdm_str_none(parent))
        parent = kdm_ms_root_id(world->arena, caller->tenant);
    kdm_ms_chain(world, asset->type, &chain);
    kdm_buf_char(buf, '{');
    put_given(&teller, asset, &chain);
    put_asset_files(world, caller, asset, &chain, buf);
    kdm_ms_put_text(buf, "typeId", asset->type->id);
    kdm_ms_put_text(buf, "parentId", parent);
    put_owner(caller, asset->id, asset->etag, buf);
    put_links(caller, world->arena, asset->id, parent, buf);
    kdm_buf_char(buf, '}');
}

void kdm_ms_put_root(const struct kdm_ms_caller *caller, struct kdm_arena *arena,
                     struct kdm_buf *buf)
{
    struct kdm_str id = kdm_ms_root_id(arena, caller->tenant);

    kdm_buf_char(buf, '{');
    kdm_ms_put_text(buf, "name", caller->tenant);
    kdm_buf_lit(buf,
                ",\"externalId\":null,\"description\":null,\"location\":null,\"timezone\":null,"
                "\"twinType\":\"performance\",\"variables\":[],\"aspects\":[],"
                "\"fileAssignments\":[],\"typeId\":\"core.basichierarchy\",\"parentId\":null");
    put_owner(caller, id, 0, buf);
    put_links(caller, arena, id, KDM_STR_NONE, buf);
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_ms_asset_body(const struct kdm_ms_world *world, const struct kdm_ms_asset *asset)
{
    struct kdm_val files = kdm_val_path(asset->source, KDM_STR("dialect.fileAssignments"));
    struct kdm_ms_chain chain;
    struct kdm_buf buf;
    const struct teller teller = { .world = world,
                                   .metadata = kdm_val_get(asset->source, KDM_STR("metadata")),
                                   .buf = &buf };

    kdm_buf_init(&buf, world->arena, 1024);
    kdm_ms_chain(world, asset->type, &chain);
    kdm_buf_char(&buf, '{');
    put_given(&teller, asset, &chain);
    kdm_json_put_name(&buf, KDM_STR("fileAssignments"));
    kdm_buf_put(&buf, kdm_val_null(files) ? KDM_STR("[]") : kdm_val_text(files));
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

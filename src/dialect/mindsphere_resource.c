/* mindsphere_resource.c - asset types and aspect types told (reference dialects.md 4.3 and 4.9).
 * Exploded, what is inherited comes first, root to leaf, each with a link to where it is defined.
 */
#include "dialect/mindsphere.h"

void kdm_ms_put_text(struct kdm_buf *buf, const char *name, struct kdm_str text)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    if (kdm_str_none(text))
        kdm_buf_lit(buf, "null");
    else
        kdm_json_put_str(buf, text);
}

void kdm_ms_put_member(struct kdm_buf *buf, struct kdm_val block, const char *name,
                       const char *absent)
{
    struct kdm_val val = kdm_val_get(block, kdm_str_of(name));

    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_put(buf, kdm_val_none(val) ? kdm_str_of(absent) : kdm_val_text(val));
}

struct kdm_str kdm_ms_href(struct kdm_arena *arena, const struct kdm_ms_caller *caller,
                           const char *kind, struct kdm_str id)
{
    return kdm_arena_printf(arena, KDM_FMT "/%s/" KDM_FMT, KDM_ARG(caller->base), kind,
                            KDM_ARG(id));
}

void kdm_ms_put_link(struct kdm_buf *buf, const char *name, struct kdm_str target)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_lit(buf, "{\"href\":");
    kdm_json_put_str(buf, target);
    kdm_buf_char(buf, '}');
}

static void put_sharing(struct kdm_buf *buf, const struct kdm_ms_type *type,
                        const struct kdm_ms_caller *caller)
{
    bool own = type->model == NULL || kdm_str_eq(type->tenant, caller->tenant);
    bool shares = kdm_val_count(kdm_val_get(type->block, KDM_STR("sharedWith"))) > 0;

    kdm_json_put_name(buf, KDM_STR("sharing"));
    kdm_buf_put(buf, !own     ? KDM_STR("{\"modes\":[\"RECEIVER\"]}")
                     : shares ? KDM_STR("{\"modes\":[\"SHARER\"]}")
                              : KDM_STR("{\"modes\":[]}"));
}

/* --- aspect types ------------------------------------------------------------------------------
 */

void kdm_ms_put_aspect_type(const struct kdm_ms_caller *caller, const struct kdm_ms_type *type,
                            struct kdm_buf *buf)
{
    bool dynamic =
        kdm_val_str_eq(kdm_val_get(type->block, KDM_STR("category")), KDM_STR("dynamic"));
    struct kdm_val_iter it;
    struct kdm_val variable;
    struct kdm_arena scratch;

    kdm_arena_init(&scratch, 512);
    kdm_buf_char(buf, '{');
    kdm_ms_put_text(buf, "id", type->id);
    kdm_ms_put_text(buf, "tenantId", type->tenant);
    kdm_ms_put_member(buf, type->block, "etag", "0");
    kdm_ms_put_member(buf, type->block, "name", "null");
    kdm_ms_put_member(buf, type->block, "category", "\"static\"");
    kdm_buf_lit(buf, ",\"scope\":\"private\"");
    kdm_ms_put_member(buf, type->block, "description", "null");
    kdm_buf_lit(buf, ",\"variables\":[");
    for (kdm_elements(&it, kdm_val_get(type->block, KDM_STR("variables")));
         kdm_element_next(&it, &variable);) {
        kdm_json_put_comma(buf);
        kdm_ms_put_variable(buf, variable,
                            dynamic ? KDM_MS_DYNAMIC_VARIABLE : KDM_MS_STATIC_VARIABLE,
                            KDM_STR_NONE);
    }
    kdm_buf_char(buf, ']');
    put_sharing(buf, type, caller);
    kdm_buf_lit(buf, ",\"_links\":{");
    kdm_ms_put_link(buf, "self", kdm_ms_href(&scratch, caller, "aspecttypes", type->id));
    kdm_buf_lit(buf, "}}");
    kdm_arena_fini(&scratch);
}

/* --- asset types -------------------------------------------------------------------------------
 */

/* What is told of one type of the chain: its own entries, or what a descendant inherits. */
struct teller {
    const struct kdm_ms_world *world;
    const struct kdm_ms_caller *caller;
    struct kdm_ms_chain chain;
    size_t first; /* of the chain: where telling begins */
    struct kdm_buf *buf;
};

/* Where an entry of this member of the chain comes from; none: the type itself. */
static struct kdm_str origin_of(const struct teller *teller, size_t at)
{
    if (at + 1 == teller->chain.count)
        return KDM_STR_NONE;
    return kdm_ms_href(teller->world->arena, teller->caller, "assettypes",
                       teller->chain.items[at]->id);
}

static void put_variables(const struct teller *teller)
{
    struct kdm_val_iter it;
    struct kdm_val variable;

    kdm_buf_lit(teller->buf, ",\"variables\":[");
    for (size_t i = teller->first; i < teller->chain.count; i++) {
        kdm_elements(&it, kdm_val_get(teller->chain.items[i]->block, KDM_STR("variables")));
        while (kdm_element_next(&it, &variable)) {
            kdm_json_put_comma(teller->buf);
            kdm_ms_put_variable(teller->buf, variable, KDM_MS_TYPE_VARIABLE, origin_of(teller, i));
        }
    }
    kdm_buf_char(teller->buf, ']');
}

static void put_origin(const struct teller *teller, size_t at)
{
    struct kdm_str origin = origin_of(teller, at);

    if (kdm_str_none(origin))
        return;
    kdm_buf_lit(teller->buf, ",\"_links\":{");
    kdm_ms_put_link(teller->buf, "origin", origin);
    kdm_buf_char(teller->buf, '}');
}

static void put_aspect(const struct teller *teller, struct kdm_val aspect, size_t at)
{
    struct kdm_arena *arena = teller->world->arena;
    struct kdm_str id = kdm_val_str(arena, kdm_val_get(aspect, KDM_STR("aspectTypeId")));
    const struct kdm_ms_type *type = kdm_ms_find(&teller->world->aspects, id);

    kdm_json_put_comma(teller->buf);
    kdm_buf_char(teller->buf, '{');
    kdm_ms_put_member(teller->buf, aspect, "name", "null");
    kdm_ms_put_member(teller->buf, aspect, "aspectId", "null");
    kdm_json_put_name(teller->buf, KDM_STR("aspectType"));
    if (type == NULL)
        kdm_buf_lit(teller->buf, "null");
    else
        kdm_ms_put_aspect_type(teller->caller, type, teller->buf);
    put_origin(teller, at);
    kdm_buf_char(teller->buf, '}');
}

static void put_aspects(const struct teller *teller)
{
    struct kdm_val_iter it;
    struct kdm_val aspect;

    kdm_buf_lit(teller->buf, ",\"aspects\":[");
    for (size_t i = teller->first; i < teller->chain.count; i++) {
        kdm_elements(&it, kdm_val_get(teller->chain.items[i]->block, KDM_STR("aspects")));
        while (kdm_element_next(&it, &aspect))
            put_aspect(teller, aspect, i);
    }
    kdm_buf_char(teller->buf, ']');
}

/* The assignments of the whole chain by their keys. */
static void index_files(const struct teller *teller, struct kdm_ms_index *ret_index)
{
    struct kdm_val lists[KDM_MS_CHAIN_MAX];

    for (size_t i = 0; i < teller->chain.count; i++)
        lists[i] = kdm_val_get(teller->chain.items[i]->block, KDM_STR("fileAssignments"));
    kdm_ms_index(teller->world->arena, lists, teller->chain.count, "key", ret_index);
}

/* Does a type nearer to the leaf assign another file to the key? */
static bool is_shadowed(const struct kdm_ms_index *files, struct kdm_str key, size_t at)
{
    size_t count;
    const struct kdm_ms_entry *first = kdm_ms_index_find(files, key, &count);

    return first != NULL && first[count - 1].list > at;
}

static void put_file(const struct teller *teller, struct kdm_val file, size_t at)
{
    struct kdm_arena *arena = teller->world->arena;
    struct kdm_str id = kdm_val_str(arena, kdm_val_get(file, KDM_STR("fileId")));
    struct kdm_str origin = origin_of(teller, at),
                   self = kdm_ms_href(arena, teller->caller, "files", id);

    kdm_json_put_comma(teller->buf);
    kdm_buf_char(teller->buf, '{');
    kdm_ms_put_member(teller->buf, file, "key", "null");
    kdm_ms_put_member(teller->buf, file, "fileId", "null");
    kdm_buf_lit(teller->buf, ",\"_links\":{");
    kdm_ms_put_link(teller->buf, "download",
                    kdm_arena_printf(arena, KDM_FMT "/file", KDM_ARG(self)));
    kdm_ms_put_link(teller->buf, "metadata", self);
    if (!kdm_str_none(origin))
        kdm_ms_put_link(teller->buf, "origin", origin);
    kdm_buf_lit(teller->buf, "}}");
}

static void put_files(const struct teller *teller)
{
    struct kdm_ms_index index;
    struct kdm_val_iter it;
    struct kdm_val file;

    index_files(teller, &index);
    kdm_buf_lit(teller->buf, ",\"fileAssignments\":[");
    for (size_t i = teller->first; i < teller->chain.count; i++) {
        kdm_elements(&it, kdm_val_get(teller->chain.items[i]->block, KDM_STR("fileAssignments")));
        while (kdm_element_next(&it, &file)) {
            struct kdm_str key =
                kdm_val_str(teller->world->arena, kdm_val_get(file, KDM_STR("key")));

            if (!is_shadowed(&index, key, i))
                put_file(teller, file, i);
        }
    }
    kdm_buf_char(teller->buf, ']');
}

void kdm_ms_put_files(const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                      const struct kdm_ms_chain *chain, struct kdm_buf *buf)
{
    const struct teller teller = { .world = world, .caller = caller, .chain = *chain, .buf = buf };

    put_files(&teller);
}

static void put_links(const struct teller *teller, const struct kdm_ms_type *type)
{
    struct kdm_arena *arena = teller->world->arena;

    kdm_buf_lit(teller->buf, ",\"_links\":{");
    kdm_ms_put_link(teller->buf, "self",
                    kdm_ms_href(arena, teller->caller, "assettypes", type->id));
    if (!kdm_str_none(type->parent))
        kdm_ms_put_link(teller->buf, "parent",
                        kdm_ms_href(arena, teller->caller, "assettypes", type->parent));
    kdm_buf_char(teller->buf, '}');
}

void kdm_ms_put_type(const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                     const struct kdm_ms_type *type, bool exploded, struct kdm_buf *buf)
{
    struct teller teller = { .world = world, .caller = caller, .buf = buf };

    kdm_ms_chain(world, type, &teller.chain);
    teller.first = exploded ? 0 : teller.chain.count - 1;
    kdm_buf_char(buf, '{');
    kdm_ms_put_member(buf, type->block, "name", "null");
    kdm_ms_put_text(buf, "parentTypeId", type->parent);
    kdm_ms_put_member(buf, type->block, "description", "null");
    kdm_ms_put_member(buf, type->block, "instantiable", "true");
    kdm_buf_put(buf, type->model == NULL ? KDM_STR(",\"scope\":\"public\"")
                                         : KDM_STR(",\"scope\":\"private\""));
    kdm_ms_put_text(buf, "id", type->id);
    kdm_ms_put_text(buf, "tenantId", type->tenant);
    kdm_ms_put_member(buf, type->block, "etag", "0");
    put_aspects(&teller);
    put_variables(&teller);
    put_files(&teller);
    put_sharing(buf, type, caller);
    put_links(&teller, type);
    kdm_buf_char(buf, '}');
}

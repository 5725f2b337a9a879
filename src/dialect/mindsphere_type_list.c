/* mindsphere_type_list.c - lists of asset types and aspect types (reference dialects.md 4.11): the
 * tenant's own, those shared with it, and the core's.
 */
#include "dialect/mindsphere.h"
#include "doors.gen.h"

/* What filters and sorts look at. */
static struct kdm_val fields_of(struct kdm_arena *arena, const struct kdm_ms_type *type)
{
    struct kdm_str text =
        kdm_json_set(arena, type->block, KDM_STR("scope"),
                     type->model == NULL ? KDM_STR("\"public\"") : KDM_STR("\"private\""));

    return kdm_json_parse(arena, text);
}

/* A filter is malformed also where there is nothing that it could be asked of. */
static void check_filter(struct kdm_ms_errors *errors, struct kdm_val filter)
{
    kdm_ms_passes(
        errors, filter,
        kdm_json_parse(errors->arena,
                       KDM_STR("{\"id\":\"\",\"name\":\"\",\"parentTypeId\":\"\",\"tenantId\":"
                               "\"\",\"scope\":\"\",\"instantiable\":true}")));
}

struct list {
    const struct kdm_ms_world *world;
    const struct kdm_ms_caller *caller;
    bool aspects;
    struct kdm_ms_item *items;
    size_t count;
};

static void collect(struct kdm_ms_errors *errors, struct kdm_val filter, struct list *list)
{
    const struct kdm_ms_types *types = list->aspects ? &list->world->aspects : &list->world->assets;

    list->items = kdm_arena_alloc(errors->arena, (types->count + 1) * sizeof(*list->items));
    for (size_t i = 0; i < types->count; i++) {
        const struct kdm_ms_type *type = &types->items[i];
        struct kdm_val fields = fields_of(errors->arena, type);

        if (kdm_ms_visible(list->world, type, list->caller)
            && kdm_ms_passes(errors, filter, fields))
            list->items[list->count++] = (struct kdm_ms_item){ .fields = fields, .owner = type };
    }
}

static void put_page(const struct list *list, const struct kdm_ms_page *page, struct kdm_buf *buf)
{
    size_t first = (size_t)(page->number * page->size), end = first + (size_t)page->size;

    for (size_t i = first; i < list->count && i < end; i++) {
        if (i > first)
            kdm_buf_char(buf, ',');
        if (list->aspects)
            kdm_ms_put_aspect_type(list->caller, list->items[i].owner, buf);
        else
            kdm_ms_put_type(list->world, list->caller, list->items[i].owner, list->caller->exploded,
                            buf);
    }
}

static enum kdm_outcome list_types(struct kdm_tx *tx, const struct kdm_args *args, bool aspects)
{
    struct kdm_ms_caller caller;
    struct kdm_ms_errors errors;
    struct kdm_ms_world world;
    struct list list = { .world = &world, .caller = &caller, .aspects = aspects };
    struct kdm_ms_page page;
    struct kdm_val filter;
    struct kdm_buf buf;

    if (!kdm_ms_enter(tx, args, KDM_STR_NONE, &caller))
        return KDM_DONE;
    kdm_ms_errors_init(&errors, args->arena);
    kdm_ms_read_page(&errors, args, &page);
    filter = kdm_ms_read_filter(&errors, args);
    if (!kdm_ms_read_world(tx, &caller, false, &world))
        return KDM_WAIT;
    check_filter(&errors, filter);
    if (errors.count > 0)
        return kdm_ms_refuse(tx, args, &errors);
    collect(&errors, filter, &list);
    kdm_ms_sort(args->arena, args, list.items, list.count);
    kdm_buf_init(&buf, args->arena, 4096);
    kdm_buf_printf(&buf, "{\"_embedded\":{\"%s\":[", aspects ? "aspectTypes" : "assetTypes");
    put_page(&list, &page, &buf);
    kdm_buf_lit(&buf, "]}");
    kdm_ms_put_page(args, &caller, aspects ? "aspecttypes" : "assettypes", &page, list.count, &buf);
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_mindsphere_list_asset_types(struct kdm_tx *tx, const struct kdm_args *args)
{
    return list_types(tx, args, false);
}

enum kdm_outcome kdm_mindsphere_list_aspect_types(struct kdm_tx *tx, const struct kdm_args *args)
{
    return list_types(tx, args, true);
}

/* mindsphere_type.c - bodies of asset types (reference dialects.md 4.3 to 4.6): what is sent
 * becomes the block that is stored, or errors that name each thing that is wrong. Pure but for new
 * ids.
 */
#include "action/device_manager/family.h"
#include "dialect/mindsphere.h"
#include "store/unicode.h"

#define NAME_LONGEST        128
#define DESCRIPTION_LONGEST 2048
#define MOST_ENTRIES        200 /* aspects, and files */

struct reader {
    struct kdm_ms_errors *errors;
    struct kdm_tx *tx;
    const struct kdm_ms_world *world;
    const struct kdm_ms_caller *caller;
    const struct kdm_ms_type *type; /* as it is; NULL: it is created */
    struct kdm_str id, parent;
    struct kdm_val body;
    struct kdm_buf *buf; /* the block */
};

static struct kdm_arena *arena_of(const struct reader *reader)
{
    return reader->errors->arena;
}

static struct kdm_val member(const struct reader *reader, const char *name)
{
    return kdm_val_get(reader->body, kdm_str_of(name));
}

static struct kdm_val stored(const struct reader *reader, const char *name)
{
    return reader->type == NULL ? KDM_VAL_NONE : kdm_val_get(reader->type->block, kdm_str_of(name));
}

/* --- single members ----------------------------------------------------------------------------
 */

static void put_name(struct reader *reader)
{
    struct kdm_val name = member(reader, "name");
    struct kdm_str text = kdm_val_str(arena_of(reader), name);

    if (kdm_val_null(name))
        kdm_ms_error(reader->errors, KDM_MS_MISSING_BODY, "name: it is needed");
    else if (kdm_str_none(text) || text.len == 0 || kdm_utf8_count(text) > NAME_LONGEST)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "name: a text of 1 to 128 characters is expected");
    kdm_json_put_name(reader->buf, KDM_STR("name"));
    kdm_json_put_str(reader->buf, kdm_str_none(text) ? KDM_STR("") : text);
}

static void put_description(struct reader *reader)
{
    struct kdm_val val = member(reader, "description");
    struct kdm_str text = kdm_val_str(arena_of(reader), val);

    if (!kdm_val_null(val) && (kdm_str_none(text) || kdm_utf8_count(text) > DESCRIPTION_LONGEST))
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "description: a text of at most 2048 characters is expected");
    kdm_json_put_name(reader->buf, KDM_STR("description"));
    if (kdm_str_none(text))
        kdm_buf_lit(reader->buf, "null");
    else
        kdm_json_put_str(reader->buf, text);
}

static void put_instantiable(struct reader *reader)
{
    struct kdm_val val = member(reader, "instantiable");
    bool was = kdm_val_type(stored(reader, "instantiable")) == KDM_JSON_TRUE;
    bool is = kdm_val_type(val) != KDM_JSON_FALSE;

    if (!kdm_val_null(val) && kdm_val_type(val) != KDM_JSON_TRUE
        && kdm_val_type(val) != KDM_JSON_FALSE)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "instantiable: true or false is expected");
    else if (was && !is)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "instantiable: true can not become false");
    kdm_json_put_name(reader->buf, KDM_STR("instantiable"));
    kdm_buf_put(reader->buf, is ? KDM_STR("true") : KDM_STR("false"));
}

static void check_scope(struct reader *reader)
{
    struct kdm_val scope = member(reader, "scope");

    if (!kdm_val_null(scope) && !kdm_val_str_eq(scope, KDM_STR("private"))
        && !kdm_val_str_eq(scope, KDM_STR("public")))
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "scope: private or public is expected");
}

/* Fixed once the type is there. */
static void read_parent(struct reader *reader)
{
    struct kdm_val val = member(reader, "parentTypeId");
    struct kdm_str given = kdm_val_str(arena_of(reader), val);
    const struct kdm_ms_type *above;

    reader->parent = reader->type != NULL  ? reader->type->parent
                     : kdm_str_none(given) ? KDM_STR("core.basicasset")
                                           : given;
    if (!kdm_val_null(val) && kdm_str_none(given)) {
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "parentTypeId: a text is expected");
        return;
    }
    if (reader->type != NULL) {
        if (!kdm_str_none(given) && !kdm_str_eq(given, reader->parent))
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                         "parentTypeId: it can not be changed");
        return;
    }
    above = kdm_ms_find(&reader->world->assets, reader->parent);
    if (above == NULL || !kdm_ms_visible(reader->world, above, reader->caller))
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "parentTypeId: there is no " KDM_FMT,
                     KDM_ARG(reader->parent));
    else if (above->model != NULL
             && kdm_dm_depth(arena_of(reader), &reader->world->models, above->model->name)
                    >= KDM_DM_FAMILY_DEPTH)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "parentTypeId: at most %d types inherit from each other", KDM_DM_FAMILY_DEPTH);
}

/* --- aspects -----------------------------------------------------------------------------------
 */

static struct kdm_val find_aspect(const struct reader *reader, const char *by, struct kdm_str value)
{
    struct kdm_val_iter it;
    struct kdm_val aspect;

    for (kdm_elements(&it, stored(reader, "aspects")); kdm_element_next(&it, &aspect);) {
        if (kdm_str_eq(kdm_val_str(arena_of(reader), kdm_val_get(aspect, kdm_str_of(by))), value))
            return aspect;
    }
    return KDM_VAL_NONE;
}

/* aspectTypeId, or aspectType.id of an answer that is sent back. */
static struct kdm_str aspect_type_of(const struct reader *reader, struct kdm_val given)
{
    struct kdm_str id = kdm_val_str(arena_of(reader), kdm_val_get(given, KDM_STR("aspectTypeId")));

    return kdm_str_none(id)
               ? kdm_val_str(arena_of(reader), kdm_val_path(given, KDM_STR("aspectType.id")))
               : id;
}

/* The id that an entry has or gets; none with an error. */
static struct kdm_str aspect_id_of(const struct reader *reader, struct kdm_val given,
                                   struct kdm_str name, struct kdm_str type, size_t number)
{
    struct kdm_val val = kdm_val_get(given, KDM_STR("aspectId")), old;
    struct kdm_str id = kdm_val_str(arena_of(reader), val);

    if (kdm_val_null(val)) {
        old = find_aspect(reader, "name", name);
        return kdm_val_str_eq(kdm_val_get(old, KDM_STR("aspectTypeId")), type)
                   ? kdm_val_str(arena_of(reader), kdm_val_get(old, KDM_STR("aspectId")))
                   : kdm_ms_new_id(reader->tx, kdm_arena_printf(arena_of(reader),
                                                                "mindsphere aspect %zu", number));
    }
    old = kdm_str_none(id) ? KDM_VAL_NONE : find_aspect(reader, "aspectId", id);
    if (kdm_val_none(old))
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "aspects[%zu].aspectId: the type has no such aspect", number);
    else if (!kdm_val_str_eq(kdm_val_get(old, KDM_STR("aspectTypeId")), type))
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "aspects[%zu].aspectTypeId: it can not be changed", number);
    return kdm_val_none(old) ? KDM_STR_NONE : id;
}

/* Name and aspect type of an entry; both are looked at. */
static bool check_aspect(const struct reader *reader, struct kdm_val given, struct kdm_str name,
                         struct kdm_str type_id, size_t number)
{
    const struct kdm_ms_type *type =
        kdm_str_none(type_id) ? NULL : kdm_ms_find(&reader->world->aspects, type_id);
    bool named = !kdm_str_none(name) && kdm_ms_is_name(name);
    bool typed = type != NULL && kdm_ms_visible(reader->world, type, reader->caller);

    if (kdm_val_null(kdm_val_get(given, KDM_STR("name"))))
        kdm_ms_error(reader->errors, KDM_MS_MISSING_BODY, "aspects[%zu].name: it is needed",
                     number);
    else if (!named)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "aspects[%zu].name: 1 to 64 letters, digits and _ are expected, no reserved "
                     "word",
                     number);
    if (kdm_str_none(type_id) && kdm_val_null(kdm_val_get(given, KDM_STR("aspectTypeId"))))
        kdm_ms_error(reader->errors, KDM_MS_MISSING_BODY, "aspects[%zu].aspectTypeId: it is needed",
                     number);
    else if (!typed)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "aspects[%zu].aspectTypeId: there is no such aspect type", number);
    return named && typed;
}

static void put_aspect(struct reader *reader, struct kdm_val given, size_t number)
{
    struct kdm_str name = kdm_val_str(arena_of(reader), kdm_val_get(given, KDM_STR("name")));
    struct kdm_str type_id = aspect_type_of(reader, given), id;

    if (!check_aspect(reader, given, name, type_id, number))
        return;
    id = aspect_id_of(reader, given, name, type_id, number);
    if (kdm_str_none(id))
        return;
    kdm_json_put_comma(reader->buf);
    kdm_buf_lit(reader->buf, "{\"name\":");
    kdm_json_put_str(reader->buf, name);
    kdm_buf_lit(reader->buf, ",\"aspectId\":");
    kdm_json_put_str(reader->buf, id);
    kdm_buf_lit(reader->buf, ",\"aspectTypeId\":");
    kdm_json_put_str(reader->buf, type_id);
    kdm_buf_char(reader->buf, '}');
}

static void put_aspects(struct reader *reader)
{
    struct kdm_val list = member(reader, "aspects");
    struct kdm_val_iter it;
    struct kdm_val given;
    size_t number = 0;

    kdm_json_put_name(reader->buf, KDM_STR("aspects"));
    kdm_buf_char(reader->buf, '[');
    for (kdm_ms_entries(&it, reader->errors, "aspects", list, MOST_ENTRIES);
         kdm_element_next(&it, &given); number++) {
        if (kdm_val_type(given) != KDM_JSON_OBJECT)
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "aspects[%zu]: an object is expected",
                         number);
        else if (!kdm_ms_has_origin(given))
            put_aspect(reader, given, number);
    }
    kdm_buf_char(reader->buf, ']');
}

/* --- variables and files ------------------------------------------------------------------------
 */

/* All variables above, as one array. */
static struct kdm_val inherited_variables(const struct reader *reader)
{
    const struct kdm_ms_type *above = kdm_ms_find(&reader->world->assets, reader->parent);
    struct kdm_ms_chain chain = { .count = 0 };
    struct kdm_val_iter it;
    struct kdm_val variable;
    struct kdm_buf buf;

    if (above != NULL)
        kdm_ms_chain(reader->world, above, &chain);
    kdm_buf_init(&buf, arena_of(reader), 512);
    kdm_buf_char(&buf, '[');
    for (size_t i = 0; i < chain.count; i++) {
        kdm_elements(&it, kdm_val_get(chain.items[i]->block, KDM_STR("variables")));
        while (kdm_element_next(&it, &variable)) {
            if (buf.len > 1)
                kdm_buf_char(&buf, ',');
            kdm_buf_put(&buf, kdm_val_text(variable));
        }
    }
    kdm_buf_char(&buf, ']');
    return kdm_json_parse(arena_of(reader), kdm_buf_str(&buf));
}

static void put_variables(struct reader *reader)
{
    struct kdm_str variables = kdm_ms_read_variables(
        reader->errors, member(reader, "variables"), stored(reader, "variables"),
        inherited_variables(reader), KDM_MS_TYPE_VARIABLE, false);

    kdm_json_put_name(reader->buf, KDM_STR("variables"));
    kdm_buf_put(reader->buf, variables);
}

static void put_files(struct reader *reader)
{
    kdm_json_put_name(reader->buf, KDM_STR("fileAssignments"));
    kdm_buf_put(reader->buf,
                kdm_ms_read_assignments(reader->errors, member(reader, "fileAssignments")));
}

/* --- what must be unique ------------------------------------------------------------------------
 */

/* No text of this member may stand twice among the aspects. */
static void check_unique(struct reader *reader, struct kdm_val block, const char *name)
{
    struct kdm_val entries = kdm_val_get(block, KDM_STR("aspects")), entry;
    const struct kdm_ms_entry *first;
    struct kdm_ms_index index;
    struct kdm_val_iter it;
    size_t number = 0, count;

    kdm_ms_index(arena_of(reader), &entries, 1, name, &index);
    for (kdm_elements(&it, entries); kdm_element_next(&it, &entry); number++) {
        first = kdm_ms_index_find(
            &index, kdm_val_str(arena_of(reader), kdm_val_get(entry, kdm_str_of(name))), &count);
        if (first != NULL && first->at < number)
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                         "aspects[%zu].%s: it is there already", number, name);
    }
}

/* A variable and an aspect may not have one name either. */
static void check_between(struct reader *reader, struct kdm_val block)
{
    struct kdm_val variables = kdm_val_get(block, KDM_STR("variables")), aspect;
    struct kdm_ms_index index;
    struct kdm_val_iter it;

    kdm_ms_index(arena_of(reader), &variables, 1, "name", &index);
    for (kdm_elements(&it, kdm_val_get(block, KDM_STR("aspects")));
         kdm_element_next(&it, &aspect);) {
        struct kdm_str name = kdm_val_str(arena_of(reader), kdm_val_get(aspect, KDM_STR("name")));

        if (!kdm_val_none(kdm_ms_index_get(&index, name)))
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                         "aspects: a variable has the same name");
    }
}

/* Names of variables and aspects are one name space, through the whole family. */
static void check_family(struct reader *reader, struct kdm_val block)
{
    static const char *const lists[] = { "variables", "aspects" };
    struct kdm_ms_name *names;
    struct kdm_val_iter it;
    struct kdm_val entry;
    size_t count = 0;

    names =
        kdm_arena_alloc(arena_of(reader), (KDM_MS_MOST_VARIABLES + MOST_ENTRIES) * sizeof(*names));
    for (size_t i = 0; i < 2; i++) {
        kdm_elements(&it, kdm_val_get(block, kdm_str_of(lists[i])));
        while (kdm_element_next(&it, &entry))
            names[count++] = (struct kdm_ms_name){
                .name = kdm_val_str(arena_of(reader), kdm_val_get(entry, KDM_STR("name"))),
                .taken = KDM_STR_NONE,
            };
    }
    kdm_ms_names_taken(reader->world, reader->parent, reader->id, names, count);
    for (size_t i = 0; i < count; i++) {
        if (!kdm_str_none(names[i].taken))
            kdm_ms_error(reader->errors, KDM_MS_CONFLICT,
                         KDM_FMT " is the name of a variable or aspect already, in " KDM_FMT,
                         KDM_ARG(names[i].name), KDM_ARG(names[i].taken));
    }
    check_between(reader, block);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

void kdm_ms_read_type(struct kdm_ms_errors *errors, struct kdm_tx *tx,
                      const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                      struct kdm_str id, const struct kdm_ms_type *type, struct kdm_val body,
                      struct kdm_ms_wish *ret_wish)
{
    struct kdm_buf buf;
    struct reader reader = { .errors = errors,
                             .tx = tx,
                             .world = world,
                             .caller = caller,
                             .type = type,
                             .id = id,
                             .body = body,
                             .buf = &buf };
    struct kdm_val block, shared;

    kdm_buf_init(&buf, errors->arena, kdm_val_text(body).len + 512);
    kdm_buf_lit(&buf, "{\"id\":");
    kdm_json_put_str(&buf, id);
    kdm_buf_lit(&buf, ",\"tenantId\":");
    kdm_json_put_str(&buf, type == NULL ? kdm_ms_prefix(id) : type->tenant);
    kdm_buf_printf(&buf, ",\"etag\":%lld", type == NULL ? 0LL : (long long)type->etag + 1);
    read_parent(&reader);
    kdm_buf_lit(&buf, ",\"parentTypeId\":");
    kdm_json_put_str(&buf, reader.parent);
    put_name(&reader);
    put_description(&reader);
    put_instantiable(&reader);
    check_scope(&reader);
    put_variables(&reader);
    put_aspects(&reader);
    put_files(&reader);
    shared = stored(&reader, "sharedWith");
    kdm_json_put_name(&buf, KDM_STR("sharedWith"));
    kdm_buf_put(&buf, kdm_val_none(shared) ? KDM_STR("[]") : kdm_val_text(shared));
    kdm_buf_char(&buf, '}');
    *ret_wish = (struct kdm_ms_wish){ .block = kdm_buf_str(&buf), .parent = reader.parent };
    block = kdm_json_parse(errors->arena, ret_wish->block);
    check_unique(&reader, block, "name");
    check_unique(&reader, block, "aspectId");
    check_family(&reader, block);
}

/* --- as the core has it -------------------------------------------------------------------------
 */

/* Static aspects are objects among the metadata, dynamic ones are measures. */
static bool is_dynamic(const struct kdm_ms_type *aspect)
{
    return kdm_val_str_eq(kdm_val_get(aspect->block, KDM_STR("category")), KDM_STR("dynamic"));
}

static const struct kdm_ms_type *type_of_aspect(const struct kdm_ms_world *world,
                                                struct kdm_val aspect)
{
    return kdm_ms_find(&world->aspects,
                       kdm_val_str(world->arena, kdm_val_get(aspect, KDM_STR("aspectTypeId"))));
}

static void put_static_aspects(const struct kdm_ms_world *world, struct kdm_val aspects,
                               bool defaults, struct kdm_buf *buf)
{
    struct kdm_val_iter it;
    struct kdm_val aspect;

    for (kdm_elements(&it, aspects); kdm_element_next(&it, &aspect);) {
        const struct kdm_ms_type *type = type_of_aspect(world, aspect);
        struct kdm_val variables =
            type == NULL ? KDM_VAL_NONE : kdm_val_get(type->block, KDM_STR("variables"));

        if (type == NULL || is_dynamic(type))
            continue;
        kdm_json_put_name(buf, kdm_val_str(world->arena, kdm_val_get(aspect, KDM_STR("name"))));
        if (defaults) {
            kdm_buf_char(buf, '{');
            kdm_ms_put_defaults(world->arena, buf, variables);
            kdm_buf_char(buf, '}');
        } else {
            kdm_buf_lit(buf, "{\"properties\":{");
            kdm_ms_put_mappings(world->arena, buf, variables);
            kdm_buf_lit(buf, "}}");
        }
    }
}

static void put_measures(const struct kdm_ms_world *world, struct kdm_val aspects,
                         struct kdm_buf *buf)
{
    struct kdm_val_iter it;
    struct kdm_val aspect;

    for (kdm_elements(&it, aspects); kdm_element_next(&it, &aspect);) {
        const struct kdm_ms_type *type = type_of_aspect(world, aspect);

        if (type == NULL || !is_dynamic(type))
            continue;
        kdm_json_put_comma(buf);
        kdm_buf_lit(buf, "{\"name\":");
        kdm_buf_put(buf, kdm_val_text(kdm_val_get(aspect, KDM_STR("name"))));
        kdm_buf_lit(buf, ",\"type\":");
        kdm_json_put_str(buf, type->model->name);
        kdm_buf_char(buf, '}');
    }
}

struct kdm_str kdm_ms_model_source(const struct kdm_ms_world *world, struct kdm_str block,
                                   struct kdm_str model_name, struct kdm_str group)
{
    struct kdm_val val = kdm_json_parse(world->arena, block);
    struct kdm_val variables = kdm_val_get(val, KDM_STR("variables"));
    struct kdm_val aspects = kdm_val_get(val, KDM_STR("aspects"));
    struct kdm_buf buf;

    kdm_buf_init(&buf, world->arena, block.len * 2 + 512);
    kdm_buf_lit(&buf, "{\"type\":\"asset\",\"engineGroup\":");
    kdm_json_put_str(&buf, group);
    kdm_buf_lit(&buf, ",\"asset\":{\"model\":");
    kdm_json_put_str(&buf, model_name);
    kdm_buf_lit(&buf, ",\"metadataMappings\":{");
    kdm_ms_put_mappings(world->arena, &buf, variables);
    put_static_aspects(world, aspects, false, &buf);
    kdm_buf_lit(&buf, "},\"defaultMetadata\":{");
    kdm_ms_put_defaults(world->arena, &buf, variables);
    put_static_aspects(world, aspects, true, &buf);
    kdm_buf_lit(&buf, "},\"metadataDetails\":{},\"metadataGroups\":{},\"measures\":[");
    put_measures(world, aspects, &buf);
    kdm_buf_lit(&buf, "],\"tooltipModels\":{},\"locales\":{}},\"dialect\":{\"mindsphere\":");
    kdm_buf_put(&buf, block);
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

/* mindsphere_asset_body.c - bodies of assets: what is sent becomes an edit of the core's asset, or
 * errors that name each thing that is wrong. Pure functions.
 */
#include "dialect/mindsphere_asset.h"
#include "store/unicode.h"

#define NAME_LONGEST        128
#define DESCRIPTION_LONGEST 1024 /* the core's */
#define EXTERNAL_ID_LONGEST 255
#define MOST_NAMES          2000 /* variables or aspects of a body */
#define LOCATION_LONGEST    255

struct reader {
    struct kdm_ms_errors *errors;
    const struct kdm_ms_asset_read *read;
    struct kdm_ms_chain chain;
    struct kdm_val body;
    struct kdm_ms_index variables, aspects; /* of the body, by name */
    struct kdm_val old;                     /* the asset's `dialect`, or NONE */
};

static struct kdm_arena *arena_of(const struct reader *reader)
{
    return reader->errors->arena;
}

static struct kdm_val member(const struct reader *reader, const char *name)
{
    return kdm_val_get(reader->body, kdm_str_of(name));
}

/* --- single members ----------------------------------------------------------------------------
 */

/* A text or null, checked; none when absent or wrong. */
static struct kdm_str read_text(const struct reader *reader, const char *name, size_t most)
{
    struct kdm_val val = member(reader, name);
    struct kdm_str text = kdm_val_str(arena_of(reader), val);

    if (kdm_val_null(val) || (!kdm_str_none(text) && kdm_utf8_count(text) <= most))
        return text;
    kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                 "%s: a text of at most %zu characters is expected", name, most);
    return KDM_STR_NONE;
}

/* Its translations, which this door does not know, stay. */
static struct kdm_val read_name(const struct reader *reader)
{
    struct kdm_val locales = kdm_val_path(reader->old, KDM_STR("name.locales"));
    struct kdm_str name = read_text(reader, "name", NAME_LONGEST);
    struct kdm_buf buf;

    if (kdm_val_null(member(reader, "name")))
        kdm_ms_error(reader->errors, KDM_MS_MISSING_BODY, "name: it is needed");
    else if (name.len == 0)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "name: a text of 1 to 128 characters is expected");
    kdm_buf_init(&buf, arena_of(reader), name.len + 64);
    kdm_buf_lit(&buf, "{\"default\":");
    kdm_json_put_str(&buf, kdm_str_none(name) ? KDM_STR("") : name);
    kdm_buf_lit(&buf, ",\"locales\":");
    kdm_buf_put(&buf, kdm_val_null(locales) ? KDM_STR("{}") : kdm_val_text(locales));
    kdm_buf_char(&buf, '}');
    return kdm_json_parse(arena_of(reader), kdm_buf_str(&buf));
}

/* Type and parent are fixed once the asset is there: the same may be given again. */
static void check_fixed(const struct reader *reader, const char *name, struct kdm_str is)
{
    struct kdm_val given = member(reader, name);

    if (reader->read->asset != NULL && !kdm_val_null(given) && !kdm_val_str_eq(given, is))
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "%s: it can not be changed", name);
}

/* --- location ----------------------------------------------------------------------------------
 */

static void put_location_number(const struct reader *reader, struct kdm_val location,
                                const char *name, double most, struct kdm_buf *buf)
{
    struct kdm_val val = kdm_val_get(location, kdm_str_of(name));
    double number;

    if (kdm_val_null(val))
        return;
    if (!kdm_val_double(val, &number) || number < -most || number > most) {
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "location.%s: a number from -%.0f to %.0f is expected", name, most, most);
        return;
    }
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_put(buf, kdm_val_text(val));
}

static void put_location(const struct reader *reader, struct kdm_buf *buf)
{
    static const char *const texts[] = { "country", "region", "locality", "streetAddress",
                                         "postalCode" };
    struct kdm_val location = member(reader, "location");

    kdm_json_put_name(buf, KDM_STR("location"));
    if (kdm_val_type(location) != KDM_JSON_OBJECT) {
        if (!kdm_val_null(location))
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "location: an object is expected");
        kdm_buf_lit(buf, "null");
        return;
    }
    kdm_buf_char(buf, '{');
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct kdm_val val = kdm_val_get(location, kdm_str_of(texts[i]));
        struct kdm_str text = kdm_val_str(arena_of(reader), val);

        if (kdm_val_null(val))
            continue;
        if (kdm_str_none(text) || kdm_utf8_count(text) > LOCATION_LONGEST)
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                         "location.%s: a text of at most 255 characters is expected", texts[i]);
        kdm_json_put_name(buf, kdm_str_of(texts[i]));
        kdm_buf_put(buf, kdm_val_text(val));
    }
    put_location_number(reader, location, "longitude", 180, buf);
    put_location_number(reader, location, "latitude", 90, buf);
    kdm_buf_char(buf, '}');
}

/* --- variables ---------------------------------------------------------------------------------
 */

/* The value that the body has for a variable, as the core has it: null when it is not given. */
static struct kdm_str value_of(const struct reader *reader, const struct kdm_ms_index *given,
                               struct kdm_val variable, struct kdm_str name, const char *where)
{
    size_t count;
    const struct kdm_ms_entry *entry = kdm_ms_index_find(given, name, &count);
    struct kdm_val val = entry == NULL ? KDM_VAL_NONE : kdm_val_get(entry->val, KDM_STR("value"));
    struct kdm_str text;

    if (count > 1)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "%s." KDM_FMT ": it stands twice", where,
                     KDM_ARG(name));
    if (kdm_val_null(val))
        return KDM_STR("null");
    text = kdm_ms_value(arena_of(reader), variable, val);
    if (kdm_str_none(text))
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "%s." KDM_FMT ".value: a value of the dataType is expected", where,
                     KDM_ARG(name));
    return kdm_str_none(text) ? KDM_STR("null") : text;
}

/* Every variable of the list with its value, as members. */
static void put_values(const struct reader *reader, struct kdm_val variables,
                       const struct kdm_ms_index *given, const char *where, struct kdm_buf *buf)
{
    struct kdm_val_iter it;
    struct kdm_val variable;

    for (kdm_elements(&it, variables); kdm_element_next(&it, &variable);) {
        struct kdm_str name = kdm_val_str(arena_of(reader), kdm_val_get(variable, KDM_STR("name")));

        kdm_json_put_name(buf, name);
        kdm_buf_put(buf, value_of(reader, given, variable, name, where));
    }
}

/* The entries of the lists `member` of all the types of the chain; the core's have other names. */
static void index_chain(const struct reader *reader, const char *list_name,
                        struct kdm_ms_index *ret_index)
{
    struct kdm_val lists[KDM_MS_CHAIN_MAX];
    size_t count = 0;

    for (size_t i = 0; i < reader->chain.count; i++) {
        if (reader->chain.items[i]->model != NULL)
            lists[count++] = kdm_val_get(reader->chain.items[i]->block, kdm_str_of(list_name));
    }
    kdm_ms_index(arena_of(reader), lists, count, "name", ret_index);
}

static void check_names(const struct reader *reader, const char *list_name)
{
    struct kdm_val list = member(reader, list_name), entry;
    struct kdm_ms_index known;
    struct kdm_val_iter it;
    size_t at = 0;

    index_chain(reader, list_name, &known);
    for (kdm_ms_entries(&it, reader->errors, list_name, list, MOST_NAMES);
         kdm_element_next(&it, &entry); at++) {
        struct kdm_str name = kdm_val_str(arena_of(reader), kdm_val_get(entry, KDM_STR("name")));

        if (kdm_val_none(kdm_ms_index_get(&known, name)))
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                         "%s[%zu].name: the type has no such one", list_name, at);
    }
}

/* --- aspects -----------------------------------------------------------------------------------
 */

static void check_aspect_names(const struct reader *reader, struct kdm_val given,
                               struct kdm_val variables, struct kdm_str aspect)
{
    struct kdm_ms_index known;
    struct kdm_val_iter it;
    struct kdm_val entry;

    kdm_ms_index(arena_of(reader), &variables, 1, "name", &known);
    for (kdm_elements(&it, given); kdm_element_next(&it, &entry);) {
        struct kdm_str name = kdm_val_str(arena_of(reader), kdm_val_get(entry, KDM_STR("name")));

        if (kdm_val_none(kdm_ms_index_get(&known, name)))
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                         "aspects." KDM_FMT ": it has no variable " KDM_FMT, KDM_ARG(aspect),
                         KDM_ARG(kdm_str_none(name) ? KDM_STR("") : name));
    }
}

/* Values of static aspects are metadata; those of dynamic ones are measures, which come by other
 * ways than this door. */
static void put_aspect(const struct reader *reader, struct kdm_val aspect, struct kdm_buf *buf)
{
    struct kdm_arena *arena = arena_of(reader);
    struct kdm_str name = kdm_val_str(arena, kdm_val_get(aspect, KDM_STR("name")));
    const struct kdm_ms_type *type =
        kdm_ms_find(&reader->read->world->aspects,
                    kdm_val_str(arena, kdm_val_get(aspect, KDM_STR("aspectTypeId"))));
    size_t count;
    const struct kdm_ms_entry *entry = kdm_ms_index_find(&reader->aspects, name, &count);
    struct kdm_val given =
        entry == NULL ? KDM_VAL_NONE : kdm_val_get(entry->val, KDM_STR("variables"));
    struct kdm_ms_index values;
    struct kdm_val variables;

    if (count > 1)
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "aspects." KDM_FMT ": it stands twice",
                     KDM_ARG(name));
    if (type == NULL)
        return;
    if (kdm_val_str_eq(kdm_val_get(type->block, KDM_STR("category")), KDM_STR("dynamic"))) {
        if (kdm_val_count(given) > 0)
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                         "aspects." KDM_FMT ": variables of dynamic aspects have no fixed value",
                         KDM_ARG(name));
        return;
    }
    variables = kdm_val_get(type->block, KDM_STR("variables"));
    check_aspect_names(reader, given, variables, name);
    kdm_ms_index(arena, &given, 1, "name", &values);
    kdm_json_put_name(buf, name);
    kdm_buf_char(buf, '{');
    put_values(reader, variables, &values,
               kdm_arena_printf(arena, "aspects." KDM_FMT, KDM_ARG(name)).ptr, buf);
    kdm_buf_char(buf, '}');
}

static struct kdm_val read_metadata(const struct reader *reader)
{
    struct kdm_val_iter it;
    struct kdm_val aspect;
    struct kdm_buf buf;

    if (reader->read->type == NULL) /* which is told; without it nothing can be said of values */
        return KDM_VAL_NONE;
    check_names(reader, "variables");
    check_names(reader, "aspects");
    kdm_buf_init(&buf, arena_of(reader), 256);
    kdm_buf_char(&buf, '{');
    for (size_t i = 0; i < reader->chain.count; i++) {
        const struct kdm_ms_type *type = reader->chain.items[i];

        if (type->model == NULL)
            continue; /* what the core's types have are members of every asset */
        put_values(reader, kdm_val_get(type->block, KDM_STR("variables")), &reader->variables,
                   "variables", &buf);
        for (kdm_elements(&it, kdm_val_get(type->block, KDM_STR("aspects")));
             kdm_element_next(&it, &aspect);)
            put_aspect(reader, aspect, &buf);
    }
    kdm_buf_char(&buf, '}');
    return kdm_json_parse(arena_of(reader), kdm_buf_str(&buf));
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static struct kdm_str twin_of(const struct reader *reader)
{
    struct kdm_val given = member(reader, "twinType");
    struct kdm_str old =
        kdm_val_str(arena_of(reader), kdm_val_get(reader->old, KDM_STR("twinType")));

    if (kdm_val_str_eq(given, KDM_STR("simulation")))
        return KDM_STR("simulation");
    if (!kdm_val_null(given) && !kdm_val_str_eq(given, KDM_STR("performance")))
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                     "twinType: performance or simulation is expected");
    return kdm_val_null(given) && !kdm_str_none(old) ? old : KDM_STR("performance");
}

/* The members of `dialect` that are this door's. */
static struct kdm_val read_dialect(const struct reader *reader)
{
    const struct kdm_ms_asset *asset = reader->read->asset;
    struct kdm_str external = read_text(reader, "externalId", EXTERNAL_ID_LONGEST);
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena_of(reader), 512);
    kdm_buf_printf(&buf, "{\"etag\":%lld", asset == NULL ? 0LL : (long long)asset->etag + 1);
    if (asset == NULL)
        kdm_ms_put_text(&buf, "parentId",
                        kdm_val_str(arena_of(reader), member(reader, "parentId")));
    kdm_ms_put_text(&buf, "externalId", external);
    kdm_ms_put_text(&buf, "twinType", twin_of(reader));
    put_location(reader, &buf);
    kdm_json_put_name(&buf, KDM_STR("fileAssignments"));
    kdm_buf_put(&buf, kdm_ms_read_assignments(reader->errors, member(reader, "fileAssignments")));
    kdm_buf_char(&buf, '}');
    return kdm_json_parse(arena_of(reader), kdm_buf_str(&buf));
}

static struct kdm_str parent_of(const struct reader *reader)
{
    struct kdm_str parent =
        kdm_val_str(arena_of(reader), kdm_val_get(reader->old, KDM_STR("parentId")));

    return kdm_str_none(parent) ? kdm_ms_root_id(arena_of(reader), reader->read->caller->tenant)
                                : parent;
}

static void index_body(struct reader *reader)
{
    struct kdm_val variables = member(reader, "variables"), aspects = member(reader, "aspects");

    kdm_ms_index(arena_of(reader), &variables, 1, "name", &reader->variables);
    kdm_ms_index(arena_of(reader), &aspects, 1, "name", &reader->aspects);
}

void kdm_ms_read_asset(struct kdm_ms_errors *errors, const struct kdm_ms_asset_read *read,
                       struct kdm_val body, struct kdm_dm_edit *ret_edit)
{
    struct reader reader = { .errors = errors, .read = read, .body = body };

    if (read->asset != NULL)
        reader.old = kdm_val_get(read->asset->source, KDM_STR("dialect"));
    if (read->type != NULL)
        kdm_ms_chain(read->world, read->type, &reader.chain);
    index_body(&reader);
    if (read->type != NULL)
        check_fixed(&reader, "typeId", read->type->id);
    check_fixed(&reader, "parentId", parent_of(&reader));
    read_text(&reader, "description", DESCRIPTION_LONGEST);
    *ret_edit = (struct kdm_dm_edit){ .metadata = read_metadata(&reader),
                                      .merges = true,
                                      .dialect = read_dialect(&reader),
                                      .identity = {
                                          .whole = true,
                                          .name = read_name(&reader),
                                          .description = kdm_val_get(body, KDM_STR("description")),
                                          .timezone = kdm_val_get(body, KDM_STR("timezone")),
                                          /* What this door does not know stays. */
                                          .tags = kdm_val_get(reader.old, KDM_STR("tags")) } };
}

/* specification.c - reading specifications, and all that may be wrong with them.
 * Fields are declared flat, by paths ("a/b/c") in any order; here they become a tree, parents
 * before their children.
 */
#include "action/kuzzle/specification_private.h"
#include <stdlib.h>

#define MAX_FIELDS     1000
#define MAX_ERRORS     100
#define MAX_CONDITIONS 1000 /* of all validators */

void kdm_spec_error(struct kdm_spec_reader *reader, enum kdm_err err, const struct kdm_str *props,
                    size_t prop_count)
{
    struct kdm_failure failure;

    if (reader->errors.count == MAX_ERRORS)
        return;
    kdm_failure_set(&failure, reader->arena, err, props, prop_count);
    if (reader->errors.items == NULL)
        reader->errors.items = kdm_arena_alloc(reader->arena, MAX_ERRORS * sizeof(struct kdm_str));
    reader->errors.items[reader->errors.count++] = failure.message;
}

static void wrong_type(struct kdm_spec_reader *reader, struct kdm_str place, const char *expected)
{
    kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_INVALID_TYPE,
                   KDM_PROPS(place, kdm_str_of(expected)));
}

/* Every member of `object` must be one of `allowed` ("a,b"). */
static void check_names(struct kdm_spec_reader *reader, struct kdm_val object, struct kdm_str place,
                        const char *allowed)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        if (kdm_spec_listed(allowed, kdm_val_str(reader->arena, name)))
            continue;
        kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_UNEXPECTED_PROPERTIES,
                       KDM_PROPS(place, kdm_str_of(*allowed == '\0' ? "none" : allowed)));
        return;
    }
}

static struct kdm_str below(struct kdm_spec_reader *reader, struct kdm_str place, const char *name)
{
    return kdm_arena_printf(reader->arena, KDM_FMT ".%s", KDM_ARG(place), name);
}

static bool read_flag(struct kdm_spec_reader *reader, struct kdm_val object, struct kdm_str place,
                      const char *name)
{
    enum kdm_json_type type = kdm_val_type(kdm_val_get(object, kdm_str_of(name)));

    if (type > KDM_JSON_NULL && type != KDM_JSON_TRUE && type != KDM_JSON_FALSE)
        wrong_type(reader, below(reader, place, name), "boolean");
    return type == KDM_JSON_TRUE;
}

/* --- one field ----------------------------------------------------------------------------- */

static int64_t read_count(struct kdm_spec_reader *reader, const struct kdm_spec_field *field,
                          struct kdm_val several, const char *name)
{
    struct kdm_val val = kdm_val_get(several, kdm_str_of(name));
    struct kdm_str place = kdm_arena_printf(reader->arena, "multivalued.%s", name);
    int64_t count;

    if (kdm_val_none(val))
        return -1;
    if (!kdm_val_int64(val, &count) || count < 0) {
        wrong_type(reader, below(reader, field->path, place.ptr), "integer");
        return -1;
    }
    if (!field->multivalued)
        kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_NOT_MULTIVALUED,
                       KDM_PROPS(field->path, kdm_str_of(name)));
    return count;
}

static void read_several(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                         struct kdm_val several)
{
    struct kdm_str place = below(reader, field->path, "multivalued");

    field->min_count = field->max_count = -1;
    if (kdm_val_none(several))
        return;
    if (kdm_val_type(several) != KDM_JSON_OBJECT) {
        wrong_type(reader, place, "object");
        return;
    }
    check_names(reader, several, place, "value,minCount,maxCount");
    if (kdm_val_none(kdm_val_get(several, KDM_STR("value"))))
        kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_MISSING_VALUE, KDM_PROPS(place));
    field->multivalued = read_flag(reader, several, place, "value");
    field->min_count = read_count(reader, field, several, "minCount");
    field->max_count = read_count(reader, field, several, "maxCount");
    if (field->max_count >= 0 && field->min_count > field->max_count)
        kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_INVALID_RANGE,
                       KDM_PROPS(place, kdm_val_text(kdm_val_get(several, KDM_STR("minCount"))),
                                 kdm_val_text(kdm_val_get(several, KDM_STR("maxCount")))));
}

static const struct kdm_spec_type *read_type(struct kdm_spec_reader *reader, struct kdm_str path,
                                             struct kdm_val definition)
{
    struct kdm_val val = kdm_val_get(definition, KDM_STR("type"));
    struct kdm_str name = kdm_val_str(reader->arena, val);
    const struct kdm_spec_type *type;

    if (kdm_val_null(val)) {
        kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_MISSING_TYPE, KDM_PROPS(path));
        return NULL;
    }
    type = kdm_str_none(name) ? NULL : kdm_spec_type_find(name);
    if (type == NULL)
        kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_UNKNOWN_TYPE,
                       KDM_PROPS(path, kdm_str_none(name) ? kdm_val_text(val) : name));
    return type;
}

static void read_options(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                         struct kdm_val options)
{
    struct kdm_str place = below(reader, field->path, "typeOptions");

    if (!kdm_val_none(options) && kdm_val_type(options) != KDM_JSON_OBJECT) {
        wrong_type(reader, place, "object");
        return;
    }
    check_names(reader, options, place, field->type->options);
    if (field->type->read != NULL)
        field->type->read(reader, field, options);
}

/* Fills all but its place in the tree. NULL: it has no type. */
static struct kdm_spec_field *read_field(struct kdm_spec_reader *reader, struct kdm_str path,
                                         struct kdm_val definition)
{
    struct kdm_spec_field *field = kdm_arena_zalloc(reader->arena, sizeof(*field));
    struct kdm_val fallback = kdm_val_get(definition, KDM_STR("defaultValue"));

    field->path = path;
    field->children_end = &field->children;
    field->shapes = KDM_SPEC_ALL_SHAPES;
    if (kdm_val_type(definition) != KDM_JSON_OBJECT) {
        wrong_type(reader, path, "object");
        return NULL;
    }
    check_names(reader, definition, path,
                "mandatory,type,defaultValue,description,multivalued,typeOptions");
    field->type = read_type(reader, path, definition);
    if (field->type == NULL)
        return NULL;
    field->mandatory = read_flag(reader, definition, path, "mandatory");
    read_several(reader, field, kdm_val_get(definition, KDM_STR("multivalued")));
    read_options(reader, field, kdm_val_get(definition, KDM_STR("typeOptions")));
    if (!kdm_val_null(fallback))
        field->fallback = kdm_json_canonical(reader->arena, fallback);
    return field;
}

/* --- the tree ------------------------------------------------------------------------------ */

struct kdm_spec_field *kdm_spec_child(const struct kdm_spec_field *field, struct kdm_str name)
{
    struct kdm_spec_field *child = field->children;

    while (child != NULL && !kdm_str_eq(child->name, name))
        child = child->next;
    return child;
}

static size_t depth_of(struct kdm_str path)
{
    size_t depth = 0;

    for (size_t i = 0; i < path.len; i++)
        depth += path.ptr[i] == '/';
    return depth;
}

/* The next part of a path, taken from its front. */
static struct kdm_str take_part(struct kdm_str *path)
{
    const char *slash = memchr(path->ptr, '/', path->len);
    struct kdm_str part = { path->ptr, slash == NULL ? path->len : (size_t)(slash - path->ptr) };

    *path = slash == NULL ? KDM_STR_NONE : kdm_str_from(*path, part.len + 1);
    return part;
}

static struct kdm_str dotted(struct kdm_arena *arena, struct kdm_str path)
{
    char *text = kdm_arena_alloc(arena, path.len + 1);

    for (size_t i = 0; i < path.len; i++)
        text[i] = path.ptr[i] == '/' ? '.' : path.ptr[i];
    return (struct kdm_str){ text, path.len };
}

/* Every level of the path must be there already, and be an object. */
static bool find_parent(struct kdm_spec_reader *reader, struct kdm_spec *spec, struct kdm_str path,
                        struct kdm_spec_field **ret_parent, struct kdm_str *ret_name)
{
    struct kdm_str rest = path;
    struct kdm_spec_field *parent = &spec->root;

    *ret_name = take_part(&rest);
    while (!kdm_str_none(rest)) {
        parent = kdm_spec_child(parent, *ret_name);
        if (parent == NULL) {
            kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_MISSING_PARENT,
                           KDM_PROPS(dotted(reader->arena, path)));
            return false;
        }
        if (!parent->type->has_children) {
            kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_UNEXPECTED_CHILDREN,
                           KDM_PROPS(kdm_str_of(parent->type->name)));
            return false;
        }
        *ret_name = take_part(&rest);
    }
    *ret_parent = parent;
    return true;
}

/* Tells those above that there is something to fill in below them. */
static void note_default(struct kdm_spec *spec, struct kdm_str path)
{
    struct kdm_spec_field *field = &spec->root;

    while (field != NULL) {
        field->fills = true;
        field = kdm_str_none(path) ? NULL : kdm_spec_child(field, take_part(&path));
    }
}

static void add_field(struct kdm_spec_reader *reader, struct kdm_spec *spec, struct kdm_str path,
                      struct kdm_val definition)
{
    struct kdm_spec_field *field = read_field(reader, dotted(reader->arena, path), definition);
    struct kdm_spec_field *parent;
    struct kdm_str name;

    if (field == NULL || !find_parent(reader, spec, path, &parent, &name))
        return;
    field->name = name;
    *parent->children_end = field;
    parent->children_end = &field->next;
    if (!kdm_str_none(field->fallback))
        note_default(spec, path);
}

struct entry {
    struct kdm_str path;
    struct kdm_val definition;
    size_t depth, number;
};

static int by_depth(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    if (left->depth != right->depth)
        return left->depth < right->depth ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

static void read_fields(struct kdm_spec_reader *reader, struct kdm_spec *spec,
                        struct kdm_val fields)
{
    size_t count = 0;
    struct entry *entries;
    struct kdm_val_iter it;
    struct kdm_val name, definition;

    if (kdm_val_null(fields))
        return;
    if (kdm_val_type(fields) != KDM_JSON_OBJECT || kdm_val_count(fields) > MAX_FIELDS) {
        wrong_type(reader, KDM_STR("fields"), "object of at most 1000 fields");
        return;
    }
    entries = kdm_arena_alloc(reader->arena, (kdm_val_count(fields) + 1) * sizeof(*entries));
    for (kdm_members(&it, fields); kdm_member_next(&it, &name, &definition); count++) {
        struct kdm_str path = kdm_val_str(reader->arena, name);

        entries[count] = (struct entry){ path, definition, depth_of(path), count };
    }
    qsort(entries, count, sizeof(*entries), by_depth);
    for (size_t i = 0; i < count; i++)
        add_field(reader, spec, entries[i].path, entries[i].definition);
}

/* --- all of it ----------------------------------------------------------------------------- */

/* All of them must match: one filter. */
static void read_validators(struct kdm_spec_reader *reader, struct kdm_spec *spec,
                            struct kdm_val validators)
{
    struct kdm_failure failure;
    struct kdm_query_parser parser = { .arena = reader->arena, .failure = &failure };
    struct kdm_buf both;

    if (kdm_val_null(validators))
        return;
    if (kdm_val_type(validators) != KDM_JSON_ARRAY) {
        wrong_type(reader, KDM_STR("validators"), "array");
        return;
    }
    if (kdm_val_count(validators) == 0)
        return;
    kdm_buf_init(&both, reader->arena, kdm_val_text(validators).len + 16);
    kdm_buf_lit(&both, "{\"and\":");
    kdm_buf_put(&both, kdm_json_canonical(reader->arena, validators));
    kdm_buf_char(&both, '}');
    spec->filter = kdm_query_parse_filter(
        &parser, kdm_json_parse(reader->arena, kdm_buf_str(&both)), MAX_CONDITIONS);
    if (spec->filter == NULL)
        kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_INVALID_FILTERS,
                       KDM_PROPS(failure.message));
}

const struct kdm_spec *kdm_spec_create(struct kdm_arena *arena, struct kdm_val definition,
                                       struct kdm_str_list *ret_errors)
{
    struct kdm_spec_reader reader = { .arena = arena };
    struct kdm_spec *spec = kdm_arena_zalloc(arena, sizeof(*spec));
    struct kdm_str place = KDM_STR("specifications");

    spec->root.type = kdm_spec_type_find(KDM_STR("object"));
    spec->root.children_end = &spec->root.children;
    check_names(&reader, definition, place, "strict,fields,validators");
    spec->root.strict = read_flag(&reader, definition, place, "strict");
    read_fields(&reader, spec, kdm_val_get(definition, KDM_STR("fields")));
    read_validators(&reader, spec, kdm_val_get(definition, KDM_STR("validators")));
    *ret_errors = reader.errors;
    return reader.errors.count == 0 ? spec : NULL;
}

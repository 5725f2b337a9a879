/* mapping_infer.c - the fields that a document brings to a dynamic mapping.
 * Collected in a small tree first, because a field may come several times (an array of objects) and
 * counts once: the first value that tells a type decides, as with Elasticsearch.
 */
#include "store/mapping_internal.h"

#define MAX_ADDITIONS 1000 /* new fields of one document */
#define MAX_LEVELS    20   /* objects within objects that a document may bring */

struct addition {
    struct kdm_str name;
    struct kdm_str definition; /* of a leaf; none: an object */
    bool nested;               /* an object that is mapped so already */
    bool mapped;               /* is there already: written only for what is new below it */
    struct addition *first, **last, *next;
};

struct inference {
    struct kdm_arena *arena;
    struct kdm_failure *failure;
    size_t count;
};

static bool infer_member(struct inference *inference, const struct kdm_field *object,
                         struct addition *into, struct kdm_str name, struct kdm_val value,
                         int level);
static bool infer_members(struct inference *inference, const struct kdm_field *object,
                          struct addition *into, struct kdm_val value, int level);

static bool refuse(struct inference *inference, struct kdm_str text)
{
    kdm_failure_set(inference->failure, inference->arena,
                    KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, KDM_PROPS(text));
    return false;
}

static struct addition *find_addition(struct addition *into, struct kdm_str name)
{
    for (struct addition *at = into->first; at != NULL; at = at->next)
        if (kdm_str_eq(at->name, name))
            return at;
    return NULL;
}

/* NULL: there are too many. */
static struct addition *get_addition(struct inference *inference, struct addition *into,
                                     struct kdm_str name)
{
    struct addition *found = find_addition(into, name);

    if (found != NULL)
        return found;
    if (++inference->count > MAX_ADDITIONS) {
        refuse(inference, KDM_STR("The document has too many fields that are not mapped yet."));
        return NULL;
    }
    found = kdm_arena_zalloc(inference->arena, sizeof(*found));
    found->name = name;
    found->last = &found->first;
    *into->last = found;
    into->last = &found->next;
    return found;
}

static struct kdm_str definition_of(struct kdm_arena *arena, struct kdm_val scalar)
{
    switch (kdm_val_type(scalar)) {
    case KDM_JSON_TRUE:
    case KDM_JSON_FALSE:
        return KDM_STR("{\"type\":\"boolean\"}");
    case KDM_JSON_NUMBER: {
        bool whole = (kdm_val_node(scalar)->flags & KDM_JSON_INTEGER) != 0;
        int64_t ignored;

        return whole && kdm_val_int64(scalar, &ignored) ? KDM_STR("{\"type\":\"long\"}")
                                                        : KDM_STR("{\"type\":\"float\"}");
    }
    default:
        if (kdm_date_detect(kdm_val_str(arena, scalar)))
            return KDM_STR("{\"type\":\"date\"}");
        return KDM_STR("{\"type\":\"text\",\"fields\":{\"keyword\":"
                       "{\"type\":\"keyword\",\"ignore_above\":256}}}");
    }
}

/* A value that no field is mapped for yet, under `name` in `into`. */
static bool infer_new(struct inference *inference, struct addition *into, struct kdm_str name,
                      struct kdm_val value, int level)
{
    struct addition *addition;
    struct kdm_val_iter it;
    struct kdm_val element;

    switch (kdm_val_type(value)) {
    case KDM_JSON_NONE:
    case KDM_JSON_NULL:
        return true;
    case KDM_JSON_ARRAY:
        for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
            if (!infer_new(inference, into, name, element, level))
                return false;
        return true;
    case KDM_JSON_OBJECT:
        addition = get_addition(inference, into, name);
        if (addition == NULL)
            return false;
        /* A leaf already: the check against the extended mapping will say so. */
        return !kdm_str_none(addition->definition)
               || infer_members(inference, NULL, addition, value, level + 1);
    default:
        if (find_addition(into, name) != NULL)
            return true;
        addition = get_addition(inference, into, name);
        if (addition != NULL)
            addition->definition = definition_of(inference->arena, value);
        return addition != NULL;
    }
}

/* Into an object that is mapped: only what is new below it counts. */
static bool infer_mapped(struct inference *inference, const struct kdm_field *child,
                         struct addition *into, struct kdm_val value, int level)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    if (kdm_val_type(value) == KDM_JSON_OBJECT)
        return infer_members(inference, child, into, value, level + 1);
    for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
        if (!infer_mapped(inference, child, into, element, level))
            return false;
    return true;
}

static struct addition *enter_mapped(struct inference *inference, const struct kdm_field *child,
                                     struct addition *into)
{
    struct addition *addition = get_addition(inference, into, child->name);

    if (addition == NULL)
        return NULL;
    addition->mapped = true;
    addition->nested = child->type == KDM_FIELD_NESTED;
    return addition;
}

static bool is_open_object(const struct kdm_field *field)
{
    return (field->type == KDM_FIELD_OBJECT || field->type == KDM_FIELD_NESTED) && field->enabled;
}

/* `object` NULL: it is new itself. */
static bool infer_member(struct inference *inference, const struct kdm_field *object,
                         struct addition *into, struct kdm_str name, struct kdm_val value,
                         int level)
{
    const struct kdm_field *child = object == NULL ? NULL : kdm_field_child(object, name);
    const char *dot = name.len == 0 ? NULL : memchr(name.ptr, '.', name.len);
    struct kdm_str head = { name.ptr, dot == NULL ? name.len : (size_t)(dot - name.ptr) };
    struct addition *addition;

    if (level > MAX_LEVELS)
        return refuse(inference, KDM_STR("The document's objects lie too deep to be mapped."));
    if (child == NULL && object != NULL)
        child = kdm_field_child(object, head);
    if (child == NULL && object != NULL && object->dynamic != KDM_DYNAMIC_TRUE)
        return true;
    if (child != NULL && !is_open_object(child))
        return true;
    if (child == NULL && dot == NULL)
        return head.len == 0 ? refuse(inference, KDM_STR("A field's name can't be empty."))
                             : infer_new(inference, into, head, value, level);
    if (child == NULL && (head.len == 0 || head.len + 1 == name.len))
        return refuse(inference, KDM_STR("A field's name can't begin or end with a dot."));
    addition =
        child != NULL ? enter_mapped(inference, child, into) : get_addition(inference, into, head);
    if (addition == NULL || !kdm_str_none(addition->definition))
        return addition != NULL;
    if (dot == NULL || (child != NULL && child->name.len == name.len))
        return infer_mapped(inference, child, addition, value, level);
    return infer_member(inference, child, addition, kdm_str_from(name, head.len + 1), value,
                        level + 1);
}

static bool infer_members(struct inference *inference, const struct kdm_field *object,
                          struct addition *into, struct kdm_val value, int level)
{
    struct kdm_val_iter it;
    struct kdm_val name, member;

    for (kdm_members(&it, value); kdm_member_next(&it, &name, &member);)
        if (!infer_member(inference, object, into, kdm_val_str(inference->arena, name), member,
                          level))
            return false;
    return true;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Has it anything to say: is it new, or is something below it? */
static bool speaks(const struct addition *addition)
{
    if (!addition->mapped)
        return true;
    for (const struct addition *at = addition->first; at != NULL; at = at->next)
        if (speaks(at))
            return true;
    return false;
}

static void put_properties(const struct addition *of, struct kdm_buf *buf);

static void put_addition(const struct addition *addition, struct kdm_buf *buf)
{
    if (!kdm_str_none(addition->definition)) {
        kdm_buf_put(buf, addition->definition);
        return;
    }
    kdm_buf_char(buf, '{');
    if (addition->nested)
        kdm_buf_lit(buf, "\"type\":\"nested\",");
    else if (addition->first == NULL)
        kdm_buf_lit(buf, "\"type\":\"object\",");
    put_properties(addition, buf);
    kdm_buf_char(buf, '}');
}

static void put_properties(const struct addition *of, struct kdm_buf *buf)
{
    kdm_buf_lit(buf, "\"properties\":{");
    for (const struct addition *at = of->first; at != NULL; at = at->next) {
        if (!speaks(at))
            continue;
        kdm_json_put_name(buf, at->name);
        put_addition(at, buf);
    }
    kdm_buf_char(buf, '}');
}

bool kdm_mapping_infer(const struct kdm_mapping *mapping, struct kdm_arena *arena,
                       struct kdm_val document, struct kdm_str *ret_text,
                       struct kdm_failure *ret_failure)
{
    struct inference inference = { .arena = arena, .failure = ret_failure };
    const struct kdm_field *root = kdm_mapping_root(mapping);
    struct addition all = { .mapped = true, .last = NULL };
    struct kdm_val_iter it;
    struct kdm_val name, value;
    struct kdm_buf buf;

    all.last = &all.first;
    for (kdm_members(&it, document); kdm_member_next(&it, &name, &value);) {
        struct kdm_str text = kdm_val_str(arena, name);

        if (kdm_str_eq(text, KDM_KUZZLE_INFO_NAME))
            continue;
        if (!infer_member(&inference, root, &all, text, value, 1))
            return false;
    }
    kdm_buf_init(&buf, arena, 256);
    kdm_buf_char(&buf, '{');
    put_properties(&all, &buf);
    kdm_buf_char(&buf, '}');
    *ret_text = kdm_buf_str(&buf);
    return true;
}

/* specification_check.c - documents against specifications. */
#include "action/kuzzle/specification_private.h"

/* --- checking ------------------------------------------------------------------------------ */

struct checker {
    struct kdm_arena *arena;
    const struct kdm_spec *spec;
    int64_t now_ms;
    bool all;
    struct kdm_spec_report *report;
};

static bool known(const struct checker *checker, const struct kdm_spec_field *field,
                  const char *message)
{
    for (size_t i = 0; i < checker->report->count; i++) {
        const struct kdm_spec_finding *finding = &checker->report->items[i];

        if (finding->field == field && kdm_str_eq(finding->message, kdm_str_of(message)))
            return true;
    }
    return false;
}

/* Returns false, so that a check can end with it. The same about several values is said once. */
static bool found(struct checker *checker, const struct kdm_spec_field *field, const char *message)
{
    struct kdm_spec_report *report = checker->report;

    if (report->items == NULL)
        report->items =
            kdm_arena_alloc(checker->arena, KDM_SPEC_MAX_FINDINGS * sizeof(*report->items));
    if (report->count < KDM_SPEC_MAX_FINDINGS && !known(checker, field, message))
        report->items[report->count++] =
            (struct kdm_spec_finding){ .field = field == &checker->spec->root ? NULL : field,
                                       .message = kdm_str_of(message) };
    return false;
}

static bool over(const struct checker *checker)
{
    return checker->report->count > 0
           && (!checker->all || checker->report->count == KDM_SPEC_MAX_FINDINGS);
}

static bool check_members(struct checker *checker, const struct kdm_spec_field *field,
                          struct kdm_val object);

static bool check_value(struct checker *checker, const struct kdm_spec_field *field,
                        struct kdm_val val)
{
    struct kdm_spec_value value = { .arena = checker->arena,
                                    .val = val,
                                    .now_ms = checker->now_ms };
    const char *message;

    if (kdm_val_type(val) == KDM_JSON_ARRAY && !field->type->takes_arrays)
        return found(checker, field, "The field can't have several values.");
    message = field->type->refuse(field, &value);
    if (message != NULL)
        return found(checker, field, message);
    return !field->type->has_children || check_members(checker, field, val);
}

static bool check_values(struct checker *checker, const struct kdm_spec_field *field,
                         struct kdm_val val)
{
    bool good = true;
    struct kdm_val_iter it;
    struct kdm_val item;

    if (kdm_val_type(val) != KDM_JSON_ARRAY)
        return found(checker, field, "The field must be an array of values.");
    if (field->min_count > (int64_t)kdm_val_count(val))
        return found(checker, field, "The field has too few values.");
    if (field->max_count >= 0 && field->max_count < (int64_t)kdm_val_count(val))
        return found(checker, field, "The field has too many values.");
    for (kdm_elements(&it, val); !over(checker) && kdm_element_next(&it, &item);)
        good = check_value(checker, field, item) && good;
    return good;
}

/* What a strict object may not have. The document's own _kuzzle_info is the server's. */
static bool has_strangers(const struct checker *checker, const struct kdm_spec_field *field,
                          struct kdm_val object)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        struct kdm_str text = kdm_val_str(checker->arena, name);

        if (field == &checker->spec->root && kdm_str_eq(text, KDM_STR("_kuzzle_info")))
            continue;
        if (kdm_spec_child(field, text) == NULL)
            return true;
    }
    return false;
}

static bool check_members(struct checker *checker, const struct kdm_spec_field *field,
                          struct kdm_val object)
{
    bool good = true;

    if (field->strict && has_strangers(checker, field, object))
        good = found(checker, field,
                     "The specifications are strict: there are fields that they do "
                     "not declare.");
    for (const struct kdm_spec_field *child = field->children; child != NULL && !over(checker);
         child = child->next) {
        struct kdm_val val = kdm_val_get(object, child->name);

        if (!kdm_val_null(val))
            good = (child->multivalued ? check_values(checker, child, val)
                                       : check_value(checker, child, val))
                   && good;
        else if (child->mandatory)
            good = found(checker, child, "The field is mandatory.");
    }
    return good;
}

static bool passes_filter(struct checker *checker, struct kdm_str id, struct kdm_val source)
{
    struct kdm_query_document document = { .id = id, .source = source };
    const struct kdm_query *too_costly = NULL;

    return kdm_query_match(checker->spec->filter, checker->arena, &document, NULL, &too_costly)
           && too_costly == NULL;
}

bool kdm_spec_check(struct kdm_arena *arena, const struct kdm_spec *spec, struct kdm_str id,
                    struct kdm_val source, int64_t now_ms, bool all,
                    struct kdm_spec_report *ret_report)
{
    struct checker checker = { arena, spec, now_ms, all, ret_report };
    bool good;

    *ret_report = (struct kdm_spec_report){ .count = 0 };
    good = check_members(&checker, &spec->root, source);
    if (spec->filter != NULL && !over(&checker) && !passes_filter(&checker, id, source))
        good = found(&checker, &spec->root, "The document does not match the validators.");
    return good;
}

/* --- telling it ---------------------------------------------------------------------------- */

void kdm_spec_failure(struct kdm_arena *arena, const struct kdm_spec_report *report,
                      struct kdm_failure *ret_failure)
{
    const struct kdm_spec_finding *first = &report->items[0];

    if (first->field == NULL)
        kdm_failure_set(ret_failure, arena, KDM_ERR_VALIDATION_CHECK_FAILED_DOCUMENT,
                        KDM_PROPS(first->message));
    else
        kdm_failure_set(ret_failure, arena, KDM_ERR_VALIDATION_CHECK_FAILED_FIELD,
                        KDM_PROPS(first->field->path, first->message));
}

/* `name`:[..] of all that was found about the field itself; nothing when nothing was. */
static void put_messages(struct kdm_buf *buf, struct kdm_str name,
                         const struct kdm_spec_report *report, const struct kdm_spec_field *field)
{
    bool any = false;

    for (size_t i = 0; i < report->count; i++) {
        if (report->items[i].field != field)
            continue;
        if (!any)
            kdm_json_put_name(buf, name);
        kdm_buf_char(buf, any ? ',' : '[');
        kdm_json_put_str(buf, report->items[i].message);
        any = true;
    }
    if (any)
        kdm_buf_char(buf, ']');
}

/* Was anything found about the field or one below it? */
static bool concerned(const struct kdm_spec_report *report, const struct kdm_spec_field *field)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->items[i].field == field)
            return true;
    for (const struct kdm_spec_field *child = field->children; child != NULL; child = child->next)
        if (concerned(report, child))
            return true;
    return false;
}

/* "children":{..} of those that are concerned; nothing when none is. */
static void put_children(struct kdm_buf *buf, const struct kdm_spec_report *report,
                         const struct kdm_spec_field *field)
{
    bool any = false;

    for (const struct kdm_spec_field *child = field->children; child != NULL; child = child->next) {
        if (!concerned(report, child))
            continue;
        if (!any) {
            kdm_json_put_name(buf, KDM_STR("children"));
            kdm_buf_char(buf, '{');
        }
        any = true;
        kdm_json_put_name(buf, child->name);
        kdm_buf_char(buf, '{');
        put_messages(buf, KDM_STR("messages"), report, child);
        put_children(buf, report, child);
        kdm_buf_char(buf, '}');
    }
    if (any)
        kdm_buf_char(buf, '}');
}

static bool concerns_fields(const struct kdm_spec_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->items[i].field != NULL)
            return true;
    return false;
}

void kdm_spec_put_report(struct kdm_buf *buf, const struct kdm_spec *spec,
                         const struct kdm_spec_report *report)
{
    kdm_buf_char(buf, '{');
    put_messages(buf, KDM_STR("documentScope"), report, NULL);
    if (concerns_fields(report)) {
        kdm_json_put_name(buf, KDM_STR("fieldScope"));
        kdm_buf_char(buf, '{');
        put_children(buf, report, &spec->root);
        kdm_buf_char(buf, '}');
    }
    kdm_buf_char(buf, '}');
}

/* --- defaults ------------------------------------------------------------------------------ */

static void put_object(struct kdm_buf *buf, const struct kdm_spec_field *field,
                       struct kdm_val object, struct kdm_arena *arena);

static void put_value(struct kdm_buf *buf, const struct kdm_spec_field *field, struct kdm_val val,
                      struct kdm_arena *arena)
{
    struct kdm_val_iter it;
    struct kdm_val item;
    char before = '[';

    if (field != NULL && field->fills && kdm_val_type(val) == KDM_JSON_OBJECT) {
        put_object(buf, field, val, arena);
    } else if (field != NULL && field->fills && kdm_val_type(val) == KDM_JSON_ARRAY
               && kdm_val_count(val) > 0) {
        for (kdm_elements(&it, val); kdm_element_next(&it, &item); before = ',') {
            kdm_buf_char(buf, before);
            put_value(buf, field, item, arena);
        }
        kdm_buf_char(buf, ']');
    } else if (field != NULL && kdm_val_null(val) && !kdm_str_none(field->fallback)) {
        kdm_buf_put(buf, field->fallback);
    } else {
        kdm_buf_put(buf, kdm_val_text(val));
    }
}

static void put_object(struct kdm_buf *buf, const struct kdm_spec_field *field,
                       struct kdm_val object, struct kdm_arena *arena)
{
    struct kdm_val_iter it;
    struct kdm_val name, val;

    kdm_buf_char(buf, '{');
    for (kdm_members(&it, object); kdm_member_next(&it, &name, &val);) {
        struct kdm_str text = kdm_val_str(arena, name);

        kdm_json_put_name(buf, text);
        put_value(buf, kdm_spec_child(field, text), val, arena);
    }
    for (const struct kdm_spec_field *child = field->children; child != NULL; child = child->next) {
        if (kdm_str_none(child->fallback) || !kdm_val_none(kdm_val_get(object, child->name)))
            continue;
        kdm_json_put_name(buf, child->name);
        kdm_buf_put(buf, child->fallback);
    }
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_spec_fill(struct kdm_arena *arena, const struct kdm_spec *spec,
                             struct kdm_val source)
{
    struct kdm_str canonical = kdm_json_canonical(arena, source);
    struct kdm_buf buf;

    if (!spec->root.fills)
        return canonical;
    kdm_buf_init(&buf, arena, canonical.len + 128);
    put_object(&buf, &spec->root, kdm_json_parse(arena, canonical), arena);
    return kdm_buf_str(&buf);
}

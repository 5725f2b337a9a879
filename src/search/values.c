/* values.c - see values.h. */
#include "search/values.h"

struct walk {
    struct kdm_arena *scratch;
    bool pairs;
    kdm_value_fn *fn;
    void *ctx;
};

static bool walk_value(const struct walk *walk, struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    if (kdm_val_type(value) != KDM_JSON_ARRAY || (walk->pairs && kdm_geo_is_pair(value)))
        return walk->fn(walk->ctx, value);
    for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
        if (walk_value(walk, element))
            return true;
    return false;
}

static bool walk_path(const struct walk *walk, struct kdm_val at, struct kdm_str path)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(at) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, at); kdm_element_next(&it, &value);)
            if (walk_path(walk, value, path))
                return true;
        return false;
    }
    for (kdm_members(&it, at); kdm_member_next(&it, &name, &value);) {
        struct kdm_str text = kdm_val_str(walk->scratch, name);

        if (kdm_str_eq(text, path)) {
            if (walk_value(walk, value))
                return true;
        } else if (text.len < path.len && path.ptr[text.len] == '.' && kdm_str_starts(path, text)
                   && walk_path(walk, value, kdm_str_from(path, text.len + 1))) {
            return true;
        }
    }
    return false;
}

bool kdm_values_at(struct kdm_arena *scratch, struct kdm_val source, struct kdm_str path,
                   bool pairs, kdm_value_fn *fn, void *ctx)
{
    struct walk walk = { .scratch = scratch, .pairs = pairs, .fn = fn, .ctx = ctx };

    return walk_path(&walk, source, path);
}

bool kdm_field_values(struct kdm_arena *scratch, const struct kdm_field *field,
                      const struct kdm_field *nested, struct kdm_val scope, kdm_value_fn *fn,
                      void *ctx)
{
    size_t skip = nested == NULL ? 0 : nested->path.len + 1;

    if (field->nested != nested && (nested != NULL || !field->nested->in_root))
        return false;
    for (uint32_t i = 0; i < field->source_count; i++) {
        struct kdm_str path = field->sources[i];

        if (path.len <= skip || (nested != NULL && !kdm_str_starts(path, nested->path)))
            continue;
        if (kdm_values_at(scratch, scope, kdm_str_from(path, skip),
                          field->type == KDM_FIELD_GEO_POINT, fn, ctx))
            return true;
    }
    return false;
}

/* --- nested objects --------------------------------------------------------------------------- */

struct object_walk {
    kdm_value_fn *fn;
    void *ctx;
};

static bool on_object(void *ctx, struct kdm_val value)
{
    const struct object_walk *walk = ctx;

    return kdm_val_type(value) == KDM_JSON_OBJECT && walk->fn(walk->ctx, value);
}

bool kdm_nested_objects(struct kdm_arena *scratch, const struct kdm_field *objects,
                        const struct kdm_field *nested, struct kdm_val scope, kdm_value_fn *fn,
                        void *ctx)
{
    struct object_walk walk = { fn, ctx };
    const struct kdm_field *above = objects->nested;

    while (above != NULL && above != nested)
        above = above->nested;
    return above == nested
           && kdm_values_at(scratch, scope,
                            kdm_str_from(objects->path, nested == NULL ? 0 : nested->path.len + 1),
                            false, on_object, &walk);
}

/* --- keys ------------------------------------------------------------------------------------- */

struct key_walk {
    struct kdm_arena *scratch;
    const struct kdm_field *field;
    kdm_key_fn *fn;
    void *ctx;
};

static bool text_keys(const struct key_walk *walk, struct kdm_val value)
{
    struct kdm_str text = kdm_scalar_text(walk->scratch, value);
    struct kdm_tokens tokens;

    if (kdm_str_none(text))
        return false;
    tokens = kdm_analyze(walk->scratch, (enum kdm_analyzer)walk->field->analyzer, text);
    for (size_t i = 0; i < tokens.count; i++) {
        struct kdm_key key = { .is_text = true, .text = tokens.items[i] };

        if (walk->fn(walk->ctx, &key))
            return true;
    }
    return false;
}

/* All scalars of a flattened object, however deep. */
static bool flattened_keys(const struct key_walk *walk, struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val name, member;
    struct kdm_key key;

    if (kdm_val_type(value) == KDM_JSON_OBJECT) {
        for (kdm_members(&it, value); kdm_member_next(&it, &name, &member);)
            if (flattened_keys(walk, member))
                return true;
        return false;
    }
    for (kdm_elements(&it, value); kdm_element_next(&it, &member);)
        if (flattened_keys(walk, member))
            return true;
    return kdm_field_key(walk->field, walk->scratch, value, &key) == KDM_KEY_OK
           && walk->fn(walk->ctx, &key);
}

static bool on_value(void *ctx, struct kdm_val value)
{
    const struct key_walk *walk = ctx;
    struct kdm_key key;

    if (walk->field->type == KDM_FIELD_TEXT)
        return text_keys(walk, value);
    if (walk->field->type == KDM_FIELD_FLATTENED)
        return flattened_keys(walk, value);
    return kdm_field_key(walk->field, walk->scratch, value, &key) == KDM_KEY_OK
           && walk->fn(walk->ctx, &key);
}

bool kdm_field_keys(struct kdm_arena *scratch, const struct kdm_field *field,
                    const struct kdm_field *nested, struct kdm_val scope, struct kdm_str id,
                    kdm_key_fn *fn, void *ctx)
{
    struct key_walk walk = { .scratch = scratch, .field = field, .fn = fn, .ctx = ctx };
    struct kdm_key key = { .is_text = true, .text = id };

    if (field == &kdm_query_id)
        return nested == NULL && fn(ctx, &key);
    return kdm_field_values(scratch, field, nested, scope, on_value, &walk);
}

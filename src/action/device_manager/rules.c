/* rules.c - see rules.h. */
#include "action/device_manager/rules.h"

/* --- names ----------------------------------------------------------------------------------- */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Is what follows the digit at `at` the ending of an ordinal, with a new word or nothing behind it?
 * 11th is none: the word split that the rule was made with only knows st, nd and rd behind 1, 2
 * and 3. */
static bool is_ordinal(struct kdm_str name, size_t at)
{
    static const char endings[10][3] = {
        "th", "st", "nd", "rd", "th", "th", "th", "th", "th", "th"
    };

    return name.len - at >= 3 && memcmp(name.ptr + at + 1, endings[name.ptr[at] - '0'], 2) == 0
           && (name.len - at == 3 || is_upper(name.ptr[at + 3]));
}

bool kdm_dm_name_is_pascal(struct kdm_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!is_lower(c) && !is_upper(c) && !is_digit(c))
            return false;
        if (!is_lower(c))
            continue;
        if (i == 0 || (is_digit(name.ptr[i - 1]) && !is_ordinal(name, i - 1)))
            return false;
    }
    return true;
}

/* --- checks of models ------------------------------------------------------------------------ */

static bool contains(const struct kdm_str_list *list, struct kdm_str name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (kdm_str_eq(list->items[i], name))
            return true;
    }
    return false;
}

struct kdm_str_list kdm_dm_duplicate_names(struct kdm_arena *arena, struct kdm_val measures)
{
    size_t room = kdm_val_count(measures) * sizeof(struct kdm_str) + 1;
    struct kdm_str_list seen = { .items = kdm_arena_alloc(arena, room) };
    struct kdm_str_list twice = { .items = kdm_arena_alloc(arena, room) };
    struct kdm_val_iter it;
    struct kdm_val measure;

    for (kdm_elements(&it, measures); kdm_element_next(&it, &measure);) {
        struct kdm_str name = kdm_val_str(arena, kdm_val_get(measure, KDM_STR("name")));

        if (kdm_str_none(name))
            continue; /* the mapping of models refuses it */
        if (!contains(&seen, name))
            seen.items[seen.count++] = name;
        else if (!contains(&twice, name))
            twice.items[twice.count++] = name;
    }
    return twice;
}

/* `path` of a flattened mapping as the path of the field it is about. */
static struct kdm_str field_path(struct kdm_arena *arena, struct kdm_str path)
{
    static const struct kdm_str dropped[] = { KDM_STR("properties."), KDM_STR(".type") };
    struct kdm_str from = path;

    for (size_t d = 0; d < 2; d++) {
        char *to = kdm_arena_alloc(arena, from.len);
        size_t len = 0;

        for (size_t i = 0; i < from.len;) {
            if (kdm_str_starts(kdm_str_from(from, i), dropped[d]))
                i += dropped[d].len;
            else
                to[len++] = from.ptr[i++];
        }
        from = (struct kdm_str){ .ptr = to, .len = len };
    }
    return from;
}

static bool is_geo(struct kdm_val mappings, struct kdm_str path)
{
    const char *dot = path.len == 0 ? NULL : memchr(path.ptr, '.', path.len);
    struct kdm_str first = { .ptr = path.ptr,
                             .len = dot == NULL ? path.len : (size_t)(dot - path.ptr) };
    struct kdm_val type = kdm_val_get(kdm_val_get(mappings, first), KDM_STR("type"));

    return kdm_val_str_eq(type, KDM_STR("geo_point")) || kdm_val_str_eq(type, KDM_STR("geo_shape"));
}

bool kdm_dm_defaults_mapped(struct kdm_arena *arena, struct kdm_val mappings,
                            struct kdm_val defaults, struct kdm_str *ret_unmapped)
{
    struct kdm_str_list known = kdm_json_flatten(arena, mappings);
    struct kdm_str_list given = kdm_json_flatten(arena, defaults);

    if (known.items == NULL || given.items == NULL) {
        *ret_unmapped = KDM_STR("");
        return false;
    }
    for (size_t i = 0; i < known.count; i++)
        known.items[i] = field_path(arena, known.items[i]);
    for (size_t i = 0; i < given.count; i++) {
        if (!contains(&known, given.items[i]) && !is_geo(mappings, given.items[i])) {
            *ret_unmapped = given.items[i];
            return false;
        }
    }
    return true;
}

/* --- metadata -------------------------------------------------------------------------------- */

static struct kdm_str all_null(struct kdm_arena *arena, struct kdm_val mappings)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 128);
    kdm_buf_char(&buf, '{');
    for (kdm_members(&it, mappings); kdm_member_next(&it, &name, &value);) {
        kdm_json_put_name(&buf, kdm_val_str(arena, name));
        kdm_buf_lit(&buf, "null");
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_dm_metadata_created(struct kdm_arena *arena, struct kdm_val mappings,
                                       struct kdm_val defaults, struct kdm_val given)
{
    struct kdm_str metadata = all_null(arena, mappings);
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, defaults); kdm_member_next(&it, &name, &value);)
        metadata = kdm_json_set_path(arena, kdm_json_parse(arena, metadata),
                                     kdm_val_str(arena, name), kdm_json_canonical(arena, value));
    for (kdm_members(&it, given); kdm_member_next(&it, &name, &value);)
        metadata = kdm_json_set(arena, kdm_json_parse(arena, metadata), kdm_val_str(arena, name),
                                kdm_json_canonical(arena, value));
    return metadata;
}

struct kdm_str kdm_dm_metadata_propagated(struct kdm_arena *arena, struct kdm_val mappings,
                                          struct kdm_val defaults, struct kdm_val current)
{
    struct kdm_val_iter it;
    struct kdm_val name, mapping;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 256);
    kdm_buf_char(&buf, '{');
    for (kdm_members(&it, mappings); kdm_member_next(&it, &name, &mapping);) {
        struct kdm_str key = kdm_val_str(arena, name);
        struct kdm_val value = kdm_val_get(current, key);

        if (kdm_val_none(value))
            value = kdm_val_get(defaults, key);
        kdm_json_put_name(&buf, key);
        kdm_buf_put(&buf, kdm_val_none(value) ? KDM_STR("null") : kdm_json_canonical(arena, value));
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_dm_metadata_replaced(struct kdm_arena *arena, struct kdm_val mappings,
                                        struct kdm_val current, struct kdm_val given)
{
    struct kdm_str metadata = kdm_val_type(current) == KDM_JSON_OBJECT
                                  ? kdm_json_canonical(arena, current)
                                  : KDM_STR("{}");
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, given); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(arena, name);

        if (kdm_val_none(kdm_val_get(current, key)) && kdm_val_none(kdm_val_get(mappings, key)))
            continue;
        metadata = kdm_json_set(arena, kdm_json_parse(arena, metadata), key,
                                kdm_json_canonical(arena, value));
    }
    return metadata;
}

struct kdm_str kdm_dm_paths(struct kdm_arena *arena, struct kdm_val metadata)
{
    struct kdm_str_list paths = kdm_json_flatten(arena, metadata);
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 128);
    kdm_buf_char(&buf, '[');
    for (size_t i = 0; paths.items != NULL && i < paths.count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, paths.items[i]);
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

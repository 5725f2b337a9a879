/* rules.c - see rules.h. */
#include "action/device_manager/rules.h"
#include <stdlib.h>

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

static bool in_word(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c) || (unsigned char)c >= 0x80;
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

/* Does a word begin at `at`, where there is a character of a word? */
static bool begins_word(struct kdm_str name, size_t at)
{
    char before, c = name.ptr[at];

    if (at == 0)
        return true;
    before = name.ptr[at - 1];
    if (!in_word(before) || is_digit(before) != is_digit(c))
        return true;
    /* "myEngine"; in "XMLFile" the last capital belongs to what follows. */
    return is_upper(c) && (!is_upper(before) || (at + 1 < name.len && is_lower(name.ptr[at + 1])));
}

struct kdm_str kdm_dm_kebab_case(struct kdm_arena *arena, struct kdm_str name)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, name.len + 16);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!in_word(c))
            continue;
        if (begins_word(name, i) && buf.len > 0)
            kdm_buf_char(&buf, '-');
        kdm_buf_char(&buf, is_upper(c) ? (char)(c - 'A' + 'a') : c);
    }
    return kdm_buf_str(&buf);
}

/* --- checks of models ------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    return kdm_str_cmp(*(const struct kdm_str *)a, *(const struct kdm_str *)b);
}

static void sort(struct kdm_str_list *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(*list->items), by_text);
}

static bool contains(const struct kdm_str_list *sorted, struct kdm_str text)
{
    return sorted->count > 0
           && bsearch(&text, sorted->items, sorted->count, sizeof(text), by_text) != NULL;
}

struct kdm_str_list kdm_dm_duplicate_names(struct kdm_arena *arena, struct kdm_val measures)
{
    size_t room = kdm_val_count(measures) * sizeof(struct kdm_str) + 1;
    struct kdm_str_list names = { .items = kdm_arena_alloc(arena, room) };
    struct kdm_str_list twice = { .items = kdm_arena_alloc(arena, room) };
    struct kdm_val_iter it;
    struct kdm_val measure;

    for (kdm_elements(&it, measures); kdm_element_next(&it, &measure);) {
        struct kdm_str name = kdm_val_str(arena, kdm_val_get(measure, KDM_STR("name")));

        if (!kdm_str_none(name)) /* the mapping of models refuses the others */
            names.items[names.count++] = name;
    }
    sort(&names);
    for (size_t i = 1; i < names.count; i++) {
        bool again = kdm_str_eq(names.items[i], names.items[i - 1]);

        if (again && (i == 1 || !kdm_str_eq(names.items[i], names.items[i - 2])))
            twice.items[twice.count++] = names.items[i];
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
    sort(&known);
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

typedef bool takes_fn(void *ctx, struct kdm_str key);

/* `base` with the values of `over` for the keys that both have; new keys that `takes` (NULL: all)
 * follow. */
static struct kdm_str overlaid(struct kdm_arena *arena, struct kdm_val base, struct kdm_val over,
                               takes_fn *takes, void *ctx)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    struct kdm_buf buf;

    if (!kdm_val_none(over))
        over = kdm_json_parse(arena, kdm_json_canonical(arena, over)); /* each key once */
    kdm_buf_init(&buf, arena, kdm_val_text(base).len + kdm_val_text(over).len + 2);
    kdm_buf_char(&buf, '{');
    for (kdm_members(&it, base); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(arena, name);
        struct kdm_val given = kdm_val_get(over, key);

        kdm_json_put_name(&buf, key);
        kdm_buf_put(&buf, kdm_json_canonical(arena, kdm_val_none(given) ? value : given));
    }
    for (kdm_members(&it, over); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(arena, name);

        if (!kdm_val_none(kdm_val_get(base, key)) || (takes != NULL && !takes(ctx, key)))
            continue;
        kdm_json_put_name(&buf, key);
        kdm_buf_put(&buf, kdm_json_canonical(arena, value));
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static bool has_dot(struct kdm_str key)
{
    return key.len > 0 && memchr(key.ptr, '.', key.len) != NULL;
}

static bool is_plain(void *ctx, struct kdm_str key)
{
    (void)ctx;
    return !has_dot(key);
}

size_t kdm_dm_dotted_keys(struct kdm_arena *arena, struct kdm_val object)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    size_t count = 0;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);)
        count += has_dot(kdm_val_str(arena, name));
    return count;
}

struct kdm_str kdm_dm_metadata_created(struct kdm_arena *arena, struct kdm_val mappings,
                                       struct kdm_val defaults, struct kdm_val given)
{
    struct kdm_str metadata = all_null(arena, mappings);
    struct kdm_val_iter it;
    struct kdm_val name, value;
    int dotted = 0;

    metadata = overlaid(arena, kdm_json_parse(arena, metadata), defaults, is_plain, NULL);
    for (kdm_members(&it, defaults);
         dotted < KDM_DM_MAX_DOTTED && kdm_member_next(&it, &name, &value);) {
        struct kdm_str path = kdm_val_str(arena, name);

        if (!has_dot(path))
            continue;
        metadata = kdm_json_set_path(arena, kdm_json_parse(arena, metadata), path,
                                     kdm_json_canonical(arena, value));
        dotted++;
    }
    return overlaid(arena, kdm_json_parse(arena, metadata), given, NULL, NULL);
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

static bool is_mapped(void *ctx, struct kdm_str key)
{
    return !kdm_val_none(kdm_val_get(*(const struct kdm_val *)ctx, key));
}

struct kdm_str kdm_dm_metadata_replaced(struct kdm_arena *arena, struct kdm_val mappings,
                                        struct kdm_val current, struct kdm_val given)
{
    return overlaid(arena, current, given, is_mapped, &mappings);
}

struct kdm_str kdm_dm_paths(struct kdm_arena *arena, struct kdm_val metadata)
{
    struct kdm_str_list paths = kdm_json_flatten(arena, metadata);
    struct kdm_buf buf;

    if (paths.items == NULL) /* more than can be told */
        return KDM_STR("[]");
    kdm_buf_init(&buf, arena, 128);
    kdm_json_put_strings(&buf, &paths);
    return kdm_buf_str(&buf);
}

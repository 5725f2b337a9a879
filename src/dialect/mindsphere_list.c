/* mindsphere_list.c - filters, order and pages of lists (reference dialects.md 4.11). Pure
 * functions.
 */
#include "dialect/mindsphere.h"
#include <ctype.h>
#include <stdlib.h>

#define SIZE_DEFAULT 10
#define SIZE_MOST    200
#define DEPTH_MAX    16

/* --- pages ----------------------------------------------------------------------------------- */

static bool read_number(struct kdm_ms_errors *errors, const struct kdm_args *args, const char *name,
                        int64_t absent, int64_t *ret_value)
{
    struct kdm_str text = kdm_query_get(&args->call->query, kdm_str_of(name));
    int64_t value = 0;

    *ret_value = absent;
    if (text.len == 0)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit((unsigned char)text.ptr[i]) || text.len > 9) {
            kdm_ms_error(errors, KDM_MS_INVALID_PARAMETER,
                         "%s: a whole number of at least 0 is expected", name);
            return false;
        }
        value = value * 10 + (text.ptr[i] - '0');
    }
    *ret_value = value;
    return true;
}

bool kdm_ms_read_page(struct kdm_ms_errors *errors, const struct kdm_args *args,
                      struct kdm_ms_page *ret_page)
{
    bool number = read_number(errors, args, "page", 0, &ret_page->number);
    bool size = read_number(errors, args, "size", SIZE_DEFAULT, &ret_page->size);

    if (ret_page->size == 0)
        ret_page->size = SIZE_DEFAULT;
    if (ret_page->size > SIZE_MOST)
        ret_page->size = SIZE_MOST;
    return number && size;
}

/* What every link of a list has in common. */
struct links {
    struct kdm_arena *arena;
    struct kdm_str path, rest; /* rest: "&filter=..", the request's arguments but for the page's */
    int64_t size;
};

static struct kdm_str other_arguments(const struct kdm_args *args)
{
    const struct kdm_query_args *query = &args->call->query;
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, 64);
    for (size_t i = 0; i < query->count; i++) {
        if (kdm_str_eq(query->pairs[i].name, KDM_STR("page"))
            || kdm_str_eq(query->pairs[i].name, KDM_STR("size")))
            continue;
        kdm_buf_char(&buf, '&');
        kdm_percent_encode(&buf, query->pairs[i].name);
        kdm_buf_char(&buf, '=');
        kdm_percent_encode(&buf, query->pairs[i].value);
    }
    return kdm_buf_str(&buf);
}

static void put_page_link(const struct links *links, const char *name, int64_t page,
                          struct kdm_buf *buf)
{
    kdm_ms_put_link(buf, name,
                    kdm_arena_printf(links->arena, KDM_FMT "?page=%lld&size=%lld" KDM_FMT,
                                     KDM_ARG(links->path), (long long)page, (long long)links->size,
                                     KDM_ARG(links->rest)));
}

void kdm_ms_put_page(const struct kdm_args *args, const struct kdm_ms_caller *caller,
                     const char *path, const struct kdm_ms_page *page, size_t total,
                     struct kdm_buf *buf)
{
    const struct links links = {
        .arena = args->arena,
        .path = kdm_arena_printf(args->arena, KDM_FMT "/%s", KDM_ARG(caller->base), path),
        .rest = other_arguments(args),
        .size = page->size,
    };
    int64_t pages = ((int64_t)total + page->size - 1) / page->size;

    kdm_buf_printf(buf,
                   ",\"page\":{\"size\":%lld,\"totalElements\":%zu,\"totalPages\":%lld,"
                   "\"number\":%lld},\"_links\":{",
                   (long long)page->size, total, (long long)pages, (long long)page->number);
    put_page_link(&links, "self", page->number, buf);
    put_page_link(&links, "first", 0, buf);
    if (page->number > 0)
        put_page_link(&links, "prev", page->number - 1, buf);
    if (page->number + 1 < pages)
        put_page_link(&links, "next", page->number + 1, buf);
    put_page_link(&links, "last", pages > 0 ? pages - 1 : 0, buf);
    kdm_buf_char(buf, '}');
}

/* --- filters --------------------------------------------------------------------------------- */

struct kdm_val kdm_ms_read_filter(struct kdm_ms_errors *errors, const struct kdm_args *args)
{
    struct kdm_str text = kdm_query_get(&args->call->query, KDM_STR("filter"));
    struct kdm_json *doc = kdm_arena_alloc(errors->arena, sizeof(*doc));

    if (text.len == 0)
        return KDM_VAL_NONE;
    if (kdm_json_scan(errors->arena, text, doc, NULL)
        && kdm_val_type(kdm_json_root(doc)) == KDM_JSON_OBJECT)
        return kdm_json_parse(errors->arena, kdm_json_canonical(errors->arena, kdm_json_root(doc)));
    kdm_ms_error(errors, KDM_MS_INVALID_PARAMETER, "filter: a JSON object is expected");
    return KDM_VAL_NONE;
}

struct filter {
    struct kdm_ms_errors *errors;
    struct kdm_val fields;
};

static bool malformed(const struct filter *filter, const char *what)
{
    kdm_ms_error(filter->errors, KDM_MS_INVALID_PARAMETER, "filter: %s", what);
    return false;
}

static bool holds_text(struct kdm_str text, struct kdm_str part, char where)
{
    if (part.len > text.len)
        return false;
    if (where == '<')
        return memcmp(text.ptr, part.ptr, part.len) == 0;
    if (where == '>')
        return memcmp(text.ptr + text.len - part.len, part.ptr, part.len) == 0;
    return part.len == 0 || memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* A value of another type than the field's is no question that could be answered; null is one for
 * all. */
static bool is_equal(const struct filter *filter, struct kdm_val field, struct kdm_val value)
{
    bool text = kdm_val_type(field) == KDM_JSON_STRING;

    if (kdm_val_type(value) > KDM_JSON_STRING
        || (!kdm_val_null(field) && !kdm_val_null(value)
            && text != (kdm_val_type(value) == KDM_JSON_STRING)))
        return malformed(filter, "a value of the field's type is expected");
    return kdm_val_equal(filter->errors->arena, value, field);
}

static bool is_in(const struct filter *filter, struct kdm_val field, struct kdm_val argument)
{
    struct kdm_val list = kdm_val_type(argument) == KDM_JSON_OBJECT
                              ? kdm_val_get(argument, KDM_STR("value"))
                              : argument;
    struct kdm_val_iter it;
    struct kdm_val one;
    bool found = false;

    if (kdm_val_type(list) != KDM_JSON_ARRAY)
        return malformed(filter, "in needs {\"value\": [..]}");
    for (kdm_elements(&it, list); kdm_element_next(&it, &one);)
        found = is_equal(filter, field, one) || found;
    return found;
}

/* Dates are texts of one form, so their order is that of the texts. */
static bool is_between(const struct filter *filter, struct kdm_str text, struct kdm_str range)
{
    struct kdm_str low, high;
    const char *comma = memchr(range.ptr, ',', range.len);
    bool with_low, with_high;

    if (range.len < 3 || comma == NULL || strchr("[(", range.ptr[0]) == NULL
        || strchr("])", range.ptr[range.len - 1]) == NULL)
        return malformed(filter, "between needs \"[from, to)\"");
    with_low = range.ptr[0] == '[';
    with_high = range.ptr[range.len - 1] == ']';
    low = (struct kdm_str){ .ptr = range.ptr + 1, .len = (size_t)(comma - range.ptr) - 1 };
    high = (struct kdm_str){ .ptr = comma + 1, .len = (size_t)(range.ptr + range.len - comma) - 2 };
    while (high.len > 0 && high.ptr[0] == ' ')
        high = kdm_str_from(high, 1);
    return kdm_str_cmp(text, low) >= (with_low ? 0 : 1)
           && kdm_str_cmp(text, high) <= (with_high ? 0 : -1);
}

static bool apply_text(const struct filter *filter, struct kdm_str function, struct kdm_val field,
                       struct kdm_val argument)
{
    struct kdm_str text = kdm_val_str(filter->errors->arena, field);
    struct kdm_str given = kdm_val_str(filter->errors->arena, argument);

    if (kdm_str_none(given))
        return malformed(filter, "a text is expected");
    if (kdm_str_none(text))
        return false;
    if (kdm_str_eq(function, KDM_STR("startsWith")))
        return holds_text(text, given, '<');
    if (kdm_str_eq(function, KDM_STR("endsWith")))
        return holds_text(text, given, '>');
    if (kdm_str_eq(function, KDM_STR("contains")))
        return holds_text(text, given, '*');
    if (kdm_str_eq(function, KDM_STR("before")))
        return kdm_str_cmp(text, given) < 0;
    if (kdm_str_eq(function, KDM_STR("after")))
        return kdm_str_cmp(text, given) > 0;
    if (kdm_str_eq(function, KDM_STR("between")))
        return is_between(filter, text, given);
    return malformed(filter, "there is no such function");
}

static bool test_field(const struct filter *filter, struct kdm_val field, struct kdm_val condition,
                       int depth);

/* {"or": [..]} or {"or": {..}} of conditions on one field. */
static bool test_field_list(const struct filter *filter, struct kdm_val field, struct kdm_val list,
                            bool any, int depth)
{
    struct kdm_val_iter it;
    struct kdm_val condition, name;
    bool result = !any, one;

    if (kdm_val_type(list) == KDM_JSON_OBJECT) {
        for (kdm_members(&it, list); kdm_member_next(&it, &name, &condition);) {
            struct kdm_str single =
                kdm_arena_printf(filter->errors->arena, "{" KDM_FMT ":" KDM_FMT "}",
                                 KDM_ARG(kdm_val_text(name)), KDM_ARG(kdm_val_text(condition)));

            one =
                test_field(filter, field, kdm_json_parse(filter->errors->arena, single), depth + 1);
            result = any ? result || one : result && one;
        }
        return result;
    }
    if (kdm_val_type(list) != KDM_JSON_ARRAY)
        return malformed(filter, "or and and need an array or an object");
    for (kdm_elements(&it, list); kdm_element_next(&it, &condition);) {
        one = test_field(filter, field, condition, depth + 1);
        result = any ? result || one : result && one;
    }
    return result;
}

static bool test_function(const struct filter *filter, struct kdm_val field, struct kdm_str name,
                          struct kdm_val argument, int depth)
{
    if (kdm_str_eq(name, KDM_STR("eq")))
        return is_equal(filter, field, argument);
    if (kdm_str_eq(name, KDM_STR("in")))
        return is_in(filter, field, argument);
    if (kdm_str_eq(name, KDM_STR("not")))
        return !test_field(filter, field, argument, depth + 1);
    if (kdm_str_eq(name, KDM_STR("or")) || kdm_str_eq(name, KDM_STR("and")))
        return test_field_list(filter, field, argument, kdm_str_eq(name, KDM_STR("or")), depth);
    return apply_text(filter, name, field, argument);
}

/* A plain value means eq; an object holds functions, all of which must hold. */
static bool test_field(const struct filter *filter, struct kdm_val field, struct kdm_val condition,
                       int depth)
{
    struct kdm_val_iter it;
    struct kdm_val name, argument;
    bool all = true;

    if (depth > DEPTH_MAX)
        return malformed(filter, "it is too deep");
    if (kdm_val_type(condition) != KDM_JSON_OBJECT)
        return is_equal(filter, field, condition);
    for (kdm_members(&it, condition); kdm_member_next(&it, &name, &argument);)
        all =
            test_function(filter, field, kdm_val_str(filter->errors->arena, name), argument, depth)
            && all;
    return all;
}

static bool test(const struct filter *filter, struct kdm_val condition, int depth);

/* The members of an object each by itself, or the elements of an array. */
static bool test_any(const struct filter *filter, struct kdm_val list, int depth)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    bool any = false;

    if (kdm_val_type(list) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, list); kdm_element_next(&it, &value);)
            any = test(filter, value, depth + 1) || any;
        return any;
    }
    if (kdm_val_type(list) != KDM_JSON_OBJECT)
        return malformed(filter, "or needs an array or an object");
    for (kdm_members(&it, list); kdm_member_next(&it, &name, &value);) {
        struct kdm_str single =
            kdm_arena_printf(filter->errors->arena, "{" KDM_FMT ":" KDM_FMT "}",
                             KDM_ARG(kdm_val_text(name)), KDM_ARG(kdm_val_text(value)));

        any = test(filter, kdm_json_parse(filter->errors->arena, single), depth + 1) || any;
    }
    return any;
}

static bool test_all(const struct filter *filter, struct kdm_val list, int depth)
{
    struct kdm_val_iter it;
    struct kdm_val value;
    bool all = true;

    if (kdm_val_type(list) != KDM_JSON_ARRAY)
        return test(filter, list, depth + 1);
    for (kdm_elements(&it, list); kdm_element_next(&it, &value);)
        all = test(filter, value, depth + 1) && all;
    return all;
}

/* Several fields side by side must all match; names that nobody knows are passed over. */
static bool test(const struct filter *filter, struct kdm_val condition, int depth)
{
    struct kdm_val_iter it;
    struct kdm_val name, value, field;
    bool all = true;

    if (depth > DEPTH_MAX || kdm_val_type(condition) != KDM_JSON_OBJECT)
        return malformed(filter, "an object of at most 16 levels is expected");
    for (kdm_members(&it, condition); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(filter->errors->arena, name);

        if (kdm_str_eq(key, KDM_STR("not"))) {
            all = !test(filter, value, depth + 1) && all;
        } else if (kdm_str_eq(key, KDM_STR("or"))) {
            all = test_any(filter, value, depth) && all;
        } else if (kdm_str_eq(key, KDM_STR("and"))) {
            all = test_all(filter, value, depth) && all;
        } else {
            field = kdm_val_get(filter->fields, key);
            if (!kdm_val_none(field))
                all = test_field(filter, field, value, depth) && all;
        }
    }
    return all;
}

bool kdm_ms_passes(struct kdm_ms_errors *errors, struct kdm_val filter, struct kdm_val fields)
{
    const struct filter run = { .errors = errors, .fields = fields };

    return kdm_val_none(filter) || test(&run, filter, 0);
}

/* --- order ----------------------------------------------------------------------------------- */

/* Texts are fetched once; an item is compared many times. */
struct keyed {
    struct kdm_ms_item item;
    struct kdm_str key, id;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = kdm_str_cmp(x->key, y->key);

    return order != 0 ? order : kdm_str_cmp(x->id, y->id);
}

static int by_key_descending(const void *a, const void *b)
{
    return by_key(b, a);
}

bool kdm_ms_sorts_by_name(struct kdm_str sort)
{
    return kdm_str_starts(sort, KDM_STR("name"));
}

bool kdm_ms_sorts_down(struct kdm_str sort)
{
    return sort.len >= 4 && kdm_str_eq_nocase(kdm_str_from(sort, sort.len - 4), KDM_STR("desc"));
}

void kdm_ms_sort(struct kdm_arena *arena, const struct kdm_args *args, struct kdm_ms_item *items,
                 size_t count)
{
    struct kdm_str sort = kdm_query_get(&args->call->query, KDM_STR("sort"));
    bool by_name = kdm_ms_sorts_by_name(sort);
    struct keyed *keyed = kdm_arena_alloc(arena, (count + 1) * sizeof(*keyed));

    for (size_t i = 0; i < count; i++) {
        struct kdm_str id = kdm_val_str(arena, kdm_val_get(items[i].fields, KDM_STR("id")));

        keyed[i] = (struct keyed){ .item = items[i], .id = id, .key = id };
        if (by_name)
            keyed[i].key = kdm_val_str(arena, kdm_val_get(items[i].fields, KDM_STR("name")));
    }
    if (count > 1)
        qsort(keyed, count, sizeof(*keyed), kdm_ms_sorts_down(sort) ? by_key_descending : by_key);
    for (size_t i = 0; i < count; i++)
        items[i] = keyed[i].item;
}

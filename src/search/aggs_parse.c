/* aggs_parse.c - "aggs" of a request into a tree. Whatever is not understood is refused by name. */
#include "search/aggs_internal.h"
#include "search/search_internal.h"
#include <math.h>
#include <stdlib.h>

struct parse {
    struct kdm_query_parser query;
    struct kdm_aggs *aggs;
    struct kdm_agg *agg;   /* being parsed */
    struct kdm_val params; /* its own */
    uint32_t total;
    const struct kdm_field *nested; /* whose objects are aggregated; NULL: documents are */
};

static bool fail(struct parse *parse, const char *text, struct kdm_str what)
{
    kdm_query_fail(&parse->query, parse->agg == NULL ? KDM_STR("aggs") : parse->agg->name,
                   "%s%s%s%s", text, what.len > 0 ? " \"" : "",
                   what.len > 0 ? kdm_query_shown(&parse->query, what) : "",
                   what.len > 0 ? "\"" : "");
    return false;
}

static struct kdm_val param(const struct parse *parse, const char *name)
{
    return kdm_val_get(parse->params, kdm_str_of(name));
}

static struct kdm_str text_param(struct parse *parse, const char *name)
{
    return kdm_val_str(parse->query.arena, param(parse, name));
}

static bool number_param(struct parse *parse, const char *name, double *number)
{
    struct kdm_val value = param(parse, name);

    return kdm_val_null(value) || kdm_val_double(value, number)
           || fail(parse, "needs a number for", kdm_str_of(name));
}

static bool count_param(struct parse *parse, const char *name, uint64_t *count)
{
    struct kdm_val value = param(parse, name);
    int64_t number;

    if (kdm_val_null(value))
        return true;
    if (!kdm_val_int64(value, &number) || number < 0)
        return fail(parse, "needs a whole number for", kdm_str_of(name));
    *count = (uint64_t)number;
    return true;
}

/* --- the field
 * -------------------------------------------------------------------------------------- */

/* Which fields a kind can work on. */
static bool suits(enum kdm_agg_kind kind, const struct kdm_field *field)
{
    bool number = field->type >= KDM_FIELD_LONG && field->type <= KDM_FIELD_BOOLEAN;
    bool term = field->type == KDM_FIELD_KEYWORD || field->type == KDM_FIELD_IP
                || field->type == KDM_FIELD_FLATTENED;
    bool point = field->type == KDM_FIELD_GEO_POINT;

    switch (kind) {
    case KDM_AGG_TERMS:
    case KDM_AGG_CARDINALITY:
        return number || term;
    case KDM_AGG_VALUE_COUNT:
        return number || term || point;
    case KDM_AGG_MISSING:
        return field->type > KDM_FIELD_ALIAS;
    case KDM_AGG_DATE_RANGE:
    case KDM_AGG_DATE_HISTOGRAM:
        return field->type == KDM_FIELD_DATE;
    case KDM_AGG_GEO_BOUNDS:
        return point;
    default:
        return number;
    }
}

/* As the collection has it, but for keys of flattened fields: those have no column. */
static bool look_up(struct parse *parse, struct kdm_str name)
{
    struct kdm_agg *agg = parse->agg;

    if (!kdm_query_field(&parse->query, agg->name, name, &agg->field))
        return false;
    return agg->field == NULL || agg->field == &kdm_query_id
           || kdm_mapping_find(parse->query.mapping, name) != NULL
           || fail(parse, "can't be asked of a part of", name);
}

/* Some only ask whether there is a value. */
static bool takes_all_types(enum kdm_agg_kind kind)
{
    return kind == KDM_AGG_MISSING || kind == KDM_AGG_VALUE_COUNT;
}

/* A field that only other collections have is theirs, so that each of them reads the request alike:
 * numbers are whole when they are so everywhere, and what stands for a missing value is the same.
 */
static bool find_field(struct parse *parse, struct kdm_str name)
{
    struct kdm_agg *agg = parse->agg;
    const struct kdm_peer_field *all;

    if (!look_up(parse, name))
        return false;
    agg->real = agg->field != NULL && kdm_field_real(agg->field);
    if (parse->query.peers == NULL)
        return true;
    all = kdm_query_peers(&parse->query, name);
    if (!all->alike && !takes_all_types(agg->kind))
        return fail(parse, "the collections have different types of the field", name);
    agg->elsewhere = agg->field == NULL && all->field != NULL;
    agg->field = agg->elsewhere ? all->field : agg->field;
    agg->real = all->real;
    return true;
}

static bool read_field(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_str name = text_param(parse, "field");

    if (kdm_str_none(name))
        return fail(parse, "needs a field", KDM_STR(""));
    if (!find_field(parse, name))
        return false;
    if (agg->field == &kdm_query_id)
        return fail(parse, "can't be asked of", name);
    return agg->field == NULL || suits(agg->kind, agg->field)
           || fail(parse, "can't be asked of the type of field", name);
}

static bool read_missing(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_val missing = param(parse, "missing");

    if (kdm_val_null(missing) || agg->field == NULL)
        return true;
    agg->has_missing = true;
    return kdm_query_key(&parse->query, agg->name, agg->field, missing, false, NULL, &agg->missing);
}

/* What a date field says of itself; dates that can't be written so are written in full. */
static void read_own_format(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;

    if (agg->field == NULL || agg->field->type != KDM_FIELD_DATE)
        return;
    agg->format = kdm_date_format_pattern(agg->field->format);
    if (!kdm_agg_date_pattern(agg->format))
        agg->format = KDM_STR_NONE;
}

static bool read_date_format(struct parse *parse, struct kdm_str text)
{
    struct kdm_agg *agg = parse->agg;

    agg->dates = kdm_date_format_create(parse->query.arena, text);
    if (agg->dates == NULL)
        return fail(parse, "can't write dates as", text);
    agg->format = kdm_date_format_pattern(agg->dates);
    return kdm_agg_date_pattern(agg->format) || fail(parse, "can't write dates as", text);
}

/* "format", which is for dates and numbers. */
static bool read_format(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_val value = param(parse, "format");
    struct kdm_str text = kdm_val_str(parse->query.arena, value);

    read_own_format(parse);
    if (kdm_val_null(value) || agg->field == NULL)
        return true;
    if (kdm_val_type(value) != KDM_JSON_STRING)
        return fail(parse, "needs a text for", KDM_STR("format"));
    if (agg->field->type == KDM_FIELD_DATE)
        return read_date_format(parse, text);
    if (agg->field->type < KDM_FIELD_LONG || agg->field->type > KDM_FIELD_SCALED_FLOAT)
        return fail(parse, "the type of field has no format, not", text);
    agg->format = text;
    return kdm_agg_number_pattern(text) || fail(parse, "can't write numbers as", text);
}

static bool read_zone(struct parse *parse)
{
    return kdm_query_zone(&parse->query, parse->agg->name, parse->params, &parse->agg->zone);
}

/* --- kinds
 * ------------------------------------------------------------------------------------------ */

static bool read_order_entry(struct parse *parse, struct kdm_val name, struct kdm_val direction)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_agg_order *order;

    if (agg->order_count == sizeof(agg->orders) / sizeof(agg->orders[0]))
        return fail(parse, "has too many keys of order", KDM_STR(""));
    order = &agg->orders[agg->order_count++];
    order->descending = kdm_val_str_eq(direction, KDM_STR("desc"));
    if (!order->descending && !kdm_val_str_eq(direction, KDM_STR("asc")))
        return fail(parse, "the order must be asc or desc", KDM_STR(""));
    order->property = kdm_val_str(parse->query.arena, name);
    order->by_count = kdm_str_eq(order->property, KDM_STR("_count"));
    order->by_key = kdm_str_eq(order->property, KDM_STR("_key"))
                    || kdm_str_eq(order->property, KDM_STR("_term"));
    return true;
}

static bool read_order(struct parse *parse)
{
    struct kdm_val order = param(parse, "order"), entry, name, direction;
    struct kdm_val_iter all, it;

    if (kdm_val_null(order))
        return true;
    if (kdm_val_type(order) == KDM_JSON_OBJECT) {
        for (kdm_members(&it, order); kdm_member_next(&it, &name, &direction);)
            if (!read_order_entry(parse, name, direction))
                return false;
        return true;
    }
    for (kdm_elements(&all, order); kdm_element_next(&all, &entry);)
        for (kdm_members(&it, entry); kdm_member_next(&it, &name, &direction);)
            if (!read_order_entry(parse, name, direction))
                return false;
    return true;
}

/* What a metric has to order by. */
static bool has_property(const struct kdm_agg *metric, struct kdm_str property)
{
    static const char *const of_stats[] = { "min", "max", "avg", "sum", "count" };
    static const char *const of_more[] = { "variance", "std_deviation", "sum_of_squares" };

    if (metric->kind != KDM_AGG_STATS && metric->kind != KDM_AGG_EXTENDED_STATS)
        return kdm_str_eq(property, KDM_STR("value"));
    for (size_t i = 0; i < sizeof(of_stats) / sizeof(of_stats[0]); i++)
        if (kdm_str_eq(property, kdm_str_of(of_stats[i])))
            return true;
    for (size_t i = 0;
         metric->kind == KDM_AGG_EXTENDED_STATS && i < sizeof(of_more) / sizeof(of_more[0]); i++)
        if (kdm_str_eq(property, kdm_str_of(of_more[i])))
            return true;
    return false;
}

static bool has_one_bucket(const struct kdm_agg *agg)
{
    return agg->kind == KDM_AGG_FILTER || agg->kind == KDM_AGG_MISSING
           || agg->kind == KDM_AGG_NESTED;
}

static struct kdm_agg *child_called(const struct kdm_agg *agg, struct kdm_str name)
{
    for (uint32_t i = 0; i < agg->child_count; i++)
        if (kdm_str_eq(agg->children[i]->name, name))
            return agg->children[i];
    return NULL;
}

/* "stats.avg", "stats[avg]" or "avg", at the end of a path. */
static struct kdm_agg *last_of_path(const struct kdm_agg *agg, struct kdm_str text,
                                    struct kdm_str *property)
{
    struct kdm_agg *found = child_called(agg, text);
    struct kdm_str name = text;

    *property = KDM_STR("value");
    if (found != NULL)
        return found;
    name.len = 0;
    while (name.len < text.len && text.ptr[name.len] != '.' && text.ptr[name.len] != '[')
        name.len++;
    if (name.len == text.len)
        return NULL;
    *property = kdm_str_from(text, name.len + 1);
    if (text.ptr[name.len] == '[')
        property->len -= property->len > 0 && text.ptr[text.len - 1] == ']';
    return child_called(agg, name);
}

static bool can_order(const struct kdm_agg *agg, struct kdm_str property)
{
    if (has_one_bucket(agg))
        return kdm_str_eq(property, KDM_STR("value")) || kdm_str_eq(property, KDM_STR("doc_count"))
               || kdm_str_eq(property, KDM_STR("_count"));
    return agg->kind >= KDM_AGG_MIN && agg->kind <= KDM_AGG_CARDINALITY
           && has_property(agg, property);
}

/* "filter>stats.avg": known once the children are. */
static bool resolve_order(struct parse *parse, struct kdm_agg *agg, struct kdm_agg_order *order)
{
    struct kdm_str rest = order->property, property;
    const struct kdm_agg *above = agg;
    const char *sign;

    if (order->by_count || order->by_key)
        return true;
    while ((sign = memchr(rest.ptr, '>', rest.len)) != NULL && above != NULL
           && order->depth + 1 < KDM_AGGS_MAX_DEPTH) {
        struct kdm_agg *next =
            child_called(above, (struct kdm_str){ rest.ptr, (size_t)(sign - rest.ptr) });

        above = next != NULL && has_one_bucket(next) ? next : NULL;
        order->path[order->depth++] = next;
        rest = kdm_str_from(rest, (size_t)(sign - rest.ptr) + 1);
    }
    if (above != NULL && sign == NULL) {
        struct kdm_agg *last = last_of_path(above, rest, &property);

        if (last != NULL && can_order(last, property)) {
            order->path[order->depth++] = last;
            order->property = property;
            return true;
        }
    }
    parse->agg = agg;
    return fail(parse, "there is nothing to order by called", order->property);
}

static int compare_keys(const void *a, const void *b)
{
    return kdm_key_cmp(a, b);
}

/* {"partition":0,"num_partitions":10} */
static bool read_parts(struct parse *parse, struct kdm_val value, struct kdm_agg_choice *choice)
{
    int64_t part, parts;

    if (!kdm_val_int64(kdm_val_get(value, KDM_STR("partition")), &part)
        || !kdm_val_int64(kdm_val_get(value, KDM_STR("num_partitions")), &parts)
        || kdm_val_count(value) != 2 || part < 0 || part >= parts)
        return fail(parse, "needs a \"partition\" from 0 and a greater \"num_partitions\"",
                    KDM_STR(""));
    if (!kdm_val_null(param(parse, "exclude")))
        return fail(parse, "\"exclude\" can't stand beside a partition", KDM_STR(""));
    choice->part = (uint64_t)part;
    choice->parts = (uint64_t)parts;
    return true;
}

/* A regular expression, an array of values, or for "include" a partition. */
static bool read_choice(struct parse *parse, const char *name, struct kdm_agg_choice *choice)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_val value = param(parse, name), element;
    struct kdm_str reason = KDM_STR_NONE;
    struct kdm_val_iter it;

    if (kdm_val_null(value) || agg->field == NULL)
        return true;
    choice->given = true;
    if (kdm_val_type(value) == KDM_JSON_OBJECT && choice == &agg->include)
        return read_parts(parse, value, choice);
    if (kdm_val_type(value) == KDM_JSON_STRING) {
        if (agg->field->type != KDM_FIELD_KEYWORD && agg->field->type != KDM_FIELD_FLATTENED)
            return fail(parse, "a pattern is only for keywords in", kdm_str_of(name));
        choice->pattern = kdm_regexp_lucene(parse->query.arena,
                                            kdm_val_str(parse->query.arena, value), false, &reason);
        return choice->pattern != NULL || fail(parse, "the pattern is not valid:", reason);
    }
    if (kdm_val_type(value) != KDM_JSON_ARRAY || kdm_val_count(value) > KDM_QUERY_MAX_TERMS)
        return fail(parse, "needs a pattern or an array of values for", kdm_str_of(name));
    choice->keys =
        kdm_arena_alloc(parse->query.arena, (kdm_val_count(value) + 1) * sizeof(*choice->keys));
    for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
        if (!kdm_query_key(&parse->query, agg->name, agg->field, element, false, NULL,
                           &choice->keys[choice->count++]))
            return false;
    if (choice->count > 1)
        qsort(choice->keys, choice->count, sizeof(*choice->keys), compare_keys);
    return true;
}

static bool read_terms(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;

    agg->size = 10;
    agg->min_doc_count = 1;
    if (!read_field(parse) || !read_missing(parse) || !count_param(parse, "size", &agg->size)
        || !count_param(parse, "min_doc_count", &agg->min_doc_count) || !read_order(parse)
        || !read_format(parse))
        return false;
    if (agg->size == 0 || agg->size > KDM_AGGS_MAX_BUCKETS)
        return fail(parse, "\"size\" must be from 1 to 65536", KDM_STR(""));
    /* Terms without documents are those of the dictionary; numbers have none. */
    if (agg->min_doc_count == 0
        && (parse->nested != NULL
            || (agg->field != NULL && agg->field->type != KDM_FIELD_KEYWORD
                && agg->field->type != KDM_FIELD_IP)))
        return fail(parse, "\"min_doc_count\" of 0 is only for keywords that are not nested",
                    KDM_STR(""));
    return kdm_query_bool_param(&parse->query, agg->name, parse->params,
                                "show_term_doc_count_error", &agg->show_error)
           && read_choice(parse, "include", &agg->include)
           && read_choice(parse, "exclude", &agg->exclude);
}

/* "1.5" */
static bool read_number_text(struct parse *parse, struct kdm_val value, double *ret_number)
{
    struct kdm_number number;

    if (kdm_val_type(value) != KDM_JSON_STRING
        || !kdm_number_parse(kdm_val_str(parse->query.arena, value), &number))
        return false;
    *ret_number = number.d;
    return true;
}

static bool read_bound(struct parse *parse, struct kdm_val range, const char *name, bool *has,
                       double *bound)
{
    struct kdm_val value = kdm_val_get(range, kdm_str_of(name));
    struct kdm_agg *agg = parse->agg;
    const struct kdm_date_reading reading = { .format = agg->dates, .zone = agg->zone };
    struct kdm_key key;

    if (kdm_val_null(value))
        return true;
    *has = true;
    if (agg->kind == KDM_AGG_RANGE && kdm_val_double(value, bound))
        return true;
    if (agg->field == NULL || agg->field->type != KDM_FIELD_DATE)
        return agg->kind == KDM_AGG_DATE_RANGE || read_number_text(parse, value, bound)
               || fail(parse, "needs a number for", kdm_str_of(name));
    if (!kdm_query_key(&parse->query, agg->name, agg->field, value, false, &reading, &key))
        return false;
    *bound = key.number.d;
    return true;
}

static bool read_ranges(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_val ranges = param(parse, "ranges"), range;
    struct kdm_val_iter it;

    if (!read_field(parse) || !read_missing(parse) || !read_format(parse) || !read_zone(parse)
        || !kdm_query_bool_param(&parse->query, agg->name, parse->params, "keyed", &agg->keyed))
        return false;
    if (kdm_val_type(ranges) != KDM_JSON_ARRAY || kdm_val_count(ranges) == 0
        || kdm_val_count(ranges) > 1024)
        return fail(parse, "needs an array of \"ranges\"", KDM_STR(""));
    agg->ranges =
        kdm_arena_zalloc(parse->query.arena, kdm_val_count(ranges) * sizeof(*agg->ranges));
    for (kdm_elements(&it, ranges); kdm_element_next(&it, &range);) {
        struct kdm_agg_range *read = &agg->ranges[agg->range_count++];

        read->key = kdm_val_str(parse->query.arena, kdm_val_get(range, KDM_STR("key")));
        if (!read_bound(parse, range, "from", &read->has_from, &read->from)
            || !read_bound(parse, range, "to", &read->has_to, &read->to))
            return false;
    }
    return true;
}

static bool read_side(struct parse *parse, struct kdm_val bounds, const char *name, double *side)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_val value = kdm_val_get(bounds, kdm_str_of(name));
    const struct kdm_date_reading reading = { .format = agg->dates, .zone = agg->zone };
    struct kdm_key key;

    if (kdm_val_null(value) || agg->field == NULL)
        return true;
    if (agg->field->type != KDM_FIELD_DATE)
        return kdm_val_double(value, side) || read_number_text(parse, value, side)
               || fail(parse, "needs a number for", kdm_str_of(name));
    if (!kdm_query_key(&parse->query, agg->name, agg->field, value, false, &reading, &key))
        return false;
    *side = key.number.d;
    return true;
}

/* A side that is not given stays what it is. */
static bool read_sides(struct parse *parse, const char *name, double *low, double *high)
{
    struct kdm_val bounds = param(parse, name);

    if (kdm_val_null(bounds))
        return true;
    if (kdm_val_type(bounds) != KDM_JSON_OBJECT)
        return fail(parse, "needs an object for", kdm_str_of(name));
    return read_side(parse, bounds, "min", low) && read_side(parse, bounds, "max", high)
           && (!(*low > *high) || fail(parse, "\"min\" is above \"max\" in", kdm_str_of(name)));
}

/* Steps are counted in whole numbers. */
static bool is_near(const struct kdm_agg *agg, double bound)
{
    return !(agg->kind == KDM_AGG_HISTOGRAM && fabs((bound - agg->offset) / agg->interval) >= 9e15);
}

static bool read_bounds(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;

    agg->bound_low = agg->bound_high = NAN;
    agg->limit_low = -INFINITY;
    agg->limit_high = INFINITY;
    agg->limited = !kdm_val_null(param(parse, "hard_bounds"));
    if (!read_sides(parse, "extended_bounds", &agg->bound_low, &agg->bound_high)
        || !read_sides(parse, "hard_bounds", &agg->limit_low, &agg->limit_high))
        return false;
    if (!is_near(agg, agg->bound_low) || !is_near(agg, agg->bound_high))
        return fail(parse, "\"extended_bounds\" are too far away", KDM_STR(""));
    return !(agg->bound_low < agg->limit_low || agg->bound_high > agg->limit_high)
           || fail(parse, "\"extended_bounds\" must lie within \"hard_bounds\"", KDM_STR(""));
}

static bool read_histogram(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;

    if (!read_field(parse) || !read_missing(parse) || !read_format(parse)
        || !number_param(parse, "interval", &agg->interval)
        || !number_param(parse, "offset", &agg->offset)
        || !count_param(parse, "min_doc_count", &agg->min_doc_count) || !read_order(parse)
        || (agg->interval > 0 && !read_bounds(parse))
        || !kdm_query_bool_param(&parse->query, agg->name, parse->params, "keyed", &agg->keyed))
        return false;
    return agg->interval > 0 || fail(parse, "needs an \"interval\" above 0", KDM_STR(""));
}

static bool read_interval(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_str fixed = text_param(parse, "fixed_interval");
    struct kdm_str calendar = text_param(parse, "calendar_interval");
    struct kdm_str either = text_param(parse, "interval");

    if (!kdm_str_none(fixed))
        return kdm_agg_fixed_interval(fixed, &agg->interval)
               || fail(parse, "can't understand the interval", fixed);
    if (kdm_str_none(calendar))
        calendar = either;
    if (kdm_str_none(calendar))
        return fail(parse, "needs a calendar_interval or a fixed_interval", KDM_STR(""));
    return kdm_agg_calendar_interval(calendar, &agg->calendar)
           || (kdm_str_eq(calendar, either) && kdm_agg_fixed_interval(calendar, &agg->interval))
           || fail(parse, "can't understand the interval", calendar);
}

static bool read_offset(struct parse *parse)
{
    struct kdm_str offset = text_param(parse, "offset");
    bool minus = offset.len > 0 && offset.ptr[0] == '-';

    if (kdm_str_none(offset))
        return true;
    if (offset.len > 0 && (minus || offset.ptr[0] == '+'))
        offset = kdm_str_from(offset, 1);
    if (!kdm_agg_fixed_interval(offset, &parse->agg->offset))
        return fail(parse, "can't understand the offset", offset);
    if (minus)
        parse->agg->offset = -parse->agg->offset;
    return true;
}

static bool read_date_histogram(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;

    return read_field(parse) && read_missing(parse) && read_interval(parse) && read_offset(parse)
           && read_zone(parse) && read_format(parse)
           && count_param(parse, "min_doc_count", &agg->min_doc_count) && read_order(parse)
           && read_bounds(parse)
           && kdm_query_bool_param(&parse->query, agg->name, parse->params, "keyed", &agg->keyed);
}

static bool asks_objects(const struct kdm_query *query);

static bool any_asks_objects(const struct kdm_query_list *queries)
{
    for (size_t i = 0; i < queries->count; i++)
        if (asks_objects(queries->items[i]))
            return true;
    return false;
}

/* Has it a nested query? */
static bool asks_objects(const struct kdm_query *query)
{
    if (query == NULL)
        return false;
    return query->kind == KDM_QUERY_NESTED || asks_objects(query->child)
           || asks_objects(query->negative) || any_asks_objects(&query->must)
           || any_asks_objects(&query->filter) || any_asks_objects(&query->should)
           || any_asks_objects(&query->must_not);
}

static bool add_filter(struct parse *parse, struct kdm_str name, struct kdm_val filter)
{
    struct kdm_agg *agg = parse->agg;

    if (agg->filter_names != NULL)
        agg->filter_names[agg->filter_count] = name;
    agg->filters[agg->filter_count] = kdm_query_parse_dsl(&parse->query, filter);
    if (agg->filters[agg->filter_count++] == NULL)
        return false;
    return parse->nested == NULL || !asks_objects(agg->filters[agg->filter_count - 1])
           || fail(parse, "a nested query below a nested aggregation is not supported",
                   KDM_STR(""));
}

/* "other_bucket", which a name for it asks for too. */
static bool read_others(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_val name = param(parse, "other_bucket_key");

    if (!kdm_val_null(name) && kdm_val_type(name) != KDM_JSON_STRING)
        return fail(parse, "needs a text for", KDM_STR("other_bucket_key"));
    agg->others = !kdm_val_null(name);
    agg->others_name = agg->others ? text_param(parse, "other_bucket_key") : KDM_STR("_other_");
    return kdm_query_bool_param(&parse->query, agg->name, parse->params, "other_bucket",
                                &agg->others);
}

static bool read_filters(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_val filters = param(parse, "filters"), name, filter;
    struct kdm_arena *arena = parse->query.arena;
    struct kdm_val_iter it;
    size_t room = 1;

    if (agg->kind == KDM_AGG_FILTERS) {
        room = kdm_val_count(filters);
        if (room == 0 || room > KDM_AGGS_MAX)
            return fail(parse, "needs \"filters\"", KDM_STR(""));
    }
    agg->filters = kdm_arena_zalloc(arena, room * sizeof(struct kdm_query *));
    if (agg->kind == KDM_AGG_FILTER)
        return add_filter(parse, KDM_STR(""), parse->params);
    if (!read_others(parse))
        return false;
    agg->keyed = kdm_val_type(filters) == KDM_JSON_OBJECT;
    if (agg->keyed)
        agg->filter_names = kdm_arena_zalloc(arena, room * sizeof(*agg->filter_names));
    for (kdm_members(&it, filters); kdm_member_next(&it, &name, &filter);)
        if (!add_filter(parse, kdm_val_str(arena, name), filter))
            return false;
    for (kdm_elements(&it, filters); !agg->keyed && kdm_element_next(&it, &filter);)
        if (!add_filter(parse, KDM_STR(""), filter))
            return false;
    return true;
}

static bool read_metric(struct parse *parse)
{
    return read_field(parse) && read_missing(parse) && read_format(parse);
}

static bool read_extended_stats(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;

    agg->sigma = 2;
    return read_metric(parse) && number_param(parse, "sigma", &agg->sigma)
           && (agg->sigma >= 0 || fail(parse, "\"sigma\" can't be negative", KDM_STR("")));
}

/* By path: one of the two may be another collection's. */
static bool lies_below(const struct kdm_field *field, const struct kdm_field *above)
{
    return kdm_str_starts(field->path, above->path) && field->path.len > above->path.len
           && field->path.ptr[above->path.len] == '.';
}

static bool read_nested(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    struct kdm_str path = text_param(parse, "path");

    if (!kdm_str_none(path) && !find_field(parse, path))
        return false;
    if (agg->field != NULL && agg->field->type == KDM_FIELD_NESTED && parse->nested != NULL
        && !lies_below(agg->field, parse->nested))
        return fail(parse, "the objects above hold none at", path);
    return (agg->field != NULL && agg->field->type == KDM_FIELD_NESTED)
           || fail(parse, "there is no nested field at", kdm_str_none(path) ? KDM_STR("") : path);
}

static bool read_percentiles(struct parse *parse)
{
    static const double usual[] = { 1, 5, 25, 50, 75, 95, 99 };
    struct kdm_agg *agg = parse->agg;
    struct kdm_val percents = param(parse, "percents"), one;
    struct kdm_val_iter it;
    size_t count = kdm_val_null(percents) ? 7 : kdm_val_count(percents);

    agg->keyed = true;
    if (!read_metric(parse)
        || !kdm_query_bool_param(&parse->query, agg->name, parse->params, "keyed", &agg->keyed))
        return false;
    if (count == 0 || count > 1000)
        return fail(parse, "needs an array of \"percents\"", KDM_STR(""));
    agg->percents = kdm_arena_alloc(parse->query.arena, count * sizeof(*agg->percents));
    if (kdm_val_null(percents)) {
        memcpy(agg->percents, usual, sizeof(usual));
        agg->percent_count = 7;
        return true;
    }
    for (kdm_elements(&it, percents); kdm_element_next(&it, &one);) {
        double *percent = &agg->percents[agg->percent_count++];

        if (!kdm_val_double(one, percent) || *percent < 0 || *percent > 100)
            return fail(parse, "a percent must be from 0 to 100", KDM_STR(""));
    }
    return true;
}

static bool read_top_hits(struct parse *parse)
{
    struct kdm_agg *agg = parse->agg;
    uint64_t from = 0, size = 3;

    if (parse->nested != NULL)
        return fail(parse, "top_hits of nested objects is not supported yet", KDM_STR(""));
    agg->hits = kdm_arena_zalloc(parse->query.arena, sizeof(*agg->hits));
    if (!count_param(parse, "from", &from) || !count_param(parse, "size", &size)
        || !kdm_sort_parse(&parse->query, parse->params, agg->hits)
        || !kdm_source_parse(&parse->query, parse->params, &agg->hits->source))
        return false;
    if (from > 100 || size > 100 || from + size > 100)
        return fail(parse, "from + size must be at most 100", KDM_STR(""));
    parse->aggs->by_score |= agg->hits->by_score;
    agg->hits->from = (int64_t)from;
    agg->hits->size = (int64_t)size;
    return true;
}

/* --- the tree
 * --------------------------------------------------------------------------------------- */

#define PARAMS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct {
    const char *name;
    enum kdm_agg_kind kind;
    bool (*read)(struct parse *parse);
    const char *const *known; /* NULL: the parameters are something else's */
} kinds[] = {
    { "terms", KDM_AGG_TERMS, read_terms,
      PARAMS("field", "size", "shard_size", "order", "min_doc_count", "missing", "format",
             "include", "exclude", "show_term_doc_count_error", "collect_mode", "execution_hint") },
    { "range", KDM_AGG_RANGE, read_ranges,
      PARAMS("field", "ranges", "keyed", "missing", "format") },
    { "date_range", KDM_AGG_DATE_RANGE, read_ranges,
      PARAMS("field", "ranges", "keyed", "missing", "format", "time_zone") },
    { "histogram", KDM_AGG_HISTOGRAM, read_histogram,
      PARAMS("field", "interval", "offset", "min_doc_count", "order", "keyed", "missing",
             "extended_bounds", "hard_bounds", "format") },
    { "date_histogram", KDM_AGG_DATE_HISTOGRAM, read_date_histogram,
      PARAMS("field", "interval", "calendar_interval", "fixed_interval", "offset", "min_doc_count",
             "order", "keyed", "missing", "extended_bounds", "hard_bounds", "time_zone",
             "format") },
    { "filter", KDM_AGG_FILTER, read_filters, NULL },
    { "filters", KDM_AGG_FILTERS, read_filters,
      PARAMS("filters", "other_bucket", "other_bucket_key") },
    { "nested", KDM_AGG_NESTED, read_nested, PARAMS("path") },
    { "missing", KDM_AGG_MISSING, read_field, PARAMS("field") },
    { "min", KDM_AGG_MIN, read_metric, PARAMS("field", "missing", "format") },
    { "max", KDM_AGG_MAX, read_metric, PARAMS("field", "missing", "format") },
    { "avg", KDM_AGG_AVG, read_metric, PARAMS("field", "missing", "format") },
    { "sum", KDM_AGG_SUM, read_metric, PARAMS("field", "missing", "format") },
    { "stats", KDM_AGG_STATS, read_metric, PARAMS("field", "missing", "format") },
    { "extended_stats", KDM_AGG_EXTENDED_STATS, read_extended_stats,
      PARAMS("field", "missing", "format", "sigma") },
    { "value_count", KDM_AGG_VALUE_COUNT, read_metric, PARAMS("field", "missing", "format") },
    { "cardinality", KDM_AGG_CARDINALITY, read_metric,
      PARAMS("field", "missing", "precision_threshold") },
    { "percentiles", KDM_AGG_PERCENTILES, read_percentiles,
      PARAMS("field", "missing", "percents", "keyed", "tdigest", "hdr", "format") },
    { "top_hits", KDM_AGG_TOP_HITS, read_top_hits,
      PARAMS("from", "size", "sort", "_source", "_source_includes", "_source_excludes") },
    { "geo_bounds", KDM_AGG_GEO_BOUNDS, read_field, PARAMS("field", "wrap_longitude") },
};

static bool read_kind(struct parse *parse, struct kdm_val name, struct kdm_val params)
{
    float boost;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!kdm_val_str_eq(name, kdm_str_of(kinds[i].name)))
            continue;
        parse->agg->kind = kinds[i].kind;
        parse->params = params;
        if (kdm_val_type(params) != KDM_JSON_OBJECT)
            return fail(parse, "needs an object for", kdm_str_of(kinds[i].name));
        return (kinds[i].known == NULL
                || kdm_query_params(&parse->query, parse->agg->name, params, kinds[i].known,
                                    &boost))
               && kinds[i].read(parse);
    }
    return fail(parse, "there is no aggregation, or not yet, called",
                kdm_val_str(parse->query.arena, name));
}

static bool read_all(struct parse *parse, struct kdm_val definition, int depth,
                     struct kdm_agg ***ret_items, uint32_t *ret_count);

static bool read_one(struct parse *parse, struct kdm_agg *agg, struct kdm_val definition, int depth)
{
    struct kdm_val_iter it;
    struct kdm_val name, value, below = KDM_VAL_NONE;
    const struct kdm_field *above = parse->nested;
    uint32_t named = 0;

    for (kdm_members(&it, definition); kdm_member_next(&it, &name, &value);) {
        parse->agg = agg;
        if (kdm_val_str_eq(name, KDM_STR("aggs"))
            || kdm_val_str_eq(name, KDM_STR("aggregations"))) {
            below = value;
        } else if (kdm_val_str_eq(name, KDM_STR("meta"))) {
            agg->meta = kdm_val_text(value);
        } else if (++named > 1 || !read_kind(parse, name, value)) {
            return named > 1 ? fail(parse, "has two types of aggregation", KDM_STR("")) : false;
        }
    }
    if (named == 0)
        return fail(parse, "has no type of aggregation", KDM_STR(""));
    if (!kdm_val_none(below)) {
        if (!kdm_agg_has_buckets(agg))
            return fail(parse, "can't hold other aggregations", KDM_STR(""));
        if (agg->kind == KDM_AGG_NESTED)
            parse->nested = agg->field;
        if (!read_all(parse, below, depth + 1, &agg->children, &agg->child_count))
            return false;
        parse->nested = above;
    }
    for (uint32_t i = 0; i < agg->order_count; i++)
        if (!resolve_order(parse, agg, &agg->orders[i]))
            return false;
    return true;
}

static bool has_sign_of_path(struct kdm_str name)
{
    return memchr(name.ptr, '>', name.len) != NULL || memchr(name.ptr, '[', name.len) != NULL
           || memchr(name.ptr, ']', name.len) != NULL;
}

static bool read_all(struct parse *parse, struct kdm_val definition, int depth,
                     struct kdm_agg ***ret_items, uint32_t *ret_count)
{
    struct kdm_arena *arena = parse->query.arena;
    struct kdm_val_iter it;
    struct kdm_val name, value;
    struct kdm_agg **items;
    uint32_t count = 0;

    parse->total += kdm_val_count(definition);
    if (kdm_val_type(definition) != KDM_JSON_OBJECT || depth > KDM_AGGS_MAX_DEPTH
        || parse->total > KDM_AGGS_MAX)
        return fail(parse, "aggregations must be an object, at most 256 and 16 deep", KDM_STR(""));
    items = kdm_arena_alloc(arena, (kdm_val_count(definition) + 1) * sizeof(struct kdm_agg *));
    for (kdm_members(&it, definition); kdm_member_next(&it, &name, &value);) {
        struct kdm_agg *agg = kdm_arena_zalloc(arena, sizeof(*agg));

        agg->name = kdm_val_str(arena, name);
        parse->agg = agg;
        if (has_sign_of_path(agg->name)) /* of orders: "a>b[c]" */
            return fail(parse, "a name can't hold any of [, ] and >", KDM_STR(""));
        if (kdm_val_type(value) != KDM_JSON_OBJECT)
            return fail(parse, "must be an object", KDM_STR(""));
        if (!read_one(parse, agg, value, depth))
            return false;
        items[count++] = agg;
    }
    *ret_items = items;
    *ret_count = count;
    return true;
}

struct kdm_aggs *kdm_aggs_parse(struct kdm_arena *arena, const struct kdm_mapping *mapping,
                                struct kdm_val definition, int64_t now_ms,
                                struct kdm_failure *ret_failure)
{
    const struct kdm_query_parser parser = {
        .arena = arena, .mapping = mapping, .failure = ret_failure, .now_ms = now_ms
    };

    return kdm_aggs_read(&parser, definition);
}

struct kdm_aggs *kdm_aggs_read(const struct kdm_query_parser *parser, struct kdm_val definition)
{
    struct kdm_aggs *aggs = kdm_arena_zalloc(parser->arena, sizeof(*aggs));
    struct parse parse = { .query = *parser, .aggs = aggs };

    parse.query.clauses = 0;
    return read_all(&parse, definition, 1, &aggs->items, &aggs->count) ? aggs : NULL;
}

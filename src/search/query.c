/* query.c - building the tree: nodes, failures, fields and typed values. */
#include "search/parse.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct kdm_field kdm_query_id = {
    .name = { "_id", 3 },
    .path = { "_id", 3 },
    .type = KDM_FIELD_KEYWORD,
    .enabled = true,
    .indexed = true,
    .doc_values = true,
    .ignore_above = UINT32_MAX,
};

/* --- nodes ---------------------------------------------------------------------------------- */

struct kdm_query *kdm_query_new(struct kdm_query_parser *parser, enum kdm_query_kind kind)
{
    struct kdm_query *query = kdm_arena_zalloc(parser->arena, sizeof(*query));

    query->kind = (uint8_t)kind;
    query->boost = 1;
    return query;
}

void kdm_query_add(struct kdm_query_parser *parser, struct kdm_query_list *list,
                   struct kdm_query *query)
{
    list->items = kdm_arena_more(parser->arena, list->items, list->count, sizeof(*list->items));
    list->items[list->count++] = query;
}

struct kdm_query *kdm_query_not(struct kdm_query_parser *parser, struct kdm_query *child)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);

    kdm_query_add(parser, &query->must_not, child);
    return query;
}

const char *kdm_query_shown(struct kdm_query_parser *parser, struct kdm_str text)
{
    if (text.len > 100) {
        text.len = 100;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    return kdm_str_none(text) ? "" : kdm_arena_copy(parser->arena, text).ptr;
}

struct kdm_query *kdm_query_fail(struct kdm_query_parser *parser, struct kdm_str clause,
                                 const char *format, ...)
{
    struct kdm_buf buf;
    char text[600];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    kdm_buf_init(&buf, parser->arena, 256);
    kdm_buf_lit(&buf, "failed to create query: [");
    kdm_buf_put(&buf, clause);
    kdm_buf_lit(&buf, "] ");
    if (len > 0)
        kdm_buf_put(&buf, kdm_str_of(text));
    kdm_failure_set(parser->failure, parser->arena, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                    KDM_PROPS(kdm_buf_str(&buf)));
    return NULL;
}

bool kdm_query_count(struct kdm_query_parser *parser, struct kdm_str clause)
{
    if (++parser->clauses <= KDM_QUERY_MAX_CLAUSES)
        return true;
    kdm_query_fail(parser, clause, "a query can't have more than %d clauses",
                   KDM_QUERY_MAX_CLAUSES);
    return false;
}

static int compare_keys(const void *a, const void *b)
{
    return kdm_key_cmp(a, b);
}

struct kdm_query *kdm_query_terms(struct kdm_query_parser *parser, const struct kdm_field *field,
                                  struct kdm_key *keys, size_t count)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_TERMS);

    if (count > 1)
        qsort(keys, count, sizeof(*keys), compare_keys);
    query->field = field;
    query->keys = keys;
    query->key_count = count;
    return query;
}

/* --- parameters ------------------------------------------------------------------------------- */

bool kdm_query_params(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val params,
                      const char *const *known, float *ret_boost)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    double boost;

    for (kdm_members(&it, params); kdm_member_next(&it, &name, &value);) {
        const char *const *at = known;

        if (kdm_val_str_eq(name, KDM_STR("_name")))
            continue;
        if (kdm_val_str_eq(name, KDM_STR("boost"))) {
            if (!kdm_val_double(value, &boost) || !(boost >= 0))
                return kdm_query_fail(parser, clause, "\"boost\" must be a number >= 0") != NULL;
            *ret_boost = (float)boost;
            continue;
        }
        while (*at != NULL && !kdm_val_str_eq(name, kdm_str_of(*at)))
            at++;
        if (*at == NULL)
            return kdm_query_fail(parser, clause, "does not support \"%s\"",
                                  kdm_query_shown(parser, kdm_val_str(parser->arena, name)))
                   != NULL;
    }
    return true;
}

bool kdm_query_bool_param(struct kdm_query_parser *parser, struct kdm_str clause,
                          struct kdm_val params, const char *name, bool *value)
{
    struct kdm_val given = kdm_val_get(params, kdm_str_of(name));

    if (kdm_val_none(given))
        return true;
    if (kdm_val_type(given) == KDM_JSON_TRUE || kdm_val_str_eq(given, KDM_STR("true")))
        *value = true;
    else if (kdm_val_type(given) == KDM_JSON_FALSE || kdm_val_str_eq(given, KDM_STR("false")))
        *value = false;
    else
        return kdm_query_fail(parser, clause, "\"%s\" must be a boolean", name) != NULL;
    return true;
}

bool kdm_query_zone(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val params,
                    const struct kdm_zone **ret_zone)
{
    struct kdm_val value = kdm_val_get(params, KDM_STR("time_zone"));
    struct kdm_str name = kdm_val_str(parser->arena, value);

    *ret_zone = NULL;
    if (kdm_val_null(value))
        return true;
    if (!kdm_str_none(name) && kdm_zone_find(parser->arena, name, ret_zone))
        return true;
    return kdm_query_fail(parser, clause, "the \"time_zone\" \"%s\" is not known",
                          kdm_query_shown(parser, kdm_val_text(value)))
           != NULL;
}

bool kdm_query_number_param(struct kdm_query_parser *parser, struct kdm_str clause,
                            struct kdm_val params, const char *name, double least, double most,
                            double *number)
{
    struct kdm_val given = kdm_val_get(params, kdm_str_of(name));
    struct kdm_str text = kdm_scalar_text(parser->arena, given);
    struct kdm_number read;

    if (kdm_val_none(given))
        return true;
    if (kdm_str_none(text) || !kdm_number_parse(text, &read) || !(read.d >= least)
        || !(read.d <= most))
        return kdm_query_fail(parser, clause, "\"%s\" must be a number from %g to %g", name, least,
                              most)
               != NULL;
    *number = read.d;
    return true;
}

/* --- how many --------------------------------------------------------------------------------- */

/* "3", "-1", "75%", "-25%" */
static bool simple_minimum(struct kdm_str text, long long count, long long *ret_minimum)
{
    bool percent = text.len > 0 && text.ptr[text.len - 1] == '%';
    long long number, minimum;

    if (percent)
        text.len--;
    if (text.len > 0 && text.ptr[0] == '+')
        text = kdm_str_from(text, 1);
    if (!kdm_str_int64(text, &number) || number > 1000000 || number < -1000000)
        return false;
    minimum = percent ? count * number / 100 : number; /* a part of a clause counts as none */
    if (number < 0)
        minimum += count; /* so many may be missing */
    *ret_minimum = minimum < 0 ? 0 : minimum;
    return true;
}

/* The next word of "2<75% 9<-3"; none at the end. */
static struct kdm_str next_word(struct kdm_str *rest)
{
    struct kdm_str word;

    while (rest->len > 0 && rest->ptr[0] == ' ')
        *rest = kdm_str_from(*rest, 1);
    word = (struct kdm_str){ rest->ptr, 0 };
    while (word.len < rest->len && word.ptr[word.len] != ' ')
        word.len++;
    *rest = kdm_str_from(*rest, word.len);
    return word.len == 0 ? KDM_STR_NONE : word;
}

/* Each condition whose bound the count exceeds replaces the one before, up to the first whose it
 * doesn't; all are needed when that is the first of all. */
static bool read_minimum(struct kdm_str text, long long count, long long *ret_minimum)
{
    bool within = false;
    struct kdm_str word;
    long long bound;

    if (memchr(text.ptr, '<', text.len) == NULL) {
        word = next_word(&text);
        return !kdm_str_none(word) && kdm_str_none(next_word(&text))
               && simple_minimum(word, count, ret_minimum);
    }
    *ret_minimum = count;
    for (word = next_word(&text); !kdm_str_none(word); word = next_word(&text)) {
        const char *sign = memchr(word.ptr, '<', word.len);
        size_t at = sign == NULL ? 0 : (size_t)(sign - word.ptr);
        long long minimum;

        if (!kdm_str_int64((struct kdm_str){ word.ptr, at }, &bound)
            || !simple_minimum(kdm_str_from(word, at + 1), count, &minimum))
            return false;
        within |= count <= bound;
        if (!within)
            *ret_minimum = minimum;
    }
    return true;
}

bool kdm_query_minimum(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val value,
                       size_t count, size_t *ret_minimum)
{
    struct kdm_str text = kdm_scalar_text(parser->arena, value);
    long long minimum = 0;

    if (kdm_str_none(text) || text.len == 0 || !read_minimum(text, (long long)count, &minimum))
        return kdm_query_fail(parser, clause,
                              "\"minimum_should_match\" must be a number, a percentage or "
                              "conditions like \"2<75%%\"")
               != NULL;
    *ret_minimum = (size_t)minimum;
    return true;
}

/* --- fields ----------------------------------------------------------------------------------- */

/* "flat.key": a keyword of its own, read where the key stands. */
static const struct kdm_field *flattened_key(struct kdm_query_parser *parser, struct kdm_str name)
{
    for (size_t at = name.len; at-- > 1;) {
        const struct kdm_field *flat;
        struct kdm_field *field;
        struct kdm_str *source;

        if (name.ptr[at] != '.')
            continue;
        flat = kdm_mapping_find(parser->mapping, (struct kdm_str){ name.ptr, at });
        if (flat == NULL || flat->type != KDM_FIELD_FLATTENED)
            continue;
        field = kdm_arena_alloc(parser->arena, sizeof(*field));
        source = kdm_arena_alloc(parser->arena, sizeof(*source));
        *field = *flat;
        field->type = KDM_FIELD_KEYWORD;
        field->path = *source = kdm_arena_copy(parser->arena, name);
        field->sources = source;
        field->source_count = 1;
        return field;
    }
    return NULL;
}

static bool below_disabled(const struct kdm_field *field)
{
    for (; field != NULL; field = field->parent)
        if (!field->enabled)
            return true;
    return false;
}

bool kdm_query_field(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_str name,
                     const struct kdm_field **ret_field)
{
    const struct kdm_field *field;

    *ret_field = NULL;
    if (kdm_str_eq(name, KDM_STR("_id"))) {
        *ret_field = &kdm_query_id;
        return true;
    }
    if (parser->mapping == NULL)
        return true;
    field = kdm_mapping_find(parser->mapping, name);
    if (field == NULL)
        field = flattened_key(parser, name);
    if (field == NULL || below_disabled(field))
        return true;
    if (field->type > KDM_FIELD_ALIAS && !field->indexed) {
        kdm_query_fail(parser, clause, "the field \"%s\" is not indexed",
                       kdm_query_shown(parser, name));
        return false;
    }
    *ret_field = field;
    return true;
}

bool kdm_query_leaf(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_str name,
                    const struct kdm_field **ret_field)
{
    if (!kdm_query_field(parser, clause, name, ret_field))
        return false;
    if (*ret_field != NULL && (*ret_field)->type <= KDM_FIELD_ALIAS)
        *ret_field = NULL;
    return true;
}

static unsigned family(const struct kdm_field *field)
{
    if (field->type >= KDM_FIELD_LONG && field->type <= KDM_FIELD_SCALED_FLOAT)
        return KDM_FIELD_LONG;
    return field->type == KDM_FIELD_FLATTENED ? KDM_FIELD_KEYWORD : field->type;
}

bool kdm_field_real(const struct kdm_field *field)
{
    return field->type >= KDM_FIELD_DOUBLE && field->type <= KDM_FIELD_SCALED_FLOAT;
}

static struct kdm_peer_field *read_peers(struct kdm_query_parser *parser, struct kdm_str name)
{
    struct kdm_peer_field *all = kdm_arena_zalloc(parser->arena, sizeof(*all));

    *all = (struct kdm_peer_field){ .name = name, .alike = true };
    for (size_t i = 0; i < parser->peers->count; i++) {
        const struct kdm_field *field = kdm_mapping_find(parser->peers->mappings[i], name);

        if (field == NULL || below_disabled(field))
            continue;
        if (all->field == NULL)
            all->field = field;
        all->alike &= family(field) == family(all->field);
        all->real |= kdm_field_real(field);
    }
    return all;
}

/* Each of them asks for the same fields: the first time is remembered. */
const struct kdm_peer_field *kdm_query_peers(struct kdm_query_parser *parser, struct kdm_str name)
{
    struct kdm_peer_field *known = parser->peers->fields;

    while (known != NULL && !kdm_str_eq(known->name, name))
        known = known->next;
    if (known != NULL)
        return known;
    known = read_peers(parser, name);
    known->next = parser->peers->fields;
    parser->peers->fields = known;
    return known;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool whole_type(const struct kdm_field *field)
{
    return field->type >= KDM_FIELD_LONG && field->type <= KDM_FIELD_BYTE;
}

bool kdm_query_key(struct kdm_query_parser *parser, struct kdm_str clause,
                   const struct kdm_field *field, struct kdm_val value, bool round_up,
                   const struct kdm_date_reading *reading, struct kdm_key *ret_key)
{
    const struct kdm_date_format *format = reading == NULL ? NULL : reading->format;
    struct kdm_str text = kdm_scalar_text(parser->arena, value);
    bool fits = false;
    int64_t ms;

    *ret_key = (struct kdm_key){ 0 };
    if (kdm_str_none(text)) {
        kdm_query_fail(parser, clause, "the field \"%s\" needs a value that is not %s",
                       kdm_query_shown(parser, field->path),
                       kdm_val_null(value) ? "null" : "an object or array");
        return false;
    }
    switch ((enum kdm_field_type)field->type) {
    case KDM_FIELD_KEYWORD:
    case KDM_FIELD_TEXT:
    case KDM_FIELD_FLATTENED:
        *ret_key = (struct kdm_key){
            .is_text = true,
            .text = field->lowercase ? kdm_lower_case(parser->arena, text) : text,
        };
        return true;
    case KDM_FIELD_DATE:
        fits = kdm_date_math(format == NULL ? field->format : format, text, parser->now_ms,
                             round_up, reading == NULL ? NULL : reading->zone, &ms);
        if (fits)
            ret_key->number = kdm_number_int(ms);
        break;
    case KDM_FIELD_LONG:
    case KDM_FIELD_INTEGER:
    case KDM_FIELD_SHORT:
    case KDM_FIELD_BYTE:
        fits = kdm_number_parse(text, &ret_key->number);
        break;
    default:
        fits = kdm_field_key(field, parser->arena, value, ret_key) == KDM_KEY_OK;
        /* Beyond what a float holds, a bound still means something. */
        if (!fits && !whole_type(field) && field->type >= KDM_FIELD_DOUBLE
            && field->type <= KDM_FIELD_SCALED_FLOAT)
            fits = kdm_number_parse(text, &ret_key->number);
    }
    if (!fits)
        kdm_query_fail(parser, clause, "the field \"%s\" of type %s can't be compared with \"%s\"",
                       kdm_query_shown(parser, field->path), kdm_field_type_name(field->type),
                       kdm_query_shown(parser, text));
    return fits;
}

/* "10.0.0.0/8" as its first and its last address; false: it is no network. */
static bool read_network(struct kdm_str text, unsigned char *low, unsigned char *high)
{
    const char *slash = text.len == 0 ? NULL : memchr(text.ptr, '/', text.len);
    size_t at = slash == NULL ? 0 : (size_t)(slash - text.ptr);
    long long bits;

    if (slash == NULL || !kdm_ip_parse((struct kdm_str){ text.ptr, at }, low)
        || !kdm_str_int64(kdm_str_from(text, at + 1), &bits) || bits < 0)
        return false;
    if (memchr(text.ptr, ':', at) == NULL) {
        if (bits > 32)
            return false;
        bits += 96; /* an IPv4 address stands at the end of an IPv6 one */
    }
    if (bits > 128)
        return false;
    memcpy(high, low, 16);
    for (long long bit = bits; bit < 128; bit++) {
        unsigned char mask = (unsigned char)(0x80 >> bit % 8);

        low[bit / 8] &= (unsigned char)~mask;
        high[bit / 8] |= mask;
    }
    return true;
}

/* What Elasticsearch keeps in an inverted index, and so weighs by how many documents have it. */
static bool has_words(const struct kdm_field *field)
{
    return field != &kdm_query_id
           && (field->type == KDM_FIELD_KEYWORD || field->type == KDM_FIELD_TEXT
               || field->type == KDM_FIELD_FLATTENED);
}

static struct kdm_key address_key(struct kdm_query_parser *parser, const unsigned char *bytes)
{
    struct kdm_str text = { (const char *)bytes, 16 };

    return (struct kdm_key){ .is_text = true, .text = kdm_arena_copy(parser->arena, text) };
}

struct kdm_query *kdm_query_value(struct kdm_query_parser *parser, struct kdm_str clause,
                                  const struct kdm_field *field, struct kdm_val value)
{
    struct kdm_key *keys = kdm_arena_zalloc(parser->arena, 2 * sizeof(*keys));
    unsigned char low[16], high[16];
    struct kdm_query *query;

    if (field->type != KDM_FIELD_IP
        || !read_network(kdm_scalar_text(parser->arena, value), low, high)) {
        if (!kdm_query_key(parser, clause, field, value, false, NULL, &keys[0]))
            return NULL;
        query = kdm_query_terms(parser, field, keys, 1);
        query->weighed = has_words(field);
        return query;
    }
    query = kdm_query_new(parser, KDM_QUERY_RANGE);
    query->field = field;
    query->keys = keys;
    keys[0] = address_key(parser, low);
    keys[1] = address_key(parser, high);
    query->has_low = query->has_high = true;
    return query;
}

struct kdm_query *kdm_query_any(struct kdm_query_parser *parser, struct kdm_str clause,
                                const struct kdm_field *field, const struct kdm_val *values,
                                size_t count)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL), *one;
    struct kdm_key *keys = kdm_arena_alloc(parser->arena, (count + 1) * sizeof(*keys));
    size_t key_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (field->type != KDM_FIELD_IP) {
            if (!kdm_query_key(parser, clause, field, values[i], false, NULL, &keys[key_count++]))
                return NULL;
            continue;
        }
        one = kdm_query_value(parser, clause, field, values[i]);
        if (one == NULL)
            return NULL;
        if (one->kind == KDM_QUERY_TERMS)
            keys[key_count++] = one->keys[0];
        else if (kdm_query_count(parser, clause))
            kdm_query_add(parser, &query->should, one);
        else
            return NULL;
    }
    one = kdm_query_terms(parser, field, keys, key_count);
    if (query->should.count == 0)
        return one;
    kdm_query_add(parser, &query->should, one);
    query->minimum = 1;
    query->best_only = true; /* however many of them a document has, it scores once */
    return query;
}

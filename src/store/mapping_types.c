/* mapping_types.c - the field types and parameters that a mapping may name.
 * Two tables. What Elasticsearch knows and we do not build (ranges, join, percolator, ..) is not in
 * them, so it is refused by name instead of being stored and never found.
 */
#include "store/mapping_internal.h"

enum {
    P_KEYWORD = 1,
    P_TEXT = 2,
    P_WHOLE = 4,
    P_REAL = 8,
    P_SCALED = 16,
    P_DATE = 32,
    P_BOOLEAN = 64,
    P_POINT = 128,
    P_SHAPE = 256,
    P_IP = 512,
    P_FLAT = 1024,
    P_BINARY = 2048,
    P_ALIAS = 4096,
    P_OBJECT = 8192,
    P_NUMBER = P_WHOLE | P_REAL | P_SCALED,
    P_EXACT = P_KEYWORD | P_NUMBER | P_DATE | P_BOOLEAN | P_IP,
    P_LEAF = P_EXACT | P_TEXT | P_POINT | P_SHAPE | P_FLAT | P_BINARY
};

static const struct kdm_type_row type_rows[] = {
    { "keyword", KDM_FIELD_KEYWORD, P_KEYWORD },
    { "text", KDM_FIELD_TEXT, P_TEXT },
    { "long", KDM_FIELD_LONG, P_WHOLE },
    { "integer", KDM_FIELD_INTEGER, P_WHOLE },
    { "short", KDM_FIELD_SHORT, P_WHOLE },
    { "byte", KDM_FIELD_BYTE, P_WHOLE },
    { "double", KDM_FIELD_DOUBLE, P_REAL },
    { "float", KDM_FIELD_FLOAT, P_REAL },
    { "half_float", KDM_FIELD_HALF_FLOAT, P_REAL },
    { "scaled_float", KDM_FIELD_SCALED_FLOAT, P_SCALED },
    { "date", KDM_FIELD_DATE, P_DATE },
    { "date_nanos", KDM_FIELD_DATE, P_DATE },
    { "boolean", KDM_FIELD_BOOLEAN, P_BOOLEAN },
    { "geo_point", KDM_FIELD_GEO_POINT, P_POINT },
    { "geo_shape", KDM_FIELD_GEO_SHAPE, P_SHAPE },
    { "ip", KDM_FIELD_IP, P_IP },
    { "object", KDM_FIELD_OBJECT, P_OBJECT },
    { "nested", KDM_FIELD_NESTED, P_OBJECT },
    { "flattened", KDM_FIELD_FLATTENED, P_FLAT },
    { "binary", KDM_FIELD_BINARY, P_BINARY },
    { "wildcard", KDM_FIELD_KEYWORD, P_KEYWORD },
    { "match_only_text", KDM_FIELD_TEXT, P_TEXT },
    { "alias", KDM_FIELD_ALIAS, P_ALIAS },
};

static const struct kdm_param_row param_rows[] = {
    { "analyzer", P_TEXT, KDM_PARAM_ANALYZER, false },
    { "boost", P_EXACT | P_TEXT, KDM_PARAM_NUMBER, true },
    { "coerce", P_NUMBER | P_SHAPE, KDM_PARAM_BOOL, true },
    { "copy_to", P_LEAF & ~(P_FLAT | P_BINARY), KDM_PARAM_STRINGS, true },
    { "depth_limit", P_FLAT, KDM_PARAM_COUNT, true },
    { "doc_values", P_EXACT | P_POINT | P_SHAPE | P_FLAT | P_BINARY, KDM_PARAM_BOOL, false },
    { "eager_global_ordinals", P_KEYWORD | P_TEXT | P_FLAT, KDM_PARAM_BOOL, true },
    { "fielddata", P_TEXT, KDM_PARAM_BOOL, true },
    { "fielddata_frequency_filter", P_TEXT, KDM_PARAM_OBJECT, true },
    { "fields", P_EXACT | P_TEXT | P_POINT, KDM_PARAM_FIELDS, true },
    { "format", P_DATE, KDM_PARAM_FORMAT, false },
    { "ignore_above", P_KEYWORD | P_FLAT, KDM_PARAM_COUNT, true },
    { "ignore_malformed", P_NUMBER | P_DATE | P_POINT | P_SHAPE | P_IP, KDM_PARAM_BOOL, true },
    { "ignore_z_value", P_POINT | P_SHAPE, KDM_PARAM_BOOL, true },
    { "index", P_LEAF & ~P_BINARY, KDM_PARAM_BOOL, false },
    { "index_options", P_KEYWORD | P_TEXT | P_FLAT, KDM_PARAM_STRING, false },
    { "index_phrases", P_TEXT, KDM_PARAM_BOOL, false },
    { "index_prefixes", P_TEXT, KDM_PARAM_ANY, false },
    { "locale", P_DATE, KDM_PARAM_STRING, false },
    { "meta", P_LEAF | P_ALIAS, KDM_PARAM_OBJECT, true },
    { "normalizer", P_KEYWORD, KDM_PARAM_NORMALIZER, false },
    { "norms", P_KEYWORD | P_TEXT, KDM_PARAM_BOOL, true },
    { "null_value", P_EXACT | P_POINT | P_FLAT, KDM_PARAM_SCALAR, false },
    { "orientation", P_SHAPE, KDM_PARAM_STRING, true },
    { "path", P_ALIAS, KDM_PARAM_STRING, false },
    { "position_increment_gap", P_TEXT, KDM_PARAM_COUNT, false },
    { "scaling_factor", P_SCALED, KDM_PARAM_NUMBER, false },
    { "search_analyzer", P_TEXT, KDM_PARAM_ANALYZER, true },
    { "search_quote_analyzer", P_TEXT, KDM_PARAM_ANALYZER, true },
    { "similarity", P_KEYWORD | P_TEXT | P_FLAT, KDM_PARAM_STRING, false },
    { "split_queries_on_whitespace", P_KEYWORD | P_FLAT, KDM_PARAM_BOOL, true },
    { "store", P_LEAF, KDM_PARAM_BOOL, false },
    { "term_vector", P_TEXT, KDM_PARAM_STRING, false },
};

const struct kdm_type_row *kdm_type_find(struct kdm_str name)
{
    for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++)
        if (kdm_str_eq(name, kdm_str_of(type_rows[i].name)))
            return &type_rows[i];
    return NULL;
}

const struct kdm_param_row *kdm_param_find(struct kdm_str name)
{
    for (size_t i = 0; i < sizeof(param_rows) / sizeof(param_rows[0]); i++)
        if (kdm_str_eq(name, kdm_str_of(param_rows[i].name)))
            return &param_rows[i];
    return NULL;
}

const char *kdm_field_type_name(enum kdm_field_type type)
{
    for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++)
        if (type_rows[i].type == type)
            return type_rows[i].name;
    return "object";
}

bool kdm_analyzer_find(struct kdm_str name, enum kdm_analyzer *ret_analyzer)
{
    static const char *const names[] = { "standard", "simple",  "whitespace",
                                         "keyword",  "english", "french" };

    if (kdm_str_eq(name, KDM_STR("default")))
        name = KDM_STR("standard");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!kdm_str_eq(name, kdm_str_of(names[i])))
            continue;
        *ret_analyzer = (enum kdm_analyzer)i;
        return true;
    }
    return false;
}

const char *kdm_dynamic_name(enum kdm_dynamic dynamic)
{
    static const char *const names[] = { "false", "true", "strict" };

    return names[dynamic];
}

bool kdm_dynamic_find(struct kdm_val value, enum kdm_dynamic *ret_dynamic)
{
    if (kdm_val_type(value) == KDM_JSON_TRUE || kdm_val_str_eq(value, KDM_STR("true")))
        *ret_dynamic = KDM_DYNAMIC_TRUE;
    else if (kdm_val_type(value) == KDM_JSON_FALSE || kdm_val_str_eq(value, KDM_STR("false")))
        *ret_dynamic = KDM_DYNAMIC_FALSE;
    else if (kdm_val_str_eq(value, KDM_STR("strict")))
        *ret_dynamic = KDM_DYNAMIC_STRICT;
    else
        return false;
    return true;
}

bool kdm_field_takes_object(const struct kdm_field *field)
{
    return field->type == KDM_FIELD_GEO_POINT || field->type == KDM_FIELD_GEO_SHAPE
           || field->type == KDM_FIELD_FLATTENED;
}

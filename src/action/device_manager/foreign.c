/* foreign.c - see foreign.h. */
#include "action/device_manager/foreign.h"

/* The first row of a mapping type is how it is told. */
static const struct {
    const char *data_type, *mapping_type;
} types[] = {
    { "BOOLEAN", "boolean" },     { "INT", "integer" },
    { "LONG", "long" },           { "DOUBLE", "double" },
    { "STRING", "keyword" },      { "TIMESTAMP", "date" },
    { "INT", "short" },           { "INT", "byte" },
    { "DOUBLE", "float" },        { "DOUBLE", "half_float" },
    { "DOUBLE", "scaled_float" }, { "STRING", "text" },
    { "BIG_STRING", "text" },
};
#define TYPES (sizeof(types) / sizeof(types[0]))

struct kdm_str kdm_dm_mapping_type(struct kdm_str data_type)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (kdm_str_eq(data_type, kdm_str_of(types[i].data_type)))
            return kdm_str_of(types[i].mapping_type);
    }
    return KDM_STR_NONE;
}

struct kdm_str kdm_dm_data_type(struct kdm_str mapping_type)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (kdm_str_eq(mapping_type, kdm_str_of(types[i].mapping_type)))
            return kdm_str_of(types[i].data_type);
    }
    return KDM_STR_NONE;
}

/* What was known of a variable, if it is of this type still; else NONE. */
static struct kdm_val known_variable(struct kdm_arena *arena, struct kdm_val block,
                                     struct kdm_str name, struct kdm_str data_type)
{
    struct kdm_val_iter it;
    struct kdm_val variable;

    for (kdm_elements(&it, kdm_val_get(block, KDM_STR("variables")));
         kdm_element_next(&it, &variable);) {
        if (kdm_str_eq(kdm_val_str(arena, kdm_val_get(variable, KDM_STR("name"))), name)
            && kdm_val_str_eq(kdm_val_get(variable, KDM_STR("dataType")), data_type))
            return variable;
    }
    return KDM_VAL_NONE;
}

static void put_variable(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val block,
                         struct kdm_str name, struct kdm_str data_type)
{
    struct kdm_val known = known_variable(arena, block, name, data_type);

    if (buf->len > 1)
        kdm_buf_char(buf, ',');
    if (!kdm_val_none(known)) {
        kdm_buf_put(buf, kdm_val_text(known));
        return;
    }
    kdm_buf_lit(buf, "{\"name\":");
    kdm_json_put_str(buf, name);
    kdm_buf_lit(buf, ",\"dataType\":");
    kdm_json_put_str(buf, data_type);
    kdm_buf_lit(buf, ",\"unit\":null,\"searchable\":false,\"length\":");
    kdm_buf_put(buf, kdm_str_eq(data_type, KDM_STR("STRING")) ? KDM_STR("255") : KDM_STR("null"));
    kdm_buf_lit(buf, ",\"defaultValue\":null}");
}

/* Those of the mapping that a variable can be: objects are aspects. */
static struct kdm_str variables_of(struct kdm_arena *arena, struct kdm_val block,
                                   struct kdm_val mappings)
{
    struct kdm_val_iter it;
    struct kdm_val name, mapping;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 512);
    kdm_buf_char(&buf, '[');
    for (kdm_members(&it, mappings); kdm_member_next(&it, &name, &mapping);) {
        struct kdm_str type = kdm_val_str(arena, kdm_val_get(mapping, KDM_STR("type")));
        struct kdm_str data_type = kdm_str_none(type) ? KDM_STR_NONE : kdm_dm_data_type(type);

        if (!kdm_str_none(data_type))
            put_variable(arena, &buf, block, kdm_val_str(arena, name), data_type);
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_dm_foreign_refreshed(struct kdm_arena *arena, struct kdm_val block,
                                        struct kdm_val source)
{
    struct kdm_val mappings = kdm_val_path(source, KDM_STR("asset.metadataMappings"));
    struct kdm_str text =
        kdm_json_set(arena, block, KDM_STR("variables"), variables_of(arena, block, mappings));
    int64_t etag = 0;

    kdm_val_int64(kdm_val_get(block, KDM_STR("etag")), &etag);
    return kdm_json_set(arena, kdm_json_parse(arena, text), KDM_STR("etag"),
                        kdm_arena_printf(arena, "%lld", (long long)etag + 1));
}

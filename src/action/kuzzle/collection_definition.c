/* collection_definition.c - see collection_definition.h. */
#include "action/kuzzle/collection_definition.h"
#include "store/mapping_value.h"

/* --- settings ------------------------------------------------------------------------------- */

static bool bad_setting(struct kdm_arena *arena, struct kdm_failure *ret_failure,
                        struct kdm_str reason)
{
    kdm_failure_set(ret_failure, arena, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                    KDM_PROPS(reason));
    return false;
}

/* By the part before the first dot. */
static bool setting_known(struct kdm_str name)
{
    static const char *const known[] = {
        "number_of_shards",
        "number_of_replicas",
        "number_of_routing_shards",
        "auto_expand_replicas",
        "refresh_interval",
        "max_result_window",
        "max_inner_result_window",
        "max_rescore_window",
        "max_docvalue_fields_search",
        "max_script_fields",
        "max_ngram_diff",
        "max_shingle_diff",
        "max_refresh_listeners",
        "max_terms_count",
        "max_regex_length",
        "max_slices_per_scroll",
        "analysis",
        "analyze",
        "mapping",
        "codec",
        "sort",
        "similarity",
        "routing",
        "blocks",
        "translog",
        "merge",
        "store",
        "search",
        "indexing",
        "query",
        "queries",
        "requests",
        "highlight",
        "gc_deletes",
        "default_pipeline",
        "final_pipeline",
        "hidden",
        "priority",
        "soft_deletes",
        "unassigned",
        "write",
        "format",
        "shard",
        "lifecycle",
        "load_fixed_bitset_filters_eagerly",
    };
    const char *dot = memchr(name.ptr, '.', name.len);

    if (dot != NULL)
        name.len = (size_t)(dot - name.ptr);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (kdm_str_eq(name, kdm_str_of(known[i])))
            return true;
    return false;
}

static bool count_valid(struct kdm_arena *arena, struct kdm_val value, int64_t least)
{
    struct kdm_str text = kdm_scalar_text(arena, value);
    long long count;

    return kdm_val_type(value) == KDM_JSON_NULL
           || (!kdm_str_none(text) && kdm_str_int64(text, &count) && count >= least
               && count <= 1024);
}

static bool check_setting(struct kdm_arena *arena, struct kdm_str name, struct kdm_val value,
                          struct kdm_failure *ret_failure)
{
    if (!setting_known(name))
        return bad_setting(
            arena, ret_failure,
            kdm_arena_printf(arena, "There is no setting \"" KDM_FMT "\".", KDM_ARG(name)));
    if ((kdm_str_eq(name, KDM_STR("number_of_shards")) && !count_valid(arena, value, 1))
        || (kdm_str_eq(name, KDM_STR("number_of_replicas")) && !count_valid(arena, value, 0)))
        return bad_setting(arena, ret_failure,
                           kdm_arena_printf(arena,
                                            "The setting \"" KDM_FMT "\" must be a whole number.",
                                            KDM_ARG(name)));
    return true;
}

/* The names without "index.", which may stand before them or around them. */
static bool put_settings(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val settings,
                         bool inside_index, struct kdm_failure *ret_failure)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, settings); kdm_member_next(&it, &name, &value);) {
        struct kdm_str plain = kdm_val_str(arena, name);

        if (!inside_index && kdm_str_eq(plain, KDM_STR("index"))
            && kdm_val_type(value) == KDM_JSON_OBJECT) {
            if (!put_settings(arena, buf, value, true, ret_failure))
                return false;
            continue;
        }
        if (kdm_str_starts(plain, KDM_STR("index.")))
            plain = kdm_str_from(plain, sizeof("index.") - 1);
        if (!check_setting(arena, plain, value, ret_failure))
            return false;
        kdm_json_put_name(buf, plain);
        kdm_buf_put(buf, kdm_json_canonical(arena, value));
    }
    return true;
}

static bool read_settings(struct kdm_arena *arena, struct kdm_val settings,
                          struct kdm_val *ret_settings, struct kdm_failure *ret_failure)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 128);
    kdm_buf_char(&buf, '{');
    if (!put_settings(arena, &buf, settings, false, ret_failure))
        return false;
    kdm_buf_char(&buf, '}');
    *ret_settings = kdm_json_parse(arena, kdm_buf_str(&buf));
    return true;
}

static struct kdm_str setting_text(struct kdm_arena *arena, struct kdm_val settings,
                                   struct kdm_str name, struct kdm_str absent)
{
    struct kdm_str text = kdm_scalar_text(arena, kdm_val_get(settings, name));

    return kdm_str_none(text) ? absent : text;
}

/* The number of shards can't change once a collection is there. */
static bool shards_stay(struct kdm_arena *arena, struct kdm_val old, struct kdm_val changes,
                        struct kdm_failure *ret_failure)
{
    const struct kdm_str name = KDM_STR("number_of_shards");
    struct kdm_str was = setting_text(arena, old, name, KDM_STR("1"));

    if (kdm_str_eq(setting_text(arena, changes, name, was), was))
        return true;
    return bad_setting(arena, ret_failure,
                       KDM_STR("The setting \"number_of_shards\" of an existing collection cannot "
                               "be changed."));
}

/* --- showing settings ------------------------------------------------------------------------ */

static void put_shown(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val value);

static void put_shown_members(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val object)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        if (kdm_val_type(value) == KDM_JSON_NULL)
            continue;
        kdm_json_put_name(buf, kdm_val_str(arena, name));
        put_shown(arena, buf, value);
    }
}

static void put_shown_elements(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val array)
{
    struct kdm_val_iter it;
    struct kdm_val value;
    bool first = true;

    for (kdm_elements(&it, array); kdm_element_next(&it, &value); first = false) {
        if (!first)
            kdm_buf_char(buf, ',');
        put_shown(arena, buf, value);
    }
}

static void put_shown(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val value)
{
    switch (kdm_val_type(value)) {
    case KDM_JSON_OBJECT:
        kdm_buf_char(buf, '{');
        put_shown_members(arena, buf, value);
        kdm_buf_char(buf, '}');
        break;
    case KDM_JSON_ARRAY:
        kdm_buf_char(buf, '[');
        put_shown_elements(arena, buf, value);
        kdm_buf_char(buf, ']');
        break;
    case KDM_JSON_NULL:
        kdm_buf_lit(buf, "null");
        break;
    default:
        kdm_json_put_str(buf, kdm_scalar_text(arena, value));
    }
}

void kdm_settings_show(struct kdm_arena *arena, struct kdm_val settings, struct kdm_buf *buf)
{
    static const struct kdm_str defaults[] = { KDM_STR("number_of_shards"),
                                               KDM_STR("number_of_replicas") };

    kdm_buf_char(buf, '{');
    for (size_t i = 0; i < 2; i++) {
        if (!kdm_val_null(kdm_val_get(settings, defaults[i])))
            continue;
        kdm_json_put_name(buf, defaults[i]);
        kdm_buf_lit(buf, "\"1\"");
    }
    put_shown_members(arena, buf, settings);
    kdm_buf_char(buf, '}');
}

/* --- mappings -------------------------------------------------------------------------------- */

/* What is wrong with `properties` is left for the mapping to tell. */
static bool mergeable(struct kdm_val properties)
{
    return kdm_val_none(properties) || kdm_val_type(properties) == KDM_JSON_OBJECT;
}

static struct kdm_val with_common(struct kdm_arena *arena, const struct kdm_common_mapping *common,
                                  struct kdm_val mappings)
{
    struct kdm_val properties = kdm_val_get(mappings, KDM_STR("properties"));
    struct kdm_buf dynamic;

    if (mergeable(properties) && common->properties.len > sizeof("{}") - 1) {
        struct kdm_str merged =
            kdm_json_merge(arena, properties, kdm_json_parse(arena, common->properties));

        mappings =
            kdm_json_parse(arena, kdm_json_set(arena, mappings, KDM_STR("properties"), merged));
    }
    if (!kdm_val_none(kdm_val_get(mappings, KDM_STR("dynamic"))) || common->dynamic.len == 0)
        return mappings;
    kdm_buf_init(&dynamic, arena, 16);
    kdm_json_put_str(&dynamic, common->dynamic);
    return kdm_json_parse(arena,
                          kdm_json_set(arena, mappings, KDM_STR("dynamic"), kdm_buf_str(&dynamic)));
}

static struct kdm_str definition_text(struct kdm_arena *arena, struct kdm_str mappings,
                                      struct kdm_str settings)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, mappings.len + settings.len + 32);
    kdm_buf_lit(&buf, "{\"mappings\":");
    kdm_buf_put(&buf, mappings);
    kdm_buf_lit(&buf, ",\"settings\":");
    kdm_buf_put(&buf, settings);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

bool kdm_definition_create(struct kdm_arena *arena, const struct kdm_common_mapping *common,
                           struct kdm_val mappings, struct kdm_val settings,
                           struct kdm_str *ret_definition, struct kdm_failure *ret_failure)
{
    struct kdm_mapping *mapping;

    if (!read_settings(arena, settings, &settings, ret_failure))
        return false;
    mapping = kdm_mapping_create(arena, with_common(arena, common, mappings), ret_failure);
    if (mapping == NULL)
        return false;
    *ret_definition = definition_text(arena, kdm_mapping_text(mapping), kdm_val_text(settings));
    kdm_mapping_unref(mapping);
    return true;
}

bool kdm_definition_update(struct kdm_arena *arena, const struct kdm_mapping *mapping,
                           struct kdm_str definition, struct kdm_val mappings,
                           struct kdm_val settings, struct kdm_str *ret_definition,
                           bool *ret_changed, struct kdm_failure *ret_failure)
{
    struct kdm_val whole = kdm_json_parse(arena, definition);
    struct kdm_val old = kdm_val_get(whole, KDM_STR("settings"));
    struct kdm_val unspecified = kdm_val_get(whole, KDM_STR("unspecified"));
    struct kdm_str text = kdm_mapping_text(mapping), merged;
    bool changed = false;

    if (!read_settings(arena, settings, &settings, ret_failure)
        || !shards_stay(arena, old, settings, ret_failure))
        return false;
    if (!kdm_val_none(mappings)
        && !kdm_mapping_merge(mapping, arena, mappings, &text, &changed, ret_failure))
        return false;
    merged = kdm_json_merge(arena, old, settings);
    *ret_changed = changed || !kdm_val_equal(arena, old, kdm_json_parse(arena, merged));
    *ret_definition = definition_text(arena, text, merged);
    if (!kdm_val_none(unspecified))
        *ret_definition = kdm_json_set(arena, kdm_json_parse(arena, *ret_definition),
                                       KDM_STR("unspecified"), kdm_val_text(unspecified));
    return true;
}

/* document_export.c - what a search finds as a file: lines of JSON, or CSV.
 * The file is made while it is sent (kdm_tx_reply_stream()), so it may be of any size: which
 * documents and in what order is settled by one search before the first byte leaves, their sources
 * are read as their turn comes. `size` and `scroll`, by which Kuzzle reads page by page, mean
 * nothing here.
 */
#include "action/kuzzle/document.h"
#include "action/kuzzle/target.h"
#include "action/search.h"

struct export
{
    struct kdm_tx *tx;
    const struct kdm_args *args;
    struct kdm_collection *collection;
    struct kdm_str_list fields; /* count 0: all */
    struct kdm_str separator;
};

/* A member of the body, or the argument of that name. */
static struct kdm_val option(const struct kdm_args *args, const char *name, enum kdm_arg arg)
{
    struct kdm_val val = kdm_val_get(args->body, kdm_str_of(name));

    return kdm_val_none(val) ? kdm_args_val(args, arg) : val;
}

/* --- what is found ------------------------------------------------------------------------- */

/* {"query":..,"_source":..}; the body of a search. */
static struct kdm_val search_body(const struct export *export)
{
    const struct kdm_args *args = export->args;
    struct kdm_val query = option(args, "query", KDM_ARG_QUERY);
    struct kdm_val collapse = option(args, "collapse", KDM_ARG_COLLAPSE);
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, 256);
    kdm_buf_char(&buf, '{');
    if (!kdm_val_none(query)) {
        kdm_json_put_name(&buf, KDM_STR("query"));
        kdm_buf_put(&buf, kdm_json_canonical(args->arena, query));
    }
    if (!kdm_val_none(collapse)) {
        kdm_json_put_name(&buf, KDM_STR("collapse"));
        kdm_buf_put(&buf, kdm_json_canonical(args->arena, collapse));
    }
    if (export->fields.count > 0) {
        kdm_json_put_name(&buf, KDM_STR("_source"));
        kdm_json_put_strings(&buf, &export->fields);
    }
    kdm_buf_char(&buf, '}');
    return kdm_json_parse(args->arena, kdm_buf_str(&buf));
}

static bool find(struct export *export, const struct kdm_found **ret_found)
{
    const struct kdm_find_request request = { .collections = &export->collection,
                                              .count = 1,
                                              .body = kdm_val_text(search_body(export)),
                                              .lang = kdm_search_lang_of(export->args),
                                              .from = -1,
                                              .size = -1,
                                              .all = true };

    return kdm_tx_find(export->tx, KDM_STR("export"), false, &request, ret_found);
}

/* --- lines of JSON ------------------------------------------------------------------------- */

static void put_jsonl_head(const struct export *export, struct kdm_buf *out)
{
    kdm_buf_lit(out, "{\"collection\":");
    kdm_json_put_str(out, export->collection->name);
    kdm_buf_lit(out, ",\"index\":");
    kdm_json_put_str(out, export->collection->index->name);
    kdm_buf_lit(out, ",\"type\":\"collection\"}\n");
}

/* Sources are stored without white space between their tokens: one line. */
static void put_jsonl(const void *ctx, const struct kdm_hit *hit, struct kdm_val source,
                      struct kdm_arena *scratch, struct kdm_buf *out)
{
    const struct kdm_found_part *part = hit->owner;

    (void)ctx;
    kdm_buf_lit(out, "{\"_id\":");
    kdm_json_put_str(out, hit->id);
    kdm_buf_lit(out, ",\"body\":");
    kdm_search_source(part->search, scratch, source, out);
    kdm_buf_lit(out, "}\n");
}

/* --- CSV ----------------------------------------------------------------------------------- */

static void put_csv_head(const struct export *export, struct kdm_buf *out)
{
    struct kdm_val names = option(export->args, "fieldsName", KDM_ARG_FIELDS_NAME);
    struct kdm_arena *arena = export->args->arena;

    for (size_t i = 0; i <= export->fields.count; i++) {
        struct kdm_str field = i == 0 ? KDM_STR("_id") : export->fields.items[i - 1];
        struct kdm_str name = kdm_val_str(arena, kdm_val_get(names, field));

        if (i > 0)
            kdm_buf_put(out, export->separator);
        kdm_buf_put(out, kdm_str_none(name) ? field : name);
    }
    kdm_buf_char(out, '\n');
}

static void put_csv(const void *ctx, const struct kdm_hit *hit, struct kdm_val source,
                    struct kdm_arena *scratch, struct kdm_buf *out)
{
    const struct export *export = ctx;

    kdm_buf_put(out, hit->id);
    for (size_t i = 0; i < export->fields.count; i++) {
        struct kdm_val val = kdm_val_path(source, export->fields.items[i]);

        kdm_buf_put(out, export->separator);
        if (kdm_val_type(val) >= KDM_JSON_ARRAY)
            kdm_buf_lit(out, "[OBJECT]");
        else if (kdm_val_type(val) == KDM_JSON_STRING)
            kdm_buf_put(out, kdm_val_str(scratch, val));
        else if (!kdm_val_null(val))
            kdm_buf_put(out, kdm_val_text(val));
    }
    kdm_buf_char(out, '\n');
}

/* --- fields -------------------------------------------------------------------------------- */

static bool read_fields(struct export *export)
{
    struct kdm_val fields = option(export->args, "fields", KDM_ARG_FIELDS);
    struct kdm_arena *arena = export->args->arena;
    struct kdm_val_iter it;
    struct kdm_val field;

    export->fields.items =
        kdm_arena_alloc(arena, (kdm_val_count(fields) + 1) * sizeof(struct kdm_str));
    for (kdm_elements(&it, fields); kdm_element_next(&it, &field);) {
        if (kdm_val_type(field) != KDM_JSON_STRING) {
            kdm_tx_fail(export->tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                        KDM_PROPS(KDM_STR("fields"), KDM_STR("array of strings")));
            return false;
        }
        if (!kdm_val_str_eq(field, KDM_STR("_id"))) /* it is there anyway */
            export->fields.items[export->fields.count++] = kdm_val_str(arena, field);
    }
    return true;
}

static size_t count_leaves(const struct kdm_field *object)
{
    size_t count = 0;

    for (uint32_t i = 0; i < object->child_count; i++)
        count += object->children[i]->child_count > 0 ? count_leaves(object->children[i]) : 1;
    return count;
}

/* All that the mapping names, but the server's own. */
static void add_leaves(struct export *export, const struct kdm_field *object)
{
    for (uint32_t i = 0; i < object->child_count; i++) {
        const struct kdm_field *field = object->children[i];

        if (kdm_str_eq(field->path, KDM_STR("_kuzzle_info")) || field->type == KDM_FIELD_ALIAS)
            continue;
        if (field->child_count > 0)
            add_leaves(export, field);
        else
            export->fields.items[export->fields.count++] = field->path;
    }
}

static void add_mapped_fields(struct export *export)
{
    const struct kdm_field *root = kdm_mapping_root(export->collection->mapping);

    export->fields.items =
        kdm_arena_alloc(export->args->arena, (count_leaves(root) + 1) * sizeof(struct kdm_str));
    add_leaves(export, root);
}

/* --- the file ------------------------------------------------------------------------------ */

static struct kdm_str head(const struct export *export, bool csv)
{
    struct kdm_buf out;

    kdm_buf_init(&out, export->args->arena, 512);
    if (csv)
        put_csv_head(export, &out);
    else
        put_jsonl_head(export, &out);
    return kdm_buf_str(&out);
}

static enum kdm_outcome reply_file(const struct export *export, const struct kdm_found *found,
                                   bool csv)
{
    const struct kdm_tx_stream stream = { .head = head(export, csv),
                                          .line = csv ? put_csv : put_jsonl,
                                          .ctx = export };
    /* Names of indexes and collections have no quotes and no line ends. */
    struct kdm_str name =
        kdm_arena_printf(export->args->arena, "attachment; filename=\"" KDM_FMT "-" KDM_FMT ".%s\"",
                         KDM_ARG(export->collection->index->name),
                         KDM_ARG(export->collection->name), csv ? "csv" : "jsonl");

    /* html/text is what Kuzzle has. */
    kdm_tx_set_header(export->tx, KDM_STR("content-type"),
                      csv ? KDM_STR("text/csv") : KDM_STR("html/text"));
    kdm_tx_set_header(export->tx, KDM_STR("content-disposition"), name);
    return kdm_tx_reply_stream(export->tx, found, &stream);
}

enum kdm_outcome kdm_document_export(struct kdm_tx *tx, const struct kdm_args *args)
{
    bool csv = kdm_args_has(args, KDM_ARG_FORMAT)
               && kdm_str_eq(kdm_args_str(args, KDM_ARG_FORMAT), KDM_STR("csv"));
    struct export *export = kdm_arena_zalloc(args->arena, sizeof(*export)); /* outlives this call */
    const struct kdm_found *found;

    export->tx = tx;
    export->args = args;
    export->separator = kdm_args_has(args, KDM_ARG_SEPARATOR)
                            ? kdm_args_str(args, KDM_ARG_SEPARATOR)
                            : KDM_STR(",");
    if (!kdm_target_collection(tx, args, &export->collection) || !read_fields(export)
        || !find(export, &found))
        return KDM_WAIT;
    if (csv && export->fields.count == 0)
        add_mapped_fields(export);
    return reply_file(export, found, csv);
}

/* document_export.c - what a search finds as a file: lines of JSON, or CSV.
 * The whole file is made before its first byte leaves, so it is bounded; beyond the bound the
 * request is refused with a 413 and nothing is sent. It is made a piece in each turn of the loop.
 * `size` and `scroll`, by which Kuzzle reads page by page, mean nothing here.
 */
#include "action/kuzzle/document.h"
#include "action/kuzzle/target.h"
#include "action/search.h"

#define MOST_BYTES (64u << 20)
#define TURN_BYTES (256u << 10) /* of documents; about half a millisecond */

/* Kept over replays. */
struct export
{
    struct kdm_tx *tx;
    const struct kdm_args *args;
    struct kdm_collection *collection;
    struct kdm_str_list fields; /* count 0: all */
    bool csv, begun;
    struct kdm_buf out;
    size_t written; /* documents */
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
        for (size_t i = 0; i < export->fields.count; i++) {
            kdm_buf_char(&buf, i > 0 ? ',' : '[');
            kdm_json_put_str(&buf, export->fields.items[i]);
        }
        kdm_buf_char(&buf, ']');
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
                                              .all = true,
                                              .all_sources = true };

    return kdm_tx_find(export->tx, KDM_STR("export"), false, &request, ret_found);
}

/* --- lines of JSON ------------------------------------------------------------------------- */

static void put_jsonl_head(struct export *export)
{
    struct kdm_buf *out = &export->out;

    kdm_buf_lit(out, "{\"collection\":");
    kdm_json_put_str(out, export->collection->name);
    kdm_buf_lit(out, ",\"index\":");
    kdm_json_put_str(out, export->collection->index->name);
    kdm_buf_lit(out, ",\"type\":\"collection\"}\n");
}

/* Sources are stored without white space between their tokens: one line. */
static void put_jsonl(struct export *export, const struct kdm_hit *hit, struct kdm_val source,
                      struct kdm_arena *scratch)
{
    const struct kdm_found_part *part = hit->owner;
    struct kdm_buf *out = &export->out;

    kdm_buf_lit(out, "{\"_id\":");
    kdm_json_put_str(out, hit->id);
    kdm_buf_lit(out, ",\"body\":");
    kdm_search_source(part->search, scratch, source, out);
    kdm_buf_lit(out, "}\n");
}

/* --- CSV ----------------------------------------------------------------------------------- */

static struct kdm_str separator(const struct export *export)
{
    return kdm_args_has(export->args, KDM_ARG_SEPARATOR)
               ? kdm_args_str(export->args, KDM_ARG_SEPARATOR)
               : KDM_STR(",");
}

static void put_csv_head(struct export *export)
{
    struct kdm_val names = option(export->args, "fieldsName", KDM_ARG_FIELDS_NAME);
    struct kdm_arena *arena = export->args->arena;

    for (size_t i = 0; i <= export->fields.count; i++) {
        struct kdm_str field = i == 0 ? KDM_STR("_id") : export->fields.items[i - 1];
        struct kdm_str name = kdm_val_str(arena, kdm_val_get(names, field));

        if (i > 0)
            kdm_buf_put(&export->out, separator(export));
        kdm_buf_put(&export->out, kdm_str_none(name) ? field : name);
    }
    kdm_buf_char(&export->out, '\n');
}

static void put_csv(struct export *export, const struct kdm_hit *hit, struct kdm_val source,
                    struct kdm_arena *scratch)
{
    struct kdm_buf *out = &export->out;

    kdm_buf_put(out, hit->id);
    for (size_t i = 0; i < export->fields.count; i++) {
        struct kdm_val val = kdm_val_path(source, export->fields.items[i]);

        kdm_buf_put(out, separator(export));
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

static size_t expected_bytes(const struct kdm_found *found)
{
    size_t bytes = 1024;

    for (size_t i = 0; i < found->page_count; i++)
        bytes += found->hits[i].id.len + found->hits[i].source.len + 24;
    return bytes < MOST_BYTES ? bytes : MOST_BYTES;
}

static void begin_file(struct export *export, const struct kdm_found *found)
{
    export->begun = true;
    kdm_buf_init(&export->out, export->args->arena, expected_bytes(found));
    if (export->csv)
        put_csv_head(export);
    else
        put_jsonl_head(export);
}

static void put_document(struct export *export, const struct kdm_hit *hit,
                         struct kdm_arena *scratch)
{
    struct kdm_val source;

    kdm_arena_reset(scratch);
    source = kdm_json_parse(scratch, hit->source);
    if (export->csv)
        put_csv(export, hit, source, scratch);
    else
        put_jsonl(export, hit, source, scratch);
}

/* A turn's share. false: there is more, which is for the next turn, or it is too much. */
static bool write_some(struct export *export, const struct kdm_found *found)
{
    struct kdm_arena scratch;
    size_t bytes = 0;

    if (!export->begun)
        begin_file(export, found);
    kdm_arena_init(&scratch, 16384);
    for (; export->written < found->page_count && bytes < TURN_BYTES; export->written++) {
        bytes += found->hits[export->written].source.len + 64;
        put_document(export, &found->hits[export->written], &scratch);
    }
    kdm_arena_fini(&scratch);
    if (export->out.len > MOST_BYTES)
        kdm_tx_fail(export->tx, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
    else if (export->written < found->page_count)
        kdm_tx_yield(export->tx);
    else
        return true;
    return false;
}

static enum kdm_outcome reply_file(struct export *export)
{
    /* Names of indexes and collections have no quotes and no line ends. */
    struct kdm_str name =
        kdm_arena_printf(export->args->arena, "attachment; filename=\"" KDM_FMT "-" KDM_FMT ".%s\"",
                         KDM_ARG(export->collection->index->name),
                         KDM_ARG(export->collection->name), export->csv ? "csv" : "jsonl");

    /* html/text is what Kuzzle has. */
    kdm_tx_set_header(export->tx, KDM_STR("content-type"),
                      export->csv ? KDM_STR("text/csv") : KDM_STR("html/text"));
    kdm_tx_set_header(export->tx, KDM_STR("content-disposition"), name);
    return kdm_tx_reply_file(export->tx, kdm_buf_str(&export->out));
}

/* NULL: wait, or it failed. */
static struct export *prepare(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const char key[] = "export";
    struct export *export = kdm_tx_kept(tx, key);

    if (export != NULL)
        return export;
    export = kdm_arena_zalloc(args->arena, sizeof(*export));
    export->tx = tx;
    export->args = args;
    export->csv = kdm_args_has(args, KDM_ARG_FORMAT)
                  && kdm_str_eq(kdm_args_str(args, KDM_ARG_FORMAT), KDM_STR("csv"));
    if (!kdm_target_collection(tx, args, &export->collection) || !read_fields(export))
        return NULL;
    kdm_tx_keep(tx, key, export);
    return export;
}

enum kdm_outcome kdm_document_export(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct export *export = prepare(tx, args);
    const struct kdm_found *found;

    if (export == NULL)
        return KDM_WAIT;
    export->args = args;
    if (!find(export, &found))
        return KDM_WAIT;
    if (export->csv && !export->begun && export->fields.count == 0)
        add_mapped_fields(export);
    return write_some(export, found) ? reply_file(export) : KDM_WAIT;
}

/* mapping.c - a mapping's life, its tree of fields, and looking fields up.
 * Children are found by a hash that needs no secret: they stand sorted by (hash, name) behind a
 * table of buckets, so names that were made to collide cost a search by halves and nothing worse.
 */
#include "store/mapping_internal.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct index_entry {
    uint32_t hash;
    struct kdm_str name;
    struct kdm_field *field;
};

struct kdm_field_index {
    uint32_t shift;         /* a hash's bucket: hash >> shift */
    const uint32_t *bucket; /* where each begins; one more than there are */
    const struct index_entry *entries;
};

struct kdm_mapping {
    atomic_uint refs;
    struct kdm_arena arena; /* holds everything below */
    struct kdm_str text;
    struct kdm_field root;
};

/* --- names ------------------------------------------------------------------------------- */

/* Names are short: eight bytes at a time, the rest at once. */
static uint32_t hash_name(struct kdm_str name)
{
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t hash = name.len * k, part;
    const char *p = name.ptr;
    size_t left = name.len;

    for (; left >= 8; left -= 8, p += 8) {
        memcpy(&part, p, 8);
        hash = (hash ^ part) * k;
        hash ^= hash >> 29;
    }
    if (left >= 4) {
        uint32_t a, b;

        memcpy(&a, p, 4);
        memcpy(&b, p + left - 4, 4);
        hash = (hash ^ ((uint64_t)a << 32 | b)) * k;
    } else if (left > 0) {
        part = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[left / 2] << 8
               | (unsigned char)p[left - 1];
        hash = (hash ^ part) * k;
    }
    return (uint32_t)((hash ^ hash >> 29) * k >> 32);
}

static int compare_entry(uint32_t hash, struct kdm_str name, const struct index_entry *entry)
{
    if (hash != entry->hash)
        return hash < entry->hash ? -1 : 1;
    return kdm_str_cmp(name, entry->name);
}

static int compare_entries(const void *a, const void *b)
{
    const struct index_entry *entry = a;

    return compare_entry(entry->hash, entry->name, b);
}

const struct kdm_field *kdm_field_child(const struct kdm_field *object, struct kdm_str name)
{
    const struct kdm_field_index *index = object->index;
    uint32_t hash, low, high;

    if (index == NULL)
        return NULL;
    hash = hash_name(name);
    low = index->bucket[hash >> index->shift];
    high = index->bucket[(hash >> index->shift) + 1];
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        int order = compare_entry(hash, name, &index->entries[mid]);

        if (order == 0)
            return index->entries[mid].field;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

static const struct kdm_field_index *make_index(struct kdm_arena *arena,
                                                struct kdm_field **children, uint32_t count)
{
    struct kdm_field_index *index = kdm_arena_alloc(arena, sizeof(*index));
    struct index_entry *entries = kdm_arena_alloc(arena, count * sizeof(*entries));
    uint32_t bits = 1, at = 0, *bucket;

    while ((1u << bits) < 2 * count)
        bits++;
    bucket = kdm_arena_alloc(arena, ((1u << bits) + 1) * sizeof(*bucket));
    for (uint32_t i = 0; i < count; i++)
        entries[i] =
            (struct index_entry){ hash_name(children[i]->name), children[i]->name, children[i] };
    qsort(entries, count, sizeof(*entries), compare_entries);
    for (uint32_t i = 0; i < 1u << bits; i++) {
        bucket[i] = at;
        while (at < count && entries[at].hash >> (32 - bits) == i)
            at++;
    }
    bucket[1u << bits] = count;
    *index = (struct kdm_field_index){ .shift = 32 - bits, .bucket = bucket, .entries = entries };
    return index;
}

/* --- the tree ----------------------------------------------------------------------------- */

static void build_children(struct kdm_arena *arena, struct kdm_field *object,
                           struct kdm_val properties, bool ours);

static bool flag(struct kdm_val definition, struct kdm_str name, bool absent)
{
    struct kdm_val value = kdm_val_get(definition, name);

    if (kdm_val_none(value))
        return absent;
    return kdm_val_type(value) == KDM_JSON_TRUE || kdm_val_str_eq(value, KDM_STR("true"));
}

static struct kdm_str joined(struct kdm_arena *arena, struct kdm_str path, struct kdm_str name)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, path.len + name.len + 1);
    kdm_buf_put(&buf, path);
    if (path.len > 0)
        kdm_buf_char(&buf, '.');
    kdm_buf_put(&buf, name);
    return kdm_buf_str(&buf);
}

static void read_params(struct kdm_arena *arena, struct kdm_field *field, struct kdm_val definition)
{
    struct kdm_str analyzer = kdm_val_str(arena, kdm_val_get(definition, KDM_STR("analyzer")));
    struct kdm_str searching =
        kdm_val_str(arena, kdm_val_get(definition, KDM_STR("search_analyzer")));
    struct kdm_str format = kdm_val_str(arena, kdm_val_get(definition, KDM_STR("format")));
    struct kdm_val null_value = kdm_val_get(definition, KDM_STR("null_value"));
    enum kdm_analyzer found = KDM_ANALYZER_STANDARD;
    int64_t above;

    field->indexed = flag(definition, KDM_STR("index"), true);
    field->doc_values = flag(definition, KDM_STR("doc_values"), true);
    field->ignore_malformed = flag(definition, KDM_STR("ignore_malformed"), false);
    field->coerce = flag(definition, KDM_STR("coerce"), true);
    field->lowercase = !kdm_val_none(kdm_val_get(definition, KDM_STR("normalizer")));
    if (kdm_val_int64(kdm_val_get(definition, KDM_STR("ignore_above")), &above))
        field->ignore_above = (uint32_t)above;
    kdm_val_double(kdm_val_get(definition, KDM_STR("scaling_factor")), &field->scaling_factor);
    kdm_analyzer_find(analyzer, &found);
    field->analyzer = (uint8_t)found;
    kdm_analyzer_find(searching, &found);
    field->search_analyzer = (uint8_t)found;
    if (!kdm_str_none(format))
        field->format = kdm_date_format_create(arena, format);
    if (field->format == NULL)
        field->format = kdm_date_format_default();
    if (!kdm_val_null(null_value))
        field->null_value = kdm_val_text(null_value);
}

static void build_object(struct kdm_arena *arena, struct kdm_field *field,
                         struct kdm_val definition)
{
    enum kdm_dynamic dynamic;

    if (kdm_dynamic_find(kdm_val_get(definition, KDM_STR("dynamic")), &dynamic))
        field->dynamic = (uint8_t)dynamic;
    field->enabled = flag(definition, KDM_STR("enabled"), true);
    field->in_root = flag(definition, KDM_STR("include_in_root"), false)
                     || (flag(definition, KDM_STR("include_in_parent"), false)
                         && (field->nested == NULL || field->nested->in_root));
    build_children(arena, field, kdm_val_get(definition, KDM_STR("properties")), false);
}

static struct kdm_field *build_field(struct kdm_arena *arena, const struct kdm_field *parent,
                                     struct kdm_str name, struct kdm_val definition);

static void build_multi_fields(struct kdm_arena *arena, struct kdm_field *field,
                               struct kdm_val definitions)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_count(definitions) == 0)
        return;
    field->fields = kdm_arena_alloc(arena, kdm_val_count(definitions) * sizeof(*field->fields));
    for (kdm_members(&it, definitions); kdm_member_next(&it, &name, &value);) {
        struct kdm_field *sub = build_field(arena, field, kdm_val_str(arena, name), value);

        sub->sub_field = true;
        sub->sources = field->sources;
        field->fields[field->field_count++] = sub;
    }
}

static struct kdm_field *build_field(struct kdm_arena *arena, const struct kdm_field *parent,
                                     struct kdm_str name, struct kdm_val definition)
{
    struct kdm_field *field = kdm_arena_zalloc(arena, sizeof(*field));
    struct kdm_str type = kdm_val_str(arena, kdm_val_get(definition, KDM_STR("type")));
    const struct kdm_type_row *row = kdm_str_none(type) ? NULL : kdm_type_find(type);
    struct kdm_str *source = kdm_arena_alloc(arena, sizeof(*source));

    *field =
        (struct kdm_field){ .name = name,
                            .path = joined(arena, parent->path, name),
                            .type = row == NULL ? KDM_FIELD_OBJECT : row->type,
                            .dynamic = parent->dynamic,
                            .enabled = true,
                            .ignore_above = UINT32_MAX,
                            .parent = parent,
                            .nested = parent->type == KDM_FIELD_NESTED ? parent : parent->nested,
                            .source_count = 1 };
    *source = field->path;
    field->sources = source;
    read_params(arena, field, definition);
    if (field->type == KDM_FIELD_OBJECT || field->type == KDM_FIELD_NESTED)
        build_object(arena, field, definition);
    else
        build_multi_fields(arena, field, kdm_val_get(definition, KDM_STR("fields")));
    return field;
}

/* `ours` adds the server's own field behind the client's. */
static void build_children(struct kdm_arena *arena, struct kdm_field *object,
                           struct kdm_val properties, bool ours)
{
    uint32_t count = kdm_val_count(properties) + (ours ? 1 : 0);
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (count == 0)
        return;
    object->children = kdm_arena_alloc(arena, count * sizeof(*object->children));
    for (kdm_members(&it, properties); kdm_member_next(&it, &name, &value);)
        object->children[object->child_count++] =
            build_field(arena, object, kdm_val_str(arena, name), value);
    if (ours)
        object->children[object->child_count++] = build_field(
            arena, object, KDM_KUZZLE_INFO_NAME, kdm_json_parse(arena, KDM_KUZZLE_INFO_DEFINITION));
    object->index = make_index(arena, object->children, object->child_count);
}

/* --- what refers to other fields: aliases and copy_to --------------------------------------- */

static struct kdm_field *find(const struct kdm_field *object, struct kdm_str path);

/* The array doubles when its count is a power of two, so many copies into one field stay cheap. */
static void add_source(struct kdm_arena *arena, struct kdm_field *to, struct kdm_str path)
{
    struct kdm_str *sources = (struct kdm_str *)to->sources;

    if ((to->source_count & (to->source_count - 1)) == 0) {
        sources = kdm_arena_alloc(arena, 2 * to->source_count * sizeof(*sources));
        memcpy(sources, to->sources, to->source_count * sizeof(*sources));
    }
    sources[to->source_count] = path;
    to->sources = sources;
    to->source_count++;
    for (uint32_t i = 0; i < to->field_count; i++) {
        to->fields[i]->sources = sources;
        to->fields[i]->source_count = to->source_count;
    }
}

static void copy_to(struct kdm_mapping *mapping, const struct kdm_field *field, struct kdm_val name)
{
    struct kdm_str path = kdm_val_str(&mapping->arena, name);
    struct kdm_field *to = find(&mapping->root, path);

    if (to == NULL || to == field || to->sub_field || to->type <= KDM_FIELD_ALIAS)
        return;
    if (kdm_str_eq(to->sources[to->source_count - 1], field->path))
        return; /* named twice */
    add_source(&mapping->arena, to, field->path);
}

static void link_field(struct kdm_mapping *mapping, struct kdm_field *field,
                       struct kdm_val definition)
{
    struct kdm_val copies = kdm_val_get(definition, KDM_STR("copy_to"));
    struct kdm_str target = kdm_val_str(&mapping->arena, kdm_val_get(definition, KDM_STR("path")));
    struct kdm_val_iter it;
    struct kdm_val name;

    if (field->type == KDM_FIELD_ALIAS) {
        const struct kdm_field *found = find(&mapping->root, target);

        field->target = found != NULL && found->type == KDM_FIELD_ALIAS ? NULL : found;
        return;
    }
    if (kdm_val_type(copies) == KDM_JSON_STRING)
        copy_to(mapping, field, copies);
    for (kdm_elements(&it, copies); kdm_element_next(&it, &name);)
        copy_to(mapping, field, name);
}

static void link_children(struct kdm_mapping *mapping, struct kdm_field *object,
                          struct kdm_val properties)
{
    for (uint32_t i = 0; i < object->child_count; i++) {
        struct kdm_field *child = object->children[i];
        struct kdm_val definition = kdm_val_get(properties, child->name);

        if (child->child_count > 0)
            link_children(mapping, child, kdm_val_get(definition, KDM_STR("properties")));
        else
            link_field(mapping, child, definition);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static struct kdm_mapping *build(struct kdm_str text)
{
    struct kdm_mapping *mapping = kdm_malloc(sizeof(*mapping));
    struct kdm_val root, properties;
    enum kdm_dynamic dynamic;

    atomic_init(&mapping->refs, 1);
    kdm_arena_init(&mapping->arena, 4096);
    mapping->text = kdm_arena_copy(&mapping->arena, text);
    mapping->root = (struct kdm_field){ .path = KDM_STR(""), .name = KDM_STR(""), .enabled = true };
    root = kdm_json_parse(&mapping->arena, mapping->text);
    properties = kdm_val_get(root, KDM_STR("properties"));
    if (kdm_dynamic_find(kdm_val_get(root, KDM_STR("dynamic")), &dynamic))
        mapping->root.dynamic = (uint8_t)dynamic;
    build_children(&mapping->arena, &mapping->root, properties, true);
    link_children(mapping, &mapping->root, properties);
    return mapping;
}

struct kdm_mapping *kdm_mapping_create(struct kdm_arena *arena, struct kdm_val definition,
                                       struct kdm_failure *ret_failure)
{
    struct kdm_str text;

    if (!kdm_definition_merge(arena, KDM_VAL_NONE, definition, &text, ret_failure))
        return NULL;
    return build(text);
}

struct kdm_mapping *kdm_mapping_ref(struct kdm_mapping *mapping)
{
    atomic_fetch_add_explicit(&mapping->refs, 1, memory_order_relaxed);
    return mapping;
}

void kdm_mapping_unref(struct kdm_mapping *mapping)
{
    if (mapping == NULL || atomic_fetch_sub_explicit(&mapping->refs, 1, memory_order_acq_rel) != 1)
        return;
    kdm_arena_fini(&mapping->arena);
    free(mapping);
}

struct kdm_str kdm_mapping_text(const struct kdm_mapping *mapping)
{
    return mapping->text;
}

const struct kdm_field *kdm_mapping_root(const struct kdm_mapping *mapping)
{
    return &mapping->root;
}

void kdm_mapping_render(const struct kdm_mapping *mapping, struct kdm_buf *buf, bool kuzzle_info)
{
    struct kdm_str text = mapping->text;

    if (!kuzzle_info) {
        kdm_buf_put(buf, text);
        return;
    }
    /* The canonical text ends with its properties: our field goes before the last two braces. */
    text.len -= 2;
    kdm_buf_put(buf, text);
    if (text.ptr[text.len - 1] != '{')
        kdm_buf_char(buf, ',');
    kdm_json_put_str(buf, KDM_KUZZLE_INFO_NAME);
    kdm_buf_char(buf, ':');
    kdm_buf_put(buf, KDM_KUZZLE_INFO_DEFINITION);
    kdm_buf_lit(buf, "}}");
}

/* --- looking up --------------------------------------------------------------------------------
 */

static struct kdm_field *find_multi_field(const struct kdm_field *field, struct kdm_str name)
{
    for (uint32_t i = 0; i < field->field_count; i++)
        if (kdm_str_eq(field->fields[i]->name, name))
            return field->fields[i];
    return NULL;
}

static struct kdm_field *find(const struct kdm_field *object, struct kdm_str path)
{
    const struct kdm_field *at = object;

    if (kdm_str_none(path))
        return NULL;
    for (;;) {
        const char *dot = path.len == 0 ? NULL : memchr(path.ptr, '.', path.len);
        struct kdm_str head = { path.ptr, dot == NULL ? path.len : (size_t)(dot - path.ptr) };

        if (at->type == KDM_FIELD_OBJECT || at->type == KDM_FIELD_NESTED)
            at = kdm_field_child(at, head);
        else
            at = find_multi_field(at, head);
        if (at == NULL || dot == NULL)
            return (struct kdm_field *)at;
        path = kdm_str_from(path, head.len + 1);
    }
}

const struct kdm_field *kdm_mapping_find(const struct kdm_mapping *mapping, struct kdm_str path)
{
    const struct kdm_field *field = find(&mapping->root, path);

    return field != NULL && field->type == KDM_FIELD_ALIAS ? field->target : field;
}

/* projection_read.c - a document's text into what its columns shall hold.
 * The document is walked once beside a tree of the paths that feed columns, so a mapping of a
 * thousand fields costs a document no more than the fields it has. What counts as a value, and how
 * it reads, is the evaluator's business (values.c, evaluate.c): here the same calls are used, and
 * the property test holds the two together.
 */
#include "search/projection_internal.h"
#include "search/values.h"

#define LINEAR 8 /* children that are looked through one by one */

struct kdm_trie {
    struct kdm_str name;
    struct kdm_trie *children; /* sorted by name */
    uint32_t child_count, child_room;
    uint32_t *columns;
    uint32_t column_count;
};

/* --- shape ------------------------------------------------------------------------------------ */

static int compare_names(struct kdm_str a, struct kdm_str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len == 0 ? 0 : memcmp(a.ptr, b.ptr, a.len);
}

static struct kdm_trie *find_child(const struct kdm_trie *trie, struct kdm_str name)
{
    uint32_t low = 0, high = trie->child_count;

    if (high <= LINEAR) {
        for (; low < high; low++)
            if (kdm_str_eq(trie->children[low].name, name))
                return &trie->children[low];
        return NULL;
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = compare_names(trie->children[middle].name, name);

        if (order == 0)
            return &trie->children[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static struct kdm_trie *add_child(struct kdm_arena *arena, struct kdm_trie *trie,
                                  struct kdm_str name)
{
    struct kdm_trie *child = find_child(trie, name);
    uint32_t at = trie->child_count;

    if (child != NULL)
        return child;
    if (trie->child_count == trie->child_room) {
        uint32_t room = trie->child_room == 0 ? 2 : 2 * trie->child_room;
        struct kdm_trie *children = kdm_arena_alloc(arena, room * sizeof(*children));

        if (at > 0)
            memcpy(children, trie->children, at * sizeof(*children));
        trie->children = children;
        trie->child_room = room;
    }
    for (; at > 0 && compare_names(trie->children[at - 1].name, name) > 0; at--)
        trie->children[at] = trie->children[at - 1];
    trie->children[at] = (struct kdm_trie){ .name = name };
    trie->child_count++;
    return &trie->children[at];
}

/* The part of `*rest` up to its first dot; false when that was the last. */
static bool next_part(struct kdm_str *rest, struct kdm_str *ret_part)
{
    const char *dot = rest->len == 0 ? NULL : memchr(rest->ptr, '.', rest->len);

    *ret_part = *rest;
    if (dot == NULL)
        return false;
    ret_part->len = (size_t)(dot - rest->ptr);
    *rest = kdm_str_from(*rest, ret_part->len + 1);
    return true;
}

static void add_path(struct kdm_arena *arena, struct kdm_trie *trie, struct kdm_str path,
                     uint32_t column)
{
    struct kdm_str part;
    uint32_t *columns;
    bool more;

    do {
        more = next_part(&path, &part);
        trie = add_child(arena, trie, part);
    } while (more);
    columns = kdm_arena_alloc(arena, (trie->column_count + 1) * sizeof(*columns));
    if (trie->column_count > 0)
        memcpy(columns, trie->columns, trie->column_count * sizeof(*columns));
    columns[trie->column_count++] = column;
    trie->columns = columns;
}

enum kdm_cell kdm_column_cell(const struct kdm_field *field)
{
    switch ((enum kdm_field_type)field->type) {
    case KDM_FIELD_BOOLEAN:
    case KDM_FIELD_BYTE:
        return KDM_CELL_INT8;
    case KDM_FIELD_SHORT:
        return KDM_CELL_INT16;
    case KDM_FIELD_INTEGER:
        return KDM_CELL_INT32;
    case KDM_FIELD_LONG:
    case KDM_FIELD_DATE:
        return KDM_CELL_INT64;
    case KDM_FIELD_FLOAT:
    case KDM_FIELD_HALF_FLOAT:
        return KDM_CELL_FLOAT;
    case KDM_FIELD_DOUBLE:
    case KDM_FIELD_SCALED_FLOAT:
        return KDM_CELL_DOUBLE;
    case KDM_FIELD_GEO_POINT:
    case KDM_FIELD_GEO_SHAPE: /* two corners a shape */
        return KDM_CELL_POINT;
    case KDM_FIELD_BINARY:
        return KDM_CELL_NONE;
    default:
        return KDM_CELL_TERM;
    }
}

/* Values that it takes from other places than before must be read from all documents. */
static bool same_sources(const struct kdm_field *a, const struct kdm_field *b)
{
    if (a->source_count != b->source_count)
        return false;
    for (uint32_t i = 0; i < a->source_count; i++)
        if (!kdm_str_eq(a->sources[i], b->sources[i]))
            return false;
    return true;
}

static struct kdm_column *new_column(struct kdm_projection *projection,
                                     const struct kdm_field *field)
{
    struct kdm_column *column;

    projection->columns = kdm_realloc(projection->columns, (projection->column_count + 1)
                                                               * sizeof(*projection->columns));
    column = kdm_malloc(sizeof(*column));
    projection->columns[projection->column_count++] = column;
    *column = (struct kdm_column){
        .field = field,
        .path = field->path,
        .cell = (uint8_t)kdm_column_cell(field),
        .text = field->type == KDM_FIELD_TEXT,
        .filling = projection->count > 0,
    };
    if (column->cell == KDM_CELL_TERM) {
        column->terms = kdm_malloc(sizeof(*column->terms));
        kdm_terms_init(column->terms, &projection->slab, projection->seed);
    }
    kdm_table_put(projection->by_path, field->path, (void *)(uintptr_t)projection->column_count);
    return column;
}

static void shape_field(struct kdm_projection *projection, const struct kdm_field *field)
{
    struct kdm_column *column = kdm_projection_column(projection, field->path);

    if (column == NULL) {
        column = new_column(projection, field);
        column->number = projection->column_count - 1;
    } else if (!same_sources(column->field, field)) {
        column->filling = projection->count > 0;
    }
    column->field = field;
    column->path = field->path;
    column->root = field->nested == NULL || field->nested->in_root;
    projection->filling |= column->filling;
    for (uint32_t i = 0; i < field->source_count; i++)
        add_path(&projection->shape, projection->trie, field->sources[i], column->number);
}

static void shape_below(struct kdm_projection *projection, const struct kdm_field *object)
{
    for (uint32_t i = 0; i < object->child_count + object->field_count; i++) {
        const struct kdm_field *field =
            i < object->child_count ? object->children[i] : object->fields[i - object->child_count];

        if (!field->enabled)
            continue;
        if (field->type > KDM_FIELD_ALIAS)
            shape_field(projection, field);
        shape_below(projection, field);
    }
}

bool kdm_projection_shape(struct kdm_projection *projection)
{
    kdm_arena_reset(&projection->shape);
    projection->trie = kdm_arena_zalloc(&projection->shape, sizeof(*projection->trie));
    shape_below(projection, kdm_mapping_root(projection->mapping));
    return projection->filling;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
    const struct kdm_projection *projection;
    struct kdm_arena *scratch;
    struct kdm_reading *readings;
};

struct feeding {
    struct kdm_arena *scratch;
    const struct kdm_column *column;
    struct kdm_reading *reading;
};

static void add_value(struct feeding *feeding, union kdm_value value)
{
    struct kdm_reading *reading = feeding->reading;

    if (reading->count == reading->room) {
        uint32_t room = reading->room == 0 ? (feeding->column->text ? 16 : 2) : 2 * reading->room;
        union kdm_value *values = kdm_arena_alloc(feeding->scratch, room * sizeof(*values));

        if (reading->count > 0)
            memcpy(values, reading->values, reading->count * sizeof(*values));
        reading->values = values;
        reading->room = room;
    }
    reading->values[reading->count++] = value;
}

static void add_key(struct feeding *feeding, struct kdm_val value)
{
    struct kdm_key key;

    if (kdm_field_key(feeding->column->field, feeding->scratch, value, &key) != KDM_KEY_OK)
        return;
    feeding->reading->exists = true;
    if (feeding->column->cell == KDM_CELL_TERM)
        add_value(feeding, (union kdm_value){ .text = key.text });
    else if (kdm_column_real(feeding->column))
        add_value(feeding, (union kdm_value){ .d = key.number.d });
    else
        add_value(feeding, (union kdm_value){ .i = key.number.i });
}

static void add_words(struct feeding *feeding, struct kdm_val value)
{
    const struct kdm_field *field = feeding->column->field;
    struct kdm_str text = kdm_scalar_text(feeding->scratch, value);
    struct kdm_tokens tokens;
    struct kdm_key key;

    if (kdm_field_key(field, feeding->scratch, value, &key) == KDM_KEY_OK)
        feeding->reading->exists = true;
    if (kdm_str_none(text))
        return;
    tokens = kdm_analyze(feeding->scratch, (enum kdm_analyzer)field->analyzer, text);
    if (tokens.count > 0 && feeding->reading->count > 0)
        add_value(feeding, (union kdm_value){ .text = KDM_STR_NONE });
    for (size_t i = 0; i < tokens.count; i++)
        add_value(feeding, (union kdm_value){ .text = tokens.items[i] });
}

/* All scalars of a flattened object, however deep. */
static void add_flattened(struct feeding *feeding, struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val name, member;

    if (!kdm_val_null(value))
        feeding->reading->exists = true;
    switch (kdm_val_type(value)) {
    case KDM_JSON_OBJECT:
        for (kdm_members(&it, value); kdm_member_next(&it, &name, &member);)
            add_flattened(feeding, member);
        break;
    case KDM_JSON_ARRAY:
        for (kdm_elements(&it, value); kdm_element_next(&it, &member);)
            add_flattened(feeding, member);
        break;
    default: {
        bool exists = feeding->reading->exists;

        add_key(feeding, value);
        feeding->reading->exists = exists; /* a null_value inside is no value */
    }
    }
}

static void add_point(struct feeding *feeding, struct kdm_val value)
{
    union kdm_value read;

    if (!kdm_field_point(feeding->column->field, feeding->scratch, value, &read.point))
        return;
    feeding->reading->exists = true;
    add_value(feeding, read);
}

static void add_shape(struct feeding *feeding, struct kdm_val value)
{
    struct kdm_point box[2];

    if (!kdm_geo_shape_box(feeding->scratch, value, box))
        return;
    feeding->reading->exists = true;
    for (int i = 0; i < 2; i++)
        add_value(feeding, (union kdm_value){ .point = box[i] });
}

static void feed_one(struct feeding *feeding, struct kdm_val value)
{
    if (feeding->column->text)
        add_words(feeding, value);
    else if (feeding->column->field->type == KDM_FIELD_FLATTENED)
        add_flattened(feeding, value);
    else if (feeding->column->field->type == KDM_FIELD_GEO_SHAPE)
        add_shape(feeding, value);
    else if (feeding->column->cell == KDM_CELL_POINT)
        add_point(feeding, value);
    else if (feeding->column->cell == KDM_CELL_NONE)
        feeding->reading->exists |= !kdm_val_null(value);
    else
        add_key(feeding, value);
}

/* Each value of an array, however deep; two numbers may be one point. */
static void feed(struct feeding *feeding, struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    if (kdm_val_type(value) != KDM_JSON_ARRAY
        || (feeding->column->field->type == KDM_FIELD_GEO_POINT && kdm_geo_is_pair(value))) {
        feed_one(feeding, value);
        return;
    }
    for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
        feed(feeding, element);
}

/* A member's name may have dots: several steps. NULL: nobody wants what is there. */
static const struct kdm_trie *step(const struct kdm_trie *trie, struct kdm_str name)
{
    struct kdm_str part;
    bool more;

    do {
        more = next_part(&name, &part);
        trie = find_child(trie, part);
    } while (more && trie != NULL);
    return trie;
}

static void descend(const struct reader *reader, const struct kdm_trie *trie, struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val name, inner;

    if (kdm_val_type(value) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, value); kdm_element_next(&it, &inner);)
            descend(reader, trie, inner);
        return;
    }
    for (kdm_members(&it, value); kdm_member_next(&it, &name, &inner);) {
        const struct kdm_trie *below = step(trie, kdm_val_str(reader->scratch, name));

        if (below == NULL)
            continue;
        for (uint32_t i = 0; i < below->column_count; i++) {
            uint32_t column = below->columns[i];
            struct feeding feeding = { reader->scratch, reader->projection->columns[column],
                                       &reader->readings[column] };

            feed(&feeding, inner);
        }
        if (below->child_count > 0)
            descend(reader, below, inner);
    }
}

struct kdm_reading *kdm_projection_read(const struct kdm_projection *projection,
                                        struct kdm_arena *scratch, struct kdm_val source)
{
    struct reader reader = { projection, scratch, NULL };

    reader.readings =
        kdm_arena_zalloc(scratch, (projection->column_count + 1) * sizeof(*reader.readings));
    descend(&reader, projection->trie, source);
    return reader.readings;
}

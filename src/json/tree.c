/* tree.c - between text and jansson, without jansson's parser and printer: those would
 * refuse long integers and change 0.1 into 0.10000000000000001.
 */
#include "json/json.h"
#include "json/name.h"
#include <stdlib.h>

static json_t *string_tree(struct kdm_val val)
{
    struct kdm_str inner = kdm_json_inner(val.doc, kdm_val_node(val));
    json_t *tree;
    char *bytes;
    size_t len;

    if (!(kdm_val_node(val)->flags & KDM_JSON_ESCAPED))
        return json_stringn_nocheck(inner.ptr, inner.len);
    bytes = kdm_malloc(inner.len);
    len = kdm_json_unescape(inner, bytes);
    tree = json_stringn_nocheck(bytes, len);
    free(bytes);
    return tree;
}

static json_t *number_tree(struct kdm_val val)
{
    int64_t whole;
    double real = 0;

    if (kdm_val_node(val)->flags & KDM_JSON_INTEGER && kdm_val_int64(val, &whole))
        return json_integer(whole);
    kdm_val_double(val, &real);
    return json_real(real);
}

static json_t *array_tree(struct kdm_val array)
{
    json_t *tree = json_array();
    struct kdm_val_iter it;
    struct kdm_val element;

    kdm_elements(&it, array);
    while (kdm_element_next(&it, &element))
        json_array_append_new(tree, kdm_json_tree(element));
    return tree;
}

/* A name that stands twice keeps its first place and gets its last value, as everywhere. */
static json_t *object_tree(struct kdm_val object)
{
    json_t *tree = json_object();
    struct kdm_val_iter it;
    struct kdm_val name, value;

    kdm_members(&it, object);
    while (kdm_member_next(&it, &name, &value)) {
        json_t *key = string_tree(name);

        json_object_setn_new_nocheck(tree, json_string_value(key), json_string_length(key),
                                     kdm_json_tree(value));
        json_decref(key);
    }
    return tree;
}

json_t *kdm_json_tree(struct kdm_val val)
{
    switch (kdm_val_type(val)) {
    case KDM_JSON_NULL:
        return json_null();
    case KDM_JSON_FALSE:
        return json_false();
    case KDM_JSON_TRUE:
        return json_true();
    case KDM_JSON_NUMBER:
        return number_tree(val);
    case KDM_JSON_STRING:
        return string_tree(val);
    case KDM_JSON_ARRAY:
        return array_tree(val);
    case KDM_JSON_OBJECT:
        return object_tree(val);
    default:
        return NULL;
    }
}

static void put_tree(struct kdm_buf *buf, const json_t *tree);

static void put_array(struct kdm_buf *buf, const json_t *array)
{
    kdm_buf_char(buf, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_tree(buf, json_array_get(array, i));
    }
    kdm_buf_char(buf, ']');
}

static void put_object(struct kdm_buf *buf, const json_t *object)
{
    json_t *tree = (json_t *)object; /* jansson's iterators are not const; nothing is changed */

    kdm_buf_char(buf, '{');
    for (void *it = json_object_iter(tree); it != NULL; it = json_object_iter_next(tree, it)) {
        kdm_json_put_name(buf, (struct kdm_str){ .ptr = json_object_iter_key(it),
                                                 .len = json_object_iter_key_len(it) });
        put_tree(buf, json_object_iter_value(it));
    }
    kdm_buf_char(buf, '}');
}

static void put_tree(struct kdm_buf *buf, const json_t *tree)
{
    switch (json_typeof(tree)) {
    case JSON_NULL:
        kdm_buf_lit(buf, "null");
        break;
    case JSON_FALSE:
        kdm_buf_lit(buf, "false");
        break;
    case JSON_TRUE:
        kdm_buf_lit(buf, "true");
        break;
    case JSON_INTEGER:
        kdm_buf_int(buf, json_integer_value(tree));
        break;
    case JSON_REAL:
        kdm_json_put_double(buf, json_real_value(tree));
        break;
    case JSON_STRING:
        kdm_json_put_str(buf, (struct kdm_str){ .ptr = json_string_value(tree),
                                                .len = json_string_length(tree) });
        break;
    case JSON_ARRAY:
        put_array(buf, tree);
        break;
    case JSON_OBJECT:
        put_object(buf, tree);
        break;
    }
}

struct kdm_str kdm_json_of_tree(struct kdm_arena *arena, const json_t *tree)
{
    struct kdm_buf buf;

    if (tree == NULL)
        return KDM_STR_NONE;
    kdm_buf_init(&buf, arena, 256);
    put_tree(&buf, tree);
    return kdm_buf_str(&buf);
}

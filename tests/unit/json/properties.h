/* properties.h - what must hold for every text, shared by the differential test and the fuzzer.
 * jansson is the second opinion. It knows these differences: it refuses integers beyond
 * 64 bits and names with U+0000; it takes more levels and more values than we do.
 */
#ifndef KDM_TESTS_JSON_PROPERTIES_H
#define KDM_TESTS_JSON_PROPERTIES_H

#include "json/json.h"
#include <stdio.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return #condition;                                                                     \
    } while (0)

/* jansson says the same, or differs as it is known to. *ret_tree is its tree, or NULL. */
static const char *agree_with_jansson(struct kdm_str text, bool accepted, const char *reason,
                                      json_t **ret_tree)
{
    json_error_t error;
    json_t *tree = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool known;

    *ret_tree = tree;
    if (accepted && tree == NULL) {
        known = json_error_code(&error) == json_error_numeric_overflow
                || json_error_code(&error) == json_error_null_byte_in_key;
        MUST(known && "accepted what jansson refuses");
    }
    if (!accepted && tree != NULL) {
        known = strcmp(reason, "too many levels") == 0 || strcmp(reason, "too many values") == 0;
        MUST(known && "refused what jansson accepts");
    }
    return NULL;
}

/* The nodes from `at` describe one value; *ret_next is behind it. */
static const char *node_is_sound(const struct kdm_json *doc, uint32_t at, uint32_t *ret_next)
{
    const struct kdm_json_node *node = &doc->nodes[at];
    bool object = node->type == KDM_JSON_OBJECT;
    uint32_t inner = at + 1, count = 0;
    const char *broken;

    MUST(at < doc->count && node->next <= doc->count && node->next > at);
    MUST((size_t)node->at + node->len <= doc->text.len && node->len > 0);
    if (node->type >= KDM_JSON_ARRAY) {
        for (; inner < node->next; count++) {
            if (object)
                MUST(doc->nodes[inner].type == KDM_JSON_STRING);
            inner += object;
            broken = node_is_sound(doc, inner, &inner);
            if (broken != NULL)
                return broken;
        }
        MUST(count == node->count);
    }
    MUST(inner == node->next);
    *ret_next = inner;
    return NULL;
}

/* `text` scans and means the same as `val`. */
static const char *means_the_same(struct kdm_arena *arena, struct kdm_str text, struct kdm_val val)
{
    struct kdm_json doc;

    MUST(kdm_json_scan(arena, text, &doc, NULL));
    MUST(kdm_val_equal(arena, kdm_json_root(&doc), val));
    MUST(kdm_val_equal(arena, val, kdm_json_root(&doc)));
    return NULL;
}

static const char *canonical_holds(struct kdm_arena *arena, struct kdm_val val)
{
    struct kdm_str text = kdm_json_canonical(arena, val);
    struct kdm_val again;

    MUST(text.len <= kdm_val_text(val).len);
    again = kdm_json_parse(arena, text);
    MUST(!(kdm_val_node(again)->flags & (KDM_JSON_DUPLICATE | KDM_JSON_DIRTY | KDM_JSON_SPACED)));
    MUST(kdm_json_canonical(arena, again).ptr == text.ptr);
    MUST(kdm_str_eq(kdm_json_merge(arena, val, val), text));
    return means_the_same(arena, text, val);
}

/* Is there a number like 604899446349874189e0: real in a tree, so rounded there, but whole and thus
 * compared exactly in a text? */
static bool loses_digits_in_a_tree(const struct kdm_json *doc)
{
    for (uint32_t i = 0; i < doc->count; i++) {
        int64_t whole;

        if (!(doc->nodes[i].flags & KDM_JSON_INTEGER)
            && kdm_val_int64((struct kdm_val){ doc, i }, &whole)
            && (whole > INT64_C(1) << 53 || whole < -(INT64_C(1) << 53)))
            return true;
    }
    return false;
}

static const char *writers_hold(struct kdm_arena *arena, struct kdm_val val)
{
    json_t *tree = kdm_json_tree(val);
    struct kdm_str printed = kdm_json_of_tree(arena, tree);
    const char *broken = NULL;

    if (!loses_digits_in_a_tree(val.doc))
        broken = means_the_same(arena, printed, val);
    json_decref(tree);
    if (broken == NULL)
        broken = means_the_same(arena, kdm_json_pretty(arena, val, 2), val);
    return broken;
}

static const char *strings_hold(struct kdm_arena *arena, const struct kdm_json *doc)
{
    for (uint32_t i = 0; i < doc->count; i++) {
        struct kdm_val val = { doc, i };
        struct kdm_buf buf;
        struct kdm_str chars;

        if (kdm_val_type(val) != KDM_JSON_STRING)
            continue;
        chars = kdm_val_str(arena, val);
        MUST(kdm_val_str_eq(val, chars));
        kdm_buf_init(&buf, arena, chars.len + 2);
        kdm_json_put_str(&buf, chars);
        MUST(kdm_val_str_eq(kdm_json_parse(arena, kdm_buf_str(&buf)), chars));
    }
    return NULL;
}

/* For some members: found by name, gone when taken out, there again when set. */
static const char *members_hold(struct kdm_arena *arena, struct kdm_val object)
{
    struct kdm_val_iter it;
    struct kdm_val name, value, other;

    kdm_members(&it, object);
    for (int i = 0; i < 4 && kdm_member_next(&it, &name, &value); i++) {
        struct kdm_str chars = kdm_val_str(arena, name), text;

        value = kdm_val_get(object, chars);
        MUST(!kdm_val_none(value));
        other = kdm_json_parse(arena, kdm_json_set(arena, object, chars, KDM_STR_NONE));
        MUST(kdm_val_none(kdm_val_get(other, chars)));
        text = kdm_json_set(arena, other, chars, kdm_json_canonical(arena, value));
        MUST(kdm_val_equal(arena, kdm_json_parse(arena, text), object));
        text = kdm_json_set(arena, object, chars, KDM_STR("[7]"));
        other = kdm_val_get(kdm_json_parse(arena, text), chars);
        MUST(kdm_str_eq(kdm_val_text(other), KDM_STR("[7]")));
    }
    return NULL;
}

static const char *paths_hold(struct kdm_arena *arena, struct kdm_val object)
{
    struct kdm_str_list leaves = kdm_json_flatten(arena, object);
    struct kdm_val bare;

    if (leaves.items == NULL)
        return NULL;
    for (size_t i = 0; i < leaves.count && i < 8; i++) {
        struct kdm_str text = kdm_json_set_path(arena, object, leaves.items[i], KDM_STR("\"set\""));
        struct kdm_val changed = kdm_json_parse(arena, text);

        if (kdm_val_none(kdm_val_path(object, leaves.items[i])))
            continue; /* a name that has dots itself */
        MUST(kdm_val_str_eq(kdm_val_path(changed, leaves.items[i]), KDM_STR("set")));
    }
    bare = kdm_json_parse(arena, kdm_json_without_paths(arena, object, leaves.items, leaves.count));
    for (size_t i = 0; i < leaves.count && i < 64; i++)
        MUST(kdm_val_none(kdm_val_path(bare, leaves.items[i])));
    return NULL;
}

/* What a merge means, on trees. (jansson's own recursive update stops names
 * at U+0000.) */
static void update_tree(json_t *base, json_t *patch)
{
    const char *name;
    size_t len;
    json_t *value;

    json_object_keylen_foreach(patch, name, len, value)
    {
        json_t *old = json_object_getn(base, name, len);

        if (json_is_object(old) && json_is_object(value))
            update_tree(old, value);
        else
            json_object_setn_nocheck(base, name, len, value);
    }
}

/* A merged text means what the merged trees mean. */
static const char *merge_holds(struct kdm_arena *arena, struct kdm_val base, struct kdm_val patch)
{
    struct kdm_str text = kdm_json_merge(arena, base, patch);
    struct kdm_val merged = kdm_json_parse(arena, text);
    json_t *want, *changes, *got;
    bool equal;

    MUST(kdm_json_canonical(arena, merged).ptr == text.ptr);
    if (kdm_val_type(base) != KDM_JSON_OBJECT || kdm_val_type(patch) != KDM_JSON_OBJECT)
        return means_the_same(arena, text, patch);
    want = kdm_json_tree(base);
    changes = kdm_json_tree(patch);
    got = kdm_json_tree(merged);
    update_tree(want, changes);
    /* As texts, because json_equal() stops names at U+0000 too; so the order counts as well. */
    equal = kdm_str_eq(kdm_json_of_tree(arena, want), kdm_json_of_tree(arena, got));
    json_decref(want);
    json_decref(changes);
    json_decref(got);
    MUST(equal && "merge");
    return NULL;
}

/* All of them. NULL when they hold, else the one that does not. *ret_accepted: was it JSON? */
static const char *check_text(struct kdm_arena *arena, struct kdm_str text, bool *ret_accepted)
{
    struct kdm_json_error error = { 0, NULL };
    struct kdm_json doc;
    json_t *tree, *own;
    uint32_t next;
    const char *broken;
    struct kdm_val root;
    bool equal;

    *ret_accepted = kdm_json_scan(arena, text, &doc, &error);
    MUST(*ret_accepted || (error.reason != NULL && error.at <= text.len));
    broken = agree_with_jansson(text, *ret_accepted, error.reason, &tree);
    if (broken != NULL || !*ret_accepted) {
        json_decref(tree);
        return broken;
    }
    root = kdm_json_root(&doc);
    own = kdm_json_tree(root);
    equal = tree == NULL || json_equal(tree, own);
    json_decref(tree);
    json_decref(own);
    MUST(equal && "the trees differ");
    broken = node_is_sound(&doc, 0, &next);
    if (broken == NULL)
        broken = canonical_holds(arena, root);
    if (broken == NULL)
        broken = writers_hold(arena, root);
    if (broken == NULL)
        broken = strings_hold(arena, &doc);
    if (broken == NULL && kdm_val_type(root) == KDM_JSON_OBJECT)
        broken = members_hold(arena, root);
    if (broken == NULL && kdm_val_type(root) == KDM_JSON_OBJECT)
        broken = paths_hold(arena, root);
    return broken;
}

#endif

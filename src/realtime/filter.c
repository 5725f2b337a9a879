/* filter.c - see filter.h: a parsed filter into its canonical tree, text and id. */
#include "realtime/filter_normal.h"
#include <openssl/evp.h>
#include <stdlib.h>

#define MAX_TEXT (256u << 10) /* bytes of a canonical form */

struct conversion {
    struct kdm_arena *arena;
    size_t room; /* bytes that the texts of leaves may still take */
    bool too_large;
};

static struct kdm_filter_node *convert(struct conversion *conversion,
                                       const struct kdm_query *query);

static struct kdm_filter_node *new_node(struct kdm_arena *arena, enum kdm_filter_op op,
                                        struct kdm_str text)
{
    struct kdm_filter_node *node = kdm_arena_zalloc(arena, sizeof(*node));

    node->op = op;
    node->text = text;
    return node;
}

static struct kdm_filter_node *all(struct kdm_arena *arena)
{
    return new_node(arena, KDM_FILTER_ALL, KDM_STR("{}"));
}

static struct kdm_filter_node *none(struct kdm_arena *arena)
{
    return new_node(arena, KDM_FILTER_NONE, KDM_STR("{\"nothing\":true}"));
}

/* --- groups ------------------------------------------------------------------------------ */

static int compare_nodes(const void *a, const void *b)
{
    struct kdm_filter_node *const *left = a, *const *right = b;

    return kdm_str_cmp((*left)->text, (*right)->text);
}

static size_t sort_unique(struct kdm_filter_node **children, size_t count)
{
    size_t kept = 0;

    if (count > 1)
        qsort(children, count, sizeof(struct kdm_filter_node *), compare_nodes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !kdm_str_eq(children[kept - 1]->text, children[i]->text))
            children[kept++] = children[i];
    return kept;
}

static struct kdm_str group_text(struct kdm_arena *arena, const struct kdm_filter_node *group)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 256);
    kdm_buf_put(&buf, group->op == KDM_FILTER_AND ? KDM_STR("{\"and\":[") : KDM_STR("{\"or\":["));
    for (size_t i = 0; i < group->count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, group->children[i]->text);
    }
    kdm_buf_lit(&buf, "]}");
    return kdm_buf_str(&buf);
}

struct kdm_filter_node *kdm_filter_group(struct kdm_arena *arena, enum kdm_filter_op op,
                                         struct kdm_filter_node **children, size_t count)
{
    enum kdm_filter_op neutral = op == KDM_FILTER_AND ? KDM_FILTER_ALL : KDM_FILTER_NONE;
    struct kdm_filter_node *node;
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (children[i]->op != neutral && children[i]->op <= KDM_FILTER_NONE)
            return children[i];
        if (children[i]->op != neutral)
            children[kept++] = children[i];
    }
    kept = sort_unique(children, kept);
    if (kept == 0)
        return op == KDM_FILTER_AND ? all(arena) : none(arena);
    if (kept == 1)
        return children[0];
    node = new_node(arena, op, KDM_STR_NONE);
    node->children = children;
    node->count = kept;
    node->text = group_text(arena, node);
    return node;
}

/* --- from the query tree ------------------------------------------------------------------ */

/* Operands of operands that do the same stand beside each other. */
static struct kdm_filter_node *convert_list(struct conversion *conversion, enum kdm_filter_op op,
                                            const struct kdm_query_list *list)
{
    struct kdm_arena *arena = conversion->arena;
    struct kdm_filter_node **parts = kdm_arena_alloc(arena, list->count * sizeof(*parts));
    struct kdm_filter_node **flat;
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        parts[i] = convert(conversion, list->items[i]);
        count += parts[i]->op == op ? parts[i]->count : 1;
    }
    flat = kdm_arena_alloc(arena, count * sizeof(*flat));
    count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (parts[i]->op != op) {
            flat[count++] = parts[i];
            continue;
        }
        memcpy(flat + count, parts[i]->children, parts[i]->count * sizeof(*flat));
        count += parts[i]->count;
    }
    return kdm_filter_group(arena, op, flat, count);
}

static struct kdm_filter_node *convert_leaf(struct conversion *conversion,
                                            const struct kdm_query *query)
{
    struct kdm_filter_node *node = new_node(conversion->arena, KDM_FILTER_LEAF, KDM_STR_NONE);
    struct kdm_str inner = KDM_STR_NONE;

    if (query->kind == KDM_QUERY_K_SELECT) {
        struct kdm_filter_node *child = convert(conversion, query->child);

        if (child->op == KDM_FILTER_NONE)
            return child;
        inner = child->op == KDM_FILTER_ALL ? KDM_STR("{\"not\":{\"nothing\":true}}") : child->text;
    }
    node->leaf = query;
    if (conversion->too_large)
        return node;
    node->text = kdm_filter_leaf_text(conversion->arena, query, inner);
    conversion->too_large = node->text.len > conversion->room;
    conversion->room -= node->text.len;
    return node;
}

/* The parser has carried every "not" to the leaves, so a BOOL has operands of one kind. */
static struct kdm_filter_node *convert(struct conversion *conversion, const struct kdm_query *query)
{
    switch ((enum kdm_query_kind)query->kind) {
    case KDM_QUERY_ALL:
        return all(conversion->arena);
    case KDM_QUERY_NONE:
        return none(conversion->arena);
    case KDM_QUERY_BOOL:
        KDM_ASSERT(query->must.count + query->must_not.count == 0);
        KDM_ASSERT(query->filter.count == 0 || query->should.count == 0);
        return query->should.count > 0 ? convert_list(conversion, KDM_FILTER_OR, &query->should)
                                       : convert_list(conversion, KDM_FILTER_AND, &query->filter);
    default:
        KDM_ASSERT(query->kind >= KDM_QUERY_K_EQUALS);
        return convert_leaf(conversion, query);
    }
}

/* --- id ----------------------------------------------------------------------------------- */

/* The digest of where and what. JSON strings keep the parts apart. */
static void make_id(struct kdm_arena *arena, struct kdm_filter *filter, struct kdm_str form)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, form.len + 256);
    kdm_buf_lit(&buf, "{\"index\":");
    kdm_json_put_str(&buf, filter->index);
    kdm_buf_lit(&buf, ",\"collection\":");
    kdm_json_put_str(&buf, filter->collection);
    kdm_buf_lit(&buf, ",\"filter\":");
    kdm_buf_put(&buf, form);
    kdm_buf_char(&buf, '}');
    KDM_ASSERT(EVP_Digest(buf.ptr, buf.len, digest, &len, EVP_sha256(), NULL) == 1);
    KDM_ASSERT(2 * len == KDM_ROOM_ID_LEN);
    kdm_hex(digest, len, filter->id);
}

static const struct kdm_filter *refuse(struct kdm_arena *arena, struct kdm_failure *failure,
                                       const char *text)
{
    kdm_failure_set(failure, arena, KDM_ERR_API_ASSERT_KONCORDE_DSL_ERROR,
                    KDM_PROPS(kdm_str_of(text)));
    return NULL;
}

/* How many conjunctions a disjunctive form would have; never more than `most` + 1. */
static size_t minterms(const struct kdm_filter_node *node, size_t most)
{
    size_t count = node->op == KDM_FILTER_OR ? 0 : 1;

    for (size_t i = 0; i < node->count && count <= most; i++) {
        size_t more = minterms(node->children[i], most);

        count = node->op == KDM_FILTER_OR ? count + more : count * more;
    }
    return count > most ? most + 1 : count;
}

const struct kdm_filter *kdm_filter_parse(struct kdm_arena *arena,
                                          const struct kdm_filter_limits *limits,
                                          struct kdm_str index, struct kdm_str collection,
                                          struct kdm_val filter, struct kdm_failure *failure)
{
    struct kdm_query_parser parser = { .arena = arena, .failure = failure };
    struct conversion conversion = { .arena = arena, .room = limits == NULL ? SIZE_MAX : MAX_TEXT };
    struct kdm_filter *made = kdm_arena_zalloc(arena, sizeof(*made));
    struct kdm_filter_node *root, *normal;
    const struct kdm_query *query;

    if (limits != NULL && kdm_val_text(filter).len > MAX_TEXT)
        return refuse(arena, failure, "the filter is too large");
    if (kdm_val_repeats(filter)) /* of a name that stands twice the last one counts */
        filter = kdm_json_parse(arena, kdm_json_canonical(arena, filter));
    query = kdm_query_parse_filter(&parser, filter, limits == NULL ? SIZE_MAX : limits->conditions);
    if (query == NULL)
        return NULL;
    made->index = index;
    made->collection = collection;
    root = convert(&conversion, query);
    if (conversion.too_large)
        return refuse(arena, failure, "the filter is too large");
    if (limits != NULL && limits->minterms > 0
        && minterms(root, limits->minterms) > limits->minterms)
        return refuse(arena, failure, "the filter has too many minterms");
    normal = kdm_filter_normal(arena, root);
    make_id(arena, made, normal == NULL ? root->text : normal->text);
    /* The shorter one is kept: a disjunctive form may repeat its conditions. */
    made->root = normal != NULL && normal->text.len <= root->text.len ? normal : root;
    made->text = made->root->text;
    return made;
}

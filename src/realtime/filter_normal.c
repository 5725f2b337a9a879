/* filter_normal.c - see filter_normal.h. A term is a set of literals: bit i stands for literal i.
 */
#include "realtime/filter_normal.h"
#include <stdlib.h>

#define MAX_LITERALS 64
#define MAX_TERMS    32

#define BIT(i) (UINT64_C(1) << (i))

/* The literals of a filter and what they say about each other. */
struct literals {
    const struct kdm_filter_node *nodes[MAX_LITERALS]; /* leaves, sorted by text */
    size_t count;
    uint64_t implied[MAX_LITERALS];  /* by this one, without itself */
    uint64_t excluded[MAX_LITERALS]; /* by this one */
    int complement[MAX_LITERALS];    /* -1: not among them */
};

/* An "or"; no term says what another says. */
struct terms {
    uint64_t items[MAX_TERMS];
    size_t count;
};

/* --- literals ----------------------------------------------------------------------------------
 */

static int compare_texts(const void *a, const void *b)
{
    const struct kdm_filter_node *const *left = a, *const *right = b;

    return kdm_str_cmp((*left)->text, (*right)->text);
}

/* false: too many. The same leaf may come several times. */
static bool collect(struct literals *literals, const struct kdm_filter_node *node)
{
    if (node->op == KDM_FILTER_LEAF) {
        for (size_t i = 0; i < literals->count; i++)
            if (kdm_str_eq(literals->nodes[i]->text, node->text))
                return true;
        if (literals->count == MAX_LITERALS)
            return false;
        literals->nodes[literals->count++] = node;
    }
    for (size_t i = 0; i < node->count; i++)
        if (!collect(literals, node->children[i]))
            return false;
    return true;
}

static void relate(struct literals *literals)
{
    for (size_t i = 0; i < literals->count; i++) {
        const struct kdm_filter_node *a = literals->nodes[i];

        literals->implied[i] = literals->excluded[i] = 0;
        literals->complement[i] = -1;
        for (size_t j = 0; j < literals->count; j++) {
            const struct kdm_filter_node *b = literals->nodes[j];

            if (i == j)
                continue;
            if (kdm_filter_complements(a, b))
                literals->complement[i] = (int)j;
            if (kdm_filter_denies(a, b) || kdm_filter_denies(b, a)
                || kdm_filter_excludes(a->leaf, b->leaf))
                literals->excluded[i] |= BIT(j);
            else if (kdm_filter_implies(a->leaf, b->leaf))
                literals->implied[i] |= BIT(j);
        }
    }
}

static size_t index_of(const struct literals *literals, const struct kdm_filter_node *leaf)
{
    size_t i = 0;

    while (!kdm_str_eq(literals->nodes[i]->text, leaf->text))
        i++;
    return i;
}

/* --- terms -------------------------------------------------------------------------------------
 */

/* Leaves out what the rest of the term says already; false: it can't hold. */
static bool shorten(const struct literals *literals, uint64_t *term)
{
    for (size_t i = 0; i < literals->count; i++)
        if ((*term & BIT(i)) != 0 && (*term & literals->excluded[i]) != 0)
            return false;
    for (size_t i = 0; i < literals->count; i++)
        if ((*term & BIT(i)) != 0)
            *term &= ~literals->implied[i];
    return true;
}

/* All that holds when the term does. */
static uint64_t consequences(const struct literals *literals, uint64_t term)
{
    uint64_t all = term;

    for (size_t i = 0; i < literals->count; i++)
        if ((term & BIT(i)) != 0)
            all |= literals->implied[i];
    return all;
}

/* Adds a term unless another holds whenever it does, and drops those that hold only when it does;
 * *changed is set when it was added. false: there are too many. */
static bool add_term(const struct literals *literals, struct terms *terms, uint64_t term,
                     bool *changed)
{
    size_t kept = 0;
    uint64_t follows;

    if (!shorten(literals, &term))
        return true;
    follows = consequences(literals, term);
    for (size_t i = 0; i < terms->count; i++)
        if ((terms->items[i] & ~follows) == 0)
            return true;
    for (size_t i = 0; i < terms->count; i++)
        if ((term & ~consequences(literals, terms->items[i])) != 0)
            terms->items[kept++] = terms->items[i];
    terms->count = kept;
    if (terms->count == MAX_TERMS)
        return false;
    terms->items[terms->count++] = term;
    *changed = true;
    return true;
}

static bool expand(const struct literals *literals, const struct kdm_filter_node *node,
                   struct terms *ret_terms);

static bool multiply(const struct literals *literals, const struct terms *a, const struct terms *b,
                     struct terms *ret_terms)
{
    bool changed;

    ret_terms->count = 0;
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            if (!add_term(literals, ret_terms, a->items[i] | b->items[j], &changed))
                return false;
    return true;
}

static bool expand_group(const struct literals *literals, const struct kdm_filter_node *group,
                         struct terms *terms)
{
    struct terms one, product;
    bool changed;

    for (size_t i = 0; i < group->count; i++) {
        if (!expand(literals, group->children[i], &one))
            return false;
        if (group->op == KDM_FILTER_AND) {
            if (!multiply(literals, terms, &one, &product))
                return false;
            *terms = product;
            continue;
        }
        for (size_t j = 0; j < one.count; j++)
            if (!add_term(literals, terms, one.items[j], &changed))
                return false;
    }
    return true;
}

static bool expand(const struct literals *literals, const struct kdm_filter_node *node,
                   struct terms *ret_terms)
{
    ret_terms->items[0] = 0;
    ret_terms->count = node->op != KDM_FILTER_NONE && node->op != KDM_FILTER_OR;
    if (node->op == KDM_FILTER_LEAF)
        ret_terms->items[0] = BIT(index_of(literals, node));
    return expand_group(literals, node, ret_terms);
}

/* From "x and A" and "not x and B" follows "A and B". */
static bool add_consensus_of(const struct literals *literals, struct terms *terms, uint64_t left,
                             uint64_t right, bool *changed)
{
    for (size_t x = 0; x < literals->count; x++) {
        int not_x = literals->complement[x];

        if (not_x >= 0 && (left & BIT(x)) != 0 && (right & BIT(not_x)) != 0
            && !add_term(literals, terms, (left & ~BIT(x)) | (right & ~BIT(not_x)), changed))
            return false;
    }
    return true;
}

/* Until nothing new follows. */
static bool add_consensus(const struct literals *literals, struct terms *terms)
{
    bool changed = true;

    for (size_t round = 0; changed; round++) {
        struct terms before = *terms;

        if (round == MAX_TERMS)
            return false;
        changed = false;
        for (size_t i = 0; i < before.count; i++)
            for (size_t j = 0; j < before.count; j++)
                if (!add_consensus_of(literals, terms, before.items[i], before.items[j], &changed))
                    return false;
    }
    return true;
}

/* --- the form ----------------------------------------------------------------------------------
 */

static struct kdm_filter_node *term_node(struct kdm_arena *arena, const struct literals *literals,
                                         uint64_t term)
{
    struct kdm_filter_node **leaves =
        kdm_arena_alloc(arena, (literals->count + 1) * sizeof(struct kdm_filter_node *));
    size_t count = 0;

    for (size_t i = 0; i < literals->count; i++)
        if ((term & BIT(i)) != 0)
            leaves[count++] = (struct kdm_filter_node *)literals->nodes[i];
    return kdm_filter_group(arena, KDM_FILTER_AND, leaves, count);
}

struct kdm_filter_node *kdm_filter_normal(struct kdm_arena *arena, struct kdm_filter_node *root)
{
    struct literals *literals = kdm_arena_alloc(arena, sizeof(*literals));
    struct kdm_filter_node **nodes =
        kdm_arena_alloc(arena, MAX_TERMS * sizeof(struct kdm_filter_node *));
    struct terms terms;

    if (root->op <= KDM_FILTER_LEAF)
        return root;
    if (root->op == KDM_FILTER_OR && root->count > MAX_TERMS)
        return NULL;
    literals->count = 0;
    if (!collect(literals, root))
        return NULL;
    qsort(literals->nodes, literals->count, sizeof(literals->nodes[0]), compare_texts);
    relate(literals);
    if (!expand(literals, root, &terms) || !add_consensus(literals, &terms))
        return NULL;
    for (size_t i = 0; i < terms.count; i++)
        nodes[i] = term_node(arena, literals, terms.items[i]);
    return kdm_filter_group(arena, KDM_FILTER_OR, nodes, terms.count);
}

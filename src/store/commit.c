/* commit.c - putting a commit together.
 * What is staged is written at once in the form the script takes it (commit.lua names the layout), so that
 * sending is one pass over an array. Everything is copied into the commit's own arena: it may outlive the
 * transaction that made it, and may have to be sent twice.
 */
#include "store/commit_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char kdm_commit_key_ref[] = "key";

#define ARENA_CHUNK 8192

/* --- argument lists --------------------------------------------------------------------- */

static void push(struct kdm_commit *commit, struct arg_list *list, struct kdm_str arg)
{
    if (list->count == list->cap)
        list->items = kdm_arena_double(&commit->arena, list->items, &list->cap, 16, sizeof(arg));
    list->items[list->count++] = arg;
}

static void push_copy(struct kdm_commit *commit, struct arg_list *list, struct kdm_str arg)
{
    push(commit, list, arg.len == 0 ? KDM_STR("") : kdm_arena_copy(&commit->arena, arg));
}

struct kdm_str kdm_commit_decimal(struct kdm_arena *arena, uint64_t value)
{
    char text[KDM_DECIMAL_MAX], *end = text + sizeof(text);
    const char *at = kdm_decimal_before(end, value);

    return kdm_arena_copy(arena, (struct kdm_str){ at, (size_t)(end - at) });
}

static struct kdm_str number(struct kdm_commit *commit, uint64_t value)
{
    return kdm_commit_decimal(&commit->arena, value);
}

/* --- life ------------------------------------------------------------------------------- */

struct kdm_commit *kdm_commit_create(struct kdm_store *store, enum kdm_commit_mode mode)
{
    struct kdm_commit *commit = store->free_commits;
    struct kdm_arena arena;

    if (commit == NULL) {
        commit = kdm_malloc(sizeof(*commit));
        kdm_arena_init(&arena, ARENA_CHUNK);
    } else {
        store->free_commits = commit->next;
        arena = commit->arena;
    }
    memset(commit, 0, sizeof(*commit));
    commit->arena = arena;
    commit->store = store;
    commit->mode = mode;
    commit->envelope = KDM_STR("{}");
    return commit;
}

void kdm_commit_destroy(struct kdm_commit *commit)
{
    if (commit == NULL)
        return;
    for (uint32_t i = 0; i < commit->section_count; i++)
        kdm_index_unref(commit->sections[i].index);
    kdm_arena_reset(&commit->arena);
    commit->next = commit->store->free_commits;
    commit->store->free_commits = commit;
}

void kdm_commit_envelope(struct kdm_commit *commit, struct kdm_str json)
{
    commit->envelope = kdm_arena_copy(&commit->arena, json);
}

/* The part of the commit that concerns one index; made at its first use. */
static struct section *section_of(struct kdm_commit *commit, struct kdm_index *index)
{
    struct section *section;

    for (uint32_t i = 0; i < commit->section_count; i++) {
        if (commit->sections[i].index == index)
            return &commit->sections[i];
    }
    if (commit->section_count == commit->section_cap)
        commit->sections = kdm_arena_double(&commit->arena, commit->sections, &commit->section_cap, 2,
                                            sizeof(*section));
    section = &commit->sections[commit->section_count++];
    *section = (struct section){ .index = kdm_index_ref(index) };
    return section;
}

static struct section *section_named(struct kdm_commit *commit, struct kdm_str index)
{
    return section_of(commit, kdm_store_index(commit->store, index));
}

/* The place of a hash's key among the extra keys, as the script will count it once all indexes are known:
 * a marker that kdm_commit_send() turns into a number. */
static struct kdm_str key_ref(struct kdm_commit *commit, struct kdm_str key)
{
    for (size_t i = commit->keys.count; i > 0; i--) {
        if (kdm_str_eq(commit->keys.items[i - 1], key))
            return (struct kdm_str){ KEY_REF, i - 1 };
    }
    push_copy(commit, &commit->keys, key);
    return (struct kdm_str){ KEY_REF, commit->keys.count - 1 };
}

/* --- checks ----------------------------------------------------------------------------- */

static void check(struct kdm_commit *commit, struct section *section, struct kdm_str field,
                  struct kdm_str expected)
{
    /* Two different expectations stay both: one of them fails, and so does a decision that rests on two lives of one
     * collection. */
    for (size_t i = 0; i < section->checks.count; i += 2) {
        if (kdm_str_eq(section->checks.items[i], field)
            && kdm_str_eq(section->checks.items[i + 1], expected))
            return;
    }
    push_copy(commit, &section->checks, field);
    push_copy(commit, &section->checks, expected);
}

void kdm_commit_check_collection(struct kdm_commit *commit, const struct kdm_collection *collection)
{
    check(commit, section_of(commit, collection->index), collection->check_field, collection->check);
}

void kdm_commit_check_counter(struct kdm_commit *commit, const struct kdm_collection *collection,
                              struct kdm_str counter)
{
    check(commit, section_of(commit, collection->index), collection->counter_field, counter);
}

void kdm_commit_check_index(struct kdm_commit *commit, struct kdm_str index, struct kdm_str incarnation)
{
    check(commit, section_named(commit, index), KDM_STR("i"), incarnation);
}

void kdm_commit_check_no_collection(struct kdm_commit *commit, struct kdm_str index, struct kdm_str name)
{
    check(commit, section_named(commit, index),
          kdm_arena_printf(&commit->arena, "c:" KDM_FMT, KDM_ARG(name)), KDM_STR(""));
}

static struct kdm_str expectation(struct kdm_commit *commit, enum kdm_expect expect, uint64_t sequence)
{
    switch (expect) {
    case KDM_EXPECT_ABSENT:
        return KDM_STR("");
    case KDM_EXPECT_PRESENT:
        return KDM_STR("+");
    case KDM_EXPECT_ANY:
        return KDM_STR("*");
    case KDM_EXPECT_SEQUENCE:
        break;
    }
    return number(commit, sequence);
}

void kdm_commit_check_doc(struct kdm_commit *commit, const struct kdm_collection *collection,
                          struct kdm_str id, uint64_t sequence, uint32_t token)
{
    struct section *section = section_of(commit, collection->index);
    enum kdm_expect expect = sequence == 0 ? KDM_EXPECT_ABSENT : KDM_EXPECT_SEQUENCE;

    kdm_commit_check_collection(commit, collection);
    push(commit, &section->ops, KDM_STR("?"));
    push(commit, &section->ops, number(commit, token));
    push(commit, &section->ops, key_ref(commit, collection->docs_key));
    push_copy(commit, &section->ops, id);
    push(commit, &section->ops, expectation(commit, expect, sequence));
    section->op_count++;
}

/* --- writes ------------------------------------------------------------------------------ */

/* What the feed will tell as the value before, for those who follow the index on this node. */
static void push_previous(struct kdm_commit *commit, struct section *section, const struct kdm_commit_write *write)
{
    bool blind = write->version == 0 || write->expect == KDM_EXPECT_ABSENT;

    if (section->index->followed == NULL || section->previous_missing || (!blind && kdm_str_none(write->previous)))
        section->previous_missing = true;
    else if (blind)
        push(commit, &section->previous, KDM_STR_NONE);
    else
        push(commit, &section->previous,
             kdm_arena_printf(&commit->arena, "%" PRIu64 " %" PRId64 " " KDM_FMT, write->sequence,
                              write->previous_version, KDM_ARG(write->previous)));
}

/* "": the next one; "+2": the one after that. */
static struct kdm_str version_of(struct kdm_commit *commit, const struct kdm_commit_write *write)
{
    if (write->version != 0)
        return number(commit, (uint64_t)write->version);
    return write->steps == 0 ? KDM_STR("") : kdm_arena_printf(&commit->arena, "+%u", write->steps + 1);
}

void kdm_commit_put(struct kdm_commit *commit, const struct kdm_commit_write *write)
{
    static const char changes[] = "crudp";
    struct section *section = section_of(commit, write->collection->index);
    struct arg_list *ops = &section->ops;
    const char *change = strchr(changes, (int)write->change);
    bool deletes = kdm_str_none(write->text);

    KDM_ASSERT(change != NULL);
    check(commit, section, write->collection->check_field, write->collection->check);
    push(commit, ops, deletes ? KDM_STR("x") : KDM_STR("w"));
    push(commit, ops, number(commit, write->token));
    push(commit, ops, key_ref(commit, write->collection->docs_key));
    push_copy(commit, ops, write->id);
    push(commit, ops, expectation(commit, write->expect, write->sequence));
    push_copy(commit, ops, write->collection->name);
    push(commit, ops, version_of(commit, write));
    push(commit, ops, (struct kdm_str){ change, 1 });
    push(commit, ops, write->silent ? KDM_STR("-") : KDM_STR("+"));
    push_copy(commit, ops, write->changed);
    push_copy(commit, ops, write->text);
    push_previous(commit, section, write);
    section->op_count++;
    commit->write_count++;
    commit->bytes += write->text.len;
    section->bytes += 2 * write->text.len + 64;
    if (write->version == 0)
        commit->blind = true;
}

static void op(struct kdm_commit *commit, struct section *section, const struct kdm_str *args, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (args[i].ptr == KEY_REF)
            push(commit, &section->ops, args[i]);
        else
            push_copy(commit, &section->ops, args[i]);
    }
    section->op_count++;
    commit->write_count++;
}

#define OP(commit, section, ...)                                                                   \
    op((commit), (section), (const struct kdm_str[]){ __VA_ARGS__ },                               \
       sizeof((const struct kdm_str[]){ __VA_ARGS__ }) / sizeof(struct kdm_str))

void kdm_commit_message(struct kdm_commit *commit, enum kdm_message what, struct kdm_str index,
                        struct kdm_str collection, struct kdm_str id, struct kdm_str text)
{
    struct section *section = section_named(commit, index);
    char letter = (char)what;

    OP(commit, section, KDM_STR("m"), ((struct kdm_str){ &letter, 1 }), collection, id, text);
    commit->bytes += text.len;
    section->bytes += text.len;
}

/* A life's name that no other life of the same name will have. */
static struct kdm_str new_incarnation(struct kdm_commit *commit)
{
    char *text = kdm_arena_alloc(&commit->arena, KDM_DOC_ID_LEN);

    kdm_doc_id(commit->store->random, text);
    return (struct kdm_str){ text, KDM_DOC_ID_LEN };
}

void kdm_commit_create_index(struct kdm_commit *commit, struct kdm_str index)
{
    struct section *section = section_named(commit, index);

    check(commit, section, KDM_STR("i"), KDM_STR(""));
    OP(commit, section, KDM_STR("i"), key_ref(commit, KDM_STR("kdm:indexes")), new_incarnation(commit));
}

void kdm_commit_delete_index(struct kdm_commit *commit, struct kdm_str index)
{
    OP(commit, section_named(commit, index), KDM_STR("I"), key_ref(commit, KDM_STR("kdm:indexes")));
}

void kdm_commit_set_collection(struct kdm_commit *commit, struct kdm_str index, struct kdm_str name,
                               const struct kdm_collection *old, struct kdm_str definition)
{
    struct section *section = section_named(commit, index);
    struct kdm_str incarnation = old != NULL ? old->incarnation : new_incarnation(commit);
    int64_t version = old != NULL ? old->mapping_version + 1 : 1;

    if (old != NULL)
        kdm_commit_check_collection(commit, old);
    else
        kdm_commit_check_no_collection(commit, index, name);
    commit->bytes += definition.len;
    OP(commit, section, KDM_STR("c"), name,
       kdm_arena_printf(&commit->arena, KDM_FMT " %" PRId64, KDM_ARG(incarnation), version), definition);
}

void kdm_commit_delete_collection(struct kdm_commit *commit, const struct kdm_collection *collection)
{
    struct section *section = section_of(commit, collection->index);

    kdm_commit_check_collection(commit, collection);
    OP(commit, section, KDM_STR("C"), key_ref(commit, collection->docs_key), collection->name);
}

void kdm_commit_truncate(struct kdm_commit *commit, const struct kdm_collection *collection)
{
    struct section *section = section_of(commit, collection->index);

    kdm_commit_check_collection(commit, collection);
    OP(commit, section, KDM_STR("T"), key_ref(commit, collection->docs_key), collection->name,
       kdm_arena_printf(&commit->arena, KDM_FMT " %" PRId64, KDM_ARG(new_incarnation(commit)),
                        collection->mapping_version));
}

void kdm_commit_job(struct kdm_commit *commit, struct kdm_str index, struct kdm_str id, struct kdm_str head,
                    struct kdm_str json)
{
    OP(commit, section_named(commit, index), KDM_STR("j"), key_ref(commit, KDM_STR("kdm:jobs")), id, head, json);
}

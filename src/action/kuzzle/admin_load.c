/* admin_load.c - admin:loadMappings and admin:loadFixtures: many collections by one request.
 * Mappings are one commit, or a few when they are hundreds. Fixtures are atomic per document, as
 * imports are.
 */
#include "action/kuzzle/bulk_import.h"
#include "action/kuzzle/collection_stage.h"

/* Collections set by one commit, well below its limits. */
#define MOST_COLLECTIONS 200

/* --- {index: {collection: ..}} ------------------------------------------------------------- */

struct target {
    struct kdm_str index, name;
    struct kdm_val value;
};

struct targets {
    struct target *items;
    size_t count, indexes;
};

static bool expected(struct kdm_tx *tx, struct kdm_str what, struct kdm_str expectation)
{
    kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT, KDM_PROPS(what, expectation));
    return false;
}

static size_t count_targets(struct kdm_val body)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    size_t count = 0;

    for (kdm_members(&it, body); kdm_member_next(&it, &name, &value);)
        count += kdm_val_count(value);
    return count;
}

/* The collections of one index; false: they are no object. */
static bool add_index(struct kdm_tx *tx, struct kdm_str index, struct kdm_val collections,
                      struct targets *targets)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(collections) != KDM_JSON_OBJECT)
        return expected(tx, kdm_arena_printf(arena, "body." KDM_FMT, KDM_ARG(index)),
                        KDM_STR("object"));
    targets->indexes++;
    for (kdm_members(&it, collections); kdm_member_next(&it, &name, &value);)
        targets->items[targets->count++] =
            (struct target){ .index = index, .name = kdm_val_str(arena, name), .value = value };
    return true;
}

static bool read_targets(struct kdm_tx *tx, struct kdm_val body, struct targets *ret_targets)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val_iter it;
    struct kdm_val name, value;

    body = kdm_json_parse(arena, kdm_json_canonical(arena, body)); /* each name once */
    *ret_targets = (struct targets){ .count = 0 };
    ret_targets->items =
        kdm_arena_alloc(arena, (count_targets(body) + 1) * sizeof(*ret_targets->items));
    for (kdm_members(&it, body); kdm_member_next(&it, &name, &value);)
        if (!add_index(tx, kdm_val_str(arena, name), value, ret_targets))
            return false;
    return true;
}

/* "body.<index>.<collection>" */
static struct kdm_str path_of(struct kdm_tx *tx, const struct target *target)
{
    return kdm_arena_printf(kdm_tx_arena(tx), "body." KDM_FMT "." KDM_FMT, KDM_ARG(target->index),
                            KDM_ARG(target->name));
}

static void log_done(struct kdm_tx *tx, const char *action, const struct targets *targets,
                     const char *what)
{
    kdm_tx_log(tx,
               kdm_arena_printf(kdm_tx_arena(tx), "admin:%s: %s of %zu collections, %zu indexes",
                                action, what, targets->count, targets->indexes));
}

/* --- mappings ------------------------------------------------------------------------------ */

static bool stage_mapping(struct kdm_tx *tx, const struct target *target)
{
    const struct kdm_collection_wish wish = kdm_collection_wish_of(target->value);

    if (kdm_val_type(target->value) != KDM_JSON_OBJECT)
        return expected(tx, path_of(tx, target), KDM_STR("object"));
    return kdm_collection_stage(tx, target->index, target->name, &wish);
}

/* Those of one commit; all are asked for before the first is waited for. What is committed already is
 * not looked at again. */
static bool load_mappings(struct kdm_tx *tx, const struct target *targets, size_t count)
{
    bool complete = true;

    if (kdm_tx_commit_made(tx))
        return kdm_tx_commit(tx);
    for (size_t i = 0; i < count && kdm_tx_failure(tx)->err == KDM_OK; i++)
        complete = stage_mapping(tx, &targets[i]) && complete;
    return complete && kdm_tx_commit(tx);
}

enum kdm_outcome kdm_admin_load_mappings(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct targets targets;

    if (!read_targets(tx, args->body, &targets))
        return KDM_WAIT;
    for (size_t at = 0; at < targets.count; at += MOST_COLLECTIONS) {
        size_t left = targets.count - at;

        if (!load_mappings(tx, targets.items + at,
                           left < MOST_COLLECTIONS ? left : MOST_COLLECTIONS))
            return KDM_WAIT;
    }
    log_done(tx, "loadMappings", &targets, "mappings");
    return kdm_tx_reply(tx, KDM_STR("{\"acknowledge\":true}"));
}

/* --- fixtures ------------------------------------------------------------------------------ */

/* All collections, in the order of the targets. They must be there. */
static bool find_collections(struct kdm_tx *tx, const struct targets *targets,
                             struct kdm_collection **ret_collections)
{
    bool complete = true;

    for (size_t i = 0; i < targets->count && kdm_tx_failure(tx)->err == KDM_OK; i++) {
        const struct target *target = &targets->items[i];

        if (kdm_index_is_private(target->index))
            kdm_target_unknown_index(tx, target->index);
        else if (!kdm_tx_collection(tx, target->index, target->name, &ret_collections[i]))
            complete = false;
    }
    return complete && kdm_tx_failure(tx)->err == KDM_OK;
}

static struct kdm_import **decide(struct kdm_tx *tx, const struct targets *targets,
                                  struct kdm_collection **collections)
{
    struct kdm_import **imports =
        kdm_arena_alloc(kdm_tx_arena(tx), (targets->count + 1) * sizeof(struct kdm_import *));
    bool complete = true;

    for (size_t i = 0; i < targets->count; i++) {
        const struct target *target = &targets->items[i];

        if (kdm_val_type(target->value) != KDM_JSON_ARRAY) {
            expected(tx, path_of(tx, target), KDM_STR("array"));
            return NULL;
        }
        imports[i] = kdm_import_read(tx, path_of(tx, target), target->value);
        if (imports[i] == NULL)
            return NULL;
        complete = kdm_import_decide(imports[i], collections[i]) && complete;
    }
    return complete ? imports : NULL;
}

/* Kept over replays until a race is lost. NULL: wait. */
static struct kdm_import **decided(struct kdm_tx *tx, const struct targets *targets,
                                   struct kdm_collection **collections)
{
    static const char key[] = "fixtures";
    struct kdm_import **imports = kdm_tx_kept(tx, key);

    if (imports == NULL) {
        imports = decide(tx, targets, collections);
        if (imports != NULL)
            kdm_tx_keep(tx, key, imports);
    }
    return imports;
}

static enum kdm_outcome tell(struct kdm_tx *tx, const struct targets *targets,
                             struct kdm_import **imports)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_buf errors, successes;
    struct kdm_failure failure;
    size_t error_count = 0;

    kdm_buf_init(&errors, arena, 256);
    kdm_buf_init(&successes, arena, 1024);
    for (size_t i = 0; i < targets->count; i++)
        error_count += kdm_import_put(imports[i], &errors, &successes);
    log_done(tx, "loadFixtures", targets, error_count == 0 ? "documents" : "some documents");
    if (error_count == 0)
        return kdm_tx_reply(tx, KDM_STR("null"));
    kdm_failure_set(&failure, arena, KDM_ERR_SERVICES_STORAGE_IMPORT_FAILED, NULL, 0);
    failure.extra = kdm_arena_printf(arena, "\"count\":%zu,\"errors\":[" KDM_FMT "]", error_count,
                                     KDM_ARG(kdm_buf_str(&errors)));
    return kdm_tx_fail_with(tx, &failure);
}

enum kdm_outcome kdm_admin_load_fixtures(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection **collections;
    struct kdm_import **imports;
    struct targets targets;

    if (!read_targets(tx, args->body, &targets))
        return KDM_WAIT;
    collections =
        kdm_arena_alloc(args->arena, (targets.count + 1) * sizeof(struct kdm_collection *));
    if (!find_collections(tx, &targets, collections))
        return KDM_WAIT;
    imports = decided(tx, &targets, collections);
    if (imports == NULL)
        return KDM_WAIT;
    for (size_t i = 0; i < targets.count; i++)
        kdm_import_stage(imports[i], collections[i]);
    return kdm_tx_commit_each(tx) ? tell(tx, &targets, imports) : KDM_WAIT;
}

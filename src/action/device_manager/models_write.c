/* models_write.c - models written: asset, device, group and measure models.
 * A model shapes the mappings of all tenants, so a write is decided on all models there are and
 * commits only when none was written meanwhile. Whether every tenant's mapping would take it is
 * found out before: upstream stores the model first and then fails half way. What follows from it -
 * mappings of tenants, metadata of assets - is a job that commits together with the model; the
 * reply waits for it.
 */
#include "action/device_manager/dm.h"
#include "action/device_manager/family.h"
#include "action/device_manager/foreign.h"
#include "action/device_manager/rules.h"
#include "action/device_manager/schema.h"
#include "store/names.h"

/* What a request wants to become of a model. */
struct wish {
    enum kdm_dm_kind kind;
    struct kdm_str name;
    struct kdm_str source;  /* without _kuzzle_info */
    enum kdm_err conflicts; /* what conflicts are told as */
    struct kdm_doc *old;    /* updates: the document that is replaced; NULL: create or replace */
    struct kdm_str asset_model; /* its assets follow; or none */
    struct kdm_str parent;      /* asset models: given by the request; none: as it is stored */
    int64_t if_match;           /* the _version it must have; 0: any */
    /* Asset models that are written in the same commit, each as what is its own. */
    const struct kdm_str *more_names, *more_sources;
    size_t more_count;
    struct kdm_str renames; /* {"old":"new"} of metadata, for the assets; or none */
    bool spares_jobs;       /* when no mapping and no asset is to be changed */
};

/* --- checks ---------------------------------------------------------------------------------- */

static bool check_name(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str name)
{
    static const enum kdm_err errors[] = {
        [KDM_DM_ASSET] = KDM_ERR_DEVICE_MANAGER_ASSET_MODEL_NOT_PASCAL,
        [KDM_DM_DEVICE] = KDM_ERR_DEVICE_MANAGER_DEVICE_MODEL_NOT_PASCAL,
        [KDM_DM_GROUP] = KDM_ERR_DEVICE_MANAGER_GROUP_MODEL_NOT_PASCAL,
    };

    if (kdm_dm_name_is_pascal(name))
        return true;
    kdm_tx_fail(tx, errors[kind], KDM_PROPS(name));
    return false;
}

static struct kdm_str strings_text(struct kdm_arena *arena, const char *member,
                                   const struct kdm_str_list *strings)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 128);
    kdm_json_put_str(&buf, kdm_str_of(member));
    kdm_buf_lit(&buf, ":[");
    for (size_t i = 0; i < strings->count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, strings->items[i]);
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

static bool check_measure_names(struct kdm_tx *tx, enum kdm_err err, struct kdm_val measures)
{
    struct kdm_str_list twice = kdm_dm_duplicate_names(kdm_tx_arena(tx), measures);
    struct kdm_failure failure;

    if (twice.count == 0)
        return true;
    kdm_failure_set(&failure, kdm_tx_arena(tx), err, NULL, 0);
    failure.extra = strings_text(kdm_tx_arena(tx), "duplicates", &twice);
    kdm_tx_fail_with(tx, &failure);
    return false;
}

static bool check_defaults(struct kdm_tx *tx, struct kdm_val mappings, struct kdm_val defaults)
{
    struct kdm_str unmapped;

    if (kdm_dm_defaults_mapped(kdm_tx_arena(tx), mappings, defaults, &unmapped))
        return true;
    kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_DEFAULT_NOT_MAPPED, KDM_PROPS(unmapped));
    return false;
}

static bool check_size(struct kdm_tx *tx, const struct kdm_dm_model *model)
{
    struct kdm_val defaults = kdm_val_get(model->content, KDM_STR("defaultMetadata"));

    if (kdm_dm_model_bounded(model)
        && kdm_dm_dotted_keys(kdm_tx_arena(tx), defaults) <= KDM_DM_MAX_DOTTED)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                KDM_PROPS(KDM_STR("A model can't have more than 5000 fields, 1000 measures and 256 "
                                  "defaults that are given by path.")));
    return false;
}

/* Of the member `dialect`: mapped with the first model that has one. */
static const struct kdm_str dialect_mapping = KDM_STR(
    "{\"properties\":{\"dialect\":{\"dynamic\":\"false\",\"properties\":{\"parent\":{\"type\":"
    "\"keyword\"},\"mindsphere\":{\"dynamic\":\"false\",\"properties\":{\"id\":{\"type\":"
    "\"keyword\"},"
    "\"tenantId\":{\"type\":\"keyword\"}}}}}}}");

/* The mapping above is merged in with the first model that needs it. */
static bool knows_dialect(const struct kdm_mapping *mapping)
{
    const struct kdm_field *dialect =
        kdm_field_child(kdm_mapping_root(mapping), KDM_STR("dialect"));

    return dialect != NULL && kdm_field_child(dialect, KDM_STR("mindsphere")) != NULL;
}

static bool check_document(struct kdm_tx *tx, const struct kdm_collection *collection,
                           const struct kdm_dm_model *model)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_mapping *mapping = kdm_mapping_ref(collection->mapping);
    struct kdm_failure failure;
    struct kdm_str additions;
    bool fits = kdm_val_none(kdm_val_get(model->source, KDM_STR("dialect")))
                || knows_dialect(mapping)
                || kdm_source_grow_mapping(arena, &mapping, dialect_mapping, &failure);

    fits = fits && kdm_doc_id_check(arena, model->id, &failure)
           && kdm_source_check(arena, collection, mapping, model->source, &additions, &failure);
    kdm_mapping_unref(mapping);
    if (!fits)
        kdm_tx_fail_with(tx, &failure);
    return fits;
}

/* --- families -------------------------------------------------------------------------------- */

static bool fail_family(struct kdm_tx *tx, const struct wish *wish,
                        enum kdm_dm_family_result result, struct kdm_str detail)
{
    static const char depth[] = "a parent with fewer than 32 ancestors";

    if (result == KDM_DM_FAMILY_NO_PARENT)
        kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_UNKNOWN_ASSET_MODEL, KDM_PROPS(detail));
    else if (result == KDM_DM_FAMILY_TOO_DEEP)
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                    KDM_PROPS(KDM_STR("body.parentModel"), KDM_STR(depth)));
    else
        kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_MODEL_FAMILY_CONFLICT,
                    KDM_PROPS(wish->name, detail));
    return false;
}

/* The parent the model will have: once it has one it keeps it. */
static bool find_parent(struct kdm_tx *tx, const struct wish *wish,
                        const struct kdm_dm_model *stored, struct kdm_str *ret_parent)
{
    struct kdm_str now = stored == NULL ? KDM_STR_NONE : kdm_dm_parent_of(kdm_tx_arena(tx), stored);

    *ret_parent = kdm_str_none(wish->parent) ? now : wish->parent;
    if (stored == NULL || kdm_str_none(wish->parent) || kdm_str_eq(now, wish->parent))
        return true;
    kdm_tx_fail(
        tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
        KDM_PROPS(KDM_STR("body.parentModel"), KDM_STR("the parent that the model has already")));
    return false;
}

/* What other vendors' doors know of a model stays when Kuzzle writes it. */
static struct kdm_val with_foreign(struct kdm_arena *arena, const struct kdm_dm_model *stored,
                                   struct kdm_val given)
{
    const struct kdm_str path = KDM_STR("dialect.mindsphere");
    struct kdm_val block = stored == NULL ? KDM_VAL_NONE : kdm_val_path(stored->source, path);

    if (kdm_val_none(block) || !kdm_val_none(kdm_val_path(given, path)))
        return given;
    return kdm_json_parse(arena, kdm_json_set_path(arena, given, path,
                                                   kdm_dm_foreign_refreshed(arena, block, given)));
}

/* --- writing --------------------------------------------------------------------------------- */

/* A model that passed all checks. */
struct ready {
    struct kdm_str id, name, text;
    struct kdm_doc *old; /* NULL: create or replace */
};

/* The wish's model first, behind it those that inherit from it; kept over replays. */
struct plan {
    struct ready *items;
    size_t count;
    struct kdm_dm_model model; /* the wish's, as it will be stored */
    bool with_dialect;         /* the collection's mapping must know of it */
    bool shapes;               /* something changes that mappings or assets are made of */
};

static struct kdm_str with_info(struct kdm_tx *tx, struct kdm_doc *old,
                                const struct kdm_dm_model *model)
{
    int64_t now = kdm_tx_now(tx);

    return kdm_tx_with_info(
        tx, model->source,
        old == NULL ? kdm_dm_info_replaced(tx, KDM_DM_NOBODY, now)
                    : kdm_dm_info_updated(tx, KDM_DM_USER, now, kdm_doc_source(tx, old)));
}

/* What is being decided. */
struct decision {
    struct kdm_tx *tx;
    const struct wish *wish;
    const struct kdm_collection *collection;
    struct kdm_dm_models before, models; /* as they are, and as they will be */
    struct plan *plan;
};

/* Is what mappings and assets are made of as it was? */
static bool same_shape(struct kdm_arena *arena, const struct kdm_dm_model *before,
                       const struct kdm_dm_model *now)
{
    static const struct kdm_str parts[] = { KDM_STR("metadataMappings"), KDM_STR("defaultMetadata"),
                                            KDM_STR("measures"), KDM_STR("valuesMappings") };

    if (before == NULL || !kdm_str_eq(before->group, now->group))
        return false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!kdm_val_equal(arena, kdm_val_get(before->content, parts[i]),
                           kdm_val_get(now->content, parts[i])))
            return false;
    }
    return true;
}

/* Checks one model among the others as they will be, and adds it to the plan. */
static bool add_model(struct decision *decision, enum kdm_dm_kind kind, struct kdm_str name,
                      struct kdm_val source, struct kdm_doc *old)
{
    struct kdm_tx *tx = decision->tx;
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str id = kdm_dm_model_id(arena, kind, name);
    struct kdm_dm_model model;

    if (!kdm_dm_model_read(arena, id, kdm_val_text(source), source, &model)
        || !check_size(tx, &model)
        || !kdm_dm_check_model(tx, &decision->models, &model, decision->wish->conflicts)
        || !check_document(tx, decision->collection, &model))
        return false;
    decision->models = kdm_dm_models_with(arena, &decision->models, &model);
    if (decision->plan->count == 0)
        decision->plan->model = model;
    decision->plan->items[decision->plan->count++] =
        (struct ready){ .id = id, .name = name, .text = with_info(tx, old, &model), .old = old };
    if (!kdm_val_none(kdm_val_get(model.source, KDM_STR("dialect"))))
        decision->plan->with_dialect = !knows_dialect(decision->collection->mapping);
    if (!same_shape(arena, kdm_dm_model_find(&decision->before, kind, name), &model))
        decision->plan->shapes = true;
    return true;
}

/* An asset model that is written along: what is its own, flattened under its parent as it will be.
 */
static bool add_along(struct decision *decision, struct kdm_str name, struct kdm_str own)
{
    struct kdm_arena *arena = kdm_tx_arena(decision->tx);
    const struct kdm_dm_model *stored = kdm_dm_model_find(&decision->models, KDM_DM_ASSET, name);
    enum kdm_dm_family_result result;
    struct kdm_str detail;
    struct kdm_val source;
    struct kdm_doc *old;

    if (stored == NULL) /* it was there a moment ago, and the commit would say so */
        return true;
    if (!kdm_tx_read(decision->tx, (struct kdm_collection *)decision->collection, stored->id, &old))
        return false;
    if (kdm_str_none(own))
        own = kdm_dm_own_source(arena, stored);
    result = kdm_dm_flatten(arena, &decision->models, kdm_dm_parent_of(arena, stored),
                            kdm_json_parse(arena, own), &source, &detail);
    if (result != KDM_DM_FAMILY_OK)
        return fail_family(decision->tx, decision->wish, result, detail);
    return add_model(decision, KDM_DM_ASSET, name, source, old);
}

/* What the wish says of a model beside its own; none: nothing. */
static struct kdm_str source_of_more(const struct wish *wish, struct kdm_str name)
{
    for (size_t i = 0; i < wish->more_count; i++) {
        if (kdm_str_eq(wish->more_names[i], name))
            return wish->more_sources[i];
    }
    return KDM_STR_NONE;
}

static void add_name(struct kdm_str_list *list, struct kdm_str name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (kdm_str_eq(list->items[i], name))
            return;
    }
    list->items[list->count++] = name;
}

/* All asset models that follow: those the wish names, and what inherits from them or from its own.
 */
static struct kdm_str_list names_along(struct kdm_arena *arena, const struct decision *decision)
{
    const struct wish *wish = decision->wish;
    struct kdm_str_list list = { .count = 0 }, below;

    list.items = kdm_arena_alloc(arena, (decision->models.count + wish->more_count + 1)
                                            * sizeof(*list.items));
    for (size_t i = 0; i < wish->more_count; i++)
        add_name(&list, wish->more_names[i]);
    if (wish->kind == KDM_DM_ASSET) {
        below = kdm_dm_descendants(arena, &decision->models, wish->name);
        for (size_t i = 0; i < below.count; i++)
            add_name(&list, below.items[i]);
    }
    for (size_t i = 0, count = list.count; i < count; i++) {
        below = kdm_dm_descendants(arena, &decision->models, list.items[i]);
        for (size_t k = 0; k < below.count; k++)
            add_name(&list, below.items[k]);
    }
    return list;
}

/* Parents before their children, so that each is flattened under what its parent has become. */
static bool add_followers(struct decision *decision)
{
    struct kdm_arena *arena = kdm_tx_arena(decision->tx);
    struct kdm_str_list names = names_along(arena, decision);

    if (names.count > KDM_DM_FAMILY_MAX) {
        kdm_tx_fail(decision->tx, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                    KDM_PROPS(KDM_STR("A model can't have more than 200 that follow it.")));
        return false;
    }
    for (size_t depth = 1; depth <= KDM_DM_FAMILY_DEPTH; depth++) {
        for (size_t i = 0; i < names.count; i++) {
            if (kdm_dm_depth(arena, &decision->models, names.items[i]) == depth
                && !add_along(decision, names.items[i],
                              source_of_more(decision->wish, names.items[i])))
                return false;
        }
    }
    return true;
}

static bool check_version(struct kdm_tx *tx, const struct wish *wish, struct kdm_doc *stored)
{
    if (wish->if_match == 0 || (stored != NULL && stored->version == wish->if_match))
        return true;
    kdm_tx_fail(
        tx, KDM_ERR_DEVICE_MANAGER_MODEL_CHANGED,
        KDM_PROPS(wish->name, kdm_arena_printf(kdm_tx_arena(tx), "%lld",
                                               stored == NULL ? 0LL : (long long)stored->version)));
    return false;
}

/* The wish's own model, with what it inherits. */
static bool add_wish(struct decision *decision)
{
    const struct wish *wish = decision->wish;
    struct kdm_arena *arena = kdm_tx_arena(decision->tx);
    const struct kdm_dm_model *stored =
        kdm_dm_model_find(&decision->models, wish->kind, wish->name);
    struct kdm_val source = kdm_json_parse(arena, wish->source);
    struct kdm_str parent = KDM_STR_NONE, detail;
    enum kdm_dm_family_result result;

    if (wish->kind != KDM_DM_ASSET)
        return add_model(decision, wish->kind, wish->name, source, wish->old);
    if (!find_parent(decision->tx, wish, stored, &parent))
        return false;
    result = kdm_dm_flatten(arena, &decision->models, parent, with_foreign(arena, stored, source),
                            &source, &detail);
    if (result != KDM_DM_FAMILY_OK)
        return fail_family(decision->tx, wish, result, detail);
    return add_model(decision, KDM_DM_ASSET, wish->name, source, wish->old);
}

/* Has something to follow in tenants? */
static bool needs_job(const struct wish *wish, const struct plan *plan)
{
    return plan->shapes || !wish->spares_jobs;
}

/* NULL: wait, or it failed. */
static struct plan *decide(struct kdm_tx *tx, const struct wish *wish,
                           const struct kdm_collection *collection)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct decision decision = { .tx = tx, .wish = wish, .collection = collection };
    struct kdm_doc *stored = NULL;

    if (!kdm_dm_models(tx, true, &decision.models))
        return NULL;
    decision.before = decision.models;
    if (wish->if_match != 0
        && !kdm_tx_read(tx, (struct kdm_collection *)collection,
                        kdm_dm_model_id(arena, wish->kind, wish->name), &stored))
        return NULL;
    decision.plan = kdm_arena_zalloc(arena, sizeof(*decision.plan));
    decision.plan->items =
        kdm_arena_alloc(arena, (KDM_DM_FAMILY_MAX + 1) * sizeof(*decision.plan->items));
    if (!check_version(tx, wish, stored) || !add_wish(&decision) || !add_followers(&decision))
        return NULL;
    if (!needs_job(wish, decision.plan))
        return decision.plan; /* no mapping changes */
    return kdm_dm_refit_possible(tx, kdm_dm_refit_create(tx, &decision.models)) ? decision.plan
                                                                                : NULL;
}

/* The asset models of the plan, whose assets follow. */
static struct kdm_str_list followed(struct kdm_tx *tx, const struct wish *wish,
                                    const struct plan *plan)
{
    struct kdm_str_list names = {
        .items = kdm_arena_alloc(kdm_tx_arena(tx), plan->count * sizeof(*names.items)), .count = 0
    };

    for (size_t i = 0; i < plan->count; i++) {
        if (i > 0 || !kdm_str_none(wish->asset_model))
            names.items[names.count++] = plan->items[i].name;
    }
    return names;
}

static void stage_plan(struct kdm_tx *tx, struct kdm_collection *collection,
                       const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct ready *item = &plan->items[i];

        if (item->old == NULL)
            kdm_tx_put(tx, collection, item->id, item->text, 0);
        else
            kdm_tx_write(tx, collection, item->old, item->text, KDM_CHANGE_UPDATE, KDM_STR_NONE, 0);
    }
}

/* Checks, commits and waits for what follows. false: wait, or it failed. */
static bool write_model(struct kdm_tx *tx, const struct wish *wish, struct plan **ret_plan,
                        struct kdm_collection **ret_collection)
{
    static const char key[] = "model write";
    struct plan *plan = kdm_tx_kept(tx, key);
    struct kdm_str job = KDM_STR_NONE;
    struct kdm_str_list names;
    bool done;

    if (!kdm_dm_models_collection(tx, ret_collection))
        return false;
    if (plan == NULL) {
        plan = decide(tx, wish, *ret_collection);
        if (plan == NULL)
            return false;
        kdm_tx_keep(tx, key, plan);
    }
    if (plan->with_dialect && !kdm_source_extend_mapping(tx, *ret_collection, dialect_mapping))
        return false;
    stage_plan(tx, *ret_collection, plan);
    names = followed(tx, wish, plan);
    if (needs_job(wish, plan))
        job = kdm_dm_model_job(tx, &names, wish->renames);
    *ret_plan = plan;
    return kdm_tx_commit(tx) /* a job that takes longer goes on by itself */
           && (kdm_str_none(job) || kdm_tx_await_job(tx, job, &done));
}

bool kdm_dm_put_models(struct kdm_tx *tx, const struct kdm_dm_model_wish *model,
                       const struct kdm_str *more_names, const struct kdm_str *more_sources,
                       size_t more_count, const struct kdm_dm_model **ret_model)
{
    struct kdm_collection *collection;
    struct plan *plan;
    const struct wish wish = {
        .kind = model->kind,
        .name = model->name,
        .source = model->source,
        .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_ASSET_MAPPINGS_CONFLICTS,
        .asset_model = model->kind == KDM_DM_ASSET ? model->name : KDM_STR_NONE,
        .parent = model->parent,
        .renames = model->renames,
        .more_names = more_names,
        .more_sources = more_sources,
        .more_count = more_count,
        .spares_jobs = kdm_str_none(model->renames) || kdm_str_eq(model->renames, KDM_STR("{}"))
    };

    if (!write_model(tx, &wish, &plan, &collection))
        return false;
    if (ret_model != NULL)
        *ret_model = &plan->model;
    return true;
}

bool kdm_dm_put_model(struct kdm_tx *tx, const struct kdm_dm_model_wish *model,
                      const struct kdm_dm_model **ret_model)
{
    return kdm_dm_put_models(tx, model, NULL, NULL, 0, ret_model);
}

static enum kdm_outcome write_and_reply(struct kdm_tx *tx, const struct wish *wish)
{
    struct kdm_collection *collection;
    const struct kdm_written *written;
    struct plan *plan;

    if (!write_model(tx, wish, &plan, &collection))
        return KDM_WAIT;
    written = kdm_tx_written(tx, collection, plan->items[0].id);
    return kdm_document_reply_created(tx, plan->items[0].id, plan->items[0].text, written->version,
                                      written->created);
}

bool kdm_dm_ensure_asset_model(struct kdm_tx *tx, struct kdm_str name, struct kdm_str source,
                               struct kdm_dm_model *ret_model)
{
    const struct kdm_dm_model_wish wish = { .kind = KDM_DM_ASSET, .name = name, .source = source };
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str id = kdm_dm_model_id(arena, KDM_DM_ASSET, name);
    struct kdm_collection *collection;
    bool found;

    if (!kdm_dm_models_collection(tx, &collection)
        || !kdm_dm_model_seen(tx, KDM_DM_ASSET, name, KDM_STR_NONE, &found, ret_model))
        return false;
    if (found)
        return kdm_tx_commit(tx); /* of nothing: commits are counted */
    /* Also after it was made: what was read before a commit stays as it was read. */
    return kdm_dm_model_read(arena, id, source, kdm_json_parse(arena, source), ret_model)
           && kdm_dm_put_model(tx, &wish, NULL);
}

/* --- what requests say ----------------------------------------------------------------------- */

static void put_val(struct kdm_buf *buf, struct kdm_arena *arena, const char *name,
                    struct kdm_val val, struct kdm_str absent)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_put(buf, kdm_val_none(val) ? absent : kdm_json_canonical(arena, val));
}

static void put_text(struct kdm_buf *buf, const char *name, struct kdm_str text)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_json_put_str(buf, text);
}

/* defaultMetadata is what they are stored as, and taken for them when they are absent. */
static struct kdm_val defaults_of(const struct kdm_args *args)
{
    return kdm_args_val(args, kdm_args_has(args, KDM_ARG_BODY_DEFAULT_VALUES)
                                  ? KDM_ARG_BODY_DEFAULT_VALUES
                                  : KDM_ARG_BODY_DEFAULT_METADATA);
}

/* The members that asset, device and group models share. */
static void put_metadata(struct kdm_buf *buf, const struct kdm_args *args)
{
    put_val(buf, args->arena, "metadataMappings",
            kdm_args_val(args, KDM_ARG_BODY_METADATA_MAPPINGS), KDM_STR("{}"));
    put_val(buf, args->arena, "defaultMetadata", defaults_of(args), KDM_STR("{}"));
    put_val(buf, args->arena, "metadataDetails", kdm_args_val(args, KDM_ARG_BODY_METADATA_DETAILS),
            KDM_STR("{}"));
    put_val(buf, args->arena, "metadataGroups", kdm_args_val(args, KDM_ARG_BODY_METADATA_GROUPS),
            KDM_STR("{}"));
}

/* {"type":..,["engineGroup":..,]"<kind>":{"model":.. : what every model but a measure's begins
 * with. */
static void open_source(struct kdm_buf *buf, const struct kdm_args *args, enum kdm_dm_kind kind,
                        struct kdm_str name, struct kdm_str group)
{
    kdm_buf_init(buf, args->arena, kdm_val_text(args->body).len + 256);
    kdm_buf_char(buf, '{');
    put_text(buf, "type", kdm_dm_kind_name(kind));
    if (!kdm_str_none(group))
        put_text(buf, "engineGroup", group);
    kdm_json_put_name(buf, kdm_dm_kind_name(kind));
    kdm_buf_char(buf, '{');
    put_text(buf, "model", name);
}

static struct kdm_str asset_source(const struct kdm_args *args, struct kdm_str name)
{
    struct kdm_buf buf;

    open_source(&buf, args, KDM_DM_ASSET, name, kdm_args_str(args, KDM_ARG_BODY_ENGINE_GROUP));
    put_metadata(&buf, args);
    put_val(&buf, args->arena, "measures", kdm_args_val(args, KDM_ARG_BODY_MEASURES),
            KDM_STR("[]"));
    put_val(&buf, args->arena, "tooltipModels", kdm_args_val(args, KDM_ARG_BODY_TOOLTIP_MODELS),
            KDM_STR("{}"));
    put_val(&buf, args->arena, "locales", kdm_args_val(args, KDM_ARG_BODY_LOCALES), KDM_STR("{}"));
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

enum kdm_outcome kdm_dm_models_write_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_ASSET,
                         .name = kdm_args_str(args, KDM_ARG_BODY_MODEL),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_ASSET_MAPPINGS_CONFLICTS };

    if (!check_name(tx, KDM_DM_ASSET, wish.name)
        || !check_measure_names(tx, KDM_ERR_DEVICE_MANAGER_ASSET_MEASURE_NAMES_DUPLICATES,
                                kdm_args_val(args, KDM_ARG_BODY_MEASURES))
        || !check_defaults(tx, kdm_args_val(args, KDM_ARG_BODY_METADATA_MAPPINGS),
                           defaults_of(args)))
        return KDM_WAIT;
    wish.source = asset_source(args, wish.name);
    wish.asset_model = wish.name;
    wish.parent = kdm_args_str(args, KDM_ARG_BODY_PARENT_MODEL);
    wish.if_match = kdm_args_int(args, KDM_ARG_IF_MATCH, 0);
    return write_and_reply(tx, &wish);
}

enum kdm_outcome kdm_dm_models_write_device(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_DEVICE,
                         .name = kdm_args_str(args, KDM_ARG_BODY_MODEL),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_DEVICE_MAPPINGS_CONFLICTS };
    struct kdm_buf buf;

    if (!check_name(tx, KDM_DM_DEVICE, wish.name)
        || !check_measure_names(tx, KDM_ERR_DEVICE_MANAGER_DEVICE_MEASURE_NAMES_DUPLICATES,
                                kdm_args_val(args, KDM_ARG_BODY_MEASURES)))
        return KDM_WAIT;
    open_source(&buf, args, KDM_DM_DEVICE, wish.name, KDM_STR_NONE);
    put_metadata(&buf, args);
    put_val(&buf, args->arena, "measures", kdm_args_val(args, KDM_ARG_BODY_MEASURES),
            KDM_STR("[]"));
    kdm_buf_lit(&buf, "}}");
    wish.source = kdm_buf_str(&buf);
    return write_and_reply(tx, &wish);
}

enum kdm_outcome kdm_dm_models_write_group(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_GROUP,
                         .name = kdm_args_str(args, KDM_ARG_BODY_MODEL),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_GROUP_MAPPINGS_CONFLICTS };
    struct kdm_buf buf;

    if (!check_name(tx, KDM_DM_GROUP, wish.name))
        return KDM_WAIT;
    open_source(&buf, args, KDM_DM_GROUP, wish.name, kdm_args_str(args, KDM_ARG_BODY_ENGINE_GROUP));
    put_metadata(&buf, args);
    kdm_buf_lit(&buf, "}}");
    wish.source = kdm_buf_str(&buf);
    return write_and_reply(tx, &wish);
}

/* --- measures -------------------------------------------------------------------------------- */

static bool check_schema(struct kdm_tx *tx, struct kdm_val schema)
{
    struct kdm_str errors = kdm_dm_schema_errors(kdm_tx_arena(tx), schema);
    struct kdm_failure failure;

    if (kdm_str_none(errors))
        return true;
    kdm_failure_set(&failure, kdm_tx_arena(tx), KDM_ERR_DEVICE_MANAGER_SCHEMA_VALIDATION, NULL, 0);
    failure.extra =
        kdm_arena_printf(kdm_tx_arena(tx), "\"schemaErrors\":" KDM_FMT, KDM_ARG(errors));
    kdm_tx_fail_with(tx, &failure);
    return false;
}

/* Conflicts between measures are told with the text of assets, as upstream does. */
enum kdm_outcome kdm_dm_models_write_measure(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_MEASURE,
                         .name = kdm_args_str(args, KDM_ARG_BODY_TYPE),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_ASSET_MAPPINGS_CONFLICTS };
    struct kdm_val schema = kdm_args_val(args, KDM_ARG_BODY_VALIDATION_SCHEMA);
    struct kdm_buf buf;

    if (!check_schema(tx, schema))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, kdm_val_text(args->body).len + 192);
    kdm_buf_lit(&buf, "{\"type\":\"measure\",\"measure\":{");
    put_text(&buf, "type", wish.name);
    put_val(&buf, args->arena, "valuesMappings", kdm_args_val(args, KDM_ARG_BODY_VALUES_MAPPINGS),
            KDM_STR("{}"));
    put_val(&buf, args->arena, "validationSchema", schema, KDM_STR("{}"));
    put_val(&buf, args->arena, "valuesDetails", kdm_args_val(args, KDM_ARG_BODY_VALUES_DETAILS),
            KDM_STR("{}"));
    put_val(&buf, args->arena, "locales", kdm_args_val(args, KDM_ARG_BODY_LOCALES), KDM_STR("{}"));
    kdm_buf_lit(&buf, "}}");
    wish.source = kdm_buf_str(&buf);
    return write_and_reply(tx, &wish);
}

/* --- updateAsset ----------------------------------------------------------------------------- */

static void put_if_given(struct kdm_buf *buf, const struct kdm_args *args, const char *name,
                         struct kdm_val val)
{
    if (!kdm_val_none(val))
        put_val(buf, args->arena, name, val, KDM_STR_NONE);
}

/* The changes as a partial document. An empty list of measures means: keep them. */
static struct kdm_str asset_changes(const struct kdm_args *args)
{
    struct kdm_val measures = kdm_args_val(args, KDM_ARG_BODY_MEASURES);
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, kdm_val_text(args->body).len + 192);
    kdm_buf_char(&buf, '{');
    put_text(&buf, "engineGroup", kdm_args_str(args, KDM_ARG_ENGINE_GROUP));
    kdm_buf_lit(&buf, ",\"asset\":{");
    put_if_given(&buf, args, "metadataMappings",
                 kdm_args_val(args, KDM_ARG_BODY_METADATA_MAPPINGS));
    put_if_given(&buf, args, "defaultMetadata", defaults_of(args));
    put_if_given(&buf, args, "metadataDetails", kdm_args_val(args, KDM_ARG_BODY_METADATA_DETAILS));
    put_if_given(&buf, args, "metadataGroups", kdm_args_val(args, KDM_ARG_BODY_METADATA_GROUPS));
    put_if_given(&buf, args, "locales", kdm_args_val(args, KDM_ARG_BODY_LOCALES));
    put_val(&buf, args->arena, "tooltipModels", kdm_args_val(args, KDM_ARG_BODY_TOOLTIP_MODELS),
            KDM_STR("{}"));
    if (kdm_val_count(measures) > 0)
        put_val(&buf, args->arena, "measures", measures, KDM_STR_NONE);
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

/* What is the stored model's own, with the changes; its tooltip models are not merged but replaced.
 */
static struct kdm_str updated_source(struct kdm_arena *arena, const struct kdm_dm_model *model,
                                     struct kdm_str changes)
{
    struct kdm_val old = kdm_json_parse(arena, kdm_dm_own_source(arena, model));
    struct kdm_str bare =
        kdm_json_set_path(arena, old, KDM_STR("asset.tooltipModels"), KDM_STR_NONE);

    bare = kdm_json_set(arena, kdm_json_parse(arena, bare), KDM_STR("_kuzzle_info"), KDM_STR_NONE);
    return kdm_json_merge(arena, kdm_json_parse(arena, bare), kdm_json_parse(arena, changes));
}

enum kdm_outcome kdm_dm_models_update_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_ASSET,
                         .name = kdm_args_str(args, KDM_ARG_MODEL),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_ASSET_MAPPINGS_CONFLICTS };
    struct kdm_str changes, shown;
    struct kdm_collection *collection;
    struct kdm_dm_model model;
    struct plan *plan;

    if (!check_name(tx, KDM_DM_ASSET, wish.name)
        || !check_defaults(tx, kdm_args_val(args, KDM_ARG_BODY_METADATA_MAPPINGS),
                           defaults_of(args))
        || !kdm_dm_models_collection(tx, &collection))
        return KDM_WAIT;
    kdm_tx_set_target(tx, collection->index->name, collection->name);
    if (!kdm_dm_model(tx, KDM_DM_ASSET, wish.name, kdm_args_str(args, KDM_ARG_ENGINE_GROUP), &model)
        || !kdm_tx_read(tx, collection, model.id, &wish.old))
        return KDM_WAIT;
    changes = asset_changes(args);
    if (!kdm_dm_generic_document(tx, KDM_DM_BEFORE_UPDATE, collection, model.id, 0, &changes))
        return KDM_WAIT;
    wish.source = updated_source(args->arena, &model, changes);
    wish.asset_model = wish.name;
    if (!write_model(tx, &wish, &plan, &collection))
        return KDM_WAIT;
    shown = plan->items[0].text;
    if (!kdm_dm_generic_document(tx, KDM_DM_AFTER_UPDATE, collection, model.id,
                                 kdm_tx_written(tx, collection, model.id)->version, &shown))
        return KDM_WAIT;
    return kdm_document_reply(tx, model.id, shown,
                              kdm_tx_written(tx, collection, model.id)->version);
}

/* --- delete ---------------------------------------------------------------------------------- */

/* Others that inherit from it would lose what it gives them. */
static bool check_childless(struct kdm_tx *tx, struct kdm_str id)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_dm_models models;

    if (!kdm_dm_models(tx, true, &models))
        return false;
    for (size_t i = 0; i < models.count; i++) {
        const struct kdm_dm_model *model = &models.items[i];

        if (!kdm_str_eq(model->id, id) || model->kind != KDM_DM_ASSET
            || kdm_dm_descendants(arena, &models, model->name).count == 0)
            continue;
        kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_MODEL_HAS_DESCENDANTS, KDM_PROPS(model->name));
        return false;
    }
    return true;
}

bool kdm_dm_remove_model(struct kdm_tx *tx, struct kdm_str id)
{
    struct kdm_collection *collection;

    if (!kdm_dm_models_collection(tx, &collection) || !check_childless(tx, id))
        return false;
    if (kdm_tx_known_absent(tx, collection, id)) {
        kdm_document_not_found(tx, collection, id);
        return false;
    }
    kdm_tx_delete(tx, collection, id, NULL, 0);
    return kdm_tx_commit(tx);
}

/* Any model's id is taken, as upstream does. Mappings only grow: nothing follows. */
static enum kdm_outcome delete_model(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id;

    return kdm_document_id(tx, args, &id) && kdm_dm_remove_model(tx, id)
               ? kdm_tx_reply(tx, KDM_STR_NONE)
               : KDM_WAIT;
}

enum kdm_outcome kdm_dm_models_delete_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_model(tx, args);
}

enum kdm_outcome kdm_dm_models_delete_device(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_model(tx, args);
}

enum kdm_outcome kdm_dm_models_delete_group(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_model(tx, args);
}

enum kdm_outcome kdm_dm_models_delete_measure(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_model(tx, args);
}

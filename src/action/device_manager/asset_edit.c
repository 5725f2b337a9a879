/* asset_edit.c - an asset changed strictly by its model, with what it is called (reference
 * dialects.md 3.3, 5 F2 to F4): device-manager/assets:edit and replace, and behind other vendors'
 * doors. Everything is verified before anything is written; asset and history leave in one commit,
 * and the events are those of every update.
 */
#include "action/device_manager/asset.h"
#include "action/device_manager/rules.h"
#include "store/names.h"

/* --- what the asset becomes ------------------------------------------------------------------- */

struct becoming {
    struct kdm_str metadata; /* as verified; none: as it is */
    struct kdm_str dialect;  /* none: absent */
};

static bool replaces_metadata(const struct kdm_dm_edit *edit)
{
    return edit->identity.whole && !edit->merges;
}

/* false: refused. */
static bool verify(struct kdm_tx *tx, const struct kdm_dm_model *model, struct kdm_val old,
                   const struct kdm_dm_edit *edit, struct becoming *ret_becoming,
                   struct kdm_dm_edited *ret_edited)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val metadata = edit->metadata;
    struct kdm_dm_mismatch mismatch;

    ret_becoming->metadata = KDM_STR_NONE;
    if (kdm_val_null(metadata) && replaces_metadata(edit))
        metadata = kdm_json_parse(arena, KDM_STR("{}"));
    if (!kdm_val_null(metadata)
        && !kdm_dm_attributes_check(arena, model, metadata, replaces_metadata(edit),
                                    &ret_becoming->metadata, &mismatch)) {
        *ret_edited =
            (struct kdm_dm_edited){ .refused = KDM_DM_EDIT_METADATA, .mismatch = mismatch };
        return false;
    }
    if (kdm_dm_identity_apply(arena, kdm_val_get(old, KDM_STR("dialect")), &edit->identity,
                              &ret_becoming->dialect, &mismatch)) {
        ret_becoming->dialect = kdm_dm_dialect_with(arena, ret_becoming->dialect, edit->dialect);
        return true;
    }
    *ret_edited = (struct kdm_dm_edited){ .refused = KDM_DM_EDIT_IDENTITY, .mismatch = mismatch };
    return false;
}

/* The whole asset afterwards, without its _kuzzle_info. Given attributes replace whole values when
 * all are given, and are merged when some are. */
static struct kdm_str merged(struct kdm_arena *arena, struct kdm_val old,
                             const struct becoming *becoming, bool whole)
{
    struct kdm_val metadata = kdm_val_get(old, KDM_STR("metadata"));
    struct kdm_str text = kdm_val_text(old);

    if (!kdm_str_none(becoming->metadata))
        text = kdm_json_set(
            arena, old, KDM_STR("metadata"),
            whole ? becoming->metadata
                  : kdm_json_merge(arena, metadata, kdm_json_parse(arena, becoming->metadata)));
    return kdm_json_set(arena, kdm_json_parse(arena, text), KDM_STR("dialect"), becoming->dialect);
}

/* The paths that change, for _updatedFields and the event. */
static struct kdm_str changes_of(struct kdm_arena *arena, struct kdm_val old,
                                 const struct becoming *becoming)
{
    struct kdm_str text = KDM_STR("{}");

    if (!kdm_str_none(becoming->metadata))
        text = kdm_json_set(arena, kdm_json_parse(arena, text), KDM_STR("metadata"),
                            becoming->metadata);
    if (!kdm_str_eq(becoming->dialect, kdm_dm_dialect_of(old)))
        text = kdm_json_set(arena, kdm_json_parse(arena, text), KDM_STR("dialect"),
                            kdm_str_none(becoming->dialect) ? KDM_STR("{}") : becoming->dialect);
    return text;
}

/* NULL: it may not be stored. */
static struct kdm_dm_asset_change *make_change(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                               struct kdm_doc *asset,
                                               const struct becoming *becoming, bool whole,
                                               struct kdm_str changes,
                                               struct kdm_failure *ret_failure)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_dm_asset_change *change = kdm_arena_zalloc(arena, sizeof(*change));
    struct kdm_val old = kdm_doc_source(tx, asset), parsed = kdm_json_parse(arena, changes);
    int64_t date = kdm_dm_date(tx, old);
    struct kdm_str text = kdm_dm_next_etag(arena, old, merged(arena, old, becoming, whole));
    struct kdm_val now = kdm_json_parse(arena, text);
    struct kdm_str paths = kdm_dm_paths(arena, kdm_val_get(parsed, KDM_STR("metadata")));

    if (!kdm_dm_asset_check(arena, home, now, &change->additions, ret_failure))
        return NULL;
    change->changes = changes;
    change->text = kdm_tx_with_info(tx, now, kdm_dm_info_updated(tx, KDM_DM_USER, date, old));
    change->shown = changes;
    change->changed = kdm_source_changed(arena, parsed);
    change->history = kdm_dm_history_entry(tx, asset->id, date, kdm_dm_metadata_event(arena, paths),
                                           change->text);
    if (kdm_tx_listened(tx, KDM_DM_ASSET_UPDATE_AFTER))
        change->before = kdm_dm_document(arena, asset->id, asset->text, asset->version);
    return change;
}

/* Pipes may have changed the metadata: what they made is trusted as theirs. */
static void take_metadata(struct kdm_arena *arena, struct kdm_str changes,
                          struct becoming *becoming)
{
    struct kdm_val metadata = kdm_val_get(kdm_json_parse(arena, changes), KDM_STR("metadata"));

    if (kdm_val_type(metadata) == KDM_JSON_OBJECT)
        becoming->metadata = kdm_json_canonical(arena, metadata);
}

/* --- in a transaction ------------------------------------------------------------------------- */

/* What is decided; kept over replays. */
struct decision {
    struct kdm_dm_asset_change *change; /* NULL: refused, or nothing changes */
    struct kdm_dm_edited edited;
};

static bool model_of(struct kdm_tx *tx, struct kdm_doc *asset, struct kdm_dm_model *ret_model)
{
    struct kdm_val name = kdm_val_get(kdm_doc_source(tx, asset), KDM_STR("model"));
    struct kdm_str text = kdm_val_str(kdm_tx_arena(tx), name);

    return kdm_dm_model(tx, KDM_DM_ASSET, kdm_str_none(text) ? KDM_STR("") : text, KDM_STR_NONE,
                        ret_model);
}

/* false: wait, or it failed. */
static bool decide(struct kdm_tx *tx, const struct kdm_dm_home *home, struct kdm_doc *asset,
                   const struct kdm_dm_edit *edit, struct decision *decision)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val old = kdm_doc_source(tx, asset);
    struct kdm_failure failure;
    struct kdm_dm_model model;
    struct becoming becoming;
    struct kdm_str changes;

    if (!model_of(tx, asset, &model))
        return false;
    if (!verify(tx, &model, old, edit, &becoming, &decision->edited))
        return true;
    changes = changes_of(arena, old, &becoming);
    if (kdm_str_eq(changes, KDM_STR("{}")))
        return true;
    if (!kdm_dm_asset_update_before(tx, asset, asset->text, &changes)
        || !kdm_dm_generic_document(tx, KDM_DM_BEFORE_UPDATE, home->assets, asset->id, 0, &changes))
        return false;
    take_metadata(arena, changes, &becoming);
    decision->change =
        make_change(tx, home, asset, &becoming, replaces_metadata(edit), changes, &failure);
    if (decision->change == NULL) {
        decision->edited.refused = KDM_DM_EDIT_METADATA;
        decision->edited.mismatch =
            (struct kdm_dm_mismatch){ .path = KDM_STR("metadata"), .expected = failure.message };
    }
    return true;
}

static struct decision *get_decision(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                     struct kdm_doc *asset, const struct kdm_dm_edit *edit)
{
    static const char key[] = "asset edit";
    struct decision *decision = kdm_tx_kept(tx, key);

    if (decision != NULL)
        return decision;
    decision = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*decision));
    if (!decide(tx, home, asset, edit, decision))
        return NULL;
    kdm_tx_keep(tx, key, decision);
    return decision;
}

static bool store(struct kdm_tx *tx, const struct kdm_dm_home *home, struct kdm_doc *asset,
                  struct kdm_dm_asset_change *change, struct kdm_dm_edited *edited)
{
    struct kdm_str shown = change->text;

    if (!kdm_dm_asset_additions(tx, home, change->additions))
        return false;
    kdm_tx_write(tx, home->assets, asset, change->text, KDM_CHANGE_UPDATE, change->changed, 0);
    kdm_tx_create(tx, home->history, kdm_tx_id(tx, KDM_STR("history")), change->history, 0);
    if (!kdm_tx_commit(tx))
        return false;
    edited->version = kdm_tx_written(tx, home->assets, asset->id)->version;
    edited->text = change->text;
    return kdm_dm_generic_document(tx, KDM_DM_AFTER_UPDATE, home->assets, asset->id,
                                   edited->version, &shown)
           && kdm_dm_asset_update_after(tx, change, asset->id, shown, edited->version);
}

bool kdm_dm_asset_edit(struct kdm_tx *tx, const struct kdm_dm_home *home, struct kdm_doc *asset,
                       const struct kdm_dm_edit *edit, struct kdm_dm_edited *ret_edited)
{
    struct decision *decision = get_decision(tx, home, asset, edit);

    if (decision == NULL)
        return false;
    *ret_edited = decision->edited;
    ret_edited->version = asset->version;
    ret_edited->text = asset->text;
    return decision->change == NULL || store(tx, home, asset, decision->change, ret_edited);
}

/* --- making one ------------------------------------------------------------------------------- */

/* What is decided about a new one; kept over replays. */
struct birth {
    struct kdm_dm_asset_new *asset; /* NULL: refused */
    struct kdm_dm_edited edited;
};

static struct kdm_dm_asset_new *new_asset(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                          const struct kdm_dm_model *model, struct kdm_str id,
                                          struct kdm_str reference, const struct becoming *becoming,
                                          struct kdm_failure *ret_failure)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val metadata =
        kdm_str_none(becoming->metadata) ? KDM_VAL_NONE : kdm_json_parse(arena, becoming->metadata);
    struct kdm_str source = kdm_dm_asset_source(arena, model, reference, metadata);

    source =
        kdm_json_set(arena, kdm_json_parse(arena, source), KDM_STR("dialect"), becoming->dialect);
    return kdm_dm_asset_new(tx, home, id, source, ret_failure);
}

static struct birth *get_birth(struct kdm_tx *tx, const struct kdm_dm_home *home,
                               const struct kdm_dm_model *model, struct kdm_str id,
                               struct kdm_str reference, const struct kdm_dm_edit *edit)
{
    static const char key[] = "asset birth";
    struct birth *birth = kdm_tx_kept(tx, key);
    struct kdm_failure failure;
    struct becoming becoming;

    if (birth != NULL)
        return birth;
    birth = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*birth));
    if (verify(tx, model, KDM_VAL_NONE, edit, &becoming, &birth->edited)) {
        birth->asset = new_asset(tx, home, model, id, reference, &becoming, &failure);
        if (birth->asset == NULL)
            birth->edited = (struct kdm_dm_edited){ .refused = KDM_DM_EDIT_METADATA,
                                                    .mismatch = { .path = KDM_STR("metadata"),
                                                                  .expected = failure.message } };
    }
    kdm_tx_keep(tx, key, birth);
    return birth;
}

bool kdm_dm_asset_make(struct kdm_tx *tx, const struct kdm_dm_home *home,
                       const struct kdm_dm_model *model, struct kdm_str reference,
                       const struct kdm_dm_edit *edit, struct kdm_str *ret_id,
                       struct kdm_dm_edited *ret_edited)
{
    struct kdm_str id = kdm_dm_asset_id(kdm_tx_arena(tx), model->name, reference);
    struct birth *birth = get_birth(tx, home, model, id, reference, edit);

    *ret_id = id;
    *ret_edited = birth->edited;
    if (birth->asset == NULL)
        return true;
    ret_edited->text = birth->asset->text;
    ret_edited->version = 1;
    if (!kdm_dm_generic_document(tx, KDM_DM_BEFORE_WRITE, home->assets, id, 0, &birth->asset->text)
        || !kdm_dm_asset_additions(tx, home, birth->asset->additions))
        return false;
    kdm_tx_create(tx, home->assets, id, birth->asset->text, 0);
    kdm_tx_create(tx, home->history, kdm_tx_id(tx, KDM_STR("history")), birth->asset->history, 0);
    return kdm_tx_commit(tx)
           && kdm_dm_generic_document(tx, KDM_DM_AFTER_WRITE, home->assets, id, 1,
                                      &ret_edited->text);
}

/* --- device-manager/assets:edit, replace ------------------------------------------------------ */

static enum kdm_outcome reply(struct kdm_tx *tx, struct kdm_doc *asset,
                              const struct kdm_dm_edited *edited)
{
    struct kdm_str where;

    if (edited->refused == KDM_DM_EDIT_FITS)
        return kdm_document_reply(tx, asset->id, edited->text, edited->version);
    where = kdm_arena_printf(kdm_tx_arena(tx), "body." KDM_FMT, KDM_ARG(edited->mismatch.path));
    return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                       KDM_PROPS(where, edited->mismatch.expected));
}

static enum kdm_outcome run(struct kdm_tx *tx, const struct kdm_args *args, bool whole)
{
    const struct kdm_dm_edit edit = {
        .metadata = kdm_args_val(args, KDM_ARG_BODY_METADATA),
        .identity = { .name = kdm_args_val(args, KDM_ARG_BODY_NAME),
                      .description = kdm_args_val(args, KDM_ARG_BODY_DESCRIPTION),
                      .timezone = kdm_args_val(args, KDM_ARG_BODY_TIMEZONE),
                      .tags = kdm_args_val(args, KDM_ARG_BODY_TAGS),
                      .remove_tags =
                          whole ? KDM_VAL_NONE : kdm_args_val(args, KDM_ARG_BODY_REMOVE_TAGS),
                      .whole = whole }
    };
    struct kdm_dm_edited edited;
    struct kdm_dm_home home;
    struct kdm_doc *asset;
    struct kdm_str id, shown;

    if (!kdm_dm_metadata_bounded(tx, edit.metadata) || !kdm_document_id(tx, args, &id)
        || !kdm_dm_home(tx, args, &home) || !kdm_dm_get(tx, home.assets, id, true, &asset, &shown)
        || !kdm_dm_asset_edit(tx, &home, asset, &edit, &edited))
        return KDM_WAIT;
    return reply(tx, asset, &edited);
}

enum kdm_outcome kdm_dm_assets_edit(struct kdm_tx *tx, const struct kdm_args *args)
{
    return run(tx, args, false);
}

enum kdm_outcome kdm_dm_assets_replace(struct kdm_tx *tx, const struct kdm_args *args)
{
    return run(tx, args, true);
}

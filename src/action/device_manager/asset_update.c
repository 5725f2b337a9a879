/* asset_update.c - changes of an asset merged into it, with their history entry (reference
 * device-manager.md 15 and 18.2). Two generations of clients share this action. Those of 1.x speak
 * to the controller device-manager/asset and send any part of an asset; today's speak to
 * device-manager/assets and send metadata. Rules R1 to R3 say which is which. This is the path that
 * is walked most: the asset stays text, only what changes is checked, and asset and history leave
 * in one commit.
 */
#include "action/device_manager/asset.h"
#include "action/device_manager/rules.h"

/* What a request asks for. */
struct update {
    struct kdm_str changes;  /* a partial asset, JSON text */
    bool shows_changes_only; /* in the reply's _source */
};

/* --- R1, R2: what is asked ------------------------------------------------------------------- */

static bool asked_of_singular(const struct kdm_args *args)
{
    return strcmp(args->action->asked_controller, "device-manager/asset") == 0;
}

static struct kdm_str only_metadata(struct kdm_arena *arena, struct kdm_val metadata)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(metadata).len + 16);
    kdm_buf_lit(&buf, "{\"metadata\":");
    kdm_buf_put(&buf, kdm_json_canonical(arena, metadata));
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static struct kdm_str whole_body(struct kdm_arena *arena, struct kdm_val body)
{
    /* The second is the server's too: assets:edit changes what is in it. */
    static const struct kdm_str dropped[] = { KDM_STR("_kuzzle_info"), KDM_STR("dialect") };
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(body).len + 2);
    kdm_buf_char(&buf, '{');
    kdm_json_put_members_except(&buf, body, dropped, 2);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* false: the transaction has failed. */
static bool read_update(struct kdm_tx *tx, const struct kdm_args *args, struct update *ret_update)
{
    struct kdm_val metadata = kdm_args_val(args, KDM_ARG_BODY_METADATA);
    struct kdm_val named = kdm_val_get(args->body, KDM_STR("metadata"));
    bool singular = asked_of_singular(args), other_members;
    bool whole;

    other_members = kdm_val_count(args->body) > (kdm_val_none(named) ? 0 : 1);
    if (kdm_val_none(metadata) && !other_members) {
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, KDM_PROPS(KDM_STR("body.metadata")));
        return false;
    }
    whole = singular || kdm_val_none(metadata);
    ret_update->changes =
        whole ? whole_body(args->arena, args->body) : only_metadata(args->arena, metadata);
    ret_update->shows_changes_only =
        !kdm_args_bool(args, KDM_ARG_SOURCE)
        && (singular || (args->http && (whole || kdm_args_has(args, KDM_ARG_RETRY_ON_CONFLICT))));
    return true;
}

/* --- what it comes to ------------------------------------------------------------------------ */

/* The asset afterwards. */
static struct kdm_str merged(struct kdm_arena *arena, struct kdm_val old, struct kdm_str changes,
                             struct kdm_val dialect)
{
    struct kdm_str text = kdm_json_merge(arena, old, kdm_json_parse(arena, changes));
    struct kdm_str was = kdm_dm_dialect_of(old), is = kdm_dm_dialect_with(arena, was, dialect);

    if (!kdm_str_eq(was, is))
        text = kdm_json_set(arena, kdm_json_parse(arena, text), KDM_STR("dialect"), is);
    return kdm_dm_next_etag(arena, old, text);
}

/* Merges the changes into the asset and checks the result. NULL: it may not be stored. */
static struct kdm_dm_asset_change *merge_change(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                                struct kdm_val old, struct kdm_val changes,
                                                struct kdm_val dialect, int64_t date,
                                                struct kdm_failure *ret_failure)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_dm_asset_change *change = kdm_arena_zalloc(arena, sizeof(*change));

    change->shown = kdm_tx_with_info(tx, changes, kdm_dm_info_updated(tx, KDM_DM_USER, date, old));
    change->text = merged(arena, old, change->shown, dialect);
    if (!kdm_source_check_change(arena, home->assets, home->assets->mapping, changes, change->text,
                                 &change->additions, ret_failure))
        return NULL;
    if (kdm_val_count(dialect) > 0)
        kdm_dm_dialect_learn(arena, home, kdm_json_parse(arena, change->text), &change->additions);
    return change;
}

struct kdm_dm_asset_change *kdm_dm_asset_change(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                                struct kdm_doc *asset, struct kdm_str changes,
                                                struct kdm_val dialect,
                                                struct kdm_failure *ret_failure)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val old = kdm_doc_source(tx, asset), parsed = kdm_json_parse(arena, changes);
    struct kdm_val metadata = kdm_val_get(parsed, KDM_STR("metadata"));
    int64_t date = kdm_dm_date(tx, old);
    struct kdm_dm_asset_change *change;

    if (!kdm_dm_metadata_check(arena, metadata, ret_failure))
        return NULL;
    change = merge_change(tx, home, old, parsed, dialect, date, ret_failure);
    if (change == NULL)
        return NULL;
    change->changes = changes;
    change->changed = kdm_source_changed(arena, parsed);
    change->history = kdm_dm_history_entry(
        tx, asset->id, date, kdm_dm_metadata_event(arena, kdm_dm_paths(arena, metadata)),
        change->text);
    if (kdm_tx_listened(tx, KDM_DM_ASSET_UPDATE_AFTER))
        change->before = kdm_dm_document(arena, asset->id, asset->text, asset->version);
    return change;
}

/* --- R3: events ------------------------------------------------------------------------------ */

struct kdm_str kdm_dm_asset_event(struct kdm_arena *arena, struct kdm_str asset,
                                  struct kdm_str metadata, struct kdm_str updates,
                                  struct kdm_str previous)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, asset.len + metadata.len + updates.len + previous.len + 64);
    kdm_buf_lit(&buf, "{\"asset\":");
    kdm_buf_put(&buf, asset);
    kdm_buf_lit(&buf, ",\"metadata\":");
    kdm_buf_put(&buf, metadata);
    kdm_buf_lit(&buf, ",\"updates\":");
    kdm_buf_put(&buf, updates);
    if (!kdm_str_none(previous)) {
        kdm_buf_lit(&buf, ",\"previous\":");
        kdm_buf_put(&buf, previous);
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* The metadata among the changes, {} when there is none. */
static struct kdm_str metadata_of(struct kdm_arena *arena, struct kdm_str changes)
{
    struct kdm_val metadata = kdm_val_get(kdm_json_parse(arena, changes), KDM_STR("metadata"));

    return kdm_val_type(metadata) == KDM_JSON_OBJECT ? kdm_val_text(metadata) : KDM_STR("{}");
}

/* What pipes made of the changes: `updates` when they changed it, else `metadata`. */
static bool take_answer(struct kdm_tx *tx, struct kdm_str answer, struct kdm_str *changes)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val event = kdm_dm_answer(tx, answer), sent = kdm_json_parse(arena, *changes);
    struct kdm_val updates = kdm_val_get(event, KDM_STR("updates"));
    struct kdm_val metadata = kdm_val_get(event, KDM_STR("metadata"));

    if (kdm_val_type(event) != KDM_JSON_OBJECT) {
        kdm_dm_bad_answer(tx, KDM_DM_ASSET_UPDATE_BEFORE);
        return false;
    }
    if (kdm_val_type(updates) == KDM_JSON_OBJECT && !kdm_val_equal(arena, updates, sent))
        *changes = whole_body(arena, updates);
    else if (kdm_val_type(metadata) == KDM_JSON_OBJECT
             && !kdm_val_equal(arena, metadata,
                               kdm_json_parse(arena, metadata_of(arena, *changes))))
        *changes =
            kdm_json_set(arena, sent, KDM_STR("metadata"), kdm_json_canonical(arena, metadata));
    return true;
}

bool kdm_dm_asset_update_before(struct kdm_tx *tx, struct kdm_doc *asset, struct kdm_str shown,
                                struct kdm_str *changes)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str payload, answer;

    if (!kdm_tx_listened(tx, KDM_DM_ASSET_UPDATE_BEFORE))
        return true;
    payload = kdm_dm_asset_event(arena, kdm_dm_document(arena, asset->id, shown, asset->version),
                                 metadata_of(arena, *changes), *changes, KDM_STR_NONE);
    return kdm_tx_pipe(tx, KDM_DM_ASSET_UPDATE_BEFORE, asset->id, payload, &answer)
           && take_answer(tx, answer, changes);
}

/* Its result is ignored, its failure is not: the request fails although the asset is stored. */
bool kdm_dm_asset_update_after(struct kdm_tx *tx, const struct kdm_dm_asset_change *change,
                               struct kdm_str id, struct kdm_str shown, int64_t version)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str payload, answer;

    if (!kdm_tx_listened(tx, KDM_DM_ASSET_UPDATE_AFTER))
        return true;
    payload =
        kdm_dm_asset_event(arena, kdm_dm_document(arena, id, shown, version),
                           metadata_of(arena, change->changes), change->changes, change->before);
    return kdm_tx_pipe(tx, KDM_DM_ASSET_UPDATE_AFTER, id, payload, &answer);
}

/* --- doing it -------------------------------------------------------------------------------- */

/* The change as it will be, events fired. NULL: wait, or it failed. */
static struct kdm_dm_asset_change *get_change(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                              struct kdm_doc *asset, struct kdm_str shown,
                                              struct kdm_str changes)
{
    static const char key[] = "asset update";
    struct kdm_dm_asset_change *change = kdm_tx_kept(tx, key);
    struct kdm_failure failure;

    if (change != NULL)
        return change;
    if (!kdm_dm_asset_update_before(tx, asset, shown, &changes)
        || !kdm_dm_generic_document(tx, KDM_DM_BEFORE_UPDATE, home->assets, asset->id, 0, &changes))
        return NULL;
    change = kdm_dm_asset_change(tx, home, asset, changes, KDM_VAL_NONE, &failure);
    if (change != NULL)
        kdm_tx_keep(tx, key, change);
    else
        kdm_tx_fail_with(tx, &failure);
    return change;
}

static enum kdm_outcome update_asset(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                     struct kdm_doc *asset, struct kdm_str seen,
                                     const struct update *update, bool with_version)
{
    struct kdm_dm_asset_change *change = get_change(tx, home, asset, seen, update->changes);
    struct kdm_str shown;
    int64_t version;

    if (change == NULL || !kdm_dm_asset_additions(tx, home, change->additions))
        return KDM_WAIT;
    kdm_tx_write(tx, home->assets, asset, change->text, KDM_CHANGE_UPDATE, change->changed, 0);
    kdm_tx_create(tx, home->history, kdm_tx_id(tx, KDM_STR("history")), change->history, 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    version = kdm_tx_written(tx, home->assets, asset->id)->version;
    shown = change->text;
    if (!kdm_dm_generic_document(tx, KDM_DM_AFTER_UPDATE, home->assets, asset->id, version, &shown)
        || !kdm_dm_asset_update_after(tx, change, asset->id, shown, version))
        return KDM_WAIT;
    return kdm_document_reply(tx, asset->id, update->shows_changes_only ? change->shown : shown,
                              with_version ? version : 0);
}

enum kdm_outcome kdm_dm_assets_update(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_dm_home home;
    struct update update;
    struct kdm_doc *asset;
    struct kdm_str id, seen;

    if (!read_update(tx, args, &update) || !kdm_document_id(tx, args, &id)
        || !kdm_dm_home(tx, args, &home) || !kdm_dm_get(tx, home.assets, id, true, &asset, &seen))
        return KDM_WAIT;
    return update_asset(tx, &home, asset, seen, &update, true);
}

/* --- upsert ---------------------------------------------------------------------------------- */

/* Is there such an asset? A tenant that is none has no assets; creating one then tells what is
 * wrong. */
static bool find_asset(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str id,
                       struct kdm_doc **ret_asset)
{
    struct kdm_str engine = kdm_args_str(args, KDM_ARG_ENGINE_ID);
    struct kdm_collection *assets;

    *ret_asset = NULL;
    if (kdm_index_is_private(engine))
        return true;
    if (!kdm_tx_find_collection(tx, engine, kdm_dm_collection_name(KDM_DM_ASSETS), &assets))
        return false;
    return assets == NULL || kdm_tx_claim(tx, assets, id, ret_asset);
}

enum kdm_outcome kdm_dm_assets_upsert(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_dm_asset_id(args->arena, kdm_args_str(args, KDM_ARG_BODY_MODEL),
                                        kdm_args_str(args, KDM_ARG_BODY_REFERENCE));
    struct kdm_str seen;
    struct update update = { .changes = only_metadata(args->arena,
                                                      kdm_args_val(args, KDM_ARG_BODY_METADATA)) };
    struct kdm_dm_home home;
    struct kdm_doc *asset;

    if (!find_asset(tx, args, id, &asset))
        return KDM_WAIT;
    if (asset == NULL)
        return kdm_dm_asset_create(tx, args);
    if (!kdm_dm_home(tx, args, &home) || !kdm_dm_get(tx, home.assets, id, true, &asset, &seen))
        return KDM_WAIT;
    return update_asset(tx, &home, asset, seen, &update, false);
}

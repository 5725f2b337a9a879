/* enos_asset.c - assets told and changed (reference dialects.md 3.3 to 3.8). */
#include "dialect/enos.h"
#include "dialect/tenant.h"
#include "doors.gen.h"
#include "projector/projector.h"

/* --- finding ---------------------------------------------------------------------------------- */

/* The id of the one asset with this reference; none when there is none, or several. */
static bool find_reference(struct kdm_tx *tx, struct kdm_collection *assets,
                           struct kdm_str reference, struct kdm_str *ret_id)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_find_request request = {
        .collections = &assets, .count = 1, .bare = true, .size = 2
    };
    const struct kdm_found *found;

    request.body = kdm_arena_printf(arena, "{\"term\":" KDM_FMT "}",
                                    KDM_ARG(kdm_json_pair(arena, "reference", reference)));
    if (!kdm_tx_find(tx, KDM_STR("asset by reference"), false, &request, &found))
        return false;
    *ret_id = found->hit_count == 1 ? kdm_arena_copy(arena, found->hits[0].id) : KDM_STR_NONE;
    return true;
}

bool kdm_enos_find(struct kdm_tx *tx, struct kdm_str org, struct kdm_str id, bool claim,
                   struct kdm_dm_home *ret_home, struct kdm_doc **ret_asset)
{
    bool (*read)(struct kdm_tx *, struct kdm_collection *, struct kdm_str, struct kdm_doc **) =
        claim ? kdm_tx_claim : kdm_tx_read;
    struct kdm_str other;

    *ret_asset = NULL;
    if (!kdm_dialect_find_home(tx, org, ret_home))
        return false;
    if (ret_home->assets == NULL)
        return true;
    if (!read(tx, ret_home->assets, id, ret_asset))
        return false;
    if (*ret_asset != NULL)
        return true;
    if (!find_reference(tx, ret_home->assets, id, &other))
        return false;
    return kdm_str_none(other) || read(tx, ret_home->assets, other, ret_asset);
}

/* --- names ----------------------------------------------------------------------------------- */

struct kdm_val kdm_enos_name(struct kdm_arena *arena, struct kdm_val i18n)
{
    struct kdm_val text = kdm_val_get(i18n, KDM_STR("defaultValue"));
    struct kdm_val locales = kdm_val_get(i18n, KDM_STR("i18nValue"));
    struct kdm_buf buf;

    if (kdm_val_type(i18n) != KDM_JSON_OBJECT || kdm_val_type(text) != KDM_JSON_STRING)
        return KDM_VAL_NONE;
    kdm_buf_init(&buf, arena, kdm_val_text(i18n).len + 32);
    kdm_buf_lit(&buf, "{\"default\":");
    kdm_buf_put(&buf, kdm_val_text(text));
    kdm_buf_lit(&buf, ",\"locales\":");
    kdm_buf_put(&buf, kdm_val_null(locales) ? KDM_STR("{}") : kdm_val_text(locales));
    kdm_buf_char(&buf, '}');
    return kdm_json_parse(arena, kdm_buf_str(&buf));
}

void kdm_enos_put_name(struct kdm_buf *buf, struct kdm_val name, struct kdm_str absent)
{
    kdm_buf_lit(buf, "{\"defaultValue\":");
    if (kdm_val_null(name))
        kdm_json_put_str(buf, absent);
    else
        kdm_buf_put(buf, kdm_val_text(kdm_val_get(name, KDM_STR("default"))));
    kdm_buf_lit(buf, ",\"i18nValue\":");
    kdm_buf_put(buf, kdm_val_null(name) ? KDM_STR("{}")
                                        : kdm_val_text(kdm_val_get(name, KDM_STR("locales"))));
    kdm_buf_char(buf, '}');
}

/* --- what is asked for ------------------------------------------------------------------------ */

static bool read_bool(struct kdm_str text, bool *ret_value)
{
    *ret_value = kdm_str_eq_nocase(text, KDM_STR("true"));
    return *ret_value || kdm_str_eq_nocase(text, KDM_STR("false"));
}

/* false: the transaction has its reply. */
static bool read_mode(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_enos_mode whole,
                      enum kdm_enos_mode *ret_mode)
{
    static const struct {
        const char *name;
        enum kdm_enos_mode mode;
    } modes[] = { { "patchUpdate", KDM_ENOS_PATCH },
                  { "overwrite", KDM_ENOS_OVERWRITE },
                  { "tagDelete", KDM_ENOS_TAG_DELETE } };
    struct kdm_str mode = kdm_query_get(&args->call->query, KDM_STR("updateMode"));
    struct kdm_str patch = kdm_query_get(&args->call->query, KDM_STR("isPatchUpdate"));
    bool is_patch = true;

    if (!kdm_str_none(mode)) {
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
            if (kdm_str_eq(mode, kdm_str_of(modes[i].name))) {
                *ret_mode = modes[i].mode;
                return true;
            }
        }
        kdm_enos_bad(tx, args, "updateMode");
        return false;
    }
    if (!kdm_str_none(patch) && !read_bool(patch, &is_patch)) {
        kdm_enos_bad(tx, args, "isPatchUpdate");
        return false;
    }
    *ret_mode = is_patch ? KDM_ENOS_PATCH : whole;
    return true;
}

static bool read_removed(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_val asset,
                         struct kdm_dm_edit *edit)
{
    struct kdm_val keys = kdm_val_get(asset, KDM_STR("tagKeys"));
    struct kdm_val_iter it;
    struct kdm_val key;
    bool texts = kdm_val_type(keys) == KDM_JSON_ARRAY && kdm_val_count(keys) > 0;

    for (kdm_elements(&it, keys); texts && kdm_element_next(&it, &key);)
        texts = kdm_val_type(key) == KDM_JSON_STRING;
    if (!texts) {
        kdm_enos_bad(tx, args, "tagKeys");
        return false;
    }
    edit->identity.remove_tags = keys;
    return true;
}

bool kdm_enos_read_edit(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_val asset,
                        enum kdm_enos_mode mode, struct kdm_dm_edit *ret_edit)
{
    struct kdm_val name = kdm_val_get(asset, KDM_STR("name"));
    const char *wrong = NULL;

    *ret_edit = (struct kdm_dm_edit){ .identity.whole = mode != KDM_ENOS_PATCH };
    if (mode == KDM_ENOS_TAG_DELETE) {
        ret_edit->identity.whole = false;
        return read_removed(tx, args, asset, ret_edit);
    }
    ret_edit->metadata = kdm_val_get(asset, KDM_STR("attributes"));
    ret_edit->identity.name = kdm_enos_name(args->arena, name);
    ret_edit->identity.description = kdm_val_get(asset, KDM_STR("description"));
    ret_edit->identity.timezone = kdm_val_get(asset, KDM_STR("timezone"));
    ret_edit->identity.tags = kdm_val_get(asset, KDM_STR("tags"));
    if (!kdm_val_null(name) && kdm_val_none(ret_edit->identity.name))
        wrong = "name.defaultValue";
    else if (!kdm_val_null(ret_edit->metadata)
             && kdm_val_type(ret_edit->metadata) != KDM_JSON_OBJECT)
        wrong = "attributes";
    else if (mode == KDM_ENOS_OVERWRITE && kdm_val_null(name))
        wrong = "name";
    else if (mode == KDM_ENOS_OVERWRITE && kdm_val_null(ret_edit->identity.timezone))
        wrong = "timezone";
    if (wrong != NULL)
        kdm_enos_bad(tx, args, wrong);
    return wrong == NULL;
}

/* The model an update names must be the asset's own. */
static bool is_own_model(struct kdm_tx *tx, struct kdm_val asset, struct kdm_doc *stored)
{
    struct kdm_val given = kdm_val_get(asset, KDM_STR("modelId"));

    return kdm_val_null(given)
           || kdm_val_equal(kdm_tx_arena(tx), given,
                            kdm_val_get(kdm_doc_source(tx, stored), KDM_STR("model")));
}

/* --- operations ------------------------------------------------------------------------------- */

enum kdm_outcome kdm_enos_update(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str org,
                                 const struct kdm_enos_update *how)
{
    struct kdm_val asset = kdm_enos_body(tx, args, how->member);
    struct kdm_dm_edited edited;
    enum kdm_enos_mode mode;
    struct kdm_dm_edit edit;
    struct kdm_dm_home home;
    struct kdm_doc *stored;
    struct kdm_str id;

    if (kdm_val_none(asset) || !read_mode(tx, args, how->whole, &mode)
        || !kdm_enos_read_edit(tx, args, asset, mode, &edit))
        return KDM_DONE;
    id = kdm_val_str(args->arena, kdm_val_get(asset, KDM_STR("assetId")));
    if (id.len == 0)
        return kdm_enos_bad(tx, args, "assetId");
    if (!kdm_enos_find(tx, org, id, true, &home, &stored))
        return KDM_WAIT;
    if (stored == NULL)
        return kdm_enos_reply(tx, args, how->missing, KDM_STR_NONE, KDM_STR_NONE);
    if (!is_own_model(tx, asset, stored))
        return kdm_enos_bad(tx, args, "modelId");
    if (!kdm_dm_asset_edit(tx, &home, stored, &edit, &edited))
        return KDM_WAIT;
    if (edited.refused != KDM_DM_EDIT_FITS)
        return kdm_enos_refuse(tx, args, &edited, how->invalid);
    return kdm_enos_reply(tx, args, KDM_ENOS_OK, KDM_STR_NONE, KDM_STR_NONE);
}

enum kdm_outcome kdm_enos_update_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const char *const actions[] = { "update", NULL };
    static const struct kdm_enos_update how = { .member = "asset",
                                                .whole = KDM_ENOS_WHOLE,
                                                .missing = KDM_ENOS_NO_ASSET,
                                                .invalid = KDM_ENOS_ASSET_INVALID };
    struct kdm_str org;
    size_t action;

    return kdm_enos_enter(tx, args, actions, &org, &action) ? kdm_enos_update(tx, args, org, &how)
                                                            : KDM_DONE;
}

static void put_or(struct kdm_buf *buf, const char *name, struct kdm_val val, const char *absent)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_put(buf, kdm_val_null(val) ? kdm_str_of(absent) : kdm_val_text(val));
}

/* Every attribute of the model, null when it is not set. */
static void put_attributes(struct kdm_buf *buf, struct kdm_arena *arena,
                           const struct kdm_dm_model *model, struct kdm_val metadata)
{
    struct kdm_val_iter it;
    struct kdm_val name, mapping;

    kdm_json_put_name(buf, KDM_STR("attributes"));
    kdm_buf_char(buf, '{');
    for (kdm_members(&it, kdm_dm_model_mappings(model)); kdm_member_next(&it, &name, &mapping);) {
        struct kdm_str key = kdm_val_str(arena, name);
        struct kdm_val value = kdm_val_get(metadata, key);

        kdm_json_put_name(buf, key);
        kdm_buf_put(buf, kdm_val_null(value) ? KDM_STR("null") : kdm_val_text(value));
    }
    kdm_buf_char(buf, '}');
}

static struct kdm_str describe(struct kdm_arena *arena, struct kdm_str org, struct kdm_doc *asset,
                               struct kdm_val source, const struct kdm_dm_model *model,
                               struct kdm_str path)
{
    struct kdm_val dialect = kdm_val_get(source, KDM_STR("dialect"));
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, asset->text.len + 256);
    kdm_buf_lit(&buf, "{\"assetId\":");
    kdm_json_put_str(&buf, asset->id);
    kdm_buf_lit(&buf, ",\"orgId\":");
    kdm_json_put_str(&buf, org);
    kdm_buf_lit(&buf, ",\"name\":");
    kdm_enos_put_name(&buf, kdm_val_get(dialect, KDM_STR("name")),
                      kdm_val_str(arena, kdm_val_get(source, KDM_STR("reference"))));
    put_or(&buf, "description", kdm_val_get(dialect, KDM_STR("description")), "null");
    put_attributes(&buf, arena, model, kdm_val_get(source, KDM_STR("metadata")));
    put_or(&buf, "timezone", kdm_val_get(dialect, KDM_STR("timezone")), "null");
    put_or(&buf, "modelId", kdm_val_get(source, KDM_STR("model")), "null");
    kdm_buf_lit(&buf, ",\"modelIdPath\":");
    kdm_json_put_str(&buf, path);
    put_or(&buf, "tags", kdm_val_get(dialect, KDM_STR("tags")), "{}");
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

enum kdm_outcome kdm_enos_get_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const char *const actions[] = { "get", NULL };
    struct kdm_str org, id = kdm_enos_query(args, "assetId"), name, path;
    struct kdm_dm_model model;
    struct kdm_dm_home home;
    struct kdm_doc *asset;
    struct kdm_val source;
    size_t action;
    bool found;

    if (!kdm_enos_enter(tx, args, actions, &org, &action))
        return KDM_DONE;
    if (kdm_str_none(id))
        return kdm_enos_bad(tx, args, "assetId");
    if (!kdm_enos_find(tx, org, id, false, &home, &asset))
        return KDM_WAIT;
    if (asset == NULL)
        return kdm_enos_reply(tx, args, KDM_ENOS_NO_ASSET, KDM_STR_NONE, KDM_STR_NONE);
    source = kdm_doc_source(tx, asset);
    name = kdm_val_str(args->arena, kdm_val_get(source, KDM_STR("model")));
    if (kdm_str_none(name))
        name = KDM_STR("");
    if (!kdm_dm_model_seen(tx, KDM_DM_ASSET, name, KDM_STR_NONE, &found, &model))
        return KDM_WAIT;
    if (!found)
        model = (struct kdm_dm_model){ .name = name };
    if (!kdm_enos_model_path(tx, &model, &path))
        return KDM_WAIT;
    return kdm_enos_reply(tx, args, KDM_ENOS_OK, KDM_STR_NONE,
                          describe(args->arena, org, asset, source, &model, path));
}

/* start_rights.c - the roles that the device manager brings (reference device-manager.md 16).
 * One is made when it is missing and never changed after: an administrator may have fitted it.
 * The role, profile and user `payload_gateway` belong to decoders and come with the first of them.
 */
#include "action/device_manager/start_platform.h"
#include "security/layout.h"

/* "controller:action,action;controller:*", controllers without "device-manager/". */
struct role {
    const char *id, *rights;
};

static const struct role roles[] = {
    { "assets.admin", "assets:*;models:deleteAsset,listAssets,getAsset,writeAsset,listMeasures;"
                      "devices:linkAsset,unlinkAsset" },
    { "assets.reader",
      "assets:get,getMeasures,getLastMeasures,mGetLastMeasures,exportMeasures,search,"
      "getLastMeasuredAt,mGetLastMeasuredAt;models:listAssets,getAsset,listMeasures" },
    { "assets.configuration", "assets:replaceMetadata,update" },
    { "assets.creation", "assets:create,delete,upsert" },
    { "assetsGroup.admin", "assetsGroup:*;models:listGroups,getGroup" },
    { "assetsGroup.reader", "assetsGroup:get,search;models:listGroups,getGroup" },
    { "devices.admin",
      "devices:attachEngine,create,detachEngine,get,linkAsset,search,unlinkAsset,update,"
      "getMeasures,exportMeasures;"
      "models:deleteDevice,listDevices,getDevice,writeDevice,listMeasures" },
    { "devices.platform-admin", "devices:*;models:deleteDevice,listDevices,getDevice,writeDevice" },
    { "devices.reader",
      "devices:get,search,getMeasures,getLastMeasures,mGetLastMeasures,exportMeasures,"
      "getLastMeasuredAt,mGetLastMeasuredAt;models:listDevices,getDevice,listMeasures" },
    { "devices.assetAssociation", "devices:linkAsset,unlinkAsset" },
    { "devices.configuration", "devices:replaceMetadata,update" },
    { "devices.creation", "devices:attachEngine,create,detachEngine,upsert" },
    { "measures.admin", "models:deleteMeasure,listMeasures,getMeasure,writeMeasure" },
    { "measures.reader", "models:listMeasures,getMeasure" },
    { "decoders.admin", "decoders:*" },
    { "payloads.all", "payloads:*;decoders:route" },
};

/* Takes the part before the first `separator` off *rest. */
static struct kdm_str take(struct kdm_str *rest, char separator)
{
    const char *end = memchr(rest->ptr, separator, rest->len);
    struct kdm_str part = *rest;

    if (end != NULL)
        part.len = (size_t)(end - rest->ptr);
    *rest = kdm_str_from(*rest, end == NULL ? part.len : part.len + 1);
    return part;
}

/* "name":{"actions":{..}} */
static void put_controller(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_str rights)
{
    struct kdm_str name = take(&rights, ':');

    kdm_json_put_name(buf, kdm_arena_printf(arena, "device-manager/" KDM_FMT, KDM_ARG(name)));
    kdm_buf_lit(buf, "{\"actions\":{");
    while (rights.len > 0) {
        kdm_json_put_name(buf, take(&rights, ','));
        kdm_buf_lit(buf, "true");
    }
    kdm_buf_lit(buf, "}}");
}

static struct kdm_str source_of(struct kdm_arena *arena, const struct role *role)
{
    struct kdm_str rights = kdm_str_of(role->rights);
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 512);
    kdm_buf_lit(&buf, "{\"controllers\":{");
    while (rights.len > 0)
        put_controller(&buf, arena, take(&rights, ';'));
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

enum kdm_outcome kdm_dm_start_rights(struct kdm_tx *tx, void *ctx)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_collection *collection;
    bool all = true;

    (void)ctx;
    if (!kdm_security_collection(tx, KDM_SECURITY_ROLES, &collection))
        return KDM_WAIT;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        struct kdm_str id = kdm_str_of(roles[i].id);
        struct kdm_doc *doc;

        if (!kdm_tx_read(tx, collection, id, &doc))
            all = false;
        else if (doc == NULL)
            kdm_tx_create(tx, collection, id,
                          kdm_tx_with_info(tx, kdm_json_parse(arena, source_of(arena, &roles[i])),
                                           kdm_tx_info_created(tx)),
                          KDM_WRITE_SILENT);
    }
    return all && kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

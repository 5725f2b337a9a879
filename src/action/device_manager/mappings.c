/* mappings.c - see mappings.h. Written as Elasticsearch writes mappings. */
#include "action/device_manager/mappings.h"

/* clang-format off */
#define KW      "{\"type\":\"keyword\"}"
#define KW_TEXT "{\"type\":\"keyword\",\"fields\":{\"text\":{\"type\":\"text\"}}}"
#define TEXT    "{\"type\":\"text\"}"
#define DATE    "{\"type\":\"date\"}"
#define BOOLEAN "{\"type\":\"boolean\"}"
#define EMPTY   "{\"properties\":{}}"
#define OPAQUE  "{\"dynamic\":\"false\",\"properties\":{}}" /* stored, not indexed */
#define STRICT(properties) "{\"dynamic\":\"strict\",\"properties\":{" properties "}}"
#define OBJECT(properties) "{\"properties\":{" properties "}}"
#define GROUPS  OBJECT("\"id\":" KW_TEXT ",\"date\":" DATE)
#define MODEL_MEASURES OBJECT("\"type\":" KW ",\"name\":" KW)
#define MODEL_LOCALE OBJECT("\"friendlyName\":" KW_TEXT ",\"description\":" TEXT)
#define MODEL_METADATA \
    "\"metadataMappings\":" OPAQUE ",\"defaultMetadata\":" OPAQUE ",\"metadataDetails\":" OPAQUE \
    ",\"metadataGroups\":" OPAQUE

static const struct kdm_str bases[] = {
    [KDM_DM_ASSETS] = KDM_STR(STRICT(
        "\"model\":" KW_TEXT ",\"reference\":" KW_TEXT
        ",\"modelLocales\":{\"dynamic\":\"false\",\"properties\":{\"en\":" MODEL_LOCALE
            ",\"fr\":" MODEL_LOCALE "}}"
        ",\"groups\":" GROUPS ",\"softTenant\":" KW_TEXT
        ",\"metadata\":" EMPTY ",\"measures\":" EMPTY
        ",\"lastMeasuredAt\":" DATE
        ",\"linkedDevices\":" OBJECT("\"_id\":" KW ",\"measureNames\":"
            OBJECT("\"asset\":" KW ",\"device\":" KW ",\"type\":" KW)))),
    [KDM_DM_HISTORY] = KDM_STR(STRICT(
        "\"id\":" KW ",\"timestamp\":" DATE
        ",\"event\":" OBJECT("\"name\":" KW ",\"metadata\":" OBJECT("\"names\":" KW)
            ",\"measure\":" OBJECT("\"names\":" KW) ",\"link\":" OBJECT("\"deviceId\":" KW)
            ",\"unlink\":" OBJECT("\"deviceId\":" KW)))),
    [KDM_DM_GROUPS] = KDM_STR(STRICT(
        "\"name\":" KW_TEXT ",\"model\":" KW_TEXT ",\"metadata\":" EMPTY ",\"children\":" KW_TEXT
        ",\"parent\":" KW_TEXT ",\"lastUpdate\":" DATE)),
    [KDM_DM_DEVICES] = KDM_STR(STRICT(
        "\"model\":" KW_TEXT ",\"reference\":" KW_TEXT
        ",\"assetId\":" KW_TEXT ",\"engineId\":" KW_TEXT
        ",\"metadata\":" EMPTY ",\"measures\":" EMPTY ",\"lastMeasuredAt\":" DATE)),
    [KDM_DM_MEASURES] = KDM_STR(STRICT(
        "\"type\":" KW ",\"measuredAt\":" DATE ",\"values\":" EMPTY
        ",\"asset\":" OBJECT("\"_id\":" KW ",\"model\":" KW ",\"reference\":" KW
            ",\"measureName\":" KW
            ",\"metadata\":" EMPTY ",\"groups\":" GROUPS ",\"softTenant\":" KW_TEXT)
        ",\"origin\":" OBJECT("\"type\":" KW ",\"_id\":" KW ",\"measureName\":" KW
            ",\"deviceModel\":" KW
            ",\"reference\":" KW ",\"payloadUuids\":" KW ",\"deviceMetadata\":" EMPTY
            ",\"apiMetadata\":" OPAQUE))),
};

static const struct kdm_str fixed_bases[] = {
    [KDM_DM_ENGINE_CONFIG] = KDM_STR(STRICT("")),
    [KDM_DM_PLATFORM_CONFIG] = KDM_STR(STRICT(
        "\"type\":" KW ",\"group\":" KW ",\"device-manager\":"
            OBJECT("\"provisioningStrategy\":" KW)
        ",\"engine\":" OBJECT("\"group\":" KW ",\"index\":" KW ",\"name\":" KW))),
    [KDM_DM_MODELS] = KDM_STR(STRICT(
        "\"type\":" KW ",\"engineGroup\":" KW
        ",\"measure\":" OBJECT("\"type\":" KW ",\"valuesMappings\":" OPAQUE
            ",\"validationSchema\":" OPAQUE
            ",\"valuesDetails\":" OPAQUE ",\"locales\":" OPAQUE)
        ",\"asset\":" OBJECT("\"model\":" KW ",\"measures\":" MODEL_MEASURES "," MODEL_METADATA
            ",\"tooltipModels\":" OPAQUE ",\"locales\":" OPAQUE)
        ",\"device\":" OBJECT("\"model\":" KW ",\"measures\":" MODEL_MEASURES "," MODEL_METADATA)
        ",\"group\":" OBJECT("\"model\":" KW "," MODEL_METADATA ",\"tooltipModels\":" OPAQUE))),
    [KDM_DM_PAYLOADS] = KDM_STR(STRICT(
        "\"deviceModel\":" KW ",\"uuid\":" KW ",\"apiAction\":" KW ",\"state\":" KW
            ",\"reason\":" KW
        ",\"valid\":" BOOLEAN ",\"payload\":" OPAQUE)),
};

struct kdm_str kdm_dm_base(enum kdm_dm_collection which)
{
    return bases[which];
}

struct kdm_str kdm_dm_fixed_base(enum kdm_dm_fixed which)
{
    return fixed_bases[which];
}

struct kdm_str kdm_dm_embedded_measure_base(void)
{
    return KDM_STR(OBJECT("\"measuredAt\":" DATE ",\"name\":" KW ",\"originId\":" KW
                          ",\"payloadUuids\":" KW ",\"type\":" KW ",\"values\":" EMPTY));
}

struct kdm_str kdm_dm_kuzzle_info_base(void)
{
    return KDM_STR(OBJECT("\"author\":" KW ",\"createdAt\":" DATE ",\"updater\":" KW
                          ",\"updatedAt\":" DATE));
}

/* --- measure types that are always there ----------------------------------------------------- */

#define NAMED(lang, name) "\"" lang "\":{\"friendlyName\":\"" name "\"}"
#define NAMED_UNIT(lang, name, unit) \
    "\"" lang "\":{\"friendlyName\":\"" name "\",\"unit\":\"" unit "\"}"
#define MEASURE(type_, values, details) \
    { KDM_STR("model-measure-" type_), \
      KDM_STR("{\"type\":\"measure\",\"measure\":{\"type\":\"" type_ \
              "\",\"valuesMappings\":{" values "},\"validationSchema\":{},\"valuesDetails\":{" \
              details "},\"locales\":{}}}") }

const struct kdm_dm_builtin kdm_dm_builtins[] = {
    MEASURE("battery", "\"battery\":{\"type\":\"integer\"}",
            "\"battery\":{" NAMED_UNIT("en", "Battery", "%") ","
                NAMED_UNIT("fr", "Batterie", "%") "}"),
    MEASURE("humidity", "\"humidity\":{\"type\":\"float\"}",
            "\"humidity\":{" NAMED_UNIT("en", "Relative humidity", "%") ","
            NAMED_UNIT("fr", "Humidit\u00e9 relative", "%") "}"),
    MEASURE("movement", "\"movement\":{\"type\":\"boolean\"}",
            "\"movement\":{" NAMED("en", "Movement detection") ","
                NAMED("fr", "D\u00e9tection de mouvement") "}"),
    MEASURE("position",
            "\"position\":{\"type\":\"geo_point\"},\"accuracy\":{\"type\":\"float\"}"
            ",\"altitude\":{\"type\":\"float\"}",
            "\"position\":{" NAMED_UNIT("en", "Location", "(lat,lon)") ","
            NAMED_UNIT("fr", "Localisation", "(lat,lon)") "},"
            "\"accuracy\":{" NAMED_UNIT("en", "Location accuracy", "m") ","
            NAMED_UNIT("fr", "Pr\u00e9cision de la localisation", "m") "},"
            "\"altitude\":{" NAMED_UNIT("en", "Altitude", "m") ","
                NAMED_UNIT("fr", "Altitude", "m") "}"),
    MEASURE("temperature", "\"temperature\":{\"type\":\"float\"}",
            "\"temperature\":{" NAMED_UNIT("en", "Temperature", "\u00b0C") ","
            NAMED_UNIT("fr", "Temp\u00e9rature", "\u00b0C") "}"),
};
/* clang-format on */

const size_t kdm_dm_builtin_count = sizeof(kdm_dm_builtins) / sizeof(kdm_dm_builtins[0]);
